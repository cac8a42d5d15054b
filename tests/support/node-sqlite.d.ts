// What the examples use of node:sqlite, which is not in the types of the oldest Node that is supported.
declare module 'node:sqlite' {
  export class DatabaseSync {
    constructor(path: string);
    prepare(sql: string): {
      all(...values: (string | number | null)[]): unknown[];
      run(...values: (string | number | null)[]): {
        changes: number | bigint;
        lastInsertRowid: number | bigint;
      };
    };
    exec(sql: string): void;
    close(): void;
  }
}

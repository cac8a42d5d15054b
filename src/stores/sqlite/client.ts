// What the store asks of a driver of SQLite: better-sqlite3 or node:sqlite, handed in and never imported.
import type { EventEmitter } from 'node:events';

import type { Database, FoundColumn, TableName } from '../sql/dialect.js';
import { OTHER_SHAPE, type Advice } from '../sql/faults.js';
import { stepsFor } from '../sql/prepare.js';
import { valuesFor, type Row, type Statement, type Value, type Values } from '../sql/statement.js';
import { limitsOf, missingFrom, type Limits, type Tables } from '../sql/tables.js';

interface Prepared {
  all(...values: Value[]): unknown[];
  run(...values: Value[]): { readonly changes: number | bigint };
}

/** A database of better-sqlite3, or a `DatabaseSync` of node:sqlite. */
export interface SqliteDatabase {
  prepare(sql: string): Prepared;
  exec(sql: string): unknown;
}

const ADVICE: Advice = [
  [
    /SQLITE_READONLY|readonly database/i,
    'the database cannot be written: look at the rights of its file and its folder',
  ],
  [/SQLITE_BUSY|SQLITE_LOCKED|is locked/i, 'another process held the database for longer than busyTimeout'],
  [/SQLITE_FULL|disk is full/i, 'the disk is full'],
  [/SQLITE_CORRUPT|SQLITE_NOTADB|malformed|not a database/i, 'the file is damaged, or no database'],
  [/SQLITE_CANTOPEN|unable to open/i, 'the file of the database cannot be opened'],
  [/SQLITE_IOERR|disk I\/O error/i, 'the disk failed'],
  [/SQLITE_TOOBIG|too big/i, 'a session is larger than the database takes'],
  [/not open|is closed/i, 'the database is closed: close it after the last request'],
  [
    /no such (table|column)|unknown database|has no column|NOT NULL constraint|does not match any/i,
    OTHER_SHAPE,
  ],
];

/** How long SQLite itself waits for other processes while the tables are looked for, ms: this process waits with it. */
const BLOCKING_MS = 100;

export class SqliteConnection implements Database {
  readonly patienceMs: number;
  readonly advice = ADVICE;
  readonly client: SqliteDatabase & Partial<EventEmitter>;
  readonly #durability: 'process' | 'power';
  readonly #prepared = new Map<Statement, Prepared>();

  constructor(database: SqliteDatabase, durability: 'process' | 'power', patienceMs: number) {
    this.client = database;
    this.#durability = durability;
    this.patienceMs = patienceMs;
  }

  rows(statement: Statement, values: Values): readonly Row[] {
    return this.#statement(statement).all(...valuesFor(statement, values)) as Row[];
  }

  run(statement: Statement, values: Values): number {
    return Number(this.#statement(statement).run(...valuesFor(statement, values)).changes);
  }

  prepare(tables: Tables, creates: boolean): Limits {
    this.client.exec(`PRAGMA busy_timeout = ${String(BLOCKING_MS)}`);
    this.client.exec('PRAGMA journal_mode = WAL');
    this.client.exec(`PRAGMA synchronous = ${this.#durability === 'power' ? 'FULL' : 'NORMAL'}`);
    const describe = () => ({
      sessions: this.#describe(tables.sessions),
      revoked: this.#describe(tables.revoked),
    });
    for (const { sql } of stepsFor(tables, missingFrom(tables, describe()), creates)) this.client.exec(sql);
    // From here on who has to wait does so beside the other requests.
    this.client.exec('PRAGMA busy_timeout = 0');
    return limitsOf(tables, describe().sessions);
  }

  isDuplicate(): boolean {
    return false;
  }

  isCollision(error: unknown): boolean {
    return /SQLITE_BUSY|SQLITE_LOCKED|is locked/.test(toldOf(error));
  }

  isMissing(error: unknown): boolean {
    return /no such (table|column)/.test(toldOf(error));
  }

  told(error: unknown): string {
    return toldOf(error);
  }

  #statement(statement: Statement): Prepared {
    const prepared = this.#prepared.get(statement) ?? this.client.prepare(statement.sql);
    this.#prepared.set(statement, prepared);
    return prepared;
  }

  #describe({ schema, name }: TableName): FoundColumn[] {
    const rows = this.client
      .prepare('SELECT name, type FROM pragma_table_info(?, ?)')
      .all(name, schema ?? 'main') as { name: string; type: string }[];
    return rows.map(({ name: column, type }) => ({ name: column, holds: affinity(type) }));
  }
}

/** https://www.sqlite.org/datatype3.html#determination_of_column_affinity */
function affinity(type: string): FoundColumn['holds'] {
  if (/INT/i.test(type)) return 'number';
  return /CHAR|CLOB|TEXT/i.test(type) ? 'text' : 'else';
}

/** SQLite names no values. */
function toldOf(error: unknown): string {
  const { code, message = String(error) } = (error ?? {}) as { code?: unknown; message?: string };
  return typeof code === 'string' ? `${code} ${message}` : message;
}

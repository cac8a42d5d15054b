// What the SQL stores ask of an engine and of its driver.
import type { EventEmitter } from 'node:events';

import type { Advice } from './faults.js';
import type { Placeholders, Row, Statement, Values } from './statement.js';
import type { Limits, Tables } from './tables.js';

/** Numbers: whole ones up to 9e15; seconds: up to 4e9. */
export type Holds = 'text' | 'number' | 'seconds' | 'json' | 'time';

/** A column as the engine describes it. */
export interface FoundColumn {
  readonly name: string;
  readonly holds: Holds | 'else';
  /** The longest text, bytes, where the engine may cut what is longer. */
  readonly maxBytes?: number;
  /** False: two rows may have the same value. */
  readonly isUnique?: boolean;
}

/** The name of a table: with its schema, or where the engine looks without one. */
export interface TableName {
  readonly schema: string | undefined;
  readonly name: string;
  /** Both, as they stand in statements. */
  readonly quoted: string;
}

/** A driver's client or pool. A driver that answers at once does so here. */
export interface Database {
  rows(statement: Statement, values: Values): readonly Row[] | Promise<readonly Row[]>;
  /** How many rows a statement found and wrote. */
  run(statement: Statement, values: Values): number | Promise<number>;
  /** Finds out what the tables take; those that are missing are made if `creates`. */
  prepare(tables: Tables, creates: boolean): Limits | Promise<Limits>;
  /** Whether a statement failed because a row with its key is there. */
  isDuplicate(error: unknown): boolean;
  /** Whether a statement gave way to others beside it, and nothing came of it. */
  isCollision(error: unknown): boolean;
  /** For how long such a statement is tried again, ms. */
  readonly patienceMs: number;
  /** Whether a table or a column was not there. */
  isMissing(error: unknown): boolean;
  /** What the driver says of a failure, without values. */
  told(error: unknown): string;
  readonly advice: Advice;
  /** What was handed in. */
  readonly client: Partial<EventEmitter>;
}

/** How an engine says what the statements need. */
export interface Dialect {
  /** What it is called in messages. */
  readonly engine: string;
  /** Around names. */
  readonly quote: '"' | '`';
  /** The longest name, bytes. */
  readonly maxName: number;
  readonly placeholders: Placeholders;
  readonly types: {
    /** The primary key: a number that grows from row to row. */
    readonly sequence: string;
    /** Keys and users: compared byte by byte. */
    readonly name: string;
    readonly text: string;
    /** Whole numbers up to 9e15. */
    readonly number: string;
  };
  readonly greatest: 'GREATEST' | 'MAX';
  readonly least: 'LEAST' | 'MIN';
  /** How it writes over a row that is there. */
  readonly upsert: 'ON CONFLICT' | 'ON DUPLICATE KEY';
  /** Where indexes are made: with their table, or after it by a name that has no schema, or its own. */
  readonly indexes: 'inside' | 'after' | 'in the schema';
  /** Whether names of columns are the same in capitals. */
  readonly foldsNames: boolean;
  /** Behind the columns of a table. */
  readonly tableOptions: string;
}

// How one session lies in a row.
import type { SessionKey, SessionRecord } from '../../core/contract.js';
import type { Holds, TableName } from './dialect.js';
import type { Row, Value, Values } from './statement.js';

/** An end that never comes: above all times, and exact as a double. */
export const NEVER = 9_000_000_000_000_000;

export interface Column {
  /** Unless the application gives it another one. */
  readonly name: string;
  readonly holds: Holds;
  /** As it is made. */
  readonly type: string;
}

/** Names of columns by what they hold, as they stand in statements. */
export type Names<What extends string = string> = Readonly<Record<What, string>>;

/** What statements ask of the row `s`. */
export interface Expressions {
  readonly key: string;
  /** Whether it is the one that is asked for. */
  readonly isKey: string;
  readonly version: string;
  readonly data: string;
  readonly createdAt: string;
  readonly deadlineAt: string;
  /** When it ends, whoever says so. */
  readonly expiresAt: string;
  readonly isOwnEnd: string;
  readonly owner: string;
  readonly closed: string;
  /** The order of lists, which tells no key. */
  readonly place: string;
  /** Tells the row from all others. */
  readonly row: string;
  /** Its time is over. */
  readonly hasEnded: string;
  /** The order in which they end. */
  readonly end: string;
}

/** A column, and what it is set to. */
export type Setting = readonly [column: string, value: string];

/** A statement of the schema. */
export interface Step {
  /** The table, or the column of the sessions, that is missing where it has to run. */
  readonly makes: string;
  readonly sql: string;
}

export interface Format<What extends string = string> {
  /** Of the table of sessions, by what they hold. */
  readonly columns: Readonly<Record<What, Column>>;
  /** The name of the table, unless the application gives it another one. */
  readonly table: string;
  /** Another program serves these sessions too. */
  readonly isShared: boolean;
  expressions(names: Names<What>): Expressions;
  /** What is read besides them. */
  reads(names: Names<What>, everybody: string): Readonly<Record<string, string>>;
  /** What a write sets besides the key. */
  writes(names: Names<What>): readonly Setting[];
  /** What a touch sets besides whose end it is. @param later The later one of two ends. */
  extended(names: Names<What>, later: string): readonly Setting[];
  steps(sessions: TableName, names: Names<What>): readonly Step[];
  /** @param lifeMs Of a session that brings no end of its own. */
  valuesOf(record: SessionRecord, now: number, lifeMs: number): Values;
  /** @throws {SessionError} ERR_SESSION_CORRUPT */
  recordOf(key: SessionKey, row: Row, now: number, lifeMs: number): SessionRecord;
  /** Before all places. */
  readonly first: Value;
  /** The place that a cursor stands for; `undefined` for what no page returned. */
  placeOf(cursor: string): Value | undefined;
}

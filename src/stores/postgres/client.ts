// What the store asks of pg: a Pool or a Client, handed in and never imported.
import { hash } from 'node:crypto';
import type { EventEmitter } from 'node:events';

import type { Database, FoundColumn, Holds, TableName } from '../sql/dialect.js';
import { OTHER_SHAPE, type Advice } from '../sql/faults.js';
import { prepareTables } from '../sql/prepare.js';
import { valuesFor, type Row, type Statement, type Value, type Values } from '../sql/statement.js';
import type { Limits, Tables } from '../sql/tables.js';

interface Query {
  name?: string;
  text: string;
  values: Value[];
  types: { getTypeParser(): (value: string) => string };
}

interface Result {
  rows: unknown[];
  rowCount: number | null;
}

/** A pool or a client of pg, 8 or later. */
export interface PgClient {
  query(query: Query): Promise<Result>;
}

/** Texts as the server writes them, whatever the application has made of its types. */
const TYPES = { getTypeParser: () => (value: string) => value };

/** By code (https://www.postgresql.org/docs/current/errcodes-appendix.html) or by what pg itself says. */
const ADVICE: Advice = [
  [/^28|^42501/, 'the server refuses the user: look at its password and its rights on the tables'],
  [/^3D000/, 'there is no such database on the server'],
  [/^(42P01|42703|42883|42804|42P10|23502|3F000)/, OTHER_SHAPE],
  [/^25006/, 'the server takes no writes: it is a replica, or read-only; connect to the primary'],
  [/^(53100|53200)/, 'the server is out of disk or of memory'],
  [
    /^53300|too many clients/,
    'the server has no connection left: lower `max` of the pools, or raise max_connections',
  ],
  [/^57014|statement timeout|Query read timeout/, 'a statement took longer than its timeout'],
  [/^55P03/, 'a row or a table was locked for longer than lock_timeout'],
  [/^22001/, 'a session is larger than a column takes: make the table as `store.ddl()` says'],
  [/^54/, 'a session is larger than the server takes'],
  [
    /timeout exceeded when trying to connect/,
    'the pool has no client to spare, or the server does not answer: look at `max` and `connectionTimeoutMillis` of the pool',
  ],
  [/after calling end|was closed|not queryable/, 'the client is closed: close it after the last request'],
  [
    /^(08|57P0)|ECONN|ENOTFOUND|EHOSTUNREACH|ETIMEDOUT|EPIPE|ENOENT|Connection terminated|connection error/,
    'the server cannot be reached',
  ],
];

export class PgDatabase implements Database {
  readonly patienceMs = 1_000;
  readonly advice = ADVICE;
  readonly client: PgClient & Partial<EventEmitter>;
  readonly #isPool: boolean;
  #isNaming = true;
  #last: Promise<unknown> = Promise.resolve();

  constructor(client: PgClient) {
    this.client = client;
    this.#isPool = 'totalCount' in client;
  }

  async rows(statement: Statement, values: Values): Promise<readonly Row[]> {
    const { rows } = await this.#ask(statement, values);
    return rows as Row[];
  }

  async run(statement: Statement, values: Values): Promise<number> {
    const { rowCount } = await this.#ask(statement, values);
    return rowCount ?? 0;
  }

  prepare(tables: Tables, creates: boolean): Promise<Limits> {
    const server = {
      describe: (table: TableName) => this.#describe(table),
      make: (text: string) => this.#query(text, []),
    };
    return prepareTables(server, tables, creates);
  }

  isDuplicate(error: unknown): boolean {
    return codeOf(error) === '23505';
  }

  isCollision(error: unknown): boolean {
    return ['40P01', '40001'].includes(codeOf(error));
  }

  isMissing(error: unknown): boolean {
    return ['42P01', '42703'].includes(codeOf(error));
  }

  told(error: unknown): string {
    return toldOf(error);
  }

  /** By name, so that the server plans a statement once for each connection. */
  async #ask(statement: Statement, values: Values): Promise<Result> {
    const list = valuesFor(statement, values);
    if (!this.#isNaming) return this.#query(statement.sql, list);
    try {
      return await this.#query(statement.sql, list, nameOf(statement));
    } catch (error) {
      // The statement did not run.
      if (!UNNAMED.has(codeOf(error))) throw error;
      this.#isNaming = false;
      return this.#query(statement.sql, list);
    }
  }

  #query(text: string, values: Value[], name?: string): Promise<Result> {
    const query = { text, values, types: TYPES, ...(name === undefined ? null : { name }) };
    const ask = (): Promise<Result> => this.client.query(query);
    if (this.#isPool) return ask();
    // A client takes one query at a time (pg 9; pg 8 warns).
    const result = this.#last.then(ask);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #describe({ quoted }: TableName): Promise<FoundColumn[]> {
    const { rows } = await this.#query(
      'SELECT a.attname AS name, t.typname AS type, t.typcategory AS category FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid ' +
        'WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped',
      [quoted],
    );
    return (rows as { name: string; type: string; category: string }[]).map(({ name, type, category }) => ({
      name,
      holds: TYPES_HELD[type] ?? (category === 'S' ? 'text' : 'else'),
    }));
  }
}

const TYPES_HELD: Readonly<Record<string, Holds>> = {
  int8: 'number',
  numeric: 'number',
  json: 'json',
  timestamp: 'time',
  timestamptz: 'time',
};

/**
 * A pooler between that hands a connection to one after the other (PgBouncer before 1.21) does not know the names of the one
 * before, or knows them already; a table that was changed makes what was planned useless.
 */
const UNNAMED: ReadonlySet<string> = new Set(['26000', '42P05', '0A000']);

const names = new WeakMap<Statement, string>();

/** The same for the same text: several stores may share a pool. */
function nameOf(statement: Statement): string {
  const name = names.get(statement) ?? `session_${hash('sha256', statement.sql).slice(0, 32)}`;
  names.set(statement, name);
  return name;
}

const codeOf = (error: unknown): string => (error as { code?: string } | null)?.code ?? '';

/** The server's message where it holds no values: those of classes 22 and 23 do. */
function toldOf(error: unknown): string {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  return /^2[23]/.test(code) ? code : [code, message].filter((part) => part !== '').join(' ');
}

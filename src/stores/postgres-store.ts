// Sessions in PostgreSQL.
import { checkOptions, type Fields } from '../core/options.js';
import { PgDatabase, type PgClient } from './postgres/client.js';
import { sqlStoreFields, type SqlStoreOptions } from './sql/options.js';
import type { Dialect } from './sql/dialect.js';
import { ownFormat } from './sql/own-format.js';
import { SqlStore } from './sql/sql-store.js';

export interface PostgresStoreOptions extends SqlStoreOptions {
  /** A `Pool` of pg, or a connected `Client`. Opened by you and closed by you. */
  client: PgClient;
}

const DIALECT: Dialect = {
  engine: 'PostgreSQL',
  quote: '"',
  maxName: 63,
  placeholders: 'numbered',
  types: {
    sequence: 'BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY',
    name: 'TEXT COLLATE "C"',
    text: 'TEXT',
    number: 'BIGINT',
  },
  greatest: 'GREATEST',
  least: 'LEAST',
  upsert: 'ON CONFLICT',
  indexes: 'after',
  tableOptions: '',
};

const A_CLIENT = 'a `Pool` or a `Client` of pg';

const schemaOf = (fields: Fields) => {
  const { z, field } = fields;
  return z.strictObject({
    ...sqlStoreFields(fields),
    client: field(
      z.custom((value) => typeof (value as Partial<PgClient> | null)?.query === 'function'),
      A_CLIENT,
    ),
  });
};

const rules = ({ client }: Partial<PostgresStoreOptions>): string[] =>
  client === undefined ? [`"client" is missing; it must be ${A_CLIENT}`] : [];

/**
 * Sessions in PostgreSQL 11 or later. The pool is handed in, and never closed by the store.
 *
 * @example
 * const sessions = new SessionManager({ secret, store: new PostgresStore({ client: new Pool() }) });
 */
export class PostgresStore extends SqlStore {
  readonly #database: PgDatabase;

  /** @throws {SessionError} ERR_SESSION_OPTIONS */
  constructor(options: PostgresStoreOptions) {
    checkOptions('PostgresStore', schemaOf, options, rules);
    const database = new PgDatabase(options.client);
    super(database, DIALECT, ownFormat(DIALECT), options);
    this.#database = database;
    database.listen((error) => this.report(error));
  }

  override close(): Promise<void> {
    this.#database.close();
    return super.close();
  }
}

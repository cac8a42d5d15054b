// Sessions in PostgreSQL.
import { checkOptions, type Fields } from '../core/options.js';
import { PgDatabase, type PgClient } from './postgres/client.js';
import { hasMethods, sharedFaults, sqlStoreFields, type SqlStoreOptions } from './sql/options.js';
import type { Dialect } from './sql/dialect.js';
import { expressFormat, type ExpressTable } from './sql/express-format.js';
import { ownFormat } from './sql/own-format.js';
import { SqlStore } from './sql/sql-store.js';

export interface PostgresStoreOptions extends SqlStoreOptions {
  /** A `Pool` of pg, or a connected `Client`. Opened by you and closed by you. */
  client: PgClient;
  /**
   * `'connect-pg-simple'`: sessions are kept in the table of connect-pg-simple 10, by default `session`, to which the store
   * adds columns of its own, so that both serve them side by side, while an application changes over. Ids are kept as they
   * are then (`idAtRest: 'plain'`). Default: the store's own.
   */
  format?: 'connect-pg-simple';
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
  foldsNames: false,
  tableOptions: '',
};

/** https://github.com/voxpelli/node-connect-pg-simple/blob/main/table.sql */
const CONNECT_PG_SIMPLE: ExpressTable = {
  table: 'session',
  key: { name: 'sid', holds: 'text', type: 'varchar NOT NULL PRIMARY KEY' },
  data: { name: 'sess', holds: 'json', type: 'json NOT NULL' },
  end: { name: 'expire', holds: 'time', type: 'timestamp(6) NOT NULL' },
  isKey: (key, wanted) => `${key} = ${wanted}`,
  text: (data) => `CAST(${data} AS text)`,
  json: (text) => `CAST(CAST(${text} AS text) AS json)`,
  digest: (text) => `md5(CAST(${text} AS text))`,
  // Which may be 'infinity'.
  seconds: (end) =>
    `CAST(CEIL(EXTRACT(EPOCH FROM CAST(LEAST(GREATEST(${end}, timestamp '1970-01-01'), timestamp '9999-12-31') AS timestamptz))) AS bigint)`,
  instant: (seconds) => `to_timestamp(${seconds})`,
  isAt: (end, seconds) => `${end} = CAST(to_timestamp(${seconds}) AS timestamp)`,
  // The last day of the year 9999.
  lastSecond: 253_402_214_400,
  place: 'index',
};

const A_CLIENT = 'a `Pool` or a `Client` of pg';

const schemaOf = (fields: Fields) => {
  const { z, field } = fields;
  return z.strictObject({
    ...sqlStoreFields(fields),
    client: field(
      z.custom((value) => hasMethods(value, 'query') && !hasMethods(value, 'execute')),
      A_CLIENT,
    ),
    format: field(z.literal('connect-pg-simple'), "'connect-pg-simple', or nothing"),
  });
};

const rules = ({ client, format, idAtRest }: Partial<PostgresStoreOptions>): string[] => [
  ...(client === undefined ? [`"client" is missing; it must be ${A_CLIENT}`] : []),
  ...sharedFaults(format, idAtRest),
];

/**
 * Sessions in PostgreSQL 11 or later. The pool is handed in, and never closed by the store.
 *
 * @example
 * const sessions = new SessionManager({ secret, store: new PostgresStore({ client: new Pool() }) });
 */
export class PostgresStore extends SqlStore {
  /** @throws {SessionError} ERR_SESSION_OPTIONS */
  constructor(options: PostgresStoreOptions) {
    checkOptions('PostgresStore', schemaOf, options, rules);
    const format =
      options.format === undefined ? ownFormat(DIALECT) : expressFormat(DIALECT, CONNECT_PG_SIMPLE);
    super(new PgDatabase(options.client), DIALECT, format, options);
  }
}

// Sessions in MySQL and MariaDB.
import { checkOptions, type Fields } from '../core/options.js';
import { MysqlDatabase, type MysqlClient } from './mysql/client.js';
import { hasMethods, sharedFaults, sqlStoreFields, type SqlStoreOptions } from './sql/options.js';
import type { Dialect } from './sql/dialect.js';
import { expressFormat, type ExpressTable } from './sql/express-format.js';
import { ownFormat } from './sql/own-format.js';
import { SqlStore } from './sql/sql-store.js';

export interface MysqlStoreOptions extends SqlStoreOptions {
  /** A pool or a connection of mysql2, with promises or with callbacks. Opened by you and closed by you. */
  client: MysqlClient;
  /**
   * `'express-mysql-session'`: sessions are kept in the table of express-mysql-session 3, by default `sessions`, to which
   * the store adds columns of its own, so that both serve them side by side, while an application changes over. Ids are
   * kept as they are then (`idAtRest: 'plain'`). Default: the store's own.
   */
  format?: 'express-mysql-session';
}

const DIALECT: Dialect = {
  engine: 'MySQL',
  quote: '`',
  maxName: 64,
  placeholders: 'in order',
  types: {
    sequence: 'BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY',
    // Texts that are compared as people would compare them, with blanks and capitals that do not count, let strangers in.
    name: 'VARBINARY(512)',
    text: 'LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
    number: 'BIGINT',
  },
  greatest: 'GREATEST',
  least: 'LEAST',
  upsert: 'ON DUPLICATE KEY',
  indexes: 'inside',
  foldsNames: true,
  tableOptions: ' ENGINE = InnoDB',
};

/** https://github.com/chill117/express-mysql-session/blob/master/schema.sql */
const EXPRESS_MYSQL_SESSION: ExpressTable = {
  table: 'sessions',
  key: {
    name: 'session_id',
    holds: 'text',
    type: 'VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY',
  },
  data: { name: 'data', holds: 'text', type: 'MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin' },
  end: { name: 'expires', holds: 'seconds', type: 'INT UNSIGNED NOT NULL' },
  // To MySQL, blanks at the end are none.
  isKey: (key, wanted) => `${key} = ${wanted} AND LENGTH(${key}) = LENGTH(${wanted})`,
  text: (data) => data,
  json: (text) => text,
  digest: (text) => `MD5(${text})`,
  seconds: (end) => end,
  instant: (seconds) => seconds,
  // What the column holds: 2106.
  lastSecond: 4_294_967_295,
  isAt: (end, seconds) => `${end} = ${seconds}`,
  place: 'column',
};

const A_CLIENT = 'a pool or a connection of mysql2';

const schemaOf = (fields: Fields) => {
  const { z, field } = fields;
  return z.strictObject({
    ...sqlStoreFields(fields),
    client: field(
      z.custom((value) => hasMethods(value, 'query', 'execute')),
      A_CLIENT,
    ),
    format: field(z.literal('express-mysql-session'), "'express-mysql-session', or nothing"),
  });
};

const rules = ({ client, format, idAtRest }: Partial<MysqlStoreOptions>): string[] => [
  ...(client === undefined ? [`"client" is missing; it must be ${A_CLIENT}`] : []),
  ...sharedFaults(format, idAtRest),
];

/**
 * Sessions in MySQL 8 or MariaDB 10.6, or later. The pool is handed in, and never closed by the store.
 *
 * @example
 * const sessions = new SessionManager({ secret, store: new MysqlStore({ client: createPool(url) }) });
 */
export class MysqlStore extends SqlStore {
  /** @throws {SessionError} ERR_SESSION_OPTIONS */
  constructor(options: MysqlStoreOptions) {
    checkOptions('MysqlStore', schemaOf, options, rules);
    const format =
      options.format === undefined ? ownFormat(DIALECT) : expressFormat(DIALECT, EXPRESS_MYSQL_SESSION);
    super(new MysqlDatabase(options.client), DIALECT, format, options);
  }
}

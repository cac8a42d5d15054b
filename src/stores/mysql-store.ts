// Sessions in MySQL and MariaDB.
import { checkOptions, type Fields } from '../core/options.js';
import { MysqlDatabase, type MysqlClient } from './mysql/client.js';
import { sqlStoreFields, type SqlStoreOptions } from './sql/options.js';
import type { Dialect } from './sql/dialect.js';
import { ownFormat } from './sql/own-format.js';
import { SqlStore } from './sql/sql-store.js';

export interface MysqlStoreOptions extends SqlStoreOptions {
  /** A pool or a connection of mysql2, with promises or with callbacks. Opened by you and closed by you. */
  client: MysqlClient;
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
  tableOptions: ' ENGINE = InnoDB',
};

const A_CLIENT = 'a pool or a connection of mysql2';

const schemaOf = (fields: Fields) => {
  const { z, field } = fields;
  return z.strictObject({
    ...sqlStoreFields(fields),
    client: field(
      z.custom((value) => typeof (value as Partial<MysqlClient> | null)?.execute === 'function'),
      A_CLIENT,
    ),
  });
};

const rules = ({ client }: Partial<MysqlStoreOptions>): string[] =>
  client === undefined ? [`"client" is missing; it must be ${A_CLIENT}`] : [];

/**
 * Sessions in MySQL 8 or MariaDB 10.6, or later. The pool is handed in, and never closed by the store.
 *
 * @example
 * const sessions = new SessionManager({ secret, store: new MysqlStore({ client: createPool(url) }) });
 */
export class MysqlStore extends SqlStore {
  readonly #database: MysqlDatabase;

  /** @throws {SessionError} ERR_SESSION_OPTIONS */
  constructor(options: MysqlStoreOptions) {
    checkOptions('MysqlStore', schemaOf, options, rules);
    const database = new MysqlDatabase(options.client);
    super(database, DIALECT, ownFormat(DIALECT), options);
    this.#database = database;
    database.listen((error) => this.report(error));
  }

  override close(): Promise<void> {
    this.#database.close();
    return super.close();
  }
}

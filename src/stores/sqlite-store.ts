// Sessions in SQLite: a database in a file, without a server, for the processes of one host.
import type { Capability, SessionKey, SessionRecord } from '../core/contract.js';
import { SessionError } from '../core/errors.js';
import { checkOptions, type Fields } from '../core/options.js';
import type { Dialect } from './sql/dialect.js';
import { hasMethods, sqlStoreFields, type SqlStoreOptions } from './sql/options.js';
import { ownFormat } from './sql/own-format.js';
import { SqlStore } from './sql/sql-store.js';
import { SqliteConnection, type SqliteDatabase } from './sqlite/client.js';

export interface SqliteStoreOptions extends SqlStoreOptions {
  /**
   * A database of better-sqlite3 or a `DatabaseSync` of node:sqlite, opened by you and closed by you. The store sets
   * `journal_mode`, `synchronous` and `busy_timeout` on it: give it one of its own.
   */
  database: SqliteDatabase;
  /**
   * What a write that was acknowledged survives. `'process'` (default): the end of the process. `'power'`: a power cut too;
   * each write is flushed then.
   */
  durability?: 'process' | 'power';
  /** How long a statement waits for other processes, ms. Default one second. */
  busyTimeout?: number;
}

const DIALECT: Dialect = {
  engine: 'SQLite',
  quote: '"',
  maxName: 63,
  placeholders: 'in order',
  types: {
    sequence: 'INTEGER PRIMARY KEY AUTOINCREMENT',
    name: 'TEXT',
    text: 'TEXT',
    number: 'INTEGER',
  },
  greatest: 'MAX',
  least: 'MIN',
  upsert: 'ON CONFLICT',
  indexes: 'in the schema',
  foldsNames: true,
  tableOptions: '',
};

const A_DATABASE =
  'an open database: `new Database(file)` of better-sqlite3, or `new DatabaseSync(file)` of node:sqlite';

const schemaOf = (fields: Fields) => {
  const { z, field } = fields;
  return z.strictObject({
    ...sqlStoreFields(fields),
    database: field(
      z.custom((value) => hasMethods(value, 'prepare', 'exec') && !hasMethods(value, 'serialize', 'all')),
      A_DATABASE,
    ),
    durability: field(z.enum(['process', 'power']), "'process' or 'power'"),
    busyTimeout: field(z.number().nonnegative(), 'a number of milliseconds'),
  });
};

const rules = ({ database }: Partial<SqliteStoreOptions>): string[] =>
  database === undefined ? [`"database" is missing; it must be ${A_DATABASE}`] : [];

/**
 * Sessions in SQLite 3.35 or later, for the processes of one host. The database is handed in, and never closed by the store,
 * which puts it in WAL mode.
 *
 * @example
 * const sessions = new SessionManager({ secret, store: new SqliteStore({ database: new Database('sessions.db') }) });
 */
export class SqliteStore extends SqlStore {
  override readonly capabilities: ReadonlySet<Capability> = this.declares(
    'page',
    'removeExpired',
    'count',
    'findSync',
    'revokeBefore',
    'ping',
    'close',
  );
  readonly #connection: SqliteConnection;

  /** @throws {SessionError} ERR_SESSION_OPTIONS */
  constructor(options: SqliteStoreOptions) {
    checkOptions('SqliteStore', schemaOf, options, rules);
    const { database, durability = 'process', busyTimeout = 1_000 } = options;
    const connection = new SqliteConnection(database, durability, busyTimeout);
    super(connection, DIALECT, ownFormat(DIALECT), options);
    this.#connection = connection;
  }

  findSync(key: SessionKey): SessionRecord | null {
    const values = this.findValues(key);
    try {
      void this.prepared();
      const [row] = this.#connection.rows(this.statements.find, values);
      return row === undefined ? null : this.current(key, row);
    } catch (error) {
      throw error instanceof SessionError ? error : this.fault(error);
    }
  }
}

// The drivers of the SQL stores as an application opens them, each with a store on it and a way to ask the database itself.
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { createConnection, createPool } from 'mysql2';
import { createConnection as createPromiseConnection, createPool as createPromisePool } from 'mysql2/promise';
import { Client, Pool } from 'pg';

import { MysqlStore } from '../../src/stores/mysql-store.js';
import type { MysqlClient } from '../../src/stores/mysql/client.js';
import { PostgresStore } from '../../src/stores/postgres-store.js';
import type { PgClient } from '../../src/stores/postgres/client.js';
import type { SqlStoreOptions } from '../../src/stores/sql/options.js';
import type { SqlStore } from '../../src/stores/sql/sql-store.js';
import type { Row, Value } from '../../src/stores/sql/statement.js';
import type { SqliteDatabase } from '../../src/stores/sqlite/client.js';
import { SqliteStore, type SqliteStoreOptions } from '../../src/stores/sqlite-store.js';

/** What an application holds in its hands. */
export interface OpenDatabase {
  readonly client: unknown;
  store(options?: SqlStoreOptions & Partial<SqliteStoreOptions>): SqlStore;
  /** Asks the database, past every store. */
  ask(sql: string, values?: Value[]): Promise<Row[]>;
  close(): Promise<void>;
}

/** @param place The URL of a server, or the path of a file. */
export type OpenDriver = (place: string) => Promise<OpenDatabase>;
export type Engine = 'PostgreSQL' | 'MariaDB' | 'SQLite';

const pg = (client: (Pool | Client) & PgClient): OpenDatabase => ({
  client,
  store: (options) => new PostgresStore({ client, ...options }),
  ask: async (text, values = []) =>
    (await (client as Pool).query<Record<string, unknown>>(text, values)).rows,
  close: () => {
    // It ends before its connections do, and the server may end them.
    (client as Pool).on('error', () => undefined);
    return client.end();
  },
});

interface MysqlPromises {
  query(sql: string, values: Value[]): Promise<[unknown, unknown]>;
  end(): Promise<void>;
}

const mysql = (client: unknown): OpenDatabase => {
  const { promise } = client as { promise?: () => MysqlPromises };
  const promises = promise?.call(client) ?? (client as MysqlPromises);
  return {
    client,
    store: (options) => new MysqlStore({ client: client as MysqlClient, ...options }),
    ask: async (sql, values = []) => (await promises.query(sql, values))[0] as Row[],
    close: () => promises.end(),
  };
};

interface ClosingDatabase extends SqliteDatabase {
  close(): void;
}
type DatabaseClass = new (file: string) => ClosingDatabase;

const sqlite = (database: ClosingDatabase): OpenDatabase => ({
  client: database,
  store: (options) => new SqliteStore({ database, ...options }),
  ask: (sql, values = []) => {
    if (/^(SELECT|EXPLAIN|PRAGMA)/.test(sql))
      return Promise.resolve(database.prepare(sql).all(...values) as Row[]);
    database.prepare(sql).run(...values);
    return Promise.resolve([]);
  },
  close: () => {
    database.close();
    return Promise.resolve();
  },
});

/** Of the folder that has native builds; `null` where they are not installed. */
export function betterSqlite(): DatabaseClass | null {
  try {
    return createRequire(join(__dirname, '../ecosystem/package.json'))('better-sqlite3') as DatabaseClass;
  } catch {
    return null;
  }
}

/** From Node 22 on. */
function nodeSqlite(): DatabaseClass | null {
  const builtin = process.getBuiltinModule('node:sqlite') as { DatabaseSync: DatabaseClass } | undefined;
  return builtin?.DatabaseSync ?? null;
}

export const BETTER_SQLITE = {
  isThere: (): boolean => betterSqlite() !== null,
  advice: 'npm ci --prefix tests/ecosystem',
};
export const NODE_SQLITE = {
  isThere: (): boolean => nodeSqlite() !== null,
  advice: 'use Node 22 or later',
};

const opened =
  (find: () => DatabaseClass | null): OpenDriver =>
  (file) => {
    const Database = find();
    if (Database === null) throw new Error('There is no such driver of SQLite here.');
    return Promise.resolve(sqlite(new Database(file)));
  };

/** The first of each engine is the one that most applications use. */
export const DRIVERS: Readonly<Record<Engine, Readonly<Record<string, OpenDriver>>>> = {
  PostgreSQL: {
    'a Pool of pg': (connectionString) => Promise.resolve(pg(new Pool({ connectionString, max: 5 }))),
    'a Client of pg': async (connectionString) => {
      const client = new Client({ connectionString });
      await client.connect();
      return pg(client);
    },
  },
  MariaDB: {
    'a pool of mysql2/promise': (uri) =>
      Promise.resolve(mysql(createPromisePool({ uri, connectionLimit: 5 }))),
    'a pool of mysql2': (uri) => Promise.resolve(mysql(createPool({ uri, connectionLimit: 5 }))),
    'a connection of mysql2/promise': async (uri) => mysql(await createPromiseConnection(uri)),
    'a connection of mysql2': (uri) => Promise.resolve(mysql(createConnection(uri))),
  },
  SQLite: {
    'better-sqlite3': opened(betterSqlite),
    'node:sqlite': opened(nodeSqlite),
  },
};

// PostgreSQL and MariaDB with an app on each, and what their administrators can do to them. Knows no test.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { createConnection, createPool, type RowDataPacket } from 'mysql2/promise';
import { Client, Pool } from 'pg';

import { MysqlStore } from '../../src/stores/mysql-store.js';
import { PostgresStore } from '../../src/stores/postgres-store.js';
import type { SqlStoreOptions } from '../../src/stores/sql/options.js';
import { startMariaDb } from './services/mariadb.js';
import { startPostgres } from './services/postgres.js';
import type { Service } from './services/service.js';
import { serveSessions, type Serving } from './sql-load.js';
import { mountMemory, unmount } from './tools.js';

/** Connections of each app. */
const POOL = 5;
const TABLE = 'sessions';
const REVOKED = 'sessions_revoked';

export interface ServerApp extends Serving {
  /** Takes every connection of the pool, and gives them back after so long. */
  exhaust(ms: number): Promise<void>;
}

export type Ask = (sql: string) => Promise<Record<string, unknown>[]>;

export interface Site {
  readonly engine: 'PostgreSQL' | 'MariaDB';
  readonly server: Service;
  open(options?: SqlStoreOptions): Promise<ServerApp>;
  /** Work on a connection of the administrator's own. */
  as<T>(work: (ask: Ask) => Promise<T>): Promise<T>;
  /** Asks since when the server runs. */
  readonly run: string;
  readonly endConnections: (ask: Ask) => Promise<number>;
  readonly readOnly: (ask: Ask, is: boolean) => Promise<void>;
  /** For new connections at the latest. */
  readonly statementTimeout: (ask: Ask, ms: number) => Promise<void>;
  /** Locks what statements of the store lock, but in the other order. */
  readonly lockOtherwise: (ask: Ask) => Promise<void>;
  /** How many deadlocks the server has ended. */
  readonly deadlocks: (ask: Ask) => Promise<number>;
}

export async function startPostgresSite(): Promise<Site> {
  const server = await startPostgres({ args: ['-c', 'deadlock_timeout=50ms'] });
  const set = async (ask: Ask, setting: string): Promise<void> => {
    await ask(`ALTER SYSTEM SET ${setting}`);
    await ask('SELECT pg_reload_conf()');
  };
  return {
    ...{
      engine: 'PostgreSQL',
      server,
      run: "SELECT to_char(pg_postmaster_start_time(), 'HH24:MI:SS') AS run",
    },
    async open(options) {
      const pool = new Pool({ connectionString: server.url, max: POOL });
      const app = await serveSessions(new PostgresStore({ client: pool, ...options }));
      return {
        ...app,
        async exhaust(ms) {
          const taken = await Promise.all(Array.from({ length: POOL }, () => pool.connect()));
          await pause(ms);
          for (const client of taken) client.release();
        },
        async close() {
          await app.close();
          await pool.end();
        },
      };
    },
    async as(work) {
      const client = new Client({ connectionString: server.url });
      client.on('error', () => undefined);
      await client.connect();
      try {
        // What is set for everybody is not meant for the administrator.
        await client.query('SET statement_timeout = 0; SET default_transaction_read_only = off');
        return await work(async (sql) => (await client.query<Record<string, unknown>>(sql)).rows);
      } finally {
        await client.end();
      }
    },
    async endConnections(ask) {
      const rows = await ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
      );
      return rows.length;
    },
    readOnly: (ask, is) => set(ask, `default_transaction_read_only = ${is ? 'on' : 'off'}`),
    statementTimeout: (ask, ms) => set(ask, `statement_timeout = ${String(ms)}`),
    async lockOtherwise(ask) {
      // It waits; those who notice that it waits for them give way.
      await ask("BEGIN; SET LOCAL deadlock_timeout = '10s'");
      await ask(`LOCK TABLE ${REVOKED} IN ACCESS EXCLUSIVE MODE`);
      await pause(30);
      await ask(`LOCK TABLE ${TABLE} IN ACCESS EXCLUSIVE MODE`);
      await ask('COMMIT');
    },
    async deadlocks(ask) {
      const [row] = await ask('SELECT SUM(deadlocks) AS count FROM pg_stat_database');
      return Number(row?.['count']);
    },
  };
}

export async function startMariaDbSite(): Promise<Site> {
  const server = await startMariaDb({ args: ['--innodb-log-file-size=8M'] });
  const as: Site['as'] = async (work) => {
    const connection = await createConnection({ uri: server.url });
    connection.on('error', () => undefined);
    try {
      await connection.query('SET max_statement_time = 0');
      return await work(async (sql) => (await connection.query<RowDataPacket[]>(sql))[0]);
    } finally {
      await connection.end();
    }
  };
  await as(async (ask) => {
    // Those with all rights may write to a server that is read-only.
    for (const host of ['%', 'localhost']) {
      await ask(`CREATE USER app@'${host}'`);
      await ask(`GRANT ALL ON sessions.* TO app@'${host}'`);
    }
    await ask('CREATE TABLE weight (id INT PRIMARY KEY AUTO_INCREMENT, what INT)');
  });
  const connectionsOf = (ask: Ask) =>
    ask("SELECT id FROM information_schema.processlist WHERE user = 'app'").then((rows) =>
      rows.map(({ id }) => String(id)),
    );
  const endConnections = async (ask: Ask): Promise<number> => {
    const ids = await connectionsOf(ask);
    // One may have gone meanwhile.
    for (const id of ids) await ask(`KILL ${id}`).catch(() => undefined);
    return ids.length;
  };
  return {
    engine: 'MariaDB',
    server,
    as,
    endConnections,
    run: `SELECT DATE_FORMAT(NOW() - INTERVAL variable_value SECOND, '%T') AS run FROM information_schema.global_status WHERE variable_name = 'UPTIME'`,
    async open(options) {
      const uri = server.url.replace('root', 'app');
      const pool = createPool({ uri, connectionLimit: POOL });
      const app = await serveSessions(new MysqlStore({ client: pool, ...options }));
      return {
        ...app,
        async exhaust(ms) {
          const taken = await Promise.all(Array.from({ length: POOL }, () => pool.getConnection()));
          await pause(ms);
          for (const connection of taken) connection.release();
        },
        async close() {
          await app.close();
          await pool.end();
        },
      };
    },
    async readOnly(ask, is) {
      await ask(`SET GLOBAL read_only = ${is ? '1' : '0'}`);
    },
    async statementTimeout(ask, ms) {
      await ask(`SET GLOBAL max_statement_time = ${String(ms / 1_000)}`);
      await endConnections(ask);
    },
    async lockOtherwise(ask) {
      const rows = await ask(`SELECT number, session_key FROM ${TABLE} ORDER BY number DESC LIMIT 8`);
      await ask('BEGIN');
      // The server ends the transaction that has changed less.
      await ask(`INSERT INTO weight (what) VALUES ${'(1), '.repeat(500)}(1)`);
      for (const { number } of rows)
        await ask(`SELECT 1 FROM ${TABLE} FORCE INDEX (PRIMARY) WHERE number = ${String(number)} FOR UPDATE`);
      await pause(30);
      for (const { session_key: key } of rows)
        await ask(
          `SELECT data FROM ${TABLE} FORCE INDEX (session_key) WHERE session_key = '${String(key)}' FOR UPDATE`,
        );
      await ask('COMMIT');
    },
    async deadlocks(ask) {
      const [row] = await ask("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'");
      return Number(row?.['Value']);
    },
  };
}

/** Moves the data of a server to a disk of its own, of which little is left. False where that is not permitted. */
export async function ontoSmallDisk({ server }: Site, size: string): Promise<boolean> {
  const data = join(server.directory, 'data');
  const aside = join(server.directory, 'aside');
  await server.crash();
  await done('mv', data, aside);
  const isMounted = mountMemory(data, `size=${size}`);
  await done('cp', '-a', `${aside}/.`, data);
  await done('rm', '-rf', aside);
  await server.restart();
  return isMounted;
}

/** Moves the data back. */
export async function offSmallDisk({ server }: Site): Promise<void> {
  const data = join(server.directory, 'data');
  const aside = join(server.directory, 'aside');
  await server.crash();
  await done('cp', '-a', data, aside);
  unmount(data);
  await done('rmdir', data);
  await done('mv', aside, data);
  await server.restart();
}

async function done(command: string, ...args: string[]): Promise<void> {
  const { status, stderr } = spawnSync(command, args);
  if (status !== 0) throw new Error(stderr.toString());
  await Promise.resolve();
}

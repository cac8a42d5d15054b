// The servers on SQL databases as real processes: two of them share their sessions, which outlive both.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

import express from 'express';
import { createPool } from 'mysql2';
import { Pool } from 'pg';

import { SessionManager } from '../../src/session-manager.js';
import { MysqlStore } from '../../src/stores/mysql-store.js';
import { PostgresStore } from '../../src/stores/postgres-store.js';
import { SqliteStore } from '../../src/stores/sqlite-store.js';
import { freshPath } from '../support/directory.js';
import { startExample, type Example } from '../support/example.js';
import { Client, serve } from '../support/http.js';
import { moduleOf } from '../support/readme.js';
import { MARIADB, startMariaDb } from '../support/services/mariadb.js';
import { POSTGRES, startPostgres } from '../support/services/postgres.js';
import { whereThereIs } from '../support/services/where.js';
import { BETTER_SQLITE, betterSqlite, NODE_SQLITE } from '../support/sql-drivers.js';

jest.setTimeout(60_000);

const visitsIn = (body: string): number => Number(/this page (\d+) times/.exec(body)?.[1]);

/** One that has node:sqlite. */
const nodeWithSqlite = (): string =>
  NODE_SQLITE.isThere()
    ? process.execPath
    : execFileSync('npx', ['-y', '-p', 'node@22', 'node', '-p', 'process.execPath'], {
        encoding: 'utf8',
      }).trim();

/** Two processes share the sessions, and a third one after them. */
async function expectSharedSessions(file: string, env: Record<string, string>, node?: string): Promise<void> {
  const cwd = freshPath();
  mkdirSync(cwd);
  const servers: Example[] = [];
  const start = async (): Promise<Example> => {
    const server = await startExample(file, cwd, env, node);
    servers.push(server);
    return server;
  };
  const at = ({ port }: Example, browser?: Client): Client => {
    const client = new Client(port);
    if (browser !== undefined) client.cookie = browser.cookie;
    return client;
  };
  const [one, two] = [await start(), await start()];
  const browser = at(one);
  expect(visitsIn((await browser.get('/')).body)).toBe(1);
  expect(visitsIn((await at(two, browser).get('/')).body)).toBe(2);
  const parallel = Array.from({ length: 20 }, (_, n) => at(n % 2 === 0 ? one : two, browser).get('/'));
  await Promise.all(parallel);
  for (const server of servers.splice(0)) expect(await server.end('SIGTERM')).toBe(0);
  const three = await start();
  expect(visitsIn((await at(three, browser).get('/')).body)).toBe(23);
  expect((await at(three, browser).get('/logout', { method: 'POST' })).body).toBe('Logged out\n');
  expect(visitsIn((await at(three, browser).get('/')).body)).toBe(1);
  await three.end('SIGTERM');
}

/** The README's function makes a manager that keeps sessions in its database. */
async function expectManager(name: string, required: object, place: string): Promise<void> {
  const modules = { __esModule: true, default: SessionManager, ...required };
  const functions = moduleOf(name, modules) as Record<string, (place: string) => SessionManager>;
  const sessions = functions[name]?.(place);
  if (sessions === undefined) throw new Error(`The README exports no ${name}`);
  const app = express().use(sessions.middleware());
  app.get('/', async (req, res) => {
    res.json(await sessions.update(req, 'visits', (count) => Number(count ?? 0) + 1));
  });
  const running = await serve(app);
  const browser = new Client(running.port);
  for (const visits of ['1', '2']) expect((await browser.get('/')).body).toBe(visits);
  expect(await sessions.getAllSessions()).toHaveLength(1);
  await running.close();
  await sessions.close();
}

whereThereIs(POSTGRES, () => {
  it('counts visits in PostgreSQL, in two processes and a third one after them', async () => {
    const postgres = await startPostgres();
    await expectSharedSessions('postgres-server.ts', { DATABASE_URL: postgres.url });
    const pool = new Pool({ connectionString: postgres.url });
    await expectManager(
      'sessionsInPostgres',
      {
        PostgresStore,
        Pool: function MadePool() {
          return pool;
        },
      },
      postgres.url,
    );
    await pool.end();
    await postgres.stop();
  });
});

whereThereIs(MARIADB, () => {
  it('counts visits in MariaDB, in two processes and a third one after them', async () => {
    const mariadb = await startMariaDb();
    await expectSharedSessions('mysql-server.ts', { DATABASE_URL: mariadb.url });
    const pool = createPool({ uri: mariadb.url });
    await expectManager('sessionsInMysql', { MysqlStore, createPool: () => pool }, mariadb.url);
    await pool.promise().end();
    await mariadb.stop();
  });
});

it('counts visits in SQLite, in two processes and a third one after them', async () => {
  await expectSharedSessions('sqlite-server.ts', {}, nodeWithSqlite());
});

whereThereIs(BETTER_SQLITE, () => {
  it('keeps sessions in a file of SQLite', async () => {
    const DatabaseSync = betterSqlite();
    await expectManager('sessionsInSqlite', { SqliteStore, DatabaseSync }, `${freshPath()}.db`);
  });
});

// What a database may write into its logs, down to every value of every statement: no id of a session, and no cookie.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { SessionId } from '../../src/core/contract.js';
import { handleOf } from '../../src/core/ids.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { leaksIn } from '../security/leaks.js';
import { closeWorlds, createWorld } from '../session-manager/world.js';
import { freshPath } from '../support/directory.js';
import { MARIADB, startMariaDb } from '../support/services/mariadb.js';
import { POSTGRES, startPostgres } from '../support/services/postgres.js';
import { whereThereIs, type Needed } from '../support/services/where.js';
import { BETTER_SQLITE, DRIVERS, type Engine, type OpenDatabase } from '../support/sql-drivers.js';
import type { Options } from '../support/sql-world.js';

type ChildProcess = typeof import('node:child_process');

const mockPrinted: string[] = [];
// PostgreSQL's log is what the server prints.
jest.mock('node:child_process', () => {
  const real = jest.requireActual<ChildProcess>('node:child_process');
  return {
    ...real,
    spawn: (...args: Parameters<ChildProcess['spawn']>) => {
      const child = real.spawn(...args);
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk: Buffer) => mockPrinted.push(chunk.toString()));
      return child;
    },
  };
});

interface Logging {
  readonly url: string;
  /** What has been logged since it began. */
  log(database: OpenDatabase): Promise<string>;
  stop(): Promise<void>;
}

let marks = 0;

const LOGGING: Readonly<Record<Engine, { needed: Needed; start(): Promise<Logging> }>> = {
  PostgreSQL: {
    needed: POSTGRES,
    start: async () => {
      const settings = ['log_statement=all', 'log_parameter_max_length=-1', 'log_min_duration_statement=0'];
      const server = await startPostgres({ args: settings.flatMap((setting) => ['-c', setting]) });
      return {
        ...server,
        async log({ ask }) {
          const mark = `mark ${String(marks++)}`;
          await ask(`SELECT '${mark}'`);
          while (!mockPrinted.join('').includes(mark)) await new Promise(setImmediate);
          return mockPrinted.join('');
        },
      };
    },
  },
  MariaDB: {
    needed: MARIADB,
    start: async () => {
      const server = await startMariaDb({
        args: ['--general-log=1', '--general-log-file=general.log', '--slow-query-log=1'],
      });
      return {
        ...server,
        log: () => Promise.resolve(readFileSync(join(server.directory, 'data', 'general.log'), 'utf8')),
      };
    },
  },
  SQLite: {
    needed: BETTER_SQLITE,
    start: () => {
      const url = `${freshPath()}.db`;
      return Promise.resolve({
        url,
        // It has no log; its file, and what it will write there, have every value of every statement.
        log: () =>
          Promise.resolve(['', '-wal'].map((end) => readFileSync(`${url}${end}`, 'latin1')).join('\n')),
        stop: () => Promise.resolve(),
      });
    },
  },
};

afterEach(closeWorlds);

describe.each(Object.keys(LOGGING) as Engine[])('%s', (engine) => {
  const { needed, start } = LOGGING[engine];
  whereThereIs(needed, () => {
    let server: Logging;
    let database: OpenDatabase;
    beforeAll(async () => {
      server = await start();
      const [open] = Object.values(DRIVERS[engine]);
      database = (await open?.(server.url)) as OpenDatabase;
    });
    afterAll(async () => {
      await database.close();
      await server.stop();
    });

    /** Every kind of request once; returns the secrets of all of them. */
    const visit = async (options: Options): Promise<{ ids: string[]; cookies: string[] }> => {
      const clock = createFakeClock(Date.now());
      const store = database.store({ clock, sweepInterval: 0, ...options });
      const { sessions, on, client, browser } = await createWorld({ clock, store });
      const ids = new Set<string>();
      const cookies = new Set<string>();
      on('/set', async (req, res) => {
        await sessions.set(req, 'name', 'Ada');
        ids.add(req.sessionID);
        res.send('set');
      });
      on('/login', async (req, res) => {
        await sessions.login(req, 'ada');
        ids.add(req.sessionID);
        res.send('in');
      });
      on('/renew', async (req, res) => {
        await sessions.regenerate(req, { keepData: true });
        ids.add(req.sessionID);
        res.send('renewed');
      });
      on('/logout', async (req, res) => {
        await sessions.logout(req);
        res.send('out');
      });
      const other = browser();
      for (const [one, path] of [
        ...['/set', '/login', '/set', '/renew', '/set', '/logout', '/set'].map(
          (next) => [client, next] as const,
        ),
        ...['/set', '/login', '/renew'].map((next) => [other, next] as const),
      ]) {
        const { status } = await one.get(path);
        expect([path, status]).toEqual([path, 200]);
        for (const value of one.jar.values()) cookies.add(value).add(decodeURIComponent(value));
        clock.advance(1_000);
      }
      await sessions.ofUser('ada').revokeAll();
      await store.revokeBefore(clock.now());
      clock.advance(86_400_000);
      await store.removeExpired(100);
      return { ids: [...ids], cookies: [...cookies] };
    };

    it('never sees the id of a session or a cookie', async () => {
      const secrets = await visit({ table: 'hashed' });
      expect(secrets.ids.length).toBeGreaterThanOrEqual(5);
      const log = await server.log(database);
      expect(leaksIn(log, secrets)).toEqual([]);
      const [id] = secrets.ids as [SessionId];
      expect(log).toContain(handleOf(id));
    });

    it('would show it here, where ids are plain at rest', async () => {
      const secrets = await visit({ table: 'plain', idAtRest: 'plain' });
      expect(leaksIn(await server.log(database), secrets)).toContain('ids');
    });
  });
});

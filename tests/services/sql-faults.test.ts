// PostgreSQL and MariaDB that go away, refuse and run full while people use an app on each, over HTTP (F22). Few rounds
// here; many, with a table: scripts/sql-faults.mjs.
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { MARIADB } from '../support/services/mariadb.js';
import { POSTGRES } from '../support/services/postgres.js';
import { whereThereIs } from '../support/services/where.js';
import {
  expectNothingLost,
  failuresOf,
  LASTS_MS,
  ROUNDS,
  strikeFull,
  under,
  type Fault,
  type Row,
} from '../support/sql-faults-run.js';
import {
  offSmallDisk,
  ontoSmallDisk,
  startMariaDbSite,
  startPostgresSite,
  type Ask,
  type ServerApp,
  type Site,
} from '../support/sql-faults-servers.js';
import type { Load } from '../support/sql-load.js';

whereThereIs(POSTGRES, () => whereThereIs(MARIADB, faults));

function faults(): void {
  let sites: readonly Site[] = [];
  beforeAll(async () => {
    sites = await Promise.all([startPostgresSite(), startMariaDbSite()]);
  });
  afterAll(() => Promise.all(sites.map(({ server }) => server.stop())));

  type Struck = Pick<Fault<ServerApp>, 'fault' | 'takesSessions'> & {
    readonly strike: (site: Site, load: Load, app: ServerApp) => Promise<unknown>;
    readonly open?: (site: Site) => Promise<ServerApp>;
    readonly evidence?: (site: Site) => Promise<string>;
  };

  /** On both engines at once; what they say of it afterwards. */
  const underBoth = ({ strike, open, evidence, ...what }: Struck): Promise<Row[]> =>
    Promise.all(
      sites.map((site) =>
        under({
          ...what,
          engine: site.engine,
          open: () => open?.(site) ?? site.open(),
          strike: async (load, app) => {
            await strike(site, load, app);
            return performance.now();
          },
          evidence: () => evidence?.(site) ?? Promise.resolve(''),
        }),
      ),
    );

  const runOf = (site: Site): Promise<string> =>
    site.as(async (ask) => String((await ask(site.run))[0]?.['run']));

  it.each(ROUNDS)('loses nothing when its server is restarted (round %i)', async () => {
    const before = await Promise.all(sites.map(runOf));
    const rows = await underBoth({
      fault: 'restart',
      async strike({ server }) {
        await server.halt();
        await pause(LASTS_MS / 2);
        await server.restart();
      },
      evidence: async (site) => `runs since ${await runOf(site)}`,
    });
    expect((await Promise.all(sites.map(runOf))).filter((run, at) => run === before[at])).toEqual([]);
    for (const row of rows) {
      expectNothingLost(row);
      expect(failuresOf(row)).toBeGreaterThan(0);
    }
  });

  it.each(ROUNDS)('loses nothing when its server is killed and comes back (round %i)', async () => {
    const rows = await underBoth({
      fault: 'kill -9, back',
      async strike({ server }) {
        await server.crash();
        await pause(LASTS_MS / 2);
        await server.restart();
      },
      evidence: async (site) => `runs since ${await runOf(site)}`,
    });
    for (const row of rows) {
      expectNothingLost(row);
      expect(failuresOf(row)).toBeGreaterThan(0);
    }
  });

  it.each(ROUNDS)('loses nothing when all of its connections are ended (round %i)', async () => {
    const ended = new Map<string, number>();
    const rows = await underBoth({
      fault: 'connections ended, 5 times',
      async strike(site) {
        await site.as(async (ask) => {
          for (let time = 0; time < 5; time++) {
            const count = await site.endConnections(ask);
            ended.set(site.engine, count + (ended.get(site.engine) ?? 0));
            await pause(100);
          }
        });
      },
      evidence: ({ engine }) => Promise.resolve(`${String(ended.get(engine))} ended`),
    });
    for (const row of rows) expectNothingLost(row);
    for (const { engine } of sites) expect(ended.get(engine)).toBeGreaterThan(5);
  });

  it.each(ROUNDS)('answers within its time when others hold its pool (round %i)', async () => {
    const rows = await underBoth({
      fault: 'pool exhausted',
      strike: (_site, _load, app) => app.exhaust(2 * LASTS_MS),
      evidence: () => Promise.resolve(`all of its connections for ${String(2 * LASTS_MS)} ms`),
    });
    for (const row of rows) {
      expectNothingLost(row);
      expect(row.statuses['503 ERR_SESSION_STORE_TIMEOUT']).toBeGreaterThan(0);
    }
  });

  it.each(ROUNDS)('tries again what a deadlock has ended (round %i)', async () => {
    const counts = () => Promise.all(sites.map((site) => site.as((ask) => site.deadlocks(ask))));
    const before = await counts();
    const rows = await underBoth({
      fault: 'deadlocks',
      async strike(site) {
        for (let time = 0; time < 5; time++) {
          await site.as((ask) => site.lockOtherwise(ask)).catch(assertDeadlock);
          await pause(50);
        }
      },
      evidence: async (site) => `${String(await site.as((ask) => site.deadlocks(ask)))} in all`,
    });
    const after = await counts();
    after.forEach((count, at) => expect(count).toBeGreaterThan(before[at] ?? Infinity));
    for (const row of rows) {
      expectNothingLost(row);
      // Nobody had to be told.
      expect(failuresOf(row)).toBe(0);
    }
  });

  it.each(ROUNDS)('says so when statements take longer than the server permits (round %i)', async () => {
    const rows = await underBoth({
      fault: 'statement timeout',
      async open(site) {
        const app = await site.open();
        await site.as((ask) => site.statementTimeout(ask, 100));
        return app;
      },
      async strike(site) {
        await site.as(async (ask) => {
          await ask('BEGIN');
          await ask('SELECT * FROM sessions FOR UPDATE');
          await pause(LASTS_MS);
          await ask('ROLLBACK');
        });
      },
      async evidence(site) {
        await site.as((ask) => site.statementTimeout(ask, 0));
        return `100 ms, rows locked for ${String(LASTS_MS)} ms`;
      },
    });
    for (const row of rows) {
      expectNothingLost(row);
      expect(row.statuses).toHaveProperty('503 ERR_SESSION_STORE');
    }
  });

  it.each(ROUNDS)('keeps everybody logged in while its server takes no writes (round %i)', async () => {
    const rows = await underBoth({
      fault: 'read-only',
      strike: (site) =>
        site.as(async (ask) => {
          await site.readOnly(ask, true);
          await pause(LASTS_MS);
          await site.readOnly(ask, false);
        }),
    });
    for (const row of rows) {
      expectNothingLost(row);
      expect(row.statuses).toHaveProperty('503 ERR_SESSION_STORE');
    }
  });

  const TABLES = ['sessions', 'sessions_revoked'] as const;
  const renamed = async (ask: Ask, from: string, to: string): Promise<void> => {
    for (const table of TABLES) await ask(`ALTER TABLE ${table}${from} RENAME TO ${table}${to}`);
  };

  it.each(ROUNDS)('loses nothing when its tables are gone for a while (round %i)', async () => {
    const rows = await underBoth({
      fault: 'tables gone, restored',
      open: async (site) => {
        // Those who make their tables themselves.
        await (await site.open()).close();
        return site.open({ createTable: false });
      },
      strike: (site) =>
        site.as(async (ask) => {
          await renamed(ask, '', '_aside');
          await pause(LASTS_MS);
          await renamed(ask, '_aside', '');
        }),
    });
    for (const row of rows) {
      expectNothingLost(row);
      expect(row.statuses).toHaveProperty('503 ERR_SESSION_STORE');
    }
  });

  it.each(ROUNDS)('makes its tables again when they are dropped (round %i)', async () => {
    const rows = await underBoth({
      fault: 'tables dropped',
      takesSessions: true,
      strike: (site) =>
        site.as(async (ask) => {
          for (const table of TABLES) await ask(`DROP TABLE ${table}`);
        }),
    });
    for (const row of rows) expectNothingLost(row);
  });

  it.each(ROUNDS)('loses nothing when the disk is full for a while (round %i)', async () => {
    const sizes = { PostgreSQL: '90M', MariaDB: '160M' };
    for (const site of sites) if (!(await ontoSmallDisk(site, sizes[site.engine]))) return;
    const said = new Map<string, string>();
    const rows = await underBoth({
      fault: 'disk full',
      async strike({ engine, server }, load) {
        said.set(engine, await strikeFull(join(server.directory, 'data'), load));
      },
      evidence: ({ engine }) => Promise.resolve(said.get(engine) ?? ''),
    });
    for (const site of sites) await offSmallDisk(site);
    for (const row of rows) {
      expectNothingLost(row);
      expect(row.statuses).toHaveProperty('503 ERR_SESSION_STORE');
    }
  });
}

/** The server may choose the one that was meant to be the other. */
function assertDeadlock(error: unknown): void {
  if (!/deadlock/i.test(String(error))) throw error;
}

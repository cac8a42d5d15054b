// A file of SQLite that others hold, that takes no writes, that is full, and processes that are killed amid writes to it,
// while people use two apps on it, over HTTP (F23). Few rounds here; many, with a table: scripts/sql-faults.mjs.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { whereThereIs } from '../support/services/where.js';
import { BETTER_SQLITE } from '../support/sql-drivers.js';
import { standInTheWay, startApp, type AppProcess } from '../support/sql-faults-processes.js';
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
import type { Load } from '../support/sql-load.js';
import { mountMemory, unmountAll } from '../support/tools.js';

/** Only where the app itself is killed: nobody answers then. */
const OR_NOTHING = /^(0|200|503 ERR_SESSION_\w+)$/;

whereThereIs(BETTER_SQLITE, () => {
  let [folder, file] = ['', ''];
  let apps: readonly AppProcess[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'session-store-js-disk-'));
    mountMemory(folder, 'size=16M');
    file = join(folder, 'sessions.db');
    // One after the other: the first makes the tables.
    apps = [await startApp(file), await startApp(file)];
  });
  afterAll(async () => {
    await Promise.all(apps.map((app) => app.close()));
    unmountAll();
    rmSync(folder, { recursive: true, force: true });
  });

  type Struck = Pick<Fault<AppProcess>, 'fault' | 'takesSessions'> & {
    /** Once, on the app that is first under load. */
    readonly strike: (load: Load, app: AppProcess) => Promise<unknown>;
    readonly evidence?: () => string;
  };

  /** Two apps under load; the fault strikes once. */
  async function underTwo({ strike, evidence, ...what }: Struck): Promise<Row[]> {
    let struck: Promise<unknown> | undefined;
    return Promise.all(
      apps.map((app, at) =>
        under({
          ...what,
          engine: `SQLite, app ${String(at + 1)}`,
          open: () => Promise.resolve({ ...app, close: () => Promise.resolve() }),
          async strike(load) {
            await (struck ??= strike(load, app));
            return performance.now();
          },
          evidence: () => Promise.resolve(evidence?.() ?? ''),
        }),
      ),
    );
  }

  it.each(ROUNDS)('answers reads while another process writes for long (round %i)', async () => {
    const rows = await underTwo({
      fault: 'busy: BEGIN IMMEDIATE by another process',
      async strike() {
        const kill = await standInTheWay(file, ['BEGIN IMMEDIATE']);
        await pause(2 * LASTS_MS);
        await kill();
      },
      evidence: () => `for ${String(2 * LASTS_MS)} ms`,
    });
    for (const row of rows) {
      expectNothingLost(row);
      expect(failuresOf(row)).toBeGreaterThan(0);
    }
  });

  it.each(ROUNDS)('sees nothing of a transaction whose process is killed in it (round %i)', async () => {
    const rows = await underTwo({
      fault: 'another process killed in a transaction',
      async strike() {
        // More than fits into its memory: half of it stands in the log already.
        const spoil = 'UPDATE sessions SET data = \'{"spoilt":"\' || hex(zeroblob(2000)) || \'"}\'';
        const kill = await standInTheWay(file, [
          'PRAGMA cache_size = 2',
          'BEGIN IMMEDIATE',
          spoil,
          'DELETE FROM sessions',
        ]);
        await pause(50);
        await kill();
      },
    });
    for (const row of rows) expectNothingLost(row);
  });

  it.each(ROUNDS)('keeps everybody logged in while it takes no writes (round %i)', async () => {
    const rows = await underTwo({
      fault: 'read-only (PRAGMA query_only)',
      async strike() {
        await Promise.all(apps.map((app) => app.tell('PRAGMA query_only = 1')));
        await pause(LASTS_MS);
        await Promise.all(apps.map((app) => app.tell('PRAGMA query_only = 0')));
      },
    });
    for (const row of rows) {
      expectNothingLost(row);
      expect(row.statuses['503 ERR_SESSION_STORE']).toBeGreaterThan(0);
    }
  });

  it.each(ROUNDS)('makes its tables again when they are dropped (round %i)', async () => {
    const rows = await underTwo({
      fault: 'tables dropped',
      takesSessions: true,
      async strike() {
        const kill = await standInTheWay(file, ['DROP TABLE sessions', 'DROP TABLE sessions_revoked']);
        await kill();
      },
    });
    for (const row of rows) expectNothingLost(row);
  });

  it.each(ROUNDS)('loses nothing when its disk is full for a while (round %i)', async () => {
    let said = '';
    const rows = await underTwo({
      fault: 'disk full',
      async strike(load) {
        said = await strikeFull(folder, load);
      },
      evidence: () => said,
    });
    for (const row of rows) expectNothingLost(row);
    expect(
      rows.reduce((sum, { statuses }) => sum + (statuses['503 ERR_SESSION_STORE'] ?? 0), 0),
    ).toBeGreaterThan(0);
  });

  it.each(ROUNDS)('loses nothing when an app is killed amid its writes (round %i)', async () => {
    const rows = await underTwo({
      fault: 'an app killed amid its writes, back',
      async strike(_load, app) {
        for (const laterMs of ROUNDS.map((each) => each * 100)) {
          await app.replace();
          await pause(laterMs);
        }
      },
    });
    const killed = rows.filter(({ statuses }) => '0' in statuses);
    expect(killed).toHaveLength(1);
    for (const row of rows) expectNothingLost(row, OR_NOTHING);
    for (const row of rows) if (!killed.includes(row)) expect(failuresOf(row)).toBe(0);
  });
});

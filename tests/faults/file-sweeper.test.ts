// The sweeper against those who use sessions that end in this very moment: what was acknowledged is not swept away, and
// what has ended is not returned.
import { dirname, join } from 'node:path';
import { mkdirSync } from 'node:fs';

import { FileStore, type SessionKey } from '../../src/index.js';
import { reportFault, rounds } from '../support/faults.js';
import { newRecord, oddities } from '../support/file-records.js';
import {
  clockOf,
  moveTime,
  startWorkers,
  stormPath,
  timeSpec,
  type Once,
  type Worker,
} from '../support/file-workers.js';

jest.setTimeout(300_000);

/** Sessions are swept so long after their end. */
const GRACE_MS = 2_000;
/** The processes' time runs faster, so that 10^5 sessions end within minutes; the grace still lasts half a second of real time. */
const RATE = 4;

interface Brinks {
  readonly touches: number;
  readonly writes: number;
  readonly ended: number;
  readonly slow: number;
  readonly wrong: readonly string[];
}

let workers: Worker[];
beforeAll(() => {
  workers = startWorkers(2);
});

it.each([
  { where: 'in one process', io: 'async', processes: 1, total: rounds(10_000) },
  { where: 'from two processes', io: 'sync', processes: 2, total: rounds(90_000) },
])('F14 sweeping $where loses nothing that was acknowledged', async ({ where, io, processes, total }) => {
  const path = stormPath();
  const clock = timeSpec(RATE);
  const taking = workers.slice(0, processes);
  await Promise.all(taking.map((worker) => worker.ask('open', { path, io, clock })));
  // With two, one of them only sweeps: it is the one that others' uses take by surprise.
  const sweeps = taking.slice(-1).map((worker) => worker.ask<{ removed: number }>('sweeps'));
  const each = { rounds: total, parallel: io === 'async' ? 50 : 200, graceMs: GRACE_MS };
  const brinks = await Promise.all(taking.slice(0, 1).map((worker) => worker.ask<Brinks>('brinks', each)));
  await Promise.all(taking.map((worker) => worker.ask('last')));
  const removed = (await Promise.all(sweeps)).reduce((sum, sweep) => sum + sweep.removed, 0);
  const sum = (of: 'ended' | 'touches' | 'writes' | 'slow'): number =>
    brinks.reduce((all, brink) => all + brink[of], 0);
  expect(brinks.flatMap(({ wrong }) => wrong).slice(0, 5)).toEqual([]);
  expect(sum('touches') + sum('writes')).toBeGreaterThanOrEqual(total);
  // Each of them was swept, once.
  expect(removed).toBe(sum('ended'));
  expect(oddities(path)).toEqual([]);
  // What takes longer than the grace itself says nothing; there must not be many of those.
  expect(sum('slow')).toBeLessThan(total / 20);
  reportFault({
    fault: 'F14',
    recipe: `sessions used as they end, swept ${where}`,
    rounds: sum('touches') + sum('writes'),
    result: `${String(sum('ended'))} sessions; no touch and no write lost, none returned after its end`,
  });
});

it('F14 a touch or write and a sweep, both stopped before each of their calls, never both succeed', async () => {
  const path = stormPath();
  mkdirSync(dirname(path), { recursive: true });
  const file = join(dirname(path), 'time');
  // Stands still but for what it is moved by, so that a session ends exactly between two calls.
  const clock = timeSpec(0, file);
  const store = new FileStore({ path, clock: clockOf(clock), cleanupInterval: 0 });
  const [user, sweeper] = workers as [Worker, Worker];
  for (const worker of workers) await worker.ask('open', { path, stops: true, clock });
  const wrong: string[] = [];
  let stops = 0;
  for (const method of ['extend', 'replace'] as const)
    for (let first = 1, isOver = false; !isOver; first++)
      for (let second = 1; ; second++) {
        moveTime(file, 0);
        const expiresAt = clock.base + 1_000;
        const key = `sha256:000${newRecord().key.slice(-61)}` as SessionKey;
        const record = newRecord('{}', { key, createdAt: clock.base, expiresAt });
        expect(await store.insert(record)).toBe(true);
        const until = expiresAt + 60_000;
        const next = { ...record, version: 'next', expiresAt: until };
        const args = method === 'extend' ? [key, until] : [next, record.version];
        const use = user.run<Once>('once', { method, args, stopBefore: first });
        isOver = !(await user.isStopped(use));
        if (isOver) {
          await store.remove(key);
          break;
        }
        moveTime(file, 1_000 + GRACE_MS + 1);
        const sweep = sweeper.run<Once>('once', { method: 'removeExpired', args: [9], stopBefore: second });
        const isSwept = !(await sweeper.isStopped(sweep));
        user.resume();
        const used = ((await use) as Once).result as boolean;
        if (!isSwept) sweeper.resume();
        const swept = ((await sweep) as Once).result;
        const found = await store.find(key);
        stops++;
        if ((found !== null) !== used || swept !== (used ? 0 : 1))
          wrong.push(
            `${method} before call ${String(first)}: ${String(used)}; sweep before call ${String(second)}: ` +
              `${String(swept)}; found: ${String(found !== null)}`,
          );
        if (found !== null) await store.remove(key);
        expect(oddities(path)).toEqual([]);
        if (isSwept) break;
      }
  expect(stops).toBeGreaterThan(50);
  expect(wrong).toEqual([]);
  reportFault({
    fault: 'F14',
    recipe: 'writer and sweeper both stopped before each call',
    rounds: stops,
    result: 'never both succeed',
  });
});

// Writers that are killed at any moment: what they acknowledged is there, and the next start leaves no trace of them.
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { FileStore, isBroken, type SessionKey } from '../../src/index.js';
import { reportFault, rounds } from '../support/faults.js';
import { judge, readLog, type Event, type Seen } from '../support/file-history.js';
import { oddities } from '../support/file-records.js';
import { clockOf, startWorkers, stormPath, timeSpec, type Worker } from '../support/file-workers.js';

jest.setTimeout(240_000);

const WRITERS = 3;
const SLOTS = 8;
const OWNERS = 5;
const weights = { find: 2, replace: 8, extend: 3, remove: 3, again: 1, page: 1 };
const time = timeSpec();
const clock = clockOf(time);
/** As the next start sees it: what was left is old enough to be litter. */
const later = clockOf(time, 120_000);
const nowAt = (ns: number): number => Math.floor(time.base + ns / 1e6);
const ns = (): number => Number(process.hrtime.bigint() - BigInt(time.origin));

/** Runs them until they are killed at a random moment: what stands in their logs. */
async function storm(workers: Worker[], path: string, round: number): Promise<Event[]> {
  const table = join(path, '..', `table ${String(round)}`);
  writeFileSync(table, '0'.repeat(64 * SLOTS));
  const logs = workers.map((_, at) => join(path, '..', `log ${String(round)} ${String(at)}`));
  const facts = { table, slots: SLOTS, kept: 2, forMs: 60_000, clock: time, weights, life: 3_600_000 };
  const options = { ...facts, who: `user of ${String(round)}` };
  const ends = workers.map(async (worker, at) => {
    await worker.ask('open', { path, clock: time, io: at === 0 ? 'async' : 'sync' });
    return worker.run('mixed', { ...options, log: logs[at] });
  });
  // Real time: a kill has to come from outside, while they run.
  while (!logs.every((log) => existsSync(log) && statSync(log).size > 5_000)) await pause(1);
  await pause(Math.random() * 20);
  await Promise.all(
    workers.map(async (worker) => {
      await pause(Math.random() * 5);
      await worker.kill();
    }),
  );
  expect(await Promise.all(ends)).toEqual(Array(WRITERS).fill('killed'));
  return logs.flatMap(readLog);
}

/** Everything as one reader sees it: each session, and the list of each user. */
async function readAll(store: FileStore, keys: Iterable<string>, who?: string): Promise<Event[]> {
  const events: Event[] = [];
  for (const key of keys) {
    const start = ns();
    const record = await store.find(key as SessionKey);
    const facts = { id: `${key} ${String(start)}`, worker: 'reader', op: 'find', key } as const;
    events.push({ ...facts, start, end: ns(), seen: record === null ? null : seenOf(record) });
  }
  for (let owner = 0; who !== undefined && owner < OWNERS; owner++) {
    const [start, listed] = [ns(), `${who} ${String(owner)}`];
    const { records } = await store.page({ owner: listed, limit: 10_000 });
    const seen = records.flatMap((each) => (isBroken(each) ? [] : [[each.key, seenOf(each)] as const]));
    expect(seen.length).toBe(records.length);
    const facts = { id: `${listed} ${String(start)}`, worker: 'reader', op: 'page', key: '' } as const;
    events.push({ ...facts, owner: listed, start, end: ns(), records: seen });
  }
  return events;
}

function seenOf(record: { version: string; expiresAt: number | null; data: string }): Seen {
  const { version, again } = JSON.parse(record.data) as Record<string, unknown>;
  const sound = version === record.version && again === record.version;
  return { version: record.version, to: record.expiresAt ?? 0, sound };
}

it('F1 writers killed at any moment: nothing acknowledged is lost, nothing is torn, no litter stays', async () => {
  const path = stormPath();
  const total = rounds(300);
  const figures = { operations: 0, cut: 0, done: 0, litter: 0, sessions: 0 };
  /** What each round left behind is still there, as it was, after all the others. */
  const kept = new Map<string, string>();
  let workers = startWorkers(WRITERS);
  for (let round = 0; round < total; round++) {
    const next = round + 1 < total ? startWorkers(WRITERS) : [];
    const events = await storm(workers, path, round);
    workers = next;
    const keys = new Set(events.map(({ key }) => key).filter((key) => key !== ''));
    events.push(...(await readAll(new FileStore({ path, clock, cleanupInterval: 0 }), keys)));
    const started = new FileStore({ path, clock: later, cleanupInterval: 0 });
    const report = await started.verify();
    expect(report).toMatchObject({ expired: 0, broken: 0, foreign: 0 });
    events.push(...(await readAll(started, keys, `user of ${String(round)}`)));
    const { violations, operations, acknowledged, doneUnacknowledged } = judge(events, nowAt);
    expect(violations.slice(0, 5)).toEqual([]);
    expect(oddities(path)).toEqual([]);
    expect((await started.verify()).litter).toBe(0);
    // At most the one operation that each was in.
    expect(operations - acknowledged).toBeLessThanOrEqual(WRITERS);
    figures.operations += acknowledged;
    figures.cut += operations - acknowledged;
    figures.done += doneUnacknowledged;
    figures.litter += report.litter;
    for (const key of keys) {
      const record = await started.find(key as SessionKey);
      if (record === null) continue;
      if (Math.random() < 0.1) kept.set(key, record.version);
      else expect(await started.remove(record.key)).toBe(true);
    }
  }
  const store = new FileStore({ path, clock, cleanupInterval: 0 });
  for (const [key, version] of kept) expect((await store.find(key as SessionKey))?.version).toBe(version);
  // Otherwise the kills came between the operations, and prove nothing.
  expect(figures.cut).toBeGreaterThan(0);
  reportFault({
    fault: 'F1',
    recipe: `kill -9 of ${String(WRITERS)} writers, start, verify`,
    rounds: total,
    result:
      `${String(figures.operations)} operations, ${String(figures.cut)} cut, ${String(figures.done)} of them done; ` +
      `${String(figures.litter)} left and cleaned; nothing lost`,
  });
});

// Several processes on one directory: nothing is lost, nothing comes back, and every answer fits to one order of events.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { FileStore, type SessionKey } from '../../src/index.js';
import { freshPath } from '../support/directory.js';
import { reportFault } from '../support/faults.js';
import { judge, readLog, type Event } from '../support/file-history.js';
import { clockOf, startWorkers, timeSpec, type Worker } from '../support/file-workers.js';
import { newRecord } from '../support/file-records.js';

jest.setTimeout(180_000);

const PROCESSES = 8;
const INCREMENTS = 250;
const IS_FULL = process.env['FAULTS'] === 'full';

let workers: Worker[];
beforeAll(() => {
  workers = startWorkers(PROCESSES);
});

async function openAll(path: string, io: (at: number) => 'sync' | 'async' = () => 'sync') {
  const clock = timeSpec();
  await Promise.all(workers.map((worker, at) => worker.ask('open', { path, io: io(at), clock })));
  return clock;
}

describe.each([1, 50])('%i sessions', (sessions) => {
  it(`F11 ${String(PROCESSES)} processes add ${String(INCREMENTS)} each, and not one is lost`, async () => {
    const path = freshPath();
    // On one session those through the thread pool would lose every race until the others are done.
    await openAll(path, (at) => (sessions > 1 && at % 4 === 3 ? 'async' : 'sync'));
    const store = new FileStore({ path, cleanupInterval: 0 });
    const records = Array.from({ length: sessions }, () => newRecord('{"n":0}'));
    for (const record of records) expect(await store.insert(record)).toBe(true);
    const options = { keys: records.map(({ key }) => key), count: INCREMENTS };
    const answers = await Promise.all(
      workers.map((worker) => worker.ask<{ refused: number }>('increments', options)),
    );
    let sum = 0;
    for (const { key } of records)
      sum += (JSON.parse((await store.find(key))?.data ?? '{}') as { n: number }).n;
    expect(sum).toBe(PROCESSES * INCREMENTS);
    const refused = answers.reduce((total, each) => total + each.refused, 0);
    // Otherwise they did not meet, and the sum proves nothing.
    if (sessions === 1) expect(refused).toBeGreaterThan(0);
    reportFault({
      fault: 'F11',
      recipe: `${String(PROCESSES)} processes x ${String(INCREMENTS)} increments, ${String(sessions)} sessions`,
      rounds: PROCESSES * INCREMENTS,
      result: `exact; ${String(refused)} refused and done again`,
    });
  });
});

it('F11 every answer of 8 processes with mixed operations fits to one order of events', async () => {
  const path = freshPath();
  const [slots, forMs] = [24, IS_FULL ? 30_000 : 3_000];
  const table = join(dirname(path), 'table');
  writeFileSync(table, '0'.repeat(64 * slots));
  const time = await openAll(path, (at) => (at % 4 === 3 ? 'async' : 'sync'));
  const logs = workers.map((_, at) => join(dirname(path), `log ${String(at)}`));
  const weights = { find: 8, replace: 8, extend: 4, remove: 2, again: 1, brief: 1, page: 1, sweep: 1 };
  const options = { table, slots, kept: 4, forMs, clock: time, weights, life: 3_600_000 };
  await Promise.all(workers.map((worker, at) => worker.ask('mixed', { ...options, log: logs[at] })));
  const events = logs.flatMap(readLog);
  const clock = (ns: number): number => Math.floor(time.base + ns / 1e6);
  const { violations, operations, acknowledged, crossed } = judge(events, clock);
  expect(violations.slice(0, 5)).toEqual([]);
  expect(acknowledged).toBe(operations);
  // Who meets nobody proves nothing.
  const refused = events.filter(({ op, ok }) => op === 'replace' && ok === false).length;
  expect(refused).toBeGreaterThan(0);
  for (const op of ['insert', 'find', 'replace', 'extend', 'remove', 'page'] as const)
    expect(events.filter((event) => event.op === op).length).toBeGreaterThan(50);

  // And what is there in the end is what the last of them knew.
  const store = new FileStore({ path, cleanupInterval: 0, clock: clockOf(time) });
  expect(await store.verify()).toMatchObject({ broken: 0, foreign: 0 });
  const now = (): number => (clockOf(time).now() - time.base) * 1e6;
  const last: Event[] = [];
  for (const key of new Set(events.map((event) => event.key).filter(Boolean))) {
    const start = now();
    const record = await store.find(key as SessionKey);
    const seen = record && { version: record.version, to: record.expiresAt ?? 0, sound: true };
    last.push({ id: `last ${key}`, worker: 'last', op: 'find', key, start, end: start + 1, seen });
  }
  expect(judge([...events, ...last], clock).violations.slice(0, 5)).toEqual([]);
  reportFault({
    fault: 'F11',
    recipe: '8 processes, mixed operations, history check',
    rounds: operations,
    result: `no violation; ${String(refused)} lost races, ${String(crossed)} touches crossed`,
  });
});

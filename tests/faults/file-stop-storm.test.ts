// Writers that are stopped or killed at random moments, in the midst of others: see file-stops.test.ts for every moment.
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { FileStore } from '../../src/index.js';
import { reportFault, rounds } from '../support/faults.js';
import { judge, readLog } from '../support/file-history.js';
import { oddities } from '../support/file-records.js';
import { clockOf, stormPath, timeSpec, Worker } from '../support/file-workers.js';

jest.setTimeout(240_000);

const WRITERS = 4;
const SLOTS = 4;
/** What a request waits for a store at most. */
const STORE_TIMEOUT_MS = 5_000;
const weights = { find: 1, replace: 8, extend: 3, remove: 1, page: 1 };

/** ns: when a writer, named by its log, was stopped. */
interface Stop {
  readonly log: string;
  readonly start: number;
  readonly end: number;
}

it.each(['continued', 'killed'] as const)(
  'F13 writers stopped at random moments and %s hold up nobody and overwrite nothing newer',
  async (fate) => {
    const path = stormPath();
    const time = timeSpec();
    const ns = (): number => Number(process.hrtime.bigint() - BigInt(time.origin));
    const table = join(path, '..', 'table');
    writeFileSync(table, '0'.repeat(64 * SLOTS));
    const logs: string[] = [];
    const stops: Stop[] = [];
    const written = (log: string): number => (existsSync(log) ? statSync(log).size : 0);
    const begin = (): { worker: Worker; log: string } => {
      const [worker, log] = [new Worker(), join(path, '..', `log ${String(logs.length)}`)];
      logs.push(log);
      const facts = { table, slots: SLOTS, kept: 1, forMs: 200_000, clock: time, weights, life: 3_600_000 };
      void worker.run('open', { path, clock: time }).then(() => worker.run('mixed', { ...facts, log }));
      return { worker, log };
    };
    const all = Array.from({ length: WRITERS }, begin);
    const total = Math.max(rounds(100), 4);
    for (let round = 0; round < total; round++) {
      // Real time: a stop has to come from outside, while they run.
      while (!all.every(({ log }) => written(log) > 500)) await pause(1);
      await pause(Math.random() * 10);
      const at = Math.floor(Math.random() * WRITERS);
      const { worker, log } = all[at] as (typeof all)[number];
      const others = all.filter((each) => each.log !== log).map((each) => each.log);
      const start = ns();
      worker.stop();
      const before = others.map(written);
      // Each of the others gets on with many writes before this one goes on.
      while (!others.every((each, i) => written(each) > (before[i] ?? 0) + 3_000)) await pause(1);
      stops.push({ log, start, end: ns() });
      if (fate === 'continued') worker.resume();
      else {
        await worker.kill();
        all[at] = begin();
      }
    }
    await Promise.all(all.map(({ worker }) => worker.kill()));

    const byLog = new Map(logs.map((log) => [log, existsSync(log) ? readLog(log) : []]));
    const events = [...byLog.values()].flat();
    const { violations, operations, doneUnacknowledged } = judge(events, (at) =>
      Math.floor(time.base + at / 1e6),
    );
    expect(violations.slice(0, 5)).toEqual([]);
    let [longest, cut] = [0, 0];
    for (const stop of stops)
      for (const [log, list] of byLog)
        for (const event of list.filter(({ start, end }) => start < stop.end && end > stop.start))
          if (log === stop.log) cut++;
          else if (event.end < Infinity) longest = Math.max(longest, (event.end - event.start) / 1e6);
    expect(longest).toBeLessThan(STORE_TIMEOUT_MS / 2);
    // Otherwise they were stopped between the operations, and this proves nothing. Four stops may well be.
    expect(cut).toBeGreaterThanOrEqual(Math.floor(total / 8));
    const store = new FileStore({ path, clock: clockOf(time, 120_000), cleanupInterval: 0 });
    expect(await store.verify()).toMatchObject({ expired: 0, broken: 0, foreign: 0 });
    expect(oddities(path)).toEqual([]);
    reportFault({
      fault: 'F13',
      recipe: `${String(WRITERS)} writers, stopped at random and ${fate}`,
      rounds: total,
      result:
        `${String(operations)} operations, ${String(cut)} cut, ${String(doneUnacknowledged)} done by others; ` +
        `longest wait ${longest.toFixed(1)} ms`,
    });
  },
);

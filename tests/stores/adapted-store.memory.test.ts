// What the adapter remembers of ends, writes and queues does not grow with the sessions that pass through it.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import type { SessionRecord } from '../../src/core/contract.js';
import { closedRecord } from '../../src/core/record.js';
import { adapted } from '../support/adapted.js';
import { keyOf } from './support.js';

const MANY = 20_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function heapMegabytes(): Promise<number> {
  // Twice, with a turn between them: what the first one finds weak, the second one frees.
  collect();
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  return process.memoryUsage().heapUsed / 1e6;
}

/** How the heap grows over many sessions, in megabytes, after as many to warm up. */
async function growth(work: (name: string) => Promise<unknown>): Promise<number> {
  for (let n = 0; n < 2_000; n++) await work(`warm-${String(n)}`);
  const before = await heapMegabytes();
  for (let n = 0; n < MANY; n++) await work(`session-${String(n)}`);
  return (await heapMegabytes()) - before;
}

it('holds the ends of one minute', async () => {
  const { store, record, clock } = adapted();
  let ended = 0;
  const grown = await growth(async (name) => {
    const mine: SessionRecord = { ...record, key: keyOf(name), expiresAt: null, deadlineAt: null };
    await store.insert(mine);
    await store.replace(closedRecord(mine, clock.now()), mine.version);
    // Ten sessions in ten seconds.
    if (++ended % 10 === 0) await clock.advance(10_000);
  });
  // All of them would take more than 10.
  expect(grown).toBeLessThan(3);
}, 60_000);

it('holds a thousand of the writes', async () => {
  const { store, record, rows } = adapted();
  const grown = await growth(async (name) => {
    await store.insert({
      ...record,
      key: keyOf(name),
      data: JSON.stringify({ name, long: 'x'.repeat(1_000) }),
    });
    rows.clear();
  });
  // A thousand of them are there from the start; all of them would take more than 20.
  expect(grown).toBeLessThan(4);
}, 60_000);

it('holds no queue of a session that nothing is done with', async () => {
  const { store } = adapted();
  const grown = await growth((name) => store.remove(keyOf(name)));
  expect(grown).toBeLessThan(2);
}, 60_000);

// The time of what waited in a lane: little of it may be left, and that is shared between the write and the look at it
// as all of it would be.
import type { Lanes } from '../../src/commit/lanes.js';
import { increment, never, watch, world, type TestTarget } from './support.js';

const TIMEOUT = 1_000;
/** Behind a write that hangs for four fifths of its time. */
const LEFT_MS = 200;
/** A write to a store over a network. */
const WRITE_MS = 10;

type Work = (lanes: Lanes, target: Omit<TestTarget, 'renewals'>, fresh: () => TestTarget) => Promise<unknown>;

it.each<[string, Work, data: unknown]>([
  ['a write', (lanes, target) => lanes.write(target, increment('n')), { n: 1 }],
  ['an end', (lanes, target) => lanes.end(target.key, null), null],
  ['a move', (lanes, target, fresh) => lanes.move({ ...target, record: null }, fresh()), null],
])('%s behind a write that hangs is done in what is left of its time', async (_kind, work, data) => {
  const { clock, dataOf, fresh, lanes, store, stored } = world({ storeTimeout: TIMEOUT });
  const target = await stored({ n: 0 });
  store.bend = (call, go) => {
    if (call.name === 'replace' && call.nth === 1) return never();
    if (call.name === 'find') return go();
    return new Promise<void>((resolve) => clock.after(WRITE_MS, resolve)).then(go);
  };
  const startedAt = clock.now();
  const first = watch(lanes.write(target, increment('n')), clock);
  await clock.advance(5);
  const second = watch(work(lanes, target, fresh), clock);
  await clock.advance(2 * TIMEOUT);
  expect(first.error).toMatchObject({ code: 'ERR_SESSION_STORE_TIMEOUT' });
  expect((first.at ?? 0) - startedAt).toBeGreaterThanOrEqual(TIMEOUT - LEFT_MS);
  expect(second.error).toBeUndefined();
  expect((second.at ?? Infinity) - startedAt).toBeLessThanOrEqual(TIMEOUT + 5);
  // What was refused is not there all the same.
  expect(await dataOf(target.key)).toEqual(data);
});

// The memory store against a plain map: whatever is done to it, it holds what the map holds, to the millisecond.
import fc from 'fast-check';

import type { SessionRecord } from '../../src/core/contract.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { HOUR, keyOf, storeOf } from './support.js';

/** How late a sweep may take a session. */
const PRECISION_MS = 1_024;
const DAY = 24 * HOUR;

type Step =
  | readonly ['insert', name: number, life: number, owner: string | undefined]
  | readonly ['replace', name: number, life: number, owner: string | undefined]
  | readonly ['close' | 'remove', name: number]
  | readonly ['extend', name: number, life: number]
  | readonly ['pass', ms: number]
  | readonly ['sweep'];

const name = fc.nat(30);
const life = fc.oneof(...[500, 5_000, 60_000, HOUR, 30 * DAY].map((max) => fc.integer({ min: 1, max })));
const owner = fc.constantFrom(undefined, 'ada', 'eve');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('insert' as const), name, life, owner) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('replace' as const), name, life, owner) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('extend' as const), name, life) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('close' as const, 'remove' as const), name) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('pass' as const), fc.oneof(fc.nat(2_000), fc.nat(HOUR))) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('sweep' as const)) },
);

/** A store and a map side by side. */
function pair(maxSessions: number | undefined) {
  const clock = createFakeClock();
  const limit = maxSessions === undefined ? {} : { maxSessions };
  const store = new MemoryStore({ clock, cleanupInterval: 0, ...limit });
  const model = new Map<string, SessionRecord>();
  const endOf = ({ expiresAt }: SessionRecord): number => expiresAt as number;
  const living = (): SessionRecord[] => [...model.values()].filter((record) => endOf(record) > clock.now());
  const open = (): SessionRecord[] => living().filter(({ closed }) => closed === undefined);
  let version = 0;

  const file = (key: string, ms: number, user: string | undefined): SessionRecord => ({
    v: 1,
    key: keyOf(key),
    data: `{"n":${String(++version)}}`,
    version: String(version),
    createdAt: clock.now(),
    deadlineAt: null,
    idleMs: HOUR,
    expiresAt: clock.now() + ms,
    ...(user === undefined ? null : { owner: user }),
  });
  const keep = (record: SessionRecord, isKept: boolean): boolean => {
    if (isKept) model.set(record.key, record);
    return isKept;
  };
  const apply = async ([kind, ...rest]: Step): Promise<void> => {
    if (kind === 'pass') {
      clock.advance(rest[0] as number);
      return;
    }
    if (kind === 'sweep') {
      await store.removeExpired(Infinity);
      const keys = new Set<string>(store.keys());
      for (const { key } of living()) expect(keys).toContain(key);
      for (const key of keys)
        expect(endOf(model.get(key) as SessionRecord)).toBeGreaterThan(clock.now() - PRECISION_MS);
      return;
    }
    const [at, ms = 0, user] = rest as [number, number?, string?];
    const key = `k${String(at)}`;
    const found = living().find((record) => record.key === key);
    const isOpen = found !== undefined && found.closed === undefined;
    if (kind === 'insert') {
      const record = file(key, ms, user);
      expect(await store.insert(record)).toBe(keep(record, found === undefined));
    } else if (kind === 'extend') {
      const expiresAt = clock.now() + ms;
      expect(await store.extend(keyOf(key), expiresAt)).toBe(isOpen);
      if (isOpen && expiresAt > endOf(found)) model.set(key, { ...found, expiresAt });
    } else if (kind === 'remove') {
      expect(await store.remove(keyOf(key))).toBe(found !== undefined);
      model.delete(key);
    } else if (found !== undefined) {
      const closed = kind === 'close' ? { closed: { at: clock.now() } } : {};
      const next = { ...file(key, kind === 'close' ? HOUR : ms, user), ...closed };
      expect(await store.replace(next, 'another version')).toBe(false);
      expect(await store.replace(next, found.version)).toBe(keep(next, isOpen));
    }
  };
  const compare = async (): Promise<void> => {
    const now = clock.now();
    for (const [key, record] of model)
      expect(store.findSync(keyOf(key))).toEqual(endOf(record) > now ? record : null);
    // Each was asked for, so none that has ended is left.
    expect(await store.count()).toBe(open().length);
    for (const user of [undefined, 'ada', 'eve']) {
      const of = user === undefined ? {} : { owner: user };
      const { records } = await store.page({ ...of, limit: 100 });
      const own = open().filter((record) => user === undefined || record.owner === user);
      expect(new Set(records.map(({ key }) => key))).toEqual(new Set(own.map(({ key }) => key)));
      expect(records).toHaveLength(own.length);
    }
  };
  return { apply, clock, compare, store };
}

it.each([undefined, 1_000])('holds what a plain map holds, with maxSessions %p', async (maxSessions) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 150, size: 'max' }), async (steps) => {
      const { apply, clock, compare, store } = pair(maxSessions);
      for (const each of steps) await apply(each);
      await compare();
      clock.advance(60 * DAY);
      await store.removeExpired(Infinity);
      expect([store.keys(), await store.count()]).toEqual([[], 0]);
    }),
    { numRuns: 200 },
  );
});

it('keeps a record whole where the one in its place cannot be copied', async () => {
  const { add, store, record } = storeOf();
  const before = await add('k', { owner: 'ada' });
  const next = record('k', { data: '{}', owner: 'eve', meta: { device: () => 1 } });
  expect(() => store.replace(next, before.version)).toThrow('could not be cloned');
  expect(store.findSync(keyOf('k'))).toEqual(before);
  expect((await store.page({ owner: 'ada', limit: 9 })).records).toEqual([before]);
});

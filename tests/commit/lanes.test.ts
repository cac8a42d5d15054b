// Writes of one process: one lane per session, in which those that wait share a write and nobody's change is lost (P1).
import { expiryAt } from '../../src/core/expiry.js';
import { DEFAULT_LIMITS } from '../../src/core/json.js';
import { withCode } from '../support/failures.js';
import { from, IDLE_MS, increment, later, slowly, world, writeElsewhere } from './support.js';

it('stores a new session by one insert, with the first record’s times', async () => {
  const { lanes, store, fresh, clock, events } = world();
  const target = fresh('k');
  const committed = await lanes.write(target, from({}, { a: 1 }));
  expect(store.calls).toEqual(['insert']);
  expect(store.findSync(target.key)).toEqual({
    v: 1,
    key: 'k',
    data: '{"a":1}',
    version: committed.record.version,
    createdAt: clock.now(),
    deadlineAt: null,
    idleMs: IDLE_MS,
    expiresAt: clock.now() + IDLE_MS,
  });
  expect(target.record).toBe(committed.record);
  expect(committed).toMatchObject({ moved: true, value: undefined });
  expect(events).toEqual([
    { name: 'created', key: 'k' },
    { name: 'committed new', key: 'k' },
  ]);
});

it('stores a change of an existing session by one replace, under a new version', async () => {
  const { lanes, store, stored, dataOf, events } = world();
  const target = await stored({ a: 1 });
  const before = target.record;
  const committed = await lanes.write(target, from({ a: 1 }, { a: 2 }));
  expect(store.calls).toEqual(['replace']);
  expect(await dataOf(target.key)).toEqual({ a: 2 });
  expect(committed.record.version).not.toBe(before.version);
  expect(committed.moved).toBe(false);
  expect(events).toEqual([{ name: 'committed', key: target.key }]);
});

it('writes 1,000 parallel changes of one session in two writes, and keeps every one', async () => {
  const { lanes, store, stored, reader, dataOf } = world();
  store.bend = slowly;
  const { key } = await stored({ n: 0 });
  const first = await reader(key);
  const others = await Promise.all(Array.from({ length: 999 }, () => reader(key)));
  store.calls = [];
  const writes = [lanes.write(first, from({ n: 0 }, { n: 0, k0: 0 }))];
  await later();
  others.forEach((target, at) =>
    writes.push(lanes.write(target, from({ n: 0 }, { n: 0, [`k${String(at + 1)}`]: at + 1 }))),
  );
  const committed = await Promise.all(writes);
  expect(store.calls).toEqual(['replace', 'replace']);
  expect(Object.keys((await dataOf(key)) as object)).toHaveLength(1_001);
  expect(new Set(committed.map(({ record }) => record.version)).size).toBe(2);
  expect(others.every(({ record }) => record === committed[999]?.record)).toBe(true);
});

it('counts 1,000 parallel updates to 1,000, each with its own result', async () => {
  const { lanes, store, fresh, stored, dataOf } = world();
  store.bend = slowly;
  const target = await stored({});
  const committed = await Promise.all(
    Array.from({ length: 1_000 }, () => lanes.write(target, increment('n'))),
  );
  expect(await dataOf(target.key)).toEqual({ n: 1_000 });
  expect(committed.map(({ value }) => value)).toEqual(Array.from({ length: 1_000 }, (_, at) => at + 1));
  // A session that is not stored yet takes them the same way.
  const begun = fresh();
  await Promise.all(Array.from({ length: 10 }, () => lanes.write(begun, increment('n'))));
  expect(await dataOf(begun.key)).toEqual({ n: 10 });
});

it('shares one write among the calls of one tick, and keeps sessions apart', async () => {
  const { lanes, store, stored, dataOf } = world();
  const [a, b] = [await stored({}), await stored({})];
  await Promise.all([
    lanes.write(a, from({}, { a: 1 })),
    lanes.write(b, from({}, { b: 1 })),
    lanes.write(a, from({}, { c: 1 })),
  ]);
  expect(store.calls).toEqual(['replace', 'replace']);
  expect([await dataOf(a.key), await dataOf(b.key)]).toEqual([{ a: 1, c: 1 }, { b: 1 }]);
});

it('lets the later commit win where two change one key, and tells which keys', async () => {
  const { lanes, stored, dataOf, events } = world();
  const target = await stored({ a: 0, b: 0 });
  const base = { a: 0, b: 0 };
  await Promise.all([
    lanes.write(target, from(base, { a: 1, b: 1 })),
    lanes.write(target, from(base, { a: 2, b: 0 })),
  ]);
  expect(await dataOf(target.key)).toEqual({ a: 2, b: 1 });
  expect(events.filter(({ name }) => name === 'conflict')).toEqual([
    { name: 'conflict', key: target.key, keys: ['a'] },
  ]);
});

it('rejects a job that throws or breaks a limit alone, and stores the others', async () => {
  const { lanes, store, stored, dataOf } = world({ limits: { ...DEFAULT_LIMITS, bytes: 100 } });
  const target = await stored({ n: 0 });
  const boom = new Error('boom');
  const results = await Promise.allSettled([
    lanes.write(target, increment('n')),
    lanes.write(target, {
      kind: 'update',
      key: 'n',
      fn: () => {
        throw boom;
      },
    }),
    lanes.write(target, { kind: 'update', key: 'x', fn: () => 'x'.repeat(200) }),
    lanes.write(target, { kind: 'update', key: 'y', fn: () => Promise.resolve(1) }),
    lanes.write(target, { kind: 'text', base: '{"n":0}', mine: 'not JSON' }),
    lanes.write(target, increment('n')),
  ]);
  expect(
    results.map((result): unknown => (result.status === 'fulfilled' ? result.value.value : result.reason)),
  ).toEqual([
    1,
    boom,
    withCode('ERR_SESSION_TOO_LARGE'),
    withCode('ERR_SESSION_UPDATE_ASYNC'),
    withCode('ERR_SESSION_CORRUPT'),
    2,
  ]);
  // The look proves that what was refused was refused on the latest version.
  expect(store.calls).toEqual(['find', 'replace']);
  expect(await dataOf(target.key)).toEqual({ n: 2 });
});

it('writes nothing where every job of a write is broken, and goes on with the next', async () => {
  const { lanes, store, stored, events } = world();
  const target = await stored({ n: 0 });
  await expect(lanes.write(target, { kind: 'update', key: 'n', fn: () => undefined })).rejects.toEqual(
    withCode('ERR_SESSION_VALUE'),
  );
  expect([store.calls, events]).toEqual([['find'], []]);
  expect((await lanes.write(target, increment('n'))).value).toBe(1);
});

it('begins no session where the first change of it is broken', async () => {
  const { lanes, store, fresh } = world();
  await expect(lanes.write(fresh(), { kind: 'update', key: 'n', fn: () => undefined })).rejects.toEqual(
    withCode('ERR_SESSION_VALUE'),
  );
  expect(store.calls).toEqual([]);
});

it('rejects a job by the latest version only: what was read may be old', async () => {
  const { lanes, store, stored, dataOf } = world();
  const target = await stored({ stock: 0 });
  await writeElsewhere(store, target.key, { stock: 5 });
  const take = (stock: unknown): number => {
    if (stock === 0) throw new Error('sold out');
    return (stock as number) - 1;
  };
  let isFresh = false;
  store.bend = (call, go) => {
    isFresh ||= call.fresh;
    return go();
  };
  const sold = await lanes.write(target, { kind: 'update', key: 'stock', fn: take });
  expect([sold.value, await dataOf(target.key)]).toEqual([4, { stock: 4 }]);
  expect([store.calls, isFresh]).toEqual([['find', 'replace'], true]);
  // A session that has ended says so, whatever the function thinks of what was read.
  await lanes.end(target.key, null);
  await expect(lanes.write(target, { kind: 'update', key: 'stock', fn: () => undefined })).rejects.toEqual(
    withCode('ERR_SESSION_ENDED'),
  );
});

it('stores what a request changed before an update in the same write, both or neither', async () => {
  const { lanes, store, stored, dataOf } = world();
  const target = await stored({ a: 0, n: 0 });
  const before = { base: '{"a":0,"n":0}', mine: '{"a":1,"n":10}' };
  const committed = await lanes.write(target, { ...increment('n'), before });
  expect([committed.value, await dataOf(target.key), store.calls]).toEqual([
    11,
    { a: 1, n: 11 },
    ['replace'],
  ]);
  const fn = (): never => {
    throw new Error('no');
  };
  const change = { base: '{"a":1,"n":11}', mine: '{"a":2,"n":11}' };
  await expect(lanes.write(target, { kind: 'update', key: 'n', fn, before: change })).rejects.toThrow('no');
  expect(await dataOf(target.key)).toEqual({ a: 1, n: 11 });
});

describe('the expiry of a written session', () => {
  it('moves when a touch is due, not before, and the answer says so', async () => {
    const { lanes, clock, stored } = world({ touchAfter: 1_000 });
    const target = await stored({ n: 0 });
    const end = target.record.expiresAt;
    await clock.advance(999);
    expect(await lanes.write(target, increment('n'))).toMatchObject({
      moved: false,
      record: { expiresAt: end },
    });
    await clock.advance(1);
    expect(await lanes.write(target, increment('n'))).toMatchObject({
      moved: true,
      record: { expiresAt: clock.now() + IDLE_MS },
    });
  });

  it('takes the last idle time that a job asks for, within the deadline', async () => {
    const { lanes, clock, stored } = world();
    const deadlineAt = clock.now() + 10_000;
    const target = await stored({ n: 0 }, { deadlineAt, expiresAt: clock.now() + 5_000 });
    const [first] = await Promise.all([
      lanes.write(target, increment('n'), { idleMs: 7_000 }),
      lanes.write(target, increment('n'), { idleMs: 2_000 }),
      lanes.write(target, increment('n')),
    ]);
    expect(first).toMatchObject({
      moved: true,
      record: { idleMs: 2_000, expiresAt: clock.now() + 2_000, deadlineAt },
    });
    const longer = await lanes.write(target, increment('n'), { idleMs: 99_000 });
    expect(longer.record.expiresAt).toBe(expiryAt(clock.now(), 99_000, deadlineAt));
    expect(longer.record.expiresAt).toBe(deadlineAt);
  });

  it('is the idle time that the first write of a new session asks for', async () => {
    const { lanes, clock, fresh } = world();
    const { record } = await lanes.write(fresh(), from({}, { a: 1 }), { idleMs: 5_000 });
    expect(record).toMatchObject({ idleMs: 5_000, expiresAt: clock.now() + 5_000 });
  });

  it('leaves owner, facts and birth as they are', async () => {
    const { lanes, store, stored } = world();
    const extra = { owner: 'ada', meta: { agent: 'x' }, createdAt: 5 };
    const target = await stored({ n: 0 }, extra);
    await lanes.write(target, increment('n'));
    expect(store.findSync(target.key)).toMatchObject(extra);
  });
});

describe('idle', () => {
  it('resolves at once where nothing is written, and else when all writes have ended', async () => {
    const { lanes, store, stored } = world();
    await lanes.idle();
    const targets = [await stored({}), await stored({})];
    store.bend = slowly;
    let done = 0;
    for (const target of targets) void lanes.write(target, increment('n')).then(() => done++);
    await lanes.idle();
    expect(done).toBe(2);
  });

  it('waits for writes that come while it waits, and for writes that fail', async () => {
    const { lanes, store, stored } = world();
    const target = await stored({});
    let failed = false;
    store.bend = async (call, go) => {
      await later();
      if (call.nth > 1) throw new Error('down');
      return go();
    };
    const first = lanes.write(target, increment('n'));
    void first.then(() => lanes.write(target, increment('n')).catch(() => (failed = true)));
    await lanes.idle();
    expect(failed).toBe(true);
  });
});

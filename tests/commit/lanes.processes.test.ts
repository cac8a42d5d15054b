// Writes of several processes on one store: compare-and-set, merge, and again, so that nobody's change is lost (P1).
import type { Lanes } from '../../src/commit/lanes.js';
import type { Target } from '../../src/commit/write.js';
import type { SessionRecord } from '../../src/core/contract.js';
import { withCode } from '../support/failures.js';
import {
  beforeCalls,
  driven,
  from,
  increment,
  slowly,
  until,
  watch,
  world,
  writeElsewhere,
  type World,
} from './support.js';

it('keeps every change of two processes that write different keys of one session', async () => {
  const { lanes, other, store, stored, reader, dataOf, clock } = world();
  store.bend = slowly;
  const { key } = await stored({});
  const processes = [lanes, other()];
  const writes = Array.from({ length: 200 }, async (_, at) => {
    const target = await reader(key);
    const base = JSON.parse(target.record?.data ?? '') as object;
    await processes[at % 2]?.write(target, from(base, { ...base, [`k${String(at)}`]: at }));
  });
  await driven(clock, Promise.all(writes));
  expect(Object.keys((await dataOf(key)) as object)).toHaveLength(200);
});

it('counts the updates of three processes to their sum (I7)', async () => {
  const { lanes, other, store, stored, reader, dataOf, clock } = world();
  store.bend = slowly;
  const { key } = await stored({ n: 0 });
  const processes = [lanes, other(), other()];
  const values: unknown[] = [];
  const add = async (each: Lanes): Promise<void> => {
    values.push((await each.write(await reader(key), increment('n'))).value);
  };
  for (let round = 0; round < 10; round++)
    await driven(clock, Promise.all(processes.flatMap((each) => Array.from({ length: 5 }, () => add(each)))));
  expect(await dataOf(key)).toEqual({ n: 150 });
  expect(new Set(values).size).toBe(150);
});

it('reads the authority after a loss, puts its change on top of what it finds, and says what it overwrote', async () => {
  const { lanes, store, stored, dataOf, events } = world();
  const target = await stored({ mine: 0, both: 0, gone: 0 });
  store.bend = beforeCalls('replace', 1, () => writeElsewhere(store, target.key, { theirs: 1, both: 1 }));
  const fresh: boolean[] = [];
  const { bend } = store;
  store.bend = (call, go) => {
    if (call.name === 'find') fresh.push(call.fresh);
    return bend(call, go);
  };
  const committed = await lanes.write(target, from({ mine: 0, both: 0, gone: 0 }, { mine: 2, both: 2 }));
  expect(store.calls).toEqual(['replace', 'find', 'replace']);
  expect(fresh).toEqual([true]);
  expect(await dataOf(target.key)).toEqual({ mine: 2, theirs: 1, both: 2 });
  expect(target.record).toBe(committed.record);
  expect(events).toEqual([
    { name: 'committed', key: target.key },
    { name: 'conflict', key: target.key, keys: ['both'] },
  ]);
});

it('runs the function of an update again on what it finds', async () => {
  const { lanes, store, stored, dataOf } = world();
  const target = await stored({ n: 0 });
  store.bend = beforeCalls('replace', 1, () => writeElsewhere(store, target.key, { n: 10 }));
  const seen: unknown[] = [];
  const { value } = await lanes.write(target, {
    kind: 'update',
    key: 'n',
    fn: (n) => (seen.push(n), (n as number) + 1),
  });
  expect(seen).toEqual([0, 10]);
  expect(value).toBe(11);
  expect(await dataOf(target.key)).toEqual({ n: 11 });
});

it('keeps what another process stored when a stale request writes from what it read long ago', async () => {
  const { lanes, store, stored, reader, dataOf } = world();
  const { key } = await stored({ a: 1, b: 1 });
  const stale = await reader(key);
  await writeElsewhere(store, key, { a: 2, c: 2 });
  await lanes.write(stale, from({ a: 1, b: 1 }, { a: 1, b: 9 }));
  expect(await dataOf(key)).toEqual({ a: 2, b: 9, c: 2 });
});

it('judges the touch by the record it finds', async () => {
  const { lanes, store, stored, clock } = world({ touchAfter: 1_000 });
  const target = await stored({ n: 0 });
  await clock.advance(5_000);
  const extended = clock.now() + 3_600_000;
  store.bend = beforeCalls('replace', 1, async () => {
    await store.extend(target.key, extended);
    await writeElsewhere(store, target.key, { m: 1 });
  });
  expect(await lanes.write(target, increment('n'))).toMatchObject({
    moved: false,
    record: { expiresAt: extended },
  });
});

it('comes back at different times after a loss: at once, then after a random while of at most 32 ms', async () => {
  const { lanes, store, stored, clock } = world();
  const target = await stored({ n: 0 });
  const times: number[] = [];
  const started = clock.now();
  store.bend = beforeCalls('replace', 8, async ({ nth }) => {
    times.push(clock.now() - started);
    await writeElsewhere(store, target.key, { m: nth });
  });
  const random = jest.spyOn(Math, 'random').mockReturnValue(0.5);
  await driven(clock, lanes.write(target, increment('n')));
  random.mockRestore();
  const waits = times.map((time, at) => time - (times[at - 1] ?? 0));
  expect(waits).toEqual([0, 0, 2, 4, 8, 16, 16, 16]);
});

it('gives up after 100 losses with a code that says to try again, and forgets nothing of the others', async () => {
  const { lanes, store, stored, dataOf, clock } = world();
  const target = await stored({ n: 0 });
  store.bend = beforeCalls('replace', 1_000, ({ nth }) => writeElsewhere(store, target.key, { m: nth }));
  const random = jest.spyOn(Math, 'random').mockReturnValue(0);
  await expect(driven(clock, lanes.write(target, increment('n')))).rejects.toMatchObject({
    code: 'ERR_SESSION_CONFLICT',
    status: 503,
    message: 'Other processes kept changing the session while it was saved; nothing was stored, try again.',
  });
  random.mockRestore();
  expect(store.countOf('replace')).toBe(100);
  expect(await dataOf(target.key)).toEqual({ n: 0, m: 100 });
  store.bend = (_call, go) => go();
  expect((await lanes.write(target, increment('n'))).value).toBe(1);
});

it('tries once, however short its time is', async () => {
  const { lanes, stored } = world({ storeTimeout: 0 });
  expect((await lanes.write(await stored({ n: 0 }), increment('n'))).value).toBe(1);
});

describe('losing takes no longer than storeTimeout, however quick the store is (I5):', () => {
  const lost = async (
    work: (each: World, target: Target & { record: SessionRecord }) => Promise<unknown>,
  ) => {
    const each = world({ storeTimeout: 150 });
    const target = await each.stored({ n: 0 });
    each.store.bend = (call, go) =>
      call.name === 'replace' && call.key === target.key ? Promise.resolve(false) : go();
    const random = jest.spyOn(Math, 'random').mockReturnValue(1);
    const started = each.clock.now();
    const seen = watch(work(each, target), each.clock);
    await each.clock.advance(5_000);
    random.mockRestore();
    expect((seen.at ?? Infinity) - started).toBeLessThanOrEqual(150);
    expect(each.store.countOf('replace')).toBeGreaterThan(5);
    return { ...seen, record: each.store.findSync(target.key) };
  };

  it('a write is rejected', async () => {
    const { error } = await lost(({ lanes }, target) => lanes.write(target, increment('n')));
    expect(error).toEqual(withCode('ERR_SESSION_CONFLICT'));
  });

  it('an end removes the record', async () => {
    const { value, record } = await lost(({ lanes }, { key, record: read }) => lanes.end(key, read));
    expect([value, record]).toEqual([true, null]);
  });

  it('a move is rejected', async () => {
    const { error, record } = await lost(({ lanes, fresh }, target) => lanes.move(target, fresh()));
    expect(error).toEqual(withCode('ERR_SESSION_CONFLICT'));
    expect(record?.closed).toBeUndefined();
  });
});

describe('a new session', () => {
  it('never takes over a record that is there: it takes another id (S8, I10)', async () => {
    const { lanes, store, fresh, dataOf } = world();
    const theirs = fresh('taken');
    await lanes.write(theirs, from({}, { theirs: 1 }));
    const mine = fresh('taken', 'free');
    const { record } = await lanes.write(mine, from({}, { mine: 1 }));
    expect([record.key, mine.key, mine.renewals, mine.record]).toEqual(['free', 'free', 1, record]);
    expect([await dataOf(theirs.key), await dataOf(mine.key)]).toEqual([{ theirs: 1 }, { mine: 1 }]);
    expect(store.calls).toEqual(['insert', 'insert', 'find', 'insert']);
  });

  it('does not take over a closed record either', async () => {
    const { lanes, fresh, stored } = world();
    const old = await stored({});
    await lanes.end(old.key, null);
    const mine = fresh(old.key, 'free');
    expect((await lanes.write(mine, from({}, { a: 1 }))).record.key).toBe('free');
  });

  it('fails with what its source of ids says where there is none left to take', async () => {
    const { lanes, store, fresh } = world();
    await lanes.write(fresh('taken'), from({}, { theirs: 1 }));
    const mine = fresh('taken');
    const none = new Error('no ids left');
    mine.renew = () => {
      throw none;
    };
    await expect(lanes.write(mine, increment('n'))).rejects.toBe(none);
    expect(store.countOf('insert')).toBe(2);
  });

  it('keeps one lane when it takes another id: what comes meanwhile waits its turn there', async () => {
    const { lanes, store, fresh, dataOf } = world();
    await lanes.write(fresh('taken'), from({}, { theirs: 1 }));
    store.calls = [];
    store.bend = slowly;
    const mine = fresh('taken', 'free');
    const writes = [lanes.write(mine, increment('n'))];
    await until(() => mine.renewals > 0);
    // The insert under the new key is on its way.
    writes.push(lanes.write(mine, increment('n')), lanes.write(mine, from({}, { late: 1 })));
    await Promise.all(writes);
    expect(store.calls).toEqual(['insert', 'find', 'insert', 'replace']);
    expect(await dataOf(mine.key)).toEqual({ n: 2, late: 1 });
    await lanes.idle();
    store.calls = [];
    await lanes.write(mine, increment('n'));
    expect(store.calls).toEqual(['replace']);
  });

  it('is never mixed up with the session whose id it hit, though both write in one tick', async () => {
    const { lanes, fresh, stored, reader, dataOf } = world();
    const { key } = await stored({ owner: 'ada' });
    const ada = await reader(key);
    const stranger = fresh(key, 'free');
    await Promise.all([
      lanes.write(stranger, from({}, { stranger: 1 })),
      lanes.write(ada, from({ owner: 'ada' }, { owner: 'ada', n: 1 })),
    ]);
    // Otherwise the stranger's cookie opens ada's session.
    expect([stranger.record?.key, ada.record?.key]).toEqual(['free', key]);
    expect([await dataOf(stranger.key), await dataOf(key)]).toEqual([
      { stranger: 1 },
      { owner: 'ada', n: 1 },
    ]);
  });

  it('is never mixed up with the session whose id it hit, though that is written to while it takes another', async () => {
    const { lanes, store, fresh, stored, reader, dataOf } = world();
    const { key } = await stored({ owner: 'ada' });
    const ada = await reader(key);
    const stranger = fresh(key, 'free');
    store.bend = slowly;
    const begun = lanes.write(stranger, from({}, { stranger: 1 }));
    await until(() => stranger.renewals > 0);
    await lanes.write(ada, from({ owner: 'ada' }, { owner: 'ada', n: 1 }));
    await begun;
    expect([stranger.record?.key, ada.record?.key]).toEqual(['free', key]);
    expect([await dataOf(stranger.key), await dataOf(key)]).toEqual([
      { stranger: 1 },
      { owner: 'ada', n: 1 },
    ]);
  });

  it('is not ended by a session that ended under the key it hit', async () => {
    const { lanes, store, fresh, stored, dataOf } = world();
    const { key, record } = await stored({ owner: 'ada' });
    const stranger = fresh(key, 'free');
    store.bend = slowly;
    const begun = lanes.write(stranger, from({}, { stranger: 1 }));
    const logout = lanes.end(key, record);
    await begun;
    expect(await logout).toBe(true);
    expect([await dataOf(stranger.key), await dataOf(key)]).toEqual([{ stranger: 1 }, null]);
  });
});

it('rejects its own jobs only where the session ended elsewhere between two attempts', async () => {
  const { lanes, other, store, stored, reader } = world();
  const { key, record } = await stored({ n: 0 });
  const [mine, again] = [await reader(key), await reader(key)];
  store.bend = beforeCalls('replace', 1, async () => {
    store.bend = (_call, go) => go();
    await other().end(key, record);
  });
  const results = await Promise.allSettled([
    lanes.write(mine, increment('n')),
    lanes.write(again, increment('n')),
  ]);
  for (const result of results)
    expect(result).toEqual({ status: 'rejected', reason: withCode('ERR_SESSION_ENDED') });
  expect(store.findSync(key)?.closed).toBeDefined();
});

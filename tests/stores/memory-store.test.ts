// The memory store beyond the contract, which the kit proves: options, expiry, eviction, listing, indexes.
import { MAX_TIMER_MS } from '../../src/core/clock.js';
import type { SessionId } from '../../src/core/contract.js';
import { handleOf } from '../../src/core/ids.js';
import { ExpiryIndex } from '../../src/stores/expiry-index.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { thrownBy, withCode } from '../support/failures.js';
import { HOUR, keyOf, storeOf } from './support.js';

const DAY = 86_400_000;
const handle = (name: string): string => handleOf(name as SessionId);

describe('options', () => {
  it.each<[Record<string, unknown>, string]>([
    [{ maxAge: 0 }, '"maxAge" must be a number of milliseconds above 0'],
    [{ maxAge: NaN }, '"maxAge" must be a number of milliseconds above 0'],
    [{ maxAge: '1h' }, '"maxAge" must be a number of milliseconds above 0'],
    [{ cleanupInterval: -1 }, '"cleanupInterval" must be a number of milliseconds, 0 for none'],
    [{ indexInterval: NaN }, '"indexInterval" must be a number of milliseconds, 0 for none'],
    [{ maxSessions: 0 }, '"maxSessions" must be a whole number above 0'],
    [{ maxSessions: 1.5 }, '"maxSessions" must be a whole number above 0'],
    [{ idAtRest: 'md5' }, "\"idAtRest\" must be 'sha256' or 'plain'"],
    [{ clock: 5 }, '"clock" must be a clock with now() and after(ms, callback)'],
    [{ maxsessions: 5 }, '"maxsessions" is not an option, "maxSessions" is'],
    [{ ttl: 5 }, '"ttl" is not an option'],
  ])('refuses %p', (options, message) => {
    const error = thrownBy(() => new MemoryStore(options));
    expect(error.code).toBe('ERR_SESSION_OPTIONS');
    expect(error.message).toContain(`Wrong options for MemoryStore: ${message}`);
  });

  it('names all wrong fields at once', () => {
    expect(() => new MemoryStore({ maxAge: -1, maxSessions: -1 })).toThrow(/"maxAge".*"maxSessions"/);
  });

  it('has none that must be given', async () => {
    const store = new MemoryStore();
    expect(store.idAtRest).toBe('sha256');
    await store.close();
  });
});

describe('expiry', () => {
  it('S26 forgets a session when its time is over, with the sweeper stopped, and tells by handle (P7)', async () => {
    const { clock, store, add, events } = storeOf();
    const { key } = await add('a');
    await clock.advance(HOUR - 1);
    expect(store.findSync(key)).not.toBeNull();
    await clock.advance(1);
    expect(store.findSync(key)).toBeNull();
    expect(events).toEqual([['expired', handle('a')]]);
    expect(await store.find(key)).toBeNull();
    expect(events).toHaveLength(1);
  });

  it('S27 ends at the deadline, whatever the expiry says', async () => {
    const { clock, store, add } = storeOf();
    const { key } = await add('a', { deadlineAt: clock.now() + 1_000 });
    await clock.advance(999);
    expect(store.findSync(key)).not.toBeNull();
    await store.extend(key, clock.now() + DAY);
    await clock.advance(1);
    expect(store.findSync(key)).toBeNull();
  });

  it('gives a session that brings no expiry the store’s maxAge after each write and touch, and keeps the record’s null', async () => {
    const { clock, store, record, add } = storeOf({ maxAge: 5_000 });
    const first = await add('a', { expiresAt: null, idleMs: null });
    expect(store.findSync(first.key)?.expiresAt).toBeNull();
    await clock.advance(4_000);
    await store.extend(first.key, null);
    await clock.advance(4_000);
    expect(store.findSync(first.key)?.expiresAt).toBeNull();
    await store.replace(record('a', { expiresAt: null, idleMs: null }), first.version);
    await clock.advance(4_999);
    expect(store.findSync(first.key)).not.toBeNull();
    await clock.advance(1);
    expect(store.findSync(first.key)).toBeNull();
  });

  it('is a day by default', async () => {
    const { clock, store, add } = storeOf();
    const { key } = await add('a', { expiresAt: null, idleMs: null });
    await clock.advance(DAY - 1);
    expect(store.findSync(key)).not.toBeNull();
    await clock.advance(1);
    expect(store.findSync(key)).toBeNull();
  });

  it('is the record’s own after a touch that brings one', async () => {
    const { clock, store, add } = storeOf({ maxAge: 5_000 });
    const { key } = await add('a', { expiresAt: null, idleMs: null });
    await store.extend(key, clock.now() + 9_000);
    expect(store.findSync(key)?.expiresAt).toBe(clock.now() + 9_000);
  });

  it('inserts anew under the key of a session whose time is over', async () => {
    const { clock, store, add, record } = storeOf();
    const { version } = await add('a');
    await clock.advance(HOUR);
    expect(await store.replace(record('a'), version)).toBe(false);
    expect(await store.extend(keyOf('a'), clock.now() + HOUR)).toBe(false);
    expect(await store.insert(record('a'))).toBe(true);
    await clock.advance(HOUR);
    expect(await store.remove(keyOf('a'))).toBe(false);
  });
});

describe('removeExpired', () => {
  it('removes what has ended, with and without owner, up to its limit, and tells each', async () => {
    const { clock, store, add, events } = storeOf();
    for (let at = 0; at < 5; at++) await add(`a${String(at)}`, at % 2 === 0 ? { owner: 'ada' } : {});
    await add('stays', { expiresAt: clock.now() + DAY });
    await clock.advance(HOUR + 2_000);
    expect([
      await store.removeExpired(2),
      await store.removeExpired(10),
      await store.removeExpired(10),
    ]).toEqual([2, 3, 0]);
    expect(events.map(([, name]) => name).sort()).toEqual(
      [0, 1, 2, 3, 4].map((at) => handle(`a${String(at)}`)).sort(),
    );
    expect(await store.count()).toBe(1);
  });

  it('removes closed records that have outlived their minute, and tells nobody: they ended long ago', async () => {
    const { clock, store, add, record, events } = storeOf();
    const { version } = await add('a');
    await store.replace(
      record('a', { closed: { at: clock.now() }, expiresAt: clock.now() + 60_000 }),
      version,
    );
    expect(await store.count()).toBe(0);
    await clock.advance(63_000);
    expect(await store.removeExpired(10)).toBe(1);
    expect([await store.count(), events]).toEqual([0, []]);
    expect(await store.insert(record('a'))).toBe(true);
  });

  it('works in slices: the event loop turns while thousands go', async () => {
    const { clock, store, add } = storeOf();
    for (let at = 0; at < 5_000; at++) await add(String(at));
    await clock.advance(HOUR + 2_000);
    let turns = 0;
    let isDone = false;
    const turn = (): void => {
      turns++;
      if (!isDone) setImmediate(turn);
    };
    setImmediate(turn);
    expect(await store.removeExpired(10_000)).toBe(5_000);
    isDone = true;
    expect(turns).toBeGreaterThanOrEqual(9);
  });
});

describe('maxSessions', () => {
  it('evicts the session that would expire first, one for each that comes, and tells by handle', async () => {
    const { clock, store, add, names, events } = storeOf({ maxSessions: 3 });
    for (const [name, hours] of [
      ['b', 2],
      ['a', 1],
      ['c', 3],
    ] as const)
      await add(name, { expiresAt: clock.now() + hours * HOUR });
    await add('d', { expiresAt: clock.now() + 4 * HOUR });
    await add('e', { expiresAt: clock.now() + 5 * HOUR });
    expect((await names()).sort()).toEqual(['c', 'd', 'e']);
    expect(events).toEqual([
      ['evicted', handle('a')],
      ['evicted', handle('b')],
    ]);
    expect(await store.count()).toBe(3);
  });

  it('evicts sessions without an owner before all others, however late they end (S46)', async () => {
    const { clock, add, names } = storeOf({ maxSessions: 3 });
    await add('ada', { owner: 'ada', expiresAt: clock.now() + 1_000 });
    await add('bob', { owner: 'bob' });
    await add('guest', { expiresAt: clock.now() + DAY });
    await add('guest 2', { expiresAt: clock.now() + DAY });
    expect((await names()).sort()).toEqual(['ada', 'bob', 'guest 2']);
    await add('eve', { owner: 'eve' });
    expect((await names()).sort()).toEqual(['ada', 'bob', 'eve']);
    await add('fay', { owner: 'fay' });
    expect((await names()).sort()).toEqual(['bob', 'eve', 'fay']);
  });

  it('evicts the one that has waited longest where they end alike', async () => {
    const { add, names } = storeOf({ maxSessions: 3 });
    for (const name of ['first', 'second', 'third', 'fourth']) await add(name);
    expect((await names()).sort()).toEqual(['fourth', 'second', 'third']);
  });

  it('evicts nobody for a session that is there already or for a change of one', async () => {
    const { store, add, record, names, events } = storeOf({ maxSessions: 2 });
    const a = await add('a');
    await add('b');
    expect(await store.insert(record('a'))).toBe(false);
    expect(await store.replace(record('a'), a.version)).toBe(true);
    expect([(await names()).sort(), events]).toEqual([['a', 'b'], []]);
  });

  it('S46 lets a flood of guests leave the users alone', async () => {
    const { add, names } = storeOf({ maxSessions: 100 });
    for (let at = 0; at < 50; at++) await add(`user ${String(at)}`, { owner: String(at) });
    for (let at = 0; at < 1_000; at++) await add(`guest ${String(at)}`);
    const left = await names();
    expect(left).toHaveLength(100);
    expect(left.filter((name) => name.startsWith('user'))).toHaveLength(50);
  });

  it('evicts a closed record without a word', async () => {
    const { clock, store, add, record, events } = storeOf({ maxSessions: 1 });
    const { version } = await add('a');
    await store.replace(
      record('a', { closed: { at: clock.now() }, expiresAt: clock.now() + 60_000 }),
      version,
    );
    await add('b');
    expect([store.findSync(keyOf('a')), events]).toEqual([null, []]);
  });
});

describe('page', () => {
  it('lists what lives, a page at a time, without and with data', async () => {
    const { clock, store, add, record } = storeOf();
    for (let at = 0; at < 5; at++) await add(String(at));
    const closed = await add('closed');
    await store.replace(record('closed', { closed: { at: clock.now() } }), closed.version);
    await add('soon over', { expiresAt: clock.now() + 1 });
    await clock.advance(1);
    const first = await store.page({ limit: 3 });
    expect(first.records.map(({ key }) => key)).toEqual(['0', '1', '2']);
    expect(first.cursor).not.toBeNull();
    const rest = await store.page({ limit: 10, withData: false, cursor: first.cursor ?? '' });
    expect(rest.records.map((entry) => ('data' in entry ? [entry.key, entry.data] : entry))).toEqual([
      ['3', '{}'],
      ['4', '{}'],
    ]);
    expect(rest.cursor).toBeNull();
  });

  it('misses and repeats none that lives through the listing, whatever comes and goes meanwhile', async () => {
    const { store, add } = storeOf();
    for (let at = 0; at < 2_000; at++) await add(`stays ${String(at)}`);
    for (let at = 0; at < 500; at++) await add(`goes ${String(at)}`);
    const seen: string[] = [];
    let at = 0;
    for await (const { key } of store.scan()) {
      seen.push(key);
      if (at < 500) {
        await store.remove(keyOf(`goes ${String(at)}`));
        await add(`comes ${String(at++)}`);
      }
    }
    const stays = seen.filter((key) => key.startsWith('stays'));
    expect([stays.length, new Set(stays).size]).toEqual([2_000, 2_000]);
  });

  it('is bounded by places: after a mass expiry it says where to go on instead of searching on', async () => {
    const { store, add } = storeOf();
    for (let at = 0; at < 3_000; at++) await add(String(at));
    for (let at = 0; at < 2_999; at++) await store.remove(keyOf(String(at)));
    const first = await store.page({ limit: 10 });
    expect([first.records, first.cursor]).toEqual([[], '500']);
    const found: string[] = [];
    for await (const { key } of store.scan()) found.push(key);
    expect(found).toEqual(['2999']);
  });

  it.each(['x', '-1', '1.5', 'NaN', '1e30', ' '.repeat(2) + 'a'])('refuses the cursor %p', async (cursor) => {
    const { store } = storeOf();
    await expect(store.page({ limit: 1, cursor })).rejects.toEqual(withCode('ERR_SESSION_CURSOR'));
  });

  it('ends at once for a cursor past the end', async () => {
    const { store } = storeOf();
    expect(await store.page({ limit: 1, cursor: '99' })).toEqual({ records: [], cursor: null });
  });

  it('hands out records that nobody changes afterwards', async () => {
    const { store, add } = storeOf();
    const { key } = await add('a', { meta: { agent: 'x' } });
    const found = store.findSync(key);
    Object.assign(found?.meta as object, { agent: 'y' });
    expect(store.findSync(key)?.meta).toEqual({ agent: 'x' });
  });
});

describe('the owner index', () => {
  it('lists the sessions of one user, a page at a time, in a stable order', async () => {
    const { store, add } = storeOf();
    for (let at = 0; at < 7; at++) await add(`s${String(at)}`, { owner: at % 2 === 0 ? 'ada' : 'bob' });
    const first = await store.page({ owner: 'ada', limit: 3 });
    expect(first.records.map(({ key }) => key)).toEqual(['s0', 's2', 's4']);
    const rest = await store.page({ owner: 'ada', limit: 3, cursor: first.cursor ?? '' });
    expect([rest.records.map(({ key }) => key), rest.cursor]).toEqual([['s6'], null]);
    expect(await store.page({ owner: 'nobody', limit: 3 })).toEqual({ records: [], cursor: null });
  });

  it('follows changes, endings, removals and expiry', async () => {
    const { clock, store, add, record, names } = storeOf();
    const a = await add('a', { owner: 'ada' });
    const b = await add('b', { owner: 'ada' });
    await add('c', { owner: 'ada', expiresAt: clock.now() + 1_000 });
    await add('d', { owner: 'ada' });
    await store.replace(record('a', { owner: 'ada' }), a.version);
    await store.replace(record('b', { closed: { at: clock.now() } }), b.version);
    await store.remove(keyOf('d'));
    await clock.advance(1_000);
    expect(await names('ada')).toEqual(['a']);
    await store.remove(keyOf('a'));
    expect(await names('ada')).toEqual([]);
  });
});

describe('the rebuild of the indexes', () => {
  it('makes the indexes true again from the sessions themselves', async () => {
    const { clock, store, add } = storeOf({ indexInterval: HOUR / 2 });
    for (let at = 0; at < 1_200; at++) {
      // As if a bug had lost it: stored, and in no index.
      const lost = jest.spyOn(ExpiryIndex.prototype, 'add').mockImplementationOnce(() => undefined);
      await add(String(at));
      lost.mockRestore();
    }
    await clock.advance(HOUR / 2 - 1);
    const filed = jest.spyOn(ExpiryIndex.prototype, 'add');
    await clock.advance(1);
    expect(filed).toHaveBeenCalledTimes(1_200);
    filed.mockRestore();
    await store.close();
    await clock.advance(HOUR);
    expect(await store.removeExpired(2_000)).toBe(1_200);
  });

  it('is needed for that: what no index holds, no sweep finds', async () => {
    const { clock, store, add } = storeOf();
    const lost = jest.spyOn(ExpiryIndex.prototype, 'add').mockImplementationOnce(() => undefined);
    await add('a');
    lost.mockRestore();
    await clock.advance(HOUR + 5_000);
    expect(await store.removeExpired(10)).toBe(0);
  });

  it('loses nothing and doubles nothing under traffic', async () => {
    const { clock, store, add, record, names } = storeOf({ indexInterval: 1_000, cleanupInterval: 1_000 });
    for (let at = 0; at < 2_000; at++)
      await add(`s${String(at)}`, { owner: `u${String(at % 10)}`, expiresAt: clock.now() + HOUR + at });
    const passing = clock.advance(3_000);
    for (let at = 0; at < 500; at++) {
      await store.remove(keyOf(`s${String(at)}`));
      const found = store.findSync(keyOf(`s${String(at + 500)}`));
      await store.replace(record(`s${String(at + 500)}`, { owner: 'moved' }), found?.version ?? '');
      await add(`new ${String(at)}`, { owner: 'new' });
      if (at % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await passing;
    store.stopIndexRebuild();
    expect(await store.count()).toBe(2_000);
    expect(new Set(await names()).size).toBe(2_000);
    expect([(await names('moved')).length, (await names('new')).length, (await names('u1')).length]).toEqual([
      500, 500, 100,
    ]);
    await clock.advance(HOUR + 10_000);
    expect(await store.count()).toBe(0);
    await store.close();
  });
});

describe('timers', () => {
  it('sweep by themselves unless the interval is 0', async () => {
    for (const [cleanupInterval, left] of [
      [10_000, 0],
      [0, 3],
    ] as const) {
      const { clock, store, add } = storeOf({ cleanupInterval });
      for (const name of ['a', 'b', 'c']) await add(name);
      await clock.advance(HOUR + 12_000);
      expect(await store.count()).toBe(left);
      await store.close();
    }
  });

  it('start and stop once, however often they are told to', async () => {
    const { clock, store } = storeOf();
    expect(clock.waiting).toBe(0);
    for (let time = 0; time < 3; time++) {
      store.startCleanup();
      store.startIndexRebuild();
    }
    expect(clock.waiting).toBe(2);
    for (let time = 0; time < 3; time++) {
      store.stopCleanup();
      store.stopIndexRebuild();
    }
    expect(clock.waiting).toBe(0);
    store.startCleanup();
    expect(clock.waiting).toBe(1);
    await store.close();
    await store.close();
    expect(clock.waiting).toBe(0);
  });

  it('sweep once a minute after a start by hand, where the interval was 0', async () => {
    const { clock, store, add } = storeOf({ cleanupInterval: 0 });
    await add('a', { expiresAt: clock.now() + 1_000 });
    store.startCleanup();
    await clock.advance(59_999);
    expect(await store.count()).toBe(1);
    await clock.advance(1);
    expect(await store.count()).toBe(0);
    await store.close();
  });

  it.each([24.8 * DAY, 25 * DAY, 2 ** 31, 365 * DAY, Infinity])(
    'with an interval of %p ms do not run hot (F17)',
    async (interval) => {
      const asked: number[] = [];
      const { clock, store } = storeOf();
      const watched = {
        now: () => clock.now(),
        after: (ms: number, callback: () => void) => (asked.push(ms), clock.after(ms, callback)),
      };
      const other = new MemoryStore({ clock: watched, cleanupInterval: interval, indexInterval: interval });
      await clock.advance(60_000);
      expect(asked).toEqual([Math.min(interval, MAX_TIMER_MS), Math.min(interval, MAX_TIMER_MS)]);
      await Promise.all([store.close(), other.close()]);
    },
  );

  it('leave sessions readable after close()', async () => {
    const { store, add } = storeOf({ cleanupInterval: 1_000 });
    const { key } = await add('a');
    await store.close();
    expect(store.findSync(key)).not.toBeNull();
  });
});

describe('replace', () => {
  const pageOf = async ({ store }: ReturnType<typeof storeOf>, owner: string): Promise<string[]> =>
    (await store.page({ owner, limit: 10 })).records.map(({ key }) => key);

  it('files a session that changes its owner under the new one only, and a session that loses it under none', async () => {
    const each = storeOf();
    const { clock, store, add, record } = each;
    let { version } = await add('a');
    await add('ada stays', { owner: 'ada' });
    await add('bob stays', { owner: 'bob' });
    for (const [owner, ada, bob] of [
      ['ada', ['a', 'ada stays'], ['bob stays']],
      ['bob', ['ada stays'], ['a', 'bob stays']],
      ['bob', ['ada stays'], ['a', 'bob stays']],
      [undefined, ['ada stays'], ['bob stays']],
      ['ada', ['a', 'ada stays'], ['bob stays']],
    ] as const) {
      const next = record('a', owner === undefined ? {} : { owner });
      expect(await store.replace(next, version)).toBe(true);
      ({ version } = next);
      expect([(await pageOf(each, 'ada')).sort(), (await pageOf(each, 'bob')).sort()]).toEqual([ada, bob]);
      expect([store.findSync(keyOf('a'))?.owner, await store.count()]).toEqual([owner, 3]);
    }
    await clock.advance(HOUR + 2_000);
    expect([await store.removeExpired(10), await store.count()]).toEqual([3, 0]);
    expect([await pageOf(each, 'ada'), await pageOf(each, 'bob')]).toEqual([[], []]);
  });

  it('makes an owner’s session one that goes after those without, and the other way round', async () => {
    const { store, add, record, names } = storeOf({ maxSessions: 2 });
    const a = await add('a');
    const b = await add('b', { owner: 'bob' });
    await store.replace(record('a', { owner: 'ada' }), a.version);
    await store.replace(record('b'), b.version);
    await add('c', { owner: 'eve' });
    expect((await names()).sort()).toEqual(['a', 'c']);
  });

  it('that closes a session takes it out of the count and from its owner, once', async () => {
    for (const owner of [undefined, 'ada']) {
      const each = storeOf();
      const { clock, store, add, record } = each;
      const a = await add('a', { owner: 'ada' });
      await add('b', { owner: 'ada' });
      const extra = owner === undefined ? {} : { owner };
      const closed = record('a', { ...extra, closed: { at: clock.now() }, expiresAt: clock.now() + 60_000 });
      expect(await store.replace(closed, a.version)).toBe(true);
      expect([await store.count(), await pageOf(each, 'ada')]).toEqual([1, ['b']]);
      // It stays as it is.
      expect(await store.replace(record('a', { owner: 'ada' }), closed.version)).toBe(false);
      expect(await store.extend(keyOf('a'), clock.now() + HOUR)).toBe(false);
      expect([await store.count(), store.findSync(keyOf('a'))?.closed]).toEqual([1, closed.closed]);
      await clock.advance(63_000);
      expect([await store.removeExpired(10), await store.count()]).toEqual([1, 1]);
      expect([store.keys(), await pageOf(each, 'ada')]).toEqual([['b'], ['b']]);
      await store.remove(keyOf('b'));
      expect(await store.count()).toBe(0);
    }
  });

  it.each([
    ['later', 3 * HOUR],
    ['earlier', HOUR / 2],
  ])('that gives a session a %s end has it swept at that one', async (_when, life) => {
    for (const extra of [{}, { owner: 'ada' }]) {
      const { clock, store, add, record } = storeOf();
      const { version } = await add('a', extra);
      await store.replace(record('a', { ...extra, expiresAt: clock.now() + life }), version);
      await clock.advance(life - 1);
      expect([await store.removeExpired(10), store.findSync(keyOf('a')) !== null]).toEqual([0, true]);
      await clock.advance(1_024);
      expect([await store.removeExpired(10), await store.count()]).toEqual([1, 0]);
    }
  });
});

describe('a session that is extended', () => {
  it.each([
    ['without an owner', {}],
    ['of a user', { owner: 'ada' }],
  ])('is neither swept at its old end nor kept after its new one, %s', async (_whose, extra) => {
    const { clock, store, add, events } = storeOf();
    await add('a', extra);
    await add('beside', { ...extra, expiresAt: clock.now() + HOUR });
    for (let use = 0; use < 5; use++) {
      await clock.advance(HOUR / 2);
      expect(await store.extend(keyOf('a'), clock.now() + HOUR)).toBe(true);
      await store.removeExpired(10);
      expect(store.findSync(keyOf('a'))).not.toBeNull();
    }
    expect([store.keys(), events]).toEqual([['a'], [['expired', handle('beside')]]]);
    await clock.advance(HOUR - 1);
    expect([await store.removeExpired(10), store.keys()]).toEqual([0, ['a']]);
    await clock.advance(1_024);
    expect([await store.removeExpired(10), store.keys()]).toEqual([1, []]);
    expect(events.at(-1)).toEqual(['expired', handle('a')]);
  });

  it('is swept in its turn among thousands that were extended too', async () => {
    const { clock, store, add } = storeOf();
    for (let at = 0; at < 2_000; at++) await add(String(at));
    for (let at = 0; at < 2_000; at += 2) await store.extend(keyOf(String(at)), clock.now() + 2 * HOUR);
    await clock.advance(HOUR + 2_000);
    expect([await store.removeExpired(10_000), await store.count()]).toEqual([1_000, 1_000]);
    expect(store.keys().every((key) => Number(key) % 2 === 0)).toBe(true);
    await clock.advance(HOUR);
    expect([await store.removeExpired(10_000), await store.count()]).toEqual([1_000, 0]);
  });

  it.each([
    ['without an owner', {}],
    ['of a user', { owner: 'ada' }],
  ])(
    'leaves with maxSessions the place of the first to go to the one that ends first now, %s',
    async (_whose, extra) => {
      const { clock, store, add, names, events } = storeOf({ maxSessions: 3 });
      const started = clock.now();
      for (const [name, hours] of [
        ['a', 1],
        ['b', 2],
        ['c', 3],
      ] as const)
        await add(name, { ...extra, expiresAt: started + hours * HOUR });
      await store.extend(keyOf('a'), started + 6 * HOUR);
      await add('d', { ...extra, expiresAt: started + 4 * HOUR });
      expect((await names()).sort()).toEqual(['a', 'c', 'd']);
      await store.extend(keyOf('c'), started + 5 * HOUR);
      await add('e', { ...extra, expiresAt: started + 7 * HOUR });
      await add('f', { ...extra, expiresAt: started + 8 * HOUR });
      await add('g', { ...extra, expiresAt: started + 9 * HOUR });
      expect((await names()).sort()).toEqual(['e', 'f', 'g']);
      expect(events.map(([, name]) => name)).toEqual(['b', 'd', 'c', 'a'].map(handle));
    },
  );
});

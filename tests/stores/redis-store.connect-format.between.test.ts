// Ours and connect-redis on the same keys, step by step: what it does is done here by its commands (SET with EX, GET, EXPIRE,
// DEL), between any two of ours. Nothing of theirs is overwritten unseen, and nothing that ended at either side is revived.
import { CLOSED_FOR_MS, type SessionRecord } from '../../src/core/contract.js';
import { closedRecord, newVersion } from '../../src/core/record.js';
import type { RedisStoreOptions } from '../../src/stores/redis-store.js';
import { onRedis } from '../support/on-redis.js';
import { CLIENTS } from '../support/redis-clients.js';
import { HOUR, redisWorld } from '../support/redis-world.js';

const DAY = 24 * HOUR;
const HOUR_SECONDS = String(HOUR / 1_000);
/** What passes between a command and the look at its effect at most, ms. */
const PASSED = 500;
const COOKIE = { originalMaxAge: HOUR, httpOnly: true, path: '/' };

onRedis((redis) => {
  describe.each(CLIENTS)('with %s', (_client, connect) => {
    const open = async (options: Partial<RedisStoreOptions> = {}) => {
      const world = await redisWorld(connect, redis.port, { format: 'connect-redis', ...options });
      const { store, clock, keyOf } = world;
      /** As connect-redis lets express-session write. */
      const theirs = async (data: object, expires: number | null = clock.now() + HOUR, ...end: string[]) => {
        const at = expires === null ? null : new Date(expires).toISOString();
        const text = JSON.stringify({ cookie: { ...COOKIE, expires: at }, ...data });
        await redis.ask('SET', 'sess:x', text, ...(end.length === 0 ? ['EX', HOUR_SECONDS] : end));
        return text;
      };
      const found = async (): Promise<SessionRecord> => {
        const record = await store.find(keyOf('x'));
        if (record === null) throw new Error('There is no session.');
        return record;
      };
      /** A write of ours on top of what was read. */
      const change = (record: SessionRecord, data: object): Promise<boolean> =>
        store.replace({ ...record, version: newVersion(), data: JSON.stringify(data) }, record.version);
      const read = async (): Promise<unknown> => JSON.parse(String(await redis.ask('GET', 'sess:x')));
      const left = async (): Promise<number> => Number(await redis.ask('PTTL', 'sess:x'));
      return { ...world, theirs, found, change, read, left, key: keyOf('x') };
    };
    const near = (actual: number | null, expected: number): void => {
      expect(Math.abs((actual ?? 0) - expected)).toBeLessThan(PASSED);
    };

    describe('a session that they made', () => {
      it('is found as they wrote it, with its end, and with no facts that nobody knows', async () => {
        const { theirs, found, clock, store } = await open();
        await theirs({ user: 'ada' });
        expect(await found()).toEqual({
          v: 1,
          key: 'x',
          data: JSON.stringify({ cookie: COOKIE, user: 'ada' }),
          version: expect.stringMatching(/^[0-9a-f]{40}$/) as string,
          // Nobody knows.
          createdAt: expect.any(Number) as number,
          deadlineAt: null,
          idleMs: HOUR,
          expiresAt: clock.now() + HOUR,
        });
        expect(await store.get('x')).toMatchObject({ user: 'ada', cookie: COOKIE });
        expect((await found()).version).toBe((await found()).version);
        expect((await found()).createdAt).toBeLessThanOrEqual(clock.now());
      });

      it('is changed by compare-and-set, once for one reading, in a way that they can read', async () => {
        const { theirs, found, change, read, clock } = await open();
        await theirs({ user: 'ada' });
        const before = await found();
        expect(await change(before, { cookie: COOKIE, user: 'ada', cart: [1] })).toBe(true);
        expect(await change(before, { cookie: COOKIE, user: 'ada', cart: [2] })).toBe(false);
        const expires = new Date(clock.now() + HOUR).toISOString();
        expect(await read()).toEqual({ cookie: { ...COOKIE, expires }, user: 'ada', cart: [1] });
        expect(await change(await found(), { cookie: COOKIE, cart: [3] })).toBe(true);
        expect(await read()).toMatchObject({ cart: [3] });
      });

      it('is touched without a change of its text', async () => {
        const { theirs, found, store, key, clock, left } = await open();
        const text = await theirs({ user: 'ada' });
        const { version } = await found();
        expect(await store.extend(key, clock.now() + DAY)).toBe(true);
        near(await left(), DAY);
        expect(await redis.ask('GET', 'sess:x')).toBe(text);
        const record = await found();
        expect(record.version).toBe(version);
        near(record.expiresAt, clock.now() + DAY);
        expect(await store.extend(key, clock.now() + HOUR)).toBe(true);
        near(await left(), DAY);
      });

      it('is ended by ours: they find nothing, and it stays so', async () => {
        const { theirs, found, store, key, clock } = await open();
        await theirs({ user: 'ada' });
        const before = await found();
        expect(await store.replace(closedRecord(before, clock.now()), before.version)).toBe(true);
        expect(await redis.ask('GET', 'sess:x')).toBeNull();
        expect(await store.find(key)).toMatchObject({ closed: { at: clock.now() }, data: '{}' });
        await theirs({ again: true });
        expect(await store.remove(key)).toBe(true);
        expect(await redis.ask('GET', 'sess:x')).toBeNull();
      });

      it('is in the way of a new one, and lies within the listings', async () => {
        const { theirs, store, record } = await open();
        const text = await theirs({ user: 'ada' });
        expect(await store.insert(record('x'))).toBe(false);
        expect(await redis.ask('GET', 'sess:x')).toBe(text);
        expect(await store.ids()).toEqual(['x']);
        expect(await store.all()).toMatchObject([{ id: 'x', user: 'ada' }]);
      });

      it('is revoked with all that began before, and not when it began later', async () => {
        const { theirs, store, key, clock } = await open();
        await theirs({ user: 'ada' });
        clock.advance(60_000);
        await store.revokeBefore(clock.now());
        expect(await store.find(key)).toBeNull();
        await redis.ask('DEL', 'sess:x');
        clock.advance(60_000);
        await theirs({ user: 'bob' });
        expect(await store.find(key)).not.toBeNull();
      });

      it('stays revoked when they use it on', async () => {
        const { theirs, store, key, clock } = await open();
        await theirs({ user: 'ada' });
        clock.advance(60_000);
        await store.revokeBefore(clock.now());
        clock.advance(60_000);
        await redis.ask('EXPIRE', 'sess:x', HOUR_SECONDS);
        expect(await store.find(key)).toBeNull();
      });

      it('ends with the browser where they say so, and lives for what Redis counts', async () => {
        const { theirs, found, clock, store } = await open();
        await theirs({}, null);
        expect(await found()).toMatchObject({ expiresAt: null, idleMs: null });
        clock.advance(HOUR - PASSED);
        expect(await store.get('x')).not.toBeNull();
      });

      it.each(['with disableTTL', 'without'])(
        'that Redis keeps for ever, because of their disableTTL, lives on with each touch, %s ours',
        async (how) => {
          const { theirs, found, store, key, clock } = await open({ disableTTL: how === 'with disableTTL' });
          await theirs({ user: 'ada' }, clock.now() + HOUR, 'KEEPTTL');
          for (let touches = 0; touches < 3; touches++) {
            clock.advance(HOUR - 1);
            await found();
            expect(await store.extend(key, clock.now() + HOUR)).toBe(true);
          }
        },
      );
    });

    describe('a session of ours', () => {
      const FACTS = { owner: 'ada', meta: { device: 'phone' } };

      it('that they rewrote is not overwritten: it is found as they left it, with its facts', async () => {
        const { add, theirs, found, change, read, clock } = await open();
        const deadlineAt = clock.now() + 5 * HOUR;
        const before = await add('x', {
          ...FACTS,
          deadlineAt,
          data: JSON.stringify({ cookie: COOKIE, n: 1 }),
        });
        await theirs({ n: 2 });
        expect(await change(before, { cookie: COOKIE, n: 'ours' })).toBe(false);
        expect(await read()).toMatchObject({ n: 2 });
        const after = await found();
        expect(after).toMatchObject({ ...FACTS, deadlineAt, createdAt: before.createdAt, idleMs: HOUR });
        expect(JSON.parse(after.data)).toEqual({ cookie: COOKIE, n: 2 });
        expect(after.version).not.toBe(before.version);
        expect(await change(after, { cookie: COOKIE, n: 3 })).toBe(true);
        expect(await read()).toMatchObject({ n: 3 });
        expect(await found()).toMatchObject({ ...FACTS, deadlineAt });
      });

      it('that they rewrote after each of our readings is never overwritten, and no write of ours is doubled', async () => {
        const { add, theirs, found, change, read } = await open();
        await add('x', FACTS);
        for (let n = 0; n < 20; n++) {
          const before = await found();
          await theirs({ n });
          expect(await change(before, { n: 'ours' })).toBe(false);
          expect(await read()).toMatchObject({ n });
        }
      });

      it('lives on as long after its last use as they say, once they say it', async () => {
        const { add, found, clock } = await open();
        await add('x', FACTS);
        const cookie = { originalMaxAge: 2 * HOUR, expires: new Date(clock.now() + 2 * HOUR).toISOString() };
        await redis.ask('SET', 'sess:x', JSON.stringify({ cookie }), 'EX', '7200');
        expect(await found()).toMatchObject({ idleMs: 2 * HOUR, expiresAt: clock.now() + 2 * HOUR });
      });

      it('without a cookie in its data comes back without theirs', async () => {
        const { add, theirs, found, change } = await open();
        await add('x', { data: '{"n":1}' });
        await theirs({ n: 2 });
        expect((await found()).data).toBe('{"n":2}');
        expect(await change(await found(), { n: 3 })).toBe(true);
        expect((await found()).data).toBe('{"n":3}');
      });

      it('stays the one of its user in the listings after their write', async () => {
        const { add, theirs, store, key } = await open();
        await add('x', FACTS);
        await theirs({ n: 2 });
        const { records } = await store.page({ owner: 'ada', limit: 10 });
        expect(records).toMatchObject([{ key, owner: 'ada' }]);
        await store.revokeBefore(Date.now() + DAY, 'ada');
        expect(await store.find(key)).toBeNull();
      });

      it.each([
        ['later', 3 * HOUR],
        ['earlier', HOUR / 2],
      ])('ends %s when they say so with EXPIRE', async (_when, ms) => {
        const { add, found, clock } = await open();
        const { version } = await add('x', FACTS);
        await redis.ask('EXPIRE', 'sess:x', String(ms / 1_000));
        const record = await found();
        near(record.expiresAt, clock.now() + ms);
        expect(record.version).toBe(version);
      });

      it('never lives past its absolute end, whatever they do', async () => {
        const { add, theirs, found, clock, store, key } = await open();
        const deadlineAt = clock.now() + 2 * HOUR;
        await add('x', { ...FACTS, deadlineAt });
        await redis.ask('EXPIRE', 'sess:x', String(DAY / 1_000));
        expect(await found()).toMatchObject({ expiresAt: deadlineAt });
        await theirs({}, clock.now() + DAY, 'EX', String(DAY / 1_000));
        expect(await found()).toMatchObject({ expiresAt: deadlineAt, deadlineAt });
        await redis.ask('PERSIST', 'sess:x');
        clock.advance(2 * HOUR);
        expect(await store.find(key)).toBeNull();
      });

      it('keeps its absolute end and its user for as long as they may keep it alive', async () => {
        const { add, clock, store, key } = await open();
        await add('x', { ...FACTS, deadlineAt: clock.now() + 7 * DAY });
        await redis.ask('EXPIRE', 'sess:x', String((30 * DAY) / 1_000));
        const kept = Number(await redis.ask('PTTL', '{sess:x}'));
        expect(kept).toBeGreaterThan(7 * DAY - PASSED);
        expect(await store.extend(key, clock.now() + HOUR)).toBe(true);
      });

      it('that they deleted is gone: no write and no touch revives it', async () => {
        const { add, change, store, key, clock, record } = await open();
        const before = await add('x', FACTS);
        await redis.ask('DEL', 'sess:x');
        expect(await store.find(key)).toBeNull();
        expect(await change(before, { n: 1 })).toBe(false);
        expect(await store.extend(key, clock.now() + DAY)).toBe(false);
        expect(await store.replace(closedRecord(before, clock.now()), before.version)).toBe(false);
        expect(await store.remove(key)).toBe(false);
        expect(await redis.ask('EXISTS', 'sess:x')).toBe(0);
        // One that begins anew under the same id has nothing of the one before.
        expect(await store.insert(record('x', { data: '{"n":1}' }))).toBe(true);
        expect(await store.find(key)).not.toHaveProperty('owner');
      });

      it('that has ended is not served again within the minute when they write it once more', async () => {
        const { add, theirs, change, store, key, clock, record } = await open();
        const before = await add('x', FACTS);
        await store.replace(closedRecord(before, clock.now()), before.version);
        await theirs({ late: true });
        clock.advance(CLOSED_FOR_MS - 1);
        const after = await store.find(key);
        expect(after).toMatchObject({ closed: { at: before.createdAt }, data: '{}' });
        expect(await store.get('x')).toBeNull();
        expect((await store.page({ limit: 10 })).records).toEqual([]);
        expect(await change(before, { n: 1 })).toBe(false);
        expect(await change({ ...before, version: after?.version ?? '' }, { n: 1 })).toBe(false);
        expect(await store.extend(key, clock.now() + DAY)).toBe(false);
        expect(await store.insert(record('x'))).toBe(false);
      });

      it('is found by them under every command of theirs', async () => {
        const { add, left, read } = await open();
        await add('x', { ...FACTS, data: JSON.stringify({ cookie: COOKIE, n: 1 }) });
        expect(await redis.ask('MGET', 'sess:x')).toEqual([JSON.stringify(await read())]);
        expect(Number(await redis.ask('EXPIRE', 'sess:x', '60'))).toBe(1);
        near(await left(), 60_000);
        const scanned = (await redis.ask('SCAN', '0', 'MATCH', 'sess:*', 'COUNT', '1000')) as [
          string,
          string[],
        ];
        expect(scanned[1]).toEqual(['sess:x']);
      });
    });
  });
});

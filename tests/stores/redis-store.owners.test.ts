// Whose sessions are whose in Redis: the set of a user's sessions never misses a living one, may name ended ones, and
// does not grow with them.
import { createHash } from 'node:crypto';

import type { SessionKey } from '../../src/core/contract.js';
import { closedRecord } from '../../src/core/record.js';
import { CLIENTS } from '../support/redis-clients.js';
import { HOUR, redisWorld, type RedisWorld } from '../support/redis-world.js';
import { onRedis } from '../support/on-redis.js';

const MINUTE = 60_000;
const OWNER = 'ada';
const SET = `sess:@owner:${createHash('sha256').update(OWNER).digest('base64url')}`;

/** The ids of a user's sessions, as pages give them. */
async function sessionsOf({ store, idsOf }: RedisWorld, owner = OWNER): Promise<string[]> {
  const found: { key: SessionKey }[] = [];
  for await (const entry of store.scan({ owner })) found.push(entry);
  return idsOf(found).sort();
}

/** Lets everything happen that the store does behind a call's back, on the same connection. */
async function settled({ store, keyOf }: RedisWorld): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await store.find(keyOf('nobody'));
}

onRedis((redis) => {
  const named = async (world: RedisWorld): Promise<number> => {
    await settled(world);
    return Number(await redis.ask('ZCARD', SET));
  };

  describe.each(CLIENTS)('with %s', (_client, connect) => {
    const open = (clock?: RedisWorld['clock']) => redisWorld(connect, redis.port, {}, clock);

    it('lists the sessions of one user, and of no other', async () => {
      const world = await open();
      for (const id of ['a1', 'a2', 'a3']) await world.add(id, { owner: OWNER });
      await world.add('b1', { owner: 'bob' });
      await world.add('nobody');
      expect(await sessionsOf(world)).toEqual(['a1', 'a2', 'a3']);
      expect(await sessionsOf(world, 'bob')).toEqual(['b1']);
      for (const owner of ['', 'carol', '*', 'ad?', '__proto__', '#'])
        expect(await sessionsOf(world, owner)).toEqual([]);
    });

    it.each([
      'a user with spaces and\nlines',
      '*',
      '{ada}',
      'ünïcödé \u{1f600} 名前',
      '\u0000\u0001',
      '@revoked',
      '@owner:ada',
      '"quoted" \\ and \'so\'',
      '7',
      'x'.repeat(255),
    ])('keeps the user %j apart, and in no name of a key', async (owner) => {
      const world = await open();
      const added = await world.add('theirs', { owner, deadlineAt: world.clock.now() + HOUR });
      await world.add('another', { owner: `${owner}.` });
      expect(await sessionsOf(world, owner)).toEqual(['theirs']);
      expect((await world.store.find(added.key))?.owner).toBe(owner);
      for (const name of (await redis.ask('KEYS', '*')) as string[])
        expect(name).toMatch(/^sess:(sha256:[0-9a-f]{64}|@owner:[\w-]{43})$/);
    });

    it('pages through them, each once, with no page above its limit', async () => {
      const world = await open();
      const ids = Array.from({ length: 25 }, (_, at) => `session-${String(at).padStart(2, '0')}`);
      for (const id of ids) await world.add(id, { owner: OWNER });
      const found: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await world.store.page({
          owner: OWNER,
          limit: 4,
          ...(cursor === null ? null : { cursor }),
        });
        expect(page.records.length).toBeLessThanOrEqual(4);
        found.push(...world.idsOf(page.records));
        ({ cursor } = page);
      } while (cursor !== null);
      expect(found.sort()).toEqual(ids);
    });

    it('leaves a session out that another user has under the name', async () => {
      const world = await open();
      await world.add('mine', { owner: OWNER });
      const { key } = await world.add('theirs', { owner: 'bob' });
      await redis.ask('ZADD', SET, String(world.clock.now()), key);
      expect(await sessionsOf(world)).toEqual(['mine']);
    });

    it('never misses a living session while the user logs in and out elsewhere', async () => {
      const world = await open();
      const worlds = await Promise.all(
        CLIENTS.map(([, other]) => redisWorld(other, redis.port, {}, world.clock)),
      );
      for (const id of ['stays-1', 'stays-2', 'stays-3']) await world.add(id, { owner: OWNER });
      let isOver = false;
      const busy = worlds.map(async ({ store, add }, at) => {
        for (let round = 0; !isOver; round++) {
          const passing = await add(`passing-${at}-${round}`, { owner: OWNER });
          expect(await sessionsOf(world)).toContain(passing.key);
          if (round % 2 === 0) await store.remove(passing.key);
          else await store.replace(closedRecord(passing, world.clock.now()), passing.version);
        }
      });
      for (let round = 0; round < 100; round++) {
        // Ten minutes on, so that the ended ones are taken out all the while.
        world.clock.advance(MINUTE / 4);
        await world.store.extend(world.keyOf('stays-1'), world.clock.now() + HOUR);
        await world.store.extend(world.keyOf('stays-2'), world.clock.now() + HOUR);
        await world.store.extend(world.keyOf('stays-3'), world.clock.now() + HOUR);
        expect(await sessionsOf(world)).toEqual(expect.arrayContaining(['stays-1', 'stays-2', 'stays-3']));
      }
      isOver = true;
      await Promise.all(busy);
      expect(await sessionsOf(world)).toEqual(['stays-1', 'stays-2', 'stays-3']);
    });

    describe('the names of ended sessions', () => {
      it('are taken out by a listing once they are ten minutes old', async () => {
        const world = await open();
        const ended = await world.add('ended', { owner: OWNER });
        await world.add('lives', { owner: OWNER });
        await world.store.remove(ended.key);
        world.clock.advance(10 * MINUTE);
        expect(await sessionsOf(world)).toEqual(['lives']);
        expect(await named(world)).toBe(2);
        world.clock.advance(1);
        expect(await sessionsOf(world)).toEqual(['lives']);
        expect(await named(world)).toBe(1);
      });

      it('are taken out whether the sessions were removed, closed or had their time', async () => {
        const world = await open();
        const [removed, closed] = [
          await world.add('removed', { owner: OWNER }),
          await world.add('closed', { owner: OWNER }),
        ];
        await world.add('short', { owner: OWNER, expiresAt: world.clock.now() + MINUTE });
        await world.add('lives', { owner: OWNER, expiresAt: world.clock.now() + 2 * HOUR });
        world.clock.advance(10 * MINUTE + 1);
        await world.store.remove(removed.key);
        await world.store.replace(closedRecord(closed, world.clock.now()), closed.version);
        expect(await sessionsOf(world)).toEqual(['lives']);
        expect(await named(world)).toBe(1);
      });

      it('do not gather where a user only logs in and out', async () => {
        const world = await open();
        for (let round = 0; round < 200; round++) {
          const { key } = await world.add(`login-${round}`, { owner: OWNER });
          await world.store.remove(key);
          world.clock.advance(MINUTE);
        }
        // Ten minutes' worth, and what was not picked yet.
        expect(await named(world)).toBeLessThanOrEqual(20);
      });
    });

    it('names a session before it stores it, so that no moment is without its name', async () => {
      const { store, record } = await open();
      await redis.ask('ACL', 'SETUSER', 'default', '-set');
      try {
        await expect(store.insert(record('late', { owner: OWNER }))).rejects.toThrow();
      } finally {
        await redis.ask('ACL', 'SETUSER', 'default', '+@all');
      }
      expect(Number(await redis.ask('ZCARD', SET))).toBe(1);
      expect(await store.count()).toBe(0);
    });

    it('keeps the name of a session that is still on its way into the store', async () => {
      const world = await open();
      await world.add('there', { owner: OWNER });
      const late = world.record('late', { owner: OWNER });
      // Login: names the session … listings, other logins: find nothing under it … Login: stores it.
      await redis.ask('ZADD', SET, String(world.clock.now()), late.key);
      world.clock.advance(9 * MINUTE);
      expect(await sessionsOf(world)).toEqual(['there']);
      for (const id of ['x', 'y', 'z']) await world.add(id, { owner: OWNER });
      expect(await redis.ask('ZSCORE', SET, late.key)).not.toBeNull();
      expect(await world.store.insert(late)).toBe(true);
      expect(await sessionsOf(world)).toEqual(['late', 'there', 'x', 'y', 'z']);
    });

    describe('the life of the set', () => {
      const ttl = async (): Promise<number> => Number(await redis.ask('PTTL', SET));
      const until = ({ clock }: RedisWorld, ms: number) => ({ owner: OWNER, deadlineAt: clock.now() + ms });

      it('covers the longest session', async () => {
        const world = await open();
        await world.add('short', until(world, HOUR));
        expect(await ttl()).toBeLessThanOrEqual(HOUR);
        await world.add('long', until(world, 5 * HOUR));
        expect(await ttl()).toBeGreaterThan(5 * HOUR - MINUTE);
        await world.add('short again', until(world, HOUR));
        expect(await ttl()).toBeGreaterThan(5 * HOUR - MINUTE);
        expect(await ttl()).toBeLessThanOrEqual(5 * HOUR);
      });

      it('has no end where a session has no absolute one', async () => {
        const world = await open();
        await world.add('long', until(world, 5 * HOUR));
        await world.add('endless', { owner: OWNER });
        expect(await ttl()).toBe(-1);
        await world.add('short', until(world, HOUR));
        expect(await ttl()).toBe(-1);
      });

      it('has no end where Redis keeps sessions for ever', async () => {
        const world = await redisWorld(connect, redis.port, { disableTTL: true });
        await world.add('short', until(world, HOUR));
        expect(await ttl()).toBe(-1);
      });
    });
  });
});

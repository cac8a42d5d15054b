// What is in Redis: a text that a person can read, with the end that the server keeps too; nobody's id and no user's name in
// a key. A touch moves the end and leaves the rest as it was.
import { createHash } from 'node:crypto';

import { CLOSED_FOR_MS } from '../../src/core/contract.js';
import { closedRecord, newVersion } from '../../src/core/record.js';
import { CLIENTS } from '../support/redis-clients.js';
import { HOUR, redisWorld, type RedisWorld } from '../support/redis-world.js';
import { onRedis } from '../support/on-redis.js';

const DAY = 24 * HOUR;
const NEVER = '9000000000000000';
/** Of the line with the times: `s1`, the end, the absolute end, whose end it is. */
const HEAD_LENGTH = 38;
/** What passes between a command and the look at its effect at most, ms. */
const PASSED = 500;

onRedis((redis) => {
  const pttl = async (name: string): Promise<number> => Number(await redis.ask('PTTL', name));
  const text = async (name: string): Promise<string> => String(await redis.ask('GET', name));
  /** That Redis drops a key at a moment of this world, to the millisecond but for the time since. */
  const expectEnd = async ({ clock }: RedisWorld, name: string, at: number): Promise<void> => {
    const left = await pttl(name);
    expect(left).toBeLessThanOrEqual(at - clock.now());
    expect(left).toBeGreaterThan(at - clock.now() - PASSED);
  };

  describe.each(CLIENTS)('with %s', (_client, connect) => {
    const open = (options: Parameters<typeof redisWorld>[2] = {}) => redisWorld(connect, redis.port, options);

    it('keeps a record as lines that a person can read', async () => {
      const { add, nameOf, clock } = await open();
      const now = clock.now();
      const { version } = await add('x', {
        data: '{"cart":["book"],"note":"two\\nlines, ünïcödé"}',
        owner: 'ada',
        deadlineAt: now + DAY,
        meta: { device: 'phone' },
      });
      expect((await text(nameOf('x'))).split('\n')).toEqual([
        `s1 000${now + HOUR} 000${now + DAY} +`,
        version,
        `{"createdAt":${now},"idleMs":${HOUR},"owner":"ada","meta":{"device":"phone"}}`,
        '{"cart":["book"],"note":"two\\nlines, ünïcödé"}',
      ]);
    });

    it('keeps what the serializer makes of a session in place of JSON', async () => {
      const serializer = {
        stringify: (session: object) => Buffer.from(JSON.stringify(session)).toString('base64'),
        parse: (body: string) =>
          JSON.parse(Buffer.from(body, 'base64').toString()) as Record<string, unknown>,
      };
      const { add, nameOf, store } = await open({ serializer });
      const { key, data } = await add('x');
      expect((await text(nameOf('x'))).split('\n')[3]).toBe(Buffer.from(data).toString('base64'));
      expect(await store.find(key)).toMatchObject({ data });
    });

    it('has Redis drop a session when it ends', async () => {
      const world = await open();
      const { clock, add, nameOf } = world;
      await add('idle', { expiresAt: clock.now() + 1_234_567 });
      await expectEnd(world, nameOf('idle'), clock.now() + 1_234_567);
      await add('absolute', { expiresAt: clock.now() + DAY, deadlineAt: clock.now() + HOUR });
      await expectEnd(world, nameOf('absolute'), clock.now() + HOUR);
    });

    it('moves that moment with a write', async () => {
      const world = await open();
      const { clock, add, nameOf, store } = world;
      const record = await add('x');
      const next = { ...record, version: newVersion(), expiresAt: clock.now() + 7 * HOUR };
      expect(await store.replace(next, record.version)).toBe(true);
      await expectEnd(world, nameOf('x'), clock.now() + 7 * HOUR);
      const shorter = { ...record, version: newVersion(), expiresAt: clock.now() + HOUR / 2 };
      expect(await store.replace(shorter, next.version)).toBe(true);
      await expectEnd(world, nameOf('x'), clock.now() + HOUR / 2);
    });

    it('moves the end and nothing else with a touch', async () => {
      const world = await open();
      const { clock, add, nameOf, store } = world;
      const { key, version } = await add('x', {
        data: `{"long":"${'é'.repeat(5_000)}"}`,
        deadlineAt: clock.now() + DAY,
      });
      const before = await text(nameOf('x'));
      clock.advance(HOUR / 2);
      const end = clock.now() + HOUR;
      expect(await store.extend(key, end)).toBe(true);
      await expectEnd(world, nameOf('x'), end);
      const after = await text(nameOf('x'));
      expect(after.slice(0, HEAD_LENGTH)).toBe(`s1 000${end} 000${clock.now() - HOUR / 2 + DAY} +`);
      expect(after.slice(HEAD_LENGTH)).toBe(before.slice(HEAD_LENGTH));
      expect(await store.find(key)).toMatchObject({ version, expiresAt: end });
    });

    it('moves no end backwards with a touch, and none past the absolute one', async () => {
      const world = await open();
      const { clock, add, nameOf, store } = world;
      const { key } = await add('x', { deadlineAt: clock.now() + 2 * HOUR });
      const before = await text(nameOf('x'));
      expect(await store.extend(key, clock.now() + HOUR / 2)).toBe(true);
      expect(await text(nameOf('x'))).toBe(before);
      await expectEnd(world, nameOf('x'), clock.now() + HOUR);
      expect(await store.extend(key, clock.now() + DAY)).toBe(true);
      await expectEnd(world, nameOf('x'), clock.now() + 2 * HOUR);
    });

    describe('a session without an end of its own', () => {
      const own = { idleMs: null, expiresAt: null };

      it('lives for a day', async () => {
        const world = await open();
        await world.add('x', own);
        await expectEnd(world, world.nameOf('x'), world.clock.now() + DAY);
        expect((await text(world.nameOf('x'))).split('\n')[0]).toBe(
          `s1 000${world.clock.now() + DAY} ${NEVER} -`,
        );
      });

      it('lives for ttl, in seconds, after each write and touch', async () => {
        const world = await open({ ttl: 90.5 });
        const { store, clock, add, nameOf } = world;
        const record = await add('x', own);
        await expectEnd(world, nameOf('x'), clock.now() + 90_500);
        clock.advance(60_000);
        expect(await store.extend(record.key, null)).toBe(true);
        await expectEnd(world, nameOf('x'), clock.now() + 90_500);
        clock.advance(60_000);
        expect(await store.replace({ ...record, version: newVersion() }, record.version)).toBe(true);
        await expectEnd(world, nameOf('x'), clock.now() + 90_500);
        expect(await store.find(record.key)).toMatchObject(own);
        clock.advance(90_500);
        expect(await store.find(record.key)).toBeNull();
      });

      it('lives for what ttl says of it', async () => {
        const world = await open({ ttl: (session) => (session['isPaying'] === true ? 7_200 : 60) });
        const { store, clock, add, nameOf } = world;
        const paying = await add('paying', { ...own, data: '{"isPaying":true}' });
        await add('other', own);
        await expectEnd(world, nameOf('paying'), clock.now() + 7_200_000);
        await expectEnd(world, nameOf('other'), clock.now() + 60_000);
        clock.advance(HOUR);
        expect(await store.extend(paying.key, null)).toBe(true);
        await expectEnd(world, nameOf('paying'), clock.now() + 7_200_000);
      });

      it('ends at the absolute end all the same', async () => {
        const world = await open();
        await world.add('x', { ...own, deadlineAt: world.clock.now() + HOUR });
        await expectEnd(world, world.nameOf('x'), world.clock.now() + HOUR);
      });
    });

    describe('with disableTTL', () => {
      it('leaves it to the record when a session ends', async () => {
        const { store, clock, add, nameOf } = await open({ disableTTL: true });
        const { key } = await add('x', { deadlineAt: clock.now() + DAY });
        await add('y', { idleMs: null, expiresAt: null });
        expect(await store.extend(key, clock.now() + 2 * HOUR)).toBe(true);
        for (const id of ['x', 'y']) expect(await pttl(nameOf(id))).toBe(-1);
        clock.advance(2 * HOUR);
        expect(await store.find(key)).toBeNull();
        expect(await store.get('y')).not.toBeNull();
      });

      it('takes the moment from a session that had one', async () => {
        const { add, nameOf, clock } = await open();
        const record = await add('x');
        const other = await redisWorld(connect, redis.port, { disableTTL: true }, clock);
        expect(await other.store.replace({ ...record, version: newVersion() }, record.version)).toBe(true);
        expect(await pttl(nameOf('x'))).toBe(-1);
      });

      it('lets what has ended go all the same', async () => {
        const world = await open({ disableTTL: true });
        const record = await world.add('x');
        expect(await world.store.replace(closedRecord(record, world.clock.now()), record.version)).toBe(true);
        await expectEnd(world, world.nameOf('x'), world.clock.now() + CLOSED_FOR_MS);
      });
    });

    it('moves no end with disableTouch, by a touch', async () => {
      const world = await open({ disableTouch: true });
      const { store, clock, add, nameOf } = world;
      const { key } = await add('x');
      const before = await text(nameOf('x'));
      expect(await store.extend(key, clock.now() + DAY)).toBe(true);
      await store.touch('x', {
        cookie: { originalMaxAge: DAY, expires: new Date(clock.now() + DAY).toISOString() },
      });
      expect(await text(nameOf('x'))).toBe(before);
      await expectEnd(world, nameOf('x'), clock.now() + HOUR);
      clock.advance(HOUR);
      expect(await store.extend(key, clock.now() + DAY)).toBe(false);
    });

    it('keeps what has ended as a hash without data, and has Redis drop it after a minute', async () => {
      const world = await open();
      const { store, clock, add, nameOf } = world;
      const record = await add('x', { owner: 'ada', data: '{"cart":"books"}' });
      expect(await store.replace(closedRecord(record, clock.now()), record.version)).toBe(true);
      expect(await redis.ask('TYPE', nameOf('x'))).toBe('hash');
      await expectEnd(world, nameOf('x'), clock.now() + CLOSED_FOR_MS);
      expect(await redis.ask('HGET', nameOf('x'), 'due')).toBe(`000${clock.now() + CLOSED_FOR_MS}`);
      expect(await redis.ask('HGET', nameOf('x'), 'text')).not.toMatch(/ada|books/);
      expect(await store.count()).toBe(0);
    });

    it('has no id and no user in any key, and no id in any value', async () => {
      const { store, add, nameOf, record, clock } = await open({ prefix: 'app:' });
      const ids = ['raw-id-of-a-session', 'raw-id-of-another', 'raw-id-of-an-ended-one'];
      const [first, , ended] = await Promise.all(ids.map((id) => add(id, { owner: 'ada', data: '{}' })));
      if (first === undefined || ended === undefined) throw new Error('They are not there.');
      const moved = closedRecord(ended, clock.now(), first.key);
      expect(await store.replace(moved, ended.version)).toBe(true);
      expect(await store.insert(record('raw-id-of-nobody', { data: '{}' }))).toBe(true);
      await store.revokeBefore(0, 'ada');
      const keys = (await redis.ask('KEYS', '*')) as string[];
      const user = createHash('sha256').update('ada').digest('base64url');
      const sessions = [...ids, 'raw-id-of-nobody'].map(nameOf);
      expect(keys.sort()).toEqual([`app:@owner:${user}`, 'app:@revoked', ...sessions].sort());
      for (const name of sessions) expect(name).toMatch(/^app:sha256:[0-9a-f]{64}$/);
      const [living, closed] = [nameOf(ids[0] ?? ''), nameOf(ids[2] ?? '')];
      const values = [
        await text(living),
        await redis.ask('HGETALL', closed),
        await redis.ask('ZRANGE', `app:@owner:${user}`, '0', '-1'),
        await redis.ask('ZRANGE', 'app:@revoked', '0', '-1'),
      ].map((value) => JSON.stringify(value));
      expect(values[1]).toContain(first.key);
      for (const value of values) expect(value).not.toContain('raw-id');
    });
  });
});

// What lies in Redis with format 'connect-redis': the session as express-session reads it under the prefix and the id, and
// beside it, out of sight of connect-redis, what that does not know. (What both do with it: the .between tests.)
import { createHash } from 'node:crypto';

import { CLOSED_FOR_MS } from '../../src/core/contract.js';
import { closedRecord, newVersion } from '../../src/core/record.js';
import { RedisStore, type RedisStoreOptions } from '../../src/stores/redis-store.js';
import type { StoredSession } from '../../src/stores/session.js';
import { thrownBy, withCode } from '../support/failures.js';
import { onRedis } from '../support/on-redis.js';
import { CLIENTS } from '../support/redis-clients.js';
import { connected, HOUR, redisWorld } from '../support/redis-world.js';

const DAY = 24 * HOUR;
const COOKIE = { originalMaxAge: HOUR, httpOnly: true, path: '/' };
const DATA = JSON.stringify({ cookie: COOKIE, user: 'ada', note: 'ünïcödé\n' });
/** What passes between a command and the look at its effect at most, ms. */
const PASSED = 500;

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');
const iso = (at: number): string => new Date(at).toISOString();
/** What decides on the master of a key in a cluster, by the cluster specification. */
const tagOf = (name: string): string => /\{([^}]+)\}/.exec(name)?.[1] ?? name;

onRedis((redis) => {
  const text = async (name: string): Promise<string> => String(await redis.ask('GET', name));
  const sessionIn = async (name: string): Promise<unknown> => JSON.parse(await text(name));
  const pttl = async (name: string): Promise<number> => Number(await redis.ask('PTTL', name));
  const names = async (pattern = '*'): Promise<string[]> =>
    ((await redis.ask('KEYS', pattern)) as string[]).sort();
  const expectLeft = async (name: string, ms: number): Promise<void> => {
    const left = await pttl(name);
    expect(left).toBeLessThanOrEqual(ms);
    expect(left).toBeGreaterThan(ms - PASSED);
  };

  describe.each(CLIENTS)('with %s', (_client, connect) => {
    const open = (options: Partial<RedisStoreOptions> = {}) =>
      redisWorld(connect, redis.port, { format: 'connect-redis', ...options });

    it('keeps a session under its prefix and id as express-session reads it, until its end', async () => {
      const { add, clock } = await open({ prefix: 'myapp:' });
      await add('x', { data: DATA, expiresAt: clock.now() + 1_234_567 });
      expect(await sessionIn('myapp:x')).toEqual({
        cookie: { ...COOKIE, expires: iso(clock.now() + 1_234_567) },
        user: 'ada',
        note: 'ünïcödé\n',
      });
      await expectLeft('myapp:x', 1_234_567);
      expect(await names()).toEqual(['myapp:x', '{myapp:x}']);
    });

    it('gives data without a cookie one that express-session can use, and takes it away again', async () => {
      const { add, clock, store } = await open();
      const record = await add('x', { data: '{"user":"ada"}' });
      expect(await sessionIn('sess:x')).toEqual({
        cookie: { originalMaxAge: HOUR, expires: iso(clock.now() + HOUR) },
        user: 'ada',
      });
      expect(await store.find(record.key)).toEqual(record);
    });

    it('ends a session without an end of its own by ttl, and with the browser', async () => {
      const { add, store } = await open({ ttl: 90 });
      const record = await add('x', { idleMs: null, expiresAt: null });
      expect(await sessionIn('sess:x')).toMatchObject({ cookie: { originalMaxAge: null, expires: null } });
      await expectLeft('sess:x', 90_000);
      expect(await store.find(record.key)).toEqual(record);
      expect(await store.extend(record.key, null)).toBe(true);
      await expectLeft('sess:x', 90_000);
    });

    it('leaves the end to ttl from the touch on that brings none', async () => {
      const { add, store } = await open({ ttl: 7_200 });
      const { key } = await add('x');
      expect(await store.extend(key, null)).toBe(true);
      await expectLeft('sess:x', 2 * HOUR);
      expect(await store.find(key)).toMatchObject({ expiresAt: null });
    });

    it('keeps beside it, for a day longer, what connect-redis does not know', async () => {
      const { add, clock, store } = await open();
      const now = clock.now();
      const facts = { owner: 'ada', deadlineAt: now + 7 * HOUR, meta: { device: 'phone' } };
      const record = await add('x', { ...facts, data: DATA });
      expect((await text('{sess:x}')).split('\n')).toEqual([
        `s1 000${now + HOUR} 000${now + 7 * HOUR} +`,
        record.version,
        `{"createdAt":${now},"idleMs":${HOUR},"owner":"ada","meta":{"device":"phone"}}`,
        `${sha1(await text('sess:x'))}+`,
      ]);
      await expectLeft('{sess:x}', HOUR + DAY);
      expect(await store.find(record.key)).toEqual(record);
      expect(await text('sess:x')).not.toContain('phone');
    });

    it('has nothing under the prefix that connect-redis would take for a session', async () => {
      const { add, clock, store } = await open();
      await add('x', { owner: 'ada' });
      await add('y', { owner: 'bob' });
      await store.revokeBefore(clock.now() - HOUR, 'ada');
      await store.revokeBefore(clock.now() - DAY);
      const besides = (await names()).filter((name) => !name.startsWith('{'));
      expect(besides.filter((name) => name.startsWith('sess:'))).toEqual(['sess:x', 'sess:y']);
      const rest = besides.filter((name) => !name.startsWith('sess:'));
      expect(rest.length).toBeGreaterThan(1);
      for (const name of rest) expect(name).toMatch(/^@sess:@(owner|revoked)/);
    });

    it('keeps both keys of a session on one master of a cluster', async () => {
      for (const prefix of ['sess:', 'my app*:', ':']) {
        const { add } = await open({ prefix });
        await add('9bq_-Z');
        const [beside] = (await names('{*')).filter((name) => name.startsWith(`{${prefix}`));
        expect(tagOf(beside ?? '')).toBe(`${prefix}9bq_-Z`);
        expect(tagOf(`${prefix}9bq_-Z`)).toBe(`${prefix}9bq_-Z`);
      }
    });

    it('moves with a touch the ends, and neither the text nor its version', async () => {
      const { add, clock, store } = await open();
      const { key, version } = await add('x', { data: DATA, deadlineAt: clock.now() + 3 * HOUR });
      const before = await text('sess:x');
      clock.advance(HOUR / 2);
      // As time does to both.
      await redis.ask('PEXPIRE', 'sess:x', String(HOUR / 2));
      await redis.ask('PEXPIRE', '{sess:x}', String(DAY + HOUR / 2));
      const end = clock.now() + HOUR;
      expect(await store.extend(key, end)).toBe(true);
      await expectLeft('sess:x', HOUR);
      await expectLeft('{sess:x}', HOUR + DAY);
      expect(await store.extend(key, clock.now() + 1)).toBe(true);
      await expectLeft('sess:x', HOUR);
      expect(await text('sess:x')).toBe(before);
      expect(await store.find(key)).toMatchObject({ version, expiresAt: end, data: DATA });
      expect(await store.extend(key, clock.now() + DAY)).toBe(true);
      await expectLeft('sess:x', 2.5 * HOUR);
    });

    it('takes the text away at once when a session ends, and knows for a minute that it ended', async () => {
      const { add, clock, store, record } = await open();
      const { key, version } = await add('x', { data: DATA, owner: 'ada' });
      const closed = closedRecord(record('x'), clock.now());
      expect(await store.replace(closed, version)).toBe(true);
      expect(await redis.ask('GET', 'sess:x')).toBeNull();
      await expectLeft('{sess:x}', CLOSED_FOR_MS);
      expect(await store.find(key)).toEqual(closed);
      expect(await text('{sess:x}')).not.toContain('ada');
      const next = record('x', { data: DATA });
      expect(await store.insert(next)).toBe(false);
      for (const expected of [version, closed.version, next.version])
        expect(await store.replace(next, expected)).toBe(false);
      expect(await store.extend(key, clock.now() + DAY)).toBe(false);
      expect(await redis.ask('EXISTS', 'sess:x')).toBe(0);
      clock.advance(CLOSED_FOR_MS);
      expect(await store.find(key)).toBeNull();
    });

    it('removes both keys, living or ended, and says whether there was a session', async () => {
      const { add, clock, store, record } = await open();
      const { key } = await add('x');
      const { version } = await add('y');
      await store.replace(closedRecord(record('y'), clock.now()), version);
      for (const id of ['x', 'y']) {
        expect(await store.remove(store.keyOf(id as never))).toBe(true);
        expect(await store.remove(store.keyOf(id as never))).toBe(false);
      }
      expect(await names()).toEqual([]);
      expect(await store.insert(record('x'))).toBe(true);
      expect(await store.find(key)).not.toBeNull();
    });

    it('leaves it to the record when a session ends, with disableTTL, and lets what ended go', async () => {
      const { add, clock, store } = await open({ disableTTL: true });
      const record = await add('x', { data: DATA });
      expect(await store.extend(record.key, clock.now() + 2 * HOUR)).toBe(true);
      for (const name of ['sess:x', '{sess:x}']) expect(await pttl(name)).toBe(-1);
      clock.advance(2 * HOUR - 1);
      expect(await store.find(record.key)).toMatchObject({ expiresAt: clock.now() + 1 });
      expect(await store.replace(closedRecord(record, clock.now()), record.version)).toBe(true);
      expect(await names()).toEqual(['{sess:x}']);
      await expectLeft('{sess:x}', CLOSED_FOR_MS);
      await add('y');
      clock.advance(HOUR);
      expect(await store.get('y')).toBeNull();
    });

    it('moves no end with disableTouch', async () => {
      const { add, clock, store } = await open({ disableTouch: true });
      const { key } = await add('x');
      expect(await store.extend(key, clock.now() + DAY)).toBe(true);
      await expectLeft('sess:x', HOUR);
      expect(await store.extend(store.keyOf('y' as never), clock.now() + DAY)).toBe(false);
    });

    const base64 = {
      stringify: (session: object) => Buffer.from(JSON.stringify(session)).toString('base64'),
      parse: (body: string) => JSON.parse(Buffer.from(body, 'base64').toString()) as StoredSession,
    };
    it.each([
      ['', base64],
      [' that takes its time to parse', { ...base64, parse: async (body: string) => base64.parse(body) }],
    ])('keeps what a serializer%s makes of a session', async (_how, serializer) => {
      const { add, clock, store } = await open({ serializer });
      const record = await add('x', { data: DATA, owner: 'ada' });
      expect(base64.parse(await text('sess:x'))).toMatchObject({
        cookie: { expires: iso(clock.now() + HOUR) },
        user: 'ada',
      });
      expect(await store.find(record.key)).toEqual(record);
      const next = { ...record, version: newVersion(), data: '{"cookie":{},"user":"bob"}' };
      expect(await store.replace(next, record.version)).toBe(true);
      expect(await store.find(record.key)).toMatchObject({ data: expect.stringContaining('bob') as string });
    });

    it('ends no session for which its serializer has no text', async () => {
      const serializer = { ...base64, stringify: () => '' };
      const { add, clock } = await open();
      const record = await add('x', { data: DATA });
      const other = await redisWorld(connect, redis.port, { format: 'connect-redis', serializer }, clock);
      await other.store.replace({ ...record, version: newVersion() }, record.version).catch(() => false);
      // Whether that is refused or cannot be read afterwards: a logout that nobody asked for it is not.
      expect(await redis.ask('EXISTS', 'sess:x')).toBe(1);
      expect(String(await redis.ask('GET', '{sess:x}'))).not.toContain('closed');
    });

    it('lists, counts and clears the sessions, and nothing that is beside them', async () => {
      const { add, clock, store, record, idsOf } = await open({ prefix: 'a*:' });
      await redis.ask('SET', 'ab:theirs', 'of another application');
      const { version } = await add('ended', { owner: 'ada' });
      await store.replace(closedRecord(record('ended'), clock.now()), version);
      for (const id of ['x', 'y', 'z']) await add(id, { data: DATA, owner: id === 'z' ? 'bob' : 'ada' });
      expect(await store.count()).toBe(3);
      expect(await store.length()).toBe(3);
      const { records } = await store.page({ limit: 100 });
      expect(idsOf(records).sort()).toEqual(['x', 'y', 'z']);
      const adas = await store.page({ limit: 100, owner: 'ada' });
      expect(idsOf(adas.records).sort()).toEqual(['x', 'y']);
      const all = (await store.all()) as { id: string; user: string }[];
      expect(all.map(({ id, user }) => [id, user]).sort()).toEqual(['x', 'y', 'z'].map((id) => [id, 'ada']));
      await store.clear();
      expect(await store.count()).toBe(0);
      expect(await names('a[*]:*')).toEqual([]);
      expect(await text('ab:theirs')).toBe('of another application');
    });

    it('leaves nothing of the sessions that it clears beside them', async () => {
      const { add, store } = await open({ disableTTL: true });
      await add('x', { data: DATA });
      await store.clear();
      expect(await names()).toEqual([]);
    });

    it('lists the sessions, and nothing besides, where they have no prefix', async () => {
      const { add, store, idsOf } = await open({ prefix: '' });
      await add('x', { owner: 'ada' });
      expect(await store.count()).toBe(1);
      expect(idsOf((await store.page({ limit: 100 })).records)).toEqual(['x']);
    });

    it.each<[Partial<RedisStoreOptions>, RegExp]>([
      [{ format: 'connect-redis', idAtRest: 'sha256' }, /'connect-redis' needs ids as they are.*idAtRest/],
      [{ format: 'connect-redis-9' as never }, /"format" must be 'connect-redis', or nothing/],
      [{ format: null as never }, /"format" must be/],
      [{ format: 'connect-redis', prefix: 'sess:{a}' }, /"prefix" must be/],
    ])('refuses the options %j', async (options, advice) => {
      const { client } = await connected(connect, redis.port);
      const error = thrownBy(() => new RedisStore({ client, ...options }));
      expect(error).toEqual(withCode('ERR_SESSION_OPTIONS'));
      expect(error.message).toMatch(advice);
      expect(new RedisStore({ client, format: 'connect-redis', idAtRest: 'plain' }).idAtRest).toBe('plain');
      expect(new RedisStore({ client, format: 'connect-redis' }).idAtRest).toBe('plain');
    });
  });
});

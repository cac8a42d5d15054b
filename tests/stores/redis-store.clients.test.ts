// Clients as applications set them up, with a prefix or with replies of a kind of their own; and what any client may find in
// Redis: ends before all time, versions that are none, sessions that go between two commands.
import { Cluster as IoCluster, Redis as IoRedis } from 'ioredis';
import { createClient, createClientPool, createCluster, createSentinel, RESP_TYPES } from 'redis';

import type { RedisClient } from '../../src/stores/redis/client.js';
import { RedisStore, type RedisStoreOptions } from '../../src/stores/redis-store.js';
import { thrownBy, withCode } from '../support/failures.js';
import { onRedis } from '../support/on-redis.js';
import { CLIENTS, type Connect } from '../support/redis-clients.js';
import { ioRedisWith, nodeRedisWith } from '../support/redis-setups.js';
import { HOUR, redisWorld } from '../support/redis-world.js';

describe('a client that puts a prefix before the names of keys', () => {
  const io = { lazyConnect: true, keyPrefix: 'app:' };
  it.each<[string, () => unknown]>([
    ['a client of redis', () => createClient({ keyPrefix: 'app:' })],
    ['a pool of redis', () => createClientPool({ keyPrefix: 'app:' })],
    ['a cluster of redis', () => createCluster({ rootNodes: [{}], keyPrefix: 'app:' })],
    ['a sentinel of redis', () => createSentinel({ name: 'm', sentinelRootNodes: [], keyPrefix: 'app:' })],
    ['a client of ioredis', () => new IoRedis(io)],
    ['a cluster of ioredis', () => new IoCluster([], io)],
    [
      'a cluster of ioredis whose nodes have it',
      () => new IoCluster([], { lazyConnect: true, redisOptions: { keyPrefix: 'app:' } }),
    ],
  ])('is refused: %s', (_what, make) => {
    const error = thrownBy(() => new RedisStore({ client: make() as RedisClient }));
    expect(error).toEqual(withCode('ERR_SESSION_OPTIONS'));
    expect(error.message).toMatch(/"client" has a keyPrefix; give the store a "prefix"/);
  });

  it.each<[string, () => unknown]>([
    ['redis', () => createClient({ keyPrefix: '' })],
    ['ioredis', () => new IoRedis({ lazyConnect: true, keyPrefix: '' })],
  ])('is taken if that prefix is empty: %s', (_what, make) => {
    expect(() => new RedisStore({ client: make() as RedisClient })).not.toThrow();
  });
});

const FORMATS: readonly [string, Partial<RedisStoreOptions>][] = [
  ["the store's own", {}],
  ["connect-redis'", { format: 'connect-redis' }],
];
const OTHERS = {
  [RESP_TYPES.NUMBER]: String,
  [RESP_TYPES.DOUBLE]: String,
  [RESP_TYPES.BLOB_STRING]: Buffer,
  [RESP_TYPES.MAP]: Map,
};
const REPLIES: readonly [string, Connect][] = [
  ['numbers as texts, ioredis', ioRedisWith({ stringNumbers: true })],
  ['RESP 3, ioredis', ioRedisWith({ protocol: 3, replyMapping: 'resp3' })],
  ['RESP 3 and numbers as texts, ioredis', ioRedisWith({ protocol: 3, stringNumbers: true })],
  ...([2, 3] as const).flatMap((RESP): [string, Connect][] => [
    [`RESP ${String(RESP)}, redis`, nodeRedisWith({ RESP })],
    [
      `RESP ${String(RESP)} and types of its own, redis`,
      nodeRedisWith({ RESP, commandOptions: { typeMapping: OTHERS } }),
    ],
  ]),
];

onRedis((redis) => {
  describe.each(FORMATS)('sessions in %s format', (_format, options) => {
    it.each(REPLIES)('are all the same to a client with replies of its own: %s', async (_what, connect) => {
      const world = await redisWorld(connect, redis.port, options);
      const { store, clock, add, keyOf } = world;
      const session = { cookie: { originalMaxAge: HOUR, maxAge: HOUR, path: '/' }, name: 'Ada' };
      const key = keyOf('set');
      await store.set('set', session);
      expect(await store.get('set')).toMatchObject({ name: 'Ada' });
      await store.set('set', { ...session, name: 'Bob' });
      await store.touch('set', session);
      expect(await store.get('set')).toMatchObject({ name: 'Bob' });
      expect(await store.extend(keyOf('nobody'), clock.now() + HOUR)).toBe(false);
      const mine = await add('mine', { owner: 'ada', createdAt: clock.now() - HOUR });
      expect(await store.insert(mine)).toBe(false);
      expect(await store.replace({ ...mine, version: 'other' }, mine.version)).toBe(true);
      expect(await store.replace(mine, mine.version)).toBe(false);
      expect(await store.find(mine.key)).toMatchObject({ version: 'other', owner: 'ada' });
      const page = await store.page({ limit: 100 });
      expect(world.idsOf(page.records).sort()).toEqual(['mine', 'set']);
      expect(await store.count()).toBe(2);
      for (const owner of ['ada', 'bob']) {
        const { records } = await store.page({ owner, limit: 100 });
        expect(world.idsOf(records)).toEqual(owner === 'ada' ? ['mine'] : []);
      }
      await store.revokeBefore(clock.now(), 'ada');
      clock.advance(1_100);
      const fresh = await redisWorld(connect, redis.port, options, clock);
      for (const process of [store, fresh.store]) expect(await process.find(mine.key)).toBeNull();
      await store.destroy('set');
      expect(await store.get('set')).toBeNull();
      expect(await store.remove(key)).toBe(true);
      expect(await store.remove(key)).toBe(false);
      await store.ping();
      await store.clear();
      expect(await store.count()).toBe(0);
    });

    describe.each(CLIENTS)('with %s', (_client, connect) => {
      it.each<[string, Partial<RedisStoreOptions>]>([
        ['', {}],
        [' without ends in Redis', { disableTTL: true }],
      ])('a session that ended before 1970 hinders nobody%s', async (_how, more) => {
        const { store } = await redisWorld(connect, redis.port, { ...options, ...more });
        const long = { cookie: { expires: new Date(-1) }, name: 'Ada' };
        for (const next of [() => store.set('x', { name: 'Bob' }), () => store.destroy('x')]) {
          await store.set('x', long);
          expect(await store.get('x')).toBeNull();
          await next();
        }
        await store.clear();
        await store.set('x', long);
        await store.set('x', { name: 'Bob' });
        expect(await store.get('x')).toMatchObject({ name: 'Bob' });
      });

      it('no version at all is none that is there', async () => {
        const { store, add, record } = await redisWorld(connect, redis.port, options);
        const wanted = record('x');
        expect(await store.replace(wanted, '')).toBe(false);
        expect(await redis.ask('KEYS', '*')).toEqual([]);
        const there = await add('y');
        expect(await store.replace({ ...there, data: '{"n":1}' }, '')).toBe(false);
        expect(await store.find(there.key)).toEqual(there);
      });
    });
  });

  it.each(CLIENTS)('what has ended may go between two commands of %s', async (_client, connect) => {
    const { store, add, nameOf, connection } = await redisWorld(connect, redis.port);
    const { key } = await add('x');
    await store.destroy('x');
    const sender = connection.client as unknown as Record<string, (...args: unknown[]) => unknown>;
    const method = 'status' in connection.client ? 'call' : 'sendCommand';
    const send = sender[method]?.bind(connection.client);
    let goes = 0;
    jest.spyOn(sender, method).mockImplementation(async (...args: unknown[]) => {
      if (args.flat().includes('HGET')) goes += Number(await redis.ask('UNLINK', nameOf('x')));
      return send?.(...args);
    });
    expect(await store.find(key)).toBeNull();
    expect(goes).toBe(1);
  });
});

// What the Redis store tells of its client, and what it leaves behind: events that follow the connection, and a client
// that is as it was.
import type { EventEmitter } from 'node:events';

import { Redis as IoRedis } from 'ioredis';
import { createClient } from 'redis';

import { RedisStore } from '../../src/stores/redis-store.js';
import type { RedisClient } from '../../src/stores/redis/client.js';
import { leaksIn, textOf } from '../security/leaks.js';
import { closeRedisWorlds, connected, redisWorld } from '../support/redis-world.js';
import { CLIENTS } from '../support/redis-clients.js';
import { REDIS, startRedis, type Redis } from '../support/services/redis.js';
import { whereThereIs } from '../support/services/where.js';

const PASSWORD = 'password-of-the-server';
/** Short, so that nobody waits for the next attempt. */
const RETRY_MS = 20;

interface Bare {
  readonly client: RedisClient & EventEmitter;
  connect(): Promise<unknown>;
  end(): void;
}

/** Without a listener to anything; the password is a wrong one. */
const BARE: readonly [string, (port: number, password?: string) => Bare][] = [
  [
    'redis',
    (port, password) => {
      const client = createClient({
        socket: { port, host: '127.0.0.1', reconnectStrategy: RETRY_MS },
        ...(password === undefined ? null : { password }),
      });
      return { client, connect: () => client.connect(), end: () => client.destroy() };
    },
  ],
  [
    'ioredis',
    (port, password) => {
      const retryStrategy = (): number => RETRY_MS;
      const where = { port, host: '127.0.0.1', lazyConnect: true, retryStrategy };
      const client = new IoRedis({ ...where, ...(password === undefined ? null : { password }) });
      return { client, connect: () => client.connect(), end: () => client.disconnect() };
    },
  ],
];

const listenersOf = (emitter: EventEmitter): Record<string, number> =>
  Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]));

/** What a store tells, in order. */
function toldBy(store: RedisStore): string[] {
  const told: string[] = [];
  for (const event of ['connect', 'disconnect']) store.on(event, () => told.push(event));
  return told;
}

/** Not `once` of node:events, which takes an `error` for the end of the wait. */
const next = (store: RedisStore, event: string): Promise<unknown> =>
  new Promise((resolve) => {
    store.once(event, resolve);
  });

afterEach(closeRedisWorlds);

whereThereIs(REDIS, () => {
  describe.each(BARE)('with a client of %s', (_name, make) => {
    let redis: Redis;
    const made: Bare[] = [];
    const bare = (password?: string): Bare => {
      const one = make(redis.port, password);
      made.push(one);
      return one;
    };
    beforeEach(async () => {
      redis = await startRedis();
    });
    afterEach(async () => {
      for (const { end } of made.splice(0)) end();
      await redis.stop();
    });

    it('tells when the connection goes and comes back, once each', async () => {
      const { client, connect } = bare();
      await connect();
      const store = new RedisStore({ client });
      const told = toldBy(store);
      for (let round = 0; round < 2; round++) {
        const gone = next(store, 'disconnect');
        await redis.stop();
        await gone;
        const back = next(store, 'connect');
        redis = await startRedis({ port: redis.port });
        await back;
        expect(await store.count()).toBe(0);
      }
      expect(told).toEqual(['disconnect', 'connect', 'disconnect', 'connect']);
    });

    it('tells of the first connection too, where it was made before', async () => {
      const { client, connect } = bare();
      const store = new RedisStore({ client });
      const told = toldBy(store);
      await Promise.all([next(store, 'connect'), connect()]);
      expect(told).toEqual(['connect']);
    });

    it("hands on the client's errors, and crashes nobody who does not listen", async () => {
      const { client, connect } = bare();
      await connect();
      const deaf = new RedisStore({ client });
      const store = new RedisStore({ client });
      const failed = next(store, 'error');
      await redis.stop();
      expect(await failed).toHaveProperty('message', expect.stringMatching(/closed|ECONN/));
      redis = await startRedis({ port: redis.port });
      expect(await deaf.count()).toBe(0);
    });

    it('shows no password in an error that it hands on', async () => {
      await redis.stop();
      redis = await startRedis({ args: ['--requirepass', 'another'] });
      const { client, connect } = bare(PASSWORD);
      const store = new RedisStore({ client });
      const errors: unknown[] = [];
      store.on('error', (error) => errors.push(error));
      const failed = next(store, 'error');
      connect().catch(() => undefined);
      await failed;
      for (const error of errors) expect(leaksIn(textOf(error), { password: [PASSWORD] })).toEqual([]);
    });
  });

  describe.each(CLIENTS)('closing a store on a client of %s', (_client, connect) => {
    let redis: Redis;
    beforeAll(async () => {
      redis = await startRedis();
    });
    afterAll(() => redis.stop());

    it('takes every listener off the client, however often it is called', async () => {
      const { client } = await connected(connect, redis.port);
      const emitter = client as unknown as EventEmitter;
      const before = listenersOf(emitter);
      const stores = [new RedisStore({ client }), new RedisStore({ client })];
      expect(listenersOf(emitter)).not.toEqual(before);
      for (const store of [...stores, ...stores]) await store.close();
      expect(listenersOf(emitter)).toEqual(before);
    });

    it('leaves the client open, and another store on it as it was', async () => {
      const { store, connection, clock } = await redisWorld(connect, redis.port);
      const other = new RedisStore({ client: connection.client, clock });
      await other.close();
      expect(await connection.ask('', 'PING')).toBe('PONG');
      expect(await store.count()).toBe(0);
      const gone = next(store, 'disconnect');
      const told = toldBy(other);
      connection.close();
      await gone;
      expect(told).toEqual([]);
    });
  });
});

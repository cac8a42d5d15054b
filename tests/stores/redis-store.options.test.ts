// Wrong options and wrong clients: the Redis store refuses them with a code and with what to change, when it is made or when
// it is first used. One that is never connected must not look like an empty one.
import { Cluster as IoCluster, Redis as IoRedis } from 'ioredis';
import { createClient, createCluster, createSentinel } from 'redis';

import { RedisStore, type RedisStoreOptions } from '../../src/stores/redis-store.js';
import { leaksIn, textOf } from '../security/leaks.js';
import { thrownBy, withCode } from '../support/failures.js';
import { CLIENTS } from '../support/redis-clients.js';
import { closeRedisWorlds, redisWorld } from '../support/redis-world.js';
import { REDIS, startRedis, type Redis } from '../support/services/redis.js';
import { whereThereIs } from '../support/services/where.js';

const PASSWORD = 'a-password-in-the-url';
const URL = `redis://ada:${PASSWORD}@127.0.0.1:6379`;
const client = createClient();
const io = (options: object): IoRedis => new IoRedis({ lazyConnect: true, ...options });

afterEach(closeRedisWorlds);

const WRONG: readonly [string, unknown, RegExp][] = [
  ['no options', undefined, /must be an object/],
  ['no client', {}, /"client" is missing; it must be .*createClient\(\)/],
  ['null for a client', { client: null }, /"client" is missing/],
  ['a promise of a client', { client: Promise.resolve(client) }, /"client" is a promise; `await` it first/],
  ['a URL for a client', { client: URL }, /"client" must be a client: .*new Redis\(\)/],
  ['a number for a client', { client: 6379 }, /"client" must be a client/],
  ['a function for a client', { client: createClient }, /"client" must be a client/],
  ['the options of a client', { client: { url: URL } }, /"client" must be a client/],
  [
    'a client of redis 3',
    { client: { send_command: () => true, on: () => undefined } },
    /"client" is one of redis 3 or older/,
  ],
  [
    'a client that reads from a replica',
    { client: io({ role: 'slave' }) },
    /reads from replicas.*role: 'master'/,
  ],
  ['a client that only reads', { client: io({ readOnly: true }) }, /reads from replicas.*without readOnly/],
  [
    'a cluster that reads from replicas',
    { client: new IoCluster([], { scaleReads: 'slave', lazyConnect: true }) },
    /reads from replicas.*scaleReads: 'master'/,
  ],
  [
    'a cluster that reads from any node',
    { client: new IoCluster([], { scaleReads: 'all', lazyConnect: true }) },
    /reads from replicas/,
  ],
  ['{ in the prefix', { client, prefix: 'sess:{a' }, /"prefix" must be .*without \{ and \}/],
  ['} in the prefix', { client, prefix: '}' }, /"prefix" must be .*one master/],
  ['a prefix that is no text', { client, prefix: 7 }, /"prefix" must be a text/],
  ['a ttl of 0', { client, ttl: 0 }, /"ttl" must be a number of seconds above 0/],
  ['a negative ttl', { client, ttl: -1 }, /"ttl" must be/],
  ['a ttl that is not a number', { client, ttl: NaN }, /"ttl" must be/],
  ['a ttl as text', { client, ttl: '1' }, /"ttl" must be .*or a function that returns one/],
  ['a scanCount of 0', { client, scanCount: 0 }, /"scanCount" must be a whole number above 0/],
  ['a part of a scanCount', { client, scanCount: 1.5 }, /"scanCount" must be/],
  ['a scanCount as text', { client, scanCount: '100' }, /"scanCount" must be/],
  [
    'a serializer that cannot parse',
    { client, serializer: { stringify: JSON.stringify } },
    /"serializer" must be an object with parse\(text\) and stringify\(session\)/,
  ],
  [
    'a serializer that cannot stringify',
    { client, serializer: { parse: JSON.parse } },
    /"serializer" must be/,
  ],
  ['no serializer at all', { client, serializer: null }, /"serializer" must be/],
  ['a text for a flag', { client, disableTTL: 'true' }, /"disableTTL" must be true or false/],
  ['a number for a flag', { client, disableTouch: 1 }, /"disableTouch" must be true or false/],
  ['a wrong idAtRest', { client, idAtRest: 'md5' }, /"idAtRest" must be 'sha256' or 'plain'/],
  ['another spelling', { client, scancount: 5 }, /"scancount" is not an option, "scanCount" is/],
  [
    'an option that is none',
    { client, logErrors: true },
    /"logErrors" is not an option \(there are: .*prefix/,
  ],
  [
    'an option of express-session',
    { client, resave: false },
    /"resave" is an option of session-store-js\/express/,
  ],
];

it.each(WRONG)('refuses %s and says what to change', (_what, options, advice) => {
  const error = thrownBy(() => new RedisStore(options as RedisStoreOptions));
  expect(error).toEqual(withCode('ERR_SESSION_OPTIONS'));
  expect(error.message).toMatch(advice);
  expect(error.message).toContain('RedisStore');
  expect(leaksIn(textOf(error), { password: [PASSWORD] })).toEqual([]);
});

it('names every wrong option at once', () => {
  const options = { client, ttl: 0, scanCount: 0, prefix: '{}' };
  const { message } = thrownBy(() => new RedisStore(options));
  for (const name of ['ttl', 'scanCount', 'prefix']) expect(message).toContain(`"${name}"`);
});

it.each<[string, () => unknown]>([
  ['a client of redis', () => createClient()],
  ['a cluster of redis', () => createCluster({ rootNodes: [{}] })],
  ['a sentinel of redis', () => createSentinel({ name: 'm', sentinelRootNodes: [] })],
  ['a client of ioredis', () => io({})],
  ['a client of ioredis that says what it does anyway', () => io({ role: 'master', readOnly: false })],
  ['a cluster of ioredis', () => new IoCluster([], { lazyConnect: true })],
])('takes %s', (_what, make) => {
  expect(() => new RedisStore({ client: make() as typeof client })).not.toThrow();
});

/** Each asks Redis, and has nothing to say before it has answered. */
const CALLS: readonly [string, (store: RedisStore) => Promise<unknown>][] = [
  ['find', (store) => store.find(store.keyOf('an id' as never))],
  ['remove', (store) => store.remove(store.keyOf('an id' as never))],
  ['page', (store) => store.page({ limit: 10 })],
  ['count', (store) => store.count()],
  ['clear', (store) => store.clear()],
  ['ping', (store) => store.ping()],
  ['revokeBefore', (store) => store.revokeBefore(0)],
];

// ioredis connects by itself, whatever it is told.
describe.each<[string, () => unknown]>([
  ['a client', () => createClient()],
  ['a cluster', () => createCluster({ rootNodes: [{ url: 'redis://127.0.0.1:1' }] })],
  ['a sentinel', () => createSentinel({ name: 'm', sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }] })],
])('%s of redis that was never connected', (_what, make) => {
  it.each(CALLS)('fails at the first %s and says so', async (_name, call) => {
    const store = new RedisStore({ client: make() as typeof client });
    const failed = await call(store).catch((error: unknown) => error);
    expect(failed).toEqual(withCode('ERR_SESSION_STORE'));
    expect((failed as Error).message).toMatch(/not connected: `await client.connect\(\)`/);
  });
});

it.each(CALLS.filter(([name]) => ['count', 'clear', 'ping'].includes(name)))(
  'does not take a cluster of ioredis without a node for an empty one at %s',
  async (_name, call) => {
    const nodeless = new IoCluster([], { lazyConnect: true, clusterRetryStrategy: () => null });
    nodeless.on('error', () => undefined);
    await expect(call(new RedisStore({ client: nodeless }))).rejects.toEqual(withCode('ERR_SESSION_STORE'));
  },
);

whereThereIs(REDIS, () => {
  let redis: Redis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  describe.each(CLIENTS)('with a client of %s', (_client, connect) => {
    it.each(CALLS)('says at %s that it was closed', async (_name, call) => {
      const { store, connection } = await redisWorld(connect, redis.port);
      connection.close();
      const failed = await call(store).catch((error: unknown) => error);
      expect(failed).toEqual(withCode('ERR_SESSION_STORE'));
      expect((failed as Error).message).toMatch(/not connected: .*close it after the last/);
    });

    it.each<[string, unknown]>([
      ['nothing', undefined],
      ['0', 0],
      ['a negative number', -1],
      ['no number', NaN],
      ['a text', '60'],
      ['a promise', Promise.resolve(60)],
    ])('refuses a session for which ttl returns %s', async (_what, ttl) => {
      const { store, add, record } = await redisWorld(connect, redis.port, { ttl: () => ttl as number });
      const failed = await store.insert(record('x', { expiresAt: null })).catch((error: unknown) => error);
      expect(failed).toEqual(withCode('ERR_SESSION_OPTIONS'));
      expect((failed as Error).message).toMatch(/ttl must return a number of seconds above 0/);
      expect(await store.count()).toBe(0);
      // It is not asked of one that brings its own end.
      const { key } = await add('y');
      await expect(store.extend(key, null)).rejects.toEqual(withCode('ERR_SESSION_OPTIONS'));
      await store.remove(key);
    });
  });

  it('needs no connect where ioredis connects with the first command', async () => {
    const lazy = new IoRedis({ port: redis.port, host: '127.0.0.1', lazyConnect: true });
    expect(await new RedisStore({ client: lazy }).count()).toBe(0);
    lazy.disconnect();
  });
});

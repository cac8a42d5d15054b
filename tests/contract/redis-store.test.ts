// The Redis store keeps the contract on a real server: under both clients, with ids hashed and plain, with data as JSON and
// through a serializer of the application's.
import { RedisStore, type RedisStoreOptions } from '../../src/stores/redis-store.js';
import { storeContract } from '../../src/testing/index.js';
import { CLIENTS, type ConnectedClient } from '../support/redis-clients.js';
import { REDIS, startRedis, type Redis } from '../support/services/redis.js';
import { whereThereIs } from '../support/services/where.js';

const base64 = {
  parse: (text: string) => JSON.parse(Buffer.from(text, 'base64').toString()) as Record<string, unknown>,
  stringify: (session: object) => Buffer.from(JSON.stringify(session)).toString('base64'),
};
const VARIANTS: readonly [string, Partial<RedisStoreOptions>][] = [
  ['as it is', {}],
  ['ids plain at rest', { idAtRest: 'plain' }],
  ['a prefix of special characters', { prefix: 'a*b?[c]\\^-:' }],
  ['a serializer', { serializer: base64 }],
  ['no expiry by the server', { disableTTL: true }],
];

whereThereIs(REDIS, () => {
  let redis: Redis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  describe.each(CLIENTS)('RedisStore with %s', (_client, connect) => {
    describe.each(VARIANTS)('%s', (_variant, options) => {
      const connections = new Map<RedisStore, ConnectedClient>();
      const cases = storeContract({
        create: async (clock) => {
          const connection = await connect(redis.port);
          const store = new RedisStore({ clock, client: connection.client, ...options });
          connections.set(store, connection);
          return store;
        },
        capabilities: ['page', 'count', 'revokeBefore', 'ping', 'close'],
        breakReads: (store) => {
          connections.get(store)?.close();
        },
        dispose: async (store) => {
          await store.close();
          connections.get(store)?.close();
          const { ask, close } = await connect(redis.port);
          await ask('', 'FLUSHALL');
          close();
        },
      });
      it.each(cases)('$name', ({ run }) => run());
    });
  });
});

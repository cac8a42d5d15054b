// The Redis store keeps the contract on the records of connect-redis too. Their ends are known to the server alone, so time
// really passes here; all cases wait at once, each for stores with a prefix of their own.
import { setTimeout as sleep } from 'node:timers/promises';

import { RedisStore } from '../../src/stores/redis-store.js';
import { storeContract } from '../../src/testing/index.js';
import { CLIENTS, type ConnectedClient } from '../support/redis-clients.js';
import { REDIS, startRedis, type Redis } from '../support/services/redis.js';
import { whereThereIs } from '../support/services/where.js';

whereThereIs(REDIS, () => {
  let redis: Redis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  describe.each(CLIENTS)('RedisStore with %s', (client, connect) => {
    describe('on the records of connect-redis', () => {
      const connections = new Map<RedisStore, ConnectedClient>();
      const cases = storeContract({
        create: async (clock) => {
          const connection = await connect(redis.port);
          const prefix = `${client}${connections.size}:`;
          const store = new RedisStore({ clock, client: connection.client, prefix, format: 'connect-redis' });
          connections.set(store, connection);
          return store;
        },
        capabilities: ['page', 'count', 'revokeBefore', 'ping', 'close'],
        advance: sleep,
        breakReads: (store) => {
          connections.get(store)?.close();
        },
        dispose: async (store) => {
          await store.close();
          connections.get(store)?.close();
        },
      });
      const outcomes = new Map<string, Promise<void>>();
      beforeAll(() => {
        for (const { name, run } of cases) {
          const outcome = run();
          outcome.catch(() => undefined);
          outcomes.set(name, outcome);
        }
      });
      it.each(cases)('$name', ({ name }) => outcomes.get(name));
    });
  });
});

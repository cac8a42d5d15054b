// The Redis store keeps the contract on the records of connect-redis too. Their ends are known to the server alone, so time
// really passes here; that the cases stay out of each other's way, each store has a prefix of its own.
import { setTimeout as sleep } from 'node:timers/promises';

import { RedisStore } from '../../src/stores/redis-store.js';
import { storeContract } from '../../src/testing/index.js';
import { onRedis } from '../support/on-redis.js';
import { CLIENTS, type ConnectedClient } from '../support/redis-clients.js';

onRedis((redis) => {
  describe.each(CLIENTS)("RedisStore with %s and format: 'connect-redis'", (_client, connect) => {
    const connections = new Map<RedisStore, ConnectedClient>();
    const cases = storeContract({
      create: async (clock) => {
        const connection = await connect(redis.port);
        const prefix = `case${connections.size}:`;
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

    it('keeps all of it', async () => {
      const results = await Promise.allSettled(cases.map(({ run }) => run()));
      const broken = results.map((result, at) =>
        result.status === 'rejected' ? [cases[at]?.name, result.reason as unknown] : null,
      );
      expect(broken.filter((fault) => fault !== null)).toEqual([]);
    });
  });
});

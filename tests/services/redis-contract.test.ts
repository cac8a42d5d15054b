// The Redis store keeps the contract on a cluster of three masters and behind Sentinel, under both clients. On one server:
// tests/contract/redis-store.test.ts.
import { RedisStore } from '../../src/stores/redis-store.js';
import { storeContract } from '../../src/testing/index.js';
import {
  CLUSTER_CLIENTS,
  SENTINEL_CLIENTS,
  type Connect,
  type ConnectedClient,
} from '../support/redis-clients.js';
import { startRedisCluster } from '../support/services/redis-cluster.js';
import { startRedisSentinel } from '../support/services/redis-sentinel.js';
import { REDIS } from '../support/services/redis.js';
import { whereThereIs } from '../support/services/where.js';

interface Servers {
  readonly port: number;
  /** Takes away all that is stored. */
  flush(connection: ConnectedClient): Promise<void>;
  stop(): Promise<void>;
}

async function cluster(): Promise<Servers> {
  const { port, ask, masters, stop } = await startRedisCluster();
  const flush = async (): Promise<void> => {
    for (const master of await masters()) await ask(master, 'FLUSHALL');
  };
  return { port, flush, stop };
}

async function sentinel(): Promise<Servers> {
  const { sentinels, stop } = await startRedisSentinel();
  const flush = async ({ ask }: ConnectedClient): Promise<void> => {
    await ask('', 'FLUSHALL');
  };
  return { port: sentinels[0]?.port ?? 0, flush, stop };
}

const DEPLOYMENTS: readonly [string, () => Promise<Servers>, readonly (readonly [string, Connect])[]][] = [
  ['a cluster', cluster, CLUSTER_CLIENTS],
  ['Sentinel', sentinel, SENTINEL_CLIENTS],
];

whereThereIs(REDIS, () => {
  describe.each(DEPLOYMENTS)('RedisStore on %s', (_name, start, clients) => {
    let servers: Servers;
    beforeAll(async () => {
      servers = await start();
    });
    afterAll(() => servers.stop());

    describe.each(clients)('with %s', (_client, connect) => {
      const connections = new Map<RedisStore, ConnectedClient>();
      const cases = storeContract({
        create: async (clock) => {
          const connection = await connect(servers.port);
          const store = new RedisStore({ clock, client: connection.client });
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
          const connection = await connect(servers.port);
          await servers.flush(connection);
          connection.close();
        },
      });
      it.each(cases)('$name', ({ run }) => run());
    });
  });
});

// node-redis and the two kinds of connect-redis: from version 8 on a named export, before that a default one.
import type { ExpressStore } from '../../src/stores/express-store.js';
import { startRedis } from '../support/services/redis.js';
import type { MadeStore } from './cells.js';
import { load } from './packages.js';

interface RedisClient {
  connect(): Promise<unknown>;
  /** `quit` before version 5. */
  close?(): Promise<void>;
  quit(): Promise<unknown>;
  /** Keys and what is left of their time, in seconds: -1 for ever. */
  ttl(key: string): Promise<number>;
  keys(pattern: string): Promise<string[]>;
  get(key: string): Promise<string | null>;
}

type RedisStoreClass = new (options: { client: RedisClient; prefix?: string }) => ExpressStore;

export interface MadeRedisStore extends MadeStore {
  readonly client: RedisClient;
  close(): Promise<void>;
}

export async function madeRedisStore(name: 'connect-redis' | 'connect-redis-7'): Promise<MadeRedisStore> {
  // Version 7 is of the time of node-redis 4, whose answers have another form.
  const { createClient } = load(name === 'connect-redis' ? 'redis' : 'redis-4') as {
    createClient(options: { url: string }): RedisClient;
  };
  const exported = load(name) as { RedisStore?: RedisStoreClass; default?: RedisStoreClass };
  const RedisStore = (exported.RedisStore ?? exported.default) as RedisStoreClass;
  const redis = await startRedis();
  const client = createClient({ url: redis.url });
  await client.connect();
  return {
    store: new RedisStore({ client, prefix: 'myapp:' }),
    client,
    async close() {
      await (client.close?.() ?? client.quit());
      await redis.stop();
    },
  };
}

// `session-store-js/redis`. The client is handed in: neither redis nor ioredis is imported.
export { RedisStore, type RedisStoreOptions } from '../redis-store.js';
export type { Serializer } from './format.js';
export type {
  IoRedisClient,
  IoRedisCluster,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  RedisClient,
} from './client.js';

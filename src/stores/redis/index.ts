// `session-store-js/redis`. The client is handed in: neither redis nor ioredis is imported.
export { RedisStore, type RedisStoreOptions, type Serializer } from '../redis-store.js';
export type {
  IoRedisClient,
  IoRedisCluster,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  RedisClient,
} from './client.js';

import { REDIS } from '../support/services/redis.js';
import { storeCells } from './cells.js';
import { madeRedisStore } from './redis.js';

for (const name of ['connect-redis', 'connect-redis-7'] as const)
  storeCells({ name, needs: REDIS, lists: true, make: () => madeRedisStore(name) });

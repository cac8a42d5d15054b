// Tests on a Redis server of their own, which is empty before each of them.
import { administrator, closeRedisWorlds, type Ask } from './redis-world.js';
import { REDIS, startRedis, type Redis } from './services/redis.js';
import { whereThereIs } from './services/where.js';

export interface TestServer {
  /** Known when a test runs. */
  readonly port: number;
  /** Past every store. */
  readonly ask: Ask;
}

/** The worlds that a test opened are closed after it. */
export function onRedis(
  tests: (redis: TestServer) => void,
  options: Parameters<typeof startRedis>[0] = {},
): void {
  whereThereIs(REDIS, () => {
    let redis: Redis;
    let admin: Awaited<ReturnType<typeof administrator>>;
    beforeAll(async () => {
      redis = await startRedis(options);
      admin = await administrator(redis.port);
    });
    afterEach(async () => {
      await closeRedisWorlds();
      await admin.ask('FLUSHALL');
    });
    afterAll(async () => {
      admin.close();
      await redis.stop();
    });
    tests({
      get port() {
        return redis.port;
      },
      ask: (...command) => admin.ask(...command),
    });
  });
}

// Moments of revocation, also where Redis has lost some of them: after a restart without its data, or a failover.
import { CLIENTS } from '../support/redis-clients.js';
import { administrator, HOUR, redisWorld } from '../support/redis-world.js';
import { onRedis } from '../support/on-redis.js';

const ID = 'a-session-of-this-test-of-43-characters-xyz';

onRedis((redis) => {
  it.each(CLIENTS)(
    'a change is seen by another process although as many were lost before it: %s',
    async (_client, connect) => {
      const here = await redisWorld(connect, redis.port);
      const there = await redisWorld(connect, redis.port, {}, here.clock);
      const { ask } = await administrator(redis.port);
      const now = here.clock.now();
      const record = await here.add(ID, { owner: 'ada', createdAt: now - HOUR });
      await here.store.revokeBefore(now - HOUR / 2, 'bob');
      here.clock.advance(1_100);
      expect(await there.store.find(record.key)).not.toBeNull();
      await ask('DEL', 'sess:@revoked');
      await here.store.revokeBefore(now - HOUR / 2, 'ada');
      here.clock.advance(1_100);
      expect(await there.store.find(record.key)).toBeNull();
    },
  );
});

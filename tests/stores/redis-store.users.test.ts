// Logins and devices over the Redis store, through the manager and over HTTP: lists, revokes and the limit of sessions per
// user hold there as they do in memory.
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { RedisStore } from '../../src/stores/redis-store.js';
import { handleIn, openUsers, type Users } from '../session-manager/user-world.js';
import { closeWorlds } from '../session-manager/world.js';
import { CLIENTS } from '../support/redis-clients.js';
import { connected } from '../support/redis-world.js';
import { onRedis } from '../support/on-redis.js';

afterEach(closeWorlds);

onRedis((redis) => {
  describe.each(CLIENTS)('with %s', (_client, connect) => {
    const open = async (options: Parameters<typeof openUsers>[1] = {}): Promise<Users> => {
      const { client } = await connected(connect, redis.port);
      return openUsers((clock) => new RedisStore({ client, clock }), options);
    };

    it('lists the devices of a user, the latest first, and of no other', async () => {
      const world = await open();
      const phone = await world.device('ada');
      world.clock.advance(1_000);
      const laptop = await world.device('ada');
      await world.device('bob');
      const list = await world.list('ada');
      expect(list.map(({ handle }) => handle)).toEqual([handleIn(laptop), handleIn(phone)]);
    });

    it('ends one device by its handle, and none of another user', async () => {
      const world = await open();
      const [phone, laptop, other] = [
        await world.device('ada'),
        await world.device('ada'),
        await world.device('bob'),
      ];
      const ada = world.sessions.ofUser('ada');
      expect(await ada.revoke(handleIn(other))).toBe(false);
      expect(await ada.revoke(handleIn(phone))).toBe(true);
      expect(await ada.revoke(handleIn(phone))).toBe(false);
      expect(await Promise.all([phone, laptop, other].map(world.userIn))).toEqual([null, 'ada', 'bob']);
    });

    it('ends all devices of a user but one, however many there are', async () => {
      const world = await open();
      const devices = await Promise.all(Array.from({ length: 30 }, () => world.device('ada')));
      const other = await world.device('bob');
      const [kept] = devices as [(typeof devices)[number]];
      expect(await world.sessions.ofUser('ada').revokeAll({ except: handleIn(kept) })).toBe(29);
      expect((await world.list('ada')).map(({ handle }) => handle)).toEqual([handleIn(kept)]);
      expect(await world.userIn(kept)).toBe('ada');
      expect(await world.userIn(other)).toBe('bob');
    });

    it('refuses what began before a moment, in another process a second later', async () => {
      const clock = createFakeClock(Date.now());
      const [here, there] = [await open({ realClock: clock }), await open({ realClock: clock })];
      const [client, other] = [await there.device('ada'), await there.device('bob')];
      expect(await there.userIn(client)).toBe('ada');
      clock.advance(1);
      await here.sessions.ofUser('ada').invalidateBefore();
      expect(await here.list('ada')).toEqual([]);
      clock.advance(1_000);
      expect(await there.userIn(client)).toBeNull();
      expect(await there.userIn(other)).toBe('bob');
      // A later login is not meant.
      expect(await there.userIn(await there.device('ada'))).toBe('ada');
      expect(await here.list('ada')).toHaveLength(1);
    });

    it('keeps no more sessions of a user than it may', async () => {
      const world = await open({ maxSessionsPerUser: 3 });
      const devices = [];
      for (let at = 0; at < 5; at++) {
        devices.push(await world.device('ada'));
        world.clock.advance(1_000);
      }
      expect(await Promise.all(devices.map(world.userIn))).toEqual([null, null, 'ada', 'ada', 'ada']);
      expect(await world.records('ada')).toHaveLength(3);
    });

    it('finds the user of a name that is a pattern, a key or a text of another script', async () => {
      const world = await open();
      for (const user of ['*', 'ada:*', '@revoked', '{x}', '名前', 'o\'neil "the\\second"']) {
        const client = await world.device(encodeURIComponent(user));
        expect(await world.userIn(client)).toBe(user);
        expect(await world.list(user)).toHaveLength(1);
        expect(await world.sessions.ofUser(user).revokeAll()).toBe(1);
        expect(await world.userIn(client)).toBeNull();
      }
    });
  });
});

// What the Redis store asks of the server: one round trip per call, and per request no more than it needs, counted by the
// server itself.
import { newVersion } from '../../src/core/record.js';
import { createWorld, closeWorlds } from '../session-manager/world.js';
import { CLIENTS } from '../support/redis-clients.js';
import { commandsOf, HOUR, redisWorld, type RedisWorld } from '../support/redis-world.js';
import { onRedis } from '../support/on-redis.js';

const MINUTE = 60_000;
const ID = 'a session';
const OWNER = 'ada';

/** With what the scripts change inside of the server; how they look at what is there, is theirs. */
const PUT = { evalsha: 1, set: 1, pexpire: 1 };
const EXTEND = { evalsha: 1, setrange: 2, pexpire: 1 };
const REMOVE = { evalsha: 1, unlink: 1 };
const LOOKS = ['getrange', 'exists'];
/** Whether anybody was revoked: asked for together with a session, once a second at most. */
const LOOK = { zrangebyscore: 1 };

afterEach(closeWorlds);

onRedis((redis) => {
  const commandsIn = async (work: () => Promise<unknown>): Promise<Record<string, number>> => {
    await redis.ask('CONFIG', 'RESETSTAT');
    await work();
    const commands = Object.entries(await commandsOf(redis.ask));
    return Object.fromEntries(commands.filter(([name]) => !LOOKS.includes(name)));
  };

  describe.each(CLIENTS)('with %s', (_client, connect) => {
    describe('a call', () => {
      /** With all scripts loaded, and a look at the revocations at this moment. */
      const warm = async (): Promise<RedisWorld> => {
        const world = await redisWorld(connect, redis.port);
        const { store, add } = world;
        const { key, expiresAt } = await add(ID, { owner: OWNER });
        await store.extend(key, expiresAt);
        await store.remove(key);
        await add(ID);
        world.clock.advance(1_000);
        await store.find(key);
        return world;
      };

      it('finds with one GET', async () => {
        const { store, keyOf } = await warm();
        expect(await commandsIn(() => store.find(keyOf(ID)))).toEqual({ get: 1 });
        expect(await commandsIn(() => store.find(keyOf('none')))).toEqual({ get: 1 });
      });

      it('looks for revocations once a second at most, beside a GET', async () => {
        const { store, clock, keyOf } = await warm();
        clock.advance(999);
        expect(await commandsIn(() => store.find(keyOf(ID)))).toEqual({ get: 1 });
        clock.advance(1);
        const found = await commandsIn(async () => {
          await store.find(keyOf(ID));
          for (let at = 0; at < 20; at++) await store.find(keyOf(ID));
        });
        expect(found).toEqual({ get: 21, ...LOOK });
      });

      it('inserts, replaces, extends and removes with one EVALSHA each', async () => {
        const { store, record, keyOf } = await warm();
        const other = record('other');
        const next = { ...other, version: newVersion() };
        expect(await commandsIn(() => store.insert(other))).toEqual(PUT);
        expect(await commandsIn(() => store.replace(next, other.version))).toEqual(PUT);
        expect(await commandsIn(() => store.extend(keyOf('other'), (other.expiresAt ?? 0) + HOUR))).toEqual(
          EXTEND,
        );
        expect(await commandsIn(() => store.remove(other.key))).toEqual(REMOVE);
      });

      it('changes nothing where it fails, with one EVALSHA too', async () => {
        const { store, record, keyOf } = await warm();
        const lost = { evalsha: 1 };
        expect(await commandsIn(() => store.insert(record(ID)))).toEqual(lost);
        expect(await commandsIn(() => store.replace(record(ID), 'another'))).toEqual(lost);
        expect(await commandsIn(() => store.extend(keyOf('none'), HOUR))).toEqual(lost);
        expect(await commandsIn(() => store.extend(keyOf(ID), 0))).toEqual(lost);
      });

      it('names a session of a user with one more EVALSHA, on the way in only', async () => {
        const { store, record } = await warm();
        const owned = record('owned', { owner: OWNER });
        expect(await commandsIn(() => store.insert(owned))).toMatchObject({ evalsha: 2, zadd: 1, set: 1 });
        const next = { ...owned, version: newVersion() };
        expect(await commandsIn(() => store.replace(next, owned.version))).toEqual(PUT);
      });
    });

    describe('a request', () => {
      const site = async () => {
        const { store, clock } = await redisWorld(connect, redis.port);
        const world = await createWorld({ clock, store, maxAge: HOUR, touchAfter: MINUTE });
        const { sessions, on, client } = world;
        on('/unused', (_req, res) => res.send('nothing'));
        on('/read', async (req, res) => res.send(String(await sessions.get(req, 'count'))));
        on('/write', async (req, res) => {
          await sessions.set(req, 'count', Number(await sessions.get(req, 'count')) + 1);
          res.send('written');
        });
        on('/bag', async (req, res) => {
          await sessions.load(req);
          (req.session as unknown as { count: number }).count += 1;
          res.send('written');
        });
        on('/start', async (req, res) => {
          await sessions.set(req, 'count', 0);
          res.send('started');
        });
        on('/end', async (req, res) => {
          await sessions.destroy(req);
          res.send('ended');
        });
        await client.get('/start');
        await client.get('/write');
        clock.advance(MINUTE);
        await client.get('/read');
        const during = (path: string): Promise<Record<string, number>> =>
          commandsIn(async () => {
            expect((await client.get(path)).status).toBe(200);
          });
        return { ...world, clock, during };
      };

      it('that does not use its session asks for nothing', async () => {
        const { during } = await site();
        expect(await during('/unused')).toEqual({});
      });

      it('that reads asks for one GET', async () => {
        const { during } = await site();
        expect(await during('/read')).toEqual({ get: 1 });
      });

      it.each(['/write', '/bag'])('that writes asks for one GET and one EVALSHA (%s)', async (path) => {
        const { during, clock } = await site();
        expect(await during(path)).toEqual({ get: 1, ...PUT });
        clock.advance(1_000);
        expect(await during(path)).toEqual({ get: 1, ...LOOK, ...PUT });
      });

      it('that starts a session asks for one EVALSHA', async () => {
        const { browser } = await site();
        expect(await commandsIn(() => browser().get('/start'))).toEqual(PUT);
      });

      it('moves the end once per touchAfter at most', async () => {
        const { during, clock } = await site();
        const counts: Record<string, number>[] = [];
        for (let round = 0; round < 12; round++) {
          clock.advance(MINUTE / 4);
          counts.push(await during('/read'));
        }
        const touches = counts.map((count) => count['evalsha'] ?? 0);
        expect(touches.join('')).toBe('000100010001');
        expect(counts[3]).toEqual({ get: 1, ...LOOK, ...EXTEND });
      });

      it('that ends its session asks for one GET and one EVALSHA', async () => {
        const { during } = await site();
        const { get, evalsha, eval: loaded } = await during('/end');
        expect({ get, evalsha, loaded }).toEqual({ get: 1, evalsha: 1, loaded: undefined });
      });
    });
  });
});

// The methods that connect-redis documents, each with a callback and with a promise, on the Redis store.
import { handleOf } from '../../src/core/ids.js';
import type { SessionId } from '../../src/core/contract.js';
import type { RedisStoreOptions } from '../../src/stores/redis-store.js';
import { withCode } from '../support/failures.js';
import { CLIENTS } from '../support/redis-clients.js';
import { HOUR, redisWorld, type RedisWorld } from '../support/redis-world.js';
import { onRedis } from '../support/on-redis.js';

type Method = 'get' | 'set' | 'touch' | 'destroy' | 'all' | 'ids' | 'length' | 'clear';
type Call = (world: RedisWorld, method: Method, ...args: readonly unknown[]) => Promise<unknown>;

const methodOf = ({ store }: RedisWorld, method: Method) =>
  (store[method] as (...args: readonly unknown[]) => Promise<unknown>).bind(store);
const WAYS: readonly [string, Call][] = [
  ['promises', (world, method, ...args) => methodOf(world, method)(...args)],
  [
    'callbacks',
    (world, method, ...args) =>
      new Promise((resolve, reject) => {
        const callback = (error: Error | null, result: unknown): void => {
          if (error === null) resolve(result);
          else reject(error);
        };
        void methodOf(world, method)(...args, callback);
      }),
  ],
];

/** What connect-redis is shown with. */
const SESSION = {
  user: { id: 123, name: 'Alice' },
  cart: ['item1', 'item2'],
  cookie: { originalMaxAge: null },
};

onRedis((redis) => {
  describe.each(CLIENTS)('with %s', (_client, connect) => {
    const open = (options: Partial<RedisStoreOptions> = {}) => redisWorld(connect, redis.port, options);
    const until = ({ clock }: RedisWorld, ms: number) => ({
      ...SESSION,
      cookie: { originalMaxAge: ms, expires: new Date(clock.now() + ms) },
    });

    describe.each(WAYS)('by %s', (_way, call) => {
      it('gets what was set, and null for what was not', async () => {
        const world = await open();
        expect(await call(world, 'get', 'session123')).toBeNull();
        expect(await call(world, 'set', 'session123', SESSION)).toBeUndefined();
        expect(await call(world, 'get', 'session123')).toEqual({
          ...SESSION,
          cookie: { originalMaxAge: null, expires: null },
        });
        await call(world, 'set', 'session123', { ...SESSION, cart: [] });
        expect(await call(world, 'get', 'session123')).toMatchObject({ cart: [] });
      });

      it('keeps the end of a cookie, and moves it with a touch', async () => {
        const world = await open();
        await call(world, 'set', 'x', until(world, HOUR));
        const expires = new Date(world.clock.now() + HOUR).toISOString();
        expect(await call(world, 'get', 'x')).toMatchObject({ cookie: { originalMaxAge: HOUR, expires } });
        world.clock.advance(HOUR / 2);
        await call(world, 'touch', 'x', until(world, HOUR));
        world.clock.advance(HOUR - 1);
        expect(await call(world, 'get', 'x')).toMatchObject({ user: SESSION.user });
        world.clock.advance(1);
        expect(await call(world, 'get', 'x')).toBeNull();
      });

      it('touches nothing that is not there', async () => {
        const world = await open();
        await call(world, 'touch', 'x', until(world, HOUR));
        expect(await call(world, 'length')).toBe(0);
      });

      it('destroys one, for good', async () => {
        const world = await open();
        for (const id of ['x', 'y']) await call(world, 'set', id, SESSION);
        expect(await call(world, 'destroy', 'x')).toBeUndefined();
        await call(world, 'destroy', 'none');
        // A request that is late.
        await call(world, 'set', 'x', SESSION);
        expect(await call(world, 'get', 'x')).toBeNull();
        expect(await call(world, 'length')).toBe(1);
      });

      it.each(['sha256', 'plain'] as const)(
        'lists objects with their names as id, ids at rest %s',
        async (idAtRest) => {
          const world = await open({ idAtRest });
          expect(await call(world, 'all')).toEqual([]);
          for (const [at, id] of ['x', 'y'].entries())
            await call(world, 'set', id, { ...SESSION, cart: [at] });
          const names = ['x', 'y'].map((id) => (idAtRest === 'plain' ? id : handleOf(id as SessionId)));
          const all = (await call(world, 'all')) as { id: string }[];
          expect(all.sort((a, b) => a.id.localeCompare(b.id))).toEqual(
            names
              .map((id, at) => ({
                ...SESSION,
                cart: [at],
                id,
                cookie: { originalMaxAge: null, expires: null },
              }))
              .sort((a, b) => a.id.localeCompare(b.id)),
          );
          const ids = (await call(world, 'ids')) as string[];
          expect(ids.sort()).toEqual([...names].sort());
          expect(await call(world, 'length')).toBe(2);
          for (const id of ids) await call(world, 'destroy', id);
          expect(await call(world, 'all')).toEqual([]);
        },
      );

      it('clears them all', async () => {
        const world = await open();
        for (let at = 0; at < 25; at++) await call(world, 'set', `session-${at}`, SESSION);
        expect(await call(world, 'length')).toBe(25);
        expect(await call(world, 'clear')).toBeUndefined();
        expect(await call(world, 'length')).toBe(0);
        expect(await call(world, 'ids')).toEqual([]);
      });

      it.each<[Method, readonly unknown[]]>([
        ['get', ['x']],
        ['set', ['x', SESSION]],
        ['touch', ['x', SESSION]],
        ['destroy', ['x']],
        ['all', []],
        ['ids', []],
        ['length', []],
        ['clear', []],
      ])('hands on what %s failed with', async (method, args) => {
        const world = await open();
        world.connection.close();
        await expect(call(world, method, ...args)).rejects.toEqual(withCode('ERR_SESSION_STORE'));
      });
    });
  });
});

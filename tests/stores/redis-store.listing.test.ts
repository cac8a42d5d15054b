// Listing, counting and clearing by SCAN: all sessions and nothing else, beside another app's keys under names that a
// pattern would match; pages that keep their limit; cursors that nobody can forge.
import type { PageOptions, SessionId } from '../../src/core/contract.js';
import { handleOf } from '../../src/core/ids.js';
import { leaksIn } from '../security/leaks.js';
import { withCode } from '../support/failures.js';
import { CLIENTS } from '../support/redis-clients.js';
import { redisWorld, type RedisWorld } from '../support/redis-world.js';
import { onRedis } from '../support/on-redis.js';

/** What our prefixes would match if they were patterns, and what looks like them. */
const THEIRS = [
  'sess:X',
  'sess:q',
  'sess:-',
  'sesX:',
  'sess:*x',
  'SESS:',
  'ses',
  'sess:\\*',
  'xsess:',
  'sess:@',
  'sess:sha256:',
];
const OURS = ['sess:', 'sess:*', 'sess:[a-z]', 'sess:[^x]', 'ses?:', 'sess:\\', 'sess:\\*:', 'a-b^c]:', ''];
const IDS = Array.from({ length: 120 }, (_, at) => `session-${String(at).padStart(3, '0')}`);

const cursorFrom = (...parts: unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');

onRedis(
  (redis) => {
    /** All of a listing, page by page. */
    const pages = async ({ store, idsOf }: RedisWorld, options: PageOptions): Promise<string[][]> => {
      const found: string[][] = [];
      let cursor: string | null = null;
      do {
        const page = await store.page({ ...options, ...(cursor === null ? null : { cursor }) });
        found.push(idsOf(page.records));
        ({ cursor } = page);
      } while (cursor !== null);
      return found;
    };

    describe.each(CLIENTS)('with %s', (_client, connect) => {
      const fill = async (prefix: string, options = {}): Promise<RedisWorld> => {
        const world = await redisWorld(connect, redis.port, { prefix, ...options });
        await Promise.all(IDS.map((id) => world.add(id, { owner: 'ada' })));
        return world;
      };

      describe.each(OURS)("beside another app's 2,000 keys, under the prefix %j", (prefix) => {
        const withTheirs = async (): Promise<RedisWorld> => {
          const theirs = Array.from({ length: 2_000 }, (_, at) => {
            const name = THEIRS[at % THEIRS.length] ?? '';
            return `${name}${handleOf(`theirs-${at}` as SessionId)}`;
          });
          await redis.ask('MSET', ...theirs.flatMap((name) => [name, 'theirs']));
          return redisWorld(connect, redis.port, { prefix });
        };

        it('S59 lists, counts and clears its own only', async () => {
          const world = await withTheirs();
          const before = await redis.ask('DEBUG', 'DIGEST');
          const ids = IDS.slice(0, 30);
          await Promise.all(ids.map((id) => world.add(id)));
          expect(await world.store.count()).toBe(30);
          expect((await pages(world, { limit: 100 })).flat().sort()).toEqual(ids);
          await world.store.clear();
          expect(await world.store.count()).toBe(0);
          expect(await redis.ask('DEBUG', 'DIGEST')).toEqual(before);
        });
      });

      it.each([1, 2, 3, 7, 10, 11, 33, 99, 100])(
        'fills no page above a limit of %i, and misses none',
        async (limit) => {
          const world = await fill('sess:');
          for (const owner of [undefined, 'ada']) {
            const found = await pages(world, { limit, ...(owner === undefined ? null : { owner }) });
            expect(Math.max(...found.map(({ length }) => length))).toBeLessThanOrEqual(limit);
            expect([...new Set(found.flat())].sort()).toEqual(IDS);
          }
        },
      );

      it('goes on with what had no room on a page, without those that have ended meanwhile', async () => {
        const world = await fill('sess:', { scanCount: 1_000 });
        const { store, idsOf } = world;
        const { records, cursor } = await store.page({ limit: 1 });
        const [first = ''] = idsOf(records);
        const gone = IDS.filter((id) => id !== first).slice(0, 100);
        for (const id of gone) await store.remove(world.keyOf(id));
        const found = [first];
        for (let at = cursor; at !== null;) {
          const page = await store.page({ limit: 1, cursor: at });
          found.push(...idsOf(page.records));
          at = page.cursor;
        }
        expect([...new Set(found)].sort()).toEqual(IDS.filter((id) => !gone.includes(id)));
      });

      it('lists a session that was there all the while, whatever comes and goes', async () => {
        const world = await fill('sess:');
        const found = new Set<string>();
        let cursor: string | null = null;
        const theirs = Array.from({ length: 1_000 }, (_, at) => `theirs-${at}`);
        for (let round = 0; round === 0 || cursor !== null; round++) {
          // Grows and shrinks the table of keys.
          if (round % 20 === 5) await redis.ask('MSET', ...theirs.flatMap((name) => [name, 'theirs']));
          if (round % 20 === 15) await redis.ask('DEL', ...theirs);
          const passing = await world.add(`passing-${round}`);
          const page = await world.store.page({ limit: 10, ...(cursor === null ? null : { cursor }) });
          for (const id of world.idsOf(page.records)) found.add(id);
          ({ cursor } = page);
          await world.store.remove(passing.key);
        }
        expect([...found].filter((id) => id.startsWith('session-')).sort()).toEqual(IDS);
      });

      it.each<[string, unknown]>([
        ['an empty text', ''],
        ['any text', 'tomorrow'],
        ['a number', 7],
        ['JSON that is no list', Buffer.from('{}').toString('base64url')],
        ['an empty list', cursorFrom()],
        ['no place', cursorFrom([], '')],
        ['numbers', cursorFrom([], 0, 0)],
        ['a server that is none', cursorFrom([], 'a server', '0')],
        ['servers that are none', cursorFrom(['a server'], '', '0')],
        ['servers that are no list', cursorFrom('', '', '0')],
        ['a place below nought', cursorFrom([], '', '-1')],
        ['a place that is no number', cursorFrom([], '', '1e3')],
        ['a place above all numbers of Redis', cursorFrom([], '', '99999999999999999999')],
        ['a rest that is no text', cursorFrom([], '', '0', 7)],
        ['a rest that names no session', cursorFrom([], '', '0', '@revoked')],
        ["a rest that names another app's key", cursorFrom([], '', '0', '../theirs')],
      ])('refuses %s for a cursor', async (_what, cursor) => {
        const { store, add } = await redisWorld(connect, redis.port);
        await add('x', { owner: 'ada' });
        await store.revokeBefore(0, 'ada');
        for (const owner of [undefined, 'ada'])
          await expect(
            store.page({ limit: 5, cursor: cursor as string, ...(owner === undefined ? null : { owner }) }),
          ).rejects.toEqual(withCode('ERR_SESSION_CURSOR'));
      });

      it('shows no id in a cursor, also where the store keeps ids plain', async () => {
        const { store } = await fill('sess:', { idAtRest: 'plain', scanCount: 1_000 });
        for (const owner of [undefined, 'ada']) {
          const { cursor } = await store.page({ limit: 1, ...(owner === undefined ? null : { owner }) });
          const shown = `${String(cursor)} ${Buffer.from(String(cursor), 'base64url').toString()}`;
          expect(leaksIn(shown, { ids: IDS })).toEqual([]);
        }
      });
    });
  },
  { args: ['--enable-debug-command', 'yes'] },
);

// Listings that go on while a server restarts, is replaced, or leaves its share to a replica: what lives all the while is
// listed once at least. A cursor of SCAN means nothing to another process than the one that gave it.
import { scan, START, type Place } from '../../src/stores/redis/listing.js';
import type { Connection, Master } from '../../src/stores/redis/client.js';
import { CLIENTS, CLUSTER_CLIENTS } from '../support/redis-clients.js';
import { administrator, closeRedisWorlds, redisWorld, type RedisWorld } from '../support/redis-world.js';
import { REDIS, startRedis, type Redis } from '../support/services/redis.js';
import { whereThereIs } from '../support/services/where.js';

const MANY = 3_000;
const idsFrom = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, at) => `session-${String(from + at).padStart(4, '0')}`);
const WHOSE: readonly [string, { owner?: string }][] = [
  ['all', {}],
  ["a user's", { owner: 'ada' }],
];

afterEach(closeRedisWorlds);

/** What is listed from a place on, and the cursor of the last page that was asked for. */
async function listed(
  { store, idsOf }: RedisWorld,
  options: { owner?: string; cursor?: string | null; pages?: number },
): Promise<{ ids: string[]; cursor: string | null }> {
  const { pages = Infinity, owner } = options;
  const ids: string[] = [];
  let { cursor = null } = options;
  for (let page = 0; page < pages; page++) {
    const found = await store.page({
      limit: 100,
      ...(owner === undefined ? null : { owner }),
      ...(cursor === null ? null : { cursor }),
    });
    ids.push(...idsOf(found.records));
    ({ cursor } = found);
    if (cursor === null) break;
  }
  return { ids, cursor };
}

const unique = (ids: readonly string[]): string[] => [...new Set(ids)].sort();

whereThereIs(REDIS, () => {
  let running: Redis[] = [];
  const start = async (...args: string[]): Promise<Redis> => {
    const redis = await startRedis({ args });
    running.push(redis);
    return redis;
  };
  afterEach(async () => {
    await Promise.all(running.map((redis) => redis.kill()));
    running = [];
  });

  describe.each(CLIENTS)('with %s', (_client, connect) => {
    const fill = async ({ add }: RedisWorld, ids: readonly string[]): Promise<void> => {
      await Promise.all(ids.map((id) => add(id, { owner: 'ada' })));
    };

    it.each(WHOSE)('a listing of %s goes on over a crash and a restart of the server', async (_whose, of) => {
      const redis = await start('--appendonly', 'yes');
      const world = await redisWorld(connect, redis.port);
      const ids = idsFrom(MANY);
      await fill(world, ids);
      const found: string[] = [];
      let pages = 0;
      for await (const { key } of world.store.scan(of)) {
        found.push(...world.idsOf([{ key }]));
        if (found.length < 500 * (pages + 1) || pages === 3) continue;
        pages++;
        await redis.crash();
        await redis.restart();
      }
      expect(pages).toBe(3);
      expect(unique(found)).toEqual(ids);
    });

    it('a cursor of a server that is gone begins anew', async () => {
      const [here, there] = await Promise.all([start(), start()]);
      const first = await redisWorld(connect, here.port);
      const second = await redisWorld(connect, there.port);
      const ids = idsFrom(1_000);
      for (const world of [first, second]) await fill(world, ids);
      const { cursor, ids: before } = await listed(first, { pages: 4 });
      expect(before.length).toBeGreaterThan(200);
      const { ids: after } = await listed(second, { cursor });
      expect(unique(after)).toEqual(ids);
    });
  });

  it.each(CLUSTER_CLIENTS)('a cursor to a cluster of %s tells no host or port', async (_client, connect) => {
    const redis = await start(
      ...['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'],
      ...['--cluster-announce-ip', '127.0.0.1'],
    );
    const { ask, close } = await administrator(redis.port);
    await ask('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    while (!String(await ask('CLUSTER', 'INFO')).includes('cluster_state:ok'));
    close();
    const world = await redisWorld(connect, redis.port);
    await Promise.all(idsFrom(300).map((id) => world.add(id, { owner: 'ada' })));
    for (const [, of] of WHOSE)
      for (let pages = 1; pages <= 2; pages++) {
        const { cursor } = await listed(world, { ...of, pages });
        const told = Buffer.from(String(cursor), 'base64url').toString();
        expect(told).toMatch(/^\[/);
        for (const secret of ['127.0.0.1', 'localhost', ':', String(redis.port)])
          expect(told).not.toContain(secret);
      }
  });
});

describe('a cluster of masters whose replicas take over', () => {
  const SHARE = 250;
  let runs = 0;
  /** Its cursors mean something to itself alone. */
  function master(keys: readonly string[]): Master {
    const run = String(++runs).padStart(3, '0').repeat(13) + 'f';
    const order = [...keys].sort((a, b) => placeIn(run, a) - placeIn(run, b));
    return {
      send: ([command, at = '0', , , , count = '10']) => {
        if (command === 'INFO')
          return Promise.resolve(`# Server\r\nredis_version:7.0.15\r\nrun_id:${run}\r\ntcp_port:6379\r\n`);
        const end = Number(at) + Number(count);
        const next = end < order.length ? String(end) : '0';
        return Promise.resolve([next, order.slice(Number(at), end)]);
      },
    };
  }
  const placeIn = (run: string, key: string): number =>
    Buffer.from(`${run}${key}`).reduce((sum, byte) => (sum * 31 + byte) % 10_007, 7);
  const SHARES = [0, 1, 2].map((at) => idsFrom(SHARE, at * SHARE));
  const options = { pattern: '*', type: 'string', count: 50 };

  /** Each share's master is replaced after these pages, one share at a time. */
  it.each([
    ...Array.from({ length: 15 }, (_, page) => [0, 1, 2].map((share) => [share, [page]] as const)).flat(),
    [1, [2, 6, 7, 9]],
    [0, [1, 2, 3, 4, 8]],
  ] as [number, number[]][])('share %i, after pages %j', async (share, pages) => {
    const masters = SHARES.map(master);
    // In another order each time.
    const connection: Connection = {
      send: () => Promise.reject(new Error('A listing of all asks masters.')),
      masters: () => Promise.resolve(masters.push(masters.shift() as Master) > 0 ? [...masters] : []),
    };
    const current = masters.slice();
    const found: string[] = [];
    let place: Place | null = START;
    for (let page = 0; place !== null; page++) {
      if (pages.includes(page)) {
        const replica = master(SHARES[share] ?? []);
        masters[masters.indexOf(current[share] as Master)] = replica;
        current[share] = replica;
      }
      const { entries, next }: { entries: readonly string[]; next: Place | null } = await scan(
        connection,
        place,
        options,
      );
      found.push(...entries);
      place = next;
      expect(page).toBeLessThan(60);
    }
    expect(unique(found)).toEqual(SHARES.flat());
    // Nothing is listed twice but what changed hands.
    const others = SHARES.flatMap((ids, at) => (at === share ? [] : ids));
    expect(found.filter((id) => others.includes(id)).sort()).toEqual(others);
  });
});

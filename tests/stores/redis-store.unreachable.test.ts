// A server that is down or silent, and clients with each of their ways to give up on it: the store says what is wrong, not
// merely that something is, and works again when the server does.
import { createClientPool } from 'redis';

import type { RedisClient } from '../../src/stores/redis/client.js';
import { explained } from '../../src/stores/redis/replies.js';
import { thrownBy, withCode } from '../support/failures.js';
import { ALL, FACTS, failureOf, ID, OTHER_ID } from '../support/redis-faults.js';
import { ioRedisWith, nodeRedisWith } from '../support/redis-setups.js';
import type { Connect } from '../support/redis-clients.js';
import { administrator, closeRedisWorlds, redisWorld, type RedisWorld } from '../support/redis-world.js';
import { REDIS, startRedis, type Redis } from '../support/services/redis.js';
import { whereThereIs } from '../support/services/where.js';

const UNREACHABLE = /^The session store failed: the server cannot be reached\.$/;
const SILENT = /^The session store failed: the server does not answer\.$/;
const EITHER = /^The session store failed: the server (cannot be reached|does not answer)\.$/;

/** Its one client is busy with the first call. */
const pool: Connect = async (port) => {
  const timeouts = [{ commandOptions: { timeout: 600 } }, { acquireTimeout: 200, maximum: 1 }] as const;
  const client = createClientPool({ socket: { host: '127.0.0.1', port }, ...timeouts[0] }, timeouts[1]);
  await client.on('error', () => undefined).connect();
  return {
    client: client as unknown as RedisClient,
    ask: (_key, ...args) => client.sendCommand(args),
    close: () => {
      client.destroy();
    },
  };
};

/** As by default, but sooner. */
const soon = { retryStrategy: () => 10 };
const DOWN: readonly [string, Connect, RegExp][] = [
  ['redis', nodeRedisWith({}), SILENT],
  ['redis, with a timeout', nodeRedisWith({ commandOptions: { timeout: 200 } }), SILENT],
  ['redis, without a queue', nodeRedisWith({ disableOfflineQueue: true }), UNREACHABLE],
  ['redis, a pool without a client to spare', pool, EITHER],
  ['ioredis', ioRedisWith(soon), SILENT],
  ['ioredis, without retries', ioRedisWith({ ...soon, maxRetriesPerRequest: 0 }), SILENT],
  ['ioredis, with a timeout', ioRedisWith({ commandTimeout: 200 }), SILENT],
  ['ioredis, without a queue', ioRedisWith({ enableOfflineQueue: false }), UNREACHABLE],
];
/** By default redis closes its client for good instead. */
const impatient = { socketTimeout: 300, reconnectStrategy: () => 10 };
/** Without such an option both clients wait for as long as the server is silent. */
const PAUSED: readonly [string, Connect, RegExp][] = [
  ['redis', nodeRedisWith({ socket: impatient }), EITHER],
  ['redis, without a queue', nodeRedisWith({ socket: impatient, disableOfflineQueue: true }), EITHER],
  ['ioredis', ioRedisWith({ commandTimeout: 300 }), SILENT],
  ['ioredis, without retries', ioRedisWith({ ...soon, socketTimeout: 300, maxRetriesPerRequest: 0 }), EITHER],
];

// What clients of clusters and of Sentinel say when none of the servers is there.
it.each([
  "Cluster isn't ready and enableOfflineQueue options is false",
  'None of startup nodes is available',
  'Failed to refresh slots cache.',
  'All the root nodes are unavailable',
  'None of the sentinels are available',
  'All sentinels are unreachable and retry is disabled.',
])('servers that are all down: %s', (said) => {
  const error = thrownBy(() => explained(new Error(said)));
  expect(error).toEqual(withCode('ERR_SESSION_STORE'));
  expect(error.message).toMatch(UNREACHABLE);
});

whereThereIs(REDIS, () => {
  let redis: Redis;
  beforeEach(async () => {
    redis = await startRedis();
  });
  afterEach(async () => {
    redis.resume();
    await closeRedisWorlds();
    await redis.kill();
  });

  const open = async (connect: Connect): Promise<RedisWorld> => {
    const world = await redisWorld(connect, redis.port, { idAtRest: 'plain' });
    await world.add(ID, FACTS);
    return world;
  };
  /** Resolves when the server has stopped answering. */
  const pause = async (): Promise<void> => {
    const { ask, close } = await administrator(redis.port);
    redis.pause();
    const isLate = new Promise((resolve) => setTimeout(resolve, 200, 'late'));
    while ((await Promise.race([ask('PING'), isLate])) !== 'late');
    close();
  };
  /** What each call fails with, all at the same time, and each of them with the same advice. */
  const expectFailures = async ({ store, record, clock }: RedisWorld, advice: RegExp): Promise<void> => {
    clock.advance(2_000);
    const failures = Object.entries(ALL).map(async ([name, call]): Promise<[string, Error]> => {
      const error = await failureOf(call(store, record(ID, FACTS), record(OTHER_ID, FACTS)));
      return [name, error];
    });
    for (const [name, error] of await Promise.all(failures)) {
      expect(error).toEqual(withCode('ERR_SESSION_STORE'));
      expect(`${error.message} (${name})`).toBe(
        advice.test(error.message) ? `${error.message} (${name})` : `${String(advice)} (${name})`,
      );
    }
  };

  it.each(DOWN)('a server that is down: %s', async (_what, connect, advice) => {
    const world = await open(connect);
    await redis.crash();
    // What is under way at that moment goes with the connection.
    while ((world.connection.client as { isReady?: boolean; status?: string }).isReady === true)
      await new Promise(setImmediate);
    await expectFailures(world, advice);
  });

  it.each(PAUSED)('a server that stops answering: %s', async (_what, connect, advice) => {
    const world = await open(connect);
    await pause();
    await expectFailures(world, advice);
  });

  it('a client that closes itself, for the server was silent for longer than it waits', async () => {
    const world = await open(nodeRedisWith({ socket: { socketTimeout: 300 } }));
    const { client } = world.connection;
    while ((client as { isOpen?: boolean }).isOpen) await new Promise(setImmediate);
    await expectFailures(
      world,
      /^The session store failed: the client is not connected: .* reconnectStrategy /,
    );
  });

  it('a server that goes with what it was asked', async () => {
    const world = await open(nodeRedisWith({}));
    await pause();
    const failures = expectFailures(world, UNREACHABLE);
    // Written to the socket by then.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await redis.crash();
    await failures;
  });
});

// The two clients that the Redis store is used with, as tests need them: connected, and broken or closed on demand.
import { Cluster as IoCluster, Redis as IoRedis } from 'ioredis';
import { createClient, createCluster, createSentinel } from 'redis';

import type { RedisClient } from '../../src/stores/redis/client.js';
import { MASTER_NAME } from './services/redis-sentinel.js';

export interface ConnectedClient {
  readonly client: RedisClient;
  /** A command to the server, past the store; on a cluster to the master that has the key. */
  ask(key: string, ...args: string[]): Promise<unknown>;
  close(): void;
}

export type Connect = (port: number) => Promise<ConnectedClient>;

const quiet = (): void => undefined;

async function nodeRedis(port: number): Promise<ConnectedClient> {
  const client = createClient({ url: `redis://127.0.0.1:${String(port)}` }).on('error', quiet);
  await client.connect();
  return {
    client,
    ask: (_key, ...args) => client.sendCommand(args),
    close: () => {
      if (client.isOpen) client.destroy();
    },
  };
}

async function ioRedis(port: number): Promise<ConnectedClient> {
  const client = new IoRedis({ port, host: '127.0.0.1', lazyConnect: true }).on('error', quiet);
  await client.connect();
  return {
    client,
    ask: async (_key, command = '', ...args) => client.call(command, args),
    close: () => {
      client.disconnect();
    },
  };
}

async function nodeRedisCluster(port: number): Promise<ConnectedClient> {
  const rootNodes = [{ url: `redis://127.0.0.1:${String(port)}` }];
  const client = createCluster({ rootNodes }).on('error', quiet);
  await client.connect();
  return {
    client,
    ask: (key, ...args) => client.sendCommand(key, false, args),
    close: () => {
      if (client.isOpen) client.destroy();
    },
  };
}

async function ioRedisCluster(port: number): Promise<ConnectedClient> {
  const client = new IoCluster([{ port, host: '127.0.0.1' }], { lazyConnect: true }).on('error', quiet);
  await client.connect();
  return {
    client,
    ask: async (_key, command = '', ...args) => client.call(command, args),
    close: () => {
      client.disconnect();
    },
  };
}

export const CLIENTS: readonly (readonly [string, Connect])[] = [
  ['redis', nodeRedis],
  ['ioredis', ioRedis],
];

export const CLUSTER_CLIENTS: typeof CLIENTS = [
  ['redis', nodeRedisCluster],
  ['ioredis', ioRedisCluster],
];

/** @param port Of a sentinel. */
async function nodeRedisSentinel(port: number): Promise<ConnectedClient> {
  const client = createSentinel({
    name: MASTER_NAME,
    sentinelRootNodes: [{ host: '127.0.0.1', port }],
  }).on('error', quiet);
  await client.connect();
  return {
    client,
    ask: (_key, ...args) => client.sendCommand(false, args),
    close: () => {
      if (client.isOpen) void client.destroy();
    },
  };
}

/** @param port Of a sentinel. */
async function ioRedisSentinel(port: number): Promise<ConnectedClient> {
  const sentinels = [{ host: '127.0.0.1', port }];
  const client = new IoRedis({ sentinels, name: MASTER_NAME, lazyConnect: true }).on('error', quiet);
  await client.connect();
  return {
    client,
    ask: async (_key, command = '', ...args) => client.call(command, args),
    close: () => {
      client.disconnect();
    },
  };
}

export const SENTINEL_CLIENTS: typeof CLIENTS = [
  ['redis', nodeRedisSentinel],
  ['ioredis', ioRedisSentinel],
];

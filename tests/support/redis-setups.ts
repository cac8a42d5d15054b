// The two clients with options as applications set them, for the tests of what such options do to the Redis store.
import { Redis as IoRedis, type RedisOptions } from 'ioredis';
import { createClient } from 'redis';

import type { RedisClient } from '../../src/stores/redis/client.js';
import type { Connect } from './redis-clients.js';

/** As its constructor takes them. */
type IoOptions = RedisOptions & { replyMapping?: NonNullable<RedisOptions['replyMapping']> };
type NodeOptions = NonNullable<Parameters<typeof createClient>[0]>;

const quiet = (): void => undefined;

export const nodeRedisWith =
  (options: NodeOptions): Connect =>
  async (port) => {
    const socket = { host: '127.0.0.1', port, ...options.socket } as NonNullable<NodeOptions['socket']>;
    const client = createClient({ ...options, socket }).on('error', quiet);
    await client.connect();
    return {
      client: client as unknown as RedisClient,
      ask: (_key, ...args) => client.sendCommand(args),
      close: () => {
        if (client.isOpen) client.destroy();
      },
    };
  };

export const ioRedisWith =
  (options: IoOptions): Connect =>
  async (port) => {
    const client = new IoRedis({ port, host: '127.0.0.1', lazyConnect: true, ...options });
    await client.on('error', quiet).connect();
    return {
      client,
      ask: async (_key, command = '', ...args) => client.call(command, args),
      close: () => {
        client.disconnect();
      },
    };
  };

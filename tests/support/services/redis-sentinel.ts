// A Redis master with two replicas and three sentinels that watch them, of the test's own.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { startRedis, type Redis } from './redis.js';
import { startService, type Service } from './service.js';

export const MASTER_NAME = 'sessions';

export interface RedisSentinel {
  readonly servers: readonly Redis[];
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  stop(): Promise<void>;
}

export async function startRedisSentinel(): Promise<RedisSentinel> {
  const master = await startRedis();
  const follow = ['--replicaof', '127.0.0.1', String(master.port)];
  const replicas = await Promise.all([startRedis({ args: follow }), startRedis({ args: follow })]);
  const sentinels = await Promise.all(Array.from({ length: 3 }, () => startSentinel(master.port)));
  return {
    servers: [master, ...replicas],
    sentinels: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
    async stop() {
      await Promise.all([...sentinels, master, ...replicas].map((service) => service.kill()));
    },
  };
}

function startSentinel(masterPort: number): Promise<Service> {
  return startService({
    name: 'sentinel',
    user: 'redis',
    // Written by the user that it runs as: it keeps what it learns in there.
    prepare: ({ directory, prepare }) => {
      const lines = [
        `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${String(masterPort)} 2`,
        `sentinel down-after-milliseconds ${MASTER_NAME} 1000`,
        `sentinel failover-timeout ${MASTER_NAME} 5000`,
      ];
      writeFileSync(join(directory, 'draft'), `${lines.join('\n')}\n`);
      prepare('cp', ['draft', 'sentinel.conf']);
    },
    command: 'redis-server',
    args: (port, directory) => [
      join(directory, 'sentinel.conf'),
      '--sentinel',
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory],
    ],
    ready: /\+monitor master/,
    stopSignal: 'SIGTERM',
  });
}

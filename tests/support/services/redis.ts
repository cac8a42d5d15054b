// A Redis server of the test's own, which keeps nothing.
import { hasCommand, startService, type Service, type ServiceOptions } from './service.js';

export const REDIS = {
  isThere: (): boolean => hasCommand('redis-server'),
  advice: 'apt-get install -y --no-install-recommends redis-server',
};

export interface Redis extends Service {
  readonly url: string;
}

export async function startRedis(options: ServiceOptions = {}): Promise<Redis> {
  const redis = await startService(
    {
      name: 'redis',
      user: 'redis',
      command: 'redis-server',
      args: (port, directory) =>
        ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory].concat(
          // Neither snapshots nor a log of commands.
          ['--save', '', '--appendonly', 'no'],
        ),
      ready: /Ready to accept connections/,
      stopSignal: 'SIGTERM',
    },
    options,
  );
  return { ...redis, url: `redis://127.0.0.1:${redis.port}` };
}

// A MariaDB server of the test's own. Its user `root` needs no password; its database is `sessions`.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { hasCommand, startService, type Service, type ServiceOptions } from './service.js';

/** Where Debian has it, outside the PATH of most users. */
const SERVER = '/usr/sbin/mariadbd';

export const MARIADB = {
  isThere: (): boolean => existsSync(SERVER) || hasCommand('mariadbd'),
  advice: 'apt-get install -y --no-install-recommends mariadb-server',
};

/** What is written outlives the server, however it ends, but not a power cut, which no test has: as PostgreSQL's fsync=off. */
const NO_SYNC = ['--innodb-flush-method=nosync', '--skip-sync-frm'];

export interface MariaDb extends Service {
  readonly url: string;
}

export async function startMariaDb(options: ServiceOptions = {}): Promise<MariaDb> {
  const mariadb = await startService(
    {
      name: 'mariadb',
      user: 'mysql',
      prepare: ({ directory, prepare }) => {
        const data = ['--no-defaults', `--datadir=${join(directory, 'data')}`, '--skip-test-db'];
        prepare('mariadb-install-db', [...data, '--auth-root-authentication-method=normal', ...NO_SYNC]);
        writeFileSync(join(directory, 'first.sql'), 'CREATE DATABASE IF NOT EXISTS sessions;\n');
      },
      command: existsSync(SERVER) ? SERVER : 'mariadbd',
      args: (port, directory) => [
        '--no-defaults',
        `--datadir=${join(directory, 'data')}`,
        `--port=${port}`,
        '--bind-address=127.0.0.1',
        `--socket=${join(directory, 'socket')}`,
        `--pid-file=${join(directory, 'pid')}`,
        // A server that starts empties it.
        `--tmpdir=${directory}`,
        `--init-file=${join(directory, 'first.sql')}`,
        '--skip-log-bin',
        ...NO_SYNC,
      ],
      ready: /ready for connections/,
      stopSignal: 'SIGTERM',
    },
    options,
  );
  return { ...mariadb, url: `mysql://root@127.0.0.1:${mariadb.port}/sessions` };
}

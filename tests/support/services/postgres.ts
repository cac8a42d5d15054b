// A PostgreSQL cluster of the test's own. Its user `postgres` needs no password; its database is `postgres`.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { startService, type Service, type ServiceOptions } from './service.js';

/** Where Debian has its versions; elsewhere the commands are on the PATH. */
const VERSIONS = '/usr/lib/postgresql';

export const POSTGRES = {
  isThere: (): boolean => binaries() !== null,
  advice: 'apt-get install -y --no-install-recommends postgresql',
};

export interface Postgres extends Service {
  readonly url: string;
}

export async function startPostgres(options: ServiceOptions = {}): Promise<Postgres> {
  const bin = binaries() ?? '';
  const postgres = await startService(
    {
      name: 'postgres',
      user: 'postgres',
      prepare: ({ directory, prepare }) => {
        const data = ['-D', join(directory, 'data'), '-U', 'postgres', '-A', 'trust'];
        prepare(join(bin, 'initdb'), [...data, '--no-sync', '-E', 'UTF8', '--locale=C']);
      },
      command: join(bin, 'postgres'),
      args: (port, directory) => {
        const settings = ['listen_addresses=127.0.0.1', `unix_socket_directories=${directory}`, 'fsync=off'];
        const data = ['-D', join(directory, 'data'), '-p', String(port)];
        return [...data, ...settings.flatMap((setting) => ['-c', setting])];
      },
      ready: /database system is ready to accept connections/,
      // Without waiting for clients to go.
      stopSignal: 'SIGINT',
    },
    options,
  );
  return { ...postgres, url: `postgres://postgres@127.0.0.1:${postgres.port}/postgres` };
}

/** The directory of the newest version. */
function binaries(): string | null {
  const debian = existsSync(VERSIONS) ? readdirSync(VERSIONS) : [];
  const versions = debian.sort((a, b) => Number(b) - Number(a)).map((name) => join(VERSIONS, name, 'bin'));
  const places = [...versions, ...(process.env['PATH'] ?? '').split(':')];
  return places.find((place) => existsSync(join(place, 'initdb'))) ?? null;
}

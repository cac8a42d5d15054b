// The servers of these tests: they answer, and leave nothing behind, even when their test is killed.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { MARIADB, startMariaDb } from '../support/services/mariadb.js';
import { POSTGRES, startPostgres } from '../support/services/postgres.js';
import { REDIS, startRedis } from '../support/services/redis.js';
import type { Service, ServiceOptions } from '../support/services/service.js';
import { isAvailable } from '../support/tools.js';
import { freshDirectory } from './directory.js';

type Start = (options?: ServiceOptions) => Promise<Service>;

describe.each<[string, typeof REDIS, Start]>([
  ['redis', REDIS, startRedis],
  ['postgres', POSTGRES, startPostgres],
  ['mariadb', MARIADB, startMariaDb],
])('%s', (name, { isThere, advice }, start) => {
  if (!isThere()) {
    it(`is not shown here: ${advice}`, () => {
      expect(isAvailable(name, false, advice)).toBe(false);
    });
    return;
  }

  it.each(['stop', 'kill'] as const)('is gone after %s, its directory too', async (end) => {
    const service = await start();
    expect(await isListening(service.port)).toBe(true);

    expect(isRunning(service)).toBe(true);

    await service[end]();

    expect(isRunning(service)).toBe(false);
    expect(existsSync(service.directory)).toBe(false);
    // Again, to no effect.
    await service.stop();
    await service.kill();
  });

  // The rest is the same for all of them.
  if (start !== startRedis) return;

  it('comes back on the port that it had', async () => {
    const first = await start();
    await first.kill();
    const { port, stop } = await start({ port: first.port });
    expect(port).toBe(first.port);
    expect(await isListening(port)).toBe(true);
    await stop();
  });

  it('says what is wrong if it does not start', async () => {
    await expect(start({ args: ['--no-such-option'] })).rejects.toThrow(/did not start:[^]*no-such-option/);
  });
});

it('dies with the test that started it', async () => {
  const directory = freshDirectory();
  const inner = join(directory, 'inner');
  const guard = resolve(__dirname, '../support/services/guard.mjs');
  // A server that writes its process id, under a guard whose parent is killed.
  const server = 'console.log(process.pid); setInterval(() => undefined, 1_000);';
  const parent = `
    require('node:fs').mkdirSync(${JSON.stringify(inner)});
    const args = [${JSON.stringify(guard)}, ${JSON.stringify(inner)}, '', '', process.execPath, '-e', ${JSON.stringify(server)}];
    const guard = require('node:child_process').spawn(process.execPath, args, { detached: true });
    guard.stdout.pipe(process.stdout);
  `;
  const test = spawn(process.execPath, ['-e', parent]);
  const [line] = (await once(test.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  expect(isAlive(pid)).toBe(true);

  test.kill('SIGKILL');

  // Real time: another process has to see the end of a pipe.
  for (let look = 0; look < 500 && (isAlive(pid) || existsSync(inner)); look++) await wait(10);
  expect(isAlive(pid)).toBe(false);
  expect(existsSync(inner)).toBe(false);
});

/** By its directory, which is in its arguments: its port may be another's by now. */
const isRunning = ({ directory }: Service): boolean =>
  spawnSync('pgrep', ['--full', '--', directory]).status === 0;

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

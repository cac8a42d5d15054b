// Databases of one's own: servers on ports that were free, in directories of their own, PostgreSQL and MariaDB as users that
// are not root, gone with the process that started them, however that ends; for SQLite a directory for its files.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { temporaryDirectory } from './temporary-directory.mjs';

const GUARD = fileURLToPath(new URL('../../tests/support/services/guard.mjs', import.meta.url));
/** Where Debian has what is not on the PATH of most users. */
const [POSTGRES_VERSIONS, MARIADB] = ['/usr/lib/postgresql', '/usr/sbin/mariadbd'];
const ATTEMPTS = 3;
const APT = 'apt-get install -y --no-install-recommends';

/** With either of its clients; nothing of it is on a disk. */
const REDIS = {
  title: 'Redis',
  advice: `${APT} redis-server`,
  isThere: () => hasCommand('redis-server'),
  start: ({ args = [] }) =>
    startServer({
      command: 'redis-server',
      args: (port, directory) => [
        ...['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
        ...['--pidfile', join(directory, 'pid'), ...args],
      ],
      ready: /Ready to accept connections/,
      pidFile: 'pid',
      url: (port) => `redis://127.0.0.1:${port}`,
    }),
};

/** By name: what it is called, and `start({ flushes, args })`, where `flushes` is whether commits wait for the disk. */
const ENGINES = {
  redis: REDIS,
  ioredis: { ...REDIS, title: 'Redis by ioredis' },
  postgres: {
    title: 'PostgreSQL',
    advice: `${APT} postgresql`,
    isThere: () => postgresBinaries() !== undefined,
    start: ({ flushes, args = [] }) =>
      startServer({
        user: 'postgres',
        prepare(directory, run) {
          const data = ['-D', join(directory, 'data'), '-U', 'postgres', '-A', 'trust'];
          run(join(postgresBinaries(), 'initdb'), [...data, '--no-sync', '-E', 'UTF8', '--locale=C']);
        },
        command: join(postgresBinaries() ?? '', 'postgres'),
        args: (port, directory) => {
          const settings = ['listen_addresses=127.0.0.1', `unix_socket_directories=${directory}`];
          if (!flushes) settings.push('fsync=off');
          const data = ['-D', join(directory, 'data'), '-p', String(port)];
          return [...data, ...settings.flatMap((setting) => ['-c', setting]), ...args];
        },
        ready: /database system is ready to accept connections/,
        pidFile: 'data/postmaster.pid',
        url: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
      }),
  },
  mysql: {
    title: 'MariaDB',
    advice: `${APT} mariadb-server`,
    isThere: () => hasCommand(mariadbd()),
    start: ({ flushes, args = [] }) =>
      startServer({
        user: 'mysql',
        prepare(directory, run) {
          const data = ['--no-defaults', `--datadir=${join(directory, 'data')}`, '--skip-test-db'];
          run('mariadb-install-db', [...data, '--auth-root-authentication-method=normal']);
          writeFileSync(join(directory, 'first.sql'), 'CREATE DATABASE IF NOT EXISTS sessions;\n');
        },
        command: mariadbd(),
        args: (port, directory) => [
          '--no-defaults',
          `--datadir=${join(directory, 'data')}`,
          ...[`--port=${port}`, '--bind-address=127.0.0.1'],
          `--socket=${join(directory, 'socket')}`,
          `--pid-file=${join(directory, 'pid')}`,
          // A server that starts empties it.
          `--tmpdir=${directory}`,
          `--init-file=${join(directory, 'first.sql')}`,
          '--skip-log-bin',
          ...(flushes ? [] : ['--innodb-flush-log-at-trx-commit=0']),
          ...args,
        ],
        ready: /ready for connections/,
        pidFile: 'pid',
        url: (port) => `mysql://root@127.0.0.1:${port}/sessions`,
      }),
  },
  sqlite: {
    title: 'SQLite',
    isThere: () => true,
    start() {
      const { path, remove } = temporaryDirectory('sqlite');
      return { place: path, cpu: () => null, stop: async () => remove() };
    },
  },
};

export const ENGINE_NAMES = Object.keys(ENGINES);

/** The engines that were asked for by name; without a name all. */
export const enginesIn = (words) => {
  const named = ENGINE_NAMES.filter((name) => words.includes(name));
  return named.length === 0 ? ENGINE_NAMES : named;
};

/** How to install the server of an engine where it is not there; null where it is. */
export const adviceFor = (name) => (ENGINES[name].isThere() ? null : ENGINES[name].advice);

/**
 * Resolves to `{ name, title, place, cpu(), stop() }`; `cpu()`: microseconds of processor time that all processes of the
 * server have taken, null where nobody says. Ends the process with 2 where the server is not installed.
 */
export async function startEngine(name, { flushes = false, args } = {}) {
  const { title, start } = ENGINES[name];
  const advice = adviceFor(name);
  if (advice !== null) {
    console.error(`This needs ${title}: ${advice}`);
    process.exit(2);
  }
  return { name, title, ...(await start({ flushes, args })) };
}

async function startServer(recipe) {
  // Between the look for a free port and its use another process may take it: then the next one.
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(recipe, await freePort());
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

async function start({ user = '', prepare, command, args, ready, pidFile, url }, port) {
  const directory = mkdtempSync(join(tmpdir(), `session-store-js-${user}-`));
  chmodSync(directory, 0o700);
  const owner =
    user !== '' && process.getuid?.() === 0 ? { uid: idOf('-u', user), gid: idOf('-g', user) } : null;
  if (owner !== null) chownSync(directory, owner.uid, owner.gid);
  prepare?.(directory, (tool, given) =>
    execFileSync(tool, given, { cwd: directory, stdio: 'pipe', ...owner }),
  );
  const ids = owner === null ? ['', ''] : [String(owner.uid), String(owner.gid)];
  // A group of its own: Ctrl-C in a terminal must not take the guard away before the server.
  const guard = spawn(process.execPath, [GUARD, directory, ...ids, command, ...args(port, directory)], {
    stdio: 'pipe',
    detached: true,
  });
  const exited = once(guard, 'exit');
  guard.stdin.on('error', () => undefined);
  let output = '';
  const isReady = new Promise((resolve) => {
    for (const stream of [guard.stdout, guard.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        output = (output + text).slice(-10_000);
        if (ready.test(output)) resolve(true);
      });
  });
  if (!(await Promise.race([isReady, exited.then(() => false)])))
    throw new Error(`${command} did not start:\n${output}`);
  const pid = Number.parseInt(readFileSync(join(directory, pidFile), 'utf8'));
  return {
    place: url(port),
    cpu: () => processorTime(pid),
    async stop() {
      guard.stdin.end();
      await exited;
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Of a process with its children, those that have ended included. Linux says; elsewhere it is not known. */
function processorTime(pid) {
  if (!existsSync('/proc/self/stat')) return null;
  let ticks = 0;
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const fields = statOf(name);
    if (Number(name) === pid) ticks += sum(fields.slice(11, 15));
    else if (Number(fields[1]) === pid) ticks += sum(fields.slice(11, 13));
  }
  return ticks * US_PER_TICK;
}

/** What stands behind the name of a process, which may hold blanks: from its state on. */
function statOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    // It has just ended.
    return [];
  }
}

/** Linux has told processes of a hundredth of a second for as long as it has had /proc. */
const US_PER_TICK = 10_000;
const sum = (values) => values.reduce((total, value) => total + Number(value), 0);
const idOf = (flag, user) => Number(execFileSync('id', [flag, user]).toString());
const hasCommand = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
const mariadbd = () => (existsSync(MARIADB) ? MARIADB : 'mariadbd');

/** The directory of the newest version. */
function postgresBinaries() {
  const debian = existsSync(POSTGRES_VERSIONS) ? readdirSync(POSTGRES_VERSIONS) : [];
  const versions = debian
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(POSTGRES_VERSIONS, version, 'bin'));
  const places = [...versions, ...(process.env.PATH ?? '').split(':')];
  return places.find((place) => existsSync(join(place, 'initdb')));
}

// Databases of a benchmark's own, gone with it: PostgreSQL and MariaDB on a free port, SQLite in a file. And how a process
// opens one: a store on it, and a way to ask the database itself.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { temporaryDirectory } from './temporary-directory.mjs';

const require = createRequire(import.meta.url);
const GUARD = fileURLToPath(new URL('../../tests/support/services/guard.mjs', import.meta.url));
const ECOSYSTEM = fileURLToPath(new URL('../../tests/ecosystem/package.json', import.meta.url));
const DEBIAN = '/usr/lib/postgresql';

/** Where the commands of PostgreSQL are: Debian keeps them off the PATH. */
const [version] = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => b - a) : [];
const bin = (command) => (version === undefined ? command : join(DEBIAN, version, 'bin', command));

const RECIPES = {
  PostgreSQL: {
    user: 'postgres',
    prepare: (run, directory) =>
      run(bin('initdb'), ['-D', join(directory, 'data'), '-U', 'postgres', '-A', 'trust', '--no-sync']),
    command: () => bin('postgres'),
    args: (port, directory) => [
      ...['-D', join(directory, 'data'), '-p', String(port), '-c', 'listen_addresses=127.0.0.1'],
      ...['-c', `unix_socket_directories=${directory}`, '-c', 'fsync=off', '-c', 'max_wal_size=4GB'],
    ],
    ready: /ready to accept connections/,
    place: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
  },
  MariaDB: {
    user: 'mysql',
    prepare(run, directory) {
      const data = `--datadir=${join(directory, 'data')}`;
      run('mariadb-install-db', [
        ...['--no-defaults', data, '--skip-test-db', '--auth-root-authentication-method=normal'],
      ]);
      writeFileSync(join(directory, 'first.sql'), 'CREATE DATABASE IF NOT EXISTS sessions;\n');
    },
    command: () => (existsSync('/usr/sbin/mariadbd') ? '/usr/sbin/mariadbd' : 'mariadbd'),
    args: (port, directory) => [
      ...['--no-defaults', `--datadir=${join(directory, 'data')}`, `--port=${port}`, '--skip-log-bin'],
      ...['--bind-address=127.0.0.1', `--socket=${join(directory, 'socket')}`],
      // A server that starts empties its tmpdir.
      ...[
        `--tmpdir=${directory}`,
        `--pid-file=${join(directory, 'pid')}`,
        `--init-file=${join(directory, 'first.sql')}`,
      ],
    ],
    ready: /ready for connections/,
    place: (port) => `mysql://root@127.0.0.1:${port}/sessions`,
  },
};

/** Resolves to `{ place, stop() }`. */
export async function startDatabase(engine) {
  if (engine === 'SQLite') {
    const { path, remove } = temporaryDirectory('sql-million');
    return { place: join(path, 'sessions.db'), stop: remove };
  }
  const { user, prepare, command, args, ready, place } = RECIPES[engine];
  const id = (flag) => Number(execFileSync('id', [flag, user]).toString());
  const owner = process.getuid() === 0 ? { uid: id('-u'), gid: id('-g') } : null;
  const directory = mkdtempSync(join(tmpdir(), 'sql-million-'));
  chmodSync(directory, 0o700);
  if (owner !== null) chownSync(directory, owner.uid, owner.gid);
  prepare((file, list) => execFileSync(file, list, { cwd: directory, stdio: 'pipe', ...owner }), directory);
  const port = await freePort();
  const ids = owner === null ? ['', ''] : [String(owner.uid), String(owner.gid)];
  const guard = spawn(process.execPath, [GUARD, directory, ...ids, command(), ...args(port, directory)], {
    stdio: 'pipe',
    detached: true,
  });
  const exited = once(guard, 'exit');
  let output = '';
  const started = new Promise((resolve) => {
    for (const stream of [guard.stdout, guard.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        output = (output + text).slice(-10_000);
        if (ready.test(output)) resolve(true);
      });
  });
  if (!(await Promise.race([started, exited.then(() => false)])))
    throw new Error(`${engine} did not start:\n${output}`);
  return {
    place: place(port),
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

const OPEN = {
  async PostgreSQL(place) {
    const { Pool } = require('pg');
    const { PostgresStore } = require('../../dist/cjs/stores/postgres/index.js');
    const client = new Pool({ connectionString: place, max: 10 });
    return {
      store: (options) => new PostgresStore({ client, ...options }),
      ask: async (sql, values = []) => (await client.query(sql, values)).rows,
      /** On one connection, and undone. */
      async undone(sql, values) {
        const one = await client.connect();
        try {
          await one.query('BEGIN');
          return (await one.query(sql, values)).rows;
        } finally {
          await one.query('ROLLBACK');
          one.release();
        }
      },
      close: () => client.end(),
    };
  },
  async MariaDB(place) {
    const { createPool } = require('mysql2/promise');
    const { MysqlStore } = require('../../dist/cjs/stores/mysql/index.js');
    const client = createPool({ uri: place, connectionLimit: 10 });
    // As mysql/client.ts binds them: as texts, to a prepared statement.
    const texts = (values) => values.map((value) => (typeof value === 'number' ? String(value) : value));
    const ask = async (sql, values = []) => (await client.execute(sql, texts(values)))[0];
    return {
      store: (options) => new MysqlStore({ client, ...options }),
      ask,
      undone: ask,
      close: () => client.end(),
    };
  },
  async SQLite(place) {
    const Database = createRequire(ECOSYSTEM)('better-sqlite3');
    const { SqliteStore } = require('../../dist/cjs/stores/sqlite/index.js');
    const database = new Database(place);
    database.function('sha', { deterministic: true }, (value) =>
      createHash('sha256').update(String(value)).digest('hex'),
    );
    const ask = async (sql, values = []) => {
      const prepared = database.prepare(sql);
      if (prepared.reader) return prepared.all(...values);
      prepared.run(...values);
      return [];
    };
    return {
      store: (options) => new SqliteStore({ database, ...options }),
      ask,
      undone: ask,
      close: () => database.close(),
    };
  },
};

export const openDatabase = (engine, place) => OPEN[engine](place);

/** How each engine counts from one to a number, and what it says for a digest of `i` in hexadecimal. */
const SERIES = {
  PostgreSQL: {
    numbers: (from, to) => `generate_series(${from}, ${to}) AS series(i)`,
    sha: (text) => `encode(sha256(convert_to(${text}, 'UTF8')), 'hex')`,
    text: (value) => `${value}::text`,
    joined: (parts) => parts.join(' || '),
    last: 'ANALYZE sessions; ANALYZE sessions_revoked',
  },
  MariaDB: {
    numbers: (from, to) => `(SELECT seq AS i FROM seq_${from}_to_${to}) AS series`,
    sha: (text) => `SHA2(${text}, 256)`,
    text: (value) => `CAST(${value} AS CHAR)`,
    joined: (parts) => `CONCAT(${parts.join(', ')})`,
    last: 'ANALYZE TABLE sessions; ANALYZE TABLE sessions_revoked',
  },
  SQLite: {
    numbers: (from, to) =>
      `(WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${to}) SELECT i FROM n)`,
    sha: (text) => `sha(${text})`,
    text: (value) => `CAST(${value} AS TEXT)`,
    joined: (parts) => parts.join(' || '),
    last: 'SELECT 1',
  },
};

export const keyOf = (number) => `sha256:${createHash('sha256').update(String(number)).digest('hex')}`;

/** Sessions `from ... to`, as the manager makes them, of `owner` (SQL, of `i`), each ending at `end` (the same). */
export async function insertSessions({ engine, ask, from, to, owner, end }) {
  const { numbers, sha, text, joined } = SERIES[engine];
  const [digest, now] = [sha(text('i')), Date.now()];
  const data = joined([`'{"user":"'`, text('i'), `'","cart":"'`, digest, digest, digest, digest, `'"}'`]);
  const values = [joined([`'sha256:'`, digest]), sha(joined([`'v'`, text('i')])), data];
  const times = [now - 3_600_000, now + 11 * 3_600_000, 3_600_000, end, 1];
  await ask(
    'INSERT INTO sessions (session_key, version, data, created_at, deadline_at, idle_ms, expires_at, is_own_end, owner) ' +
      `SELECT ${[...values, ...times, owner({ text: text('i'), joined })].join(', ')} FROM ${numbers(from, to)}`,
  );
}

/** Users of whom all sessions were ended an hour ago. */
export async function insertRevoked({ engine, ask, count }) {
  const { numbers, text, joined } = SERIES[engine];
  const owner = joined([`'gone '`, text('i')]);
  await ask(
    `INSERT INTO sessions_revoked (owner, before_at) SELECT ${owner}, ${Date.now() - 7_200_000} FROM ${numbers(1, count)}`,
  );
}

/** What the engine knows of its tables, as it would know it after a while. */
export async function analyze({ engine, ask }) {
  for (const sql of SERIES[engine].last.split('; ')) await ask(sql);
}

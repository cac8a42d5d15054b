// The drivers that the SQL stores and their peers are handed, and a way to ask the database past all of them.
import { join } from 'node:path';

import { load } from './ecosystem.mjs';

const NEEDED = [
  'better-sqlite3',
  'better-sqlite3-session-store',
  'connect-pg-simple',
  'express-mysql-session',
  'express-session',
  'mysql2',
  'pg',
];

/** Ends the process with 2 where the packages of tests/ecosystem are not installed. */
export function requireEcosystem() {
  try {
    for (const name of NEEDED) load.resolve(name);
    // It has a native part, which may be of another Node.
    new (load('better-sqlite3'))(':memory:').close();
  } catch (error) {
    console.error(`This needs the packages of tests/ecosystem (${error.code ?? error.message}):`);
    console.error('  npm ci --prefix tests/ecosystem');
    process.exit(2);
  }
}

/**
 * By engine: `client`, as an application hands it in, `ask(sql, values)` to rows, `close()`.
 * @param file For SQLite, where each one that is compared has a file of its own.
 */
const DRIVERS = {
  postgres(url) {
    const client = new (load('pg').Pool)({ connectionString: url });
    client.on('error', () => undefined);
    return {
      client,
      ask: async (text, values = []) => (await client.query(text, values)).rows,
      close: () => client.end(),
    };
  },
  mysql(url) {
    const client = load('mysql2/promise').createPool(url);
    return {
      client,
      ask: async (sql, values = []) => (await client.query(sql, values))[0],
      close: () => client.end(),
    };
  },
  sqlite(directory, file) {
    const client = new (load('better-sqlite3'))(join(directory, `${file}.db`));
    return {
      client,
      async ask(sql, values = []) {
        const prepared = client.prepare(sql);
        return prepared.reader ? prepared.all(...values) : (prepared.run(...values), []);
      },
      close: async () => client.close(),
    };
  },
};

export const openDatabase = (engine, place, file) => DRIVERS[engine](place, file);

export async function versionOf({ name, title, place }) {
  const sql = { sqlite: 'SELECT sqlite_version() AS v', postgres: 'SHOW server_version' }[name];
  const database = openDatabase(name, place, 'version');
  const [row] = await database.ask(sql ?? 'SELECT version() AS v');
  await database.close();
  return `${title} ${/^[\d.]+/.exec(Object.values(row)[0])[0]}`;
}

/** The version of a package of tests/ecosystem. */
export const versionOfPackage = (name) => load(`${load.resolve.paths(name)[0]}/${name}/package.json`).version;

/** A database of better-sqlite3 that counts: what it ran by the first word, `PREPARE` and `EXEC` beside. */
export function counted(database) {
  const counts = new Map();
  const count = (what) => counts.set(what, (counts.get(what) ?? 0) + 1);
  const client = {
    exec: (sql) => (count('EXEC'), database.exec(sql)),
    prepare(sql) {
      count('PREPARE');
      const prepared = database.prepare(sql);
      const [word] = /\w+/.exec(sql);
      const run = (method) => (values) => (count(word.toUpperCase()), prepared[method](...values));
      const [all, get, change] = ['all', 'get', 'run'].map(run);
      return {
        all: (...values) => all(values),
        get: (...values) => get(values),
        run: (...values) => change(values),
      };
    },
  };
  return { client, counts };
}

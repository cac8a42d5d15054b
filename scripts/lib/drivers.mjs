// The drivers that the stores and their peers are handed, and a way to ask the database past all of them.
import { join } from 'node:path';

import { load as ecosystem } from './ecosystem.mjs';

/**
 * By engine: `client`, as an application hands it in; `ask(sql, values)` to rows, or `ask(...command)` to what Redis answers;
 * `close()`.
 * @param file For SQLite, where each one that is compared has a file of its own.
 */
const DRIVERS = {
  async redis(load, url) {
    const client = load('redis').createClient({ url });
    client.on('error', (error) => console.error(`redis: ${error.message}`));
    await client.connect();
    return {
      client,
      ask: (...command) => client.sendCommand(command),
      close: async () => client.destroy(),
    };
  },
  async ioredis(load, url) {
    const client = new (load('ioredis').Redis)(url, { lazyConnect: true });
    client.on('error', (error) => console.error(`ioredis: ${error.message}`));
    await client.connect();
    return { client, ask: (...command) => client.call(...command), close: async () => client.disconnect() };
  },
  postgres(load, url) {
    const client = new (load('pg').Pool)({ connectionString: url });
    client.on('error', () => undefined);
    return {
      client,
      ask: async (text, values = []) => (await client.query(text, values)).rows,
      close: () => client.end(),
    };
  },
  mysql(load, url) {
    const client = load('mysql2/promise').createPool(url);
    return {
      client,
      ask: async (sql, values = []) => (await client.query(sql, values))[0],
      close: () => client.end(),
    };
  },
  sqlite(load, directory, file) {
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

/** @param load `require` of the folder that has the drivers. */
export const openDatabase = async (engine, place, file, load = ecosystem) =>
  DRIVERS[engine](load, place, file);

const VERSION = {
  postgres: ['SHOW server_version'],
  mysql: ['SELECT version() AS v'],
  sqlite: ['SELECT sqlite_version() AS v'],
};

export async function versionOf({ name, title, place }, load = ecosystem) {
  const database = await openDatabase(name, place, 'version', load);
  const answer = await database.ask(...(VERSION[name] ?? ['INFO', 'server']));
  await database.close();
  const text =
    typeof answer === 'string' ? /redis_version:(\S+)/.exec(answer)[1] : Object.values(answer[0])[0];
  return `${title} ${/^[\d.]+/.exec(text)[0]}`;
}

/** The version of a package of tests/ecosystem, or of where `load` takes it from. */
export const versionOfPackage = (name, load = ecosystem) =>
  load(`${load.resolve.paths(name)[0]}/${name}/package.json`).version;

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

/** All names of keys of a type in Redis, page by page. */
export async function* keysOf(ask, type) {
  let cursor = '0';
  do {
    const [next, keys] = await ask('SCAN', cursor, 'COUNT', '1000', 'TYPE', type);
    yield keys;
    cursor = String(next);
  } while (cursor !== '0');
}

// Sessions in databases, ours and those of express-session with the store that most applications use on that engine,
// behind the same face, so that an app is written once.
//
//   middleware              for app.use()
//   read(req, key), all(req)
//   setAll(req, values)     several keys in one write
//   set(req, key, value)    the explicit way: a facade where there is one, else an assignment
//   assign(req, key, value) a plain change of req.session, left to the response to be stored
//   update(req, key, fn)    read, change, write: atomic where the package can
//   logout(req)             ends the session
//   keyOf(req)              what the session is called in its table, or in Redis behind the prefix `sess:`
import { createRequire } from 'node:module';

import { keysOf } from './drivers.mjs';

const require = createRequire(import.meta.url);
export const SECRET = 'sessions on the loopback interface, longer than 32 bytes';
/** On the peer and on the drop-in as their documentation advises. */
export const OPTIONS = { secret: SECRET, resave: false, saveUninitialized: false };
/** Two of the peers call theirs `sessions`. */
const OUR_TABLE = 'app_sessions';

/** By engine: the peer's package, how it is made, its table, and what a session is called in there. None takes ioredis. */
export const PEERS = {
  redis: {
    name: 'connect-redis',
    store: ({ load, client }) => new (load('connect-redis').RedisStore)({ client }),
  },
  postgres: {
    name: 'connect-pg-simple',
    store: ({ load, client }, session) =>
      new (load('connect-pg-simple')(session))({ pool: client, createTableIfMissing: true }),
    table: 'session',
    key: 'sid',
  },
  mysql: {
    name: 'express-mysql-session',
    store: ({ load, client }, session) => new (load('express-mysql-session')(session))({}, client),
    table: 'sessions',
    key: 'session_id',
  },
  sqlite: {
    name: 'better-sqlite3-session-store',
    store: ({ load, client }, session) => new (load('better-sqlite3-session-store')(session))({ client }),
    table: 'sessions',
    key: 'sid',
  },
};

/** Of ours, by engine: the module, the class, and the option that takes the client. */
const REDIS_STORE = ['redis', 'RedisStore', 'client'];
const STORES = {
  redis: REDIS_STORE,
  ioredis: REDIS_STORE,
  postgres: ['postgres', 'PostgresStore', 'client'],
  mysql: ['mysql', 'MysqlStore', 'client'],
  sqlite: ['sqlite', 'SqliteStore', 'database'],
};

/** The sessions of a contestant as the database has them: `isLiving(key)`, `count()`, `clear()`. */
export function sessionsOf(engine, contestant, ask) {
  if (engine === 'redis' || engine === 'ioredis')
    return {
      // A closed one is a hash.
      isLiving: async (key) => (await ask('TYPE', `sess:${key}`)) === 'string',
      async count() {
        let count = 0;
        for await (const { length } of keysOf(ask, 'string')) count += length;
        return count;
      },
      clear: () => ask('FLUSHALL'),
    };
  const ours = { table: OUR_TABLE, key: 'session_key', living: 'closed IS NULL' };
  const { table, key, living } =
    contestant === 'ours' || contestant === 'drop-in' ? ours : { ...PEERS[engine], living: '1 = 1' };
  const count = async (where, values) => {
    const [row] = await ask(`SELECT COUNT(*) AS total FROM ${table} WHERE ${living}${where}`, values);
    return Number(row.total);
  };
  const placeholder = engine === 'postgres' ? '$1' : '?';
  return {
    isLiving: async (id) => (await count(` AND ${key} = ${placeholder}`, [id])) > 0,
    count: () => count('', []),
    clear: () => ask(`DELETE FROM ${table}`),
  };
}

/** Each takes `{ engine, client, load, clock, onCall, sweeps }`; see `startApp` in apps.mjs. `load`: `require` of the peers. */
export const CONTESTANTS = {
  /** SessionManager with the store of the engine. */
  ours(world) {
    const SessionManager = require('../../dist/cjs/index.cjs');
    const store = storeOf(world);
    // As in production, but on plain HTTP.
    const options = { secret: SECRET, store, cookie: { secure: false }, limits: { bytes: 2 ** 20 } };
    const sessions = new SessionManager({ ...options, clock: world.clock });
    return {
      ...onFacade(sessions),
      async assign(req, key, value) {
        await sessions.load(req);
        req.session[key] = value;
      },
      keyOf: (req) => store.keyOf(req.sessionID),
    };
  },

  /** `session-store-js/express-session` with the store of the engine. */
  'drop-in'(world) {
    const session = require('../../dist/cjs/express-session/index.cjs');
    const store = storeOf(world);
    return onRequest(session({ ...OPTIONS, store }), (req) => store.keyOf(req.sessionID));
  },

  peer(world) {
    tune(world);
    return expressSession(world);
  },
};

/** One of ours. */
export function newStore(engine, client, options) {
  const [file, name, option] = STORES[engine];
  const Store = require(`../../dist/cjs/stores/${file}/index.js`)[name];
  return new Store({ [option]: client, ...options });
}

function storeOf({ engine, client, clock, onCall, sweeps }) {
  const forSql = { table: OUR_TABLE, ...(sweeps ? null : { sweepInterval: 0 }) };
  const store = newStore(engine, client, { clock, ...(STORES[engine] === REDIS_STORE ? null : forSql) });
  if (onCall === undefined) return store;
  const { replace, remove } = store;
  store.replace = (record, ...rest) => {
    const kind = record.closed === undefined ? 'write' : 'end';
    return traced(onCall, kind, record.key, () => replace.call(store, record, ...rest));
  };
  store.remove = (key, ...rest) => traced(onCall, 'end', key, () => remove.call(store, key, ...rest));
  return store;
}

/** A database as ours sets it. */
export function tune({ engine, client }) {
  if (engine !== 'sqlite') return;
  for (const setting of ['journal_mode = WAL', 'synchronous = NORMAL']) client.exec(`PRAGMA ${setting}`);
}

async function expressSession({ engine, onCall, ...world }) {
  const session = world.load('express-session');
  const store = PEERS[engine].store(world, session);
  await store.onReady?.();
  if (onCall !== undefined) {
    for (const [method, kind] of [
      ['set', 'write'],
      ['destroy', 'end'],
    ]) {
      const original = store[method].bind(store);
      store[method] = (id, ...rest) => {
        const done = rest.pop();
        const call = () =>
          new Promise((resolve, reject) => {
            original(id, ...rest, (error) => (error ? reject(error) : resolve()));
          });
        traced(onCall, kind, id, call).then(() => done(null), done);
      };
    }
  }
  return onRequest(session({ ...OPTIONS, store }), (req) => req.sessionID);
}

/** Tells when a call of the store began and ended, ms by a clock that all processes share, and what it came to. */
async function traced(onCall, kind, key, call) {
  const began = now();
  const result = await call();
  onCall({ kind, key, began, ended: now(), result });
  return result;
}

const now = () => Number(process.hrtime.bigint()) / 1e6;

/** The face of a SessionManager. */
export const onFacade = (sessions) => ({
  middleware: sessions.middleware(),
  read: (req, key) => sessions.get(req, key),
  all: (req) => sessions.all(req),
  setAll: (req, values) => sessions.set(req, values),
  set: (req, key, value) => sessions.set(req, key, value),
  update: (req, key, fn) => sessions.update(req, key, fn),
  logout: (req) => sessions.destroy(req),
});

/** The face of a middleware that puts the session on the request. */
export const onRequest = (middleware, keyOf) => ({
  middleware,
  keyOf,
  read: (req, key) => req.session[key],
  all({ session: { cookie, ...data } }) {
    return data;
  },
  setAll(req, values) {
    Object.assign(req.session, values);
  },
  set(req, key, value) {
    req.session[key] = value;
  },
  assign(req, key, value) {
    req.session[key] = value;
  },
  update(req, key, fn) {
    return (req.session[key] = fn(req.session[key]));
  },
  logout: (req) =>
    new Promise((resolve, reject) => {
      req.session.destroy((error) => (error ? reject(error) : resolve()));
    }),
});

// Sessions in SQL databases, ours and those of express-session with the store that most applications use on that engine,
// behind the same face, so that an app is written once.
//
//   middleware              for app.use()
//   read(req, key), all(req)
//   set(req, key, value)    the explicit way: a facade where there is one, else an assignment
//   assign(req, key, value) a plain change of req.session, left to the response to be stored
//   update(req, key, fn)    read, change, write: atomic where the package can
//   logout(req)             ends the session
//   keyOf(req)              what the session is called in its table
import { createRequire } from 'node:module';

import { load } from './ecosystem.mjs';

const require = createRequire(import.meta.url);
const SECRET = 'sessions in SQL on the loopback interface, longer than 32 bytes';
/** On the peer and on the drop-in as their documentation advises. */
const OPTIONS = { secret: SECRET, resave: false, saveUninitialized: false };
/** Two of the peers call theirs `sessions`. */
const OUR_TABLE = 'app_sessions';

/** By engine: the peer's package, its table, and what a session is called in there. */
export const PEERS = {
  postgres: { name: 'connect-pg-simple', table: 'session', key: 'sid' },
  mysql: { name: 'express-mysql-session', table: 'sessions', key: 'session_id' },
  sqlite: { name: 'better-sqlite3-session-store', table: 'sessions', key: 'sid' },
};

/** As its documentation opens the database, which flushes each write to the disk; ours and `peer` write to a log (WAL). */
export const UNTUNED = 'untuned peer';

/** The table of a contestant, the name of a session in it, and what a row that is a living session satisfies. */
export function tableOf(engine, contestant) {
  if (['ours', 'drop-in'].includes(contestant))
    return { table: OUR_TABLE, key: 'session_key', isLiving: 'closed IS NULL' };
  return { ...PEERS[engine], isLiving: '1 = 1' };
}

/** Each takes `{ engine, client, ask, clock, onCall, sweeps }`; see `startApp`. */
export const CONTESTANTS = {
  /** Express alone. */
  bare: () => ({ middleware: (_req, _res, next) => next(), read: () => 1, set() {} }),

  /** Express, and the fewest statements that sessions can do with: what a driver and a database take. */
  async floor({ engine, client, ask }) {
    tune({ engine, client });
    await ask(`CREATE TABLE IF NOT EXISTS floor (id VARCHAR(99) PRIMARY KEY, data VARCHAR(99) NOT NULL)`);
    await ask(`DELETE FROM floor`);
    await ask(`INSERT INTO floor VALUES ('user', 'ada'), ('visits', '0')`);
    const [read, write] = [
      'SELECT data FROM floor WHERE id = ?',
      'UPDATE floor SET data = ? WHERE id = ?',
    ].map(
      {
        // In the same ways as ours asks.
        postgres(sql) {
          let at = 0;
          const text = sql.replaceAll('?', () => `$${++at}`);
          return (...values) => client.query({ text, values });
        },
        mysql:
          (sql) =>
          (...values) =>
            client.execute(sql, values),
        sqlite(sql) {
          const prepared = client.prepare(sql);
          return (...values) => (prepared.reader ? prepared.all(...values) : prepared.run(...values));
        },
      }[engine],
    );
    return {
      middleware: (_req, _res, next) => next(),
      read: (_req, key) => read(key),
      async set(_req, key, value) {
        await read(key);
        await write(String(value), key);
      },
    };
  },

  /** SessionManager with the store of the engine. */
  ours(world) {
    const SessionManager = require('../../dist/cjs/index.cjs');
    const store = storeOf(world);
    // As in production, but on plain HTTP.
    const options = { secret: SECRET, store, cookie: { secure: false }, limits: { bytes: 2 ** 20 } };
    const sessions = new SessionManager({ ...options, clock: world.clock });
    return {
      middleware: sessions.middleware(),
      read: (req, key) => sessions.get(req, key),
      all: (req) => sessions.all(req),
      set: (req, key, value) => sessions.set(req, key, value),
      async assign(req, key, value) {
        await sessions.load(req);
        req.session[key] = value;
      },
      update: (req, key, fn) => sessions.update(req, key, fn),
      logout: (req) => sessions.destroy(req),
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

  [UNTUNED]: (world) => expressSession(world),
};

function storeOf({ engine, client, clock, onCall, sweeps }) {
  const [file, name, option] = {
    postgres: ['postgres', 'PostgresStore', 'client'],
    mysql: ['mysql', 'MysqlStore', 'client'],
    sqlite: ['sqlite', 'SqliteStore', 'database'],
  }[engine];
  const Store = require(`../../dist/cjs/stores/${file}/index.js`)[name];
  const options = { [option]: client, table: OUR_TABLE, clock, ...(sweeps ? null : { sweepInterval: 0 }) };
  const store = new Store(options);
  if (onCall === undefined) return store;
  const { replace, remove } = store;
  store.replace = (record, ...rest) => {
    const kind = record.closed === undefined ? 'write' : 'end';
    return traced(onCall, kind, record.key, () => replace.call(store, record, ...rest));
  };
  store.remove = (key, ...rest) => traced(onCall, 'end', key, () => remove.call(store, key, ...rest));
  return store;
}

/** As ours sets it. */
function tune({ engine, client }) {
  if (engine !== 'sqlite') return;
  for (const setting of ['journal_mode = WAL', 'synchronous = NORMAL']) client.exec(`PRAGMA ${setting}`);
}

async function expressSession({ engine, client, onCall }) {
  const session = load('express-session');
  const Store = load(PEERS[engine].name)(session);
  const store = {
    postgres: () => new Store({ pool: client, createTableIfMissing: true }),
    mysql: () => new Store({}, client),
    sqlite: () => new Store({ client }),
  }[engine]();
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

const onRequest = (middleware, keyOf) => ({
  middleware,
  keyOf,
  read: (req, key) => req.session[key],
  all({ session: { cookie, ...data } }) {
    return data;
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

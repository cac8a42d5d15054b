// Sessions in Redis, ours and those of express-session with connect-redis, behind the same face, so that an app is
// written once.
//
//   middleware              for app.use()
//   read(req, key), all(req)
//   set(req, key, value)    the explicit way: a facade where there is one, else an assignment
//   assign(req, key, value) a plain change of req.session, left to the response to be stored
//   update(req, key, fn)    read, change, write: atomic where the package can
//   logout(req)             ends the session
//   keyOf(req)              what the session is called in Redis, behind the prefix `sess:`
import { createRequire } from 'node:module';

import { load } from './ecosystem.mjs';

const require = createRequire(import.meta.url);
const SECRET = 'sessions in Redis on the loopback interface, longer than 32 bytes';
/** On the peer and on the drop-in as their documentation advises. */
const OPTIONS = { secret: SECRET, resave: false, saveUninitialized: false };

/**
 * Each takes a connected client, what is told of each write and each end as it happens (see `traced`), and a clock for
 * ours.
 */
export const CONTESTANTS = {
  /** Express alone. */
  bare: () => ({ middleware: (_req, _res, next) => next(), read: () => 1, set() {} }),

  /** Express, and the fewest commands that sessions can do with: what a client and a server take. */
  floor: ({ client }) => ({
    middleware: (_req, _res, next) => next(),
    read: (_req, key) => client.get(key),
    async set(_req, key, value) {
      await client.get(key);
      await client.set(key, String(value));
    },
  }),

  /** SessionManager with RedisStore. */
  ours({ client, clock, onCall }) {
    const SessionManager = require('../../dist/cjs/index.cjs');
    const store = redisStore(client, clock, onCall);
    // As in production, but on plain HTTP.
    const options = { secret: SECRET, store, cookie: { secure: false }, limits: { bytes: 2 ** 20 } };
    const sessions = new SessionManager({ ...options, ...(clock && { clock }) });
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

  /** `session-store-js/express-session` with RedisStore. */
  'drop-in'({ client, clock, onCall }) {
    const session = require('../../dist/cjs/express-session/index.cjs');
    const store = redisStore(client, clock, onCall);
    return onRequest(session({ ...OPTIONS, store }), (req) => store.keyOf(req.sessionID));
  },

  'connect-redis'({ client, onCall }) {
    const session = load('express-session');
    const { RedisStore } = load('connect-redis');
    const store = new RedisStore({ client });
    if (onCall !== undefined) {
      for (const [method, kind] of [
        ['set', 'write'],
        ['destroy', 'end'],
      ]) {
        const original = store[method].bind(store);
        store[method] = (id, ...rest) => traced(onCall, kind, id, () => original(id, ...rest));
      }
    }
    return onRequest(session({ ...OPTIONS, store }), (req) => req.sessionID);
  },
};

function redisStore(client, clock, onCall) {
  const { RedisStore } = require('../../dist/cjs/stores/redis/index.js');
  const store = new RedisStore({ client, ...(clock && { clock }) });
  if (onCall === undefined) return store;
  const { replace, remove } = store;
  store.replace = (record, ...rest) => {
    const kind = record.closed === undefined ? 'write' : 'end';
    return traced(onCall, kind, record.key, () => replace.call(store, record, ...rest));
  };
  store.remove = (key, ...rest) => traced(onCall, 'end', key, () => remove.call(store, key, ...rest));
  return store;
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

// The packages that are compared, on their memory stores or on files, behind the same face, so that a scenario is
// written once.
//
//   middleware              for app.use()
//   read(req, key), all(req)
//   set(req, values)        the explicit way to store keys: a facade where there is one, else an assignment
//   assign(req, key, value) a plain change of req.session, left to the response to be stored
//   commit(req)             stores what has changed so far, amid the request
//   update(req, key, fn)    read, change, write: atomic where the package can
//   logout(req)             ends the session
//   stored(id)              the data that the store holds under an id, or null; living() how many sessions it holds
//   late                    writes of a session that reached the store after its end: `tried`, and `landed` ones
//   interrupted()           how many plain changes were dropped because the session had ended
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { temporaryDirectory } from './temporary-directory.mjs';

const require = createRequire(import.meta.url);
const SessionManager = require('../../dist/cjs/index.cjs');
const session = require('express-session');
const SECRET = 'races on the loopback interface, longer than 32 bytes';

export const ours = () => ourManager({ name: 'session-store-js', store: new SessionManager.MemoryStore() });

/** @param io `'sync'` or `'async'` */
export function oursOnFiles(io) {
  const directory = temporaryDirectory('races-ours');
  const store = new SessionManager.FileStore({ path: directory.path, io });
  const name = io === 'sync' ? 'session-store-js' : `session-store-js, ${io}`;
  // The scenarios use req.session without a word before: for a store that needs a promise that is `eager`.
  const load = io === 'sync' ? 'lazy' : 'eager';
  return ourManager({ name, store, load, tidy: directory.remove });
}

function ourManager({ name, store, load = 'lazy', tidy = () => undefined }) {
  const sessions = new SessionManager({ secret: SECRET, store, load });
  let interrupted = 0;
  sessions.on('interrupted', () => interrupted++);

  const late = { tried: 0, landed: 0 };
  const ended = new Set();
  const { replace } = store;
  store.replace = async (record, ...rest) => {
    const isLate = ended.has(record.key);
    const landed = await replace.call(store, record, ...rest);
    if (isLate) late.tried++;
    if (isLate && landed) late.landed++;
    if (landed && record.closed !== undefined) ended.add(record.key);
    return landed;
  };

  return {
    name,
    isOurs: true,
    middleware: sessions.middleware(),
    read: (req, key) => sessions.get(req, key),
    all: (req) => sessions.all(req),
    set: (req, values) => sessions.set(req, values),
    assign(req, key, value) {
      req.session[key] = value;
    },
    commit: (req) => req.session.save(),
    update: (req, key, fn) => sessions.update(req, key, fn),
    logout: (req) => sessions.destroy(req),
    async stored(id) {
      const record = await store.find(store.keyOf(id));
      return record === null || record.closed !== undefined ? null : JSON.parse(record.data);
    },
    living: () => sessions.count(),
    late,
    interrupted: () => interrupted,
    async close() {
      await sessions.close();
      await store.close();
      tidy();
    },
  };
}

export function expressSession() {
  const store = new session.MemoryStore();

  const late = { tried: 0, landed: 0 };
  const ended = new Set();
  const { set, destroy } = store;
  store.set = (id, ...rest) => {
    if (ended.has(id)) late.tried++;
    set.call(store, id, ...rest);
    if (ended.has(id) && id in store.sessions) late.landed++;
  };
  store.destroy = (id, ...rest) => {
    ended.add(id);
    destroy.call(store, id, ...rest);
  };

  return onExpressSession('express-session', store, late, {
    stored: (id) => (id in store.sessions ? store.sessions[id] : null),
    living: () => Object.keys(store.sessions).length,
  });
}

/** With the options it has by itself, but for its log: it would write a line for each miss. */
export function sessionFileStore() {
  const directory = temporaryDirectory('races-peer');
  const FileStore = require('session-file-store')(session);
  const store = new FileStore({ path: directory.path, logFn: () => undefined });
  const fileOf = (id) => join(directory.path, `${id}.json`);

  const late = { tried: 0, landed: 0 };
  const ended = new Set();
  const { set, destroy } = store;
  store.set = (id, data, done) => {
    const isLate = ended.has(id);
    if (isLate) late.tried++;
    set.call(store, id, data, (error) => {
      if (isLate && existsSync(fileOf(id))) late.landed++;
      done?.(error);
    });
  };
  store.destroy = (id, done) => {
    destroy.call(store, id, (error) => {
      ended.add(id);
      done?.(error);
    });
  };

  return onExpressSession('session-file-store', store, late, {
    stored: (id) => (existsSync(fileOf(id)) ? readFileSync(fileOf(id), 'utf8') : null),
    living: () => readdirSync(directory.path).filter((file) => file.endsWith('.json')).length,
    async close() {
      clearInterval(store.options.reapIntervalObject);
      directory.remove();
    },
  });
}

/**
 * What the packages add to the data, `cookie` and `__lastAccess`, is left out.
 * @param look `stored(id)`: the JSON that the store has, or null; `living()`; `close()`, if there is something to close
 */
function onExpressSession(name, store, late, { stored, living, close = async () => undefined }) {
  return {
    name,
    isOurs: false,
    middleware: session({ secret: SECRET, store, resave: false, saveUninitialized: false }),
    read: async (req, key) => req.session[key],
    async all(req) {
      const { cookie, __lastAccess, ...data } = req.session;
      return data;
    },
    async set(req, values) {
      Object.assign(req.session, values);
    },
    assign(req, key, value) {
      req.session[key] = value;
    },
    commit: (req) => called((done) => req.session.save(done)),
    async update(req, key, fn) {
      return (req.session[key] = fn(req.session[key]));
    },
    logout: (req) => called((done) => req.session.destroy(done)),
    async stored(id) {
      const json = stored(id);
      if (json === null) return null;
      const { cookie, __lastAccess, ...data } = JSON.parse(json);
      return data;
    },
    living: async () => living(),
    late,
    interrupted: () => 0,
    close,
  };
}

const called = (start) =>
  new Promise((resolve, reject) => {
    start((error) => (error ? reject(error) : resolve()));
  });

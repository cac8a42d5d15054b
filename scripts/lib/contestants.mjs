// The packages that are compared, each on its memory store and behind the same face, so that a scenario is written once.
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
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const SECRET = 'races on the loopback interface, longer than 32 bytes';

export function ours() {
  const SessionManager = require('../../dist/cjs/index.cjs');
  const store = new SessionManager.MemoryStore();
  const sessions = new SessionManager({ secret: SECRET, store });
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
    name: 'session-store-js',
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
    },
  };
}

export function expressSession() {
  const session = require('express-session');
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

  return {
    name: 'express-session',
    middleware: session({ secret: SECRET, store, resave: false, saveUninitialized: false }),
    read: async (req, key) => req.session[key],
    async all(req) {
      const { cookie, ...data } = req.session;
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
      if (!(id in store.sessions)) return null;
      const { cookie, ...data } = JSON.parse(store.sessions[id]);
      return data;
    },
    living: async () => Object.keys(store.sessions).length,
    late,
    interrupted: () => 0,
    async close() {},
  };
}

const called = (start) =>
  new Promise((resolve, reject) => {
    start((error) => (error ? reject(error) : resolve()));
  });

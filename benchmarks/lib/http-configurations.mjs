// What is measured: Express without sessions, ours, and the packages that most applications use, each as its own
// documentation advises. A configuration is mounted by http-server.mjs, in a process of its own.
import { createRequire } from 'node:module';

import { loadFrom } from '../../scripts/lib/ecosystem.mjs';
import { CONTESTANTS, onFacade, onRequest, OPTIONS, SECRET } from '../../scripts/lib/store-contestants.mjs';
import { floor } from './http-floors.mjs';

const require = createRequire(import.meta.url);
/** `require` of the peers. */
export const load = loadFrom('benchmarks');

/** As in production, but on plain HTTP. */
const manager = (options) => {
  const SessionManager = require('../../dist/cjs/index.cjs');
  return new SessionManager({ secret: SECRET, cookie: { secure: false }, ...options });
};
const onFiles = (durability) => (world) =>
  onFacade(manager({ storeType: 'file', storeOptions: { path: world.directory, durability } }));

const expressSession = (store) => {
  const session = load('express-session');
  return onRequest(session({ ...OPTIONS, store: store?.(session) }));
};
const sessionFileStore = (world) =>
  expressSession((session) => {
    const FileStore = load('session-file-store')(session);
    // Its log would have a line for each miss.
    return new FileStore({ path: world.directory, logFn: () => undefined });
  });

/** It has no option for that, but the package that writes its files has. */
function withoutFlush(world) {
  const path = load.resolve('write-file-atomic');
  const write = load(path);
  load.cache[path].exports = (file, text, done) => write(file, text, { fsync: false }, done);
  return sessionFileStore(world);
}

const without = (middleware) => ({ middleware, read: () => ({ id: 1 }), setAll() {}, set() {} });
const inDatabase = (name, engine) => ({
  engine,
  mount: (world) => CONTESTANTS[name](world),
  isWaiting: true,
});
const COOKIE_BYTES = 4_096;

/**
 * By name: `title`; `mount(world)` to the face of store-contestants.mjs, null for `node:http` alone; whether it
 * `hasSessions`; its `engine`, of servers.mjs; `isMemory`: sessions are kept in the memory of the app; `isWaiting`: for a disk
 * or a database; the `largest` session that it takes, in bytes.
 */
export const CONFIGURATIONS = {
  http: { title: 'node:http', mount: null, hasSessions: false },
  express: { title: 'Express', mount: () => without(null), hasSessions: false },
  empty: {
    title: 'Express, empty middleware',
    mount: () => without((_req, _res, next) => next()),
    hasSessions: false,
  },
  'cookie-parser': {
    title: 'Express, cookie-parser',
    mount: () => without(load('cookie-parser')()),
    hasSessions: false,
  },
  facade: { title: 'ours, memory', mount: () => onFacade(manager()), isMemory: true },
  'req.session': {
    title: 'ours, memory, req.session',
    mount: () => onRequest(manager().middleware()),
    isMemory: true,
  },
  'drop-in': {
    title: 'ours, memory, drop-in',
    mount: () => onRequest(require('../../dist/cjs/express-session/index.cjs')(OPTIONS)),
    isMemory: true,
  },
  'express-session': { title: 'express-session', mount: () => expressSession(), isMemory: true },
  memorystore: {
    title: 'memorystore',
    mount: () =>
      expressSession((session) => new (load('memorystore')(session))({ checkPeriod: 24 * 60 * 60 * 1_000 })),
    isMemory: true,
  },
  'cookie-session': {
    title: 'cookie-session',
    mount: () => onRequest(load('cookie-session')({ keys: [SECRET] })),
    // Base64 makes four bytes of three, and a name, attributes and a signature are in it too.
    largest: COOKIE_BYTES / 2,
  },
  'file-process': { title: "ours, files, 'process'", mount: onFiles('process'), isWaiting: true },
  'file-power': { title: "ours, files, 'power'", mount: onFiles('power'), isWaiting: true },
  'session-file-store': { title: 'session-file-store', mount: sessionFileStore, isWaiting: true },
  'session-file-store-unflushed': {
    title: 'session-file-store, no fsync',
    mount: withoutFlush,
    isWaiting: true,
  },
  sqlite: { title: 'ours, SQLite', ...inDatabase('ours', 'sqlite') },
  'better-sqlite3-session-store': {
    title: 'better-sqlite3-session-store',
    ...inDatabase('peer', 'sqlite'),
  },
  'sqlite-floor': { title: 'floor, SQLite', engine: 'sqlite', mount: floor, isWaiting: true },
  redis: { title: 'ours, Redis', ...inDatabase('ours', 'redis') },
  'connect-redis': { title: 'connect-redis', ...inDatabase('peer', 'redis') },
  'redis-floor': { title: 'floor, Redis', engine: 'redis', mount: floor, isWaiting: true },
  postgres: { title: 'ours, PostgreSQL', ...inDatabase('ours', 'postgres') },
  'connect-pg-simple': { title: 'connect-pg-simple', ...inDatabase('peer', 'postgres') },
  'postgres-floor': { title: 'floor, PostgreSQL', engine: 'postgres', mount: floor, isWaiting: true },
  mysql: { title: 'ours, MariaDB', ...inDatabase('ours', 'mysql') },
  'express-mysql-session': { title: 'express-mysql-session', ...inDatabase('peer', 'mysql') },
  'mysql-floor': { title: 'floor, MariaDB', engine: 'mysql', mount: floor, isWaiting: true },
};

/** The peers, whose versions a report names. */
export const PACKAGES = [
  ...['express', 'express-session', 'memorystore', 'cookie-session', 'session-file-store'],
  ...['better-sqlite3-session-store', 'better-sqlite3', 'connect-redis', 'redis'],
  ...['connect-pg-simple', 'pg', 'express-mysql-session', 'mysql2'],
];

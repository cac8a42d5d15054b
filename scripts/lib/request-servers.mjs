// The servers that benchmarks/requests.mjs loads: one Express app each, with the same routes. Started as a child
// process, it tells its port, and its processor time whenever it is asked.
import { createRequire } from 'node:module';

import express from 'express';

const require = createRequire(import.meta.url);
const SECRET = 'a benchmark, longer than thirty-two bytes';

const manager = () => {
  const SessionManager = require('../../dist/cjs/index.cjs');
  // As in production, but on plain HTTP.
  return new SessionManager({ secret: SECRET, cookie: { secure: false } });
};

/** Each mounts what it needs and returns how its handlers read and write a key. */
const SERVERS = {
  /** Express alone: what every other one is measured against. */
  bare: () => ({ read: () => 1, write() {} }),
  /** Ours, on req.session. */
  session(app) {
    app.use(manager().middleware());
    return onRequest;
  },
  /** Ours, through the methods of the manager. */
  facade(app) {
    const sessions = manager();
    app.use(sessions.middleware());
    return {
      read: (req, key) => sessions.get(req, key),
      write: (req, key, value) => sessions.set(req, key, value),
    };
  },
  'express-session'(app) {
    app.use(require('express-session')({ secret: SECRET, resave: false, saveUninitialized: false }));
    return onRequest;
  },
};

const onRequest = {
  read: (req, key) => req.session[key],
  write(req, key, value) {
    req.session[key] = value;
  },
};

/** The name of each server; the first is the one without sessions. */
export const NAMES = Object.keys(SERVERS);

if (process.argv[1] === import.meta.filename) {
  const app = express();
  const { read, write } = SERVERS[process.argv[2]](app);
  let writes = 0;
  app.get('/read', async (req, res) => {
    res.json({ value: await read(req, 'user') });
  });
  app.get('/write', async (req, res) => {
    await write(req, 'visits', ++writes);
    res.json({ value: writes });
  });
  app.get('/new', async (req, res) => {
    await write(req, 'user', 'ada');
    res.json({ value: 1 });
  });
  app.get('/unused', (req, res) => {
    res.json({ value: 1 });
  });
  const server = app.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
  server.keepAliveTimeout = 0;
  process.on('message', () => process.send({ cpu: process.cpuUsage() }));
  process.on('disconnect', () => process.exit());
}

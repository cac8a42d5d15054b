// The server of one configuration, in a process of its own: it tells its port, and what it has used whenever it is asked.
import { createServer } from 'node:http';

import { openDatabase } from '../../scripts/lib/drivers.mjs';
import { CONFIGURATIONS, load } from './http-configurations.mjs';
import { sessionData, userOf } from './session-data.mjs';

const { name, engine, place, directory, bytes } = JSON.parse(process.argv[2]);
const values = sessionData(bytes);
let writes = 0;
let sessions = 0;

const server = createServer(await handler());
// The client decides which connections are reused.
server.keepAliveTimeout = 0;
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () =>
  process.send({ port: server.address().port }),
);
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send({ usage: { cpu: user + system, rss: process.memoryUsage.rss() } });
});
process.on('disconnect', () => process.exit());

async function handler() {
  const { mount } = CONFIGURATIONS[name];
  if (mount === null) return withoutExpress;
  const database = engine === undefined ? {} : await openDatabase(engine, place, name, load);
  return expressApp(await mount({ ...database, engine, directory, load, sweeps: true }));
}

function expressApp({ middleware, read, set, setAll }) {
  const app = load('express')();
  if (middleware !== null) app.use(middleware);
  app.get('/unused', (_req, res) => res.json({ value: 1 }));
  app.get('/read', async (req, res) => {
    const { id } = await read(req, 'user');
    res.json({ value: id });
  });
  app.get('/write', async (req, res) => {
    const value = ++writes;
    await set(req, 'visits', value);
    res.json({ value });
  });
  app.get('/visits', async (req, res) => res.json({ value: await read(req, 'visits') }));
  app.get('/new', async (req, res) => {
    const id = ++sessions;
    await setAll(req, { ...values, user: userOf(id) });
    res.json({ value: id });
  });
  return app;
}

function withoutExpress(req, res) {
  const value = req.url === '/write' ? ++writes : req.url === '/new' ? ++sessions : 1;
  const body = JSON.stringify({ value });
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', body.length);
  res.end(body);
}

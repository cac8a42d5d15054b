// A soak of the express-session drop-in: 10,000 sessions, 64 connections, keys set side by side, logins with
// regenerate() and logouts with destroy(), for three equal thirds. Every key that was acknowledged is looked for.
//
//   npm run build && node scripts/soak.mjs [--seconds 60] [--warm-up 20] [--rest 125] [--sessions 10000]
//                                          [--connections 64]
//
// The server is a process of its own; its heap is measured after a forced collection, with nothing under way, and after a
// rest that is longer than the minute in which an ended session is remembered and the minute to the next sweep: how
// many ended in the last minute is a matter of the machine's load and no leak. Exits with 1 if a request fails, a key is lost, or the heap grows from third to third.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { number, table } from './lib/table.mjs';

const KEYS = 8;
/** Of so many steps one is a login, and one a logout. */
const LOGIN_EACH = 40;
const LOGOUT_EACH = 40;
const THIRDS = 3;
/** The heap of V8 after a collection is not the same twice. */
const NOISE = 0.02;

/** As long at the end as in the beginning: the heap shall tell of leaks and not of data. */
const text = (value) => String(value).padStart(10, '0');
const begun = () =>
  Object.fromEntries([['user', 'ada'], ...Array.from({ length: KEYS }, (_, at) => [`k${at}`, text(0)])]);

const { values } = parseArgs({
  options: Object.fromEntries(
    ['seconds', 'warm-up', 'rest', 'sessions', 'connections', 'server'].map((name) => [
      name,
      { type: 'string' },
    ]),
  ),
});
if (values.server !== undefined) serve();
else await soak();

function serve() {
  const require = createRequire(import.meta.url);
  const express = require('express');
  const session = require('../dist/cjs/express-session/index.cjs');
  const store = new session.MemoryStore();
  const app = express();
  app.use(
    session({
      secret: 'a secret of the soak, 32 bytes or more',
      store,
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: 3_600_000 },
    }),
  );
  app.get('/set/:key/:value', (req, res) => {
    req.session[req.params.key] = req.params.value;
    res.end();
  });
  app.get('/read', (req, res) => {
    const { cookie, ...data } = req.session;
    res.json(data);
  });
  app.get('/login', (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error);
      Object.assign(req.session, begun());
      res.end();
    });
  });
  app.get('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.end()));
  });
  const server = app.listen(0, () => process.send({ port: server.address().port }));
  process.on('message', async () => {
    for (let turn = 0; turn < 3; turn++) {
      global.gc();
      await new Promise(setImmediate);
    }
    process.send({ heap: process.memoryUsage().heapUsed, sessions: Object.keys(store.sessions).length });
  });
  process.on('disconnect', () => process.exit());
}

async function soak() {
  const option = (name, byDefault) => Number(values[name] ?? byDefault);
  const sessions = option('sessions', 10_000);
  const connections = option('connections', 64);
  const seconds = option('seconds', 60);
  const server = fork(fileURLToPath(import.meta.url), ['--server', 'yes'], { execArgv: ['--expose-gc'] });
  const [{ port }] = await once(server, 'message');
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const figures = { requests: 0, errors: 0, lost: 0, logins: 0, logouts: 0 };

  const get = (path, client) =>
    new Promise((resolve) => {
      figures.requests++;
      const headers = client.cookie === '' ? {} : { cookie: client.cookie };
      const req = request({ port, agent, path, headers }, (res) => {
        let body = '';
        res.setEncoding('utf8');
        res.on('data', (chunk) => (body += chunk));
        res.on('end', () => {
          if (res.statusCode !== 200) figures.errors++;
          resolve({ body, cookie: res.headers['set-cookie']?.[0].split(';')[0] });
        });
      });
      req.on('error', () => {
        figures.errors++;
        resolve({ body: '{}' });
      });
      req.end();
    });

  const clients = Array.from({ length: sessions }, () => ({ cookie: '', data: {}, isBusy: false }));
  let value = 0;

  /** A session takes one of these at a time; its keys are set side by side. */
  async function step(client, at) {
    if (client.cookie === '' || at % LOGIN_EACH === 0) {
      ({ cookie: client.cookie = client.cookie } = await get('/login', client));
      client.data = begun();
      figures.logins++;
      return;
    }
    if (at % LOGOUT_EACH === 1) {
      await get('/logout', client);
      figures.logouts++;
      // Its old cookie opens nothing.
      const { body } = await get('/read', client);
      if (body !== '{}') figures.lost++;
      client.cookie = '';
      return;
    }
    const first = at % KEYS;
    await Promise.all(
      [0, 1, 2].map(async (next) => {
        const key = `k${(first + next) % KEYS}`;
        client.data[key] = text(value++);
        await get(`/set/${key}/${client.data[key]}`, client);
      }),
    );
    const { body } = await get('/read', client);
    const stored = JSON.parse(body);
    for (const [key, expected] of Object.entries(client.data)) if (stored[key] !== expected) figures.lost++;
  }

  async function load(ms, isFill = false) {
    const endsAt = performance.now() + ms;
    let at = 0;
    const worker = async () => {
      while (isFill ? at < sessions : performance.now() < endsAt) {
        const client = clients[isFill ? at : Math.floor(Math.random() * sessions)];
        const turn = at++;
        if (client.isBusy) continue;
        client.isBusy = true;
        await step(client, turn);
        client.isBusy = false;
      }
    };
    await Promise.all(Array.from({ length: connections }, worker));
  }

  const measure = async () => {
    await setTimeout(option('rest', 125) * 1_000);
    server.send('measure');
    const [measured] = await once(server, 'message');
    return measured;
  };

  await load(0, true);
  await load(option('warm-up', 20) * 1_000);
  const rows = [];
  let isGood = true;
  const first = await measure();
  for (let third = 1; third <= THIRDS; third++) {
    Object.assign(figures, { requests: 0, errors: 0, lost: 0, logins: 0, logouts: 0 });
    await load((seconds * 1_000) / THIRDS);
    const now = await measure();
    const growth = now.heap / first.heap - 1;
    isGood &&= figures.errors === 0 && figures.lost === 0 && growth <= NOISE;
    rows.push([
      third,
      figures.requests,
      figures.logins,
      figures.logouts,
      figures.errors,
      figures.lost,
      now.sessions,
      now.heap / 1e6,
      `${number(growth * 100)} %`,
    ]);
  }
  console.log(
    table([
      [
        'third',
        'requests',
        'logins',
        'logouts',
        'errors',
        'lost keys',
        'sessions',
        'heap, MB',
        'against the start',
      ],
      ...rows,
    ]),
  );
  server.disconnect();
  agent.destroy();
  process.exitCode = isGood ? 0 : 1;
}

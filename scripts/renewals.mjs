// Scheduled renewal under load, over real HTTP: in each round 50 requests of one session overlap its renewal, each of
// which changes another key. On memory, on files, and on one directory of files with two server processes.
//
//   npm run build && node scripts/renewals.mjs [rounds]
//
// Exits with 1 if a session or a write was lost, a request was not answered with 200, or a round did not make exactly
// one new id.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Agent } from 'node:http';

import { ask, cookieOf } from './lib/local-http.mjs';
import { table } from './lib/table.mjs';
import { temporaryDirectory } from './lib/temporary-directory.mjs';

const REQUESTS = 50;
const DAY_MS = 86_400_000;
const SECRET = 'renewals on the loopback interface, longer than 32 bytes';

if (process.send !== undefined) await serveRounds();
else await main();

/** A server process: the time is set forward on demand, so that a session is due whenever a round wants it to be. */
async function serveRounds() {
  const require = createRequire(import.meta.url);
  const SessionManager = require('../dist/cjs/index.cjs');
  const express = require('express');
  const [path, io] = process.argv.slice(2);
  const { systemClock } = SessionManager;
  let leap = 0;
  const clock = { now: () => systemClock.now() + leap, after: (...args) => systemClock.after(...args) };
  const store =
    path === ''
      ? new SessionManager.MemoryStore({ clock, cleanupInterval: 0 })
      : new SessionManager.FileStore({ clock, cleanupInterval: 0, path, io });
  const sessions = new SessionManager({
    ...{ secret: SECRET, store, clock, renewEvery: '12h', maxAge: '100d', absoluteTimeout: null },
    ...{ limits: { bytes: 2 ** 20 }, storeTimeout: '30s' },
  });
  let renewed = 0;
  sessions.on('renewed', () => renewed++);
  // Requests that have read the session wait for each other's round: they are all under way when it is renewed.
  let waiting = [];
  const app = express();
  app.use(sessions.middleware());
  app.get('/begin', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  app.get('/write', async (req, res) => {
    const { key, way } = req.query;
    await sessions.load(req);
    await new Promise((resolve) => {
      waiting.push(resolve);
      process.send({ waiting: waiting.length });
    });
    if (way === '0') await sessions.set(req, key, 1);
    else if (way === '1') await sessions.update(req, key, () => 1);
    else req.session[key] = 1;
    res.end();
  });
  app.get('/all', async (req, res) => res.json(await sessions.all(req)));
  app.get('/forget', async (req, res) => {
    for (const key of Object.keys(await sessions.all(req))) if (key !== 'a') delete req.session[key];
    res.json(Object.keys(req.session).length);
  });
  app.get('/count', async (_req, res) => res.json({ living: await sessions.count(), renewed }));
  const server = app.listen({ port: 0, host: '127.0.0.1', backlog: 1024 });
  await once(server, 'listening');
  process.on('message', ({ forward = 0, go = false }) => {
    leap += forward;
    if (go) for (const resume of waiting.splice(0)) resume();
    process.send({ done: true });
  });
  process.on('disconnect', () => process.exit());
  process.send({ port: server.address().port });
}

async function start(path, io) {
  const child = fork(fileURLToPath(import.meta.url), [path, io]);
  const [{ port }] = await once(child, 'message');
  const agent = new Agent({ keepAlive: true, maxSockets: REQUESTS });

  return {
    async get(path, cookie) {
      const answer = await ask({ port, agent, path, cookie });
      return { status: answer.status, text: answer.text, cookie: cookieOf(answer) };
    },
    tell(message) {
      child.send(message);
      return new Promise((resolve) => {
        child.on('message', function heard({ done }) {
          if (!done) return;
          child.off('message', heard);
          resolve();
        });
      });
    },
    /** Resolves when so many requests have read their session. */
    waiting: (count) =>
      new Promise((resolve) => {
        child.on('message', function heard({ waiting }) {
          if (waiting !== count) return;
          child.off('message', heard);
          resolve();
        });
      }),
    async stop() {
      agent.destroy();
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

/** @returns what came of a round: the cookie to go on with, and what was lost */
async function runRound(servers, number, cookie) {
  for (const server of servers) await server.tell({ forward: DAY_MS });
  const share = REQUESTS / servers.length;
  const ready = servers.map((server) => server.waiting(share));
  const answers = Array.from({ length: REQUESTS }, (_, at) => {
    const query = new URLSearchParams({ key: `r${number}k${at}`, way: String(Math.floor(at / 2) % 3) });
    return servers[at % servers.length].get(`/write?${query}`, cookie);
  });
  await Promise.all(ready);
  await Promise.all(servers.map((server) => server.tell({ go: true })));
  const all = await Promise.all(answers);
  const cookies = new Set(all.flatMap((answer) => answer.cookie ?? []));
  const next = [...cookies].at(-1) ?? cookie;
  const last = servers[number % servers.length];
  const kept = JSON.parse((await last.get('/all', next)).text);
  const missing = Array.from({ length: REQUESTS }, (_, at) => `r${number}k${at}`).filter(
    (key) => !(key in kept),
  );
  await last.get('/forget', next);
  return {
    cookie: next,
    ids: cookies.size,
    refused: all.filter(({ status }) => status !== 200).length,
    writesLost: missing.length,
    isLost: kept.a !== 1,
  };
}

async function run({ name, processes, io }, rounds) {
  const directory = io === undefined ? null : temporaryDirectory('renewals');
  const servers = [];
  for (let count = 0; count < processes; count++) servers.push(await start(directory?.path ?? '', io ?? ''));
  const total = { refused: 0, sessionsLost: 0, writesLost: 0, fewest: Infinity, most: 0 };
  const startedAt = performance.now();
  let { cookie } = await servers[0].get('/begin');
  for (let number = 0; number < rounds; number++) {
    const round = await runRound(servers, number, cookie);
    total.refused += round.refused;
    total.writesLost += round.writesLost;
    total.sessionsLost += Number(round.isLost);
    total.fewest = Math.min(total.fewest, round.ids);
    total.most = Math.max(total.most, round.ids);
    ({ cookie } = round.isLost ? await servers[0].get('/begin') : round);
  }
  const { living } = JSON.parse((await servers[0].get('/count')).text);
  const seconds = (performance.now() - startedAt) / 1_000;
  for (const server of servers) await server.stop();
  directory?.remove();
  return { name, ...total, living, seconds };
}

async function main() {
  const rounds = Number(process.argv[2] ?? 200);
  if (!Number.isSafeInteger(rounds) || rounds < 1) {
    console.error('Usage: node scripts/renewals.mjs [rounds]');
    process.exit(2);
  }
  const results = [];
  for (const site of [
    { name: 'memory', processes: 1 },
    { name: 'files', processes: 1, io: 'sync' },
    { name: 'files, async', processes: 1, io: 'async' },
    { name: 'files, two processes', processes: 2, io: 'sync' },
    { name: 'files, async, two processes', processes: 2, io: 'async' },
  ])
    results.push(await run(site, rounds));
  const heads = [
    '',
    'rounds',
    'requests',
    'not 200',
    'sessions lost',
    'writes lost',
    'new ids per round',
    'living',
  ];
  console.log(
    table([
      [...heads, 'seconds'],
      ...results.map((each) => [
        ...[each.name, rounds, rounds * REQUESTS, each.refused, each.sessionsLost, each.writesLost],
        ...[
          each.fewest === each.most ? each.most : `${each.fewest} to ${each.most}`,
          each.living,
          each.seconds,
        ],
      ]),
    ]),
  );
  const isGood = ({ refused, sessionsLost, writesLost, fewest, most, living }) =>
    refused + sessionsLost + writesLost === 0 && fewest === 1 && most === 1 && living === 1;
  const missed = results.filter((each) => !isGood(each)).map(({ name }) => name);
  console.log(missed.length === 0 ? '\nall kept, one new id each' : `\nmissed: ${missed.join('; ')}`);
  process.exitCode = missed.length === 0 ? 0 : 1;
}

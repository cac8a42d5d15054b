// An Express app with sessions in a database, in a process of its own: `startApp` is its parent's side, the rest is
// the app. A handler can be made to wait until the parent lets it go on, so that requests of several processes meet.
import { fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { Agent } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { counted, openDatabase } from './drivers.mjs';
import { load } from './ecosystem.mjs';
import { ask, cookieOf } from './local-http.mjs';
import { CONTESTANTS } from './store-contestants.mjs';

const SELF = fileURLToPath(import.meta.url);
const HIGHEST_SKEW_MS = 20;

if (process.argv[1] === SELF) await serve(JSON.parse(process.argv[2]));

/**
 * @param name Of CONTESTANTS.
 * @param engine Of ENGINE_NAMES, at its `place`; for SQLite a file of the contestant's own.
 * @param calls Whether each write and each end is told of: an event `call`.
 * @param counts Whether the statements are counted, where there is no server to do so: SQLite.
 * @param sweeps Whether ours looks for expired sessions by itself.
 */
export async function startApp({ name, engine, place, calls, counts, sweeps = true }) {
  const child = fork(SELF, [JSON.stringify({ name, engine, place, calls, counts, sweeps })], {
    // It would warn of a cookie over plain HTTP.
    env: { ...process.env, NODE_ENV: 'production', NODE_NO_WARNINGS: '1' },
  });
  const events = new EventEmitter().setMaxListeners(0);
  child.on('message', (message) => {
    for (const [event, value] of Object.entries(message)) events.emit(event, value);
  });
  const [port] = await Promise.race([
    once(events, 'port'),
    once(child, 'exit').then(() => Promise.reject(new Error(`${name} did not start`))),
  ]);
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 1024 });

  return {
    port,
    events,
    /** Resolves to `{ status, cookie, body }`, the body a text unless the status is 200. */
    async get(path, cookie) {
      const answer = await ask({ port, agent, path, cookie });
      const { status, text } = answer;
      return { status, cookie: cookieOf(answer), body: status === 200 ? JSON.parse(text) : text };
    },
    /** Resolves when a handler waits at a place; `count`: so many of them. */
    there: (place, count = 1) =>
      new Promise((resolve) => {
        let left = count;
        events.on('there', function heard(where) {
          if (where !== place || --left > 0) return;
          events.off('there', heard);
          resolve();
        });
      }),
    /** Lets those that wait at a place go on. */
    go: (place) => child.send({ go: place }),
    /** Sets the clock of ours forward. */
    leap: (ms) => told({ leap: ms }, 'done'),
    /** What was run since it was asked before, by the first word, where `counts` was. */
    counts: () => told({ counts: true }, 'counts'),
    /** Everything that the process has told so far has arrived. */
    flush: () => told({ leap: 0 }, 'done'),
    async stop() {
      agent.destroy();
      child.disconnect();
      await once(child, 'exit');
    },
  };

  async function told(message, event) {
    const answer = once(events, event);
    child.send(message);
    return (await answer)[0];
  }
}

async function serve({ name, engine, place, calls, counts, sweeps }) {
  const require = createRequire(import.meta.url);
  const express = require('express');
  const { systemClock } = require('../../dist/cjs/index.cjs');
  const database = await openDatabase(engine, place, name);
  const counting =
    counts && engine === 'sqlite' ? counted(database.client) : { ...database, counts: new Map() };
  let leap = 0;
  const clock = { now: () => systemClock.now() + leap, after: (...args) => systemClock.after(...args) };
  const onCall = calls ? (call) => process.send({ call }) : undefined;
  const world = { engine, client: counting.client, load, clock, onCall, sweeps };
  const contestant = await CONTESTANTS[name](world);
  const waiting = new Map();
  const wait = (place) =>
    new Promise((resolve) => {
      waiting.set(place, [...(waiting.get(place) ?? []), resolve]);
      process.send({ there: place });
    });
  const skew = () => new Promise((resolve) => setTimeout(resolve, Math.random() * HIGHEST_SKEW_MS));

  const app = express();
  app.use(contestant.middleware);
  app.get('/unused', (_req, res) => res.json({ value: 1 }));
  app.get('/read', async (req, res) => {
    await contestant.read(req, 'user');
    res.json({ value: 1 });
  });
  let writes = 0;
  app.get('/write', async (req, res) => {
    await contestant.set(req, 'visits', ++writes);
    res.json({ value: 1 });
  });
  app.get('/new', async (req, res) => {
    await contestant.set(req, 'user', 'ada');
    res.json({ key: contestant.keyOf?.(req) });
  });
  app.get('/all', async (req, res) => res.json(await contestant.all(req)));
  /** Changes a key once all that were sent have read the session. */
  app.get('/set/:number', async (req, res) => {
    const number = Number(req.params.number);
    await contestant.read(req, 'user');
    await wait('set');
    await skew();
    await contestant[number % 2 === 0 ? 'set' : 'assign'](req, `key${number}`, number);
    res.json({});
  });
  app.get('/count', async (req, res) => {
    await contestant.read(req, 'n');
    await wait('count');
    await skew();
    await contestant.update(req, 'n', (n = 0) => n + 1);
    res.json({});
  });
  app.get('/slow/:round', async (req, res) => {
    const { round } = req.params;
    const user = await contestant.read(req, 'user');
    await wait(`slow ${round}`);
    try {
      await contestant[Number(round) % 2 === 0 ? 'set' : 'assign'](req, 'draft', round);
    } catch (error) {
      if (error.code !== 'ERR_SESSION_ENDED') throw error;
      return res.json({ user, isRefused: true });
    }
    res.json({ user });
  });
  app.get('/logout/:round', async (req, res) => {
    const user = await contestant.read(req, 'user');
    await wait(`logout ${req.params.round}`);
    await contestant.logout(req);
    res.json({ user });
  });
  app.use((error, _req, res, _next) => {
    res.status(error.status ?? 500).send(String(error.message));
  });

  const server = app.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
    process.send({ port: server.address().port }),
  );
  // The client decides which connections are reused.
  server.keepAliveTimeout = 0;
  process.on('message', ({ go, leap: forward, counts: isAsked }) => {
    if (go !== undefined) {
      for (const resume of waiting.get(go) ?? []) resume();
      waiting.delete(go);
    }
    if (forward !== undefined) {
      leap += forward;
      process.send({ done: true });
    }
    if (isAsked === true) {
      process.send({ counts: Object.fromEntries(counting.counts) });
      counting.counts.clear();
    }
  });
  process.on('disconnect', () => process.exit());
}

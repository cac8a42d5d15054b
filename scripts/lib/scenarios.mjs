// The races. Each scenario takes a contestant (see contestants.mjs), runs it over HTTP and returns figures. Two take how many
// rounds there shall be: `{ logouts, commits }`.
import { setTimeout as wait } from 'node:timers/promises';

import express from 'express';

import { cookieOf, inParallel, Meeting, serve } from './local-http.mjs';

const PARALLEL = 1_000;
const LOGOUTS_AT_ONCE = 50;

const pause = () => wait(Math.random() * 20);

/** An app with the contestant's session middleware, a login, a logout and a look at what the session holds. */
function appOf(contestant) {
  const app = express();
  app.use(contestant.middleware);
  app.get('/login', async (req, res) => {
    await contestant.set(req, JSON.parse(req.query.data));
    res.json({ id: req.sessionID });
  });
  app.get('/logout', async (req, res) => {
    await contestant.logout(req);
    res.json({});
  });
  app.get('/all', async (req, res) => {
    res.json(await contestant.all(req));
  });
  return app;
}

const login = (data) => `/login?data=${encodeURIComponent(JSON.stringify(data))}`;

/** A handler's way to wait until `count` requests have come as far as it has: only then are they truly parallel. */
function together(count) {
  const meeting = new Meeting();
  let arrived = 0;
  return async () => {
    if (++arrived === count) meeting.go();
    await meeting.wait();
  };
}

/** 1,000 parallel requests set 1,000 keys of one session; every second one on req.session. */
export async function keys(contestant) {
  const app = appOf(contestant);
  const allHaveRead = together(PARALLEL);
  app.get('/set/:number', async (req, res) => {
    const number = Number(req.params.number);
    await contestant.read(req, 'user');
    await allHaveRead();
    await pause();
    if (number % 2 === 0) await contestant.set(req, { [`key${number}`]: number });
    else contestant.assign(req, `key${number}`, number);
    res.json({});
  });
  const { get, close } = await serve(app);
  const cookie = cookieOf(await get(login({ user: 'ada' })));
  await inParallel(PARALLEL, PARALLEL, (number) => get(`/set/${number}`, cookie));
  const { body } = await get('/all', cookie);
  await close();
  let kept = 0;
  for (let number = 0; number < PARALLEL; number++) if (body[`key${number}`] === number) kept++;
  return { wanted: PARALLEL, kept };
}

/** 1,000 parallel requests count up one number. */
export async function counter(contestant) {
  const app = appOf(contestant);
  const allHaveRead = together(PARALLEL);
  app.get('/count', async (req, res) => {
    await contestant.read(req, 'n');
    await allHaveRead();
    await pause();
    await contestant.update(req, 'n', (n = 0) => n + 1);
    res.json({});
  });
  const { get, close } = await serve(app);
  const cookie = cookieOf(await get(login({ user: 'ada' })));
  await inParallel(PARALLEL, PARALLEL, () => get('/count', cookie));
  const { body } = await get('/all', cookie);
  await close();
  return { wanted: PARALLEL, counted: body.n };
}

/**
 * So many times: a slow request reads its session · the browser logs out and has its answer · the slow request writes,
 * every second time on req.session · the old cookie is tried, and the store is looked into.
 */
export async function logouts(contestant, { logouts: rounds }) {
  const app = appOf(contestant);
  const meetings = new Map();
  let refused = 0;
  app.get('/slow/:round', async (req, res) => {
    const round = Number(req.params.round);
    const user = await contestant.read(req, 'user');
    await meetings.get(round).wait();
    try {
      if (round % 2 === 0) await contestant.set(req, { draft: round });
      else contestant.assign(req, 'draft', round);
    } catch (error) {
      if (error.code !== 'ERR_SESSION_ENDED') throw error;
      refused++;
    }
    res.json({ user });
  });
  const { get, close } = await serve(app);

  let raced = 0;
  let revived = 0;
  let inStore = 0;
  let slowCookies = 0;
  await inParallel(rounds, LOGOUTS_AT_ONCE, async (round) => {
    const meeting = new Meeting();
    meetings.set(round, meeting);
    const answer = await get(login({ user: `user${round}`, cart: ['apple'] }));
    const cookie = cookieOf(answer);
    const slow = get(`/slow/${round}`, cookie);
    await meeting.there;
    await get('/logout', cookie);
    meeting.go();
    const { body, cookies } = await slow;
    meetings.delete(round);
    if (body.user === `user${round}`) raced++;
    if (cookies.length > 0) slowCookies++;
    if (Object.keys((await get('/all', cookie)).body).length > 0) revived++;
    if ((await contestant.stored(answer.body.id)) !== null) inStore++;
  });
  await close();
  const { late } = contestant;
  return {
    rounds,
    raced,
    lateTried: late.tried,
    lateLanded: late.landed,
    revived,
    inStore,
    living: await contestant.living(),
    slowCookies,
    refused,
    dropped: contestant.interrupted(),
  };
}

/** Two commits in one request, another request's write between them or before them. `cart` is an array read before. */
const TWO_COMMITS = {
  async 'set, foreign, set'(contestant, req, foreign) {
    await contestant.set(req, { first: 1 });
    await contestant.commit(req);
    await foreign('/write');
    await contestant.set(req, { second: 2 });
    await contestant.commit(req);
  },
  async 'assign + save, foreign, assign'(contestant, req, foreign) {
    contestant.assign(req, 'first', 1);
    await contestant.commit(req);
    await foreign('/write');
    contestant.assign(req, 'second', 2);
  },
  async 'cart read, foreign push, set, push on the cart read before, set'(contestant, req, foreign) {
    const cart = await contestant.read(req, 'cart');
    await foreign('/push');
    await contestant.set(req, { first: 1 });
    await contestant.commit(req);
    cart.push('plum');
    await contestant.set(req, { cart, second: 2 });
    await contestant.commit(req);
  },
  async 'cart read, set, foreign, push on the cart read before'(contestant, req, foreign) {
    const cart = await contestant.read(req, 'cart');
    await contestant.set(req, { first: 1, second: 2 });
    await contestant.commit(req);
    await foreign('/write');
    cart.push('plum');
  },
};

const EXPECTED = {
  'set, foreign, set': { cart: ['apple'] },
  'assign + save, foreign, assign': { cart: ['apple'] },
  'cart read, foreign push, set, push on the cart read before, set': { cart: ['apple', 'pear', 'plum'] },
  'cart read, set, foreign, push on the cart read before': { cart: ['apple', 'plum'] },
};

export const COMMIT_SHAPES = Object.keys(TWO_COMMITS);

/** Four shapes, so many rounds each: `{ shape: kept }`. */
export async function twoCommits(contestant, { commits: rounds }) {
  const app = appOf(contestant);
  app.get('/write', async (req, res) => {
    await contestant.set(req, { theirs: 3 });
    res.json({});
  });
  app.get('/push', async (req, res) => {
    const cart = await contestant.read(req, 'cart');
    cart.push('pear');
    await contestant.set(req, { theirs: 3 });
    res.json({});
  });
  app.get('/own', async (req, res) => {
    await TWO_COMMITS[req.query.shape](contestant, req, (path) => get(path, req.headers.cookie));
    res.json({});
  });
  const { get, close } = await serve(app);

  const shapes = {};
  for (const shape of COMMIT_SHAPES) {
    const wanted = { ...EXPECTED[shape], first: 1, second: 2, theirs: 3 };
    shapes[shape] = 0;
    await inParallel(rounds, 20, async () => {
      const cookie = cookieOf(await get(login({ cart: ['apple'] })));
      await get(`/own?shape=${encodeURIComponent(shape)}`, cookie);
      const { body } = await get('/all', cookie);
      const isKept = Object.entries(wanted).every(([key, value]) => String(body[key]) === String(value));
      if (isKept && Object.keys(body).length === Object.keys(wanted).length) shapes[shape]++;
    });
  }
  await close();
  return { rounds, shapes };
}

// Ending all sessions of one user who has a thousand of very many: how long it takes, how long it holds the event loop,
// and whether the next request is refused, for files also by another process.
//
//   npm run build && node scripts/revoke-all.mjs [--memory N] [--files N] [--user N] [--directory D]
//
// --memory, --files: sessions in all, 1,000,000 and 100,000 by default; 0 leaves that store out. --user: those of one
// user, 1,000 by default. --directory: on which disk; what is made there is deleted. Each store is measured in a process
// of its own. Exits with 1 if a slice is longer than 20 ms, or a session that was ended is served.
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

import express from 'express';
import SessionManager, { FileStore, MemoryStore, systemClock } from 'session-store-js';

import { BYTES, recordOf } from './lib/full-directories.mjs';
import { cookieOf, serve } from './lib/local-http.mjs';
import { number, table } from './lib/table.mjs';
import { temporaryDirectory } from './lib/temporary-directory.mjs';
import { Watch } from './lib/watch.mjs';

const SELF = fileURLToPath(import.meta.url);
const FILL = fileURLToPath(new URL('lib/full-directories.mjs', import.meta.url));

const SECRET = 'a secret for scripts, longer than thirty-two bytes';
const HOUR_MS = 3_600_000;
const SLICE_MS = 20;
/** As many users, one after the other; and one whose sessions are refused by date. */
const RUNS = 3;
/** What another process may take to hear of a date. */
const KNOWN_MS = 1_000;
/** And what a loaded machine may take besides. */
const SLACK_MS = 500;

const [role, input] = process.argv.slice(2);
if (role === 'memory') report(await inMemory(JSON.parse(input)));
else if (role === 'files') report(await inFiles(JSON.parse(input)));
else if (role === 'other') await other(JSON.parse(input));
else await compare();

async function compare() {
  const { values } = parseArgs({
    options: {
      memory: { type: 'string', default: '1000000' },
      files: { type: 'string', default: '100000' },
      user: { type: 'string', default: '1000' },
      directory: { type: 'string', default: tmpdir() },
    },
  });
  const [memory, files, ofUser] = [values.memory, values.files, values.user].map(Number);
  const isEnough = (count) => count === 0 || (Number.isSafeInteger(count) && count >= ofUser * (RUNS + 1));
  if (!(ofUser >= 1) || ![memory, files].every(isEnough)) {
    console.error(
      'Usage: node scripts/revoke-all.mjs [--memory N] [--files N] [--user N] [--directory D]; N at least four times that of --user, or 0',
    );
    process.exit(2);
  }
  const results = [];
  if (memory > 0) results.push(await inChild('memory', { count: memory, ofUser }));
  if (files > 0) results.push(await inChild('files', { count: files, ofUser, directory: values.directory }));
  const heads = [
    '',
    'in all, ms',
    'us a session',
    'own slice, ms',
    'event loop held, ms',
    'next request refused',
    '',
  ];
  const rows = results.flatMap(({ name, count, revoking, byDate }) => [
    [`${name}: ${number(ofUser)} of ${number(count)} sessions`],
    ...revoking.map((run, n) => [
      `  revokeAll, user ${n + 1} of ${RUNS}`,
      run.totalMs,
      (run.totalMs * 1_000) / ofUser,
      run.ownMs,
      run.loopMs,
      run.refused,
      run.ownMs <= SLICE_MS ? 'met' : 'MISSED',
    ]),
    ['  invalidateBefore', byDate.totalMs, undefined, byDate.ownMs, byDate.loopMs, byDate.refused],
  ]);
  const machine = `Node ${process.version}, ${availableParallelism()} processors, load average ${loadavg()[0].toFixed(1)}`;
  console.log(`\nsessions of ${BYTES} B, ${machine}`);
  console.log(`target: own slices <= ${SLICE_MS} ms\n`);
  // Every row as long as the first.
  console.log(table([heads, ...rows.map((row) => heads.map((_, column) => row[column]))]));
  for (const { name, faults } of results)
    for (const fault of faults) console.log(`\nWRONG, ${name}: ${fault}`);
  const isRight = results.every(({ revoking, faults }) => {
    return faults.length === 0 && revoking.every(({ ownMs }) => ownMs <= SLICE_MS);
  });
  process.exitCode = isRight ? 0 : 1;
}

async function inChild(name, settings) {
  console.error(`${name}: ${number(settings.count)} sessions`);
  const args = ['--expose-gc', '--max-old-space-size=6144', SELF, name, JSON.stringify(settings)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout);
}

function report(result) {
  console.log(JSON.stringify(result));
}

/** Each of the others has a user of its own. */
async function inMemory({ count, ofUser }) {
  const store = new MemoryStore({ cleanupInterval: 0 });
  const expiresAt = systemClock.now() + HOUR_MS;
  for (let n = 0; n < count - ofUser * (RUNS + 1); n++)
    await store.insert({ ...recordOf(store, n, expiresAt), owner: `user-${n}` });
  return { name: 'memory', count, ...(await measure(store, count, ofUser)) };
}

async function inFiles({ count, ofUser, directory }) {
  const { path, remove } = temporaryDirectory('revoke-all', directory);
  const rest = count - ofUser * (RUNS + 1);
  const step = availableParallelism();
  const fill = (from) =>
    promisify(execFile)(process.execPath, [FILL, 'fillOurs', JSON.stringify({ path, from, to: rest, step })]);
  await Promise.all(Array.from({ length: step }, (_, from) => fill(from)));
  const store = new FileStore({ path, cleanupInterval: 0 });
  const second = fork(SELF, ['other', JSON.stringify(path)], { execArgv: [] });
  const [origin] = await once(second, 'message');
  try {
    return { name: 'files', count, ...(await measure(store, count, ofUser, origin)) };
  } finally {
    second.disconnect();
    await once(second, 'exit');
    remove();
  }
}

/** A second process on the directory, until the first one lets it go. */
async function other(path) {
  const server = appOf(new FileStore({ path, cleanupInterval: 0 })).app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.send(`http://127.0.0.1:${server.address().port}`);
  process.once('disconnect', () => process.exit());
}

function appOf(store) {
  const sessions = new SessionManager({ store, secret: SECRET, cookie: { secure: false } });
  const app = express();
  app.use(sessions.middleware());
  app.get('/login/:user', async (req, res) => {
    await sessions.login(req, req.params.user);
    res.json(true);
  });
  app.get('/me', async (req, res) => res.json((await sessions.userOf(req)) ?? null));
  return { app, sessions };
}

async function measure(store, count, ofUser, otherOrigin) {
  const { app, sessions } = appOf(store);
  const { get, close } = await serve(app);
  const here = async (cookie) => (await get('/me', cookie)).body;
  const there = async (cookie) => (await fetch(`${otherOrigin}/me`, { headers: { cookie } })).json();
  const asks = otherOrigin === undefined ? [here] : [here, there];
  const faults = [];
  const users = Array.from({ length: RUNS + 1 }, (_, n) => `user-${n}-of-many`);
  const cookies = [];
  const expiresAt = systemClock.now() + HOUR_MS;
  let id = count;
  for (const owner of users) {
    for (let n = 1; n < ofUser; n++) await store.insert({ ...recordOf(store, id++, expiresAt), owner });
    const cookie = cookieOf(await get(`/login/${owner}`));
    cookies.push(cookie);
    for (const ask of asks) if ((await ask(cookie)) !== owner) faults.push('a session was not served before');
  }
  // By then a second process looks for dates that refuse these sessions, and has found none.
  await wait(KNOWN_MS * 1.5);
  for (const ask of asks) await ask(cookies[RUNS]);
  const before = await store.count();

  /** Ends a user's sessions, then asks every process. @param knownMs What the last one may take to hear of it. */
  async function run(n, knownMs, end) {
    const watch = new Watch();
    let endedAt = 0;
    const times = await watch.during(() =>
      watch.turns(async () => {
        await end(sessions.ofUser(users[n]));
        endedAt = performance.now();
      }),
    );
    let asked = 0;
    for (const ask of asks)
      for (; (await ask(cookies[n])) !== null; asked++, await wait(10))
        if (performance.now() - endedAt > knownMs) {
          faults.push(`a session was served more than ${number(knownMs)} ms after its end`);
          break;
        }
    const left = (await sessions.ofUser(users[n]).list()).length;
    if (left > 0) faults.push(`${number(left)} sessions are still listed`);
    return { ...times, refused: asked === 0 ? 'at once' : `after ${number(performance.now() - endedAt)} ms` };
  }

  const revoking = [];
  for (let n = 0; n < RUNS; n++) {
    const revokeAll = async (user) => {
      const ended = await user.revokeAll();
      if (ended !== ofUser) faults.push(`${number(ended)} of ${number(ofUser)} sessions were ended`);
    };
    revoking.push(await run(n, 0, revokeAll));
  }
  const others = before - (await store.count()) - RUNS * ofUser;
  if (others !== 0) faults.push(`${number(others)} sessions of others were ended`);
  const byDate = await run(RUNS, KNOWN_MS + SLACK_MS, (user) => user.invalidateBefore());
  await close();
  await sessions.close();
  return { revoking, byDate, faults };
}

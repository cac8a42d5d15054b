// Four app processes on one Redis, over HTTP: changes of one session that meet, and logouts that race with writes in
// other processes. Ours with both clients, express-session with connect-redis beside it.
//
//   npm run build && node scripts/redis-processes.mjs [--keys N] [--increments N] [--logouts N] [ours|connect-redis|both]
//
// Starts a redis-server of its own. Exits with 1 if ours loses a change or serves a session after its logout, or if
// the races did not happen.
import { loadavg } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { install, load } from './lib/ecosystem.mjs';
import { inParallel } from './lib/local-http.mjs';
import { startApp } from './lib/redis-apps.mjs';
import { connect, keysOf, startRedis } from './lib/redis-server.mjs';
import { number, table } from './lib/table.mjs';

const PROCESSES = 4;
const LOGOUTS_AT_ONCE = 12;
const LONGEST_DELAY_MS = 2;
/** Of the races, the share that each side has to win for the rest to mean anything; and that must have been under way at once. */
const SHARE = 0.1;

const WHO = {
  ours: [
    { title: 'ours, redis', name: 'ours', client: 'redis' },
    { title: 'ours, ioredis', name: 'ours', client: 'ioredis' },
  ],
  // Of the two clients it takes this one only.
  'connect-redis': [{ title: 'connect-redis', name: 'connect-redis', client: 'redis' }],
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    keys: { type: 'string', default: '1000' },
    increments: { type: 'string', default: '1000' },
    logouts: { type: 'string', default: '10000' },
  },
});
const [KEYS, INCREMENTS, LOGOUTS] = [values.keys, values.increments, values.logouts].map(Number);
const [who = 'both'] = positionals;
const isCount = (count) => Number.isSafeInteger(count) && count >= PROCESSES && count % PROCESSES === 0;
if (![KEYS, INCREMENTS, LOGOUTS].every(isCount) || !(who === 'both' || Object.hasOwn(WHO, who))) {
  console.error(
    'Usage: node scripts/redis-processes.mjs [--keys N] [--increments N] [--logouts N] [ours|connect-redis|both]; each N a multiple of 4',
  );
  process.exit(2);
}

/** All processes ask at once; none goes on before all have read the session. */
async function meet(apps, place, count, pathOf, cookie) {
  const ready = apps.map((app) => app.there(place, count / apps.length));
  const answers = Array.from({ length: count }, (_, at) => apps[at % apps.length].get(pathOf(at), cookie));
  await Promise.race([Promise.all(ready), Promise.all(answers)]);
  for (const app of apps) app.go(place);
  await Promise.all(answers);
  return (await apps[0].get('/all', cookie)).body;
}

async function keys(apps) {
  const { cookie } = await apps[0].get('/new');
  const kept = await meet(apps, 'set', KEYS, (at) => `/set/${at}`, cookie);
  return Array.from({ length: KEYS }, (_, at) => kept[`key${at}`] === at).filter(Boolean).length;
}

async function increments(apps) {
  const { cookie } = await apps[0].get('/new');
  return (await meet(apps, 'count', INCREMENTS, () => '/count', cookie)).n;
}

/**
 * A request in one process and a logout in another have read the session · both go on, either first · a third process is
 * asked with the old cookie, and Redis itself.
 */
async function logouts(apps, admin) {
  const calls = apps.map(() => new Map());
  for (const [at, { events }] of apps.entries())
    events.on('call', (call) => calls[at].set(`${call.kind} ${call.key}`, call));
  const at = (index) => index % apps.length;
  const figures = { raced: 0, refused: 0, served: 0, stored: 0, atOnce: 0, writeFirst: 0, logoutFirst: 0 };
  const rounds = [];
  await inParallel(LOGOUTS, LOGOUTS_AT_ONCE, async (round) => {
    const [writer, ender, third] = [1, 2, 3].map((step) => apps[at(round + step)]);
    const { cookie, body } = await apps[at(round)].get('/new');
    const ready = [writer.there(`slow ${round}`), ender.there(`logout ${round}`)];
    const slow = writer.get(`/slow/${round}`, cookie);
    const ended = ender.get(`/logout/${round}`, cookie);
    await Promise.race([Promise.all(ready), Promise.all([slow, ended])]);
    const order = [() => writer.go(`slow ${round}`), () => ender.go(`logout ${round}`)];
    if (Math.random() < 0.5) order.reverse();
    order[0]();
    if (Math.random() < 0.5) await wait(Math.random() * LONGEST_DELAY_MS);
    order[1]();
    const [written, { body: left }] = await Promise.all([slow, ended]);
    if (written.body.user === 'ada' && left.user === 'ada') figures.raced++;
    if (written.body.isRefused) figures.refused++;
    const isStored = (await admin.ask('TYPE', `sess:${body.key}`)) === 'string';
    if (isStored) figures.stored++;
    if ('user' in (await third.get('/all', cookie)).body) figures.served++;
    rounds.push({ key: body.key, writer: at(round + 1), ender: at(round + 2), isStored });
  });
  for (const app of apps) await app.flush();
  for (const { key, writer, ender, isStored } of rounds) {
    const write = calls[writer].get(`write ${key}`);
    const end = calls[ender].get(`end ${key}`);
    if (write !== undefined && end !== undefined && write.began < end.ended && end.began < write.ended)
      figures.atOnce++;
    // Ours is told whether its write landed. That of the others always does: after the logout, it is there again.
    const isWriteFirst = typeof write?.result === 'boolean' ? write.result : write !== undefined && !isStored;
    figures[isWriteFirst ? 'writeFirst' : 'logoutFirst']++;
  }
  let living = 0;
  for await (const { length } of keysOf(admin, 'string')) living += length;
  return { ...figures, living };
}

async function run({ title, name, client }, redis) {
  const apps = [];
  for (let count = 0; count < PROCESSES; count++)
    apps.push(await startApp({ name, client, redis, calls: true }));
  const admin = await connect('redis', redis);
  const timed = async (scenario) => {
    await admin.ask('FLUSHALL');
    const startedAt = performance.now();
    const result = await scenario(apps, admin);
    const seconds = (performance.now() - startedAt) / 1_000;
    console.error(`${title}: ${scenario.name} in ${number(seconds)} s`);
    return result;
  };
  const result = {
    title,
    isOurs: name === 'ours',
    keys: await timed(keys),
    increments: await timed(increments),
    ...(await timed(logouts)),
  };
  for (const app of apps) await app.stop();
  admin.close();
  return result;
}

const enough = LOGOUTS * SHARE;
/** What it is, what is promised, its value, whether that will do. */
const FIGURES = [
  [`${number(KEYS)} keys set at once: kept`, number(KEYS), (r) => r.keys, (v) => v === KEYS],
  [
    `${number(INCREMENTS)} increments at once: counted`,
    number(INCREMENTS),
    (r) => r.increments,
    (v) => v === INCREMENTS,
  ],
  [
    'logout against a write in another process: both had read',
    number(LOGOUTS),
    (r) => r.raced,
    (v) => v === LOGOUTS,
  ],
  ['  write and logout under way at once', `>= ${number(enough)}`, (r) => r.atOnce, (v) => v >= enough],
  ['  the write came first', `>= ${number(enough)}`, (r) => r.writeFirst, (v) => v >= enough],
  ['  the logout came first', `>= ${number(enough)}`, (r) => r.logoutFirst, (v) => v >= enough],
  ['  sessions back, by the old cookie in a third process', '0', (r) => r.served, (v) => v === 0],
  ['  sessions back, in Redis after both answers', '0', (r) => r.stored, (v) => v === 0],
  ['  sessions in Redis in the end', '0', (r) => r.living, (v) => v === 0],
  ['  explicit writes told ERR_SESSION_ENDED', '', (r) => r.refused, () => true],
];

install();
const redis = await startRedis();
const before = loadavg()[0];
const results = [];
for (const contestant of who === 'both' ? Object.values(WHO).flat() : WHO[who])
  results.push(await run(contestant, redis.port));
await redis.stop();

console.log(
  `\n${PROCESSES} processes on Redis ${redis.version}; connect-redis ${version('connect-redis')}, express-session ${version('express-session')}; ` +
    `Node ${process.version}; load average ${before.toFixed(1)} - ${loadavg()[0].toFixed(1)}\n`,
);
console.log(
  table([
    ['', 'promised', ...results.map(({ title }) => title)],
    ...FIGURES.map(([what, promised, value]) => [what, promised, ...results.map(value)]),
  ]),
);
const missed = results
  .filter(({ isOurs }) => isOurs)
  .flatMap((result) =>
    FIGURES.filter(([, , value, isGood]) => !isGood(value(result))).map(
      ([what]) => `${what.trim()} (${result.title})`,
    ),
  );
console.log(missed.length === 0 ? '\nours: all kept' : `\nours missed: ${missed.join('; ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;

function version(name) {
  return load(`${load.resolve.paths(name)[0]}/${name}/package.json`).version;
}

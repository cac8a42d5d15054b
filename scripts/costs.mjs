// What a request asks of a database, as the database counts it itself: ours, the drop-in, and express-session with the store
// that most applications use on that engine beside them.
//
//   npm run build && node scripts/costs.mjs [redis] [ioredis] [postgres] [mysql] [sqlite] [--requests N]
//
// Without an engine all of them; ioredis is Redis with that client. Starts servers of its own. Exits with 1 unless ours asks
// for one read per request that uses its session, one write more for one that changes it, one touch per touchAfter, and
// nothing for one that does not use it; with 2 where a server is not installed.
import { loadavg } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { startApp } from './lib/apps.mjs';
import { counterOf, COUNTING_ARGS, LOOK, SENT_BY_STORES } from './lib/counts.mjs';
import { openDatabase, versionOf } from './lib/drivers.mjs';
import { install } from './lib/ecosystem.mjs';
import { inParallel } from './lib/local-http.mjs';
import { ENGINE_NAMES, enginesIn, startEngine } from './lib/servers.mjs';
import { PEERS } from './lib/store-contestants.mjs';
import { number, table } from './lib/table.mjs';

const SESSIONS = 20;
/** The manager's default. */
const TOUCH_AFTER_MS = 60_000;
const TOUCHES = 5;
/** What no response waits for is over by then. */
const AFTERWARDS_MS = 200;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { requests: { type: 'string', default: '1000' } },
});
const REQUESTS = Number(values.requests);
const engines = enginesIn(positionals);
const isEnough = Number.isSafeInteger(REQUESTS) && REQUESTS >= SESSIONS;
if (!isEnough || !positionals.every((name) => ENGINE_NAMES.includes(name))) {
  console.error(
    `Usage: node scripts/costs.mjs [${ENGINE_NAMES.join('] [')}] [--requests N], ${SESSIONS} or more`,
  );
  process.exit(2);
}

const isRedis = (engine) => engine === 'redis' || engine === 'ioredis';

/** What is done, and what it costs ours: statements, or commands of Redis, per request. */
const WORKLOADS = [
  ['unused', ({ ask }) => ask('/unused'), { sql: {}, redis: {} }],
  ['read', ({ ask }) => ask('/read'), { sql: { select: 1 }, redis: { get: 1 } }],
  ['write', ({ ask }) => ask('/write'), { sql: { select: 1, update: 1 }, redis: { get: 1, evalsha: 1 } }],
  ['new session', ({ start }) => start(), { sql: { insert: 1 }, redis: { evalsha: 1 } }],
];
/** Those by which a session's end is moved. */
const TOUCHES_BY = { sql: ['update'], redis: ['evalsha', 'eval', 'expire'] };

async function run(engine, name) {
  // Sweeps go by the minute, not by the request.
  const app = await startApp({ name, engine: engine.name, place: engine.place, counts: true, sweeps: false });
  const get = async (path, cookie) => {
    const answer = await app.get(path, cookie);
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${answer.body}`);
    return answer;
  };
  const cookies = [];
  for (let count = 0; count < SESSIONS; count++) cookies.push((await get('/new')).cookie);
  const site = {
    /** Session by session, so that each asks for one thing at a time. */
    ask: (path, count = REQUESTS) =>
      inParallel(SESSIONS, SESSIONS, async (at) => {
        for (let index = at; index < count; index += SESSIONS) await get(path, cookies[at]);
      }),
    start: () => inParallel(REQUESTS, SESSIONS, () => get('/new')),
  };
  // All connections are open, and what is due for a touch has been touched.
  for (const path of ['/read', '/write']) await site.ask(path, SESSIONS);
  await app.leap(TOUCH_AFTER_MS);
  await site.ask('/read', SESSIONS);

  const database = await openDatabase(engine.name, engine.place, name);
  const counted = await counterOf(engine.name, database.ask, app);
  const kind = isRedis(engine.name) ? 'redis' : 'sql';
  // `set`, `expire` and `del` of ours are inside of a script: it sends none of them.
  const inside = kind === 'redis' && name !== 'peer' ? ['set', 'expire', 'del'] : [];
  const isSent = (word) => SENT_BY_STORES[kind].includes(word) && !inside.includes(word);
  const during = async (work) => {
    await counted();
    const startedAt = performance.now();
    await work();
    await wait(AFTERWARDS_MS);
    const all = Object.entries(await counted());
    const those = (test) => Object.fromEntries(all.filter(([word]) => word !== LOOK && test(word)));
    return {
      store: those(isSent),
      beside: those((word) => !isSent(word)),
      looks: all.find(([word]) => word === LOOK)?.[1] ?? 0,
      seconds: (performance.now() - startedAt) / 1_000,
    };
  };
  const costs = {};
  for (const [what, work] of WORKLOADS) costs[what] = await during(() => work(site));

  // One session after touchAfter, again and again: requests one after the other, then all at once.
  const touches = async (ask) => {
    const { store } = await during(async () => {
      for (let count = 0; count < TOUCHES; count++) {
        await app.leap(TOUCH_AFTER_MS);
        await ask();
      }
    });
    return TOUCHES_BY[kind].reduce((sum, word) => sum + (store[word] ?? 0), 0) / TOUCHES;
  };
  const isOurs = name === 'ours';
  const result = {
    title: name === 'peer' ? PEERS[engine.name].name : `${name}, ${engine.title}`,
    isOurs,
    kind,
    costs,
    touched: await touches(async () => {
      for (let index = 0; index < SESSIONS; index++) await get('/read', cookies[0]);
    }),
    touchedAtOnce: await touches(() =>
      Promise.all(Array.from({ length: SESSIONS }, () => get('/read', cookies[0]))),
    ),
  };
  await database.close();
  await app.stop();
  return result;
}

install();
const before = loadavg()[0];
const results = [];
const versions = [];
for (const name of engines) {
  const engine = await startEngine(name, { args: COUNTING_ARGS[name] });
  versions.push(await versionOf(engine));
  const contestants = Object.hasOwn(PEERS, name) ? ['ours', 'drop-in', 'peer'] : ['ours', 'drop-in'];
  for (const contestant of contestants) results.push(await run(engine, contestant));
  await engine.stop();
}

const words = [...SENT_BY_STORES.redis, ...SENT_BY_STORES.sql];
const perRequest = (counts) =>
  Object.entries(counts)
    .map(([word, count]) => [word, number(count / REQUESTS)])
    .filter(([, count]) => count !== '0')
    .sort(([a], [b]) => words.indexOf(a) - words.indexOf(b))
    .map(([word, count]) => `${count} ${word}`)
    .join(' + ') || '0';
/** What no store sent, of a request of each workload together. */
function inAll(costs) {
  const all = {};
  for (const { beside } of Object.values(costs))
    for (const [word, count] of Object.entries(beside)) all[word] = (all[word] ?? 0) + count;
  return all;
}
/** Not fewer either: a count that misses some would look like a promise kept. */
const isMet = ({ store, looks, seconds }, promised) =>
  [...new Set([...Object.keys(store), ...Object.keys(promised)])].every(
    (word) => (store[word] ?? 0) === (promised[word] ?? 0) * REQUESTS,
  ) && looks <= (Object.keys(promised).length === 0 ? 0 : Math.ceil(seconds) + 1);
const isTouchedOnce = ({ touched, touchedAtOnce }) => touched === 1 && touchedAtOnce === 1;
const promisedPerRequest = (promised) =>
  perRequest(Object.fromEntries(Object.entries(promised).map(([word, count]) => [word, count * REQUESTS])));
/** A second, over all workloads. */
function looksIn({ costs, kind }) {
  if (kind !== 'redis') return '';
  const sum = (field) => Object.values(costs).reduce((total, cost) => total + cost[field], 0);
  return sum('looks') / sum('seconds');
}

console.log(
  `\ncommands and statements per request, ${number(REQUESTS)} each over ${SESSIONS} sessions, as the database counts them; ` +
    `${versions.join(', ')}, Node ${process.version}; load average ${before.toFixed(1)} - ${loadavg()[0].toFixed(1)}\n`,
);
const touchesIn = (how) => `touches per touchAfter, ${SESSIONS} reads ${how}`;
const kinds = [...new Set(results.map(({ kind }) => kind))];
console.log(
  table([
    [
      '',
      ...WORKLOADS.map(([what]) => what),
      touchesIn('in turn'),
      touchesIn('at once'),
      'looks for revocations, a second',
      'of drivers and scripts, all four',
    ],
    ...kinds.map((kind) => [
      `promised of ours, ${kind}`,
      ...WORKLOADS.map(([, , promised]) => promisedPerRequest(promised[kind])),
      ...[1, 1, kind === 'redis' ? 1 : '', ''],
    ]),
    ...results.map((result) => [
      result.title,
      ...WORKLOADS.map(([what]) => perRequest(result.costs[what].store)),
      result.touched,
      result.touchedAtOnce,
      looksIn(result),
      perRequest(inAll(result.costs)),
    ]),
  ]),
);
const missed = results
  .filter(({ isOurs }) => isOurs)
  .flatMap((result) => [
    ...WORKLOADS.filter(([what, , promised]) => !isMet(result.costs[what], promised[result.kind])).map(
      ([what]) => `${what} (${result.title})`,
    ),
    ...(isTouchedOnce(result) ? [] : [`touches (${result.title})`]),
  ]);
console.log(missed.length === 0 ? '\nours: all met' : `\nours missed: ${missed.join('; ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;

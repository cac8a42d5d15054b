// What a request asks of a SQL database, as the database counts it itself: ours, the drop-in, and express-session with the
// store that most applications use on that engine beside them.
//
//   npm run build && node scripts/sql-statements.mjs [postgres] [mysql] [sqlite] [--requests N]
//
// Without an engine all three. Starts servers of its own. Exits with 1 unless ours asks for one read per request that uses
// its session, one write more for one that changes it, one touch per touchAfter, and nothing for one that does not use
// it; with 2 where a server or a package is not installed.
import { loadavg } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { inParallel } from './lib/local-http.mjs';
import { startApp } from './lib/sql-apps.mjs';
import { PEERS } from './lib/sql-contestants.mjs';
import { counterOf, COUNTING_ARGS, STATEMENTS } from './lib/sql-counts.mjs';
import { openDatabase, requireEcosystem, versionOf } from './lib/sql-drivers.mjs';
import { ENGINE_NAMES, startEngine } from './lib/sql-servers.mjs';
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
const engines = positionals.length === 0 ? ENGINE_NAMES : positionals;
const isEnough = Number.isSafeInteger(REQUESTS) && REQUESTS >= SESSIONS;
if (!isEnough || !engines.every((name) => ENGINE_NAMES.includes(name))) {
  console.error(
    `Usage: node scripts/sql-statements.mjs [${ENGINE_NAMES.join('] [')}] [--requests N], ${SESSIONS} or more`,
  );
  process.exit(2);
}

/** What is done, and what it costs ours: statements per request. */
const WORKLOADS = [
  ['unused', ({ ask }) => ask('/unused'), {}],
  ['read', ({ ask }) => ask('/read'), { select: 1 }],
  ['write', ({ ask }) => ask('/write'), { select: 1, update: 1 }],
  ['new session', ({ start }) => start(), { insert: 1 }],
];

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

  const database = openDatabase(engine.name, engine.place, name);
  const counted = await counterOf(engine.name, database.ask, app);
  const during = async (work) => {
    await counted();
    await work();
    await wait(AFTERWARDS_MS);
    const all = Object.entries(await counted());
    const isOfStore = ([statement]) => STATEMENTS.includes(statement);
    return {
      store: Object.fromEntries(all.filter(isOfStore)),
      driver: Object.fromEntries(all.filter((entry) => !isOfStore(entry))),
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
    return (store.update ?? 0) / TOUCHES;
  };
  const isOurs = name === 'ours';
  const result = {
    title: name === 'peer' ? PEERS[engine.name].name : `${name}, ${engine.title}`,
    isOurs,
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

requireEcosystem();
const before = loadavg()[0];
const results = [];
const versions = [];
for (const name of engines) {
  const engine = await startEngine(name, { args: COUNTING_ARGS[name] });
  versions.push(await versionOf(engine));
  for (const contestant of ['ours', 'drop-in', 'peer']) results.push(await run(engine, contestant));
  await engine.stop();
}

const perRequest = (statements) =>
  Object.entries(statements)
    .map(([statement, count]) => [statement, number(count / REQUESTS)])
    .filter(([, count]) => count !== '0')
    .sort(([a], [b]) => STATEMENTS.indexOf(a) - STATEMENTS.indexOf(b))
    .map(([statement, count]) => `${count} ${statement}`)
    .join(' + ') || '0';
/** What is no statement of a store, of a request of each kind together. */
function inAll(costs) {
  const all = {};
  for (const { driver } of Object.values(costs))
    for (const [what, count] of Object.entries(driver)) all[what] = (all[what] ?? 0) + count;
  return all;
}
/** Not fewer either: a count that misses some would look like a promise kept. */
const isMet = ({ store }, promised) =>
  STATEMENTS.every((statement) => (store[statement] ?? 0) === (promised[statement] ?? 0) * REQUESTS);
const isTouchedOnce = ({ touched, touchedAtOnce }) => touched === 1 && touchedAtOnce === 1;
const promisedPerRequest = (promised) =>
  perRequest(Object.fromEntries(Object.entries(promised).map(([name, count]) => [name, count * REQUESTS])));

console.log(
  `\nstatements per request, ${number(REQUESTS)} each over ${SESSIONS} sessions, as the database counts them; ` +
    `${versions.join(', ')}, Node ${process.version}; load average ${before.toFixed(1)} - ${loadavg()[0].toFixed(1)}\n`,
);
const touchesIn = (how) => `touches per touchAfter, ${SESSIONS} reads ${how}`;
console.log(
  table([
    [
      '',
      ...WORKLOADS.map(([what]) => what),
      touchesIn('in turn'),
      touchesIn('at once'),
      'of the driver, all four',
    ],
    ['promised of ours', ...WORKLOADS.map(([, , promised]) => promisedPerRequest(promised)), 1, 1, ''],
    ...results.map(({ title, costs, touched, touchedAtOnce }) => [
      title,
      ...WORKLOADS.map(([what]) => perRequest(costs[what].store)),
      touched,
      touchedAtOnce,
      perRequest(inAll(costs)),
    ]),
  ]),
);
const missed = results
  .filter(({ isOurs }) => isOurs)
  .flatMap((result) => [
    ...WORKLOADS.filter(([what, , promised]) => !isMet(result.costs[what], promised)).map(
      ([what]) => `${what} (${result.title})`,
    ),
    ...(isTouchedOnce(result) ? [] : [`touches (${result.title})`]),
  ]);
console.log(missed.length === 0 ? '\nours: all met' : `\nours missed: ${missed.join('; ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;

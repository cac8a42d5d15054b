// Four app processes on one database, over HTTP: changes of one session that meet, and logouts that race with writes in other
// processes. Ours beside express-session with the store that most applications use on that engine.
//
//   npm run build && node scripts/processes.mjs [redis] [ioredis] [postgres] [mysql] [sqlite] [--who ours|peers|both] [--quick]
//     [--keys N] [--increments N] [--logouts N]
//
// Without an engine all of them; ioredis is Redis with that client. Starts servers of its own. Exits with 1 if ours loses a
// change or serves a session after its logout, or if the races did not happen; with 2 where a server is not installed.
import { loadavg } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { startApp } from './lib/apps.mjs';
import { openDatabase, versionOf, versionOfPackage } from './lib/drivers.mjs';
import { install } from './lib/ecosystem.mjs';
import { inParallel } from './lib/local-http.mjs';
import { ENGINE_NAMES, enginesIn, startEngine } from './lib/servers.mjs';
import { PEERS, sessionsOf } from './lib/store-contestants.mjs';
import { number, table } from './lib/table.mjs';

const PROCESSES = 4;
const LOGOUTS_AT_ONCE = 12;
const LONGEST_DELAY_MS = 2;
/** Of the races, the share that each side has to win for the rest to mean anything; and that must have been under way at once. */
const SHARE = 0.1;
/** Calls of SQLite are over in a tenth of a millisecond: fewer of them meet. */
const SHARE_AT_ONCE = { redis: SHARE, ioredis: SHARE, postgres: SHARE, mysql: SHARE, sqlite: 0.01 };
const QUICK = { keys: '100', increments: '100', logouts: '400' };
const CONTESTANTS = { ours: ['ours'], peers: ['peer'], both: ['ours', 'peer'] };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    who: { type: 'string', default: 'both' },
    quick: { type: 'boolean', default: false },
    keys: { type: 'string', default: '1000' },
    increments: { type: 'string', default: '1000' },
    logouts: { type: 'string', default: '10000' },
  },
});
const { keys: kept, increments: counted, logouts: raced } = values.quick ? QUICK : values;
const [KEYS, INCREMENTS, LOGOUTS] = [kept, counted, raced].map(Number);
const engines = enginesIn(positionals);
const isCount = (count) => Number.isSafeInteger(count) && count >= PROCESSES && count % PROCESSES === 0;
const isKnown =
  positionals.every((name) => ENGINE_NAMES.includes(name)) && Object.hasOwn(CONTESTANTS, values.who);
if (![KEYS, INCREMENTS, LOGOUTS].every(isCount) || !isKnown) {
  console.error(
    `Usage: node scripts/processes.mjs [${ENGINE_NAMES.join('] [')}] [--who ours|peers|both] [--quick]\n` +
      '  [--keys N] [--increments N] [--logouts N]; each N a multiple of 4',
  );
  process.exit(2);
}

/** All processes ask at once; none goes on before all have read the session. */
async function meet({ apps, get }, place, count, pathOf, cookie) {
  const ready = apps.map((app) => app.there(place, count / apps.length));
  const answers = Array.from({ length: count }, (_, at) => get(apps[at % apps.length], pathOf(at), cookie));
  await Promise.race([Promise.all(ready), Promise.all(answers)]);
  for (const app of apps) app.go(place);
  await Promise.all(answers);
  return (await get(apps[0], '/all', cookie)).body;
}

async function keys(site) {
  const { cookie } = await site.get(site.apps[0], '/new');
  const all = await meet(site, 'set', KEYS, (at) => `/set/${at}`, cookie);
  return { keys: Array.from({ length: KEYS }, (_, at) => all[`key${at}`] === at).filter(Boolean).length };
}

async function increments(site) {
  const { cookie } = await site.get(site.apps[0], '/new');
  return { increments: (await meet(site, 'count', INCREMENTS, () => '/count', cookie)).n ?? 0 };
}

/**
 * A request in one process and a logout in another have read the session · both go on, either first · a third process is
 * asked with the old cookie, and the database itself.
 */
async function logouts({ apps, get, sessions }) {
  const calls = apps.map(() => new Map());
  for (const [at, { events }] of apps.entries())
    events.on('call', (call) => calls[at].set(`${call.kind} ${call.key}`, call));
  const at = (index) => index % apps.length;
  const figures = { raced: 0, refused: 0, served: 0, stored: 0, atOnce: 0, writeFirst: 0, logoutFirst: 0 };
  const rounds = [];
  await inParallel(LOGOUTS, LOGOUTS_AT_ONCE, async (round) => {
    const [writer, ender, third] = [1, 2, 3].map((step) => apps[at(round + step)]);
    const { cookie, body } = await get(apps[at(round)], '/new');
    const ready = [writer.there(`slow ${round}`), ender.there(`logout ${round}`)];
    const slow = get(writer, `/slow/${round}`, cookie);
    const ended = get(ender, `/logout/${round}`, cookie);
    await Promise.race([Promise.all(ready), Promise.all([slow, ended])]);
    const order = [() => writer.go(`slow ${round}`), () => ender.go(`logout ${round}`)];
    if (Math.random() < 0.5) order.reverse();
    order[0]();
    if (Math.random() < 0.5) await wait(Math.random() * LONGEST_DELAY_MS);
    order[1]();
    const [{ body: written }, { body: left }] = await Promise.all([slow, ended]);
    if (written.user === 'ada' && left.user === 'ada') figures.raced++;
    if (written.isRefused) figures.refused++;
    const isStored = await sessions.isLiving(body.key);
    if (isStored) figures.stored++;
    if ('user' in (await get(third, '/all', cookie)).body) figures.served++;
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
  return { ...figures, living: await sessions.count() };
}

async function run(engine, name) {
  const title = name === 'ours' ? `ours, ${engine.title}` : PEERS[engine.name].name;
  const apps = [];
  for (let count = 0; count < PROCESSES; count++)
    apps.push(await startApp({ name, engine: engine.name, place: engine.place, calls: true }));
  const database = await openDatabase(engine.name, engine.place, name);
  const sessions = sessionsOf(engine.name, name, database.ask);
  let failed = 0;
  const site = {
    apps,
    sessions,
    /** What fails is counted, and has an empty body. */
    async get(app, path, cookie) {
      const answer = await app.get(path, cookie);
      if (answer.status === 200) return answer;
      if (failed++ === 0) console.error(`${title}: GET ${path}: ${answer.status} ${answer.body}`);
      return { ...answer, body: {} };
    },
  };
  // The tables are there from the first request on.
  for (const app of apps) await site.get(app, '/new');
  const result = { title, engine: engine.name, isOurs: name === 'ours' };
  for (const scenario of [keys, increments, logouts]) {
    await sessions.clear();
    const startedAt = performance.now();
    Object.assign(result, await scenario(site));
    console.error(`${title}: ${scenario.name} in ${number((performance.now() - startedAt) / 1_000)} s`);
  }
  for (const app of apps) await app.stop();
  await database.close();
  return { ...result, failed };
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
  [
    '  write and logout under way at once',
    [...new Set(engines.map((name) => `>= ${number(LOGOUTS * SHARE_AT_ONCE[name])}`))].join(', '),
    (r) => r.atOnce,
    (v, r) => v >= LOGOUTS * SHARE_AT_ONCE[r.engine],
  ],
  ['  the write came first', `>= ${number(enough)}`, (r) => r.writeFirst, (v) => v >= enough],
  ['  the logout came first', `>= ${number(enough)}`, (r) => r.logoutFirst, (v) => v >= enough],
  ['  sessions back, by the old cookie in a third process', '0', (r) => r.served, (v) => v === 0],
  ['  sessions back, in the database after both answers', '0', (r) => r.stored, (v) => v === 0],
  ['  sessions in the database in the end', '0', (r) => r.living, (v) => v === 0],
  ['  explicit writes told ERR_SESSION_ENDED', '', (r) => r.refused, () => true],
  ['requests answered with an error', '0', (r) => r.failed, (v) => v === 0],
];

install();
const before = loadavg()[0];
const results = [];
const versions = [];
for (const name of engines) {
  const engine = await startEngine(name);
  versions.push(await versionOf(engine));
  for (const contestant of CONTESTANTS[values.who])
    if (contestant === 'ours' || Object.hasOwn(PEERS, name)) results.push(await run(engine, contestant));
  await engine.stop();
}

const peers = engines.flatMap((name) => PEERS[name]?.name ?? []);
const packages = [...peers, 'express-session'];
console.log(
  `\n${PROCESSES} processes on one database: ${versions.join(', ')}; ` +
    `${packages.map((name) => `${name} ${versionOfPackage(name)}`).join(', ')}; ` +
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
    FIGURES.filter(([, , value, isGood]) => !isGood(value(result), result)).map(
      ([what]) => `${what.trim()} (${result.title})`,
    ),
  );
console.log(missed.length === 0 ? '\nours: all kept' : `\nours missed: ${missed.join('; ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;

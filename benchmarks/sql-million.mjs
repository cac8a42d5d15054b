// A million sessions in PostgreSQL and in SQLite: what a page and going through all of them takes, finding and ending those
// of one user among them, and sweeping expired ones while others are used. And for every statement of the stores, MariaDB's
// too, that it goes through an index.
//
//   npm run build && node benchmarks/sql-million.mjs [--sessions N] [--user N] [--engine postgres|sqlite|mysql]
//
// --sessions: in all, 1,000,000 by default (about 1.5 GB of disk), a tenth of them in MariaDB, which shows its plans only.
// --user: those of one user, 1,000 by default. --engine: one only. Starts servers of its own. Exits with 1 if a target is
// missed, or if a statement reads a whole table.
import { execFileSync } from 'node:child_process';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { install } from '../scripts/lib/ecosystem.mjs';
import { startEngine } from '../scripts/lib/servers.mjs';
import { number, table } from '../scripts/lib/table.mjs';

const JOBS = fileURLToPath(new URL('../scripts/lib/sql-million-jobs.mjs', import.meta.url));
const ENGINES = ['postgres', 'sqlite', 'mysql'];
/** A million rows at once are no work for a log as small as it is by itself. */
const ARGS = { postgres: ['-c', 'max_wal_size=4GB'] };
const USER = 'the user';
const EXPIRED = 10_000;
const ROUNDS = 6;
const HEAP_MB = 50;
const FIRST_ROW_MS = 50;
/** What a sweep beside it may make of the slowest of a hundred calls. */
const P99_RATIO = 3;
/** In SQLite the sweep is done by the process itself, whose slices take no longer: to a call of microseconds that is a lot. */
const SLICE_MS = 20;

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '1000000' },
    user: { type: 'string', default: '1000' },
    engine: { type: 'string', multiple: true, default: ENGINES },
  },
});
const [sessions, ofUser] = [Number(values.sessions), Number(values.user)];
const isCount = (count) => Number.isSafeInteger(count) && count >= 1;
if (
  ![sessions, ofUser].every(isCount) ||
  sessions < 100 * ofUser ||
  !values.engine.every((engine) => ENGINES.includes(engine))
) {
  console.error(
    'Usage: node benchmarks/sql-million.mjs [--sessions N] [--user N] [--engine postgres|sqlite|mysql]; N a hundred times that of --user or more',
  );
  process.exit(2);
}

install();
const before = loadavg()[0];
const [figures, plans] = [{}, []];
for (const engine of values.engine) {
  const { place, stop } = await startEngine(engine, { args: ARGS[engine] });
  try {
    const run = (job, input) => inProcess(job, engine, place, { sessions, user: USER, ...input });
    const count = engine === 'mysql' ? Math.round(sessions / 10) : sessions;
    const filled = run('fill', { sessions: count, ofUser, revoked: Math.round(sessions / 10) });
    plans.push(...run('plans', { sessions: count }));
    if (engine === 'mysql') continue;
    const scanned = run('scan', {});
    const swept = run('sweep', { expired: EXPIRED, rounds: ROUNDS });
    figures[engine] = { filled, scanned, swept, user: run('user', {}) };
  } finally {
    await stop();
  }
}

function inProcess(job, engine, place, input) {
  const startedAt = performance.now();
  const args = ['--expose-gc', JOBS, job, engine, place, JSON.stringify(input)];
  const env = { ...process.env, NODE_ENV: 'production' };
  const text = execFileSync(process.execPath, args, { encoding: 'utf8', env, maxBuffer: 2 ** 26 });
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.error(`${engine}, ${job}: ${seconds} s`);
  return JSON.parse(text);
}

const atMost = (limit, unit) => [`<= ${limit} ${unit}`.trim(), (value) => value <= limit];
const exactly = (count) => [number(count), (value) => value === count];
/** What it is, its value, what it must be, whether it is. */
const FIGURES = Object.entries(figures).flatMap(([engine, { filled, scanned, user, swept }]) =>
  [
    ['rows made, s', filled.seconds],
    ['page(), 100 rows, ms', scanned.pageMs, ...atMost(FIRST_ROW_MS, 'ms')],
    ['scan(): rows', scanned.rows, ...exactly(sessions)],
    ['  first row, ms', scanned.firstRowMs, ...atMost(FIRST_ROW_MS, 'ms')],
    ['  heap growth, MB', scanned.heldMb, ...atMost(HEAP_MB, 'MB')],
    ['  heap growth with garbage not yet collected, MB', scanned.highestMb],
    ['  in all, s', scanned.seconds],
    ['  longest hold of the event loop, ms', scanned.loopMs],
    ['ofUser().list(): sessions', user.listed, ...exactly(ofUser)],
    ['  ms', user.listMs],
    ['ofUser().revokeAll(): sessions', user.revoked, ...exactly(ofUser)],
    ['  ms', user.revokeMs],
    ['  living afterwards', user.left, ...exactly(0)],
    ["  other users' sessions afterwards", user.others, ...exactly(user.before - ofUser)],
    ['store.count(), ms', user.countMs],
    ['swept rows', swept.removed, ...exactly(EXPIRED * ROUNDS)],
    [`  a sweep of ${number(EXPIRED)} under load, ms`, swept.sweepMs],
    ['  find + replace without it: p50, ms', swept.without.p50],
    ['                             p99, ms', swept.without.p99],
    ['  find + replace beside it:  p50, ms', swept.with.p50],
    [
      '                             p99, ms',
      swept.with.p99,
      ...(engine === 'sqlite' ? atMost(SLICE_MS, 'ms') : []),
    ],
    [
      '  p99 beside it / without it',
      swept.with.p99 / swept.without.p99,
      ...(engine === 'sqlite' ? [] : atMost(P99_RATIO, '')),
    ],
    ['  longest hold of the event loop without it, ms', swept.without.loopMs],
    ['                                 beside it, ms', swept.with.loopMs],
  ].map((row) => [engine, ...row]),
);
const verdict = (isGood, figure) => (isGood === undefined ? '' : isGood(figure) ? 'met' : 'MISSED');
console.log(
  `\n${number(sessions)} sessions, ${number(sessions / 10)} users of whom all were ended; Node ${process.version}; ` +
    `load average ${before.toFixed(1)} - ${loadavg()[0].toFixed(1)}\n`,
);
console.log(
  table([
    ['engine', '', 'figure', 'target', ''],
    ...FIGURES.map(([engine, what, figure, target = '', isGood]) => [
      ...[engine, what, figure, target, verdict(isGood, figure)],
    ]),
  ]),
);
console.log(
  `\n${table([
    ['engine', 'statement', 'ms', 'buffers', 'indexes', 'reads whole', ''],
    ...plans.map(({ engine, name, ms, buffers, uses, scans, wrong }) => [
      ...[engine, name, ms ?? '', buffers ?? '', uses.join(', '), scans.join(', ')],
      wrong.length === 0 ? 'good' : `MISSED: ${wrong.join(', ')}`,
    ]),
  ])}\n`,
);
const isMet = FIGURES.every(([, , figure, , isGood]) => isGood?.(figure) ?? true);
process.exitCode = isMet && plans.every(({ wrong }) => wrong.length === 0) ? 0 : 1;

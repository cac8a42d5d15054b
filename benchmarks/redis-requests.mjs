// How many requests a second an Express app with sessions in Redis answers: ours beside express-session with connect-redis,
// both on the same client library.
//
//   npm run build && node benchmarks/redis-requests.mjs [read] [unused] [write] [new] [--requests N] [--rounds N]
//     [--profile <name>]
//
// Without a word all workloads. A server process for each, under load in turn over 32 connections, in rounds; a ratio is
// the median of the ratios of the rounds. Beside them Express alone ("bare"), and with the fewest commands that sessions
// can do with ("floor"). --profile: what took most of the time of that server. Starts a redis-server of its own. Exits
// with 1 if a target is missed.
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { install } from '../scripts/lib/ecosystem.mjs';
import { Load } from '../scripts/lib/load.mjs';
import { startApp } from '../scripts/lib/redis-apps.mjs';
import { startRedis } from '../scripts/lib/redis-server.mjs';
import { median, number, table } from '../scripts/lib/table.mjs';
import { temporaryDirectory } from '../scripts/lib/temporary-directory.mjs';

const CONNECTIONS = 32;
const WARM_UP = 2_000;
const CLIENT = 'redis';
const NAMES = ['bare', 'floor', 'ours', 'drop-in', 'connect-redis'];
const PEER = 'connect-redis';
const TOP = 15;
/** By workload: path, whether with a cookie, and how many times the peer's throughput ours must have. */
const ALL = {
  read: { path: '/read', withCookie: true, target: 1.5 },
  unused: { path: '/unused', withCookie: true, target: 2 },
  write: { path: '/write', withCookie: true, target: 1.2 },
  new: { path: '/new', withCookie: false },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    requests: { type: 'string', default: '4000' },
    rounds: { type: 'string', default: '9' },
    profile: { type: 'string' },
  },
});
const [REQUESTS, ROUNDS] = [values.requests, values.rounds].map(Number);
const isCount = (count) => Number.isSafeInteger(count) && count >= 1;
const isKnown = positionals.every((name) => Object.hasOwn(ALL, name));
if (!isKnown || !isCount(REQUESTS) || !isCount(ROUNDS) || !NAMES.includes(values.profile ?? PEER)) {
  console.error(
    `Usage: node benchmarks/redis-requests.mjs [${Object.keys(ALL).join('] [')}] [--requests N] [--rounds N] [--profile ${NAMES.join('|')}]`,
  );
  process.exit(2);
}
const chosen = Object.entries(ALL).filter(([name]) => positionals.length === 0 || positionals.includes(name));
const WORKLOADS = Object.fromEntries(chosen);

install();
const redis = await startRedis();
const profiles = temporaryDirectory('redis-requests');
const before = loadavg()[0];
const servers = new Map();
for (const name of NAMES) {
  const execArgv = name === values.profile ? ['--cpu-prof', `--cpu-prof-dir=${profiles.path}`] : [];
  const app = await startApp({ name, client: CLIENT, redis: redis.port, execArgv });
  const load = await Load.open(app.port, CONNECTIONS);
  await load.login('/new');
  servers.set(name, { app, load });
}

/** By workload and contestant: requests a second, and processor time of a request, us, in each round. */
const rates = byWorkload();
const costs = byWorkload();
for (let round = 0; round <= ROUNDS; round++) {
  for (const [workload, { path, withCookie }] of Object.entries(WORKLOADS)) {
    // Who comes first changes: what else the machine does must not fall on the same one each time.
    const order = round % 2 === 0 ? NAMES : [...NAMES].reverse();
    for (const name of order) {
      const { app, load } = servers.get(name);
      const count = round === 0 ? WARM_UP : REQUESTS;
      const cpu = await app.cpu();
      const startedAt = performance.now();
      await load.send(path, count, { withCookie });
      const seconds = (performance.now() - startedAt) / 1_000;
      // Round 0 warms up.
      if (round === 0) continue;
      rates[workload][name].push(count / seconds);
      costs[workload][name].push(((await app.cpu()) - cpu) / count);
    }
  }
  if (round > 0) console.error(`round ${round} of ${ROUNDS}`);
}
for (const { app, load } of servers.values()) {
  load.close();
  await app.stop();
}
await redis.stop();

const machine = `Node ${process.version}, ${availableParallelism()} processors, load average ${before.toFixed(1)} - ${loadavg()[0].toFixed(1)}`;
console.log(
  `\nrequests a second over ${CONNECTIONS} connections, Redis ${redis.version}, client: ${CLIENT}; ${machine}\n` +
    `medians of ${ROUNDS} rounds of ${number(REQUESTS)}\n`,
);
console.log(
  table([
    ['', ...NAMES, 'ours / connect-redis', 'target', '', 'drop-in / connect-redis', 'floor / connect-redis'],
    ...Object.entries(WORKLOADS).map(([workload, { target }]) => [
      workload,
      ...NAMES.map((name) => Math.round(median(rates[workload][name]))),
      ratio(workload, 'ours').toFixed(2),
      target === undefined ? '' : `>= ${target}`,
      target === undefined ? '' : ratio(workload, 'ours') >= target ? 'met' : 'MISSED',
      ratio(workload, 'drop-in').toFixed(2),
      // What nobody can be faster than.
      ratio(workload, 'floor').toFixed(2),
    ]),
  ]),
);
console.log('\nprocessor time of the server per request, us; and what sessions add to bare Express\n');
console.log(
  table([
    ['', ...NAMES, ...NAMES.slice(1).map((name) => `${name} adds`)],
    ...Object.keys(WORKLOADS).map((workload) => {
      const cost = (name) => median(costs[workload][name]);
      return [workload, ...NAMES.map(cost), ...NAMES.slice(1).map((name) => cost(name) - cost('bare'))];
    }),
  ]),
);
if (values.profile !== undefined) printProfile(values.profile);
profiles.remove();
const missed = Object.entries(WORKLOADS).filter(
  ([workload, { target = 0 }]) => ratio(workload, 'ours') < target,
);
process.exitCode = missed.length === 0 ? 0 : 1;

function byWorkload() {
  return Object.fromEntries(
    Object.keys(WORKLOADS).map((workload) => [workload, Object.fromEntries(NAMES.map((name) => [name, []]))]),
  );
}

/** Round by round, because the machine is not the same in all of them. */
function ratio(workload, name) {
  return median(rates[workload][name].map((rate, round) => rate / rates[workload][PEER][round]));
}

/** The functions that took most time themselves, of the whole run. */
function printProfile(name) {
  const [file] = readdirSync(profiles.path);
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(profiles.path, file), 'utf8'));
  const places = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => [
      id,
      `${functionName || '(anonymous)'} ${url.split('/').slice(-3).join('/')}:${lineNumber + 1}`,
    ]),
  );
  const spent = new Map();
  for (const [at, id] of samples.entries())
    spent.set(places.get(id), (spent.get(places.get(id)) ?? 0) + timeDeltas[at]);
  const busy = [...spent].filter(([place]) => !/^\((idle|program)\)/.test(place));
  const total = busy.reduce((sum, [, us]) => sum + us, 0);
  console.log(`\nprofile of ${name}: own time, % of ${number(total / 1e6)} s\n`);
  const top = busy.sort(([, a], [, b]) => b - a).slice(0, TOP);
  console.log(table([['function', '%'], ...top.map(([place, us]) => [place, (100 * us) / total])]));
}

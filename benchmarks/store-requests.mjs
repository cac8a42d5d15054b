// How many requests a second an Express app with sessions in a database answers: ours beside express-session with the store
// that most applications use on that engine, both on the same driver.
//
//   npm run build && node benchmarks/store-requests.mjs [redis] [postgres] [mysql] [sqlite] [read] [unused] [write] [new]
//     [--requests N] [--rounds N] [--flush] [--untuned] [--profile <name>]
//
// Without a word all engines, all workloads. A server process for each, under load in turn over 32 connections, in rounds;
// a ratio is the median of the ratios of the rounds. Beside them Express alone ("bare"), and with the fewest commands or
// statements that sessions can do with ("floor"). The peer's SQLite is set as ours sets it; --untuned: one as its
// documentation opens it too. --flush: commits of the SQL servers wait for the disk. --profile: what took most of the time of
// that app. Starts servers of its own. Exits with 1 if a target is missed, with 2 where a server is not installed.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { startApp } from '../scripts/lib/apps.mjs';
import { versionOf, versionOfPackage } from '../scripts/lib/drivers.mjs';
import { install } from '../scripts/lib/ecosystem.mjs';
import { Load } from '../scripts/lib/load.mjs';
import { startEngine } from '../scripts/lib/servers.mjs';
import { PEERS, UNTUNED } from '../scripts/lib/store-contestants.mjs';
import { median, number, table } from '../scripts/lib/table.mjs';
import { temporaryDirectory } from '../scripts/lib/temporary-directory.mjs';

/** Those that have a peer. */
const ENGINE_NAMES = Object.keys(PEERS);
const CONNECTIONS = 32;
const WARM_UP = 2_000;
const PEER = 'peer';
const NAMES = ['bare', 'floor', 'ours', 'drop-in', PEER];
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
    requests: { type: 'string', default: '3000' },
    rounds: { type: 'string', default: '7' },
    flush: { type: 'boolean', default: false },
    untuned: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const [REQUESTS, ROUNDS] = [values.requests, values.rounds].map(Number);
const isCount = (count) => Number.isSafeInteger(count) && count >= 1;
const isKnown = positionals.every((name) => ENGINE_NAMES.includes(name) || Object.hasOwn(ALL, name));
if (!isKnown || !isCount(REQUESTS) || !isCount(ROUNDS) || !NAMES.includes(values.profile ?? PEER)) {
  console.error(
    `Usage: node benchmarks/store-requests.mjs [${ENGINE_NAMES.join('] [')}] [${Object.keys(ALL).join('] [')}]\n` +
      `  [--requests N] [--rounds N] [--flush] [--untuned] [--profile ${NAMES.join('|')}]`,
  );
  process.exit(2);
}
const chosen = (names) => {
  const some = names.filter((name) => positionals.includes(name));
  return some.length === 0 ? names : some;
};
const ENGINES = chosen(ENGINE_NAMES);
const WORKLOADS = Object.fromEntries(chosen(Object.keys(ALL)).map((name) => [name, ALL[name]]));

install();
const profiles = temporaryDirectory('store-requests');
const missed = [];
for (const name of ENGINES) {
  const before = loadavg()[0];
  const engine = await startEngine(name, { flushes: values.flush });
  const version = await versionOf(engine);
  const names = name === 'sqlite' && values.untuned ? [...NAMES, UNTUNED] : NAMES;
  const figures = await measured(engine, names);
  await engine.stop();
  missed.push(...printed(engine, names, figures, `${version}, ${machine(before)}`));
}
profiles.remove();
console.log(missed.length === 0 ? '\nours: all met' : `\nours missed: ${missed.join('; ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;

/** By workload and contestant, in each round: requests a second; and processor time of a request, us. */
async function measured(engine, names) {
  const servers = new Map();
  for (const name of names) {
    const path = join(profiles.path, engine.name);
    mkdirSync(path, { recursive: true });
    const execArgv = name === values.profile ? ['--cpu-prof', `--cpu-prof-dir=${path}`] : [];
    const app = await startApp({ name, engine: engine.name, place: engine.place, execArgv });
    const load = await Load.open(app.port, CONNECTIONS);
    await load.login('/new');
    servers.set(name, { app, load });
  }
  const figures = { rates: byWorkload(names), app: byWorkload(names), database: byWorkload(names) };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [workload, { path, withCookie }] of Object.entries(WORKLOADS)) {
      // Who comes first changes: what else the machine does must not fall on the same one each time.
      const order = round % 2 === 0 ? names : [...names].reverse();
      for (const name of order) {
        const { app, load } = servers.get(name);
        const count = round === 0 ? WARM_UP : REQUESTS;
        const [cpu, databaseCpu] = [await app.cpu(), engine.cpu()];
        const startedAt = performance.now();
        await load.send(path, count, { withCookie });
        const seconds = (performance.now() - startedAt) / 1_000;
        // Round 0 warms up.
        if (round === 0) continue;
        figures.rates[workload][name].push(count / seconds);
        figures.app[workload][name].push(((await app.cpu()) - cpu) / count);
        if (databaseCpu !== null) figures.database[workload][name].push((engine.cpu() - databaseCpu) / count);
      }
    }
    if (round > 0) console.error(`${engine.title}: round ${round} of ${ROUNDS}`);
  }
  for (const { app, load } of servers.values()) {
    load.close();
    await app.stop();
  }
  return figures;
}

/** Returns what was missed. */
function printed({ name: engine, title }, names, { rates, app, database }, about) {
  const peer = PEERS[engine].name;
  // Round by round, because the machine is not the same in all of them.
  const ratio = (workload, name, base = PEER) =>
    median(rates[workload][name].map((rate, round) => rate / rates[workload][base][round]));
  const isMissed = ([workload, { target = 0 }]) => ratio(workload, 'ours') < target;
  console.log(
    `\n${title}: requests a second over ${CONNECTIONS} connections; medians of ${ROUNDS} rounds of ${number(REQUESTS)}\n` +
      `peer: ${peer} ${versionOfPackage(peer)}, express-session ${versionOfPackage('express-session')}; ${about}\n`,
  );
  const others = names.filter((name) => name === UNTUNED);
  console.log(
    table([
      [
        ...['', ...names, 'ours / peer', 'target', '', 'drop-in / peer', 'floor / peer'],
        ...others.map((name) => `ours / ${name}`),
      ],
      ...Object.entries(WORKLOADS).map(([workload, { target }]) => [
        workload,
        ...names.map((name) => Math.round(median(rates[workload][name]))),
        ratio(workload, 'ours').toFixed(2),
        target === undefined ? '' : `>= ${target}`,
        target === undefined ? '' : isMissed([workload, { target }]) ? 'MISSED' : 'met',
        ratio(workload, 'drop-in').toFixed(2),
        // What nobody can be faster than.
        ratio(workload, 'floor').toFixed(2),
        ...others.map((name) => ratio(workload, 'ours', name).toFixed(2)),
      ]),
    ]),
  );
  console.log(
    '\nprocessor time per request, us: of the app, and what sessions add to bare Express; of the database\n',
  );
  const sessions = names.slice(1);
  const isServer = database[Object.keys(WORKLOADS)[0]].bare.length > 0;
  console.log(
    table([
      [
        ...['', ...names, ...sessions.map((name) => `${name} adds`)],
        ...(isServer ? sessions.map((name) => `database, ${name}`) : []),
      ],
      ...Object.keys(WORKLOADS).map((workload) => {
        const cost = (name) => median(app[workload][name]);
        return [
          workload,
          ...names.map(cost),
          ...sessions.map((name) => cost(name) - cost('bare')),
          ...(isServer ? sessions.map((name) => median(database[workload][name])) : []),
        ];
      }),
    ]),
  );
  if (values.profile !== undefined) printProfile(values.profile, engine);
  return Object.entries(WORKLOADS)
    .filter(isMissed)
    .map(([workload]) => `${workload} (${title})`);
}

function machine(before) {
  return (
    `${values.flush ? 'each commit on the disk' : 'commits wait for no disk'}; Node ${process.version}, ` +
    `${availableParallelism()} processors, load average ${before.toFixed(1)} - ${loadavg()[0].toFixed(1)}`
  );
}

function byWorkload(names) {
  return Object.fromEntries(
    Object.keys(WORKLOADS).map((workload) => [workload, Object.fromEntries(names.map((name) => [name, []]))]),
  );
}

/** The functions that took most time themselves, of the whole run. */
function printProfile(name, engine) {
  const folder = join(profiles.path, engine);
  const [file] = readdirSync(folder);
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
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

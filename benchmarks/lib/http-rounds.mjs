// The rounds of one scenario, in two groups: what answers from memory, then what waits for a disk or a database, each beside
// Express with an empty middleware. Of a group there is a server for each configuration, all of them at once, loaded one
// after the other. With all in one group, the processor's caches would not hold what the quick ones need until their next turn.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { versionOf } from '../../scripts/lib/drivers.mjs';
import { startEngine } from '../../scripts/lib/servers.mjs';
import { temporaryDirectory } from '../../scripts/lib/temporary-directory.mjs';
import { App, WORKLOADS } from './http-app.mjs';
import { CONFIGURATIONS, load } from './http-configurations.mjs';
import { printProfile } from './profile.mjs';

/** Requests in a millisecond: one that waits for a disk or a database stops when the time is over that this would take. */
const PACE = 8;
/** Requests of each workload before the first round: with fewer, V8 still compiles while it is measured. */
const WARM_UP = 3_000;
/** Of one that waits: most of its time is not JavaScript's. */
const WARM_UP_WAITING = 1_000;
/** What is not measured may take so many times as long: a package that waits has not compiled after fewer requests either. */
const UNMEASURED_TIMES = 3;
/**
 * Requests that come before those that are measured, each time: while the others had their turns, the processor's caches have
 * forgotten this app, and what has most code would pay most for it.
 */
export const LEAD = { memory: 64, waiting: 128 };
/**
 * Requests of one turn, at least, of what answers from memory: a round has many short ones. On a machine whose speed changes
 * from one tenth of a second to the next, two equal apps came out 22 us apart after a thousand requests in turns of 250, and
 * 14 in turns of 64. What waits has one turn, because some wait for as long as that.
 */
const TURN = 128;
/** Each connection sends so many in a turn, or a turn is nothing but its beginning and its end. */
const TURN_OF_CONNECTION = 4;
/**
 * Processes of BASE beside each other, where processes are new in each round. Ten of them that did the same differed for as long
 * as they lived, from 157 to 188 us a request, the same ones in both halves, where a session in memory adds 10 to 80 us. Those of
 * other configurations differed by 2 % (standard deviation; these by 6).
 */
export const BASES = 3;
const WORKLOAD_NAMES = Object.keys(WORKLOADS);
/** What a configuration adds is added to this one. */
export const BASE = 'empty';

/**
 * @param names Of CONFIGURATIONS, BASE among them.
 * @param requests In one round, of each configuration and workload, by kind as LEAD; fewer of one that waits long.
 * @param isFresh Whether what answers from memory has new processes in each round.
 * @param profile The configuration that is profiled, if any.
 * @returns `results`, by configuration `{ rss, sessions, cells, base }`: how many sessions the process made in the rounds by
 *   the time that `rss` is of; what BASE came to beside it; a cell for each workload: `rate`, `cpu`, `p50`, `p99`, `count` and
 *   `database`, each a list of what the rounds gave: requests a second, microseconds per request, milliseconds, requests, and
 *   microseconds of the database for all of them; and the `versions` of the databases.
 */
export async function measure({ names, ...scenario }) {
  const results = new Map();
  const versions = [];
  const groups = [false, true]
    .map((isWaiting) => names.filter((name) => (CONFIGURATIONS[name].isWaiting ?? false) === isWaiting))
    .filter((group) => group.some((name) => name !== BASE));
  for (const group of groups.length > 0 ? groups : [[BASE]]) {
    const measured = await measureGroup({ ...scenario, names: [...new Set([BASE, ...group])] });
    const base = measured.results.get(BASE);
    for (const name of results.has(BASE) ? group : [BASE, ...group])
      results.set(name, { ...measured.results.get(name), base });
    versions.push(...measured.versions);
  }
  return { results, versions };
}

async function measureGroup({
  title,
  bytes,
  connections,
  names,
  requests,
  rounds,
  isFresh,
  command,
  profile,
}) {
  const temporary = temporaryDirectory('bench-http');
  const profiles = join(temporary.path, 'profiles');
  let processes = 0;
  const start = (name, engine) => {
    const directory = join(temporary.path, String(processes++));
    mkdirSync(directory, { mode: 0o700 });
    const execArgv = name === profile ? ['--cpu-prof', `--cpu-prof-dir=${profiles}`] : [];
    const world = { engine: engine?.name, place: engine?.place, directory, bytes };
    return App.start({ name, connections, command, execArgv, ...world });
  };
  const engineOf = (name) => CONFIGURATIONS[name].engine;
  const engines = await startEngines(new Set(names.map(engineOf).filter((engine) => engine !== undefined)));
  const versions = await Promise.all([...engines.values()].map((engine) => versionOf(engine, load)));

  const results = new Map(names.map((name) => [name, { cells: emptyCells() }]));
  const everyRound = Array.from({ length: rounds }, (_, index) => index + 1);
  const isShortLived = isFresh && !names.some((name) => CONFIGURATIONS[name].isWaiting);
  for (const life of isShortLived ? everyRound.map((round) => [round]) : [everyRound]) {
    const started = isShortLived ? [...Array(BASES - 1).fill(BASE), ...names] : names;
    const apps = await Promise.all(started.map((name) => start(name, engines.get(engineOf(name)))));
    // Not all at once: the disk and the databases would have more to do than a store waits for.
    for (const app of apps) await app.login();
    for (const workload of WORKLOAD_NAMES) for (const app of apps) await app.send(workload, warmUp(app));
    for (const round of life) {
      for (const workload of WORKLOAD_NAMES)
        for (const [name, figures] of await cellsOf(apps, workload, {
          round,
          requests,
          connections,
          engines,
        }))
          add(results.get(name).cells[workload], figures);
      console.error(`${title}: round ${round} of ${rounds}`);
    }
    for (const app of apps) {
      await app.prove();
      const result = results.get(app.name);
      result.rss = (await app.usage()).rss;
      result.sessions = result.cells.W3.count.slice(-life.length).reduce((sum, count) => sum + count, 0);
      await app.stop();
    }
  }
  for (const engine of engines.values()) await engine.stop();
  if (names.includes(profile)) printProfile(`${profile}, ${title}`, profiles);
  temporary.remove();
  return { results, versions };
}

const limitsOf = ({ isWaiting }, count) => ({ count, milliseconds: isWaiting ? count / PACE : Infinity });

const warmUp = (app) => unmeasured(app, app.isWaiting ? WARM_UP_WAITING : WARM_UP);

function unmeasured(app, requests) {
  const { count, milliseconds } = limitsOf(app, requests);
  return { count, milliseconds: milliseconds * UNMEASURED_TIMES };
}

async function startEngines(wanted) {
  const engines = new Map();
  for (const engine of wanted) engines.set(engine, await startEngine(engine));
  return engines;
}

/** What each app did in one round of a workload, by name. */
async function cellsOf(apps, workload, { round, requests, connections, engines }) {
  const turns = new Map(apps.map(({ name }) => [name, []]));
  const kind = apps.some((app) => app.isWaiting) ? 'waiting' : 'memory';
  const leastOfTurn = Math.max(TURN, connections * TURN_OF_CONNECTION);
  const count = kind === 'waiting' ? 1 : Math.max(Math.floor(requests[kind] / leastOfTurn), 1);
  const size = { lead: LEAD[kind], requests: Math.ceil(requests[kind] / count) };
  for (let turn = 0; turn < count; turn++)
    for (const app of inOrder(apps, round * count + turn))
      turns.get(app.name).push(await turnOf(app, workload, size, engines.get(app.engine)));
  return new Map(apps.map(({ name }) => [name, figuresOf(turns.get(name))]));
}

/** Who comes first changes: what else the machine does must not fall on the same one each time. */
function inOrder(apps, turn) {
  const from = Math.floor(turn / 2) % apps.length;
  const turned = [...apps.slice(from), ...apps.slice(0, from)];
  return turn % 2 === 0 ? turned : turned.reverse();
}

async function turnOf(app, workload, { lead, requests }, engine) {
  await app.send(workload, unmeasured(app, lead));
  const [before, databaseBefore] = [await app.usage(), engine?.cpu() ?? null];
  const { latencies, elapsed } = await app.send(workload, limitsOf(app, requests));
  const cpu = (await app.usage()).cpu - before.cpu;
  return {
    latencies,
    elapsed,
    cpu,
    database: databaseBefore === null ? null : engine.cpu() - databaseBefore,
  };
}

function figuresOf(turns) {
  const sum = (figure) => turns.reduce((total, turn) => total + turn[figure], 0);
  const sorted = Float64Array.from(turns.flatMap(({ latencies }) => latencies)).sort();
  const count = sorted.length;
  return {
    rate: (count / sum('elapsed')) * 1_000,
    cpu: sum('cpu') / count,
    database: turns[0].database === null ? null : sum('database'),
    p50: sorted[Math.ceil(count * 0.5) - 1],
    p99: sorted[Math.ceil(count * 0.99) - 1],
    count,
  };
}

function emptyCells() {
  const empty = () => ({ rate: [], cpu: [], database: [], p50: [], p99: [], count: [] });
  return Object.fromEntries(WORKLOAD_NAMES.map((workload) => [workload, empty()]));
}

function add(cells, figures) {
  for (const [figure, value] of Object.entries(figures)) cells[figure].push(value);
}

// The rounds of one scenario: a server for each configuration, all of them at once, loaded one after the other.
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
const WARM_UP = 4_000;
/** Of one that waits: most of its time is not JavaScript's. */
const WARM_UP_WAITING = 1_500;
/** That may take so many times as long as in a round: the packages that wait are as cold as the others. */
const WARM_UP_TIMES = 4;
/**
 * Requests that come before those that are measured, each time: while the others had their turns, the processor's caches have
 * forgotten this app, and what has most code would pay most for it.
 */
export const LEAD = 250;
const WORKLOAD_NAMES = Object.keys(WORKLOADS);

/**
 * @param names Of CONFIGURATIONS.
 * @param requests In one round, of each configuration and workload; fewer of one that waits long.
 * @param profile The configuration that is profiled, if any.
 * @returns `results`, by configuration `{ rss, cells }`, a cell for each workload: `rate`, `cpu`, `p50`, `p99`, `count` and
 *   `database`, each a list of what the rounds gave: requests a second, microseconds per request, milliseconds, requests,
 *   and microseconds of the database for all of them; and the `versions` of the databases.
 */
export async function measure({ title, bytes, connections, names, requests, rounds, command, profile }) {
  const temporary = temporaryDirectory('bench-http');
  const directoryOf = (name) => join(temporary.path, name);
  const start = (name, engine) => {
    const directory = directoryOf(name);
    mkdirSync(directory, { mode: 0o700 });
    const execArgv = name === profile ? ['--cpu-prof', `--cpu-prof-dir=${directoryOf('profile')}`] : [];
    const world = { engine: engine?.name, place: engine?.place, directory, bytes };
    return App.start({ name, connections, command, execArgv, ...world });
  };
  const engineOf = (name) => CONFIGURATIONS[name].engine;
  const starting = new Map();
  // The databases begin on their own cores meanwhile.
  for (const name of names) if (engineOf(name) === undefined) starting.set(name, start(name));
  const engines = await startEngines(new Set(names.map(engineOf).filter((engine) => engine !== undefined)));
  const versions = await Promise.all([...engines.values()].map((engine) => versionOf(engine, load)));
  for (const name of names)
    if (!starting.has(name)) starting.set(name, start(name, engines.get(engineOf(name))));
  const apps = await Promise.all(names.map((name) => starting.get(name)));

  const results = new Map(names.map((name) => [name, { cells: emptyCells() }]));
  for (let round = 0; round <= rounds; round++) {
    for (const workload of WORKLOAD_NAMES)
      for (const app of inOrder(apps, round)) {
        const limits = round === 0 ? warmUp(app) : limitsOf(app, requests);
        const figures = await cell(app, workload, limits, engines.get(app.engine));
        // Round 0 warms up.
        if (round > 0) add(results.get(app.name).cells[workload], figures);
      }
    if (round > 0) console.error(`${title}: round ${round} of ${rounds}`);
  }
  for (const app of apps) {
    await app.prove();
    results.get(app.name).rss = (await app.usage()).rss;
    await app.stop();
  }
  for (const engine of engines.values()) await engine.stop();
  if (names.includes(profile)) printProfile(`${profile}, ${title}`, directoryOf('profile'));
  temporary.remove();
  return { results, versions };
}

const limitsOf = ({ isWaiting }, count) => ({ count, milliseconds: isWaiting ? count / PACE : Infinity });

function warmUp(app) {
  if (!app.isWaiting) return limitsOf(app, WARM_UP);
  const { count, milliseconds } = limitsOf(app, WARM_UP_WAITING);
  return { count, milliseconds: milliseconds * WARM_UP_TIMES };
}

async function startEngines(wanted) {
  const engines = new Map();
  for (const engine of wanted) engines.set(engine, await startEngine(engine));
  return engines;
}

/** Who comes first changes: what else the machine does must not fall on the same one each time. */
function inOrder(apps, round) {
  const from = (round * 7) % apps.length;
  const turned = [...apps.slice(from), ...apps.slice(0, from)];
  return round % 2 === 0 ? turned : turned.reverse();
}

async function cell(app, workload, limits, engine) {
  await app.send(workload, limitsOf(app, LEAD));
  const [before, databaseBefore] = [await app.usage(), engine?.cpu() ?? null];
  const { latencies, elapsed } = await app.send(workload, limits);
  const cpu = (await app.usage()).cpu - before.cpu;
  const count = latencies.length;
  const sorted = Float64Array.from(latencies).sort();
  return {
    rate: (count / elapsed) * 1_000,
    cpu: cpu / count,
    database: databaseBefore === null ? null : engine.cpu() - databaseBefore,
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

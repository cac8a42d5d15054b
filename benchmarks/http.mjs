// What sessions add to a request, ours and those of other packages side by side: requests a second, processor time, latency,
// memory.
//
//   npm run bench:http -- [main] [4kb] [32kb] [one] [many] [--quick] [--only <configurations, comma separated>]
//     [--rounds N] [--requests N] [--profile <configuration>]
//
// Without a word all scenarios, forty minutes; --quick: a minute and a half, what there are targets for, with few requests. A
// server process for each configuration, under load in turn, in rounds; every answer is checked. --profile: what took most of
// the time of that app.
// Starts databases of its own. Exits with 1 if an answer is wrong, and then with a report on the scenarios before, or if a
// target is missed; with 2 where CI=true and a database is not installed, elsewhere it is left out.
import { parseArgs } from 'node:util';

import { versionOfPackage } from '../scripts/lib/drivers.mjs';
import { install } from '../scripts/lib/ecosystem.mjs';
import { adviceFor } from '../scripts/lib/servers.mjs';
import { number } from '../scripts/lib/table.mjs';
import { moveAside } from './lib/cores.mjs';
import { CONFIGURATIONS, load, PACKAGES } from './lib/http-configurations.mjs';
import { BASE, BASES, LEAD, measure } from './lib/http-rounds.mjs';
import { tablesOf } from './lib/http-tables.mjs';
import { JUDGED, targetsOf } from './lib/http-targets.mjs';
import { publish } from './lib/publish.mjs';

/** `requests`, of a round: what is added in memory is a small difference of two large figures, and takes more of them. */
const SCENARIOS = {
  main: { bytes: 300, connections: 32, requests: { memory: 6_000, waiting: 1_500 } },
  '4kb': { bytes: 4_096, connections: 32, requests: { memory: 4_000, waiting: 750 } },
  '32kb': { bytes: 32_000, connections: 32, requests: { memory: 1_000, waiting: 400 } },
  one: { bytes: 300, connections: 1, requests: { memory: 1_000, waiting: 750 } },
  many: { bytes: 300, connections: 256, requests: { memory: 2_048, waiting: 1_024 } },
};
/** A quick run has so many times fewer. */
const QUICKER = { memory: 10, waiting: 4 };
/** With these requests, all of it takes forty minutes. */
const ROUNDS = 4;
const QUICK_SCENARIOS = ['main', '4kb'];
const NAMES = Object.keys(CONFIGURATIONS);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    requests: { type: 'string' },
    profile: { type: 'string' },
  },
});
const { quick: isQuick, profile } = values;
const rounds = Number(values.rounds ?? ROUNDS);
/** A new process has to warm up, which a quick run has no time for; and a profile is one process's. */
const isFresh = !isQuick && profile === undefined;
const requests = values.requests === undefined ? null : Number(values.requests);
const only = values.only?.split(',') ?? (isQuick ? JUDGED : NAMES);
const isCount = (count) => Number.isSafeInteger(count) && count >= 1;
const isKnown =
  positionals.every((name) => Object.hasOwn(SCENARIOS, name)) &&
  [...only, profile ?? BASE].every((name) => Object.hasOwn(CONFIGURATIONS, name));
if (!isKnown || !isCount(rounds) || !isCount(requests ?? 1)) {
  console.error(
    `Usage: node benchmarks/http.mjs [${Object.keys(SCENARIOS).join('] [')}] [--quick] [--rounds N] [--requests N]\n` +
      `  [--only <some, comma separated>] [--profile <one>] of ${NAMES.join(', ')}`,
  );
  process.exit(2);
}

install('benchmarks');
const isThere = serversThere();
const cores = moveAside();
const byDefault = isQuick ? QUICK_SCENARIOS : Object.keys(SCENARIOS);
const scenarios = (positionals.length > 0 ? positionals : byDefault).map(scenarioOf);
const measured = new Map();
const versions = new Set();
const tables = [];
let failure;
for (const scenario of scenarios) {
  try {
    const { results, versions: ofEngines } = await measure(scenario);
    measured.set(scenario.name, results);
    for (const version of ofEngines) versions.add(version);
    tables.push(...tablesOf(scenario, scenario.shown, results));
  } catch (error) {
    failure = error;
    break;
  }
}
if (measured.size === 0) throw failure;
const titles = new Map(scenarios.map(({ name, title }) => [name, title]));
const missed = await publish({
  name: 'http',
  title: 'What sessions add to a request',
  intro: intro(),
  tables,
  targets: targetsOf(measured, titles),
  // What was measured in part must not take the place of the report on all.
  isQuick: process.argv.length > 2 || failure !== undefined,
});
if (failure !== undefined) throw failure;
process.exitCode = missed.length === 0 ? 0 : 1;

function scenarioOf(name) {
  const { bytes, connections } = SCENARIOS[name];
  const isInMemoryOnly = isQuick && name !== 'main';
  const shown = NAMES.filter(
    (key) => key === BASE || (only.includes(key) && isThere(key) && (!isInMemoryOnly || isInMemory(key))),
  );
  return {
    name,
    title: `sessions of ${number(bytes)} B, ${connections} ${connections === 1 ? 'connection' : 'connections'}`,
    bytes,
    connections,
    shown,
    names: shown.filter((key) => bytes <= (CONFIGURATIONS[key].largest ?? Infinity)),
    requests: requestsOf(name),
    rounds,
    isFresh,
    command: cores.command,
    profile,
  };
}

function requestsOf(name) {
  const { memory, waiting } = SCENARIOS[name].requests;
  if (requests !== null) return { memory: requests, waiting: requests };
  return isQuick
    ? { memory: Math.ceil(memory / QUICKER.memory), waiting: Math.ceil(waiting / QUICKER.waiting) }
    : { memory, waiting };
}

function isInMemory(key) {
  return CONFIGURATIONS[key].isMemory === true;
}

/** Whether the server of a configuration is installed; says how to install what is not. */
function serversThere() {
  const engines = new Set(
    only.map((key) => CONFIGURATIONS[key].engine).filter((engine) => engine !== undefined),
  );
  const missing = [...engines].filter((engine) => adviceFor(engine) !== null);
  for (const engine of missing) console.error(`Left out: ${engine}. To have it: ${adviceFor(engine)}`);
  if (missing.length > 0 && process.env.CI === 'true') process.exit(2);
  return (key) => !missing.includes(CONFIGURATIONS[key].engine);
}

function intro() {
  const packages = PACKAGES.map((name) => `${name} ${versionOfPackage(name, load)}`);
  const counts = scenarios
    .filter(({ name }) => measured.has(name))
    .map(({ title, requests: count }) => `${number(count.memory)} and ${number(count.waiting)} (${title})`);
  return (
    `Each configuration is a server process of its own with the same routes; ${cores.text}. ` +
    `Medians of ${rounds} rounds, after a warm-up, in which the configurations take turns: those that answer from memory, ` +
    `many times a round${isFresh ? `, with new processes in each, ${BASES} of them with an empty middleware` : ''}, then those that wait for a disk or a database, ` +
    'beside another Express with an empty middleware, ' +
    `to which they add what they add. Before each turn ${LEAD.memory} requests that do not count, ${LEAD.waiting} of what ` +
    `waits. Requests of a round, in memory and of what waits: ${counts.join(', ')}; fewer of one that answers fewer than 8 ` +
    'in a millisecond. ' +
    'Every answer was checked, and in the end that each session holds the last number that was answered to its ' +
    'connection. Shares and targets are medians of the ratios of the rounds. A "floor" is the fewest statements that ' +
    'sessions in that database can do with, without signatures, expiry and protection of overlapping writes. ' +
    'session-file-store has no option that leaves out the flush of each write: "no fsync" sets that of the package that ' +
    'it writes with.\n\n' +
    `${[...packages, ...versions].join(', ')}; commits of the databases wait for no disk.`
  );
}

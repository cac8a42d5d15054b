// What overlapping requests lose and what a late write brings back: the races of `npm run races` on memory and on files, ours
// beside express-session and session-file-store, as a part of the report.
//
//   npm run build && node benchmarks/race.mjs [--quick]
//
// --quick: fewer logouts. Exits with 1 if ours breaks a promise.
import { parseArgs } from 'node:util';

import {
  brokenPromises,
  CONTESTANTS,
  figuresOf,
  FULL_ROUNDS,
  race,
  rowsOf,
} from '../scripts/lib/race-results.mjs';
import { publish } from './lib/publish.mjs';

const QUICK_ROUNDS = { logouts: 100, commits: 10 };
const TITLES = { memory: 'Sessions in memory', file: 'Sessions in files' };

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const rounds = values.quick ? QUICK_ROUNDS : FULL_ROUNDS;
const figures = figuresOf(rounds);

const tables = [];
const targets = [];
for (const [store, packages] of Object.entries(CONTESTANTS)) {
  const results = [];
  for (const create of Object.values(packages).flat()) results.push(await race(create, rounds));
  tables.push(tableOf(store, results));
  for (const result of results.filter(({ isOurs }) => isOurs)) targets.push(...targetsOf(store, result));
}

const missed = await publish({
  name: 'race',
  title: 'What is lost, and what comes back',
  intro: intro(),
  tables,
  targets,
  isQuick: values.quick,
});
process.exitCode = missed.length === 0 ? 0 : 1;

function tableOf(store, results) {
  return {
    id: `race-${store}`,
    title: TITLES[store],
    head: ['', 'promised', ...results.map(({ name }) => name)],
    rows: rowsOf(results, figures),
  };
}

function targetsOf(store, result) {
  const title = `${TITLES[store]}, ${result.name}`;
  const { keys, counter, logouts } = result;
  const broken = brokenPromises([result], figures);
  return [
    { what: `${title}: keys kept, of 1,000`, figure: keys.kept, required: { atLeast: 1_000 } },
    { what: `${title}: increments counted, of 1,000`, figure: counter.counted, required: { atLeast: 1_000 } },
    {
      what: `${title}: sessions revived`,
      figure: logouts.revived + logouts.inStore,
      required: { atMost: 0 },
    },
    {
      what: `${title}: promises of the table that are broken`,
      figure: broken.length,
      required: { atMost: 0 },
      note: broken.join('; '),
    },
  ];
}

function intro() {
  return [
    'Over HTTP, on one Express app in the process of the client. In the first two rows all requests have read the session before the first one writes.',
    'A logout against a slow write: a request reads its session, the browser logs out and has its answer, the request writes; then the old cookie is tried, and the store is looked into.',
    'Two commits around a foreign write: a request stores one key, another request stores a second one, the first request stores a third.',
  ].join('\n\n');
}

// Races over real HTTP, ours beside express-session: each on its memory store, or on files (the other's are those of
// session-file-store).
//
//   npm run build && node scripts/races.mjs [memory|file] [ours|express-session|both]
//
// Exits with 1 if ours loses a change, revives a session, or if the races did not happen.
import { expressSession, ours, oursOnFiles, sessionFileStore } from './lib/contestants.mjs';
import { counter, keys, logouts, twoCommits } from './lib/scenarios.mjs';
import { table } from './lib/table.mjs';

const STORES = {
  memory: { ours: [ours], 'express-session': [expressSession] },
  file: {
    ours: [() => oursOnFiles('sync'), () => oursOnFiles('async')],
    'express-session': [sessionFileStore],
  },
};
/** Of 10,000 rounds, in how many a write must have reached the store after the logout for the rest to mean anything. */
const ENOUGH_LATE = 9_000;

const words = process.argv.slice(2);
const chosen = (names) => words.find((word) => names.includes(word)) ?? names[0];
const store = chosen(Object.keys(STORES));
const who = chosen(['both', 'ours', 'express-session']);
if (words.some((word) => word !== store && word !== who)) {
  console.error('Usage: node scripts/races.mjs [memory|file] [ours|express-session|both]');
  process.exit(2);
}
const contestants = who === 'both' ? Object.values(STORES[store]).flat() : STORES[store][who];

/** Each scenario on a contestant of its own, so that none finds what another left. */
async function run(create) {
  const results = {};
  for (const scenario of [keys, counter, logouts, twoCommits]) {
    const contestant = create();
    const startedAt = performance.now();
    results[scenario.name] = await scenario(contestant);
    await contestant.close();
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.error(`${contestant.name}: ${scenario.name} in ${seconds} s`);
    results.name = contestant.name;
    results.isOurs = contestant.isOurs;
  }
  return results;
}

/** One line for each figure: what it is, what is promised, its value; the last says whether the value will do. */
const FIGURES = [
  ['1,000 parallel requests set 1,000 keys: kept', '1,000', (r) => r.keys.kept, (v) => v === 1_000],
  ['1,000 parallel increments: counted', '1,000', (r) => r.counter.counted, (v) => v === 1_000],
  ['logout against a slow write: rounds', '10,000', (r) => r.logouts.rounds, (v) => v === 10_000],
  ['  slow request had read the session before', '10,000', (r) => r.logouts.raced, (v) => v === 10_000],
  ['  late writes that reached the store', '>= 9,000', (r) => r.logouts.lateTried, (v) => v >= ENOUGH_LATE],
  ['  late writes that landed', '0', (r) => r.logouts.lateLanded, (v) => v === 0],
  ['  revived, by the old cookie', '0', (r) => r.logouts.revived, (v) => v === 0],
  ['  revived, in the store', '0', (r) => Math.max(r.logouts.inStore, r.logouts.living), (v) => v === 0],
  ['  slow responses with a Set-Cookie', '0', (r) => r.logouts.slowCookies, (v) => v === 0],
  ['  explicit writes told ERR_SESSION_ENDED', '5,000', (r) => r.logouts.refused, (v) => v === 5_000],
  ['  implicit writes dropped, interrupted', '5,000', (r) => r.logouts.dropped, (v) => v === 5_000],
];

const results = [];
for (const create of contestants) results.push(await run(create));

const shapes = Object.keys(results[0].twoCommits.shapes).map((shape) => [
  `  ${shape}`,
  '200',
  (r) => r.twoCommits.shapes[shape],
  (v) => v === 200,
]);
const heading = ['two commits around a foreign write: all three kept, of 200', '', () => '', () => true];
const figures = [...FIGURES, heading, ...shapes];

console.log(
  table([
    ['', 'promised', ...results.map(({ name }) => name)],
    ...figures.map(([title, promised, value]) => [title, promised, ...results.map(value)]),
  ]),
);

const ourResults = results.filter(({ isOurs }) => isOurs);
const missed = ourResults.flatMap((result) =>
  figures
    .filter(([, , value, isGood]) => !isGood(value(result)))
    .map(([title]) => `${title.trim()} (${result.name})`),
);
if (ourResults.length > 0)
  console.log(missed.length === 0 ? '\nours: all kept' : `\nours missed: ${missed.join('; ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;

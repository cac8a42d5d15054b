// The races of scripts/lib/scenarios.mjs on memory and on files: who takes part, and what is promised of the figures.
import { expressSession, ours, oursOnFiles, sessionFileStore } from './contestants.mjs';
import { COMMIT_SHAPES, counter, keys, logouts, twoCommits } from './scenarios.mjs';
import { number } from './table.mjs';

/** By store and then by package: how to make a contestant. */
export const CONTESTANTS = {
  memory: { ours: [ours], 'express-session': [expressSession] },
  file: {
    ours: [() => oursOnFiles('sync'), () => oursOnFiles('async')],
    'express-session': [sessionFileStore],
  },
};
export const FULL_ROUNDS = { logouts: 10_000, commits: 200 };
/** The share of the rounds in which a write must have come to the store after the logout for the rest to mean anything. */
const ENOUGH_LATE = 0.9;

/**
 * Each scenario on a contestant of its own, so that none finds what another left.
 * @param rounds `{ logouts, commits }`
 */
export async function race(create, rounds) {
  const results = {};
  for (const scenario of [keys, counter, logouts, twoCommits]) {
    const contestant = create();
    const startedAt = performance.now();
    results[scenario.name] = await scenario(contestant, rounds);
    await contestant.close();
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.error(`${contestant.name}: ${scenario.name} in ${seconds} s`);
    results.name = contestant.name;
    results.isOurs = contestant.isOurs;
  }
  return results;
}

const exactly = (promised) => ({ promised, isKept: (value) => value === promised });

/** `[{ title, value(results), promised, isKept(value) }]`; a heading has no `value`. */
export function figuresOf({ logouts: rounds, commits }) {
  const enough = rounds * ENOUGH_LATE;
  const late = { promised: `>= ${number(enough)}`, isKept: (value) => value >= enough };
  return [
    { title: '1,000 parallel requests set 1,000 keys: kept', value: (r) => r.keys.kept, ...exactly(1_000) },
    { title: '1,000 parallel increments: counted', value: (r) => r.counter.counted, ...exactly(1_000) },
    { title: 'logout against a slow write: rounds', value: (r) => r.logouts.rounds, ...exactly(rounds) },
    {
      title: '  slow request had read the session before',
      value: (r) => r.logouts.raced,
      ...exactly(rounds),
    },
    { title: '  late writes that reached the store', value: (r) => r.logouts.lateTried, ...late },
    { title: '  late writes that landed', value: (r) => r.logouts.lateLanded, ...exactly(0) },
    { title: '  revived, by the old cookie', value: (r) => r.logouts.revived, ...exactly(0) },
    {
      title: '  revived, in the store',
      value: (r) => Math.max(r.logouts.inStore, r.logouts.living),
      ...exactly(0),
    },
    { title: '  slow responses with a Set-Cookie', value: (r) => r.logouts.slowCookies, ...exactly(0) },
    {
      title: '  explicit writes told ERR_SESSION_ENDED',
      value: (r) => r.logouts.refused,
      ...exactly(rounds / 2),
    },
    {
      title: '  implicit writes dropped, interrupted',
      value: (r) => r.logouts.dropped,
      ...exactly(rounds / 2),
    },
    { title: `two commits around a foreign write: all three kept, of ${commits}` },
    ...COMMIT_SHAPES.map((shape) => ({
      title: `  ${shape}`,
      value: (r) => r.twoCommits.shapes[shape],
      ...exactly(commits),
    })),
  ];
}

/** What ours did not keep, in words. */
export function brokenPromises(results, figures) {
  return results
    .filter(({ isOurs }) => isOurs)
    .flatMap((result) =>
      figures
        .filter(({ value, isKept }) => value !== undefined && !isKept(value(result)))
        .map(({ title }) => `${title.trim()} (${result.name})`),
    );
}

/** A row for each figure: its title, what is promised, and what came of it, contestant by contestant. */
export const rowsOf = (results, figures) =>
  figures.map(({ title, promised = null, value }) => [
    title,
    promised,
    ...results.map((result) => (value === undefined ? null : value(result))),
  ]);

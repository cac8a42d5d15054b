// Races over real HTTP, ours beside express-session: each on its memory store, or on files (the other's are those of
// session-file-store).
//
//   npm run build && node scripts/races.mjs [memory|file] [ours|express-session|both]
//
// Exits with 1 if ours loses a change, revives a session, or if the races did not happen.
import { brokenPromises, CONTESTANTS, figuresOf, FULL_ROUNDS, race, rowsOf } from './lib/race-results.mjs';
import { table } from './lib/table.mjs';

const words = process.argv.slice(2);
const chosen = (names) => words.find((word) => names.includes(word)) ?? names[0];
const store = chosen(Object.keys(CONTESTANTS));
const who = chosen(['both', 'ours', 'express-session']);
if (words.some((word) => word !== store && word !== who)) {
  console.error('Usage: node scripts/races.mjs [memory|file] [ours|express-session|both]');
  process.exit(2);
}
const contestants = who === 'both' ? Object.values(CONTESTANTS[store]).flat() : CONTESTANTS[store][who];

const results = [];
for (const create of contestants) results.push(await race(create, FULL_ROUNDS));

const figures = figuresOf(FULL_ROUNDS);
console.log(table([['', 'promised', ...results.map(({ name }) => name)], ...rowsOf(results, figures)]));

const missed = brokenPromises(results, figures);
if (results.some(({ isOurs }) => isOurs))
  console.log(missed.length === 0 ? '\nours: all kept' : `\nours missed: ${missed.join('; ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;

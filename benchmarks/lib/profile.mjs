// What took most of the time of a process: its CPU profile as a table.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { number, table } from '../../scripts/lib/table.mjs';

const TOP = 15;

/** The functions that took most time themselves, of the newest profile in a folder. */
export function printProfile(title, folder) {
  const file = readdirSync(folder).sort().at(-1);
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
  console.log(`\nprofile of ${title}: own time, % of ${number(total / 1e6)} s\n`);
  const top = busy.sort(([, a], [, b]) => b - a).slice(0, TOP);
  console.log(table([['function', '%'], ...top.map(([place, us]) => [place, (100 * us) / total])]));
}

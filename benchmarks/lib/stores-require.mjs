// What the packages take to load: each in fresh processes, in turn.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { number, ratio, spread } from '../../scripts/lib/table.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PEER = 'express-session';
const OURS = ['session-store-js', 'session-store-js/express-session'];
const NAMES = [...OURS, PEER];
const AT_MOST = { required: { atMost: 2 }, aim: { atMost: 1 } };
/** What nobody needs who does not ask for it. */
const UNASKED = /[\\/]node_modules[\\/](@redis|redis|ioredis|pg|mysql2|better-sqlite3|zod)[\\/]/;

const SCRIPT = `
  const startedAt = performance.now();
  require(process.argv[1]);
  const ms = performance.now() - startedAt;
  console.log(JSON.stringify({ ms, files: Object.keys(require.cache) }));
`;

async function load(name) {
  // In this folder the package finds itself by its name, as an application would.
  const { stdout } = await promisify(execFile)(process.execPath, ['--eval', SCRIPT, name], { cwd: ROOT });
  const { ms, files } = JSON.parse(stdout);
  return { ms, files: files.length, unasked: files.filter((file) => UNASKED.test(file)).length };
}

export async function requirePart({ isQuick }) {
  const runs = isQuick ? 15 : 41;
  const results = Object.fromEntries(NAMES.map((name) => [name, []]));
  // Round 0 brings the files into the system's memory.
  for (let run = 0; run <= runs; run++) {
    for (const name of NAMES) {
      const result = await load(name);
      if (run > 0) results[name].push(result);
    }
  }
  const of = (name, pick) => spread(results[name], pick);
  const ms = (name) => of(name, (run) => run.ms).value;
  const count = (name, pick) => of(name, pick).high;
  return {
    tables: [
      {
        id: 'stores-require',
        title: `Loading by require(), ms: medians of ${number(runs)} processes each`,
        head: ['', 'ms', `of ${PEER}'s`, 'files', 'drivers and zod among them'],
        rows: NAMES.map((name) => [
          name,
          ms(name),
          ratio(ms(name) / ms(PEER)),
          count(name, ({ files }) => files),
          count(name, ({ unasked }) => unasked),
        ]),
        chart: {
          unit: 'ms',
          bars: NAMES.map((label) => ({ group: 'require()', label, ...of(label, (run) => run.ms) })),
        },
      },
    ],
    targets: OURS.flatMap((name) => [
      { what: `require('${name}'): time, against ${PEER}'s`, figure: ms(name) / ms(PEER), ...AT_MOST },
      {
        what: `require('${name}'): drivers and zod loaded`,
        figure: count(name, ({ unasked }) => unasked),
        required: { atMost: 0 },
      },
    ]),
  };
}

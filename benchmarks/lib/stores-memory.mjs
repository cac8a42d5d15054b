// Very many sessions in memory: ours beside memorystore and express-session's MemoryStore, each in processes of its own,
// several times in turn.
import { fileURLToPath } from 'node:url';

import { BYTES, FULL_STORES } from '../../scripts/lib/full-stores.mjs';
import { number, ratio, spread } from '../../scripts/lib/table.mjs';
import { job } from './stores-job.mjs';

const SCRIPT = fileURLToPath(new URL('../../scripts/lib/full-stores.mjs', import.meta.url));
export const NAMES = Object.keys(FULL_STORES);
const [OURS, PEER] = NAMES;

/** What full-stores.mjs measures, of each run, by name. */
export async function memoryRuns(count, runs) {
  const results = Object.fromEntries(NAMES.map((name) => [name, []]));
  for (let run = 1; run <= runs; run++) {
    for (const name of NAMES) {
      const result = await job(SCRIPT, name, count);
      results[name].push(result);
      console.error(
        `memory, run ${run} of ${runs}: ${name}: ${number(result.heapPerSession)} B of heap a session`,
      );
    }
  }
  checkSweeps(results, count);
  return results;
}

/** What express-session's MemoryStore does not do is `undefined`: it never sweeps. */
const FIGURES = {
  'heap per session, B': ({ heapPerSession }) => heapPerSession,
  'insert, us': ({ insertUs }) => insertUs,
  'touch, us': ({ touching }) => touching.touchUs,
  'sweep of 1 %: in all, ms': ({ sweeping }) => sweeping?.totalMs,
  'sweep of 1 %: event loop held, ms': ({ sweeping }) => sweeping?.loopMs,
  'sweep of 1 %: longest own slice, ms': ({ sweeping }) => sweeping?.ownMs,
  'sweep of 1 %: removed': ({ sweeping }) => sweeping?.removed,
};
const CHARTED = ['heap per session, B', 'touch, us', 'sweep of 1 %: in all, ms'];

const TARGETS = [
  { figure: 'touch, us', what: 'touch', required: 1 / 5, aim: 1 / 8 },
  { figure: 'sweep of 1 %: in all, ms', what: 'sweep of 1 %, in all', required: 1 / 8, aim: 1 / 12 },
  { figure: 'heap per session, B', what: 'heap per session', required: 1, aim: 0.9 },
];

export async function memoryPart({ isQuick }) {
  const count = isQuick ? 100_000 : 1_000_000;
  const results = await memoryRuns(count, isQuick ? 2 : 3);
  const of = (name, figure) => spread(results[name], FIGURES[figure]);
  const share = (figure) => of(OURS, figure).value / of(PEER, figure).value;
  const title = `${number(count)} sessions of ${BYTES} B in memory`;
  return {
    tables: [
      {
        id: 'stores-memory',
        title,
        head: ['', ...NAMES, `${OURS} / ${PEER}`],
        rows: Object.keys(FIGURES).map((figure) => [
          figure,
          ...NAMES.map((name) => of(name, figure).value ?? null),
          ratio(share(figure)),
        ]),
        chart: { unit: 'less is better', bars: barsOf(of) },
      },
    ],
    targets: TARGETS.map(({ figure, what, required, aim }) => ({
      what: `${title}: ${what}, against ${PEER}`,
      figure: share(figure),
      required: { atMost: required },
      aim: { atMost: aim },
    })),
  };
}

function barsOf(of) {
  const bars = CHARTED.flatMap((group) => NAMES.map((label) => ({ group, label, ...of(label, group) })));
  return bars.filter(({ value }) => value !== undefined);
}

function checkSweeps(results, count) {
  for (const name of [OURS, PEER]) {
    for (const { sweeping } of results[name]) {
      const isRight = Math.abs(sweeping.removed - count / 100) <= count / 1_000;
      if (!isRight) throw new Error(`${name} swept ${number(sweeping.removed)} of ${number(count)}`);
    }
  }
}

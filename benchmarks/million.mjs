// A million sessions in memory: what one takes, and how long the event loop is held by the work on all of them.
//
//   npm run build && node benchmarks/million.mjs [sessions]
//
// Ours beside memorystore and express-session's MemoryStore, each in processes of its own, three times in turn.
// Exits with 1 if a target is missed.
import { BYTES } from '../scripts/lib/full-stores.mjs';
import { number, spread, table } from '../scripts/lib/table.mjs';
import { memoryRuns, NAMES } from './lib/stores-memory.mjs';

const RUNS = 3;
const SLICE_MS = 20;
const [OURS, PEER] = NAMES;

const count = Number(process.argv[2] ?? 1_000_000);
const runs = await memoryRuns(count, RUNS);
/** The median of a figure over the runs. */
const mid = (name, pick) => spread(runs[name], pick).value;
/** The worst of ours. */
const worst = (pick) => spread(runs[OURS], pick).high;
const heap = ({ heapPerSession }) => heapPerSession;
const heapLimit = mid(PEER, heap);
const work = [
  ['sweep of 1 %', ({ sweeping }) => sweeping],
  ['getPage, limit 100', ({ listing }) => listing[100]],
  ['getPage, limit 1,000', ({ listing }) => listing[1_000]],
  ['touch', ({ touching }) => touching],
  ['count', ({ counting }) => counting],
];
const targets = [
  ['heap per session, B', mid(OURS, heap), heapLimit, `<= ${number(heapLimit)}, memorystore's`],
  ...work.map(([name, pick]) => [
    `${name}: longest own slice, ms`,
    mid(OURS, (run) => pick(run).ownMs),
    SLICE_MS,
    `<= ${SLICE_MS}`,
  ]),
];

const machine = `Node ${process.version}, medians of ${RUNS} runs`;
console.log(`\n${number(count)} sessions of ${BYTES} B, ${machine}\n`);
const isMet = ([, figure, limit]) => figure <= limit;
console.log(
  table([
    ['', 'figure', 'target', ''],
    ...targets.map((row) => [row[0], row[1], row[3], isMet(row) ? 'met' : 'MISSED']),
  ]),
);
console.log(
  `\nours, ms; longest of all ${RUNS} runs, pauses for garbage and other processes included unless "own"\n`,
);
console.log(
  table([
    ['', 'in all', 'own slice', 'slice', 'event loop held', 'GC pause'],
    ...work.map(([name, pick]) => [
      name,
      mid(OURS, (run) => pick(run).totalMs),
      ...['ownMs', 'sliceMs', 'loopMs', 'gcMs'].map((figure) => worst((run) => pick(run)[figure])),
    ]),
  ]),
);
const row = (title, pick) => [title, ...NAMES.map((name) => mid(name, (run) => pick(run) ?? 'none'))];
console.log('\nside by side\n');
console.log(
  table([
    ['', ...NAMES],
    row('heap per session, B', heap),
    row('insert, us', ({ insertUs }) => insertUs),
    row('touch, us', ({ touching }) => touching.touchUs),
    row('touch: longest own slice, ms', ({ touching }) => touching.ownMs),
    row('sweep of 1 %: in all, ms', ({ sweeping }) => sweeping?.totalMs),
    row('sweep of 1 %: longest own slice, ms', ({ sweeping }) => sweeping?.ownMs),
    row('sweep of 1 %: removed', ({ sweeping }) => sweeping?.removed),
    row('count(), us', ({ counting }) => counting?.totalMs),
  ]),
);
const listed = mid(OURS, ({ listing }) => listing[100].listed);
if (listed !== count) console.log(`\nWRONG: listed ${number(listed)} of ${number(count)}`);
process.exitCode = listed === count && targets.every(isMet) ? 0 : 1;

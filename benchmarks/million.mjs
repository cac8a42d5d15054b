// A million sessions in memory: what one takes, and how long the event loop is held by the work on all of them.
//
//   npm run build && node benchmarks/million.mjs [sessions]
//
// Ours beside memorystore and express-session's MemoryStore, each in processes of its own, three times in turn.
// Exits with 1 if a target is missed.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { BYTES, expressSession, memorystore, ours } from '../scripts/lib/full-stores.mjs';
import { median, number, table } from '../scripts/lib/table.mjs';

const RUNS = 3;
const SLICE_MS = 20;
const CONTESTANTS = { 'session-store-js': ours, memorystore, 'express-session': expressSession };
const NAMES = Object.keys(CONTESTANTS);

const [first = '1000000', second] = process.argv.slice(2);
if (Object.hasOwn(CONTESTANTS, first)) console.log(JSON.stringify(await CONTESTANTS[first](Number(second))));
else compare(Number(first));

function measure(name, count) {
  const args = [
    '--expose-gc',
    '--max-old-space-size=6144',
    fileURLToPath(import.meta.url),
    name,
    String(count),
  ];
  const env = { ...process.env, NODE_ENV: 'production' };
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', env }));
}

function compare(count) {
  const runs = Object.fromEntries(NAMES.map((name) => [name, []]));
  for (let run = 1; run <= RUNS; run++) {
    for (const name of NAMES) {
      const result = measure(name, count);
      runs[name].push(result);
      console.error(`run ${run} of ${RUNS}: ${name}: ${number(result.heapPerSession)} B of heap a session`);
    }
  }
  /** The median of a figure over the runs. */
  const mid = (name, pick) => median(runs[name].map(pick));
  /** The worst of ours. */
  const worst = (pick) => Math.max(...runs['session-store-js'].map(pick));
  const heap = ({ heapPerSession }) => heapPerSession;
  const heapLimit = mid('memorystore', heap);
  const work = [
    ['sweep of 1 %', ({ sweeping }) => sweeping],
    ['getPage, limit 100', ({ listing }) => listing[100]],
    ['getPage, limit 1,000', ({ listing }) => listing[1_000]],
    ['touch', ({ touching }) => touching],
    ['count', ({ counting }) => counting],
  ];
  const targets = [
    [
      'heap per session, B',
      mid('session-store-js', heap),
      heapLimit,
      `<= ${number(heapLimit)}, memorystore's`,
    ],
    ...work.map(([name, pick]) => [
      `${name}: longest own slice, ms`,
      mid('session-store-js', (run) => pick(run).ownMs),
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
        mid('session-store-js', (run) => pick(run).totalMs),
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
      row('sweep: in all, ms', ({ sweeping }) => sweeping?.totalMs),
      row('sweep: longest own slice, ms', ({ sweeping }) => sweeping?.ownMs),
      row('sweep: removed', ({ sweeping }) => sweeping?.removed),
      row('count(), us', ({ counting }) => counting?.totalMs),
    ]),
  );
  const listed = mid('session-store-js', ({ listing }) => listing[100].listed);
  const removed = mid('session-store-js', ({ sweeping }) => sweeping.removed);
  const isRight = listed === count && Math.abs(removed - count / 100) <= count / 1_000;
  if (!isRight)
    console.log(`\nWRONG: listed ${number(listed)}, swept ${number(removed)} of ${number(count)}`);
  process.exitCode = isRight && targets.every(isMet) ? 0 : 1;
}

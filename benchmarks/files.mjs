// Very many sessions in files: how long a sweep and a start take, how long they hold the event loop, and what one
// operation takes. Ours beside session-file-store, in turn.
//
//   npm run build && node benchmarks/files.mjs [sweep] [start] [operations] [--sessions N] [--directory D] [--cold]
//
// Without a word all three: the sweep of 100,000 sessions, the start on 1,000,000 (about 5 GB and 2 million inodes; a
// few minutes to make and to delete). --sessions: so many for both. --directory: on which disk. --cold: drops the
// system's caches before the start is measured once more; as root, on Linux. What was made is deleted, whatever happens.
// Exits with 1 if a target is missed.
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

import { operations } from '../scripts/lib/file-operations.mjs';
import { BYTES, EXPIRED_EACH, PAGE, PAGED } from '../scripts/lib/full-directories.mjs';
import { number, ratio, spread, table } from '../scripts/lib/table.mjs';
import { temporaryDirectory } from '../scripts/lib/temporary-directory.mjs';
import {
  checkSpace,
  directoryJob,
  fill,
  fullDirectories,
  refill,
  settle,
  sweepRuns,
} from './lib/stores-files.mjs';

const RUNS = 3;
const SLICE_MS = 20;
const READY_MS = 1_000;
const PAGE_MS = 50;
/** What the manager gives its store for a call. */
const CALL_MS = 5_000;
/** Of the peer's time for a sweep. */
const SHARE = 1 / 12;
/** For one round of the background sweep: as short as its 4,096 timers allow. */
const CLEANUP_MS = 8_000;
const PARTS = { sweep, start, operations: perOperation };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { sessions: { type: 'string' }, directory: { type: 'string' }, cold: { type: 'boolean' } },
});
const parts = positionals.length > 0 ? positionals : Object.keys(PARTS);
const { directory: disk = tmpdir(), cold = false } = values;
const sessions = (byDefault) => Number(values.sessions ?? byDefault);
if (parts.some((part) => !Object.hasOwn(PARTS, part)) || !(sessions(EXPIRED_EACH) >= EXPIRED_EACH)) {
  console.error(
    'Usage: node benchmarks/files.mjs [sweep] [start] [operations] [--sessions N, 100 or more] [--directory D] [--cold]',
  );
  process.exit(2);
}

const mid = (runs, pick) => spread(runs, pick).value;
const worst = (runs, pick) => spread(runs, pick).high;
const atMost = (limit) => ({ target: `<= ${number(limit)}`, limit });
const say = (text) => console.error(text);
const rows = [];
const machine = [];
for (const part of parts) {
  const before = loadavg()[0];
  await PARTS[part]();
  machine.push(`${part} ${before.toFixed(1)} - ${loadavg()[0].toFixed(1)}`);
}
console.log(
  `\nsessions of ${BYTES} B, Node ${process.version}, ${availableParallelism()} processors; load average: ${machine.join(', ')}\n`,
);
console.log(table([['', 'ours', 'peer', 'ours / peer', 'floor', 'target', ''], ...rows.map(lineOf)]));
process.exitCode = rows.every(({ isMet }) => isMet !== false) ? 0 : 1;

function lineOf({ what, ours, peer, floor, target, isMet }) {
  const share = peer === undefined ? '' : ratio(ours / peer);
  return [what, ours, peer, share, floor, target, isMet === undefined ? '' : isMet ? 'met' : 'MISSED'];
}

/** A row with a target: met if ours is within. */
function judged(what, ours, { target, limit }, peer) {
  rows.push({ what, ours, peer, target, isMet: ours <= limit });
}

async function sweep() {
  const count = sessions(100_000);
  const directories = await fullDirectories(count, disk);
  const runs = await sweepRuns(directories, count, RUNS);
  for (const { remove } of Object.values(directories)) remove();

  const reap = mid(runs.peer, ({ totalMs }) => totalMs);
  const share = { target: '<= 1/12', limit: reap * SHARE };
  rows.push({ what: `${number(count)} files, 1 % expired` });
  judged(
    '  removeExpired until it returns 0: two rounds, ms',
    mid(runs.ours, ({ totalMs }) => totalMs),
    share,
    reap,
  );
  rows.push({
    what: '  processor time of the same, all threads, ms',
    ours: mid(runs.ours, ({ cpuMs }) => cpuMs),
    peer: mid(runs.peer, ({ cpuMs }) => cpuMs),
  });
  judged(
    '  one round of them, ms',
    mid(runs.ours, ({ roundMs }) => roundMs),
    share,
    reap,
  );
  judged(
    '  longest own slice, worst of all runs, ms',
    worst(runs.ours, ({ ownMs }) => ownMs),
    atMost(SLICE_MS),
  );
  rows.push({
    what: '  event loop held, worst of all runs, ms',
    ours: worst(runs.ours, ({ loopMs }) => loopMs),
    peer: worst(runs.peer, ({ loopMs }) => loopMs),
  });
}

/** Each run in a fresh process. */
async function start() {
  const count = sessions(1_000_000);
  checkSpace(disk, count);
  const directory = temporaryDirectory('files-many', disk);
  const { path } = directory;
  const expired = Math.ceil(count / EXPIRED_EACH);
  await fill('ours', path, count);
  rows.push({ what: `${number(count)} files, 1 % expired` });
  for (const cache of cold ? ['warm', 'cold'] : ['warm']) {
    const runs = [];
    for (let run = 1; run <= RUNS; run++) {
      await settle(cache === 'cold');
      const result = await directoryJob('start', { path });
      runs.push(result);
      say(`start, ${cache}, run ${run} of ${RUNS}: ready in ${number(result.readyMs)} ms`);
      const listed = Math.min(count - expired, PAGED);
      if (result.counting.counted !== count || result.paging.listed < listed)
        throw new Error(`counted ${result.counting.counted}, listed ${result.paging.listed} of ${count}`);
    }
    await settle(cache === 'cold');
    const sweeping = await directoryJob('background', { path, cleanupInterval: CLEANUP_MS, expired });
    // As it was: for the next of these.
    await refill('ours', path, count);
    describe(cache, runs, sweeping);
  }
  say('deleting');
  directory.remove();
}

function describe(cache, runs, sweeping) {
  const title = (what) => `  ${cache}: ${what}`;
  const last = `worst of ${RUNS}, ms`;
  judged(
    title('new FileStore to the first session, ms'),
    mid(runs, ({ readyMs }) => readyMs),
    atMost(READY_MS),
  );
  judged(
    title(`first page of ${PAGE}, ms`),
    mid(runs, ({ pageMs }) => pageMs),
    atMost(PAGE_MS),
  );
  rows.push({ what: title(`first page of ${PAGE}, ${last}`), ours: worst(runs, ({ pageMs }) => pageMs) });
  const work = { [`${number(PAGED)} by pages of ${PAGE}`]: 'paging', 'count()': 'counting' };
  for (const [what, key] of Object.entries(work)) {
    const totalMs = mid(runs, (run) => run[key].totalMs);
    if (key === 'counting') judged(title(`${what}, ms`), totalMs, atMost(CALL_MS));
    else rows.push({ what: title(`${what}, ms`), ours: totalMs });
    judged(
      title(`${what}: longest own slice, ${last}`),
      worst(runs, (run) => run[key].ownMs),
      atMost(SLICE_MS),
    );
  }
  rows.push({ what: title('background sweep: one round, ms'), ours: sweeping.totalMs });
  judged(title('background sweep: longest own slice, ms'), sweeping.ownMs, atMost(SLICE_MS));
  rows.push({ what: title('background sweep: event loop held, ms'), ours: sweeping.loopMs });
  rows.push({ what: title('resident after all of it, MB'), ours: mid(runs, ({ rss }) => rss / 1e6) });
  rows.push({ what: title('  before the store, MB'), ours: mid(runs, ({ emptyRss }) => emptyRss / 1e6) });
}

async function perOperation() {
  const directory = temporaryDirectory('files-operations', disk);
  const figures = await operations(directory.path, say);
  let last;
  for (const { title, operation, ours, peer, floor } of figures) {
    if (title !== last) rows.push({ what: `us per operation: ${title}` });
    last = title;
    rows.push({ what: `  ${operation}`, ours, peer, floor });
  }
  directory.remove();
}

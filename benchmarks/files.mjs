// Very many sessions in files: how long a sweep and a start take, how long they hold the event loop, and what one
// operation takes. Ours beside session-file-store, in turn.
//
//   npm run build && node benchmarks/files.mjs [sweep] [start] [operations] [--sessions N] [--directory D] [--cold]
//
// Without a word all three: the sweep of 100,000 sessions, the start on 1,000,000 (about 5 GB and 2 million inodes; a
// few minutes to make and to delete). --sessions: so many for both. --directory: on which disk. --cold: drops the
// system's caches before the start is measured once more; as root, on Linux. What was made is deleted, whatever happens.
// Exits with 1 if a target is missed.
import { execFile } from 'node:child_process';
import { statfsSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

import { operations } from '../scripts/lib/file-operations.mjs';
import { BYTES, EXPIRED_EACH, PAGE, PAGED } from '../scripts/lib/full-directories.mjs';
import { median, number, table } from '../scripts/lib/table.mjs';
import { temporaryDirectory } from '../scripts/lib/temporary-directory.mjs';

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
/** On the disk, per session: a block and two inodes, and their names. */
const DISK_BYTES = 4_608;
const DISK_INODES = 2;
const PARTS = { sweep, start, operations: perOperation };
const TMPFS = 0x01021994;

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

const mid = (runs, pick) => median(runs.map(pick));
const worst = (runs, pick) => Math.max(...runs.map(pick));
const atMost = (limit) => ({ target: `<= ${number(limit)}`, limit });
const say = (text) => console.error(text);
const children = new Set();
// Before the directories are deleted: nobody may go on to fill them.
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

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
  const ratio = peer === undefined ? '' : asRatio(ours / peer);
  return [what, ours, peer, ratio, floor, target, isMet === undefined ? '' : isMet ? 'met' : 'MISSED'];
}

function asRatio(ratio) {
  return ratio < 1 ? `1/${(1 / ratio).toFixed(1)}` : ratio.toFixed(1);
}

/** A row with a target: met if ours is within. */
function judged(what, ours, { target, limit }, peer) {
  rows.push({ what, ours, peer, target, isMet: ours <= limit });
}

/** In turn: ours, the peer's; three times. The expired ones are stored again in between. */
async function sweep() {
  const count = sessions(100_000);
  fits(2 * count);
  const runs = { Ours: [], Peer: [] };
  const directories = {};
  for (const who of Object.keys(runs)) {
    directories[who] = temporaryDirectory(`files-${who.toLowerCase()}`, disk);
    await fill(`fill${who}`, directories[who].path, count);
  }
  for (let run = 1; run <= RUNS; run++) {
    for (const who of Object.keys(runs)) {
      const { path } = directories[who];
      if (run > 1) await job(`fill${who}`, { path, from: 0, to: count, step: EXPIRED_EACH });
      await settle();
      const result = await job(`sweep${who}`, { path });
      if (result.removed !== Math.ceil(count / EXPIRED_EACH))
        throw new Error(`sweep${who} removed ${result.removed} of ${count}`);
      runs[who].push(result);
      say(`sweep, run ${run} of ${RUNS}: ${who.toLowerCase()}: ${number(result.totalMs)} ms`);
    }
  }
  for (const { remove } of Object.values(directories)) remove();

  const reap = mid(runs.Peer, ({ totalMs }) => totalMs);
  const share = { target: '<= 1/12', limit: reap * SHARE };
  rows.push({ what: `${number(count)} files, 1 % expired` });
  judged(
    '  removeExpired until it returns 0: two rounds, ms',
    mid(runs.Ours, ({ totalMs }) => totalMs),
    share,
    reap,
  );
  rows.push({
    what: '  processor time of the same, all threads, ms',
    ours: mid(runs.Ours, ({ cpuMs }) => cpuMs),
    peer: mid(runs.Peer, ({ cpuMs }) => cpuMs),
  });
  judged(
    '  one round of them, ms',
    mid(runs.Ours, ({ roundMs }) => roundMs),
    share,
    reap,
  );
  judged(
    '  longest own slice, worst of all runs, ms',
    worst(runs.Ours, ({ ownMs }) => ownMs),
    atMost(SLICE_MS),
  );
  rows.push({
    what: '  event loop held, worst of all runs, ms',
    ours: worst(runs.Ours, ({ loopMs }) => loopMs),
    peer: worst(runs.Peer, ({ loopMs }) => loopMs),
  });
}

/** Each run in a fresh process. */
async function start() {
  const count = sessions(1_000_000);
  fits(count);
  const directory = temporaryDirectory('files-many', disk);
  const { path } = directory;
  const expired = Math.ceil(count / EXPIRED_EACH);
  await fill('fillOurs', path, count);
  rows.push({ what: `${number(count)} files, 1 % expired` });
  for (const cache of cold ? ['warm', 'cold'] : ['warm']) {
    const runs = [];
    for (let run = 1; run <= RUNS; run++) {
      await settle(cache === 'cold');
      const result = await job('start', { path });
      runs.push(result);
      say(`start, ${cache}, run ${run} of ${RUNS}: ready in ${number(result.readyMs)} ms`);
      const listed = Math.min(count - expired, PAGED);
      if (result.counting.counted !== count || result.paging.listed < listed)
        throw new Error(`counted ${result.counting.counted}, listed ${result.paging.listed} of ${count}`);
    }
    await settle(cache === 'cold');
    const sweeping = await job('background', { path, cleanupInterval: CLEANUP_MS, expired });
    // As it was: for the next of these.
    await job('fillOurs', { path, from: 0, to: count, step: EXPIRED_EACH });
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

/** By as many processes as there are processors. */
async function fill(name, path, count) {
  say(`${name}: ${number(count)} in ${path}`);
  const startedAt = performance.now();
  const step = availableParallelism();
  await Promise.all(Array.from({ length: step }, (_, from) => job(name, { path, from, to: count, step })));
  say(`${name}: ${number((performance.now() - startedAt) / 1_000)} s`);
}

async function job(name, input) {
  const script = fileURLToPath(new URL('../scripts/lib/full-directories.mjs', import.meta.url));
  const env = { ...process.env, NODE_ENV: 'production' };
  const done = promisify(execFile)(process.execPath, ['--expose-gc', script, name, JSON.stringify(input)], {
    env,
  });
  children.add(done.child);
  try {
    return JSON.parse((await done).stdout);
  } catch (error) {
    // Before the directories are deleted, which can take minutes.
    say(`${name} failed:\n${error.stderr}`);
    throw error;
  } finally {
    children.delete(done.child);
  }
}

/** What was written is on the disk, so that writing it is not measured; and out of memory, if asked. */
async function settle(isCold = false) {
  if (process.platform !== 'linux') return;
  await promisify(execFile)('sync');
  if (isCold) writeFileSync('/proc/sys/vm/drop_caches', '3');
}

function fits(count) {
  const { bavail, bsize, ffree, type } = statfsSync(disk);
  const [bytes, inodes] = [bavail * bsize, ffree];
  const isEnough = bytes > count * DISK_BYTES * 1.2 && (ffree === 0 || inodes > count * DISK_INODES + 10_000);
  if (type === TMPFS) throw new Error(`${disk} is in memory: give --directory on a disk`);
  if (!isEnough)
    throw new Error(
      `${number(count)} sessions do not fit into ${disk}: ${number(bytes / 1e9)} GB and ${number(inodes)} inodes are free`,
    );
}

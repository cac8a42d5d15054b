// Very many sessions in files: ours beside session-file-store, in directories that hold as many.
import { execFile } from 'node:child_process';
import { statfsSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { fullOperations } from '../../scripts/lib/file-operations.mjs';
import { BYTES, EXPIRED_EACH } from '../../scripts/lib/full-directories.mjs';
import { median, number, ratio, spread } from '../../scripts/lib/table.mjs';
import { temporaryDirectory } from '../../scripts/lib/temporary-directory.mjs';
import { job } from './stores-job.mjs';

const SCRIPT = fileURLToPath(new URL('../../scripts/lib/full-directories.mjs', import.meta.url));
/** The ends of the names of jobs in full-directories.mjs. */
const WHO = { ours: 'Ours', peer: 'Peer' };
const PEER = 'session-file-store';
const FLOOR = 'fs.promises.readFile';
/** On the disk, per session: a block and two inodes, and their names. */
const DISK_BYTES = 4_608;
const DISK_INODES = 2;
const TMPFS = 0x01021994;

/** A job of full-directories.mjs. */
export const directoryJob = (name, input) => job(SCRIPT, name, input);

/** `{ ours, peer }`, each with its `path` and `remove()`. */
export async function fullDirectories(count, disk) {
  checkSpace(disk, 2 * count);
  const directories = {};
  for (const who of Object.keys(WHO)) {
    directories[who] = temporaryDirectory(`files-${who}`, disk);
    await fill(who, directories[who].path, count);
  }
  return directories;
}

/** By as many processes as there are processors. */
export async function fill(who, path, count) {
  console.error(`files, ${who}: ${number(count)} into ${path}`);
  const startedAt = performance.now();
  const step = availableParallelism();
  const shares = Array.from({ length: step }, (_, from) => ({ path, from, to: count, step }));
  await Promise.all(shares.map((share) => directoryJob(`fill${WHO[who]}`, share)));
  console.error(`files, ${who}: ${number((performance.now() - startedAt) / 1_000)} s`);
}

/** Stores again what had expired and was swept. */
export const refill = (who, path, count) =>
  directoryJob(`fill${WHO[who]}`, { path, from: 0, to: count, step: EXPIRED_EACH });

/** In turn: ours, the peer's. The expired ones are stored again in between. */
export async function sweepRuns(directories, count, runs) {
  const results = { ours: [], peer: [] };
  for (let run = 1; run <= runs; run++) {
    for (const who of Object.keys(WHO)) {
      const { path } = directories[who];
      if (run > 1) await refill(who, path, count);
      await settle();
      const result = await directoryJob(`sweep${WHO[who]}`, { path });
      if (result.removed !== Math.ceil(count / EXPIRED_EACH))
        throw new Error(`${who}: the sweep removed ${result.removed} of ${count}`);
      results[who].push(result);
      console.error(`files, sweep ${run} of ${runs}: ${who}: ${number(result.totalMs)} ms`);
    }
  }
  return results;
}

/** What was written is on the disk, so that writing it is not measured; and out of memory, if asked. */
export async function settle(isCold = false) {
  if (process.platform !== 'linux') return;
  await promisify(execFile)('sync');
  if (isCold) writeFileSync('/proc/sys/vm/drop_caches', '3');
}

/** Throws if `disk` is no disk, or cannot hold so many. */
export function checkSpace(disk, count) {
  const { bavail, bsize, ffree, type } = statfsSync(disk);
  const [bytes, inodes] = [bavail * bsize, ffree];
  const isEnough = bytes > count * DISK_BYTES * 1.2 && (ffree === 0 || inodes > count * DISK_INODES + 10_000);
  if (type === TMPFS) throw new Error(`${disk} is in memory: give --directory on a disk`);
  if (!isEnough)
    throw new Error(
      `${number(count)} sessions do not fit into ${disk}: ${number(bytes / 1e9)} GB and ${number(inodes)} inodes are free`,
    );
}

/** The peer's is one round of its files, which takes all that have expired; so is ours. */
const SWEEP = {
  'sweep of 1 %, ms': ({ roundMs, totalMs }) => roundMs ?? totalMs,
  'sweep of 1 %, ours with a second round that finds nothing, ms': ({ totalMs }) => totalMs,
  'with that second round: processor time of all threads, ms': ({ cpuMs }) => cpuMs,
  'with that second round: event loop held, ms': ({ loopMs }) => loopMs,
};
const [SWEPT, SWEPT_TWICE] = Object.keys(SWEEP);

export async function filesPart({ isQuick, disk }) {
  const count = isQuick ? 5_000 : 100_000;
  const directories = await fullDirectories(count, disk);
  const paths = { ours: directories.ours.path, peer: directories.peer.path };
  await settle();
  const calls = isQuick ? { rounds: 3, calls: 200 } : { rounds: 7, calls: 1_000 };
  const operations = await fullOperations(paths, count, calls);
  const sweeps = await sweepRuns(directories, count, isQuick ? 2 : 3);
  for (const { remove } of Object.values(directories)) remove();
  const title = `${number(count)} sessions of ${BYTES} B in files`;
  const targets = operationTargets(title, operations);
  return {
    tables: [tableOf(title, operations, sweeps)],
    // A sweep of ours looks into its 4,096 folders, however few files there are.
    targets: isQuick ? targets : [...targets, sweepTarget(title, sweeps)],
  };
}

const medianMs = (sweeps, figure, who) => spread(sweeps[who], SWEEP[figure]).value;

function tableOf(title, operations, sweeps) {
  const row = (what, ours, peer, floor) => [what, ours, peer, floor, ratio(ours / peer)];
  return {
    id: 'stores-files',
    title,
    head: ['', 'session-store-js', PEER, FLOOR, `session-store-js / ${PEER}`],
    rows: [
      ...Object.entries(operations).map(([name, { ours, peer, floor }]) =>
        row(`${name}, us`, median(ours), median(peer), floor.length === 0 ? null : median(floor)),
      ),
      ...Object.keys(SWEEP).map((figure) =>
        row(figure, medianMs(sweeps, figure, 'ours'), medianMs(sweeps, figure, 'peer'), null),
      ),
    ],
    chart: { unit: 'less is better', bars: [...operationBars(operations), ...sweepBars(sweeps)] },
  };
}

function operationTargets(title, operations) {
  const us = (operation, who) => median(operations[operation][who]);
  const speed = (operation, than) => us(operation, than) / us(operation, 'ours');
  return [
    {
      what: `${title}: speed of a touch, against ${PEER}`,
      figure: speed('touch', 'peer'),
      required: { atLeast: 15 },
    },
    {
      what: `${title}: time of a miss, against ${PEER}`,
      figure: us('miss', 'ours') / us('miss', 'peer'),
      required: { atMost: 1 / 100 },
    },
    {
      what: `${title}: speed of a read, against ${FLOOR}`,
      figure: speed('read, again', 'floor'),
      required: { atLeast: 1 },
      aim: { atLeast: 10 },
      note: `of a session that was read before; of one that was not: ${number(speed('read, first', 'floor'))}`,
    },
  ];
}

function sweepTarget(title, sweeps) {
  const share = (figure) => medianMs(sweeps, figure, 'ours') / medianMs(sweeps, figure, 'peer');
  return {
    what: `${title}: time of a sweep of 1 %, against ${PEER}`,
    figure: share(SWEPT),
    required: { atMost: 1 / 12 },
    note: `one round, as the peer's is; with a second one that finds nothing: ${ratio(share(SWEPT_TWICE))}`,
  };
}

const LABELS = { ours: 'session-store-js', peer: PEER, floor: FLOOR };

function operationBars(operations) {
  return Object.entries(operations).flatMap(([name, figures]) =>
    Object.entries(figures)
      .filter(([, runs]) => runs.length > 0)
      .map(([who, runs]) => ({ group: `${name}, us`, label: LABELS[who], ...spread(runs, (us) => us) })),
  );
}

const sweepBars = (sweeps) =>
  Object.entries(sweeps).map(([who, runs]) => ({
    group: SWEPT,
    label: LABELS[who],
    ...spread(runs, SWEEP[SWEPT]),
  }));

// What one operation of a file store takes: ours beside session-file-store and beside the bare calls of the file system,
// in one process, in turn; on directories of their own, or on full ones.
import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  promises as fs,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { hasExpired, idOf, peerIdOf, peerSession, peerStore, recordOf } from './full-directories.mjs';
import { inParallel } from './local-http.mjs';
import { randomFrom } from './random.mjs';
import { median } from './table.mjs';

const require = createRequire(import.meta.url);
const ROUNDS = 5;
const COUNT = 1_000;
const AT_ONCE = 64;
/** The peer tries a missing file six times in a quarter of a second. */
const PEER_MISSES = { 1: 10, [AT_ONCE]: 2 * AT_ONCE };
const PEER_MISSES_ON_FULL = 3;
const HOUR_MS = 3_600_000;
/** A touch moves the end by so much: of full directories by more than their ends differ, and less than half an idle time. */
const TOUCH_MS = 300_000;

/** In this order: each finds what the ones before it left. */
const OPERATIONS = ['insert', 'find hit', 'find miss', 'replace', 'touch', 'destroy'];
const WRITES = OPERATIONS.filter((operation) => !operation.startsWith('find'));

/** Each prepares an operation on a session, which returns whether it went well. */
function ours(path, options) {
  const { FileStore, newVersion } = require('../../dist/cjs/index.cjs');
  const store = new FileStore({ path, cleanupInterval: 0, ...options });
  const versions = new Map();
  const fresh = (number) => recordOf(store, number, Date.now() + HOUR_MS);
  const prepare = {
    insert(number) {
      const record = fresh(number);
      versions.set(number, record.version);
      return () => store.insert(record);
    },
    'find hit'(number) {
      const { key } = fresh(number);
      return async () => (await store.find(key)) !== null;
    },
    'find miss'(number) {
      const { key } = fresh(-number - 1);
      return async () => (await store.find(key)) === null;
    },
    replace(number) {
      const record = { ...fresh(number), version: newVersion() };
      return () => store.replace(record, versions.get(number));
    },
    touch(number) {
      const { key, expiresAt } = fresh(number);
      return () => store.extend(key, expiresAt + TOUCH_MS);
    },
    destroy(number) {
      const { key } = fresh(number);
      return () => store.remove(key);
    },
  };
  return { prepare, fileOf: (number) => store._getFilePath(idOf(number)), close: () => store.close() };
}

function peer(path) {
  const store = peerStore(path);
  const called = (start) =>
    new Promise((resolve, reject) => {
      start((error, result) => (error ? reject(error) : resolve(result)));
    });
  const set = (number) => {
    const session = peerSession(number);
    return async () => {
      await called((done) => store.set(peerIdOf(number), session, done));
      return true;
    };
  };
  const prepare = {
    insert: set,
    'find hit': (number) => async () => Boolean(await called((done) => store.get(peerIdOf(number), done))),
    'find miss': (number) => () =>
      called((done) => store.get(peerIdOf(-number - 1), done)).catch(({ code }) => code === 'ENOENT'),
    replace: set,
    touch(number) {
      const session = peerSession(number);
      return async () => {
        await called((done) => store.touch(peerIdOf(number), session, done));
        return true;
      };
    },
    destroy: (number) => async () => {
      await called((done) => store.destroy(peerIdOf(number), done));
      return true;
    },
  };
  return { prepare, close: async () => undefined };
}

/** The fewest calls that do something of the kind. */
function floorAtOnce(path) {
  mkdirSync(path, { recursive: true });
  const fileOf = (number) => join(path, peerIdOf(number));
  const write = (number) => {
    const [file, text] = [fileOf(number), JSON.stringify(peerSession(number))];
    return () => {
      writeFileSync(`${file}.tmp`, text);
      renameSync(`${file}.tmp`, file);
      return true;
    };
  };
  const prepare = {
    insert: write,
    'find hit': (number) => () => readFileSync(fileOf(number), 'utf8').length > 0,
    'find miss': (number) => () => lstatSync(fileOf(-number - 1), { throwIfNoEntry: false }) === undefined,
    replace: write,
    touch: (number) => () => (utimesSync(fileOf(number), 1, 1), true),
    destroy: (number) => () => (unlinkSync(fileOf(number)), true),
  };
  return { prepare, close: async () => undefined };
}

/** The same through the thread pool, flushed to the disk if asked: the file, then the directory. */
function floorAsync(path, isDurable) {
  mkdirSync(path, { recursive: true });
  const fileOf = (number) => join(path, peerIdOf(number));
  const flushed = async (what) => {
    if (!isDurable) return true;
    const handle = await fs.open(what);
    await handle.sync();
    await handle.close();
    return true;
  };
  const write = (number) => {
    const [file, text] = [fileOf(number), JSON.stringify(peerSession(number))];
    return async () => {
      await fs.writeFile(`${file}.tmp`, text, { flush: isDurable });
      await fs.rename(`${file}.tmp`, file);
      return flushed(path);
    };
  };
  const prepare = {
    insert: write,
    'find hit': (number) => async () => (await fs.readFile(fileOf(number), 'utf8')).length > 0,
    'find miss': (number) => () => fs.lstat(fileOf(-number - 1)).catch(({ code }) => code === 'ENOENT'),
    replace: write,
    touch: (number) => async () => {
      await fs.utimes(fileOf(number), 1, 1);
      return flushed(fileOf(number));
    },
    destroy: (number) => async () => {
      await fs.unlink(fileOf(number));
      return flushed(path);
    },
  };
  return { prepare, close: async () => undefined };
}

/** What is compared: ours, and which of the others stand beside it. */
const MODES = [
  { title: 'sync', ours: 'sync', peer: 'peer', floor: 'floor', operations: OPERATIONS },
  { title: 'async', ours: 'async', peer: 'peer', floor: 'floor async', operations: OPERATIONS },
  {
    title: `async, ${AT_ONCE} in flight`,
    ours: 'async 64',
    peer: 'peer 64',
    floor: 'floor async 64',
    operations: OPERATIONS,
  },
  { title: 'power', ours: 'power', peer: 'peer', floor: 'floor power', operations: WRITES },
  {
    title: `power, ${AT_ONCE} in flight`,
    ours: 'power 64',
    peer: 'peer 64',
    floor: 'floor power 64',
    operations: WRITES,
  },
];

/** Microseconds per operation, medians: `[{ title, operation, ours, peer, floor }]`. */
export async function operations(root, report) {
  const at = (name) => join(root, name.replaceAll(' ', '-'));
  const ways = new Map();
  const add = (name, inFlight, contestant) => ways.set(name, { inFlight, figures: {}, ...contestant });
  add('sync', 1, ours(at('sync'), {}));
  add('floor', 1, floorAtOnce(at('floor')));
  for (const inFlight of [1, AT_ONCE]) {
    const named = (name) => (inFlight === 1 ? name : `${name} ${inFlight}`);
    add(named('async'), inFlight, ours(at(named('async')), { io: 'async' }));
    add(named('power'), inFlight, ours(at(named('power')), { durability: 'power' }));
    add(named('peer'), inFlight, peer(at(named('peer'))));
    add(named('floor async'), inFlight, floorAsync(at(named('floor async')), false));
    add(named('floor power'), inFlight, floorAsync(at(named('floor power')), true));
  }

  // Round 0 warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const operation of OPERATIONS) {
      for (const [name, way] of ways) {
        const isSlow = name.startsWith('peer') && operation === 'find miss';
        const count = isSlow ? PEER_MISSES[way.inFlight] : COUNT;
        const numbers = Array.from({ length: count }, (_, index) => round * COUNT + index);
        const us = await timed(way, operation, numbers);
        if (round > 0) (way.figures[operation] ??= []).push(us);
      }
    }
    if (round > 0) report(`operations: round ${round} of ${ROUNDS}`);
  }
  for (const { close } of ways.values()) await close();

  const figure = (name, operation) => median(ways.get(name).figures[operation]);
  return MODES.flatMap((mode) =>
    mode.operations.map((operation) => ({
      title: mode.title,
      operation,
      ours: figure(mode.ours, operation),
      peer: figure(mode.peer, operation),
      floor: figure(mode.floor, operation),
    })),
  );
}

/**
 * Microseconds per operation on directories that are full: `{ operation: { ours, peer, floor } }`, a figure for each round.
 * The floor reads the files of ours.
 * @param paths `{ ours, peer }`, filled by full-directories.mjs with `count` sessions
 */
export async function fullOperations(paths, count, { rounds, calls }) {
  const ourWay = { inFlight: 1, ...ours(paths.ours, {}) };
  const ways = { ours: ourWay, peer: { inFlight: 1, ...peer(paths.peer) }, floor: readOf(ourWay.fileOf) };
  const living = shuffled(count).filter((number) => !hasExpired(number));
  const figures = Object.fromEntries(
    Object.keys(ON_FULL).map((name) => [name, { ours: [], peer: [], floor: [] }]),
  );
  // Round 0 warms up.
  for (let round = 0; round <= rounds; round++) {
    const numbers = living.slice(round * calls, (round + 1) * calls);
    for (const [name, operation] of Object.entries(ON_FULL)) {
      for (const [who, way] of Object.entries(ways)) {
        if (way.prepare[operation] === undefined) continue;
        const isSlow = who === 'peer' && operation === 'find miss';
        const us = await timed(way, operation, isSlow ? numbers.slice(0, PEER_MISSES_ON_FULL) : numbers);
        if (round > 0) figures[name][who].push(us);
      }
    }
  }
  await ourWay.close();
  return figures;
}

/** In this order, on the same sessions: a session that is used is read more than once. */
const ON_FULL = { 'read, first': 'find hit', 'read, again': 'find hit', miss: 'find miss', touch: 'touch' };

function readOf(fileOf) {
  const read = async (file) => (await fs.readFile(file, 'utf8')).length > 0;
  const prepare = {
    'find hit'(number) {
      const file = fileOf(number);
      return () => read(file);
    },
  };
  return { inFlight: 1, prepare };
}

/** Each number below `count` once, in an order that is no directory's. */
function shuffled(count) {
  const { below } = randomFrom(1);
  const numbers = Array.from({ length: count }, (_, number) => number);
  for (let index = count - 1; index > 0; index--) {
    const other = below(index + 1);
    [numbers[index], numbers[other]] = [numbers[other], numbers[index]];
  }
  return numbers;
}

async function timed({ prepare, inFlight }, operation, numbers) {
  const jobs = numbers.map((number) => prepare[operation](number));
  const run = async (index) => {
    if (!(await jobs[index]())) throw new Error(`${operation} of session ${numbers[index]} failed`);
  };
  const startedAt = performance.now();
  if (inFlight === 1) for (let index = 0; index < jobs.length; index++) await run(index);
  else await inParallel(jobs.length, inFlight, run);
  return ((performance.now() - startedAt) * 1_000) / jobs.length;
}

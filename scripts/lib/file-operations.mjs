// What one operation of a file store takes: ours beside session-file-store and beside the bare calls of the file system,
// in one process, in turn.
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

import { peerIdOf, peerSession, peerStore, recordOf } from './full-directories.mjs';
import { inParallel } from './local-http.mjs';
import { median } from './table.mjs';

const require = createRequire(import.meta.url);
const ROUNDS = 5;
const COUNT = 1_000;
const AT_ONCE = 64;
/** The peer tries a missing file six times in a quarter of a second. */
const PEER_MISSES = { 1: 10, [AT_ONCE]: 2 * AT_ONCE };
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

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
      return () => store.extend(key, expiresAt + MINUTE_MS);
    },
    destroy(number) {
      const { key } = fresh(number);
      return () => store.remove(key);
    },
  };
  return { prepare, close: () => store.close() };
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
        const us = await timed(way, operation, round * COUNT, count);
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

async function timed({ prepare, inFlight }, operation, from, count) {
  const jobs = Array.from({ length: count }, (_, index) => prepare[operation](from + index));
  const run = async (index) => {
    if (!(await jobs[index]())) throw new Error(`${operation} of session ${from + index} failed`);
  };
  const startedAt = performance.now();
  if (inFlight === 1) for (let index = 0; index < count; index++) await run(index);
  else await inParallel(count, inFlight, run);
  return ((performance.now() - startedAt) * 1_000) / count;
}

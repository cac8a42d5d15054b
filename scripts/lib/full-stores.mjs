// Memory stores that hold very many sessions: what one takes, and how long work on all of them holds the event loop.
// Each asks for a process of its own, with --expose-gc: `node full-stores.mjs <package> <sessions>`.
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';

import { Watch } from './watch.mjs';

const require = createRequire(import.meta.url);
const HOUR_MS = 3_600_000;
const BEFORE_THE_FIRST_ENDS_MS = 600_000;
/** The first hundredth of the hour over which the sessions end. */
const UNTIL_ONE_PERCENT_ENDED_MS = BEFORE_THE_FIRST_ENDS_MS + HOUR_MS / 100;

/** Of data in JSON, without what the store adds. */
export const BYTES = 300;
const TOUCHES = 200_000;
/** Touches between two turns of the event loop. */
const BLOCK = 500;

/** Ours: heap, count, touch, getPage, sweep. */
async function ours(count) {
  const SessionManager = require('../../dist/cjs/index.cjs');
  const { systemClock, newVersion } = SessionManager;
  // Stands still until the sweep, so that exactly one session in a hundred has ended then.
  const startedAt = systemClock.now();
  let now = () => startedAt;
  const clock = { now: () => now(), after: systemClock.after };
  const store = new SessionManager.MemoryStore({ cleanupInterval: 0, clock });
  const sessions = new SessionManager({ store, clock, secret: 'a benchmark, longer than thirty-two bytes' });

  // Records as the manager makes them: `firstRecord` in src/http/session-target.ts, with the data of the first commit.
  const { sample, heapPerSession, insertUs } = await fill(count, 32, (id, data, remaining) => {
    const createdAt = clock.now();
    const record = { v: 1, key: store.keyOf(id), data: '{}', version: newVersion(), createdAt };
    const times = { deadlineAt: createdAt + 12 * HOUR_MS, idleMs: HOUR_MS, expiresAt: createdAt + remaining };
    return store.insert({ ...record, ...times, data: JSON.stringify(data), version: newVersion() });
  });

  const watch = new Watch();
  const counting = await watch.during(async () => {
    for (let call = 0; call < 1_000; call++) await watch.slice(() => sessions.count());
  });

  const listing = {};
  for (const limit of [100, 1_000]) {
    let listed = 0;
    const times = await watch.during(async () => {
      for (let cursor = null, isFirst = true; isFirst || cursor !== null; isFirst = false) {
        const page = await watch.slice(() => sessions.getPage({ limit, cursor }));
        listed += page.sessions.length;
        ({ cursor } = page);
        await nextTurn();
      }
    });
    listing[limit] = { ...times, listed };
  }

  // Swept as the store's own cleanup does it.
  now = () => startedAt + UNTIL_ONE_PERCENT_ENDED_MS;
  const before = await sessions.count();
  const times = await watch.during(async () => {
    while ((await watch.turns(() => store.removeExpired(500))) > 0) await nextTurn();
  });
  const sweeping = { ...times, removed: before - (await sessions.count()) };

  now = () => systemClock.now() + UNTIL_ONE_PERCENT_ENDED_MS;
  const touching = await touchAll(watch, sample, (id) => {
    const key = store.keyOf(id);
    return () => store.extend(key, clock.now() + HOUR_MS);
  });
  return { heapPerSession, insertUs, counting, touching, listing, sweeping };
}

/** memorystore 1.6: heap, touch, sweep. */
function memorystore(count) {
  const MemoryStore = require('memorystore')(require('express-session'));
  return peer(count, new MemoryStore({}), (store) => store.prune());
}

/** express-session's MemoryStore, which never sweeps: heap, touch. */
function expressSession(count) {
  const { MemoryStore } = require('express-session');
  return peer(count, new MemoryStore());
}

/** @param prune Removes what has expired. */
async function peer(count, store, prune) {
  const { Cookie } = require('express-session');
  // As the clock of ours: the packages take no other.
  const systemNow = Date.now;
  const startedAt = systemNow();
  Date.now = () => startedAt;
  const cookieFor = (remaining) => {
    const cookie = new Cookie({ path: '/', httpOnly: true, maxAge: remaining });
    cookie.originalMaxAge = HOUR_MS;
    return cookie;
  };
  const { sample, heapPerSession, insertUs } = await fill(count, 24, (id, data, remaining) => {
    store.set(id, { cookie: cookieFor(remaining), ...data });
  });

  const watch = new Watch();
  Date.now = () => startedAt + UNTIL_ONE_PERCENT_ENDED_MS;
  const sweeping = prune === undefined ? null : await sweepPeer(watch, store, prune);

  Date.now = () => systemNow() + UNTIL_ONE_PERCENT_ENDED_MS;
  const touching = await touchAll(watch, sample, (id) => {
    const session = { cookie: cookieFor(HOUR_MS) };
    return () => store.touch(id, session);
  });
  return { heapPerSession, insertUs, touching, sweeping };
}

async function sweepPeer(watch, store, prune) {
  const length = () => promisify(store.length).call(store);
  const before = await length();
  const times = await watch.during(() => watch.slice(() => prune(store)));
  return { ...times, removed: before - (await length()) };
}

/**
 * Stores `count` sessions, no two alike, that end evenly spread over an hour, as those of a busy site do.
 * Returns ids of sessions, the heap that each session takes and the time of an insert.
 */
async function fill(count, idBytes, insert) {
  const sample = new Sample(idBytes, Math.min(TOUCHES, count));
  const userBytes = '{"user":"","cart":""}'.length;
  const empty = heap();
  let insertMs = 0;
  for (let index = 0; index < count; index++) {
    const user = String(index);
    const filler = randomBytes(BYTES).toString('base64url');
    const data = { user, cart: filler.slice(0, BYTES - userBytes - user.length) };
    // Neighbours in the order of creation end at quite different times.
    const remaining = BEFORE_THE_FIRST_ENDS_MS + Math.floor((((index * 7919) % count) / count) * HOUR_MS);
    const id = sample.take(randomBytes(idBytes));
    const startedAt = performance.now();
    await insert(id, data, remaining);
    insertMs += performance.now() - startedAt;
    if (index % 1_000 === 0) await nextTurn();
  }
  await nextTurn();
  const heapPerSession = (heap() - empty) / count;
  return { sample, heapPerSession, insertUs: (insertMs * 1_000) / count };
}

/** Ids to touch, in bytes outside the heap: as strings they would count as the stores'. */
class Sample {
  #bytes;
  #width;
  #taken = 0;

  constructor(idBytes, size) {
    this.#width = idBytes;
    this.#bytes = Buffer.alloc(idBytes * size);
  }

  take(bytes) {
    const at = this.#taken++ * this.#width;
    if (at < this.#bytes.length) bytes.copy(this.#bytes, at);
    return bytes.toString('base64url');
  }

  get size() {
    return this.#bytes.length / this.#width;
  }

  id(index) {
    return this.#bytes.toString('base64url', index * this.#width, (index + 1) * this.#width);
  }
}

/**
 * Touches all of a sample twice: for the time of a touch in blocks, because looking at the clock takes as long as one, and
 * each as a slice of its own.
 * @param prepare Returns the touch of an id: only that is timed.
 */
async function touchAll(watch, sample, prepare) {
  const inBlocks = async (work) => {
    for (let from = 0; from < sample.size; from += BLOCK) {
      const touches = [];
      for (let index = from; index < Math.min(from + BLOCK, sample.size); index++)
        touches.push(prepare(sample.id(index)));
      await work(touches);
      await nextTurn();
    }
  };
  let touchMs = 0;
  await inBlocks(async (touches) => {
    const startedAt = performance.now();
    for (const touch of touches) await touch();
    touchMs += performance.now() - startedAt;
  });
  const times = await watch.during(() =>
    inBlocks(async (touches) => {
      for (const touch of touches) await watch.slice(touch);
    }),
  );
  return { ...times, touchUs: (touchMs * 1_000) / sample.size };
}

function heap() {
  for (let pass = 0; pass < 3; pass++) globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** By the name of the package, ours first. */
export const FULL_STORES = { 'session-store-js': ours, memorystore, 'express-session': expressSession };

if (process.argv[1] === import.meta.filename) {
  const [, , name, count] = process.argv;
  console.log(JSON.stringify(await FULL_STORES[name](Number(count))));
}

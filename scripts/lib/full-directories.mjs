// Directories with very many sessions, ours and those of session-file-store: how they are made, and what work on all of
// them takes. Each job asks for a process of its own, with --expose-gc: `node full-directories.mjs <job> <its JSON>`.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { Watch } from './watch.mjs';

const require = createRequire(import.meta.url);
const HOUR_MS = 3_600_000;
const DIGEST_LENGTH = 43;
/** Characters of data in JSON, without what a store adds. */
export const BYTES = 300;
/** One session in so many has expired: those whose number can be divided by it. */
export const EXPIRED_EACH = 100;
export const PAGE = 100;
export const PAGED = 10_000;

/** The same for the same number in every process, so that none has to be told. */
export const idOf = (number) => createHash('sha256').update(String(number)).digest('base64url');

export const dataOf = (number) => {
  const user = String(number);
  const filler = idOf(-number - 1).repeat(Math.ceil(BYTES / DIGEST_LENGTH));
  return { user, cart: filler.slice(0, BYTES - '{"user":"","cart":""}'.length - user.length) };
};

export const hasExpired = (number) => number % EXPIRED_EACH === 0;

/** A record as the manager makes it. */
export function recordOf(store, number, expiresAt) {
  const { newVersion, systemClock } = require('../../dist/cjs/index.cjs');
  const createdAt = systemClock.now() - HOUR_MS;
  const times = { createdAt, deadlineAt: createdAt + 12 * HOUR_MS, idleMs: HOUR_MS, expiresAt };
  const key = store.keyOf(idOf(number));
  return { v: 1, key, data: JSON.stringify(dataOf(number)), version: newVersion(), ...times };
}

/** What express-session hands to its store. */
export function peerSession(number) {
  const { Cookie } = require('express-session');
  return { cookie: new Cookie({ path: '/', httpOnly: true, maxAge: HOUR_MS }), ...dataOf(number) };
}

export const peerIdOf = (number) => idOf(number).slice(0, 32);

/** The peer as its users have it, but for its log and its timer. */
export function peerStore(path) {
  const FileStore = require('session-file-store')(require('express-session'));
  return new FileStore({ path, logFn: () => undefined, reapInterval: -1 });
}

const JOBS = {
  /** Inserts the sessions `from`, `from + step` ... below `to`. One in a hundred has expired half an hour ago. */
  async fillOurs({ path, from, to, step }) {
    const { FileStore, systemClock } = require('../../dist/cjs/index.cjs');
    // An hour behind: to this store nothing has expired yet.
    const clock = { now: () => systemClock.now() - HOUR_MS, after: systemClock.after };
    const store = new FileStore({ path, clock, cleanupInterval: 0 });
    const now = systemClock.now();
    for (let number = from; number < to; number += step) {
      const expiresAt = hasExpired(number) ? now - HOUR_MS / 2 : now + HOUR_MS + (number % HOUR_MS);
      if (!(await store.insert(recordOf(store, number, expiresAt))))
        throw new Error(`Session ${number} is there already.`);
    }
  },

  /** The same for the peer, in the files that its `set` writes. */
  fillPeer({ path, from, to, step }) {
    const now = Date.now();
    for (let number = from; number < to; number += step) {
      const __lastAccess = hasExpired(number) ? now - 2 * HOUR_MS : now;
      const session = { ...peerSession(number), __lastAccess };
      writeFileSync(join(path, `${peerIdOf(number)}.json`), JSON.stringify(session), { flag: 'wx' });
    }
  },

  /** One round, and another that finds nothing. */
  async sweepOurs({ path }) {
    const store = ourStore(path);
    await store.ensureDirectory();
    const watch = new Watch();
    let removed = 0;
    let roundMs = 0;
    let totalMs = 0;
    let cpuMs = 0;
    const times = await watch.during(async () => {
      await watch.turns(async () => {
        const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
        for (let swept; (swept = await store.removeExpired(Infinity)) > 0; removed += swept)
          roundMs ||= performance.now() - startedAt;
        totalMs = performance.now() - startedAt;
        cpuMs = cpuMsSince(cpu);
      });
    });
    await store.close();
    return { ...times, totalMs, cpuMs, roundMs, removed };
  },

  /** `reap` as its timer calls it by default: in the process of the app. */
  async sweepPeer({ path }) {
    const helpers = require('session-file-store/lib/session-file-helpers');
    const { options } = peerStore(path);
    const length = () =>
      new Promise((resolve, reject) => {
        helpers.length(options, (error, count) => (error ? reject(error) : resolve(count)));
      });
    const before = await length();
    // Not turn by turn: looking at each would take time from it.
    let cpuMs = 0;
    const times = await new Watch().during(async () => {
      const cpu = process.cpuUsage();
      await new Promise((resolve, reject) => {
        helpers.reap(options, (error) => (error ? reject(error) : resolve()));
      });
      cpuMs = cpuMsSince(cpu);
    });
    return { ...times, cpuMs, removed: before - (await length()) };
  },

  /** From nothing to the first session, the first page, a hundred pages, the count. */
  async start({ path }) {
    const SessionManager = require('../../dist/cjs/index.cjs');
    const emptyRss = process.memoryUsage().rss;
    const startedAt = performance.now();
    const store = ourStore(path);
    await store.ensureDirectory();
    const found = await store.find(store.keyOf(idOf(1)));
    const readyMs = performance.now() - startedAt;
    if (found === null) throw new Error('Session 1 is not there.');

    const sessions = new SessionManager({ store, secret: 'a benchmark, longer than thirty-two bytes' });
    const askedAt = performance.now();
    const first = await sessions.getPage({ limit: PAGE });
    const pageMs = performance.now() - askedAt;

    const watch = new Watch();
    let listed = first.sessions.length;
    let slowestPageMs = 0;
    const paging = await watch.during(() =>
      watch.turns(async () => {
        for (let { cursor } = first; cursor !== null && listed < PAGED; await nextTurn()) {
          const beganAt = performance.now();
          const page = await sessions.getPage({ limit: PAGE, cursor });
          slowestPageMs = Math.max(slowestPageMs, performance.now() - beganAt);
          listed += page.sessions.length;
          ({ cursor } = page);
        }
      }),
    );
    let counted = 0;
    const counting = await watch.during(() =>
      watch.turns(async () => {
        // Not the manager's: it gives the store five seconds.
        counted = await store.count();
      }),
    );
    const { rss } = process.memoryUsage();
    await sessions.close();
    await store.close();
    return {
      readyMs,
      pageMs,
      paging: { ...paging, slowestPageMs, listed },
      counting: { ...counting, counted },
      rss,
      emptyRss,
    };
  },

  /** One round of the background sweep: until it has found all of the expired ones, the last near the end of the round. */
  async background({ path, cleanupInterval, expired }) {
    const { FileStore } = require('../../dist/cjs/index.cjs');
    // What the first store of a process loads is part of the start, which is measured there.
    await ourStore(path).ensureDirectory();
    const watch = new Watch();
    let removed = 0;
    let store;
    const times = await watch.during(() =>
      watch.turns(
        () =>
          new Promise((resolve, reject) => {
            store = new FileStore({ path, cleanupInterval });
            store.on('error', reject);
            store.on('expired', () => {
              if (++removed === expired) resolve();
            });
          }),
      ),
    );
    await store.close();
    return { ...times, removed, rss: process.memoryUsage().rss };
  },
};

/** Of all threads: what other processes take from it does not count. */
function cpuMsSince(before) {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

const ourStore = (path) => new (require('../../dist/cjs/index.cjs').FileStore)({ path, cleanupInterval: 0 });

if (process.argv[1] === import.meta.filename) {
  const [, , job, input] = process.argv;
  console.log(JSON.stringify((await JOBS[job](JSON.parse(input))) ?? null));
}

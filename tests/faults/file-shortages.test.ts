// F5, F6, F8: a disk without room, without inodes, and a process with few descriptors.
import { join } from 'node:path';

import type { SessionRecord } from '../../src/core/contract.js';
import { SessionError } from '../../src/core/errors.js';
import { newVersion } from '../../src/core/record.js';
import { FileStore } from '../../src/stores/file-store.js';
import { runInChild } from '../support/child.js';
import { HurriedClock } from '../support/failing-fs.js';
import { freshPath } from '../support/directory.js';
import { HOUR, outcomeOf, recordFor } from '../support/file-scenarios.js';
import { reportFault } from '../support/faults.js';
import { mountMemory, unmountAll } from '../support/tools.js';

// Processes and disks that others use too take their time.
jest.setTimeout(60_000);

afterEach(unmountAll);

const FULL = [
  { fault: 'F5', what: 'bytes', options: 'size=1m', size: 6_000 },
  { fault: 'F6', what: 'inodes', options: 'size=16m,nr_inodes=200', size: 100 },
];

describe.each(FULL)('$fault a disk without $what left', ({ fault, what, options, size }) => {
  it.each(['sync', 'async'] as const)(
    `${fault} refuses with advice, keeps what it acknowledged and works again once there is room (io: %s)`,
    async (io) => {
      const above = freshPath();
      if (!mountMemory(above, options)) return;
      const clock = new HurriedClock();
      const path = join(above, 'sessions');
      const store = new FileStore({ path, clock, io, cleanupInterval: 0 });
      const sound = new FileStore({ path, clock, cleanupInterval: 0 });
      const there = new Map<string, SessionRecord>();
      const filling = JSON.stringify({ filling: 'x'.repeat(size) });
      const make = (n: number): SessionRecord =>
        recordFor(`${what} ${n}`, clock.now(), { data: filling, owner: `user ${n % 3}` });
      const demandAll = async (): Promise<void> => {
        for (const record of there.values()) expect(await sound.find(record.key)).toEqual(record);
        expect(await sound.count()).toBe(there.size);
      };

      let errors: unknown[] = [];
      for (let n = 0; errors.length < 20; n++) {
        const record = make(n);
        const { error, result } = await outcomeOf(() => store.insert(record));
        if (error === undefined) {
          expect(result).toBe(true);
          there.set(record.key, record);
        } else errors.push(error);
      }
      expect(there.size).toBeGreaterThan(20);
      const isAdvice = (error: unknown): boolean =>
        error instanceof SessionError &&
        error.code === 'ERR_SESSION_STORE' &&
        error.status === 503 &&
        /ENOSPC.*make room/.test(error.message);
      expect(errors.filter((error) => !isAdvice(error))).toEqual([]);
      await demandAll();

      // Replaced or refused: the old version or the new one, whole.
      errors = [];
      for (const record of [...there.values()].slice(0, 20)) {
        const next = {
          ...record,
          version: newVersion(),
          data: JSON.stringify({ more: 'y'.repeat(size * 2) }),
        };
        const { error, result } = await outcomeOf(() => store.replace(next, record.version));
        if (error === undefined) expect(result).toBe(true);
        else expect(isAdvice(error)).toBe(true);
        if (error === undefined) there.set(next.key, next);
        else errors.push(error);
      }
      expect(errors.length).toBeGreaterThan(0);
      await demandAll();

      // A touch takes no room.
      for (const record of there.values()) {
        const touched = { ...record, expiresAt: (record.expiresAt ?? 0) + HOUR / 4 };
        expect(await store.extend(record.key, touched.expiresAt)).toBe(true);
        there.set(record.key, touched);
      }
      await demandAll();

      for (const { key } of [...there.values()].slice(0, 15)) {
        expect(await store.remove(key)).toBe(true);
        there.delete(key);
      }
      for (let n = 0; n < 5; n++) {
        const record = { ...make(n), ...recordFor(`again ${n}`, clock.now()) };
        expect(await store.insert(record)).toBe(true);
        there.set(record.key, record);
      }
      const later = new HurriedClock(clock.now() + 120_000);
      const report = await new FileStore({ path, clock: later, cleanupInterval: 0 }).verify();
      expect(report).toMatchObject({ sessions: there.size, broken: 0, foreign: 0 });
      await demandAll();
      reportFault({
        fault,
        recipe: `a tmpfs out of ${what}, io ${io}`,
        rounds: there.size,
        result: 'refused with advice; nothing acknowledged lost; touches go on; room again after removals',
      });
    },
  );
});

const AT_ONCE = 500;

/** Runs every kind of operation `AT_ONCE` times at once with 40 descriptors, and tells of rejections. */
const crowd = (path: string, mode: object): string => `
  const { spawnSync } = require('node:child_process');
  const { createHash } = require('node:crypto');
  const { FileStore } = src('stores/file-store');
  const store = new FileStore({ path: ${JSON.stringify(path)}, cleanupInterval: 0, ...${JSON.stringify(mode)} });
  const now = Date.now();
  const records = Array.from({ length: ${AT_ONCE} }, (_, n) => ({
    v: 1, key: 'sha256:' + createHash('sha256').update('crowd ' + n).digest('hex'), data: '{"n":' + n + '}',
    version: 'first ' + n, createdAt: now, deadlineAt: null, idleMs: 3_600_000, expiresAt: now + 3_600_000,
    owner: 'user ' + (n % 7),
  }));
  const next = (record) => ({ ...record, version: record.version + ' next' });
  const kinds = {
    insert: (record) => store.insert(record),
    find: async (record) => (await store.find(record.key))?.data === record.data,
    replace: (record) => store.replace(next(record), record.version),
    extend: (record) => store.extend(record.key, record.expiresAt + 60_000),
    page: async () => (await store.page({ limit: 3 })).records.length === 3,
    'page of a user': async ({ owner }) => (await store.page({ limit: 3, owner })).records.length === 3,
    count: async () => (await store.count()) === ${AT_ONCE},
    ensureDirectory: async () => (await store.ensureDirectory(), true),
    remove: (record) => store.remove(record.key),
  };
  (async () => {
    await store.ensureDirectory();
    const limit = spawnSync('prlimit', ['--pid', String(process.pid), '--nofile=40:40']);
    if (limit.status !== 0) throw new Error('prlimit: ' + String(limit.stderr));
    const wrong = [];
    // As the socket of a server does.
    const alive = setInterval(() => undefined, 1_000);
    for (const [kind, run] of Object.entries(kinds)) {
      // Whole listings are long; a hundred at once hold as many descriptors as there are.
      const some = kind === 'count' ? records.slice(0, 20) : records;
      for (const { status, value, reason } of await Promise.allSettled(some.map(run)))
        if (status === 'rejected' || value !== true) wrong.push(kind + ': ' + String(reason ?? value));
    }
    clearInterval(alive);
    console.log(JSON.stringify(wrong.slice(0, 5)));
  })();
`;

it.each(
  (['sync', 'async'] as const).flatMap((io) =>
    (['process', 'power'] as const).map((durability) => ({ io, durability })),
  ),
)(
  'F8 rejects none of 500 parallel operations of each kind with 40 descriptors (%j)',
  async (mode) => {
    const { code, output, errors } = await runInChild(crowd(freshPath(), mode), 120_000);
    expect({ code, output, errors }).toEqual({ code: 0, output: '[]\n', errors: '' });
    reportFault({
      fault: 'F8',
      recipe: `40 descriptors, 500 operations of each kind at once, ${mode.io}, ${mode.durability}`,
      rounds: AT_ONCE,
      result: 'none rejected',
    });
  },
  150_000,
);

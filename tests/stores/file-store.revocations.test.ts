// The moments of revocation on the disk: how long they are kept, and that a rebuild of an index takes none back.
import { hash } from 'node:crypto';
import * as nodeFs from 'node:fs';
import { readdirSync } from 'node:fs';
import { join, sep } from 'node:path';

import { newVersion } from '../../src/core/record.js';
import type { SessionId, SessionRecord } from '../../src/core/contract.js';
import { FileStore, type FileSystem } from '../../src/stores/file-store.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import type { RecordStore } from '../../src/stores/store.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { createGate } from '../session-manager/world.js';
import { freshPath } from '../support/directory.js';

const HOUR = 3_600_000;
const ID = 'a-session-of-this-test-of-43-characters-xyz' as SessionId;

function recordIn(store: RecordStore, now: number): SessionRecord {
  const times = { createdAt: now - HOUR, deadlineAt: null, idleMs: 99 * HOUR, expiresAt: now + 99 * HOUR };
  return { v: 1, key: store.keyOf(ID), data: '{}', version: newVersion(), ...times, owner: 'ada' };
}

/** The names of the files, without their folders. */
const momentsIn = (path: string): string[] =>
  readdirSync(join(path, 'revoked')).flatMap((folder) => readdirSync(join(path, 'revoked', folder)));

it('keeps the moment of a user for a day, and then as long as the user has a session', async () => {
  const clock = createFakeClock(Date.now());
  const path = freshPath();
  const store = new FileStore({ path, clock, cleanupInterval: 0 });
  const moments = (): string[] => momentsIn(path).sort();
  await store.insert(recordIn(store, clock.now()));
  for (const owner of [undefined, 'ada', 'nobody']) await store.revokeBefore(clock.now() - HOUR / 2, owner);
  expect(moments()).toHaveLength(3);
  clock.advance(23 * HOUR);
  await store.verify();
  expect(moments()).toHaveLength(3);
  clock.advance(2 * HOUR);
  await store.verify();
  // Everybody's, and that of the user whose session lies there, revoked.
  const kept = moments().map((name) => name.replace(/^[0-9a-f]{64}/, 'ada').replace(/-\d+$/, ''));
  expect(kept.sort()).toEqual(['ada', 'everybody']);
  expect(await store.find(store.keyOf(ID))).toBeNull();
  await store.remove(store.keyOf(ID));
  await store.verify();
  expect(moments().map((name) => name.replace(/-\d+$/, ''))).toEqual(['everybody']);
  await store.close();
});

it('takes the place of an earlier moment of the same user', async () => {
  const path = freshPath();
  const store = new FileStore({ path, cleanupInterval: 0 });
  for (const before of [1_000, 3_000, 2_000]) await store.revokeBefore(before, 'ada');
  const kept = momentsIn(path).map((name) => Number(name.replace(/.*-/, '')));
  expect(kept).toContain(3_000);
  expect(kept).not.toContain(1_000);
  await store.close();
});

it('a rebuild of the memory store’s indexes brings back nothing that was revoked', async () => {
  const clock = createFakeClock(Date.now());
  const store = new MemoryStore({ clock, cleanupInterval: 0, indexInterval: 60_000 });
  const record = recordIn(store, clock.now());
  await store.insert(record);
  await store.revokeBefore(clock.now(), 'ada');
  clock.advance(60_000);
  await new Promise(setImmediate);
  expect(await store.find(record.key)).toBeNull();
  await store.close();
});

it('a look that began before a revocation does not take it back', async () => {
  let isHeld = false;
  const arrived = createGate();
  const go = createGate();
  type Readdir = (...args: unknown[]) => void;
  const readdir: Readdir = (path, ...rest) => {
    const folder = `revoked${sep}${hash('sha256', 'ada').slice(0, 3)}`;
    if (!isHeld || !String(path).endsWith(folder)) {
      (nodeFs.readdir as Readdir)(path, ...rest);
      return;
    }
    isHeld = false;
    const done = rest.pop() as (...results: unknown[]) => void;
    (nodeFs.readdir as Readdir)(path, ...rest, (...results: unknown[]) => {
      arrived.open();
      void go.opened.then(() => {
        done(...results);
      });
    });
  };
  const clock = createFakeClock(Date.now());
  const fs = { ...nodeFs, readdir } as unknown as FileSystem;
  const store = new FileStore({ path: freshPath(), clock, cleanupInterval: 0, io: 'async', fs });
  const record = { ...recordIn(store, clock.now()), createdAt: clock.now() - HOUR };
  await store.insert(record);
  await store.revokeBefore(record.createdAt - HOUR, 'ada');
  clock.advance(1_500);
  isHeld = true;
  const look = store.find(record.key);
  await arrived.opened;
  await store.revokeBefore(clock.now(), 'ada');
  expect(await store.find(record.key)).toBeNull();
  go.open();
  await look;
  expect(await store.find(record.key)).toBeNull();
  await store.close();
});

it('P10 a look reads the moments of few users, however many there are', async () => {
  const listed: number[] = [];
  const readdirSync = ((path: string, ...rest: []) => {
    const names = nodeFs.readdirSync(path, ...rest);
    listed.push(names.length);
    return names;
  }) as typeof nodeFs.readdirSync;
  const path = freshPath();
  const clock = createFakeClock(Date.now());
  const store = new FileStore({ path, clock, cleanupInterval: 0, fs: { ...nodeFs, readdirSync } });
  const record = recordIn(store, clock.now());
  await store.insert(record);
  for (let user = 0; user < 2_000; user++) await store.revokeBefore(1, `user ${String(user)}`);
  clock.advance(5_000);
  listed.length = 0;
  expect(store.findSync(record.key)).not.toBeNull();
  await store.revokeBefore(2, 'carol');
  expect(listed.length).toBeGreaterThan(0);
  expect(Math.max(...listed)).toBeLessThan(30);
  // The sweep takes away what nobody needs any more.
  clock.advance(30 * HOUR);
  await store.removeExpired(Infinity);
  expect(momentsIn(path)).toEqual([]);
  await store.close();
});

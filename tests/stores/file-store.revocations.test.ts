// The moments of revocation on the disk: how long they are kept, and that a rebuild of an index takes none back.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { newVersion } from '../../src/core/record.js';
import type { SessionId, SessionRecord } from '../../src/core/contract.js';
import { FileStore } from '../../src/stores/file-store.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import type { RecordStore } from '../../src/stores/store.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { freshPath } from '../support/directory.js';

const HOUR = 3_600_000;
const ID = 'a-session-of-this-test-of-43-characters-xyz' as SessionId;

function recordIn(store: RecordStore, now: number): SessionRecord {
  const times = { createdAt: now - HOUR, deadlineAt: null, idleMs: 99 * HOUR, expiresAt: now + 99 * HOUR };
  return { v: 1, key: store.keyOf(ID), data: '{}', version: newVersion(), ...times, owner: 'ada' };
}

it('keeps the moment of a user for a day, and then as long as the user has a session', async () => {
  const clock = createFakeClock(Date.now());
  const path = freshPath();
  const store = new FileStore({ path, clock, cleanupInterval: 0 });
  const moments = (): string[] => readdirSync(join(path, 'revoked')).sort();
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
  const [latest] = readdirSync(join(path, 'revoked')).filter((name) => name.endsWith('-3000'));
  expect(latest).toBeDefined();
  expect(existsSync(join(path, 'revoked', String(latest).replace('3000', '1000')))).toBe(false);
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

// Touches of the file store: what they write, how far they reach, and what becomes of them when a version follows or the
// directory is copied.
import { cpSync, readFileSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

import { closedRecord, newVersion } from '../../src/core/record.js';
import { freshPath } from '../support/directory.js';
import { HOUR, fileWorld, keyOf, parsed } from '../support/file-world.js';

const ID = 'an-id-that-is-long-enough';
const KEY = keyOf(ID);
const MINUTE = 60_000;

/** What a rewritten file would not have any more. */
const identity = (path: string) => {
  const { ino, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  return { ino, mtimeNs, ctimeNs, bytes: readFileSync(path, 'latin1') };
};

describe('a touch', () => {
  it('does not write the record again', async () => {
    const { store, add, clock, fileOf } = fileWorld();
    const { version, data } = await add(ID);
    const before = identity(fileOf(ID));
    for (let time = 0; time < 25; time++) {
      await clock.advance(MINUTE);
      expect(await store.extend(KEY, clock.now() + HOUR)).toBe(true);
      expect(store.findSync(KEY)).toMatchObject({ expiresAt: clock.now() + HOUR, version, data });
    }
    expect(identity(fileOf(ID))).toEqual(before);
  });

  it('leaves one file for the record and one for the state', async () => {
    const { store, add, clock, filesOf } = fileWorld();
    await add(ID);
    const before = filesOf(ID);
    await store.extend(KEY, clock.now() + HOUR + MINUTE);
    expect(filesOf(ID)).toEqual(before);
  });

  it('keeps every millisecond of its end', async () => {
    const { store, add, clock } = fileWorld();
    const { expiresAt } = await add(ID);
    for (let ms = 1; ms < 500; ms++) {
      await store.extend(KEY, (expiresAt ?? 0) + ms);
      expect(store.findSync(KEY)?.expiresAt).toBe(clock.now() + HOUR + ms);
    }
  });

  it('never moves the end back', async () => {
    const { store, add, clock } = fileWorld();
    await add(ID);
    await store.extend(KEY, clock.now() + HOUR + MINUTE);
    for (const ms of [HOUR, MINUTE, 0, -HOUR]) expect(await store.extend(KEY, clock.now() + ms)).toBe(true);
    expect(store.findSync(KEY)?.expiresAt).toBe(clock.now() + HOUR + MINUTE);
  });

  it('never moves the end past the deadline', async () => {
    const { store, add, clock } = fileWorld();
    const deadlineAt = clock.now() + HOUR + MINUTE;
    await add(ID, { deadlineAt });
    expect(await store.extend(KEY, clock.now() + 9 * HOUR)).toBe(true);
    expect(store.findSync(KEY)?.expiresAt).toBe(deadlineAt);
  });

  it('writes the record again once it reaches further than half an idle period: so a copy is never far behind', async () => {
    const { store, add, clock, fileOf } = fileWorld();
    const { version } = await add(ID);
    const inodes = new Set<bigint>();
    for (let minutes = 0; minutes < 300; minutes += 10) {
      await clock.advance(10 * MINUTE);
      await store.extend(KEY, clock.now() + HOUR);
      inodes.add(statSync(fileOf(ID), { bigint: true }).ino);
      expect(parsed(fileOf(ID)).dueAt).toBeGreaterThanOrEqual(clock.now() + HOUR / 2);
      expect(store.findSync(KEY)).toMatchObject({ expiresAt: clock.now() + HOUR, version });
    }
    expect(parsed(fileOf(ID)).seq).toBe(1 + Math.floor(300 / 40));
  });

  it('is not taken for one of a version that follows, whichever process writes it', async () => {
    const { store, add, record, clock, open } = fileWorld();
    let { version } = await add(ID);
    for (let round = 0; round < 50; round++) {
      await store.extend(KEY, clock.now() + HOUR + 10 * MINUTE);
      // Fresh stores, which all count from the same number, write one version after the other over the touch.
      for (let writer = 0; writer < 4; writer++) {
        const next = record(ID, { expiresAt: clock.now() + MINUTE });
        expect(await open().replace(next, version)).toBe(true);
        expect(store.findSync(KEY)).toEqual(next);
        ({ version } = next);
      }
      const long = record(ID);
      await open().replace(long, version);
      ({ version } = long);
    }
  });

  it('does not survive the version that it was meant for', async () => {
    const { store, add, record, clock } = fileWorld();
    const { version } = await add(ID);
    await store.extend(KEY, clock.now() + HOUR + 10 * MINUTE);
    await store.replace(record(ID, { expiresAt: clock.now() + MINUTE }), version);
    await clock.advance(MINUTE);
    expect(store.findSync(KEY)).toBeNull();
  });

  it('S29 revives nothing: not what is gone, not what is over, not what is closed', async () => {
    const { store, add, clock, filesOf } = fileWorld();
    expect(await store.extend(KEY, clock.now() + HOUR)).toBe(false);
    const first = await add(ID);
    await clock.advance(HOUR);
    expect(await store.extend(KEY, clock.now() + HOUR)).toBe(false);
    expect(store.findSync(KEY)).toBeNull();
    const second = await add(ID);
    await store.replace(closedRecord(second, clock.now()), second.version);
    expect(await store.extend(KEY, clock.now() + HOUR)).toBe(false);
    await store.remove(KEY);
    expect(await store.extend(KEY, clock.now() + HOUR)).toBe(false);
    expect(filesOf(ID)).toEqual([]);
    expect(first.version).not.toBe(second.version);
  });

  it('on a file system with whole seconds falls back to writing the record, and loses nothing', async () => {
    const fs = await import('node:fs');
    const coarse = {
      ...fs,
      utimesSync: (path: string, at: number) => utimesSync(path, Math.floor(at), Math.floor(at)),
    };
    const { store, add, clock, fileOf } = fileWorld({ fs: coarse as unknown as typeof fs });
    await add(ID);
    for (let time = 0; time < 5; time++) {
      await clock.advance(7_001);
      expect(await store.extend(KEY, clock.now() + HOUR)).toBe(true);
      expect(store.findSync(KEY)?.expiresAt).toBe(clock.now() + HOUR);
    }
    expect(parsed(fileOf(ID)).seq).toBe(6);
  });
});

describe('a copy of the directory', () => {
  const WAYS: Record<string, (path: string) => void> = {
    'without file times': () => undefined,
    'with all times at 0': (path) => {
      for (const file of readdirSync(path, { recursive: true }) as string[])
        utimesSync(join(path, file), 0, 0);
    },
  };
  it.each(Object.entries(WAYS))('%s keeps sessions alive by the record’s own end', async (_, spoil) => {
    const original = fileWorld();
    const { clock } = original;
    for (let at = 0; at < 20; at++) {
      await original.add(`session-${at}`, { owner: 'ada' });
      await original.store.extend(keyOf(`session-${at}`), clock.now() + HOUR + MINUTE);
    }
    const path = freshPath();
    cpSync(original.path, path, { recursive: true });
    spoil(path);
    const copy = original.open({ path });
    expect(await copy.removeExpired(100)).toBe(0);
    expect(await copy.verify()).toMatchObject({ sessions: 20, expired: 0, litter: 0, broken: 0 });
    expect((await copy.page({ owner: 'ada', limit: 100 })).records).toHaveLength(20);
    for (let at = 0; at < 20; at++) expect(copy.findSync(keyOf(`session-${at}`))?.data).toBe('{"visits":3}');
    await clock.advance(HOUR + 2 * MINUTE);
    expect(await copy.ids()).toEqual([]);
    expect(await copy.removeExpired(100)).toBe(20);
  });
});

describe('a session without an expiry of its own', () => {
  it('lives for ttl seconds after each write and touch, and its record keeps the null', async () => {
    const { store, add, record, clock } = fileWorld({ ttl: 60 });
    const { version } = await add(ID, { expiresAt: null, idleMs: null });
    for (let time = 0; time < 10; time++) {
      await clock.advance(59_999);
      expect(store.findSync(KEY)).toMatchObject({ expiresAt: null, version });
      expect(await store.extend(KEY, null)).toBe(true);
    }
    await clock.advance(59_999);
    const next = record(ID, { expiresAt: null, idleMs: null, version: newVersion() });
    expect(await store.replace(next, version)).toBe(true);
    await clock.advance(59_999);
    expect(store.findSync(KEY)).toEqual(next);
    await clock.advance(1);
    expect(store.findSync(KEY)).toBeNull();
  });

  it('lives for a day where no ttl is given', async () => {
    const { store, add, clock } = fileWorld();
    await add(ID, { expiresAt: null, idleMs: null });
    await clock.advance(86_400_000 - 1);
    expect(store.findSync(KEY)).not.toBeNull();
    await clock.advance(1);
    expect(store.findSync(KEY)).toBeNull();
  });

  it('ends at its deadline all the same', async () => {
    const { store, add, clock } = fileWorld({ ttl: 3_600 });
    await add(ID, { expiresAt: null, idleMs: null, deadlineAt: clock.now() + MINUTE });
    await store.extend(KEY, null);
    await clock.advance(MINUTE);
    expect(store.findSync(KEY)).toBeNull();
  });

  it('takes an expiry of its own when a touch brings one, and loses it when one brings none', async () => {
    const { store, add, clock } = fileWorld({ ttl: 60 });
    await add(ID, { expiresAt: null, idleMs: null });
    await store.extend(KEY, clock.now() + 90_000);
    expect(store.findSync(KEY)?.expiresAt).toBe(clock.now() + 90_000);
    await clock.advance(45_000);
    await store.extend(KEY, null);
    expect(store.findSync(KEY)?.expiresAt).toBeNull();
    await clock.advance(59_999);
    expect(store.findSync(KEY)).not.toBeNull();
    await clock.advance(1);
    expect(store.findSync(KEY)).toBeNull();
  });
});

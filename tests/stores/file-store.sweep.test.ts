// Keeping the directory of the file store clean: the sweep and its timers, `verify()` and its report.
import { readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { SessionRecord } from '../../src/core/contract.js';
import { closedRecord } from '../../src/core/record.js';
import { FileStore } from '../../src/stores/file-store.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { settled } from '../support/clock.js';
import { freshPath } from '../support/directory.js';
import { HOUR, digitsOf, fileWorld, keyOf, put, snapshot, type FileWorld } from '../support/file-world.js';
import { ID, NONCE } from '../support/killed-writers.js';
import { recordingFs } from '../support/recording-fs.js';

const MINUTE = 60_000;
const KEY = keyOf(ID);
const CLEAN = { sessions: 0, expired: 0, broken: 0, unreadable: 0, litter: 0, strayOwners: 0, foreign: 0 };

const fill = async (
  { add }: FileWorld,
  count: number,
  extra: Partial<SessionRecord> = {},
): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, async (_, at) => (await add(`session-${at}`, extra)).key));

describe('the sweep', () => {
  it('starts by itself, once however often it is started, and stops for good', async () => {
    const clock = createFakeClock();
    const store = new FileStore({ clock, path: freshPath() });
    expect(clock.pending).toBe(1);
    store.startCleanup();
    store.startCleanup();
    expect(clock.pending).toBe(1);
    store.stopCleanup();
    store.stopCleanup();
    expect(clock.pending).toBe(0);
    clock.advance(24 * HOUR);
    await settled();
    expect(clock.pending).toBe(0);
    store.startCleanup();
    expect(clock.pending).toBe(1);
    await store.close();
    expect(clock.pending).toBe(0);
    await store.close();
  });

  it('does not start by itself with an interval of 0; started by hand it takes five minutes for a round', async () => {
    const world = fileWorld();
    const { clock, store, expired } = world;
    expect(clock.waiting).toBe(0);
    const keys = await fill(world, 20, { expiresAt: clock.now() + 1 });
    await clock.advance(10 * MINUTE);
    expect(expired).toEqual([]);
    store.startCleanup();
    await clock.advance(6 * MINUTE);
    expect(expired.sort()).toEqual(keys.sort());
    store.stopCleanup();
  });

  it('removes every file of what has expired within its interval, and tells each by its handle', async () => {
    const world = fileWorld({ cleanupInterval: MINUTE });
    const { clock, path, add, store, expired } = world;
    const keys = await fill(world, 30, { expiresAt: clock.now() + 1 });
    const { key } = await add(ID);
    await clock.advance(2_001 + MINUTE);
    expect(expired.sort()).toEqual(keys.sort());
    const left = [...snapshot(path)].filter(([below, { kind }]) => kind === 'file' && !below.startsWith('.'));
    expect(left).toHaveLength(2);
    expect(await store.ids()).toEqual([key]);
    expect(await store.count()).toBe(1);
    await store.close();
  });

  it('leaves for two seconds what has just expired: a touch may be on its way', async () => {
    const { clock, add, store } = fileWorld();
    await add(ID, { expiresAt: clock.now() + 1 });
    await clock.advance(2_000);
    expect(await store.find(KEY)).toBeNull();
    expect(await store.removeExpired(10)).toBe(0);
    await clock.advance(1);
    expect(await store.removeExpired(10)).toBe(1);
  });

  it('leaves alone what was touched, whatever the file’s own time says', async () => {
    const { clock, add, store, open } = fileWorld();
    await add(ID);
    await store.extend(KEY, clock.now() + HOUR + 20 * MINUTE);
    await clock.advance(HOUR + 10 * MINUTE);
    expect(await open().removeExpired(10)).toBe(0);
    expect(await store.find(KEY)).not.toBeNull();
  });

  it('looks at one folder at a time: never at the whole directory in one turn', async () => {
    const listed: string[] = [];
    let turns: string[][] = [];
    const fs = recordingFs((path, call) => {
      if (call === 'readdir') listed.push(path);
    });
    const world = fileWorld({ fs, cleanupInterval: MINUTE });
    const { clock, path, store } = world;
    await fill(world, 40);
    const folders = readdirSync(path).filter((name) => /^[0-9a-f]{3}$/.test(name));
    for (let ms = 0; ms < 2 * MINUTE; ms += 10) {
      listed.length = 0;
      await clock.advance(10);
      turns.push(listed.filter((name) => name !== path));
    }
    turns = turns.filter((names) => names.length > 0);
    expect(Math.max(...turns.map((names) => names.length))).toBe(1);
    expect(new Set(turns.flat()).size).toBe(folders.length);
    await store.close();
  }, 30_000);

  it('goes on where `removeExpired` stopped, and takes no more than it is told', async () => {
    const world = fileWorld();
    const { clock, store } = world;
    await fill(world, 25, { expiresAt: clock.now() + 1 });
    await clock.advance(5_000);
    const removed = [];
    for (let time = 0; time < 4; time++) removed.push(await store.removeExpired(10));
    expect(removed).toEqual([10, 10, 5, 0]);
  });

  it('reports a directory that cannot be used, and goes on when it can', async () => {
    const world = fileWorld({ cleanupInterval: MINUTE });
    const { clock, path, errors, store, expired } = world;
    await fill(world, 5, { expiresAt: clock.now() + 1 });
    rmSync(path, { recursive: true });
    writeFileSync(path, '');
    await clock.advance(5 * MINUTE);
    expect(errors.length).toBeGreaterThan(0);
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['ERR_SESSION_DIRECTORY']));
    rmSync(path);
    await store.ensureDirectory();
    await fill(world, 5, { expiresAt: clock.now() + 1 });
    await clock.advance(5 * MINUTE);
    expect(expired).toHaveLength(5);
    await store.close();
  });

  it('harms nothing where nobody listens', async () => {
    const world = fileWorld({ cleanupInterval: MINUTE });
    world.store.removeAllListeners();
    await fill(world, 5, { expiresAt: world.clock.now() + 1 });
    rmSync(join(world.path), { recursive: true });
    await world.clock.advance(5 * MINUTE);
    await world.store.close();
  });
});

describe('verify', () => {
  it('reports everything at once, and what it repaired is right afterwards', async () => {
    const world = fileWorld();
    const { add, store, clock, fileOf, tokenOf, path, errors, expired } = world;
    for (const id of ['healthy-1', 'healthy-2', 'healthy-3']) await add(id, { owner: 'ada' });
    await add('over', { expiresAt: clock.now() + 1_000 });
    const ended = await add('ended');
    await store.replace(closedRecord(ended, clock.now()), ended.version);
    await add('broken');
    writeFileSync(fileOf('broken'), 'session-store-js');
    await add('tokenless');
    unlinkSync(tokenOf('tokenless'));
    put(fileOf('healthy-1'), { seq: 1, nonce: NONCE, dueAt: 0, record: ended }, 'staged');
    writeFileSync(join(path, digitsOf('healthy-1').slice(0, 3), 'notes.txt'), 'mine');
    const owners = join(path, 'owners', digitsOf('ada').slice(0, 3), digitsOf('ada'));
    writeFileSync(join(owners, digitsOf('nobody')), '');
    await clock.advance(2 * MINUTE);
    const closedLately = await add('closed-lately');
    await store.replace(closedRecord(closedLately, clock.now()), closedLately.version);
    expect(await store.verify()).toEqual({
      sessions: 3,
      expired: 2,
      broken: 1,
      unreadable: 0,
      litter: 2,
      strayOwners: 1,
      foreign: 1,
    });
    expect(expired).toEqual([keyOf('over')]);
    expect(errors.map(({ code }) => code)).toEqual(['ERR_SESSION_CORRUPT']);
    expect(readdirSync(join(path, 'quarantine'))).toEqual([
      expect.stringMatching(new RegExp(`Z-${digitsOf('broken')}-`)),
    ]);
    expect(await store.verify()).toEqual({ ...CLEAN, sessions: 3, foreign: 1 });
    expect(await store.find(closedLately.key)).toMatchObject({ closed: {} });
  });

  it('finds nothing wrong with an empty directory and creates it', async () => {
    const { store, path } = fileWorld();
    expect(await store.verify()).toEqual(CLEAN);
    expect(readdirSync(path)).toEqual(['.session-store-js']);
  });

  it('leaves a directory that is all right as it is, to the last byte', async () => {
    const world = fileWorld();
    await fill(world, 20, { owner: 'ada' });
    const whole = (): [string, unknown][] =>
      [...snapshot(world.path)].map(([below, { ino, content, times }]) => [
        below,
        { ino, content, at: times[0] },
      ]);
    const before = whole();
    expect(await world.store.verify()).toEqual({ ...CLEAN, sessions: 20 });
    expect(whole()).toEqual(before);
  });
});

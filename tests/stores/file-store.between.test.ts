// What happens between the calls of the file store: while jobs wait, while others write, and while the disk is away.
import * as nodeFs from 'node:fs';
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import type { SessionKey, SessionRecord } from '../../src/core/contract.js';
import { newVersion } from '../../src/core/record.js';
import type { FileStore, FileSystem } from '../../src/stores/file-store.js';
import { digitsOf, fileWorld, keyOf, parsed, put } from '../support/file-world.js';

const ID = 'an-id-that-is-long-enough';
const KEY = keyOf(ID);
const MINUTE = 60_000;

/** Ids of sessions in the order of their names, each in a folder of its own. */
const ORDERED = ['a', 'b', 'c', 'd', 'e', 'f'].sort((a, b) => (digitsOf(a) < digitsOf(b) ? -1 : 1));

describe('close()', () => {
  it.each([{ durability: 'power' }, { io: 'async' }] as const)(
    'waits for every write that was begun, also for those that wait for their turn: %j',
    async (mode) => {
      const { store, add, record } = fileWorld(mode);
      let last = await add(ID);
      let done = 0;
      const write = async (expectedVersion: string, next: SessionRecord): Promise<void> => {
        expect(await store.replace(next, expectedVersion)).toBe(true);
        done++;
      };
      const writes: Promise<void>[] = [];
      for (let at = 0; at < 20; at++) {
        const next = record(ID, { data: `{"at":${at}}` });
        writes.push(write(last.version, next));
        last = next;
      }
      await store.close();
      expect(done).toBe(20);
      await Promise.all(writes);
      expect(await store.find(KEY)).toEqual(last);
    },
  );
});

describe('a broken file', () => {
  it('is put aside and not the version that another process has published meanwhile', async () => {
    const world = fileWorld();
    const written = await world.add(ID);
    const whole = `${world.path}-whole`;
    copyFileSync(world.fileOf(ID), whole);
    writeFileSync(world.fileOf(ID), 'broken');
    let isPublished = false;
    const fs: FileSystem = {
      ...nodeFs,
      renameSync: (from, to) => {
        if (String(to).includes('quarantine')) {
          renameSync(whole, world.fileOf(ID));
          isPublished = true;
        }
        renameSync(from, to);
      },
    };
    const reader = world.open({ fs });
    await reader.find(KEY);
    expect(isPublished).toBe(true);
    expect(world.errors).toEqual([]);
    expect(await reader.find(KEY)).toEqual(written);
    expect(await world.store.find(KEY)).toEqual(written);
  });
});

describe('a broken file whose next version is being written', () => {
  it('is put aside, and the version that is committed by then stays', async () => {
    const world = fileWorld();
    const written = await world.add(ID);
    const { seq, nonce, facts, data, dueAt } = parsed(world.fileOf(ID));
    expect([seq, JSON.parse(data)]).toEqual([1, JSON.parse(written.data)]);
    expect(facts).not.toBe('');
    writeFileSync(world.fileOf(ID), 'broken');
    const record = { ...written, version: newVersion(), data: '{"n":2}' };
    const next = { seq: 2, nonce: `0123456789abcdef1-${dueAt.toString(36)}`, record, dueAt };
    const staged = put(world.fileOf(ID), next, 'staged');
    let isPublished = false;
    const fs: FileSystem = {
      ...nodeFs,
      renameSync: (from, to) => {
        renameSync(from, to);
        if (!String(to).includes('quarantine')) return;
        renameSync(staged, world.fileOf(ID));
        isPublished = true;
      },
    };
    renameSync(`${world.fileOf(ID)}@1-${nonce}`, `${world.fileOf(ID)}@2-${next.nonce}`);
    await world.open({ fs }).find(KEY);
    expect(isPublished).toBe(true);
    expect(await world.store.find(KEY)).toEqual(record);
  });
});

describe('what was put aside and cannot be read there', () => {
  it('goes back: it is not known to be broken', async () => {
    const world = fileWorld();
    const written = await world.add(ID);
    const whole = readFileSync(world.fileOf(ID));
    writeFileSync(world.fileOf(ID), 'broken');
    const fs: FileSystem = {
      ...nodeFs,
      openSync: (path, flags, mode) => {
        if (String(path).includes('quarantine')) {
          writeFileSync(path, whole);
          throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
        }
        return nodeFs.openSync(path, flags, mode);
      },
    };
    await world.open({ fs }).find(KEY);
    expect(world.errors).toEqual([]);
    expect(await world.store.find(KEY)).toEqual(written);
  });
});

describe('a directory that went away', () => {
  it.each([{}, { io: 'async' }] as const)('is not begun anew by a probe: %j', async (mode) => {
    const { store, path, add } = fileWorld(mode);
    const written = await add(ID);
    renameSync(path, `${path}-away`);
    await expect(store.ping()).rejects.toMatchObject({ code: 'ERR_SESSION_DIRECTORY' });
    expect(existsSync(path)).toBe(false);
    await expect(store.find(KEY)).rejects.toMatchObject({ code: 'ERR_SESSION_DIRECTORY' });
    renameSync(`${path}-away`, path);
    await store.ping();
    expect(await store.find(KEY)).toEqual(written);
    rmSync(path, { recursive: true });
  });

  it('is reported once for each round of the sweep, not with every folder', async () => {
    const world = fileWorld({ cleanupInterval: 5 * MINUTE });
    for (const id of ORDERED) await world.add(id);
    await world.clock.advance(6 * MINUTE);
    renameSync(world.path, `${world.path}-away`);
    writeFileSync(world.path, 'a file');
    await world.clock.advance(11 * MINUTE);
    await world.store.close();
    expect(world.errors.length).toBeGreaterThan(0);
    expect(world.errors.length).toBeLessThanOrEqual(3);
    expect(new Set(world.errors.map(({ code }) => code))).toEqual(new Set(['ERR_SESSION_DIRECTORY']));
  });
});

describe('a session that ends', () => {
  it('later than a date can say is stored and found', async () => {
    const { store, record } = fileWorld({ ttl: Number.MAX_SAFE_INTEGER });
    for (const [id, expiresAt] of [
      ['never', null],
      ['far', 1e16],
      ['infinite', Infinity],
    ] as const) {
      expect(await store.insert(record(id, { expiresAt }))).toBe(true);
      expect(await store.find(keyOf(id))).not.toBeNull();
    }
    expect(await store.removeExpired(10)).toBe(0);
    expect(await store.count()).toBe(3);
  });

  it('at no time that is one is refused', async () => {
    const { store, record } = fileWorld();
    await expect(store.insert(record(ID, { expiresAt: NaN }))).rejects.toMatchObject({
      code: 'ERR_SESSION_VALUE',
    });
    expect(await store.find(KEY)).toBeNull();
  });
});

describe('long jobs', () => {
  /** How often the event loop turns while a job is under way. */
  async function turnsDuring(job: Promise<unknown>): Promise<number> {
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    await job;
    isOver = true;
    return turns;
  }

  const JOBS: Readonly<Record<string, (store: FileStore) => Promise<unknown>>> = {
    removeExpired: (store) => store.removeExpired(Infinity),
    verify: (store) => store.verify(),
  };

  it.each(Object.keys(JOBS))('%s lets the event loop turn', async (name) => {
    const world = fileWorld();
    // Enough for some slices on any machine: each is looked at, and removed with its entry in the index.
    for (let at = 0; at < 400; at++)
      await world.add(`session-${at}`, { expiresAt: world.clock.now() + 1, owner: 'ada' });
    await world.clock.advance(MINUTE);
    const turns = await turnsDuring((JOBS[name] as (store: FileStore) => Promise<unknown>)(world.store));
    expect(turns).toBeGreaterThan(1);
    expect(await world.store.count()).toBe(0);
  });
});

it('lists every session that lives through a listing, whichever process serves the pages', async () => {
  const world = fileWorld();
  const other = world.open();
  const last = ORDERED.at(-1) ?? '';
  for (const id of ORDERED.slice(0, -1)) await world.add(id);
  // The other one has listed the folders before the last session came.
  const before = await other.page({ limit: 1 });
  expect(before.cursor).not.toBeNull();
  await world.add(last);
  const listed: SessionKey[] = [];
  let cursor: string | null = null;
  for (let at = 0; at === 0 || cursor !== null; at++) {
    // Our first page, and theirs from then on: a page of ours, the first time, ends where theirs did.
    const server: FileStore = at === 0 ? world.store : other;
    const page = await server.page({ limit: 2, ...(cursor === null ? null : { cursor }) });
    listed.push(...page.records.map(({ key }) => key));
    ({ cursor } = page);
  }
  expect(listed.sort()).toEqual(ORDERED.map(keyOf).sort());
});

it('goes on with the owner index behind a session that it cannot read', async () => {
  const world = fileWorld();
  await world.add(ID, { owner: 'ada' });
  for (const id of ORDERED) await world.add(id, { owner: `owner of ${id}` });
  const text = readFileSync(world.fileOf(ID), 'utf8').replace('session-store-js 1 ', 'session-store-js 2 ');
  const [header = ''] = text.split('\n');
  const body = text.slice(header.length + 1);
  const covered = header.slice(0, header.lastIndexOf(' ') + 1);
  const checksum = crc32(covered + body)
    .toString(16)
    .padStart(8, '0');
  writeFileSync(world.fileOf(ID), `${covered}${checksum}\n${body}`);
  rmSync(join(world.path, 'owners'), { recursive: true });
  expect(await world.store.verify()).toMatchObject({ unreadable: 1, sessions: ORDERED.length, broken: 0 });
  for (const id of ORDERED)
    expect((await world.store.page({ owner: `owner of ${id}`, limit: 9 })).records).toHaveLength(1);
});

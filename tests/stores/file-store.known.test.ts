// A session that this process has read: found and written without reading its file again, and right whatever happened since.
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';

import type { SessionRecord } from '../../src/core/contract.js';
import { newVersion } from '../../src/core/record.js';
import type { FileStore } from '../../src/stores/file-store.js';
import { fileWorld, HOUR, keyOf, parsed, put, type FileWorld } from '../support/file-world.js';
import { recordingFs } from '../support/recording-fs.js';

const ID = 'an-id-that-is-long-enough';
const KEY = keyOf(ID);
const MODES = [{ io: 'sync' }, { io: 'async' }, { durability: 'power' }] as const;

/** A session that this store has read, and another store on the directory. */
async function read(
  options: Parameters<typeof fileWorld>[0] = {},
): Promise<FileWorld & { found: SessionRecord; other: FileStore }> {
  const world = fileWorld(options);
  await world.add(ID);
  const found = (await world.store.find(KEY)) as SessionRecord;
  return { ...world, found, other: world.open() };
}

const after = (record: SessionRecord, data: string): SessionRecord => ({
  ...record,
  data,
  version: newVersion(),
});

/** A file system that notes what is opened. */
function openings(): { opened: string[]; fs: ReturnType<typeof recordingFs> } {
  const opened: string[] = [];
  const fs = recordingFs((path, call) => {
    if (call === 'open') opened.push(path);
  });
  return { opened, fs };
}

it.each(MODES)('opens the file of the session no more: %j', async (mode) => {
  const { opened, fs } = openings();
  const { store, found, fileOf } = await read({ ...mode, fs });
  const file = fileOf(ID);
  expect(opened.filter((path) => path === file)).toHaveLength(1);
  const next = after(found, '{"n":1}');
  expect(await store.replace(next, found.version)).toBe(true);
  expect(opened.filter((path) => path === file)).toHaveLength(1);
  expect(await store.find(KEY)).toEqual(next);
});

it.each(MODES)('reads its file once, however often it is found: %j', async (mode) => {
  const { opened, fs } = openings();
  const { store, found, fileOf } = await read({ ...mode, fs });
  expect(await store.find(KEY)).toEqual(found);
  if (store.capabilities.has('findSync')) expect(store.findSync(KEY)).toEqual(found);
  expect(await store.find(KEY)).toEqual(found);
  expect(opened.filter((path) => path === fileOf(ID))).toHaveLength(1);
});

it('gives each who asks a record of its own', async () => {
  const { store, add } = fileWorld();
  const meta = { device: { browser: 'a' } };
  const closed = { at: 1 };
  const { key } = await add(ID, { meta, closed });
  const first = (await store.find(key)) as SessionRecord;
  Object.assign(first, { data: '{"spoilt":true}' });
  Object.assign(first.meta?.device as object, { browser: 'spoilt' });
  Object.assign(first.closed as object, { at: 2 });
  expect(await store.find(key)).toMatchObject({ data: '{"visits":3}', meta, closed });
});

const changed = (file: string): string => readFileSync(file, 'utf8').replace('"visits":3', '"visits":4');

describe('by hand', () => {
  it('its file is removed: it is not there any more', async () => {
    const { store, fileOf } = await read();
    unlinkSync(fileOf(ID));
    expect(await store.find(KEY)).toBeNull();
  });

  it('its file is written over: that counts as absent, and is reported', async () => {
    const { store, errors, fileOf } = await read();
    writeFileSync(fileOf(ID), 'something else');
    expect(await store.find(KEY)).toBeNull();
    expect(errors).toMatchObject([{ code: 'ERR_SESSION_CORRUPT' }]);
  });

  it('its token is removed: it has ended', async () => {
    const { store, tokenOf } = await read();
    unlinkSync(tokenOf(ID));
    expect(await store.find(KEY)).toBeNull();
  });

  // Each differs from the file that was read in one thing alone. Times of whole seconds come back as they were set.
  it.each<[string, (file: string) => void]>([
    [
      'another file with its length and its time is put in its place',
      (file) => {
        copyFileSync(file, `${file}.copy`);
        writeFileSync(`${file}.copy`, changed(file));
        utimesSync(`${file}.copy`, 1, 1);
        renameSync(`${file}.copy`, file);
      },
    ],
    ['it is changed and keeps its length', (file) => writeFileSync(file, changed(file))],
    [
      'it is cut and keeps its time',
      (file) => {
        truncateSync(file, 10);
        utimesSync(file, 1, 1);
      },
    ],
  ])('%s: that is read, and is broken', async (_what, act) => {
    const { store, errors, add, fileOf } = fileWorld();
    await add(ID);
    utimesSync(fileOf(ID), 1, 1);
    expect(await store.find(KEY)).not.toBeNull();
    act(fileOf(ID));
    expect(await store.find(KEY)).toBeNull();
    expect(errors).toMatchObject([{ code: 'ERR_SESSION_CORRUPT' }]);
  });
});

it('finds what a writer committed that was killed before it published', async () => {
  const { store, found, tokenOf, fileOf } = await read();
  const { seq, dueAt } = parsed(fileOf(ID));
  const record = after(found, '{"theirs":1}');
  const stored = { seq: seq + 1, nonce: `${'f'.repeat(16)}0-${dueAt.toString(36)}`, record, dueAt };
  const token = tokenOf(ID);
  put(fileOf(ID), stored, 'staged');
  renameSync(token, `${fileOf(ID)}@${stored.seq}-${stored.nonce}`);
  expect(await store.find(KEY)).toEqual(record);
});

it('is read again after many megabytes of others: what is remembered is bounded', async () => {
  const { opened, fs } = openings();
  const { store, found, add, fileOf } = await read({ fs });
  for (let n = 0; n < 8; n++) {
    const other = `another-session-number-${n}`;
    await add(other, { data: JSON.stringify({ text: 'x'.repeat(3_000_000) }) });
    await store.find(keyOf(other));
  }
  expect(await store.find(KEY)).toEqual(found);
  expect(opened.filter((path) => path === fileOf(ID))).toHaveLength(2);
});

describe.each(MODES)('%j, after another process', (mode) => {
  type Meanwhile = (other: FileStore, found: SessionRecord, world: FileWorld) => Promise<unknown>;

  it.each<[string, Meanwhile]>([
    ['changed it', (other, found) => other.replace(after(found, '{"theirs":1}'), found.version)],
    ['removed it', (other) => other.remove(KEY)],
    [
      'closed it',
      (other, found, { clock }) =>
        other.replace({ ...after(found, '{}'), closed: { at: clock.now() } }, found.version),
    ],
    [
      'revoked it with all that began before',
      (other, _found, { clock }) => other.revokeBefore(clock.now() + 1),
    ],
    [
      'removed it and created it anew',
      async (other, found) => {
        await other.remove(KEY);
        await other.insert(after(found, '{"anew":1}'));
      },
    ],
  ])('%s: says no and leaves what is there', async (_what, meanwhile) => {
    const world = await read(mode);
    const { store, found, other, clock } = world;
    await meanwhile(other, found, world);
    // A revocation of another process is known a second later.
    await clock.advance(2_000);
    const there = await other.find(KEY);
    expect(await store.replace(after(found, '{"mine":1}'), found.version)).toBe(false);
    expect(await other.find(KEY)).toEqual(there);
    expect(await store.find(KEY)).toEqual(there);
  });

  it.each<[string, Meanwhile]>([
    ['changed it', (other, found) => other.replace(after(found, '{"theirs":1}'), found.version)],
    ['removed it', (other) => other.remove(KEY)],
    [
      'closed it',
      (other, found, { clock }) =>
        other.replace({ ...after(found, '{}'), closed: { at: clock.now() } }, found.version),
    ],
    ['touched it', (other, _found, { clock }) => other.extend(KEY, clock.now() + HOUR * 1.25)],
    ['wrote it again for a touch', (other, _found, { clock }) => other.extend(KEY, clock.now() + 3 * HOUR)],
    [
      'revoked it with all that began before',
      (other, _found, { clock }) => other.revokeBefore(clock.now() + 1),
    ],
  ])('%s: finds what is there', async (_what, meanwhile) => {
    const world = await read(mode);
    const { store, found, other, clock } = world;
    await meanwhile(other, found, world);
    await clock.advance(2_000);
    const there = await other.find(KEY);
    expect(there).not.toEqual(found);
    expect(await store.find(KEY)).toEqual(there);
    expect(await store.find(KEY)).toEqual(there);
  });

  it('waited until its time was over: finds nothing', async () => {
    const { store, clock } = await read(mode);
    await clock.advance(2 * HOUR);
    expect(await store.find(KEY)).toBeNull();
  });

  it('waited until its time was over: says no', async () => {
    const { store, found, clock } = await read(mode);
    await clock.advance(2 * HOUR);
    expect(await store.replace(after(found, '{"mine":1}'), found.version)).toBe(false);
    expect(await store.find(KEY)).toBeNull();
  });

  it('touched it past its end: says yes', async () => {
    const { store, found, other, clock } = await read(mode);
    const end = clock.now() + HOUR * 1.25;
    expect(await other.extend(KEY, end)).toBe(true);
    await clock.advance(HOUR * 1.1);
    expect(await store.replace(after(found, '{"mine":1}'), found.version)).toBe(true);
  });

  it('wrote it again for a touch, under the same version: says yes', async () => {
    const { store, found, other, clock } = await read(mode);
    expect(await other.extend(KEY, clock.now() + 3 * HOUR)).toBe(true);
    const next = after(found, '{"mine":1}');
    expect(await store.replace(next, found.version)).toBe(true);
    expect(await other.find(KEY)).toEqual(next);
  });

  it('touched it: the touch does not count for what is written next', async () => {
    // Tags of versions are counted by each process: the second of the other one has the same as what is written next.
    const { store, found, other, clock } = await read(mode);
    const first = after(found, '{"theirs":1}');
    const second = after(found, '{"theirs":2}');
    expect(await other.replace(first, found.version)).toBe(true);
    expect(await other.replace(second, first.version)).toBe(true);
    expect(await store.find(KEY)).toEqual(second);
    expect(await other.extend(KEY, clock.now() + HOUR * 1.25)).toBe(true);
    const next = { ...after(found, '{"mine":1}'), expiresAt: clock.now() + HOUR };
    expect(await store.replace(next, second.version)).toBe(true);
    expect(await other.find(KEY)).toEqual(next);
  });

  it('touched the version before: that touch does not count either', async () => {
    const { found, other, clock, open } = await read(mode);
    expect(await other.extend(KEY, clock.now() + HOUR * 1.25)).toBe(true);
    const first = after(found, '{"theirs":1}');
    expect(await other.replace(first, found.version)).toBe(true);
    // What this one writes first would have the tag of the first version.
    const third = open();
    expect((await third.find(KEY))?.version).toBe(first.version);
    const next = { ...after(found, '{"mine":1}'), expiresAt: clock.now() + HOUR };
    expect(await third.replace(next, first.version)).toBe(true);
    expect(await other.find(KEY)).toEqual(next);
  });

  it('took back the touch past whose end it is now: says no', async () => {
    const { store, found, other, clock, tokenOf } = await read(mode);
    const { mtimeMs } = statSync(tokenOf(ID));
    expect(await other.extend(KEY, clock.now() + HOUR * 1.25)).toBe(true);
    expect(await store.find(KEY)).not.toBeNull();
    // A touch that was stopped half-way goes on.
    utimesSync(tokenOf(ID), mtimeMs / 1_000, mtimeMs / 1_000);
    await clock.advance(HOUR * 1.1);
    expect(await store.replace(after(found, '{"mine":1}'), found.version)).toBe(false);
    expect(await other.find(KEY)).toBeNull();
  });

  it('removed it: a new owner is not written down', async () => {
    const { store, found, other, path } = await read(mode);
    await other.remove(KEY);
    expect(await store.replace({ ...after(found, '{}'), owner: 'ada' }, found.version)).toBe(false);
    expect(readdirSync(path)).not.toContain('owners');
  });
});

it('is written twice in a row', async () => {
  const { store, found, other } = await read();
  const first = after(found, '{"n":1}');
  const second = after(first, '{"n":2}');
  expect(await store.replace(first, found.version)).toBe(true);
  expect(await store.replace(second, first.version)).toBe(true);
  expect(await store.replace(after(first, '{"n":3}'), first.version)).toBe(false);
  expect(await other.find(KEY)).toEqual(second);
});

it('writes nothing into another directory in the place of its own', async () => {
  const { store, found, path } = await read();
  renameSync(path, `${path}.away`);
  mkdirSync(path, { mode: 0o700 });
  const written = store.replace(after(found, '{"n":1}'), found.version);
  await expect(written).rejects.toMatchObject({ code: 'ERR_SESSION_DIRECTORY' });
  expect(readdirSync(path)).toEqual([]);
});

it('goes on after thousands of others were read', async () => {
  const { store, found, add } = await read();
  for (let n = 0; n < 2_100; n++) {
    await add(`another-session-number-${n}`, { data: `{"text":"${'x'.repeat(4_000)}"}` });
    await store.find(keyOf(`another-session-number-${n}`));
  }
  expect(await store.replace(after(found, '{"mine":1}'), found.version)).toBe(true);
});

it('keeps apart an id and the handle that would be its own, where ids are plain', async () => {
  const { store, add } = fileWorld({ idAtRest: 'plain' });
  const { version, key } = await add(ID);
  const found = (await store.find(key)) as SessionRecord;
  const handle = store.handleOf(key) as string as SessionRecord['key'];
  expect(await store.replace({ ...after(found, '{}'), key: handle }, version)).toBe(false);
  expect(await store.find(key)).toEqual(found);
});

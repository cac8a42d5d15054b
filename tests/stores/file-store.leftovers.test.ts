// What killed writers leave in the directory of the file store, and files that are not the store's.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { digitsOf, fileWorld, keyOf, snapshot, type FileWorld } from '../support/file-world.js';
import { ID, NONCE, STAGES } from '../support/killed-writers.js';
import { isOurs, recordingFs } from '../support/recording-fs.js';

const MINUTE = 60_000;
const KEY = keyOf(ID);
const CLEAN = { sessions: 0, expired: 0, broken: 0, unreadable: 0, litter: 0, strayOwners: 0, foreign: 0 };

describe.each(Object.entries(STAGES))('a writer killed at %s', (stage, { make, report, live }) => {
  it('has the right session for the next reader', async () => {
    const world = fileWorld();
    await make(world);
    expect((await world.open().find(KEY))?.data ?? null).toBe(live);
    expect((await world.store.find(KEY))?.data ?? null).toBe(live);
    expect(await world.store.ids()).toEqual(live === null ? [] : [KEY]);
  });

  it('has what it may still use left alone for a minute: it may be alive', async () => {
    const world = fileWorld();
    await make(world);
    const before = world.filesOf(ID).filter((file) => /@|\.s-/.test(file));
    await world.clock.advance(30_000);
    // The record of a removed session is of no use to anybody.
    expect((await world.store.verify()).litter).toBe(stage === 'remove: token gone' ? 1 : 0);
    // These are finished by the first reader.
    if (!stage.startsWith('replace: committed'))
      expect(world.filesOf(ID)).toEqual(expect.arrayContaining(before));
    expect((await world.store.find(KEY))?.data ?? null).toBe(live);
  });

  it('is cleaned up after by `verify()`, which says so, and leaves nothing the second time', async () => {
    const world = fileWorld();
    await make(world);
    await world.clock.advance(2 * MINUTE);
    expect(await world.store.verify()).toEqual({ ...CLEAN, ...report });
    expect((await world.store.find(KEY))?.data ?? null).toBe(live);
    expect(world.filesOf(ID)).toHaveLength(live === null ? 0 : 2);
    expect(await world.store.verify()).toEqual({ ...CLEAN, sessions: live === null ? 0 : 1 });
    expect(await world.store.count()).toBe(live === null ? 0 : 1);
    expect(world.errors).toEqual([]);
  });

  it('is cleaned up after by the sweep too', async () => {
    const world = fileWorld({ cleanupInterval: 5 * MINUTE });
    await make(world);
    await world.clock.advance(12 * MINUTE);
    expect(world.filesOf(ID)).toHaveLength(live === null ? 0 : 2);
    expect((await world.store.find(KEY))?.data ?? null).toBe(live);
    await world.store.close();
  });

  it('stands in nobody’s way: the session can be written, or created', async () => {
    const world = fileWorld();
    await make(world);
    await world.clock.advance(2 * MINUTE);
    if (live === null) await world.store.verify();
    const found = await world.store.find(KEY);
    const next = world.record(ID, { data: '{"next":1}' });
    const written = found === null ? world.store.insert(next) : world.store.replace(next, found.version);
    expect(await written).toBe(true);
    expect(await world.open().find(KEY)).toEqual(next);
  });
});

describe('S56 files that are not the store’s', () => {
  /** Everything that cleans, lists or counts. */
  async function useAll(world: FileWorld): Promise<void> {
    const { clock, store } = world;
    store.startCleanup();
    store.startIndexRebuild();
    await clock.advance(12 * MINUTE);
    await store.close();
    await store.page({ limit: 100 });
    await store.page({ limit: 100, owner: 'ada' });
    await store.all();
    await store.count();
    await store.verify();
    await store.removeExpired(100);
    await store.clear();
    await store.verify();
    expect(world.errors).toEqual([]);
    expect(await store.count()).toBe(0);
  }

  async function checkUntouched(make: (path: string, shard: string) => string[]): Promise<void> {
    const strangers: string[] = [];
    const world = fileWorld({
      fs: recordingFs((path) => {
        if (!isOurs(world.path, path)) strangers.push(path);
      }),
    });
    for (let at = 0; at < 10; at++) await world.add(`session-${at}`, { owner: 'ada' });
    await world.add('over', { expiresAt: world.clock.now() + 1 });
    const made = make(world.path, digitsOf('session-0').slice(0, 3));
    const before = snapshot(world.path);
    await useAll(world);
    const after = snapshot(world.path);
    for (const path of made) expect([path, after.get(path)]).toEqual([path, before.get(path)]);
    expect(strangers).toEqual([]);
  }

  function write(root: string, files: Record<string, string>): string[] {
    for (const [below, content] of Object.entries(files)) {
      mkdirSync(join(root, below, '..'), { recursive: true });
      writeFileSync(join(root, below), content);
    }
    return Object.keys(files);
  }

  it('in the directory and in its folders are never read, changed or deleted', () =>
    checkUntouched((path, shard) => {
      const name = digitsOf('session-0');
      const made = write(path, {
        README: 'x',
        '.gitkeep': '',
        'sess_1.json': '{}',
        '.session-store-js.bak': 'x',
        [`backup/${name}`]: 'x',
        [`abcd/${name}`]: 'x',
        [`ABC/${name}`]: 'x',
        [name]: 'x',
        [`${shard}/notes.txt`]: 'x',
        [`${shard}/${name}.json`]: '{}',
        [`${shard}/${name}.tmp`]: 'x',
        [`${shard}/${name.toUpperCase().replace(/\d/g, 'A')}`]: 'x',
        [`${shard}/${name.slice(1)}`]: 'x',
        [`${shard}/${name}@1-short`]: 'x',
        [`${shard}/${name}@0-${NONCE}`]: 'x',
        [`${shard}/${name}.s-1-`]: 'x',
        [`${shard}/${name}.s-1-${NONCE} `]: 'x',
        [`${shard}/old/${name}`]: 'x',
      });
      symlinkSync(join(path, 'README'), join(path, shard, 'link'));
      return [...made, `${shard}/link`, `${shard}/old`, 'backup', 'ABC'];
    }));

  it('in the owner index neither', () =>
    checkUntouched((path) => {
      const [ada, name] = [digitsOf('ada'), digitsOf('nobody')];
      return write(path, {
        'owners/README': 'x',
        [`owners/${ada.slice(0, 3)}/README`]: 'x',
        [`owners/${ada.slice(0, 3)}/${ada}/README`]: 'x',
        [`owners/backup/${ada}/${name}`]: 'x',
        [`owners/${ada.slice(0, 3)}/backup/${name}`]: 'x',
      });
    }));

  it.each(['a file', 'a link to a directory'])('named like a folder of ours: %s', (what) =>
    checkUntouched((path) => {
      // A word of three letters from a to f.
      const place = join(path, 'bad');
      if (what === 'a file') writeFileSync(place, 'x');
      else {
        write(`${path}.other`, { [`bad${digitsOf('x').slice(3)}`]: 'x' });
        symlinkSync(`${path}.other`, place);
      }
      return ['bad'];
    }),
  );

  it('in the quarantine stay, however full it is', async () => {
    const { add, store, fileOf, path, clock } = fileWorld();
    for (let at = 0; at < 105; at++) {
      await add(`session-${at}`);
      writeFileSync(fileOf(`session-${at}`), 'broken');
      if (at === 1) writeFileSync(join(path, 'quarantine', '0000-read-me-first'), 'mine');
      await clock.advance(1);
      expect(await store.find(keyOf(`session-${at}`))).toBeNull();
    }
    expect(existsSync(join(path, 'quarantine', '0000-read-me-first'))).toBe(true);
  });
});

describe('the quarantine', () => {
  it('holds the last hundred', async () => {
    const { add, store, fileOf, path, clock, errors } = fileWorld();
    for (let at = 0; at < 130; at++) {
      await add(`session-${at}`);
      writeFileSync(fileOf(`session-${at}`), `broken ${at}`);
      await clock.advance(1);
      expect(await store.find(keyOf(`session-${at}`))).toBeNull();
    }
    expect(errors).toHaveLength(130);
    const kept = readdirSync(join(path, 'quarantine')).map((file) =>
      readFileSync(join(path, 'quarantine', file), 'utf8'),
    );
    expect(kept).toEqual(Array.from({ length: 100 }, (_, at) => `broken ${at + 30}`));
  });

  it('takes what breaks twice within a millisecond, whatever its kind', async () => {
    const { add, store, fileOf, errors } = fileWorld();
    const kinds: (() => void)[] = [
      () => writeFileSync(fileOf(ID), 'x'),
      () => mkdirSync(fileOf(ID)),
      () => writeFileSync(fileOf(ID), 'y'),
      () => mkdirSync(fileOf(ID)),
      () => mkdirSync(join(fileOf(ID), 'full'), { recursive: true }),
      () => mkdirSync(join(fileOf(ID), 'full'), { recursive: true }),
    ];
    for (const spoil of kinds) {
      await add(ID);
      unlinkSync(fileOf(ID));
      spoil();
      expect(await store.find(KEY)).toBeNull();
    }
    expect(errors).toHaveLength(kinds.length);
  });
});

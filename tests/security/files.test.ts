// How the file store opens files: never through a link, and never one that somebody else has put there. What it asks the
// file system for is recorded, and links are planted wherever it looks.
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';

import type { SessionId } from '../../src/core/contract.js';
import type { FileSystem } from '../../src/stores/file/calls.js';
import { freshPath } from '../support/directory.js';
import { fileWorld, snapshot, type FileWorld } from '../support/file-world.js';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_TRUNC, O_APPEND } = fs.constants;
const ID = 'an-id-that-is-long-enough';

interface Opened {
  readonly path: string;
  readonly flags: number;
  readonly mode: unknown;
}

/** A file system that notes every way to open a file or to name one. */
function noting(): { opened: Opened[]; others: Set<string>; fs: FileSystem } {
  const opened: Opened[] = [];
  const others = new Set<string>();
  const noted = new Proxy(fs, {
    get(target, name: keyof typeof fs) {
      const original = target[name] as unknown;
      if (typeof original !== 'function') return original;
      return (...args: unknown[]): unknown => {
        if (name === 'open' || name === 'openSync')
          opened.push({ path: String(args[0]), flags: args[1] as number, mode: args[2] });
        else others.add(name.replace(/Sync$/, ''));
        return (original as (...args: unknown[]) => unknown)(...args);
      };
    },
  });
  return { opened, others, fs: noted };
}

/** Everything that a store does with sessions. */
async function work({ store, clock, add, record }: FileWorld): Promise<void> {
  for (const id of ['a', 'b', 'c']) {
    const first = await add(id, { owner: 'ada' });
    await store.replace({ ...record(id, { owner: 'ada' }), data: '{"n":2}' }, first.version);
    await store.extend(first.key, clock.now() + 9_000_000);
    await store.find(first.key);
  }
  await store.set(ID, { cookie: { expires: null, originalMaxAge: null }, a: 1 });
  await store.destroy(ID);
  await store.all();
  await store.page({ limit: 10, owner: 'ada' });
  await store.remove(store.keyOf('a' as SessionId));
  await clock.advance(100_000_000);
  await store.removeExpired(100);
  await store.verify();
  await store.clear();
}

describe.each([{}, { io: 'async' }, { durability: 'power' }] as const)('S54 %j', (options) => {
  it('opens nothing through a link; creates only what is not there, for its owner only', async () => {
    const noted = noting();
    await work(fileWorld({ ...options, fs: noted.fs }));
    const created = noted.opened.filter(({ flags }) => (flags & O_CREAT) !== 0);
    expect(created.length).toBeGreaterThan(10);
    expect(noted.opened.length).toBeGreaterThan(created.length);
    expect(noted.opened.filter(({ flags }) => (flags & O_NOFOLLOW) === 0)).toEqual([]);
    expect(created.filter(({ flags, mode }) => (flags & O_EXCL) === 0 || mode !== 0o600)).toEqual([]);
    expect(noted.opened.filter(({ flags }) => (flags & (O_TRUNC | O_APPEND)) !== 0)).toEqual([]);
    // Nothing that opens by itself, follows or copies.
    expect(
      [...noted.others].filter((name) =>
        /file$|stream|^cp|^copy|symlink|^stat$|^realpath|^truncate/i.test(name),
      ),
    ).toEqual([]);
  });

  it('names what it creates with 64 random bits, never the same twice', async () => {
    const noted = noting();
    const world = fileWorld({ ...options, fs: noted.fs });
    for (let index = 0; index < 200; index++) await world.add(`id-${index}`);
    const staged = noted.opened
      .filter(({ path, flags }) => (flags & O_CREAT) !== 0 && /@|\.s-/.test(basename(path)))
      .map(({ path }) => /(?:@|\.s-)\d+-([0-9a-z]+)-/.exec(basename(path))?.[1] ?? `no nonce: ${path}`);
    expect(staged.length).toBeGreaterThanOrEqual(200);
    const nonces = new Set(staged.map((nonce) => nonce.slice(0, 16)));
    for (const nonce of nonces) expect(nonce).toMatch(/^[0-9a-f]{16}$/);
    // A writer keeps its random part and counts its writes: another store has another one. The marker's own is another.
    for (let index = 0; index < 50; index++) {
      const note = noting();
      await fileWorld({ ...options, fs: note.fs }).add('x');
      const random = note.opened
        .filter(({ flags }) => (flags & O_CREAT) !== 0)
        .map(
          ({ path }) => /(?:@\d+-|\.s-\d+-|js\.)([0-9a-f]{16})/.exec(basename(path))?.[1] ?? `none: ${path}`,
        );
      expect(new Set(random).size).toBe(2);
      for (const each of new Set(random)) expect(nonces.has(each)).toBe(false);
      for (const each of random) nonces.add(each);
    }
  });

  it('reads no session through a link in the place of its file, and leaves what it points to alone', async () => {
    const world = fileWorld(options);
    const { store, add, fileOf } = world;
    const victim = await add('victim', { data: '{"card":"of the victim"}' });
    const record = await add(ID);
    const outside = join(dirname(freshPath()), 'outside');
    fs.copyFileSync(fileOf(ID), outside);
    const before = snapshot(outside);
    for (const target of [outside, fileOf('victim')]) {
      fs.rmSync(fileOf(ID), { force: true });
      fs.symlinkSync(target, fileOf(ID));
      const read = await store.find(record.key).catch((error: unknown) => error);
      expect(read).toBeNull();
      await add(ID).catch(() => undefined);
    }
    expect((await store.find(victim.key))?.data).toBe('{"card":"of the victim"}');
    expect(snapshot(outside)).toEqual(before);
  });
});

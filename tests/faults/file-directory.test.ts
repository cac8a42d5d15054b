// F7, F9: the directory is taken away, swapped, opened to others or made read-only while the store is in use.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { SessionError } from '../../src/core/errors.js';
import { newVersion } from '../../src/core/record.js';
import { freshPath } from '../support/directory.js';
import {
  HOUR,
  SCENARIOS,
  createFileWorld,
  faultsOf,
  outcomeOf,
  type FileWorld,
  type Mode,
} from '../support/file-scenarios.js';
import { reportFault } from '../support/faults.js';
import { bindMount, mountMemory, unmount, unmountAll } from '../support/tools.js';

// Processes and disks that others use too take their time.
jest.setTimeout(60_000);

afterEach(unmountAll);

/** Every operation once, as whoever does not know of the fault asks for it. */
const operations = ({
  store,
  records: { one, fresh },
}: FileWorld): Record<string, () => Promise<unknown>> => ({
  find: () => store.find(one.key),
  'find of none': () => store.find(fresh.key),
  insert: () => store.insert(fresh),
  'insert with an owner': () => store.insert({ ...fresh, owner: 'bob' }),
  replace: () => store.replace({ ...one, version: newVersion() }, one.version),
  extend: () => store.extend(one.key, (one.expiresAt ?? 0) + HOUR / 4),
  remove: () => store.remove(one.key),
  'remove of none': () => store.remove(fresh.key),
  page: () => store.page({ limit: 10 }),
  'page of a user': () => store.page({ limit: 10, owner: 'ann' }),
  count: () => store.count(),
  removeExpired: () => store.removeExpired(10),
  verify: () => store.verify(),
});

const SYNC: Mode = { io: 'sync', durability: 'process' };

/** Demands of every operation that it fails as one on a directory that is not the store's. */
async function demandFaults(world: FileWorld, message: RegExp): Promise<void> {
  const all = { ...operations(world) };
  if (world.store.capabilities.has('findSync'))
    all['findSync'] = async () => Promise.resolve(world.store.findSync(world.records.one.key));
  for (const [name, run] of Object.entries(all)) {
    const { error, result } = await outcomeOf(run);
    expect([name, result, (error as SessionError | undefined)?.code]).toEqual([
      name,
      undefined,
      'ERR_SESSION_DIRECTORY',
    ]);
    expect((error as Error).message).toMatch(message);
  }
}

/** Demands that the sessions are there as they were, and that the store works. */
async function demandAll({ store, sound, records: { one, two, fresh } }: FileWorld): Promise<void> {
  for (const each of [store, sound])
    for (const record of [one, two]) expect(await each.find(record.key)).toEqual(record);
  expect(await store.insert(fresh)).toBe(true);
  expect(await sound.find(fresh.key)).toEqual(fresh);
  expect(await store.remove(fresh.key)).toBe(true);
  expect((await sound.verify()).broken).toBe(0);
}

/** Names, contents, times and permissions of all that lies in a directory. */
function imageOf(path: string): unknown[] {
  return (readdirSync(path, { recursive: true }) as string[]).sort().map((name) => {
    const { mode, mtimeMs, ctimeMs, size } = statSync(join(path, name));
    const isFile = statSync(join(path, name)).isFile();
    return [name, mode, mtimeMs, ctimeMs, size, isFile ? readFileSync(join(path, name), 'utf8') : null];
  });
}

/** Takes the directory away for a while and puts something in its place. */
async function swapped(
  world: FileWorld,
  put: (path: string) => void,
  work: () => Promise<void>,
): Promise<void> {
  const aside = `${world.path}.aside`;
  renameSync(world.path, aside);
  try {
    put(world.path);
    await work();
  } finally {
    rmSync(world.path, { recursive: true, force: true });
    renameSync(aside, world.path);
  }
}

describe.each<Mode>([SYNC, { io: 'async', durability: 'power' }])('F9 %j', (mode) => {
  const report = (recipe: string, result: string): void =>
    reportFault({ fault: 'F9', recipe: `${recipe}, ${mode.io}`, rounds: 14, result });

  it('F9 a directory that went away is a fault, is not made anew, and is there again when it is back', async () => {
    const world = await createFileWorld(freshPath(), mode);
    await swapped(
      world,
      () => undefined,
      async () => {
        await demandFaults(world, /is gone.*ensureDirectory\(\)/);
        expect(existsSync(world.path)).toBe(false);
      },
    );
    await demandAll(world);
    report('directory moved away and back', 'faults, never "no session"; all there again');
  });

  it('F9 an empty directory in its place is a fault and stays empty', async () => {
    const world = await createFileWorld(freshPath(), mode);
    await swapped(
      world,
      (path) => mkdirSync(path, { mode: 0o700 }),
      async () => {
        await demandFaults(world, /\.session-store-js/);
        expect(readdirSync(world.path)).toEqual([]);
      },
    );
    await demandAll(world);
    report('an empty directory in its place', 'faults, nothing written; all there again');
  });

  it('F9 a file in its place is a fault and stays as it is', async () => {
    const world = await createFileWorld(freshPath(), mode);
    await swapped(
      world,
      (path) => writeFileSync(path, 'canary'),
      async () => {
        await demandFaults(world, /is not a directory/);
        expect(readFileSync(world.path, 'utf8')).toBe('canary');
      },
    );
    await demandAll(world);
  });

  it('F9 behind a symbolic link in its place nothing is read, written or deleted', async () => {
    const world = await createFileWorld(freshPath(), mode);
    const elsewhere = await createFileWorld(freshPath(), mode);
    // What a store would take for its own, and what it would not.
    writeFileSync(join(elsewhere.path, 'canary'), 'canary');
    mkdirSync(join(elsewhere.path, 'quarantine'));
    const before = imageOf(elsewhere.path);
    await swapped(
      world,
      (path) => symlinkSync(elsewhere.path, path),
      async () => {
        await demandFaults(world, /is a symbolic link/);
        await expect(world.store.ensureDirectory()).rejects.toThrow('is a symbolic link');
        expect(imageOf(elsewhere.path)).toEqual(before);
      },
    );
    expect(imageOf(elsewhere.path)).toEqual(before);
    await demandAll(world);
    report('swapped for a symbolic link, canaries behind it', 'faults, canaries untouched; all there again');
  });

  it.each([0o777, 0o770, 0o702])(
    'F9 a directory with mode %o is refused until it is closed again',
    async (open) => {
      const world = await createFileWorld(freshPath(), mode);
      chmodSync(world.path, open);
      await demandFaults(world, /chmod go-w/);
      await expect(world.store.ensureDirectory()).rejects.toThrow('chmod go-w');
      chmodSync(world.path, 0o700);
      await demandAll(world);
    },
  );

  it('F9 ensureDirectory() begins anew after a removal', async () => {
    const world = await createFileWorld(freshPath(), mode);
    rmSync(world.path, { recursive: true });
    await demandFaults(world, /is gone/);
    await world.store.ensureDirectory();
    expect(statSync(world.path).mode & 0o777).toBe(0o700);
    const { store, records } = world;
    expect(await store.find(records.one.key)).toBeNull();
    expect(await store.count()).toBe(0);
    expect(await store.insert(records.one)).toBe(true);
    expect(await store.find(records.one.key)).toEqual(records.one);
  });

  it('F9 a disk that is unmounted is a fault, its mount point stays empty, and all is there when it is mounted again', async () => {
    const disk = freshPath();
    const path = freshPath();
    mkdirSync(path, { mode: 0o700 });
    if (!mountMemory(disk, 'size=4m,mode=700') || !bindMount(disk, path)) return;
    const world = await createFileWorld(path, mode);
    unmount(path);
    await demandFaults(world, /Mount it again/);
    expect(readdirSync(path)).toEqual([]);
    bindMount(disk, path);
    await demandAll(world);
    report('unmounted and mounted again', 'faults, mount point stays empty; all there again');
  });

  it('F9 F7 a disk that turns read-only can be read, and refuses writes with advice', async () => {
    const disk = freshPath();
    if (!mountMemory(disk, 'size=4m,mode=700')) return;
    const world = await createFileWorld(join(disk, 'sessions'), mode);
    const remount = (how: string): void => {
      expect(spawnSync('mount', ['-o', `remount,${how}`, disk]).status).toBe(0);
    };
    remount('ro');
    const { insert, replace, extend, remove, find, page, count } = operations(world) as Record<
      string,
      () => Promise<unknown>
    >;
    for (const write of [insert, replace, extend, remove])
      await expect(write?.()).rejects.toMatchObject({
        code: 'ERR_SESSION_STORE',
        status: 503,
        message: expect.stringContaining('read-only'),
      });
    for (const read of [find, page, count]) await read?.();
    expect(await find?.()).toEqual(world.records.one);
    remount('rw');
    await demandAll(world);
  });
});

describe('F9 in the middle of an operation', () => {
  const scenarios = SCENARIOS.filter(
    ({ name, isFirstUse }) => isFirstUse === undefined && name !== 'ensureDirectory',
  );
  let done = 0;
  let lies = 0;

  it.each(scenarios)(
    'F9 $name: a directory that goes away before any of its calls is no empty store',
    async (scenario) => {
      const base = freshPath();
      const probe = await createFileWorld(`${base}-probe`, SYNC, scenario);
      probe.failing.set(null);
      await scenario.run(probe);
      const wrong: string[] = [];
      for (const [i, kind] of probe.failing.calls.entries()) {
        const world = await createFileWorld(`${base}-${i}`, SYNC, scenario);
        const aside = `${world.path}.aside`;
        const vanishing = {
          ...scenario,
          run: async () => {
            try {
              return await scenario.run(world);
            } finally {
              if (existsSync(aside)) {
                if (existsSync(world.path)) wrong.push(`call ${i + 1} (${kind}): made anew`);
                rmSync(world.path, { recursive: true, force: true });
                renameSync(aside, world.path);
              }
            }
          },
        };
        const faults = await faultsOf(world, vanishing, (_name, n) => {
          if (n === i + 1) renameSync(world.path, aside);
          return null;
        });
        wrong.push(...faults.map((what) => `before call ${i + 1} (${kind}): ${what}`));
        done++;
      }
      lies += wrong.length;
      expect(wrong).toEqual([]);
    },
  );

  it('F9 reports', () => {
    reportFault({
      fault: 'F9',
      recipe: 'directory gone before the n-th call',
      rounds: done,
      result: lies === 0 ? 'never an empty store' : `${lies} answers that are not true`,
    });
    expect(done).toBeGreaterThan(0);
  });
});

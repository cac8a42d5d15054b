// F7: the directory is read-only, or another user's, for a process that is not root.
import { chmodSync, lchownSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { runInChild } from '../support/child.js';
import { freshPath } from '../support/directory.js';
import { createFileWorld, type FileWorld } from '../support/file-scenarios.js';
import { reportFault } from '../support/faults.js';
import { isRoot } from '../support/tools.js';

// Processes and disks that others use too take their time.
jest.setTimeout(60_000);

const NOBODY = 65_534;

type Outcomes = Record<string, { result?: unknown; error?: { name: string; code: string; message: string } }>;

/** Makes the files read-only, and whose they are. */
function hand(path: string, owner: number, directories: number, files: number): void {
  for (const name of ['', ...(readdirSync(path, { recursive: true }) as string[])]) {
    const each = join(path, name);
    lchownSync(each, owner, owner);
    chmodSync(each, statSync(each).isDirectory() ? directories : files);
  }
  chmodSync(dirname(path), 0o755);
}

/** What another user's process is told. `before`: JavaScript that it runs between the first use and the operations. */
async function asNobody({ path, records }: FileWorld, mode: object, before = ''): Promise<Outcomes> {
  const { code, output, errors } = await runInChild(`
    const fs = require('node:fs');
    const { FileStore } = src('stores/file-store');
    const { one, fresh } = ${JSON.stringify(records)};
    const path = ${JSON.stringify(path)};
    const store = new FileStore({ path, cleanupInterval: 0, ...${JSON.stringify(mode)} });
    process.setgroups([]);
    process.setgid(${NOBODY});
    process.setuid(${NOBODY});
    const operations = {
      ensureDirectory: () => store.ensureDirectory(),
      find: () => store.find(one.key),
      page: () => store.page({ limit: 10 }),
      count: () => store.count(),
      insert: () => store.insert(fresh),
      replace: () => store.replace({ ...one, version: 'next' }, one.version),
      extend: () => store.extend(one.key, one.expiresAt + 3_000_000),
      remove: () => store.remove(one.key),
    };
    (async () => {
      ${before}
      const outcomes = {};
      for (const [name, run] of Object.entries(operations))
        outcomes[name] = await run().then(
          (result) => ({ result }),
          ({ name, code, message }) => ({ error: { name, code, message } }),
        );
      console.log(JSON.stringify(outcomes));
    })();
  `);
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
  return JSON.parse(output) as Outcomes;
}

const namesIn = (path: string): string[] => (readdirSync(path, { recursive: true }) as string[]).sort();

describe.each([
  { io: 'sync', durability: 'process' },
  { io: 'async', durability: 'power' },
] as const)('F7 %j', (mode) => {
  it.each([
    ['a read-only directory of its own', NOBODY, 0o500, 0o400],
    ["another user's directory that it may read", 0, 0o755, 0o644],
    ["another user's directory that it may not enter", 0, 0o700, 0o600],
  ])('F7 %s is refused with what to do from the first use on', async (_what, owner, directories, files) => {
    if (!isRoot()) return;
    const world = await createFileWorld(freshPath(), mode);
    hand(world.path, owner, directories, files);
    const before = namesIn(world.path);
    for (const [name, { result, error }] of Object.entries(await asNobody(world, mode))) {
      expect([name, result, error?.name, error?.code]).toEqual([
        name,
        undefined,
        'SessionError',
        'ERR_SESSION_DIRECTORY',
      ]);
      expect(error?.message).toMatch(/cannot be written.*permission/);
    }
    expect(namesIn(world.path)).toEqual(before);
    expect(await world.sound.find(world.records.one.key)).toEqual(world.records.one);
  });

  it('F7 a directory that turns read-only can be read, and refuses writes with advice', async () => {
    if (!isRoot()) return;
    const world = await createFileWorld(freshPath(), mode);
    hand(world.path, NOBODY, 0o700, 0o600);
    const before = namesIn(world.path);
    const { ensureDirectory, find, page, count, ...writes } = await asNobody(
      world,
      mode,
      `await store.ensureDirectory();
       for (const each of ['', ...fs.readdirSync(path)])
         if (fs.statSync(path + '/' + each).isDirectory()) fs.chmodSync(path + '/' + each, 0o500);`,
    );
    expect(find?.result).toEqual(world.records.one);
    expect((page?.result as { records: unknown[] }).records).toHaveLength(2);
    expect(count?.result).toBe(3);
    expect(ensureDirectory?.error?.code).toBe('ERR_SESSION_DIRECTORY');
    for (const [name, { error }] of Object.entries(writes)) {
      expect([name, error?.name, error?.code]).toEqual([name, 'SessionError', 'ERR_SESSION_STORE']);
      expect(error?.message).toMatch(/EACCES.*check their owner and permissions/);
    }
    expect(namesIn(world.path)).toEqual(before);
    reportFault({
      fault: 'F7',
      recipe: `read-only directory as another user, io ${mode.io}`,
      rounds: 4 * 8,
      result: 'refused with what to do; reads go on where they can; nothing changed',
    });
  });
});

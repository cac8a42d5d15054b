// The directory of the file store: who may use it, what is refused and with which advice, from `ensureDirectory()` and
// from every first use alike.
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import type { SessionRecord } from '../../src/core/contract.js';
import type { FileStore } from '../../src/stores/file-store.js';
import { runInChild } from '../support/child.js';
import { freshPath } from '../support/directory.js';
import { fileWorld, keyOf, snapshot, type Snapshot } from '../support/file-world.js';

const ID = 'an-id-that-is-long-enough';
const KEY = keyOf(ID);
const RECORD: SessionRecord = {
  v: 1,
  key: KEY,
  data: '{}',
  version: 'v',
  createdAt: 0,
  deadlineAt: null,
  idleMs: null,
  expiresAt: null,
};
const permissions = (path: string): string => (lstatSync(path).mode & 0o777).toString(8);

/** Everything that may be the first thing that a store is asked. */
const USES: readonly (readonly [string, (store: FileStore) => unknown])[] = [
  ['ensureDirectory', (store) => store.ensureDirectory()],
  ['ping', (store) => store.ping()],
  ['find', (store) => store.find(KEY)],
  ['findSync', (store) => store.findSync(KEY)],
  ['insert', (store) => store.insert(RECORD)],
  ['replace', (store) => store.replace(RECORD, 'v')],
  ['extend', (store) => store.extend(KEY, null)],
  ['remove', (store) => store.remove(KEY)],
  ['page', (store) => store.page({ limit: 5 })],
  ['page of an owner', (store) => store.page({ limit: 5, owner: 'ada' })],
  ['count', (store) => store.count()],
  ['removeExpired', (store) => store.removeExpired(5)],
  ['verify', (store) => store.verify()],
  ['get', (store) => store.get(ID)],
  ['set', (store) => store.set(ID, {})],
  ['touch', (store) => store.touch(ID, {})],
  ['destroy', (store) => store.destroy(ID)],
  ['all', (store) => store.all()],
  ['ids', (store) => store.ids()],
  ['length', (store) => store.length()],
  ['clear', (store) => store.clear()],
];

const FAULTS: Record<string, readonly [spoil: (path: string) => void, says: RegExp]> = {
  'a file': [(path) => writeFileSync(path, 'mine'), /is not a directory\. Give another path\./],
  'below a file': [
    (path) => {
      rmSync(dirname(path), { recursive: true });
      writeFileSync(dirname(path), '');
    },
    /is not a directory\. Give another path\./,
  ],
  'a symbolic link to a directory': [
    (path) => {
      mkdirSync(`${path}.real`, 0o700);
      symlinkSync(`${path}.real`, path);
    },
    /is a symbolic link\. Give the directory that it points to\./,
  ],
  'a symbolic link to nothing': [(path) => symlinkSync(`${path}.real`, path), /is a symbolic link\./],
  'writable by the group': [
    (path) => {
      mkdirSync(path);
      chmodSync(path, 0o770);
    },
    /can be written by others than its owner\. Run: chmod go-w '/,
  ],
  'writable by everybody': [
    (path) => {
      mkdirSync(path);
      chmodSync(path, 0o1777);
    },
    /can be written by others than its owner\. Run: chmod go-w '/,
  ],
  'of a later format': [
    (path) => {
      mkdirSync(path, 0o700);
      writeFileSync(join(path, '.session-store-js'), 'session-store-js file store, format 2\n');
    },
    /was written by a later version \(format 2\)\. Update session-store-js\./,
  ],
  'with a marker of somebody else': [
    (path) => {
      mkdirSync(path, 0o700);
      writeFileSync(join(path, '.session-store-js'), 'hello\n');
    },
    /has a file \.session-store-js that is not the store's\. Remove that file\./,
  ],
};

/** What a call fails with, at once or later. */
async function failureOf(use: () => unknown): Promise<unknown> {
  try {
    return ['no failure', await use()];
  } catch (error) {
    return error;
  }
}

/** Without the marker, which is read to know the format. */
function untouched(files: Map<string, Snapshot>): Map<string, Snapshot> {
  return new Map([...files].filter(([path]) => !path.endsWith('.session-store-js')));
}

it.each(Object.entries(FAULTS))(
  'S54 gives a typed error that says what to do, and changes nothing, whatever the first use is: a path that is %s',
  async (_, [spoil, says]) => {
    const path = freshPath();
    spoil(path);
    const before = untouched(snapshot(dirname(path)));
    const failures: [use: string, failure: unknown][] = [];
    for (const [name, use] of USES)
      failures.push([name, await failureOf(() => use(fileWorld({ path }).store))]);
    const expected = expect.objectContaining({
      name: 'SessionError',
      code: 'ERR_SESSION_DIRECTORY',
      message: expect.stringMatching(says) as string,
    }) as unknown;
    expect(failures).toEqual(USES.map(([name]) => [name, expected]));
    expect(untouched(snapshot(dirname(path)))).toEqual(before);
  },
);

it('is created by the first use, whichever it is, and by `ensureDirectory()`', async () => {
  for (const [name, use] of USES) {
    const { store, path } = fileWorld();
    await use(store);
    expect([name, existsSync(path) && permissions(path)]).toEqual([name, '700']);
    expect(readFileSync(join(path, '.session-store-js'), 'utf8')).toMatch(
      /^session-store-js file store, format 1\n/,
    );
  }
});

it('is created with those above it', async () => {
  const path = join(freshPath(), 'deep', 'down');
  await fileWorld({ path }).store.ensureDirectory();
  expect(readdirSync(path)).toEqual(['.session-store-js']);
});

it('stays as it is however often `ensureDirectory()` is called, from two stores at once too', async () => {
  const { store, open, path, add } = fileWorld();
  await Promise.all([store, open(), store, open()].map((each) => each.ensureDirectory()));
  await add(ID);
  const before = untouched(snapshot(path));
  for (let time = 0; time < 3; time++) await store.ensureDirectory();
  await open().ensureDirectory();
  expect(untouched(snapshot(path))).toEqual(before);
});

it('takes a directory that the operator made, and the files that lie in it', async () => {
  const { store, path } = fileWorld();
  mkdirSync(path, 0o755);
  writeFileSync(join(path, 'README'), 'Sessions of the shop.');
  chmodSync(path, 0o755);
  await store.set(ID, { visits: 1 });
  expect(permissions(path)).toBe('755');
  expect(readFileSync(join(path, 'README'), 'utf8')).toBe('Sessions of the shop.');
});

it('S54 is checked again when it changes: opened to others, it is refused from the next call on', async () => {
  const { store, add, path } = fileWorld();
  await add(ID);
  chmodSync(path, 0o777);
  for (const use of [() => store.find(KEY), () => store.remove(KEY), () => store.findSync(KEY)])
    expect(await failureOf(use)).toMatchObject({ code: 'ERR_SESSION_DIRECTORY' });
  chmodSync(path, 0o700);
  expect(await store.find(KEY)).not.toBeNull();
});

it('F9 S54 is no empty store when it is gone or swapped for a link, and goes on when it is back', async () => {
  const { store, add, path } = fileWorld();
  await add(ID);
  renameSync(path, `${path}.away`);
  for (const [name, use] of USES.filter(([name]) => !/^(?:ensureDirectory|ping)$/.test(name)))
    expect([name, await failureOf(() => use(store))]).toEqual([
      name,
      expect.objectContaining({ code: 'ERR_SESSION_DIRECTORY' }),
    ]);
  expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
  symlinkSync(`${path}.away`, path);
  for (const [name, use] of USES)
    expect([name, await failureOf(() => use(store))]).toEqual([
      name,
      expect.objectContaining({ code: 'ERR_SESSION_DIRECTORY' }),
    ]);
  rmSync(path);
  mkdirSync(path, 0o700);
  expect(await failureOf(() => store.find(KEY))).toMatchObject({ code: 'ERR_SESSION_DIRECTORY' });
  rmSync(path, { recursive: true });
  renameSync(`${path}.away`, path);
  expect(await store.find(KEY)).not.toBeNull();
});

/** The same for a user who is not root: whom permissions stop. */
const NOBODY = 65_534;
/** Loads everything before it gives its rights away. */
const asNobody = (script: string): string => `
  const { FileStore } = src('stores/file-store');
  const options = { cleanupInterval: 0, durability: 'power' };
  new FileStore(options);
  if (process.getuid() === 0) { process.setgroups([]); process.setgid(${NOBODY}); process.setuid(${NOBODY}); }
  (async () => {
    ${script}
  })();
`;

/** A directory that a user who is not root can write to. */
function placeForNobody(): string {
  const above = mkdtempSync(join(tmpdir(), 'session-store-js-'));
  if (process.getuid?.() === 0) chownSync(above, NOBODY, NOBODY);
  else chmodSync(above, 0o700);
  places.push(above);
  return above;
}

const places: string[] = [];
afterAll(() => {
  for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true });
});

/** Makes every kind of file there is. */
const WORK = `
  const work = async (path) => {
    const store = new FileStore({ ...options, path });
    const session = { visits: 1, cookie: { originalMaxAge: 60000, expires: new Date(Date.now() + 60000) } };
    await store.set('${ID}', session);
    session.cookie.expires = new Date(Date.now() + 80000);
    await store.touch('${ID}', session);
    await store.set('${ID}', { ...session, visits: 2 });
    const { version } = await store.find(store.keyOf('${ID}'));
    await store.insert({ v: 1, key: store.keyOf('another'), data: '{}', version, createdAt: 1, deadlineAt: null,
      idleMs: null, expiresAt: null, owner: 'ada' });
    await store.set('broken', {});
    require('node:fs').writeFileSync(store._getFilePath('broken'), 'x');
    await store.get('broken');
    await store.verify();
    return JSON.stringify([(await store.get('${ID}')).visits, await store.length()]);
  };
`;
const UMASKS = ['000', '022', '077', '0277', '0777'];

it('S55 keeps directories 0700 and files 0600 under any umask, for whoever runs it', async () => {
  const place = placeForNobody();
  const script = `${WORK}
    for (const umask of ${JSON.stringify(UMASKS)}) {
      process.umask(umask);
      console.log(umask, await work('${place}/' + umask).catch(({ code }) => code));
    }`;
  const { output, errors } = await runInChild(asNobody(script));
  expect([output, errors]).toEqual([UMASKS.map((umask) => `${umask} [2,2]\n`).join(''), '']);
  for (const umask of UMASKS) {
    const files = [...snapshot(join(place, umask))];
    expect(files.filter(([, { kind }]) => kind === 'file').length).toBeGreaterThan(6);
    const odd = files.filter(([, { kind, mode }]) => mode !== (kind === 'directory' ? 0o700 : 0o600));
    expect(odd.map(([below, { mode }]) => [umask, below, mode.toString(8)])).toEqual([]);
  }
});

it('S55 creates the directories above under any umask too', async () => {
  const path = join(placeForNobody(), 'a', 'b');
  const script = `${WORK}
    process.umask(0o777);
    console.log(await work('${path}').catch(({ code }) => code));`;
  expect((await runInChild(asNobody(script))).output).toBe('[2,2]\n');
});

it('F7 gives the typed error where this user may not write, from every first use, and says so', async () => {
  const path = join(placeForNobody(), 'sessions');
  mkdirSync(path, 0o755);
  const script = `
    const store = new FileStore({ ...options, path: '${path}' });
    for (const use of [() => store.ensureDirectory(), () => store.get('a'), () => store.findSync(store.keyOf('a')),
      () => store.set('a', {}), () => store.length(), () => store.verify(), () => store.removeExpired(1)]) {
      try { await use(); console.log('no error'); }
      catch ({ code, message }) { console.log(code, message.replace(/'.*'/, 'X')); }
    }`;
  if (process.getuid?.() !== 0) chmodSync(path, 0o500);
  const { output } = await runInChild(asNobody(script));
  expect(output.trim().split('\n')).toEqual(
    Array.from(
      { length: 7 },
      () =>
        'ERR_SESSION_DIRECTORY The session directory X cannot be written by this process. ' +
        'Give this user read, write and search permission, or another path.',
    ),
  );
  expect(statSync(path).mode & 0o777).toBe(process.getuid?.() === 0 ? 0o755 : 0o500);
});

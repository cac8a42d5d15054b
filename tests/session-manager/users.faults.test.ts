// Ending a user's sessions while something else is wrong: with the disk, with the clock, with what names a session.
import * as nodeFs from 'node:fs';

import session from 'express-session';

import { systemClock } from '../../src/core/clock.js';
import { SessionManager } from '../../src/session-manager.js';
import { fromExpressStore } from '../../src/stores/adapted-store.js';
import { FileStore, type FileSystem } from '../../src/stores/file-store.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { freshPath } from '../support/directory.js';
import { SECRET } from '../support/secret.js';
import { DAY, handleIn, openUsers } from './user-world.js';
import { closeWorlds, codeOf, createWorld } from './world.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await closeWorlds();
});

type Callback = (error: unknown) => void;
type Open = (...args: unknown[]) => number;

/** A disk that cannot read one file, while `broken` says which. */
function diskWith(broken: { name: string }): FileSystem {
  const fail = (path: unknown): void => {
    if (broken.name !== '' && String(path).endsWith(broken.name))
      throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
  };
  const openSync = (path: string, ...rest: unknown[]): number => {
    fail(path);
    return (nodeFs.openSync as Open)(path, ...rest);
  };
  const open = (path: string, ...rest: unknown[]): void => {
    try {
      fail(path);
    } catch (error) {
      (rest.at(-1) as Callback)(error);
      return;
    }
    (nodeFs.open as (...args: unknown[]) => void)(path, ...rest);
  };
  return { ...nodeFs, openSync, open } as unknown as FileSystem;
}

it.each(['sync', 'async'] as const)(
  'P5 revokeAll() does not say that all are ended where one could not be read: files, %s',
  async (io) => {
    const broken = { name: '' };
    const { device, sessions, userIn } = await openUsers(
      (clock) => new FileStore({ clock, cleanupInterval: 0, path: freshPath(), fs: diskWith(broken), io }),
    );
    const [phone, laptop] = [await device('ada'), await device('ada')];
    broken.name = handleIn(phone).slice('sha256:'.length);
    expect(await codeOf(sessions.ofUser('ada').revokeAll())).toBe('ERR_SESSION_STORE');
    expect(await codeOf(sessions.ofUser('ada').list())).toBe('ERR_SESSION_STORE');
    broken.name = '';
    expect([await userIn(laptop), await userIn(phone)]).toEqual([null, 'ada']);
    expect(await sessions.ofUser('ada').revokeAll()).toBe(1);
  },
);

it.each([
  ['revokeIssuedBefore()', (sessions: SessionManager) => sessions.revokeIssuedBefore()],
  ['revokeIssuedBefore(now)', (sessions: SessionManager) => sessions.revokeIssuedBefore(new Date())],
  ['invalidateBefore()', (sessions: SessionManager) => sessions.ofUser('ada').invalidateBefore()],
])('%s after the wall clock was set forward refuses no later login', async (_name, revoke) => {
  const store = new MemoryStore({ clock: systemClock, cleanupInterval: 0 });
  const { client, on, sessions } = await createWorld({ clock: systemClock, store });
  on('/login', async (req, res) => {
    await sessions.login(req, 'ada');
    res.end();
  });
  on('/who', async (req, res) => {
    res.json((await sessions.userOf(req)) ?? null);
  });
  await client.get('/login');
  const real = Date.now.bind(Date);
  // As on a machine that slept for a day: the process counts on with a clock of its own.
  jest.spyOn(Date, 'now').mockImplementation(() => real() + DAY);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await revoke(sessions);
  expect((await client.get('/who')).body).toBe('null');
  await client.get('/login');
  expect((await client.get('/who')).body).toBe('"ada"');
});

it('S57 what names the exception of revokeAll() is a handle before it meets the store', async () => {
  const theirs = new session.MemoryStore();
  const asked: unknown[] = [];
  const get = theirs.get.bind(theirs);
  theirs.get = (id, done) => {
    asked.push(id);
    get(id, done);
  };
  const sessions = new SessionManager({ secret: SECRET, store: fromExpressStore(theirs) });
  const names: unknown[] = [{ $ne: null }, 'sess:*', '../../etc/passwd'];
  for (const except of names) expect(await sessions.ofUser('ada').revokeAll({ except } as never)).toBe(0);
  expect(asked).toEqual([]);
  await sessions.close();
});

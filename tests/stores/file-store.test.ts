// The file store as its users see it: options, where a session lies and what its file says, two stores on one directory,
// and a manager that builds one.
import { crc32 } from 'node:zlib';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

import type { SessionId, SessionKey } from '../../src/core/contract.js';
import { SessionManager } from '../../src/session-manager.js';
import { FileStore, type FileStoreOptions } from '../../src/stores/file-store.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { freshPath } from '../support/directory.js';
import { thrownBy, withCode } from '../support/failures.js';
import { HOUR, digitsOf, fileWorld, keyOf, parsed } from '../support/file-world.js';
import { SECRET } from '../support/secret.js';

const ID = 'VGhpcyBpcyBubyBzZWNyZXQgYXQgYWxsIQ_-';

describe('options', () => {
  it.each<[Record<string, unknown>, string]>([
    [{ path: '' }, '"path" must be the path of a directory'],
    [{ path: 5 }, '"path" must be the path of a directory'],
    [{ path: 'a\0b' }, '"path" must be the path of a directory'],
    [{ ttl: 0 }, '"ttl" must be a number of seconds above 0'],
    [{ ttl: -1 }, '"ttl" must be a number of seconds above 0'],
    [{ ttl: NaN }, '"ttl" must be a number of seconds above 0'],
    [{ ttl: '1d' }, '"ttl" must be a number of seconds above 0'],
    [{ cleanupInterval: -1 }, '"cleanupInterval" must be a number of milliseconds, 0 for none'],
    [{ cleanupInterval: '5m' }, '"cleanupInterval" must be a number of milliseconds, 0 for none'],
    [{ indexInterval: NaN }, '"indexInterval" must be a number of milliseconds, 0 for none'],
    [{ durability: 'disk' }, "\"durability\" must be 'process' or 'power'"],
    [{ io: true }, "\"io\" must be 'sync' or 'async'"],
    [{ fs: {} }, '"fs" must be what has the functions of node:fs'],
    [{ idAtRest: 'md5' }, "\"idAtRest\" must be 'sha256' or 'plain'"],
    [{ clock: 5 }, '"clock" must be a clock with now() and after(ms, callback)'],
    [{ TTL: 5 }, '"TTL" is not an option, "ttl" is'],
    [{ maxAge: 5 }, '"maxAge" is not an option'],
  ])('refuses %p', (options, message) => {
    const error = thrownBy(() => new FileStore(options));
    expect(error.code).toBe('ERR_SESSION_OPTIONS');
    expect(error.message).toContain(`Wrong options for FileStore: ${message}`);
  });

  it('refuses what is no object of options', () => {
    for (const options of [5, 'sessions', []] as unknown[])
      expect(thrownBy(() => new FileStore(options as FileStoreOptions)).code).toBe('ERR_SESSION_OPTIONS');
  });

  it('names all wrong fields at once', () => {
    expect(() => new FileStore({ ttl: -1, path: '' })).toThrow(/"path".*"ttl"/);
  });

  it('needs none: the directory is ./sessions, handles are at rest, and making a store touches no disk', async () => {
    const store = new FileStore();
    expect(store.idAtRest).toBe('sha256');
    expect(relative(process.cwd(), store._getFilePath(ID))).toBe(
      join('sessions', digitsOf(ID).slice(0, 3), digitsOf(ID)),
    );
    await store.close();
    expect(existsSync('sessions')).toBe(false);
  });

  it('answers at once where it is allowed to, and says so', () => {
    expect(fileWorld().store.capabilities.has('findSync')).toBe(true);
    expect(fileWorld({ io: 'async' }).store.capabilities.has('findSync')).toBe(false);
  });
});

describe('where a session lies', () => {
  it('names its file after the handle, in the folder of the first three digits, for an id and for its handle', () => {
    const { store, path } = fileWorld();
    const expected = join(path, digitsOf(ID).slice(0, 3), digitsOf(ID));
    expect(store._getFilePath(ID)).toBe(expected);
    expect(store._getFilePath(`sha256:${digitsOf(ID)}`)).toBe(expected);
  });

  it('gives an absolute path from a relative one', () => {
    const store = new FileStore({ path: 'some/where', cleanupInterval: 0 });
    expect(store._getFilePath(ID)).toBe(resolve('some/where', digitsOf(ID).slice(0, 3), digitsOf(ID)));
  });

  it.each([[undefined], [null], [''], [5], [{}], [['a']], [Buffer.from('a')]])(
    'S57 refuses %p in the place of an id',
    (wrong) => {
      const { store } = fileWorld();
      expect(thrownBy(() => store._getFilePath(wrong as string)).code).toBe('ERR_SESSION_ID');
    },
  );

  it('is the place of what `set` stores', async () => {
    const { store } = fileWorld();
    await store.set(ID, { user: 'ada' });
    expect(readFileSync(store._getFilePath(ID), 'utf8')).toContain('{"user":"ada"}');
  });
});

describe('what a file says', () => {
  it('has a line of facts about the file, one about the session, and one with its data, that a person can read', async () => {
    const { add, store, clock } = fileWorld();
    const record = await add(ID, {
      owner: 'ada',
      meta: { agent: 'Fenêtre' },
      data: '{"visits":3,"name":"Åsa"}',
    });
    const path = store._getFilePath(ID);
    const text = readFileSync(path, 'utf8');
    const { format, seq, nonce, dueAt, length, checksum, facts, data } = parsed(path);
    expect(text.split('\n')).toHaveLength(4);
    expect(text.endsWith('\n')).toBe(true);
    expect(text.startsWith('session-store-js 1 1 ')).toBe(true);
    expect({ format, seq, dueAt }).toEqual({ format: '1', seq: 1, dueAt: clock.now() + HOUR });
    expect(nonce).toBe(`${nonce.slice(0, 17)}-${dueAt.toString(36)}`);
    expect(Number(length)).toBe(Buffer.byteLength(`${facts}\n${data}\n`));
    const covered = text.replace(`${String(checksum)}\n`, '');
    expect(checksum).toBe(crc32(covered).toString(16).padStart(8, '0'));
    expect({ ...(JSON.parse(facts) as object), data }).toEqual(record);
    expect(data).toBe('{"visits":3,"name":"Åsa"}');
  });

  it('has the next version, and its token beside it, after each write', async () => {
    const { add, store, record, filesOf } = fileWorld();
    let last = await add(ID);
    for (let seq = 2; seq < 6; seq++) {
      const next = record(ID, { data: `{"seq":${seq}}` });
      expect(await store.replace(next, last.version)).toBe(true);
      last = next;
      const found = parsed(store._getFilePath(ID));
      expect(found).toMatchObject({ seq, data: `{"seq":${seq}}` });
      expect(filesOf(ID)).toEqual([digitsOf(ID), `${digitsOf(ID)}@${seq}-${found.nonce}`]);
    }
  });

  it('keeps ids plain where it is told to, and then finds nothing by a handle (S11)', async () => {
    const { store, add, fileOf, expired, clock } = fileWorld({ idAtRest: 'plain' });
    await add(ID);
    expect(store._getFilePath(ID)).toBe(fileOf(ID));
    expect(JSON.parse(parsed(fileOf(ID)).facts)).toMatchObject({ key: ID });
    expect(await store.find(ID as string as SessionKey)).toMatchObject({ key: ID });
    for (const find of [
      () => store.find(keyOf(ID)),
      () => store.findSync(keyOf(ID)),
      () => store.get(keyOf(ID)),
    ])
      expect(await find()).toBeNull();
    expect(await store.remove(keyOf(ID))).toBe(false);
    expect(await store.ids()).toEqual([ID]);
    await clock.advance(2 * HOUR);
    expect(await store.removeExpired(10)).toBe(1);
    expect(expired).toEqual([keyOf(ID)]);
  });

  it('S11 takes an id for nothing where handles are at rest', async () => {
    const { store, add, record } = fileWorld();
    await add(ID);
    const key = ID as string as SessionKey;
    expect(await store.find(key)).toBeNull();
    expect(store.findSync(key)).toBeNull();
    expect(await store.extend(key, null)).toBe(false);
    expect(await store.remove(key)).toBe(false);
    expect(await store.replace(record(ID, { key }), 'v')).toBe(false);
    await expect(store.insert(record(ID, { key }))).rejects.toEqual(withCode('ERR_SESSION_ID'));
    expect(await store.length()).toBe(1);
  });
});

describe.each<FileStoreOptions>([{}, { io: 'async' }, { durability: 'power' }])(
  'two stores on one directory, %j',
  (options) => {
    it('see each other’s writes, touches and removals at once', async () => {
      const { store, open, record, add, clock } = fileWorld(options);
      const other = open();
      const first = await add(ID);
      expect(await other.find(first.key)).toEqual(first);
      const second = record(ID, { data: '{"visits":4}' });
      expect(await other.replace(second, first.version)).toBe(true);
      expect(await store.find(first.key)).toEqual(second);
      expect(await store.replace(record(ID), first.version)).toBe(false);
      await clock.advance(60_000);
      expect(await store.extend(first.key, clock.now() + HOUR)).toBe(true);
      expect((await other.find(first.key))?.expiresAt).toBe(clock.now() + HOUR);
      expect(await other.insert(record(ID))).toBe(false);
      expect(await other.remove(first.key)).toBe(true);
      expect(await store.find(first.key)).toBeNull();
      expect(await store.remove(first.key)).toBe(false);
    });

    it('let one of those win who write the same version at the same time', async () => {
      const { add, record, open } = fileWorld(options);
      const { version, key } = await add(ID);
      const stores = Array.from({ length: 8 }, () => open());
      const records = stores.map((_, at) => record(ID, { data: `{"writer":${at}}` }));
      const won = await Promise.all(
        stores.map((store, at) => store.replace(records[at] ?? record(ID), version)),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
      for (const store of stores) expect(await store.find(key)).toEqual(records[won.indexOf(true)]);
    });

    it('let one of those win who create the same session at the same time', async () => {
      const { record, open } = fileWorld(options);
      const stores = Array.from({ length: 8 }, () => open());
      const made = await Promise.all(stores.map((store) => store.insert(record(ID))));
      expect(made.filter(Boolean)).toHaveLength(1);
    });
  },
);

describe('a manager with storeType file', () => {
  it('names the faults of storeOptions among its own', () => {
    const options = {
      secret: SECRET,
      maxAge: -1,
      storeType: 'file' as const,
      storeOptions: { ttl: 0, path: '' },
    };
    const { code, message } = thrownBy(() => new SessionManager(options));
    expect(code).toBe('ERR_SESSION_OPTIONS');
    expect(message).toMatch(/"maxAge" must.*in storeOptions, "path" must.*in storeOptions, "ttl" must/);
  });

  it('refuses the options of the memory store for it', () => {
    const storeOptions = { maxSessions: 5 };
    expect(() => new SessionManager({ secret: SECRET, storeType: 'file', storeOptions })).toThrow(
      /in storeOptions, "maxSessions" is not an option/,
    );
  });

  it.each([
    [undefined, HOUR],
    [60, 60_000],
  ])('lets sessions live for maxAge, or for its ttl of %p s', async (ttl, ms) => {
    const clock = createFakeClock(Date.now());
    const storeOptions = { path: freshPath(), ...(ttl === undefined ? null : { ttl }) };
    const sessions = new SessionManager({
      secret: SECRET,
      clock,
      maxAge: HOUR,
      storeType: 'file',
      storeOptions,
    });
    expect(sessions.store).toBeInstanceOf(FileStore);
    await sessions.store.set(ID, { visits: 1 });
    clock.advance(ms - 1);
    expect(await sessions.store.get(ID)).not.toBeNull();
    clock.advance(1);
    expect(await sessions.store.get(ID)).toBeNull();
    await sessions.close();
  });

  it('closes the store that it built: no timer is left, and the files stay', async () => {
    const clock = createFakeClock(Date.now());
    const path = freshPath();
    const storeOptions = { path, indexInterval: 60_000 };
    const sessions = new SessionManager({ secret: SECRET, clock, storeType: 'file', storeOptions });
    await sessions.store.set(ID, { visits: 1 });
    expect(clock.pending).toBe(2);
    await sessions.close();
    expect(clock.pending).toBe(0);
    const reopened = new FileStore({ path, clock, cleanupInterval: 0 });
    expect(await reopened.get(ID as SessionId)).toMatchObject({ visits: 1 });
    expect(readdirSync(path)).toEqual(['.session-store-js', digitsOf(ID).slice(0, 3)]);
  });
});

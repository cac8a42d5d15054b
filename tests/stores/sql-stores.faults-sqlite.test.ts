// What SQLite refuses: each fault has a code and says what to do, shows no data, no id and no user, and loses nothing.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import type { SqliteDatabase } from '../../src/stores/sqlite/client.js';
import { SqliteStore } from '../../src/stores/sqlite-store.js';
import { thrownBy, withCode } from '../support/failures.js';
import { freshPath } from '../support/directory.js';
import { BETTER_SQLITE } from '../support/sql-drivers.js';
import { addSecret, expectFails, failureOf, onSqlite, storeWorld } from '../support/sql-world.js';
import { whereThereIs } from '../support/services/where.js';

interface Opened extends SqliteDatabase {
  readonly name: string;
  close(): void;
}
type DatabaseClass = new (file: string, options?: { readonly?: boolean }) => Opened;

onSqlite((world) => {
  it('a database that was closed says so', async () => {
    const there = await storeWorld(world);
    const secret = await addSecret(there);
    const { store, database } = await there.beside();
    await store.ping();
    (database.client as Opened).close();
    await expectFails(there, store, secret, /the database is closed: close it after the last request/);
    expect(thrownBy(() => store.capable('findSync').findSync(secret.key))).toEqual(
      withCode('ERR_SESSION_STORE'),
    );
    // What comes after the test closes it too.
    Object.assign(database.client as object, { close: () => undefined });
  });

  it('a full disk says so, and what was there stays', async () => {
    const there = await storeWorld(world);
    const { store, record, database, keyOf } = there;
    const secret = await addSecret(there);
    const [{ page_count: pages } = {}] = await database.ask('PRAGMA page_count');
    await database.ask(`PRAGMA max_page_count = ${String(pages)}`);
    const large = { data: JSON.stringify('x'.repeat(100_000)) };
    for (const call of [
      () => store.insert(record('large', large)),
      () => store.replace({ ...secret, ...large, version: 'next' }, secret.version),
    ])
      expect((await failureOf(call())).message).toMatch(/the disk is full/);
    expect(await store.find(secret.key)).toEqual(secret);
    expect(await store.find(keyOf('large'))).toBeNull();
    await database.ask('PRAGMA max_page_count = 1000000');
    expect(await store.insert(record('large', large))).toBe(true);
  });
});

whereThereIs(BETTER_SQLITE, () => {
  const Database = createRequire(join(__dirname, '../ecosystem/package.json'))(
    'better-sqlite3',
  ) as DatabaseClass;
  const opened: Opened[] = [];
  const open = (file: string, options?: { readonly?: boolean }): Opened => {
    const database = new Database(file, options);
    opened.push(database);
    return database;
  };
  afterEach(() => {
    for (const database of opened.splice(0)) database.close();
  });
  const world = {
    engine: 'SQLite' as const,
    driver: 'better-sqlite3',
    freshTable: () => 'sessions',
    open: () => Promise.reject(new Error('Each test opens its own.')),
  };
  const fileWith = async (journal: 'WAL' | 'DELETE') => {
    const file = `${freshPath()}.db`;
    const database = open(file);
    const there = await storeWorld({
      ...world,
      open: () =>
        Promise.resolve({
          client: database,
          store: (options) => new SqliteStore({ database, ...options }),
          ask: () => Promise.resolve([]),
          close: () => Promise.resolve(),
        }),
    });
    const secret = await addSecret(there);
    database.exec(`PRAGMA journal_mode = ${journal}`);
    return { file, there, secret };
  };

  it('a database that was opened to be read serves those who read, and says so to those who write', async () => {
    const { file, there, secret } = await fileWith('WAL');
    const store = new SqliteStore({
      database: open(file, { readonly: true }),
      clock: there.clock,
      sweepInterval: 0,
    });
    await expectFails(
      there,
      store,
      secret,
      /the database cannot be written: look at the rights of its file/,
      'writes',
    );
    expect(store.findSync(secret.key)).toEqual(secret);
    expect(await there.store.find(secret.key)).toEqual(secret);
  });

  it('one that is not in WAL mode cannot be brought there, and says so', async () => {
    const { file, there, secret } = await fileWith('DELETE');
    const store = new SqliteStore({
      database: open(file, { readonly: true }),
      clock: there.clock,
      sweepInterval: 0,
    });
    await expectFails(there, store, secret, /the database cannot be written/);
    expect(await there.store.find(secret.key)).toEqual(secret);
  });

  it('one without tables cannot get them, and says so', async () => {
    const file = `${freshPath()}.db`;
    open(file).exec('PRAGMA journal_mode = WAL; CREATE TABLE other (x)');
    const store = new SqliteStore({ database: open(file, { readonly: true }), sweepInterval: 0 });
    expect((await failureOf(store.ping())).message).toMatch(/the database cannot be written/);
  });

  it.each([
    ['something else', () => Buffer.from('no database, '.repeat(1_000))],
    ['the end of a database', (file: string) => readFileSync(file).subarray(2_048)],
  ])('a file that is %s says so, and stays as it is', async (_what, bytesOf) => {
    const { file, there, secret } = await fileWith('DELETE');
    const bytes = bytesOf(file);
    const broken = `${freshPath()}.db`;
    writeFileSync(broken, bytes);
    const store = new SqliteStore({ database: open(broken), clock: there.clock, sweepInterval: 0 });
    await expectFails(there, store, secret, /the file is damaged, or no database/);
    expect(thrownBy(() => store.findSync(secret.key)).message).toMatch(/damaged, or no database/);
    expect(readFileSync(broken)).toEqual(bytes);
  });
});

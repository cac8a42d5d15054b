// What only MySQL and MariaDB do: they cut what is too long unless told otherwise, have character sets without all
// characters, and clients that speak those.
import { createPool, type PoolOptions } from 'mysql2/promise';

import { MysqlStore } from '../../src/stores/mysql-store.js';
import { withCode } from '../support/failures.js';
import type { SqlWorld } from '../support/on-sql.js';
import { MARIADB, startMariaDb, type MariaDb } from '../support/services/mariadb.js';
import { whereThereIs } from '../support/services/where.js';
import { DRIVERS, type OpenDatabase, type OpenDriver } from '../support/sql-drivers.js';
import { failureOf, HOUR, makeTables, storeWorld, type StoreWorld } from '../support/sql-world.js';

whereThereIs(MARIADB, () => {
  let server: MariaDb;
  const opened: { close(): Promise<void> }[] = [];
  let tables = 0;
  beforeAll(async () => {
    // As many servers are: what does not fit is cut, what is missing is made up, and only a warning says so.
    server = await startMariaDb({ args: ['--sql-mode='] });
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
  });
  afterAll(() => server.stop());

  const world: SqlWorld = {
    engine: 'MariaDB',
    driver: 'a pool of mysql2/promise',
    open: async () => {
      const database = await (DRIVERS.MariaDB['a pool of mysql2/promise'] as OpenDriver)(server.url);
      opened.push(database);
      return database;
    },
    freshTable: () => `sessions${String(tables++)}`,
  };
  const withColumn = async (name: string, type: string): Promise<StoreWorld> => {
    const made = await storeWorld(world);
    await makeTables(made, (ddl) =>
      ddl.replace(new RegExp(`\`${name}\` [^\\n]*,\\n`), `\`${name}\` ${type},\n`),
    );
    return made;
  };
  const clientWith = (options: PoolOptions): OpenDatabase['client'] => {
    const pool = createPool({ uri: server.url, ...options });
    opened.push({ close: () => pool.end() });
    return pool;
  };

  it('is a server that cuts', async () => {
    const { ask } = await world.open();
    await ask('CREATE TABLE cuts (text VARCHAR(3))');
    await ask("INSERT INTO cuts VALUES ('longer')");
    expect(await ask('SELECT text FROM cuts')).toEqual([{ text: 'lon' }]);
  });

  it('an id is free whose ended session is swept between the two statements of an insert', async () => {
    const { store, add, record, clock, database, table } = await storeWorld(world);
    await add('x', { expiresAt: clock.now() + 1_000 });
    clock.advance(2_000);
    const client = database.client as { execute(query: { sql: string }): Promise<unknown> };
    const execute = client.execute.bind(client);
    const asked: string[] = [];
    client.execute = async (query) => {
      const [word = ''] = query.sql.split(' ');
      asked.push(word);
      if (word === 'UPDATE') await database.ask(`DELETE FROM ${table}`);
      return execute(query);
    };
    const again = record('x');
    expect(await store.insert(again)).toBe(true);
    expect(asked).toEqual(['INSERT', 'UPDATE', 'INSERT']);
    expect(await store.find(again.key)).toEqual(again);
  });

  it.each([
    ['TINYTEXT CHARACTER SET utf8mb4', 255],
    ['VARCHAR(200) CHARACTER SET utf8mb4', 200],
    ['VARBINARY(200)', 200],
    ['TEXT CHARACTER SET utf8mb4', 65_535],
  ])('no data is cut: a column of %s takes what it takes, or nothing of it', async (type, most) => {
    const { store, add, record, keyOf } = await withColumn('data', `${type} NOT NULL`);
    const dataOf = (length: number): string => JSON.stringify('x'.repeat(length - 2));
    const there = await add('x');
    for (const length of [most + 1, most + 100, 4 * most + 1]) {
      const replaced = { ...there, data: dataOf(length), version: 'next' };
      const inserted = record('y', { data: dataOf(length) });
      for (const call of [() => store.replace(replaced, there.version), () => store.insert(inserted)]) {
        const error = await failureOf(call());
        expect(error).toEqual(withCode('ERR_SESSION_TOO_LARGE'));
        expect(error.message).toMatch(
          /column of "data" takes \d+ bytes\. Store less, or make .*`store\.ddl\(\)` says/,
        );
      }
    }
    expect(await store.find(there.key)).toEqual(there);
    expect(await store.find(keyOf('y'))).toBeNull();
    const fits = { ...there, data: dataOf(most), version: 'fits' };
    expect(await store.replace(fits, there.version)).toBe(true);
    expect(await store.find(there.key)).toEqual(fits);
  });

  it.each([
    ['meta', 'VARCHAR(20) CHARACTER SET utf8mb4', { meta: { device: 'a telephone of many words' } }],
    ['owner', 'VARBINARY(10)', { owner: 'ada of many words' }],
    ['version', 'VARBINARY(10) NOT NULL', { version: 'a version of many words' }],
    ['session_key', 'VARBINARY(10) NOT NULL UNIQUE', {}],
  ])('nor is a %s', async (column, type, extra) => {
    const { store, record, database, table } = await withColumn(column, type);
    const error = await failureOf(store.insert(record('x', extra)));
    expect(error).toEqual(withCode('ERR_SESSION_TOO_LARGE'));
    expect(await database.ask(`SELECT 1 FROM ${table}`)).toEqual([]);
  });

  it('nor is the user of a revocation', async () => {
    const { store, clock, add } = await withColumn('owner', 'VARBINARY(3)');
    const added = await add('x', { owner: 'ada' });
    expect(await failureOf(store.revokeBefore(clock.now() + 1, 'ada of many words'))).toEqual(
      withCode('ERR_SESSION_TOO_LARGE'),
    );
    expect(await store.find(added.key)).toEqual(added);
  });

  it.each(['created_at', 'deadline_at', 'expires_at', 'idle_ms'])(
    'a %s that would become another time is refused',
    async (column) => {
      const { store, record, database, table } = await withColumn(column, 'INT');
      const error = await failureOf(store.insert(record('x', { idleMs: 90 * 24 * HOUR })));
      expect(error).toEqual(withCode('ERR_SESSION_OPTIONS'));
      expect(error.message).toContain(`"${column}"`);
      expect(await database.ask(`SELECT 1 FROM ${table}`)).toEqual([]);
    },
  );

  it.each(['latin1', 'utf8mb3', 'ascii', 'ucs2'])(
    'a column with the character set %s is refused',
    async (charset) => {
      for (const column of ['data', 'meta']) {
        const { store } = await withColumn(column, `TEXT CHARACTER SET ${charset} NOT NULL`);
        const error = await failureOf(store.ping());
        expect(error).toEqual(withCode('ERR_SESSION_OPTIONS'));
        expect(error.message).toContain(`"${column}"`);
      }
    },
  );

  it.each(['latin1', 'utf8mb3', 'ascii', 'big5'])('a client that speaks %s is refused', async (charset) => {
    const client = clientWith({ charset: charset === 'utf8mb3' ? 'UTF8_GENERAL_CI' : charset });
    const store = new MysqlStore({ client: client as never, table: world.freshTable(), sweepInterval: 0 });
    const error = await failureOf(store.ping());
    expect(error).toEqual(withCode('ERR_SESSION_OPTIONS'));
    expect(error.message).toMatch(/the "client" speaks \w+; open it with charset: 'utf8mb4'/);
  });

  it.each<[PoolOptions]>([
    [{ rowsAsArray: true }],
    [{ supportBigNumbers: true, bigNumberStrings: true }],
    [{ nestTables: true }],
    [{ typeCast: () => 'what an application makes of it' }],
    [{ flags: ['-FOUND_ROWS'] }],
    [{ namedPlaceholders: true }],
    [{ dateStrings: true, decimalNumbers: true, multipleStatements: true }],
  ])('a client with ways of its own is all the same: %p', async (way) => {
    const { add, table, clock } = await storeWorld(world);
    const added = await add('x', { owner: 'ada', meta: { device: '名前' } });
    const store = new MysqlStore({ client: clientWith(way) as never, clock, table, sweepInterval: 0 });
    expect(await store.find(added.key)).toEqual(added);
    expect(await store.extend(added.key, clock.now())).toBe(true);
    const next = { ...added, version: 'next' };
    expect(await store.replace(next, added.version)).toBe(true);
    expect(await store.replace(next, 'next')).toBe(true);
    expect((await store.page({ owner: 'ada', limit: 10 })).records).toEqual([next]);
    expect(await store.count()).toBe(1);
  });
});

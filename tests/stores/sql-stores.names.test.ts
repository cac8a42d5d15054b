// Names of tables and columns on real databases, tables that others make, and how long a session lives that does not say so.
import { withCode } from '../support/failures.js';
import { onSql } from '../support/on-sql.js';
import {
  expectWorks,
  failureOf,
  makeTables,
  quotedFor,
  statementsIn,
  storeWorld,
  type Options,
  type StoreWorld,
} from '../support/sql-world.js';
import { freshPath } from '../support/directory.js';

const NAMES = [
  ...[
    'sessions of users',
    'a$b',
    'a-b',
    '_x',
    'Sessions',
    'séances',
    '名前',
    'order',
    'user',
    'select',
    'table',
  ],
  ...['key', 'index', 'default', 'r', 's', 'excluded', 'x'.repeat(52)],
];

onSql((world) => {
  const { engine, freshTable } = world;
  const quoted = (name: string): string => quotedFor(engine, name);

  it.each(NAMES)('a table may be called %j', async (table) => {
    await expectWorks(await storeWorld(world, { table }));
  });

  it.each(NAMES)('a column may be called %j', async (name) => {
    await expectWorks(await storeWorld(world, { columns: { owner: name } }));
    await expectWorks(await storeWorld(world, { columns: { key: name, number: `${name}2`.slice(-50) } }));
  });

  it('columns may take the names of each other', async () => {
    const columns = { key: 'data', data: 'session_key', createdAt: 'expires_at', expiresAt: 'created_at' };
    await expectWorks(await storeWorld(world, { columns }));
  });

  it('letters beyond the first plane work, or are refused before anything is made', async () => {
    const { store } = await storeWorld(world, { table: '𝒳' }).catch((error: unknown) => {
      expect(error).toEqual(withCode('ERR_SESSION_OPTIONS'));
      return { store: null };
    });
    await store?.ping();
  });

  describe('with a schema', () => {
    const inSchema = async (options: Options = {}): Promise<StoreWorld> => {
      const schema = `app of ${freshTable()}`;
      const opened = await storeWorld(world, { ...options, table: `${schema}.sessions` });
      const path = freshPath();
      const making = {
        PostgreSQL: `CREATE SCHEMA ${quoted(schema)}`,
        MariaDB: `CREATE DATABASE ${quoted(schema)}`,
        SQLite: `ATTACH '${path}.db' AS ${quoted(schema)}`,
      };
      await opened.database.ask(making[engine]);
      return opened;
    };
    const namesIn = async ({ database, table }: StoreWorld): Promise<string[]> => {
      const schema = table.split('.')[0] ?? '';
      const listing = {
        PostgreSQL:
          `SELECT tablename AS name FROM pg_tables WHERE schemaname = '${schema}' UNION ` +
          `SELECT indexname FROM pg_indexes WHERE schemaname = '${schema}'`,
        MariaDB:
          `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = '${schema}' UNION ` +
          `SELECT index_name FROM information_schema.statistics WHERE table_schema = '${schema}'`,
        SQLite: `SELECT name FROM ${quoted(schema)}.sqlite_master`,
      };
      return (await database.ask(listing[engine])).map(({ name }) => String(name));
    };
    const ALL = ['sessions', 'sessions_revoked', 'sessions_end', 'sessions_user'];

    it('everything is made in it, and works', async () => {
      const opened = await inSchema();
      await opened.store.ping();
      expect(await namesIn(opened)).toEqual(expect.arrayContaining(ALL));
      await expectWorks(opened);
    });

    it('what ddl() says makes the same', async () => {
      const opened = await inSchema({ createTable: false });
      await makeTables(opened);
      expect(await namesIn(opened)).toEqual(expect.arrayContaining(ALL));
      await expectWorks(opened);
    });

    it('does not mix with one of the same name elsewhere', async () => {
      const [here, there] = [await inSchema(), await storeWorld(world, { table: 'sessions' })];
      await here.add('x');
      expect(await there.store.count()).toBe(0);
    });

    it('says so where there is no such schema', async () => {
      const { store } = await storeWorld(world, { table: 'nowhere.sessions' });
      const error = await failureOf(store.ping());
      expect(error).toEqual(withCode('ERR_SESSION_STORE'));
      expect(error.message).toMatch(/ddl\(\)|no such database|schema/);
    });
  });

  describe('without createTable', () => {
    it.each<[string, Options]>([
      ['', {}],
      [', under other names', { columns: { key: 'sid', data: 'sess', owner: 'user' } }],
    ])('works with tables that ddl() made, however often%s', async (_how, options) => {
      const opened = await storeWorld(world, { ...options, createTable: false });
      await makeTables(opened);
      await makeTables(opened);
      await expectWorks(opened);
    });

    it('ddl() has one statement per line that ends with a semicolon', () => {
      return storeWorld(world).then(({ store }) => {
        for (const text of statementsIn(store.ddl())) expect(text).toMatch(/^CREATE (TABLE|INDEX) [^;]*$/);
      });
    });

    it('fails without tables, says what to do, and makes none', async () => {
      const { store, keyOf, record, table, database } = await storeWorld(world, { createTable: false });
      const calls = [
        () => store.find(keyOf('x')),
        () => store.insert(record('x')),
        () => store.page({ limit: 1 }),
      ];
      for (const call of [...calls, () => store.ping()]) {
        const error = await failureOf(call());
        expect(error).toEqual(withCode('ERR_SESSION_STORE'));
        expect(error.message).toMatch(
          /is not there\. Make them as `store\.ddl\(\)` says, or .*"createTable"/,
        );
      }
      await expect((async () => database.ask(`SELECT 1 FROM ${table}`))()).rejects.toHaveProperty(
        'message',
        expect.stringContaining(table),
      );
    });

    it('goes on as soon as somebody has made them', async () => {
      const opened = await storeWorld(world, { createTable: false });
      await failureOf(opened.store.ping());
      await makeTables(opened);
      await expectWorks(opened);
    });

    it('misses the table of revocations too', async () => {
      const opened = await storeWorld(world);
      await opened.store.ping();
      await opened.database.ask(`DROP TABLE ${opened.table}_revoked`);
      const { store, keyOf } = await opened.beside({ createTable: false });
      expect((await failureOf(store.find(keyOf('x')))).message).toContain(`${opened.table}_revoked`);
    });
  });

  it.each([
    [undefined, 86_400_000],
    [60, 60_000],
    [0.5, 500],
  ])('a session that names no end lives for ttl: %p s', async (ttl, lifeMs) => {
    const { store, add, clock } = await storeWorld(world, ttl === undefined ? {} : { ttl });
    const { key } = await add('x', { expiresAt: null, idleMs: null });
    clock.advance(lifeMs - 1);
    expect(await store.find(key)).toMatchObject({ expiresAt: null, idleMs: null });
    expect(await store.extend(key, null)).toBe(true);
    clock.advance(lifeMs - 1);
    expect(await store.find(key)).not.toBeNull();
    clock.advance(1);
    expect(await store.find(key)).toBeNull();
  });
});

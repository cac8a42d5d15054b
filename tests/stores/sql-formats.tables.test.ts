// The tables of connect-pg-simple and express-mysql-session as ours extends them: by many processes at once, after one that
// died half-way, under other names, and listed in pages while sessions come and go.
import type { SessionRecord } from '../../src/core/contract.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { withCode } from '../support/failures.js';
import { onSql } from '../support/on-sql.js';
import { failureOf, HOUR, statementsIn, storeWorld, type Options } from '../support/sql-world.js';

const TOGETHER = 8;
const ROUNDS = 4;
const SESSIONS = 1_000;
const PAGE = 7;

onSql((world) => {
  const { engine } = world;
  if (engine === 'SQLite') {
    it('has no format of another store', async () => {
      const { store } = await world.open();
      expect(() => store({ format: 'connect-sqlite3' } as Options)).toThrow('format');
    });
    return;
  }
  const isPg = engine === 'PostgreSQL';
  const format = { format: isPg ? 'connect-pg-simple' : 'express-mysql-session' } as Options;
  const open = (options: Options = {}, clock = createFakeClock(Date.now())) =>
    storeWorld(world, { ...format, table: world.freshTable(), ...options }, clock);
  type Opened = Awaited<ReturnType<typeof open>>;
  const quote = (name: string): string => (isPg ? `"${name}"` : `\`${name}\``);

  /** As their schema makes it. */
  const theirTable = async ({ database }: Opened, table: string, columns: Record<string, string> = {}) => {
    const { session_id: key = 'session_id', data = 'data', expires = 'expires' } = columns;
    await database.ask(
      isPg
        ? `CREATE TABLE ${table} ("sid" varchar NOT NULL COLLATE "default", "sess" json NOT NULL, "expire" timestamp(6) NOT NULL)`
        : `CREATE TABLE ${table} (${quote(key)} varchar(128) COLLATE utf8mb4_bin NOT NULL, ${quote(expires)} int(11) unsigned NOT NULL, ` +
            `${quote(data)} mediumtext COLLATE utf8mb4_bin, PRIMARY KEY (${quote(key)})) ENGINE=InnoDB`,
    );
    if (isPg)
      await database.ask(`ALTER TABLE ${table} ADD PRIMARY KEY ("sid") NOT DEFERRABLE INITIALLY IMMEDIATE`);
  };

  it(`${String(TOGETHER)} stores that start at once on a table of theirs all work`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const first = await open();
      await theirTable(first, first.table);
      const stores = [first];
      while (stores.length < TOGETHER) stores.push(await first.beside());
      // Connected, so that they meet at the table.
      for (const { database } of stores) await database.ask('SELECT 1 AS one');
      const outcomes = await Promise.allSettled(stores.map(({ add }, at) => add(`of ${String(at)}`)));
      expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
      expect(await first.store.count()).toBe(TOGETHER);
      expect(first.idsOn(await first.store.page({ limit: 100 }))).toHaveLength(TOGETHER);
    }
  });

  it(`${String(TOGETHER)} stores that start at once where no table is all work`, async () => {
    const first = await open();
    const stores = [first];
    while (stores.length < TOGETHER) stores.push(await first.beside());
    await Promise.all(stores.map(({ add }, at) => add(`of ${String(at)}`)));
    expect(await first.store.count()).toBe(TOGETHER);
  });

  it('a table that a process extended half-way, before it died, is extended to the end', async () => {
    const indexesOf = async ({ database, table }: Opened): Promise<number> => {
      const sql = isPg
        ? 'SELECT indexname AS name FROM pg_indexes WHERE tablename = $1'
        : 'SELECT DISTINCT index_name AS name FROM information_schema.statistics WHERE table_name = ?';
      return (await database.ask(sql, [table])).length;
    };
    const extending = (opened: Opened): string[] =>
      statementsIn(opened.store.ddl()).filter((sql) => !/^CREATE (TABLE|INDEX) IF/.test(sql));
    const whole = await open();
    await theirTable(whole, whole.table);
    await whole.add('x');
    const indexes = await indexesOf(whole);
    const failed: string[] = [];
    for (let done = 1; done < extending(whole).length; done++) {
      const opened = await open();
      await theirTable(opened, opened.table);
      for (const sql of extending(opened).slice(0, done)) await opened.database.ask(sql);
      const after = `after ${String(done)} statements`;
      try {
        await opened.add('x');
        expect((await opened.store.page({ limit: 10 })).records).toHaveLength(1);
        if ((await indexesOf(opened)) !== indexes) failed.push(`${after}: an index is missing for ever`);
      } catch (error) {
        failed.push(`${after}: ${String((error as Error).cause)}`);
      }
    }
    expect(failed).toEqual([]);
  });

  it('keeps what stood in their table before it was extended', async () => {
    const opened = await open();
    const { database, table, store, clock, keyOf } = opened;
    await theirTable(opened, table);
    const seconds = Math.ceil((clock.now() + HOUR) / 1_000);
    const cookie = { originalMaxAge: HOUR, expires: new Date(clock.now() + HOUR).toISOString() };
    const values = [JSON.stringify({ cookie, user: 'ada' }), seconds];
    if (isPg)
      await database.ask(
        `INSERT INTO ${table} (sid, sess, expire) VALUES ('x', $1, to_timestamp($2))`,
        values,
      );
    else await database.ask(`INSERT INTO ${table} (session_id, data, expires) VALUES ('x', ?, ?)`, values);
    const before = await database.ask(`SELECT * FROM ${table}`);
    expect(await store.find(keyOf('x'))).toMatchObject({ expiresAt: seconds * 1_000 });
    expect(await database.ask(`SELECT * FROM ${table}`)).toMatchObject(before);
  });

  it('works on a table in another schema, with columns under other names', async () => {
    const schema = world.freshTable();
    const names = { session_id: 'the key', data: 'the-data', expires: 'ends_at' };
    const opened = await open({
      table: `${schema}.Session`,
      ...(isPg ? {} : { columns: { key: names.session_id, data: names.data, end: names.expires } }),
    });
    await opened.database.ask(`CREATE ${isPg ? 'SCHEMA' : 'DATABASE'} ${schema}`);
    await theirTable(opened, `${schema}.${quote('Session')}`, names);
    const { add, store, idsOn, clock, keyOf } = opened;
    const mine = await add('mine', { owner: 'ada', meta: { device: 'phone' } });
    expect(await store.find(mine.key)).toEqual(mine);
    expect(await store.replace({ ...mine, version: 'next' }, mine.version)).toBe(true);
    expect(await store.extend(mine.key, clock.now() + 2 * HOUR)).toBe(true);
    expect(idsOn(await store.page({ limit: 10, owner: 'ada' }))).toEqual(['mine']);
    expect(await store.remove(keyOf('mine'))).toBe(true);
  });

  it('keeps columns of its own under other names', async () => {
    const columns = { version: 'v', owner: 'user_id', closed: 'ended', expiresAt: 'ends' };
    const opened = await open({ columns });
    await theirTable(opened, opened.table);
    const { add, store } = opened;
    const mine = await add('mine', { owner: 'ada' });
    expect(await store.find(mine.key)).toEqual(mine);
    const beside = await opened.beside();
    expect(await beside.store.find(mine.key)).toEqual(mine);
  });

  it(`lists ${String(SESSIONS)} sessions in pages of ${String(PAGE)} whole, while others come and go, with cursors that hold no id`, async () => {
    const { store, record, keyOf } = await open();
    const ids = Array.from({ length: SESSIONS }, (_, at) => `session-${String(at)}-of-a-user`);
    for (let at = 0; at < SESSIONS; at += 50)
      await Promise.all(ids.slice(at, at + 50).map((id) => store.insert(record(id))));
    const passing = Array.from({ length: 20 }, (_, at) => record(`passing-${String(at)}`));
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.page({
        limit: PAGE,
        withData: false,
        ...(cursor === undefined ? {} : { cursor }),
      });
      expect(page.records.length).toBeLessThanOrEqual(PAGE);
      seen.push(...page.records.map(({ key }) => String(key)).filter((key) => key.startsWith('session-')));
      for (const { key } of page.records) expect(page.cursor ?? '').not.toContain(key);
      const one = passing[seen.length % passing.length] as SessionRecord;
      if (!(await store.insert(one))) await store.remove(one.key);
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toHaveLength(SESSIONS);
    expect(new Set(seen)).toEqual(new Set(ids.map(keyOf)));
  });

  it.each(['x', '0', "' OR 1=1", 'f'.repeat(31), 'g'.repeat(32)])(
    'takes %j for no cursor of a page',
    async (cursor) => {
      const { store } = await open();
      expect(await failureOf(store.page({ limit: 1, cursor }))).toEqual(withCode('ERR_SESSION_CURSOR'));
    },
  );
});

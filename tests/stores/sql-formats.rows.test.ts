// Rows and tables of connect-pg-simple and express-mysql-session that are not as they should be: a row that is no session is
// told of and left alone, a table of another shape is refused as it is, and ends are right in every time zone and year.
import { Pool } from 'pg';

import { isBroken } from '../../src/core/contract.js';
import { PostgresStore } from '../../src/stores/postgres-store.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { withCode } from '../support/failures.js';
import { onSql } from '../support/on-sql.js';
import { DAY, failureOf, HOUR, storeWorld, type Options } from '../support/sql-world.js';

const FAR = 8_640_000_000_000_000;
const YEAR_2200 = Date.UTC(2200, 0, 1);

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
  const open = (table = world.freshTable(), clock = createFakeClock(Date.now())) =>
    storeWorld(world, { ...format, table }, clock);
  type Opened = Awaited<ReturnType<typeof open>>;
  const [DATA, END] = isPg ? ['sess', 'expire'] : ['data', 'expires'];

  /** As they write, on a connection in UTC. */
  const put = async ({ database, table }: Opened, id: string, data: string | null, endMs: number) => {
    const seconds = Math.ceil(endMs / 1_000);
    if (isPg)
      await database.ask(
        `INSERT INTO ${table} (sid, sess, expire) VALUES ($1, $2, to_timestamp($3)) ON CONFLICT (sid) DO UPDATE SET sess = $2, expire = to_timestamp($3)`,
        [id, data, seconds],
      );
    else
      await database.ask(`REPLACE INTO ${table} (session_id, data, expires) VALUES (?, ?, ?)`, [
        id,
        data,
        seconds,
      ]);
  };
  /** A table as they make it, before ours sees it. */
  const theirTable = async ({ database, table }: Opened, types: Record<string, string> = {}) => {
    const { data = 'json', end = 'timestamp(6)', text = 'mediumtext COLLATE utf8mb4_bin' } = types;
    await database.ask(
      isPg
        ? `CREATE TABLE ${table} (sid varchar NOT NULL PRIMARY KEY, sess ${data} NOT NULL, expire ${end} NOT NULL)`
        : `CREATE TABLE ${table} (session_id varchar(128) COLLATE utf8mb4_bin NOT NULL, expires int(11) unsigned NOT NULL, ` +
            `data ${text}, PRIMARY KEY (session_id)) ENGINE=InnoDB`,
    );
  };
  const columnsOf = async ({ database, table }: Opened): Promise<string[]> =>
    (
      await database.ask(
        isPg
          ? 'SELECT column_name AS name FROM information_schema.columns WHERE table_name = $1'
          : 'SELECT column_name AS name FROM information_schema.columns WHERE table_name = ?',
        [table],
      )
    )
      .map(({ name }) => String(name))
      .sort();

  const NO_SESSIONS: (readonly [string | null])[] = [['"text"'], ['[1]'], ['5'], ['null'], ['true']];
  NO_SESSIONS.push(['{"cookie":{"expires":"soon"}}']);
  if (!isPg)
    NO_SESSIONS.push([''], [null], ['the page of a cache'], ['{"cookie":{"originalMaxAge":null,"ex']);

  describe.each(NO_SESSIONS)('%j in place of a session', (data) => {
    it('is a fault when it is read, is never written over, is listed as broken beside others, and can go', async () => {
      const opened = await open();
      const { store, keyOf, add, record, clock } = opened;
      const other = await add('other');
      await put(opened, 'x', data, clock.now() + HOUR);
      for (const call of [() => store.find(keyOf('x')), () => store.get('x')]) {
        const error = await failureOf(call());
        expect(error).toEqual(withCode('ERR_SESSION_CORRUPT'));
        if ((data ?? '').length > 6) expect(`${error.message}${String(error.cause)}`).not.toContain(data);
      }
      expect(await store.insert(record('x'))).toBe(false);
      expect(await store.replace(record('x'), record('x').version)).toBe(false);
      for (const withData of [true, false]) {
        const { records } = await store.page({ limit: 10, withData });
        expect(records.filter((entry) => !isBroken(entry)).map(({ key }) => key)).toEqual([other.key]);
        expect(records.filter(isBroken)).toMatchObject([
          { key: 'x', error: { code: 'ERR_SESSION_CORRUPT' } },
        ]);
      }
      expect(await store.remove(keyOf('x'))).toBe(true);
      await add('x');
      expect(await store.find(keyOf('x'))).not.toBeNull();
    });

    it('in place of one of ours is a fault as well, and its facts are not those of nobody', async () => {
      const opened = await open();
      const { store, add, clock, database, table } = opened;
      const { key } = await add('x', { owner: 'ada' });
      await database.ask(`UPDATE ${table} SET ${DATA} = ${data === null ? 'NULL' : `'${data}'`}`);
      expect(await failureOf(store.find(key))).toEqual(withCode('ERR_SESSION_CORRUPT'));
      await store.revokeBefore(clock.now() + 1, 'ada');
      expect(await store.find(key)).toBeNull();
    });
  });

  describe('a table of another shape is refused, and left as it was', () => {
    const shapes: [string, Record<string, string>, RegExp][] = isPg
      ? [
          ['a jsonb column', { data: 'jsonb' }, /"sess" takes no json/],
          ['a text column', { data: 'text' }, /"sess" takes no json/],
          ['an end that is a number', { end: 'bigint' }, /"expire" takes no time/],
        ]
      : [
          ['a latin1 column', { text: 'mediumtext CHARACTER SET latin1' }, /"data" takes no text/],
          ['a utf8mb3 column', { text: 'mediumtext CHARACTER SET utf8mb3' }, /"data" takes no text/],
        ];
    it.each(shapes)('%s', async (_what, types, message) => {
      const opened = await open();
      await theirTable(opened, types);
      const before = await columnsOf(opened);
      const { store, keyOf, record } = opened;
      for (const call of [
        () => store.find(keyOf('x')),
        () => store.insert(record('x')),
        () => store.count(),
      ]) {
        const error = await failureOf(call());
        expect(error).toEqual(withCode('ERR_SESSION_OPTIONS'));
        expect(error.message).toMatch(message);
      }
      expect(await columnsOf(opened)).toEqual(before);
    });

    it('an application table with the same name', async () => {
      const opened = await open();
      await opened.database.ask(`CREATE TABLE ${opened.table} (id INTEGER PRIMARY KEY, note VARCHAR(20))`);
      expect(await failureOf(opened.store.ping())).toEqual(withCode('ERR_SESSION_OPTIONS'));
      expect(await columnsOf(opened)).toEqual(['id', 'note']);
    });
  });

  it('ends after 2106 and never are kept as they are, through touches', async () => {
    const { store, add, database, table, clock } = await open();
    const far = await add('far', { expiresAt: YEAR_2200 + 1, idleMs: YEAR_2200 });
    const farthest = await add('farthest', { expiresAt: FAR, deadlineAt: FAR, idleMs: FAR });
    for (const record of [far, farthest]) expect(await store.find(record.key)).toEqual(record);
    expect(await store.extend(far.key, YEAR_2200 + DAY + 1)).toBe(true);
    expect(await store.find(far.key)).toEqual({ ...far, expiresAt: YEAR_2200 + DAY + 1 });
    expect(await store.extend(farthest.key, clock.now() + HOUR)).toBe(true);
    expect(await store.find(farthest.key)).toEqual(farthest);
    expect(await database.ask(`SELECT ${END} FROM ${table}`)).toHaveLength(2);
    expect(await store.removeExpired(10)).toBe(0);
  });

  if (isPg)
    it.each(['infinity', '9999-12-31', '-infinity'])('an end of %s fails no page', async (end) => {
      const opened = await open();
      const { store, add, database, table, idsOn } = opened;
      await add('other');
      await put(opened, 'x', '{}', Date.now());
      await database.ask(`UPDATE ${table} SET expire = '${end}' WHERE sid = 'x'`);
      expect(idsOn(await store.page({ limit: 10 })).filter((id) => id.endsWith('other'))).toEqual(['other']);
      expect(await store.removeExpired(10)).toBe(end === '-infinity' ? 1 : 0);
    });

  if (isPg)
    describe.each(['America/New_York', 'Asia/Kolkata', 'Pacific/Kiritimati'])(
      'with clients in %s',
      (zone) => {
        /** Ours, and theirs on the same pool. */
        const inZone = async () => {
          const { database, record, clock, table } = await open();
          const { connectionString } = (database.client as { options: { connectionString: string } }).options;
          const pool = new Pool({ connectionString, options: `-c TimeZone=${zone}` });
          const shared = {
            client: pool,
            table,
            clock,
            sweepInterval: 0,
            format: 'connect-pg-simple',
          } as const;
          const store = new PostgresStore(shared);
          const close = async (): Promise<void> => {
            await store.close();
            await pool.end();
          };
          return { store, clock, table, record, pool, close };
        };

        it('sessions end when they should, whoever says so', async () => {
          const { store, clock, table, record, pool, close } = await inZone();
          const mine = { ...record('mine'), expiresAt: clock.now() + HOUR + 1 };
          await store.insert(mine);
          expect(await store.find(mine.key)).toEqual(mine);
          const seconds = Math.ceil(clock.now() / 1_000) + 1_800;
          // As connect-pg-simple touches and reads.
          await pool.query(`UPDATE ${table} SET expire = to_timestamp($1)`, [seconds]);
          expect(await store.find(mine.key)).toEqual({ ...mine, expiresAt: seconds * 1_000 });
          await store.extend(mine.key, (seconds + 60) * 1_000);
          const lives = async (at: number) =>
            (await pool.query(`SELECT 1 FROM ${table} WHERE expire >= to_timestamp($1)`, [at])).rowCount;
          expect([await lives(seconds + 60), await lives(seconds + 61)]).toEqual([1, 0]);
          clock.advance(HOUR / 2 + 61_000);
          expect(await store.find(mine.key)).toBeNull();
          expect(await store.removeExpired(10)).toBe(1);
          await close();
        });

        it('sessions end in time in an hour that the clocks of New York show twice', async () => {
          const { store, clock, record, close } = await inZone();
          clock.jump(Date.UTC(2026, 10, 1, 5, 0) - clock.now());
          const mine = { ...record('mine'), expiresAt: Date.UTC(2026, 10, 1, 5, 30) };
          await store.insert(mine);
          const found = await store.find(mine.key);
          clock.advance(HOUR / 2);
          const late = await store.find(mine.key);
          await close();
          expect(found).toEqual(mine);
          expect(late).toBeNull();
        });
      },
    );

  it('a key is itself only', async () => {
    const { store, add, keyOf } = await open();
    const ids = ['a:b', 'a/b', 'a\\b', "a'b", 'ä', 'Ä', '名', '😀', 'a%', 'a_', ' a', 'a', 'A'];
    for (const id of ids) await add(id, { data: JSON.stringify({ id }) });
    for (const id of ids)
      expect(await store.find(keyOf(id))).toMatchObject({ key: id, data: JSON.stringify({ id }) });
    expect(await store.find(keyOf('a '))).toBeNull();
    expect(await store.remove(keyOf('a  '))).toBe(false);
    for (const id of ids) expect(await store.remove(keyOf(id))).toBe(true);
  });

  it('ids as hashes are refused with the format', async () => {
    const { store } = await world.open();
    expect(() => store({ ...format, idAtRest: 'sha256' })).toThrow(
      /needs ids as they are: leave "idAtRest" away/,
    );
  });
});

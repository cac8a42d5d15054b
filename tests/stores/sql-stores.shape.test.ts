// Tables that the store did not make: another shape is refused with what is wrong, and what would be cut is not stored.
import type { SessionError } from '../../src/core/errors.js';
import { leaksIn, textOf } from '../security/leaks.js';
import { onSql } from '../support/on-sql.js';
import { expectWorks, failureOf, makeTables, storeWorld, type StoreWorld } from '../support/sql-world.js';

/** Takes the line of a column out of a statement, or puts another one there. */
const withColumn =
  (name: string, line = '') =>
  (ddl: string): string =>
    ddl.replace(new RegExp(`\\n  .${name}. [^\\n]*(?=\\n)`), line === '' ? '' : `\n  ${line},`);

/** The last column of sessions has a comma behind it only where indexes follow. */
const tidy = (ddl: string): string => ddl.replace(/,\n\)/g, '\n)');

onSql((world) => {
  const { engine } = world;
  const shaped = async (change: (ddl: string) => string): Promise<StoreWorld> => {
    const opened = await storeWorld(world);
    await makeTables(opened, (ddl) => tidy(change(ddl)));
    return opened;
  };
  /** At every call, and the table is as it was. */
  const refusedBy = async ({ store, keyOf, record, database, table }: StoreWorld): Promise<SessionError> => {
    const calls = [() => store.insert(record('x')), () => store.count(), () => store.page({ limit: 1 })];
    const errors = [];
    for (const call of [() => store.find(keyOf('x')), ...calls]) errors.push(await failureOf(call()));
    for (const { code, message } of errors) {
      expect(code).toMatch(/^ERR_SESSION_(OPTIONS|STORE)$/);
      expect(message).toMatch(/is none of|have another shape/);
      expect(message).toMatch(/the option "table" another name/);
      expect(message).toContain('store.ddl()');
    }
    expect(await database.ask(`SELECT 1 FROM ${table}`)).toEqual([]);
    const [error] = errors as [SessionError];
    return error;
  };

  it.each(['meta', 'closed', 'owner', 'is_own_end', 'session_key', 'data'])(
    'a table without the column %s is refused by name',
    async (column) => {
      const opened = await storeWorld(world);
      // Renamed, so that indexes and keys on it can be made.
      await makeTables(opened, (ddl) => ddl.replace(new RegExp(`\\b${column}\\b`, 'g'), `${column}_then`));
      expect((await refusedBy(opened)).message).toContain(`it has no column "${column}"`);
    },
  );

  it('a table of something else is refused', async () => {
    const opened = await storeWorld(world);
    await opened.database.ask(`CREATE TABLE ${opened.table} (id INTEGER, name VARCHAR(20))`);
    await refusedBy(opened);
  });

  const text = { PostgreSQL: 'TEXT', MariaDB: 'LONGTEXT', SQLite: 'TEXT' }[engine];
  const blob = { PostgreSQL: 'BYTEA', MariaDB: 'JSON', SQLite: 'BLOB' }[engine];
  it.each([
    ['created_at', text, 'number'],
    ['idle_ms', { PostgreSQL: 'TIMESTAMPTZ', MariaDB: 'DATETIME', SQLite: 'TEXT' }[engine], 'number'],
    ['data', 'BIGINT', 'text'],
    ['meta', engine === 'PostgreSQL' ? 'JSONB' : 'BIGINT', 'text'],
    ['version', { PostgreSQL: blob, MariaDB: 'DATE', SQLite: blob }[engine], 'text'],
  ])('a column %s of type %s is refused', async (column, type, holds) => {
    const quote = engine === 'MariaDB' ? '`' : '"';
    const opened = await shaped(withColumn(column, `${quote}${column}${quote} ${type}`));
    expect((await refusedBy(opened)).message).toContain(`its column "${column}" takes no ${holds}`);
  });

  it('a table whose keys are not unique takes no session', async () => {
    const { store, record, database, table } = await shaped((ddl) =>
      ddl.replace(' NOT NULL UNIQUE', ' NOT NULL'),
    );
    const error = await failureOf(store.insert(record('x')));
    expect(error.message).toMatch(/not unique|another shape/);
    expect(error.message).toContain('store.ddl()');
    expect(await database.ask(`SELECT 1 FROM ${table}`)).toEqual([]);
  });

  it('a table whose keys are unique together with something else takes no session', async () => {
    const quote = engine === 'MariaDB' ? '`' : '"';
    const [key, number] = [`${quote}session_key${quote}`, `${quote}number${quote}`];
    const opened = await shaped((ddl) =>
      ddl
        .replace(' NOT NULL UNIQUE', ' NOT NULL')
        .replace(/( AUTO_INCREMENT| GENERATED ALWAYS AS IDENTITY|INTEGER) PRIMARY KEY( AUTOINCREMENT)?/, '$1')
        .replace(/,\n(?= {2}.owner. )/, `,\n  CONSTRAINT one PRIMARY KEY (${number}, ${key}),\n`)
        // SQLite has constraints behind the columns only.
        .replace(/\n {2}CONSTRAINT one (.*),\n([^)]*)\n\)/, '\n$2,\n  $1\n)'),
    );
    const { store, record, database, table } = opened;
    const error = await failureOf(store.insert(record('x')));
    expect(error.message).toContain('store.ddl()');
    expect(await database.ask(`SELECT 1 FROM ${table}`)).toEqual([]);
  });

  it('column names in other case are the same to the engine, or refused by name', async () => {
    const opened = await storeWorld(world);
    await makeTables(opened, (ddl) =>
      ddl.replace(/\b(session_key|owner|data)\b/g, (name) => name.toUpperCase()),
    );
    if (engine === 'PostgreSQL') await refusedBy(opened);
    else await expectWorks(opened);
  });

  it('a column that the store does not know and that must be filled is told of', async () => {
    const quote = engine === 'MariaDB' ? '`' : '"';
    const { store, record, keyOf } = await shaped((ddl) =>
      ddl.replace(/\n/, `\n  ${quote}tenant${quote} VARCHAR(20) NOT NULL,\n`),
    );
    const error = await failureOf(store.insert(record('x')));
    expect(error.message).toMatch(/another shape: `store\.ddl\(\)`/);
    expect(await store.find(keyOf('x'))).toBeNull();
  });

  it('a column that the store does not know and that may be empty is left alone', async () => {
    const quote = engine === 'MariaDB' ? '`' : '"';
    await expectWorks(
      await shaped((ddl) => ddl.replace(/\n/, `\n  ${quote}note${quote} VARCHAR(20) DEFAULT 'x',\n`)),
    );
  });

  // Its numbers and its texts have no size.
  if (engine === 'SQLite') return;

  it('numbers that are too small for a time in ms are refused before one is stored', async () => {
    const quote = engine === 'MariaDB' ? '`' : '"';
    const opened = await shaped(withColumn('expires_at', `${quote}expires_at${quote} INT NOT NULL`));
    expect((await refusedBy(opened)).message).toContain('"expires_at"');
  });

  it.each(['VARCHAR(200)', engine === 'MariaDB' ? 'TINYTEXT' : 'VARCHAR(255)'])(
    'a session that is larger than its column of %s is refused, and the one before stays',
    async (type) => {
      const quote = engine === 'MariaDB' ? '`' : '"';
      const charset = engine === 'MariaDB' ? 'CHARACTER SET utf8mb4' : '';
      const { store, add, record, keyOf } = await shaped(
        withColumn('data', `${quote}data${quote} ${type} ${charset} NOT NULL`),
      );
      const small = await add('x', { owner: 'user-of-the-session' });
      for (const size of [300, 700, 5_000]) {
        const data = JSON.stringify({ secret: 's'.repeat(size) });
        const calls = [
          () => store.replace({ ...small, data, version: 'next' }, small.version),
          () => store.insert(record('y', { data })),
        ];
        for (const call of calls) {
          const error = await failureOf(call());
          expect(['ERR_SESSION_TOO_LARGE', 'ERR_SESSION_STORE']).toContain(error.code);
          expect(error.message).toMatch(/fit into its row|larger than a column takes/);
          expect(error.message).toContain('store.ddl()');
          expect(leaksIn(textOf(error), { data: ['ssssss'], user: ['user-of-the-session'] })).toEqual([]);
        }
      }
      expect(await store.find(small.key)).toEqual(small);
      expect(await store.find(keyOf('y'))).toBeNull();
    },
  );
});

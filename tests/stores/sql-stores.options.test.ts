// Wrong options of the SQL stores: refused when the store is made, with a code, every field and what to change.
import { EventEmitter } from 'node:events';

import { createPool } from 'mysql2';
import { createPool as createPromisePool } from 'mysql2/promise';
import { Client, Pool } from 'pg';

import { MysqlStore, type MysqlStoreOptions } from '../../src/stores/mysql-store.js';
import { PostgresStore, type PostgresStoreOptions } from '../../src/stores/postgres-store.js';
import type { SqlStore } from '../../src/stores/sql/sql-store.js';
import { SqliteStore, type SqliteStoreOptions } from '../../src/stores/sqlite-store.js';
import { leaksIn, textOf } from '../security/leaks.js';
import { thrownBy, withCode } from '../support/failures.js';

const PASSWORD = 'a-password-in-the-url';
const pool = new Pool({ connectionString: `postgres://ada:${PASSWORD}@127.0.0.1:1/app` });
const mysql = createPool({ uri: `mysql://ada:${PASSWORD}@127.0.0.1:1/app` });
const sqlite = { prepare: () => ({ all: () => [], run: () => ({ changes: 0 }) }), exec: () => undefined };
/** As the package sqlite3 has it: the same names, with callbacks. */
const sqlite3 = Object.assign(new EventEmitter(), sqlite, {
  run: () => sqlite3,
  all: () => sqlite3,
  serialize: () => undefined,
});

interface Subject {
  readonly name: string;
  make(options: unknown): SqlStore;
  /** The option that has the connection, and something good for it. */
  readonly needs: string;
  readonly good: unknown;
  readonly wrong: readonly (readonly [string, unknown])[];
  /** The longest table: what is behind it needs room too. */
  readonly longest: number;
}

const SUBJECTS: readonly Subject[] = [
  {
    name: 'PostgresStore',
    make: (options) => new PostgresStore(options as PostgresStoreOptions),
    needs: 'client',
    good: pool,
    wrong: [
      ['a pool of mysql2', mysql],
      ['a database of SQLite', sqlite],
    ],
    longest: 52,
  },
  {
    name: 'MysqlStore',
    make: (options) => new MysqlStore(options as MysqlStoreOptions),
    needs: 'client',
    good: mysql,
    wrong: [
      ['a pool of pg', pool],
      ['a pool of mysql, its predecessor', { query: () => undefined, getConnection: () => undefined }],
    ],
    longest: 53,
  },
  {
    name: 'SqliteStore',
    make: (options) => new SqliteStore(options as SqliteStoreOptions),
    needs: 'database',
    good: sqlite,
    wrong: [
      ['a pool of pg', pool],
      ['a database of sqlite3, which has callbacks', sqlite3],
    ],
    longest: 52,
  },
];

const NOTHING: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['a URL', `postgres://ada:${PASSWORD}@db/app`],
  ['the options of a client', { password: PASSWORD, port: 5432 }],
  ['a promise', Promise.resolve(pool)],
  ['a class', Pool],
  ['a number', 5432],
];

/** Each could end a name, or make it another one. */
const HOSTILE = [
  ...['', ' ', 'a"b', 'a`b', "a'b", 'a\0b', 'a\\b', 'a\nb', 'a;b', 'sessions; DROP TABLE users'],
  ...[
    'a?',
    '?',
    ':name',
    'a:key',
    '$1',
    '1a',
    ' a',
    'a ',
    'a/b',
    'a(b)',
    '[a]',
    'a%b',
    '\ud800',
    'é'.repeat(33),
  ],
];

describe.each(SUBJECTS)('$name', ({ name, make, needs, good, wrong, longest }) => {
  const refused = (options: unknown): string => {
    const error = thrownBy(() => make(options));
    expect(error).toEqual(withCode('ERR_SESSION_OPTIONS'));
    expect(error.message).toContain(name);
    expect(leaksIn(textOf(error), { password: [PASSWORD] })).toEqual([]);
    return error.message;
  };
  const wanted = { [needs]: good, sweepInterval: 0 };

  it('refuses to be made without options', () => {
    expect(refused(undefined)).toMatch(/must be an object/);
    expect(refused({})).toContain(`"${needs}" is missing; it must be a`);
  });

  it.each([...NOTHING, ...wrong])(`refuses what has no connection: %s`, (_what, value) => {
    expect(refused({ [needs]: value })).toContain(`"${needs}"`);
  });

  it('names the right option where the connection comes under the name of another store', () => {
    const other = needs === 'client' ? 'database' : 'client';
    const message = refused({ [other]: good });
    expect(message).toContain(`"${other}" is not an option`);
    expect(message).toContain(`"${needs}" is missing`);
  });

  it('names every wrong field at once', () => {
    const message = refused({
      ...wanted,
      table: 5,
      columns: { key: 1 },
      createTable: 'yes',
      ttl: '60',
      sweepInterval: -1,
      idAtRest: 'md5',
      clock: 7,
      tabel: 'x',
      resave: false,
    });
    for (const field of [
      'table',
      'columns',
      'createTable',
      'ttl',
      'sweepInterval',
      'idAtRest',
      'clock',
      'tabel',
    ])
      expect(message).toContain(field);
    expect(message).toContain('"resave" is an option of session-store-js/express-session');
  });

  it.each<[string, object, RegExp]>([
    ['a ttl of 0', { ttl: 0 }, /"ttl" must be a number of seconds above 0/],
    ['a ttl that is no number', { ttl: NaN }, /"ttl" must be/],
    ['a sweepInterval that is no number', { sweepInterval: NaN }, /"sweepInterval" must be .*0 for none/],
    ['a column that it does not have', { columns: { sid: 'x' } }, /columns.*key/],
    ['columns that are a text', { columns: 'sid' }, /"columns" must be an object/],
    ['a schema in two parts', { table: 'a.b.c' }, /"table" must be .*a dot between them/],
    ['an empty schema', { table: '.sessions' }, /"table" must be/],
    ['nothing behind the schema', { table: 'app.' }, /"table" must be/],
    ['another spelling', { createtable: true }, /"createtable" is not an option, "createTable" is/],
  ])('refuses %s', (_what, options, advice) => {
    expect(refused({ ...wanted, ...options })).toMatch(advice);
  });

  it.each(HOSTILE.map((text) => [text]))(
    'refuses %j as a name of a table, of a schema and of a column (S58)',
    (text) => {
      for (const table of [text, `${text}.sessions`, `app.${text}`])
        expect(refused({ ...wanted, table })).toMatch(/"table" must be/);
      expect(refused({ ...wanted, columns: { owner: text } })).toMatch(/"columns(\.owner)?" must be/);
    },
  );

  it('refuses names that are longer than the database takes', () => {
    expect(refused({ ...wanted, table: 'x'.repeat(longest + 1) })).toMatch(
      /"table" must be a name of 1 to 5\d bytes/,
    );
    expect(refused({ ...wanted, columns: { key: 'x'.repeat(65) } })).toMatch(/"columns.key" must be/);
    expect(() => make({ ...wanted, table: 'x'.repeat(longest) })).not.toThrow();
  });

  it.each([{ key: 'data' }, { key: 'A', data: 'a' }, { owner: 'É', meta: 'é' }])(
    'refuses one name for two columns: %j',
    (columns) => {
      expect(refused({ ...wanted, columns })).toMatch(/"columns" must be different names/);
    },
  );
});

it('takes every client that its driver has', () => {
  for (const client of [pool, new Client()]) expect(() => new PostgresStore({ client })).not.toThrow();
  for (const client of [mysql, mysql.promise(), createPromisePool({})])
    expect(() => new MysqlStore({ client })).not.toThrow();
});

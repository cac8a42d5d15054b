// What the tests of the SQL stores share: stores on real databases with a clock that stands still, records for them, and
// tables of other shapes. Knows no test.
import {
  isBroken,
  type Page,
  type SessionId,
  type SessionKey,
  type SessionRecord,
} from '../../src/core/contract.js';
import { SessionError } from '../../src/core/errors.js';
import { newVersion } from '../../src/core/record.js';
import type { SqlStoreOptions } from '../../src/stores/sql/options.js';
import type { SqlStore } from '../../src/stores/sql/sql-store.js';
import type { SqliteStoreOptions } from '../../src/stores/sqlite-store.js';
import { createFakeClock, type FakeClock } from '../../src/testing/fake-clock.js';
import { leaksIn, textOf } from '../security/leaks.js';
import { freshPath } from './directory.js';
import type { SqlWorld } from './on-sql.js';
import { whereThereIs } from './services/where.js';
import {
  BETTER_SQLITE,
  DRIVERS,
  NODE_SQLITE,
  type Engine,
  type OpenDatabase,
  type OpenDriver,
} from './sql-drivers.js';

export const HOUR = 3_600_000;
export const DAY = 86_400_000;

export type Options = SqlStoreOptions & Partial<SqliteStoreOptions>;

export interface StoreWorld {
  readonly store: SqlStore;
  readonly clock: FakeClock;
  readonly database: OpenDatabase;
  readonly table: string;
  /** What the store calls the session with this id. */
  keyOf(id: string): SessionKey;
  /** As the manager makes them. */
  record(id: string, extra?: Partial<SessionRecord>): SessionRecord;
  add(id: string, extra?: Partial<SessionRecord>): Promise<SessionRecord>;
  /** The ids of what a page holds, in order; `broken` before those that cannot be read. */
  idsOn(page: Page): string[];
  /** A store beside this one: over a connection of its own, with the same clock and the same table. */
  beside(more?: Options): Promise<StoreWorld>;
}

/** A store that does not sweep unless told to, in a table of its own unless told otherwise. */
export async function storeWorld(
  world: SqlWorld,
  options: Options = {},
  clock = createFakeClock(Date.now()),
): Promise<StoreWorld> {
  const { table = world.freshTable() } = options;
  const database = await world.open();
  const store = database.store({ clock, sweepInterval: 0, ...options, table });
  const ids = new Map<string, string>();
  const keyOf = (id: string): SessionKey => {
    const key = store.keyOf(id as SessionId);
    ids.set(key, id);
    return key;
  };
  const record = (id: string, extra: Partial<SessionRecord> = {}): SessionRecord => ({
    v: 1,
    key: keyOf(id),
    data: JSON.stringify({ name: id }),
    version: newVersion(),
    createdAt: clock.now(),
    deadlineAt: null,
    idleMs: HOUR,
    expiresAt: clock.now() + HOUR,
    ...extra,
  });
  return {
    store,
    clock,
    database,
    table,
    keyOf,
    record,
    async add(id, extra) {
      const added = record(id, extra);
      if (!(await store.insert(added))) throw new Error(`${id} is there already.`);
      return added;
    },
    idsOn: ({ records }) =>
      records.map((entry) => `${isBroken(entry) ? 'broken ' : ''}${ids.get(entry.key) ?? entry.key}`),
    beside: (more = {}) => storeWorld(world, { ...options, ...more, table }, clock),
  };
}

/** A name as it stands in a statement. */
export const quotedFor = (engine: Engine, name: string): string =>
  engine === 'MariaDB' ? `\`${name}\`` : `"${name}"`;

/** The statements of `store.ddl()`, one by one. */
export const statementsIn = (ddl: string): string[] =>
  ddl
    .split(';\n')
    .map((text) => text.trim())
    .filter((text) => text !== '');

/** Makes the tables of a store as its `ddl()` says, changed. @throws where nothing was changed */
export async function makeTables(
  { store, database }: Pick<StoreWorld, 'store' | 'database'>,
  change?: (ddl: string) => string,
): Promise<void> {
  const ddl = change?.(store.ddl()) ?? store.ddl();
  if (change !== undefined && ddl === store.ddl()) throw new Error('The tables are as they always are.');
  for (const text of statementsIn(ddl)) await database.ask(text);
}

/** What a call fails with. */
export async function failureOf(call: Promise<unknown>): Promise<SessionError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof SessionError) return error;
    throw error;
  }
  throw new Error('It did not fail.');
}

/** Every statement of a store, once. */
export async function expectWorks({ store, add, keyOf, record, idsOn, clock }: StoreWorld): Promise<void> {
  const mine = await add('mine', { owner: 'ada', meta: { device: 'phone' } });
  await add('theirs', { owner: 'bob' });
  expect(await store.insert(record('mine'))).toBe(false);
  expect(await store.find(mine.key)).toEqual(mine);
  const next = { ...mine, version: 'next', data: '{"n":1}' };
  expect(await store.replace(next, mine.version)).toBe(true);
  expect(await store.replace(next, mine.version)).toBe(false);
  const later = clock.now() + 7_200_000;
  expect(await store.extend(mine.key, later)).toBe(true);
  expect(await store.find(mine.key)).toEqual({ ...next, expiresAt: later });
  expect(idsOn(await store.page({ limit: 10 }))).toEqual(['mine', 'theirs']);
  expect(idsOn(await store.page({ limit: 10, owner: 'bob', withData: false }))).toEqual(['theirs']);
  await store.revokeBefore(clock.now() + 1, 'bob');
  expect(await store.find(keyOf('theirs'))).toBeNull();
  expect(await store.remove(mine.key)).toBe(true);
  clock.advance(8_000_000);
  expect(await store.removeExpired(10)).toBe(1);
  expect(await store.count()).toBe(0);
  await store.ping();
  await store.clear();
}

/** For each driver of SQLite that there is. */
export function onSqlite(tests: (world: SqlWorld) => void): void {
  const drivers = [
    ['better-sqlite3', BETTER_SQLITE],
    ['node:sqlite', NODE_SQLITE],
  ] as const;
  const there = drivers.filter(([, needed]) => needed.isThere());
  whereThereIs({ isThere: () => there.length > 0, advice: BETTER_SQLITE.advice }, () => {
    describe.each(there)('SQLite, %s', (driver) => {
      const file = `${freshPath()}.db`;
      const opened: OpenDatabase[] = [];
      afterEach(async () => {
        for (const database of opened.splice(0)) await database.close();
      });
      let tables = 0;
      tests({
        engine: 'SQLite',
        driver,
        open: async () => {
          const database = await (DRIVERS.SQLite[driver] as OpenDriver)(file);
          opened.push(database);
          return database;
        },
        freshTable: () => `sessions${String(tables++)}`,
      });
    });
  });
}

/** What no error may show. */
export const SECRETS = {
  password: ['password-of-the-client'],
  data: ['secret-in-the-data'],
  user: ['user-of-the-session'],
  id: ['id-of-a-session'],
};
const SECRET_ID = 'id-of-a-session';
const OWNER = 'user-of-the-session';
const DATA = JSON.stringify({ card: 'secret-in-the-data' });

/** A session full of secrets. */
export const addSecret = ({ add }: StoreWorld): Promise<SessionRecord> =>
  add(SECRET_ID, { data: DATA, owner: OWNER, meta: { device: OWNER } });

/**
 * Each call of a store fails, with a code and with what to do, and shows no secret; where only writes fail, those that read
 * find the session.
 */
export async function expectFails(
  { keyOf, record, clock }: StoreWorld,
  store: SqlStore,
  there: SessionRecord,
  advice: RegExp,
  fails: 'all' | 'writes' = 'all',
): Promise<void> {
  const reads = [
    () => store.find(there.key),
    () => store.page({ owner: OWNER, limit: 10 }),
    () => store.count(),
    () => store.ping(),
  ];
  const writes = [
    () => store.replace({ ...there, version: 'next' }, there.version),
    () => store.extend(there.key, clock.now() + 2 * HOUR),
    () => store.remove(keyOf(SECRET_ID)),
    () => store.clear(),
  ];
  // A row of its own: whoever has locked the others does not hinder it.
  const insert = () => store.insert(record(`${SECRET_ID} 2`, { data: DATA, owner: OWNER }));
  for (const call of fails === 'all' ? [...reads, insert, ...writes] : writes) {
    const error = await failureOf(call());
    expect([error.code, error.message, error.cause]).toEqual([
      'ERR_SESSION_STORE',
      expect.stringMatching(advice),
      expect.any(Error),
    ]);
    expect(leaksIn(textOf(error), SECRETS)).toEqual([]);
  }
  if (fails === 'writes') {
    expect(await store.find(there.key)).toEqual(there);
    for (const call of reads) await call();
  }
}

// An application changes from express-session with connect-pg-simple or express-mysql-session to ours while both serve: on
// the rows of one table, whoever made it. Nobody is logged out, nothing is lost, and who logs out is out everywhere.
import { callStore, type ExpressStore } from '../../src/stores/express-store.js';
import type { SqlStoreOptions } from '../../src/stores/sql/options.js';
import type { SqlStore } from '../../src/stores/sql/sql-store.js';
import { onSql, type SqlWorld } from '../support/on-sql.js';
import type { OpenDatabase } from '../support/sql-drivers.js';
import { read, startApp, write, type App } from './app.js';
import { DROP_IN, EXPRESS_SESSION, HOUR_MS, MANAGER } from './faces.js';
import { expressSession, load, type SessionModule } from './packages.js';
import { Visitor } from './side-by-side.js';

const SESSIONS = 25;
const VALUE = { text: "naïve “☃” 😀 '; -- \\ \n", list: [1.5, null, [true]], no: {} };

type Side = 'theirs' | 'ours' | 'facade';
const SIDES: readonly Side[] = ['theirs', 'ours', 'facade'];
/** A session that a SessionManager made has no cookie in its data, which the drop-in looks for: see the last test. */
const servingOf = (here: Side): readonly Side[] =>
  SIDES.filter((side) => here !== 'facade' || side !== 'ours');
const WAYS = (['ours', 'facade'] as const).flatMap((side): { here: Side; there: Side }[] => [
  { here: 'theirs', there: side },
  { here: side, there: 'theirs' },
]);

interface TheirStore extends ExpressStore {
  onReady?(): Promise<void>;
  close(): Promise<void>;
}
type Factory = (session: SessionModule) => new (options: object, pool?: unknown) => TheirStore;

/** The server may go before the last connections of a pool. */
const quiet = (pool: unknown) =>
  (pool as { on(event: 'error', listener: () => void): void }).on('error', () => undefined);

/** On a table that they make if it is not there; its name has a schema before it on PostgreSQL. */
async function theirStore({ engine }: SqlWorld, { client }: OpenDatabase, name: string): Promise<TheirStore> {
  if (engine === 'PostgreSQL') {
    quiet(client);
    const PgStore = (load('connect-pg-simple') as Factory)(expressSession());
    const store = new PgStore({ pool: client, schemaName: name, createTableIfMissing: true });
    await callStore(store, 'get', 'nobody');
    return store;
  }
  const MySqlStore = (load('express-mysql-session') as Factory)(expressSession());
  const store = new MySqlStore({ schema: { tableName: name } }, client);
  await store.onReady?.();
  return store;
}

onSql((world) => {
  const { engine } = world;
  if (engine === 'SQLite') {
    it('has no format of another store', async () => {
      const { store } = await world.open();
      expect(() => store({ format: 'connect-sqlite3' } as SqlStoreOptions)).toThrow('format');
    });
    return;
  }
  const apps: App[] = [];
  const stores: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    for (const store of stores.splice(0)) await store.close();
  });

  const sideBySide = async (first: 'they' | 'we') => {
    const database = await world.open();
    const name = world.freshTable();
    if (engine === 'PostgreSQL') await database.ask(`CREATE SCHEMA ${name}`);
    const table = engine === 'PostgreSQL' ? `${name}.session` : name;
    const shared: object = {
      format: engine === 'PostgreSQL' ? 'connect-pg-simple' : 'express-mysql-session',
    };
    const ourStore = async (): Promise<SqlStore> => {
      const { client, store: storeOn } = await world.open();
      quiet(client);
      const store = storeOn({ table, sweepInterval: 0, ...shared });
      stores.push(store);
      await store.ping();
      return store;
    };
    // What they make is extended by ours; what ours makes is as they expect it.
    const early = first === 'they' ? await theirStore(world, database, name) : null;
    const [forDropIn, forFacade] = [await ourStore(), await ourStore()];
    const theirs = early ?? (await theirStore(world, database, name));
    stores.push(theirs);
    const all = {
      theirs: await startApp(EXPRESS_SESSION, theirs, { maxAge: HOUR_MS }),
      ours: await startApp(DROP_IN, forDropIn, { maxAge: HOUR_MS }),
      facade: await startApp(MANAGER, forFacade),
    };
    apps.push(...Object.values(all));
    /** The same session with the cookie that this side gives it. */
    const as = (side: Side, visitor: Visitor): Visitor =>
      side === 'facade' ? visitor.asFacade('sid') : visitor.asExpress();
    const key = engine === 'PostgreSQL' ? 'sid' : 'session_id';
    return {
      ...all,
      as,
      async login(side: Side, user = 'ada'): Promise<Visitor> {
        const visitor = new Visitor();
        await visitor.at(all[side], (browser) => browser.get(`/login?user=${user}`));
        return visitor;
      },
      readAt: (side: Side, visitor: Visitor) => as(side, visitor).at(all[side], read),
      writeAt: (side: Side, visitor: Visitor, name: string, value: unknown) =>
        as(side, visitor).at(all[side], (browser) => write(browser, name, value)),
      logoutAt: (side: Side, visitor: Visitor) =>
        as(side, visitor).at(all[side], (browser) => browser.get('/logout')),
      slowAt: (side: Side, visitor: Visitor) => as(side, visitor).tab(all[side]).get('/slow?key=slow'),
      idsInTable: async () =>
        (await database.ask(`SELECT ${key} AS id FROM ${table} WHERE store_closed IS NULL`))
          .map(({ id }) => id)
          .sort(),
    };
  };
  describe.each(['they', 'we'] as const)('where %s made the table', (first) => {
    it.each(WAYS)(
      `${String(SESSIONS)} sessions made at $here are read and changed at $there and handed back, none logged out`,
      async ({ here, there }) => {
        const { login, readAt, writeAt, idsInTable } = await sideBySide(first);
        const users = Array.from({ length: SESSIONS }, (_, index) => `user${String(index)}`);
        const visitors = await Promise.all(users.map((user) => login(here, user)));
        await Promise.all(visitors.map((visitor, index) => writeAt(here, visitor, 'value', [index, VALUE])));
        const loggedOut: string[] = [];
        for (const [turn, side] of [there, here, there].entries()) {
          const visit = async (visitor: Visitor, index: number): Promise<void> => {
            const data = await readAt(side, visitor);
            const before = Object.fromEntries(Array.from({ length: turn }, (_, at) => [`turn${at}`, index]));
            if (data['user'] !== users[index]) loggedOut.push(`${String(users[index])} at ${side}`);
            else expect(data).toEqual({ user: users[index], value: [index, VALUE], ...before });
            await writeAt(side, visitor, `turn${turn}`, index);
          };
          await Promise.all(visitors.map(visit));
        }
        expect(loggedOut).toEqual([]);
        // No session is another one: as many rows as there were logins, with the ids from then.
        expect(await idsInTable()).toEqual(visitors.map(({ id }) => id).sort());
      },
    );

    it('requests that go from app to app at once lose nothing of any session', async () => {
      const { login, readAt, writeAt } = await sideBySide(first);
      const work = async (here: Side): Promise<void> => {
        const visitor = await login(here);
        const sides = servingOf(here);
        const sideAt = (turn: number): Side => sides[turn % sides.length] ?? here;
        const expected: Record<string, unknown> = { user: 'ada' };
        for (let round = 0; round < 15; round++) {
          const side = sideAt(round);
          await writeAt(side, visitor, `${side}${round}`, round);
          expected[`${side}${round}`] = round;
          expect(await readAt(sideAt(round * 2 + 1), visitor)).toEqual(expected);
        }
      };
      await Promise.all(SIDES.map(work));
    });

    it.each(SIDES)('a logout at %s ends the session everywhere', async (side) => {
      const { login, readAt, writeAt, logoutAt, idsInTable } = await sideBySide(first);
      for (const here of SIDES.filter((other) => servingOf(other).includes(side))) {
        const visitor = await login(here);
        for (const there of servingOf(here)) await writeAt(there, visitor, there, true);
        expect(await logoutAt(side, visitor)).toMatchObject({ status: 200, body: 'bye' });
        for (const there of servingOf(here)) expect(await readAt(there, visitor)).toEqual({});
      }
      expect(await idsInTable()).toEqual([]);
    });
  });

  it.each(WAYS)(
    'a login at $there on a session of $here gives another id, and the old one opens nothing',
    async (way) => {
      const { [way.there]: app, as, login, readAt } = await sideBySide('they');
      const before = await login(way.here, 'eve');
      const visitor = as(way.there, before);
      await visitor.at(app, (browser) => browser.get('/login?user=ada'));
      expect(visitor.id).not.toBe(before.id);
      for (const side of servingOf(way.there)) {
        expect(await readAt(side, visitor)).toEqual({ user: 'ada' });
        expect(await readAt(side, before)).toEqual({});
      }
    },
  );

  const PAIRS = (['ours', 'facade'] as const).flatMap((side) =>
    SIDES.filter((here) => servingOf(here).includes(side)).map((here) => ({ side, here })),
  );
  describe.each(PAIRS)('in a session made at $here, a request at $side', ({ side, here }) => {
    it('that is slow keeps what they write meanwhile', async () => {
      const { [side]: app, login, slowAt, writeAt, readAt } = await sideBySide('they');
      const visitor = await login(here);
      const slow = slowAt(side, visitor);
      await app.waiting(1);
      await writeAt('theirs', visitor, 'quick', true);
      app.letGo();
      expect((await slow).status).toBe(200);
      for (const there of servingOf(here))
        expect(await readAt(there, visitor)).toEqual({ user: 'ada', quick: true, slow: true });
    });

    it('that is slow revives nothing after a logout at theirs', async () => {
      const { [side]: app, login, slowAt, logoutAt, readAt, idsInTable } = await sideBySide('they');
      const visitor = await login(here);
      const slow = slowAt(side, visitor);
      await app.waiting(1);
      await logoutAt('theirs', visitor);
      app.letGo();
      expect((await slow).cookies).toEqual([]);
      expect(await idsInTable()).toEqual([]);
      for (const there of servingOf(here)) expect(await readAt(there, visitor)).toEqual({});
    });

    it('that logs out does so for ours, though a slow one of theirs writes the session again', async () => {
      const { theirs, login, slowAt, logoutAt, readAt } = await sideBySide('they');
      const visitor = await login(here);
      const slow = slowAt('theirs', visitor);
      await theirs.waiting(1);
      await logoutAt(side, visitor);
      theirs.letGo();
      expect((await slow).status).toBe(200);
      // What express-session does; without it this test would show nothing.
      expect(await readAt('theirs', visitor)).toEqual({ user: 'ada', slow: true });
      for (const there of servingOf(here).slice(1)) expect(await readAt(there, visitor)).toEqual({});
    });
  });

  it('a SessionManager lists, counts and ends the sessions of all, and none that begins later', async () => {
    const { facade, login, readAt } = await sideBySide('they');
    const visitors = await Promise.all(SIDES.map((side) => login(side, side)));
    const { manager } = facade.sessions;
    const listed = (await manager?.getAllSessions()) ?? [];
    expect(listed.map(({ data }) => data['user']).sort()).toEqual([...SIDES].sort());
    expect(await manager?.count()).toBe(SIDES.length);
    await manager?.clearAllSessions();
    expect(await manager?.count()).toBe(0);
    for (const visitor of visitors) for (const side of SIDES) expect(await readAt(side, visitor)).toEqual({});
    const next = await login('theirs', 'next');
    for (const side of SIDES) expect(await readAt(side, next)).toEqual({ user: 'next' });
  });

  it('a session that a SessionManager made is served by express-session', async () => {
    const { login, readAt } = await sideBySide('they');
    expect(await readAt('theirs', await login('facade'))).toEqual({ user: 'ada' });
  });
});

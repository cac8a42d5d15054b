// One store package under our manager and under our drop-in: what an application does with a session, over HTTP.
import type { SessionManager } from '../../src/index.js';
import type { ExpressStore } from '../../src/stores/express-store.js';
import type { Client } from '../support/http.js';
import { isAvailable } from '../support/tools.js';
import { read as readAll, startApp, write, type App } from './app.js';
import { DROP_IN, MANAGER, type Face } from './faces.js';
import type { SessionModule } from './packages.js';

/** Of what depends on which of two requests is a moment earlier. */
const ROUNDS = 5;

export interface Need {
  readonly isThere: () => boolean;
  /** The command that brings it. */
  readonly advice: string;
  /** Not everywhere, not even in CI. */
  readonly isOptional?: boolean;
}

export interface MadeStore {
  readonly store: ExpressStore;
  close?(): unknown;
}

export interface StorePackage {
  /** Its folder in node_modules. */
  readonly name: string;
  readonly needs?: Need;
  /** Its `all()` says which session is which. */
  readonly lists?: boolean;
  /** A key that the store adds to every session. */
  readonly adds?: string;
  /** As its README builds it, for express-session or what stands in for it. */
  readonly make: (session: SessionModule) => MadeStore | Promise<MadeStore>;
}

/** Runs tests under manager and drop-in, or says what is missing. The titles are what the table is made of. */
export function cells(name: string, needs: Need | null, tests: (face: Face) => void): void {
  describe.each([MANAGER, DROP_IN])(`${name} $title`, (face) => {
    if (needs === null || needs.isThere()) {
      tests(face);
      return;
    }
    it(`is not shown here: ${needs.advice}`, () => {
      expect(needs.isOptional === true || !isAvailable(name, false, needs.advice)).toBe(true);
    });
  });
}

export function storeCells({ name, needs, adds, lists = false, make }: StorePackage): void {
  cells(name, needs ?? null, (face) => {
    let made: MadeStore;
    let app: App;
    /** As in the process that runs after this one: it knows only what the store holds. */
    let later: App;

    beforeAll(async () => {
      made = await make(face.module());
      app = await startApp(face, made.store);
      later = await startApp(face, made.store);
    });

    afterAll(async () => {
      await app.close();
      await later.close();
      await made.close?.();
    });

    const read = async (browser: Client): Promise<Record<string, unknown>> =>
      Object.fromEntries(Object.entries(await readAll(browser)).filter(([key]) => key !== adds));
    const onLater = (browser: Client): Client => {
      const other = later.browser();
      other.cookie = browser.cookie;
      return other;
    };
    const login = async (): Promise<Client> => {
      const browser = app.browser();
      expect(await browser.get('/login?user=ada')).toMatchObject({ status: 200, body: 'welcome' });
      return browser;
    };

    it('gives another id at the login, and the one before opens nothing', async () => {
      const browser = app.browser();
      await write(browser, 'cart', ['book']);
      const before = browser.clone();
      expect(await read(before)).toEqual({ cart: ['book'] });

      await browser.get('/login?user=ada');

      expect(browser.cookie).not.toBe(before.cookie);
      expect(await read(browser)).toEqual({ user: 'ada' });
      expect(await read(onLater(before))).toEqual({});
      expect(await read(before)).toEqual({});
    });

    it('reads in the next request, and in the next process, what one wrote', async () => {
      const browser = await login();
      const value = { text: "naïve “☃” 😀 '; DROP TABLE sessions; -- \\", list: [1.5, null, [true]], no: {} };

      await write(browser, 'value', value);
      await write(browser, 'count', 1);

      const expected = { user: 'ada', value, count: 1 };
      expect(await read(browser)).toEqual(expected);
      expect(await read(onLater(browser))).toEqual(expected);
    });

    /** Requests that have all read the session before the first of them goes on. */
    const slowly = async (browser: Client, queries: readonly string[]): Promise<() => Promise<number[]>> => {
      const answers = queries.map((query) => browser.clone().get(`/slow${query}`));
      await app.waiting(queries.length);
      return async () => {
        app.letGo();
        return (await Promise.all(answers)).map(({ status }) => status);
      };
    };
    const keys = Array.from({ length: 20 }, (_, index) => `key${index}`);
    const writes = keys.map((key) => `?key=${key}`);
    const reads = keys.map(() => '');
    const written = { user: 'ada', ...Object.fromEntries(keys.map((key) => [key, true])) };

    it('keeps all of 20 overlapping writes of different keys', async () => {
      const browser = await login();

      const letGo = await slowly(browser, writes);

      expect(new Set(await letGo())).toEqual(new Set([200]));
      expect(await read(onLater(browser))).toEqual(written);
    });

    it('keeps all of 20 overlapping writes among 20 requests that only read', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const browser = await login();
        const letGo = await slowly(
          browser,
          writes.flatMap((write) => ['', write]),
        );
        expect(new Set(await letGo())).toEqual(new Set([200]));
        expect(await read(onLater(browser))).toEqual(written);
      }
    });

    it('stays logged out among 20 requests that only read', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const browser = await login();
        const old = browser.clone();
        const letGo = await slowly(browser, reads);
        await Promise.all([letGo(), browser.get('/logout')]);
        expect(await read(onLater(old))).toEqual({});
      }
    });

    it('opens nothing with the cookie from before the logout', async () => {
      const browser = await login();
      const old = browser.clone();

      expect(await browser.get('/logout')).toMatchObject({ status: 200 });

      expect(browser.cookie).not.toBe(old.cookie);
      expect(await read(old)).toEqual({});
      expect(await read(onLater(old))).toEqual({});
    });

    it.each(['writes', 'only reads'])(
      'brings nothing back with a slow request that began before the logout and %s',
      async (what) => {
        const browser = await login();
        const old = browser.clone();
        const slow = old.clone();

        const answer = slow.get(what === 'writes' ? '/slow?key=late' : '/slow');
        await app.waiting(1);
        await browser.get('/logout');
        app.letGo();

        expect((await answer).cookies).toEqual([]);
        expect(await read(old)).toEqual({});
        expect(await read(onLater(old))).toEqual({});
      },
    );

    if (face === MANAGER)
      it(lists ? 'lists, counts and ends all sessions' : 'says that it cannot list sessions', async () => {
        const manager = app.sessions.manager as SessionManager<Record<string, unknown>>;
        const browser = await login();
        const list = manager.getAllSessions();
        if (!lists) {
          await expect(list).rejects.toMatchObject({ code: 'ERR_SESSION_UNSUPPORTED' });
          return;
        }
        const sessions = await list;
        expect(sessions.filter(({ data }) => data['user'] === 'ada').length).toBeGreaterThan(0);
        for (const { handle } of sessions) expect(handle).toMatch(/^sha256:[0-9a-f]{64}$/);
        expect(await manager.count()).toBe(sessions.length);

        await manager.clearAllSessions();

        expect(await manager.count()).toBe(0);
        expect(await read(browser)).toEqual({});
      });
    if (face === DROP_IN)
      it('keeps a session whose cookie ends with the browser', async () => {
        const other = await startApp(face, made.store, { maxAge: null });
        const browser = other.browser();
        await browser.get('/login?user=ada');
        await write(browser, 'count', 1);
        expect(await read(browser)).toEqual({ user: 'ada', count: 1 });
        await other.close();
      });
  });
}

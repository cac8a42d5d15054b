// An application changes from express-session with connect-redis to ours while both serve: on the same sessions, with
// RedisStore's format 'connect-redis'. Nobody is logged out, no write is lost at ours, and who logs out is out at both.
import { REDIS } from '../support/services/redis.js';
import { isAvailable } from '../support/tools.js';
import { read, write, type App } from './app.js';
import { HOUR_MS } from './faces.js';
import { PREFIX, startSideBySide, Visitor, type ConnectRedis, type SideBySide } from './side-by-side.js';

const SESSIONS = 200;
const AT_ONCE = 16;
const VALUE = { text: "naïve “☃” 😀 '; -- \\ \n", list: [1.5, null, [true]], no: {} };

type Side = 'theirs' | 'ours';
const SIDES: readonly { here: Side; there: Side }[] = [
  { here: 'theirs', there: 'ours' },
  { here: 'ours', there: 'theirs' },
];
const PAIRS: readonly { name: ConnectRedis; client: string }[] = [
  { name: 'connect-redis', client: 'redis' },
  { name: 'connect-redis-7', client: 'ioredis' },
];

describe.each(PAIRS)('$name beside RedisStore with $client', ({ name, client }) => {
  if (!REDIS.isThere()) {
    it(`is not shown here: ${REDIS.advice}`, () => {
      expect(isAvailable(name, false, REDIS.advice)).toBe(false);
    });
    return;
  }

  let all: SideBySide;
  beforeAll(async () => {
    all = await startSideBySide(name, client);
  });
  afterEach(async () => {
    await all.ask('FLUSHALL');
  });
  afterAll(() => all.close());

  const readAt = (app: App, visitor: Visitor) => visitor.at(app, read);
  const writeAt = (app: App, visitor: Visitor, key: string, value: unknown) =>
    visitor.at(app, (browser) => write(browser, key, value));
  const loggedIn = async (app: App, user = 'ada'): Promise<Visitor> => {
    const visitor = new Visitor();
    const { status } = await visitor.at(app, (browser) => browser.get(`/login?user=${user}`));
    expect(status).toBe(200);
    return visitor;
  };
  /** The facade's. */
  const cookieName = async (): Promise<string> => [...(await loggedIn(all.facade)).cookies.keys()][0] ?? '';
  /** As seen past both. */
  const stored = async ({ id }: Visitor): Promise<unknown> => all.ask('GET', `${PREFIX}${id}`);
  const left = async ({ id }: Visitor): Promise<number> => Number(await all.ask('PTTL', `${PREFIX}${id}`));

  describe.each(SIDES)('a session made at $here', ({ here, there }) => {
    it('is read and written at both, with one id and one key under the prefix', async () => {
      const visitor = await loggedIn(all[here]);
      const { id } = visitor;
      await writeAt(all[here], visitor, 'value', VALUE);
      const expected: Record<string, unknown> = { user: 'ada', value: VALUE };
      for (let turn = 0; turn < 5; turn++)
        for (const side of [there, here]) {
          expect(await readAt(all[side], visitor)).toEqual(expected);
          await writeAt(all[side], visitor, `${side}${turn}`, turn);
          expected[`${side}${turn}`] = turn;
        }
      expect(await readAt(all[there], visitor)).toEqual(expected);
      expect(visitor.id).toBe(id);
      expect(await all.ask('KEYS', `${PREFIX}*`)).toEqual([`${PREFIX}${id}`]);
    });

    it.each(['theirs', 'ours'] as const)('is ended at both by a logout at %s', async (side) => {
      const visitor = await loggedIn(all[here]);
      await writeAt(all[there], visitor, 'cart', ['book']);
      const old = visitor.clone();
      expect(await visitor.at(all[side], (browser) => browser.get('/logout'))).toMatchObject({ body: 'bye' });
      expect(await stored(old)).toBeNull();
      for (const app of [all.theirs, all.ours]) expect(await readAt(app, old.clone())).toEqual({});
    });

    it('has another id after a login at the other side, and the one before opens nothing', async () => {
      const visitor = new Visitor();
      await writeAt(all[here], visitor, 'cart', ['book']);
      const old = visitor.clone();
      expect(await readAt(all[there], old)).toEqual({ cart: ['book'] });
      await visitor.at(all[there], (browser) => browser.get('/login?user=ada'));
      expect(visitor.id).not.toBe(old.id);
      for (const app of [all.theirs, all.ours]) {
        expect(await readAt(app, visitor)).toEqual({ user: 'ada' });
        expect(await readAt(app, old.clone())).toEqual({});
      }
    });

    it.each(['theirs', 'ours'] as const)('lives on by being read at %s', async (side) => {
      const visitor = await loggedIn(all[here]);
      await all.ask('EXPIRE', `${PREFIX}${visitor.id}`, '600');
      expect(await readAt(all[side], visitor)).toEqual({ user: 'ada' });
      const ms = await left(visitor);
      expect(ms).toBeGreaterThan(HOUR_MS - 10_000);
      // connect-redis counts in whole seconds, and up.
      expect(ms).toBeLessThanOrEqual(HOUR_MS + 1_000);
      for (const app of [all.theirs, all.ours]) expect(await readAt(app, visitor)).toEqual({ user: 'ada' });
    });

    it('keeps what both write while a request of ours is under way', async () => {
      const visitor = await loggedIn(all[here]);
      const slow = visitor.tab(all.ours).get('/slow?key=slow');
      await all.ours.waiting(1);
      await writeAt(all.theirs, visitor, 'quick', true);
      all.ours.letGo();
      expect((await slow).status).toBe(200);
      for (const app of [all.theirs, all.ours])
        expect(await readAt(app, visitor)).toEqual({ user: 'ada', quick: true, slow: true });
    });

    it('is not revived by a slow request of ours that writes after a logout at theirs', async () => {
      const visitor = await loggedIn(all[here]);
      const old = visitor.clone();
      const slow = visitor.tab(all.ours).get('/slow?key=slow');
      await all.ours.waiting(1);
      await visitor.at(all.theirs, (browser) => browser.get('/logout'));
      all.ours.letGo();
      expect((await slow).cookies).toEqual([]);
      expect(await stored(old)).toBeNull();
      for (const app of [all.theirs, all.ours]) expect(await readAt(app, old.clone())).toEqual({});
    });

    it('opens nothing at ours after a logout there, though a slow request of theirs writes it again', async () => {
      const visitor = await loggedIn(all[here]);
      const old = visitor.clone();
      const slow = visitor.tab(all.theirs).get('/slow?key=slow');
      await all.theirs.waiting(1);
      await visitor.at(all.ours, (browser) => browser.get('/logout'));
      all.theirs.letGo();
      expect((await slow).status).toBe(200);
      // What express-session does; without it this test would show nothing.
      expect(await stored(old)).not.toBeNull();
      expect(await readAt(all.ours, old.clone())).toEqual({});
      // That process has seen the logout; this one knows it from Redis alone.
      expect(await readAt(all.facade, old.asFacade(await cookieName()))).toEqual({});
    });
  });

  it.each(SIDES)(
    `${SESSIONS} sessions made at $here are read, changed and handed back, none logged out`,
    async ({ here, there }) => {
      const visitors = Array.from({ length: SESSIONS }, (_, index) => ({ index, visitor: new Visitor() }));
      const forEach = async (work: (visitor: Visitor, index: number) => Promise<void>): Promise<void> => {
        const rest = visitors.values();
        const worker = async (): Promise<void> => {
          for (const { visitor, index } of rest) await work(visitor, index);
        };
        await Promise.all(Array.from({ length: AT_ONCE }, worker));
      };
      await forEach(async (visitor, index) => {
        await visitor.at(all[here], (browser) => browser.get(`/login?user=user${index}`));
        await writeAt(all[here], visitor, 'cart', [index]);
      });
      const ids = visitors.map(({ visitor }) => visitor.id);
      const counts = { read: 0, handedBack: 0 };
      const loggedOut: string[] = [];
      const visit = async (side: Side, count: keyof typeof counts, before: object): Promise<void> => {
        await forEach(async (visitor, index) => {
          const data = await readAt(all[side], visitor);
          if (data['user'] === `user${index}`) counts[count]++;
          else loggedOut.push(`user${index} at ${side}`);
          expect(data).toEqual({ user: `user${index}`, cart: [index], ...before });
          await writeAt(all[side], visitor, side, count);
        });
      };
      await visit(there, 'read', {});
      await visit(here, 'handedBack', { [there]: 'read' });
      await forEach(async (visitor, index) => {
        const expected = { user: `user${index}`, cart: [index], [there]: 'read', [here]: 'handedBack' };
        expect(await readAt(all[there], visitor)).toEqual(expected);
      });
      expect({ ...counts, loggedOut }).toEqual({ read: SESSIONS, handedBack: SESSIONS, loggedOut: [] });
      expect(visitors.map(({ visitor }) => visitor.id)).toEqual(ids);
      expect(await all.ask('KEYS', `${PREFIX}*`)).toHaveLength(SESSIONS);
    },
  );

  describe('a SessionManager on the same sessions', () => {
    it.each(['theirs', 'ours'] as const)(
      'reads what was written at %s, and what it writes is read there',
      async (side) => {
        const express = await loggedIn(all[side]);
        await writeAt(all[side], express, 'value', VALUE);
        const facade = express.asFacade(await cookieName());
        expect(await readAt(all.facade, facade)).toEqual({ user: 'ada', value: VALUE });
        await writeAt(all.facade, facade, 'facade', 1);
        expect(await readAt(all[side], express)).toEqual({ user: 'ada', value: VALUE, facade: 1 });
        await writeAt(all[side], express, 'express', 2);
        const data = { user: 'ada', value: VALUE, facade: 1, express: 2 };
        expect(await readAt(all.facade, facade)).toEqual(data);
        // The cookie with all that express-session wrote is still there.
        expect(JSON.parse(String(await stored(express)))).toMatchObject({
          cookie: { httpOnly: true, path: '/', originalMaxAge: expect.any(Number) as number },
        });
      },
    );

    it('makes sessions that express-session reads and writes', async () => {
      const facade = await loggedIn(all.facade);
      const express = facade.asExpress();
      expect(await readAt(all.theirs, express)).toEqual({ user: 'ada' });
      await writeAt(all.theirs, express, 'express', 1);
      expect(await readAt(all.facade, facade)).toEqual({ user: 'ada', express: 1 });
      await writeAt(all.facade, facade, 'facade', 2);
      expect(await readAt(all.theirs, express)).toEqual({ user: 'ada', express: 1, facade: 2 });
      expect(express.id).toBe(facade.id);
    });

    it('ends at a logout of express-session, and ends what is there', async () => {
      const name = await cookieName();
      const first = await loggedIn(all.theirs);
      const firstFacade = first.asFacade(name);
      await firstFacade.clone().at(all.facade, (browser) => browser.get('/logout'));
      expect(await stored(first)).toBeNull();
      expect(await readAt(all.theirs, first)).toEqual({});

      const second = await loggedIn(all.facade);
      const bye = await second.asExpress().at(all.theirs, (browser) => browser.get('/logout'));
      expect(bye).toMatchObject({ status: 200, body: 'bye' });
      expect(await readAt(all.facade, second)).toEqual({});
    });

    it('lists, counts and ends the sessions of all, and none that begins later', async () => {
      const visitors = [await loggedIn(all.theirs, 'a'), await loggedIn(all.ours, 'b')] as const;
      await loggedIn(all.facade, 'c');
      const { manager } = all.facade.sessions;
      const sessions = (await manager?.getAllSessions()) ?? [];
      expect(sessions.map(({ data }) => data['user']).sort()).toEqual(['a', 'b', 'c']);
      expect(await manager?.count()).toBe(3);
      await manager?.clearAllSessions();
      expect(await manager?.count()).toBe(0);
      expect(await readAt(all.ours, visitors[0])).toEqual({});
      expect(await readAt(all.theirs, visitors[1])).toEqual({});
      const next = await loggedIn(all.theirs, 'd');
      for (const app of [all.theirs, all.ours]) expect(await readAt(app, next)).toEqual({ user: 'd' });
      const sees = next.asFacade(await cookieName());
      expect(await readAt(all.facade, sees)).toEqual({ user: 'd' });
    });
  });
});

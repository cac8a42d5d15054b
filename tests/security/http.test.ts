// What responses tell caches, and which requests leave a row: over real HTTP.
import type { Request, Response } from 'express';

import { data, dropIn, site } from '../express-session/readme/support.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { closeWorlds, createWorld, type World } from '../session-manager/world.js';
import { openApp, OWN_STORES, plant, signed, STORES } from './every-store.js';

afterEach(closeWorlds);

/** Every way to answer with headers of one's own. */
const ANSWERS: readonly (readonly [string, (res: Response, headers: Record<string, string>) => unknown])[] = [
  ['send', (res, headers) => res.set(headers).send('x')],
  ['redirect', (res, headers) => res.set(headers).redirect('/elsewhere')],
  ['writeHead', (res, headers) => res.writeHead(200, headers).end('x')],
  ['writeHead with a list', (res, headers) => res.writeHead(200, Object.entries(headers).flat()).end('x')],
  [
    'a stream',
    (res, headers) => {
      res.set(headers).write('x');
      setImmediate(() => res.end('y'));
    },
  ],
  ['no content', (res, headers) => res.set(headers).status(204).end()],
];

const CACHING: readonly (readonly [string | undefined, string])[] = [
  [undefined, 'no-store'],
  ['public, max-age=31536000, immutable', 'no-store'],
  ['private', 'no-store'],
  ['no-cache', 'no-store'],
  ['max-age=0, must-revalidate', 'no-store'],
  ['x-no-store', 'no-store'],
  ['no-store-ever', 'no-store'],
  ['no-store', 'no-store'],
  ['No-Store, private', 'No-Store, private'],
  ['private,no-store,max-age=0', 'private,no-store,max-age=0'],
];

describe('S43 a response that carries the cookie', () => {
  describe.each(ANSWERS)('by %s', (_way, answer) => {
    it.each(CACHING)('with Cache-Control %p says %p', async (own, expected) => {
      const { client, on, sessions } = await createWorld();
      const headers: Record<string, string> = own === undefined ? {} : { 'Cache-Control': own };
      on('/set', async (req, res) => {
        await sessions.set(req, 'a', 1);
        answer(res, headers);
      });
      on('/destroy', async (req, res) => {
        await sessions.destroy(req);
        answer(res, headers);
      });
      on('/read', async (req, res) => {
        await sessions.get(req, 'a');
        answer(res, headers);
      });
      const set = await client.get('/set');
      expect([set.cookies.length, set.headers['cache-control']]).toEqual([1, expected]);
      // One that carries none is the application's to say.
      const read = await client.get('/read');
      expect([read.cookies.length, read.headers['cache-control']]).toEqual([0, own]);
      const cleared = await client.get('/destroy');
      expect([cleared.cookies.length, cleared.headers['cache-control']]).toEqual([1, expected]);
    });
  });

  it.each(CACHING)('of the drop-in with Cache-Control %p says %p', async (own, expected) => {
    const { client } = await site(dropIn, {}, (req, res) => {
      data(req)['a'] = 1;
      if (own !== undefined) res.set('Cache-Control', own);
      res.send('x');
    });
    const answer = await client.get('/');
    expect([answer.cookies.length, answer.headers['cache-control']]).toEqual([1, expected]);
  });
});

describe('S44 a response whose handler used the session', () => {
  const uses: readonly (readonly [string, (sessions: World['sessions'], req: Request) => unknown])[] = [
    ['get', (sessions, req) => sessions.get(req, 'a')],
    ['has', (sessions, req) => sessions.has(req, 'a')],
    ['all', (sessions, req) => sessions.all(req)],
    ['load', (sessions, req) => sessions.load(req)],
    ['touch', (sessions, req) => sessions.touch(req)],
    ['set', (sessions, req) => sessions.set(req, 'a', 1)],
    ['update', (sessions, req) => sessions.update(req, 'a', () => 1)],
    ['delete', (sessions, req) => sessions.delete(req, 'a')],
    ['regenerate', (sessions, req) => sessions.regenerate(req)],
    ['destroy', (sessions, req) => sessions.destroy(req)],
    ['req.session', (sessions, req) => sessions.session(req)['a'] as unknown],
    ['a look for a key of req.session', (sessions, req) => 'a' in sessions.session(req)],
    ['req.sessionID', (_sessions, req) => (req as { sessionID?: string }).sessionID],
    ['req.session.cookie', (sessions, req) => sessions.session(req).cookie.maxAge],
  ];

  it.each(uses)('says so to caches, with a cookie and without: %s', async (_name, use) => {
    const { client, on, sessions } = await createWorld();
    on('/set', async (req, res) => {
      await sessions.set(req, 'a', 1);
      res.end();
    });
    on('/use', async (req, res) => {
      await use(sessions, req);
      res.send('x');
    });
    on('/unused', (_req, res) => res.send('x'));
    expect((await client.get('/use')).headers.vary).toBe('Cookie');
    await client.get('/set');
    expect((await client.get('/use')).headers.vary).toBe('Cookie');
    expect((await client.get('/unused')).headers.vary).toBeUndefined();
  });

  it.each<readonly [string | string[], string]>([
    ['Accept-Encoding', 'Accept-Encoding, Cookie'],
    ['Accept, Origin', 'Accept, Origin, Cookie'],
    ['X-Cookie', 'X-Cookie, Cookie'],
    ['Cookies', 'Cookies, Cookie'],
    ['cookie', 'cookie'],
    ['Accept,COOKIE,Origin', 'Accept,COOKIE,Origin'],
    ['*', '*'],
    [['Accept', 'Origin'], 'Accept, Origin, Cookie'],
  ])('adds that to Vary %p', async (own, expected) => {
    const { client, on, sessions } = await createWorld();
    on('/', async (req, res) => {
      res.setHeader('Vary', own);
      await sessions.get(req, 'a');
      res.send('x');
    });
    on('/head', async (req, res) => {
      await sessions.get(req, 'a');
      res.writeHead(200, { Vary: own }).end('x');
    });
    expect((await client.get('/')).headers.vary).toBe(expected);
    expect((await client.get('/head')).headers.vary).toBe(expected);
  });

  it('says so on an error page too', async () => {
    const { client, on, sessions } = await createWorld();
    on('/', async (req) => {
      await sessions.get(req, 'a');
      throw new Error('of the handler');
    });
    expect(await client.get('/')).toMatchObject({ status: 500, headers: { vary: 'Cookie' } });
  });
});

describe.each(STORES)('S45 on a store of kind: %s', (_name, make) => {
  it('who brings junk, changes nothing, or logs out leaves no row', async () => {
    const app = await openApp(make, { initial: () => ({ started: true }) });
    const { browser, client, on, sessions, store } = app;
    const harmless: Record<string, (req: Request) => unknown> = {
      read: (req) => sessions.all(req),
      touch: (req) => sessions.touch(req),
      delete: (req) => sessions.delete(req, 'a'),
      destroy: (req) => sessions.destroy(req),
      regenerate: (req) => sessions.regenerate(req),
      keep: (req) => sessions.regenerate(req, { keepData: true }),
      same: async (req) => {
        await sessions.load(req);
        const session = sessions.session(req);
        session['x'] = 1;
        delete session['x'];
      },
    };
    for (const [name, act] of Object.entries(harmless))
      on(`/${name}`, async (req, res) => {
        await act(req);
        res.end();
      });
    const cookies = [
      undefined,
      'sid=junk',
      signed('z'.repeat(43)),
      `${signed('y'.repeat(43))}x`,
      `sid=${'q'.repeat(4_000)}`,
    ];
    for (const name of Object.keys(harmless)) {
      for (const cookie of cookies) {
        const answer = await browser().get(`/${name}`, { headers: cookie === undefined ? {} : { cookie } });
        expect([name, cookie, answer.status, await store.length()]).toEqual([name, cookie, 200, 0]);
        expect(answer.cookies.filter((line) => !line.startsWith('sid=; Max-Age=0'))).toEqual([]);
      }
    }
    await client.get('/set');
    expect(await store.length()).toBe(1);
    await client.get('/destroy');
    for (const name of Object.keys(harmless)) await client.clone().get(`/${name}`);
    expect(await store.length()).toBe(0);
    await app.testClock.advance(120_000);
    if (store instanceof MemoryStore) {
      await store.removeExpired(100);
      expect(store.keys()).toEqual([]);
    }
  });
});

it('S45 leaves none with the drop-in either', async () => {
  const store = new MemoryStore({ cleanupInterval: 0 });
  const { client } = await site(dropIn, { store }, (req, res) => {
    if (req.path === '/set') data(req)['a'] = 1;
    if (req.path === '/touch') req.session.touch();
    if (req.path === '/destroy') req.session.destroy(() => res.end());
    else res.json(data(req)['a'] ?? null);
  });
  for (const cookie of ['', 'connect.sid=junk', `connect.sid=s%3A${'z'.repeat(43)}.x`]) {
    for (const path of ['/', '/touch', '/destroy']) {
      const answer = await client.clone().get(path, { headers: cookie === '' ? {} : { cookie } });
      expect([path, cookie, answer.cookies, await store.length()]).toEqual([path, cookie, [], 0]);
    }
  }
  await client.get('/set');
  expect(await store.length()).toBe(1);
  await client.get('/destroy');
  expect(await store.length()).toBe(0);
});

it.each(OWN_STORES.filter(([name]) => name.startsWith('memory')))(
  'S46 a flood of guests takes no user’s session where maxSessions is set: %s',
  async (name) => {
    const evicted: string[] = [];
    const app = await openApp(
      (clock) =>
        new MemoryStore({
          clock,
          cleanupInterval: 0,
          maxSessions: 10,
          idAtRest: name.endsWith('plain ids') ? 'plain' : 'sha256',
        }),
    );
    const { browser, store } = app;
    app.sessions.on('destroyed', ({ reason }) => evicted.push(reason));
    const users = ['u', 'v', 'w'].map((letter) => letter.repeat(43));
    for (const id of users) await plant(app, id, { owner: id });
    const guest = browser();
    await guest.get('/set');
    for (let visit = 0; visit < 100; visit++) {
      await browser().get('/set');
      expect(await store.length()).toBeLessThanOrEqual(10);
    }
    for (const id of users)
      expect((await browser().get('/get', { headers: { cookie: signed(id) } })).body).toBe('1');
    expect((await guest.get('/get')).body).toBe('null');
    await new Promise(setImmediate);
    expect(evicted).toEqual(Array(100 - 6).fill('evicted'));
  },
);

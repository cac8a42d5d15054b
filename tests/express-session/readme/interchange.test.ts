/* eslint-disable @typescript-eslint/no-deprecated -- cookie.expires is what express-session documents */
// A deployment switches from express-session to the drop-in and back, or runs both at once: their cookies and what they
// store are each other's.
import { createSecretKey } from 'node:crypto';

import type { Express } from 'express';

import type { SessionOptions } from '../../../src/express-session/index.js';
import {
  cookieOf,
  data,
  dropIn,
  frozenDate,
  genuine,
  holding,
  sentCookie,
  site,
  spyStore,
  type SessionFunction,
} from './support.js';

type Store = NonNullable<SessionOptions['store']>;
const PAIRS: readonly (readonly [string, SessionFunction, SessionFunction])[] = [
  ['from express-session to the drop-in', genuine, dropIn],
  ['from the drop-in to express-session', dropIn, genuine],
];
const STORES: readonly (readonly [string, () => Store])[] = [
  ["the drop-in's MemoryStore", () => new dropIn.MemoryStore()],
  ["express-session's MemoryStore", () => new genuine.MemoryStore()],
  ["a store on express-session's base", () => spyStore(genuine).asOption],
  ["a store on the drop-in's base", () => spyStore(dropIn).asOption],
];
const MATRIX = PAIRS.flatMap(([way, from, to]) =>
  STORES.map(([what, make]) => [way, what, from, to, make] as const),
);

const routes = (app: Express): void => {
  app.get('/login', (req, res, next) => {
    req.session.regenerate((error) => {
      data(req)['user'] = { name: 'ada', roles: ['a', 'b'] };
      if (error) next(error);
      else res.send('ok');
    });
  });
  app.get('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : void res.send('ok')));
  });
  app.get('/count', (req, res) => {
    data(req)['count'] = Number(data(req)['count'] ?? 0) + 1;
    res.send('ok');
  });
  app.get('/forget', (req, res) => {
    Object.assign(req.session.cookie, { expires: false });
    data(req)['forgets'] = true;
    res.send('ok');
  });
  app.use((req, res) => {
    const { cookie: _cookie, ...rest } = data(req);
    const { originalMaxAge, maxAge, expires } = cookieOf(req);
    res.json({ ...rest, originalMaxAge, maxAge, expires });
  });
};

describe.each(MATRIX)('%s, over %s', (_way, _store, from, to, makeStore) => {
  /** Each request meets a deployment of its own: what goes from one to the next is the cookie and the store. */
  const switching = (more: SessionOptions = {}) => {
    const shared = { ...more, store: makeStore() };
    let cookie = '';
    const at = async (session: SessionFunction, path: string): Promise<unknown> => {
      const { client } = await site(session, shared, routes);
      client.cookie = cookie;
      const { body, status } = await client.get(path);
      ({ cookie } = client);
      expect([status, body]).toEqual([200, expect.any(String)]);
      return body === 'ok' ? body : (JSON.parse(body) as unknown);
    };
    return { here: (path: string) => at(from, path), there: (path: string) => at(to, path) };
  };
  const user = { name: 'ada', roles: ['a', 'b'] };

  it('nobody is logged out, and what either changes the other sees', async () => {
    const { here, there } = switching();
    await here('/login');
    expect(await there('/')).toMatchObject({ user });
    await there('/count');
    await here('/count');
    expect(await there('/')).toMatchObject({ user, count: 2 });
    expect(await here('/')).toMatchObject({ user, count: 2 });
  });

  it('a logout at either is one at both', async () => {
    const { here, there } = switching();
    await here('/login');
    await there('/logout');
    expect(await here('/')).not.toHaveProperty('user');
    await there('/login');
    await here('/logout');
    expect(await there('/')).not.toHaveProperty('user');
  });

  it('maxAge goes on counting', async () => {
    const date = frozenDate();
    const { here, there } = switching({ cookie: { maxAge: 60_000 } });
    await here('/count');
    date.advance(20_000);
    expect(await there('/')).toMatchObject({ count: 1, originalMaxAge: 60_000, maxAge: 40_000 });
    date.advance(15_000);
    expect(await here('/')).toMatchObject({ count: 1, originalMaxAge: 60_000, maxAge: 45_000 });
  });

  it('a session that ends with the browser goes on, whichever way it was told so', async () => {
    const { here, there } = switching({ cookie: { maxAge: 60_000 } });
    await here('/forget');
    expect(await there('/')).toMatchObject({ forgets: true });
    await there('/count');
    expect(await here('/')).toMatchObject({ forgets: true, count: 1 });
  });
});

describe.each(PAIRS)('%s, both in one process', (_way, first, second) => {
  it('share a store, each with its own sessions', async () => {
    const store = new dropIn.MemoryStore();
    const one = await site(first, { store }, routes);
    const two = await site(second, { store }, routes);
    expect((await one.client.get('/login')).body).toBe('ok');
    two.client.cookie = one.client.cookie;
    expect((await two.client.get('/count')).body).toBe('ok');
    expect(JSON.parse((await one.client.get('/')).body)).toMatchObject({ count: 1, user: { name: 'ada' } });
    expect((await two.client.get('/login')).body).toBe('ok');
  });
});

const COOKIES: readonly (readonly [string, SessionOptions['cookie']])[] = [
  ['the default cookie', {}],
  ['a maxAge', { maxAge: 60_500 }],
  ['a maxAge of 0', { maxAge: 0 }],
  ['expires', { expires: new Date(2_000_000_000_123) }],
  ['expires: null', { expires: null }],
  ['maxAge before expires', { maxAge: 5_000, expires: new Date(2_000_000_000_000) }],
  ['a domain and a path', { domain: '.example.com', path: '/a' }],
  ['neither HttpOnly nor Secure', { httpOnly: false, secure: false }],
  [
    'everything',
    { maxAge: 1e9, secure: true, sameSite: 'none', priority: 'high', partitioned: true, domain: 'x.y' },
  ],
  ['sameSite: true', { sameSite: true }],
  ["'auto'", { secure: 'auto', sameSite: 'auto' }],
  ['a function', () => ({ maxAge: 7_000, sameSite: 'lax' })],
];
const SECRETS: readonly (readonly [string, NonNullable<SessionOptions['secret']>])[] = [
  ['a string', 'ключ'],
  ['a Buffer', Buffer.from([0, 1, 255])],
  ['a KeyObject', createSecretKey(Buffer.from('key'))],
  ['a list', ['first', Buffer.from('second')]],
];

describe('the same options make', () => {
  /** The Set-Cookie line and the stored text of a first visit and of a second one. */
  const visits = async (
    session: SessionFunction,
    more: SessionOptions,
    id = 'the-id',
  ): Promise<unknown[]> => {
    const store = spyStore(session);
    const all = { genid: () => id, proxy: true, store: store.asOption, ...more };
    const { client } = await site(session, all, (req, res) => {
      data(req)['count'] = Number(data(req)['count'] ?? 0) + 1;
      data(req)['who'] = { name: 'ä', list: [1, null] };
      res.send('ok');
    });
    const seen: unknown[] = [];
    for (let turn = 0; turn < 2; turn++) {
      const answer = await client.get('/a', { headers: { 'X-Forwarded-Proto': 'https' } });
      seen.push(answer.status, sentCookie(answer)?.line, [...store.texts]);
    }
    return seen;
  };
  const expectEqual = async (more: SessionOptions, id?: string): Promise<void> => {
    frozenDate(1_900_000_000_250);
    const [line] = (await visits(genuine, more, id)).slice(1);
    expect(line).toMatch(/^connect\.sid=s%3A/);
    expect(await visits(dropIn, more, id)).toEqual(await visits(genuine, more, id));
  };

  it.each(COOKIES)(
    'the same Set-Cookie, byte for byte, and the same stored JSON: %s',
    async (_what, cookie) => {
      await expectEqual(cookie === undefined ? {} : { cookie });
      await expectEqual({ rolling: true, ...(cookie === undefined ? null : { cookie }) });
    },
  );

  it.each(SECRETS)('the same signature with %s', async (_what, secret) => {
    await expectEqual({ secret });
  });

  it.each(['apple', 'a b', '%', '/foo/../bar', 'ä.ö', 'a.b.c', 'x;y=z', '"quoted"', '0'])(
    'the same cookie for the id %p, which either reads',
    async (id) => {
      await expectEqual({}, id);
      for (const session of [genuine, dropIn]) {
        const store = spyStore(session);
        store.texts.set(id, JSON.stringify({ cookie: { path: '/' } }));
        const { client } = await site(
          session,
          { store: store.asOption },
          (req, res) => void res.json(req.sessionID),
        );
        expect(JSON.parse((await client.get('/', { headers: holding(id) })).body)).toBe(id);
      }
    },
  );
});

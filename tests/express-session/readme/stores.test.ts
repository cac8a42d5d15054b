// express-session's README, "Session Store Implementation". Sentences 96 to 109 of its API section.
import type { Express, Request } from 'express';

import type { SessionOptions } from '../../../src/express-session/index.js';
import {
  counting,
  data,
  dropIn,
  frozenDate,
  holding,
  IMPLEMENTATIONS,
  sentCookie,
  site,
  spyStore,
} from './support.js';

type Method = (...args: unknown[]) => unknown;
const STORED = { cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/' }, visits: 1 };
const MISSING = Object.assign(new Error('no such file'), { code: 'ENOENT' });

describe.each(IMPLEMENTATIONS)('%s', (_name, session) => {
  /** Each kind of request once: a first one, a change, a look, regenerate and destroy. The calls of each. */
  const life = async (store = spyStore(session)): Promise<string[][]> => {
    const routes = (app: Express): void => {
      app.get('/regenerate', (req, res) => {
        req.session.regenerate(() => {
          data(req)['visits'] = 0;
          res.send('ok');
        });
      });
      app.get('/destroy', (req, res) => {
        req.session.destroy(() => void res.send('ok'));
      });
      app.use(counting);
    };
    const { client } = await site(session, { store: store.asOption }, routes);
    const calls: string[][] = [];
    for (const path of ['/', '/', '/peek', '/regenerate', '/destroy']) {
      expect((await client.get(path)).status).toBe(200);
      calls.push(store.calls.splice(0).map((call) => call.split(' ')[0] ?? ''));
    }
    return calls;
  };

  /** A method of the MemoryStore, called as a session middleware calls it. */
  const memory = () => {
    const store = new session.MemoryStore();
    const call = (name: string, ...args: unknown[]) =>
      new Promise<{ error: unknown; result: unknown }>((resolve) => {
        const method = Reflect.get(store, name) as Method;
        method.call(store, ...args, (error: unknown, result: unknown) =>
          resolve({ error: error ?? null, result }),
        );
      });
    return { store, call };
  };

  it('96. store: is an EventEmitter', () => {
    const { store } = memory();
    const heard: unknown[] = [];
    store.on('anything', (value) => heard.push(value));
    store.emit('anything', 1);
    expect(heard).toEqual([1]);
  });

  it('97. store: the required methods get, set and destroy are called', async () => {
    const [first, change, look, regenerate, destroy] = await life(spyStore(session, { touch: false }));
    expect(first).toContain('set');
    expect(change).toEqual(expect.arrayContaining(['get', 'set']));
    expect(look).toContain('get');
    expect(regenerate).toEqual(expect.arrayContaining(['get', 'destroy', 'set']));
    expect(destroy).toEqual(expect.arrayContaining(['get', 'destroy']));
  });

  it('98. store: the recommended method touch is called if it is available', async () => {
    expect((await life())[2]).toContain('touch');
    expect((await life(spyStore(session, { touch: false }))).flat()).not.toContain('touch');
  });

  it('99. store: the optional methods all, clear and length are not called at all', async () => {
    const calls = (await life()).flat();
    expect(calls.filter((name) => !['get', 'set', 'destroy', 'touch'].includes(name))).toEqual([]);
  });

  it('100. store.all: gets all sessions', async () => {
    const { call } = memory();
    await call('set', 'a', { ...STORED, visits: 1 });
    await call('set', 'b', { ...STORED, visits: 2 });
    expect(await call('all')).toMatchObject({ error: null, result: { a: { visits: 1 }, b: { visits: 2 } } });
  });

  it('101. store.destroy: destroys the session of an ID, and no other', async () => {
    const { call } = memory();
    await call('set', 'a', STORED);
    await call('set', 'b', STORED);
    expect((await call('destroy', 'a')).error).toBeNull();
    expect((await call('get', 'a')).result ?? null).toBeNull();
    expect((await call('get', 'b')).result).toMatchObject({ visits: 1 });
    expect((await call('destroy', 'a')).error).toBeNull();
  });

  it('102. store.clear: deletes all sessions', async () => {
    const { call } = memory();
    await call('set', 'a', STORED);
    await call('set', 'b', STORED);
    expect((await call('clear')).error).toBeNull();
    expect((await call('length')).result).toBe(0);
  });

  it('103. store.length: counts all sessions', async () => {
    const { call } = memory();
    for (const id of ['a', 'b', 'a', 'c']) await call('set', id, STORED);
    expect(await call('length')).toEqual({ error: null, result: 3 });
  });

  it('104. store.get: gives the session, or null or undefined and no error', async () => {
    const { call } = memory();
    await call('set', 'a', STORED);
    expect(await call('get', 'a')).toMatchObject({
      error: null,
      result: { visits: 1, cookie: { path: '/' } },
    });
    const { error, result } = await call('get', 'nobody');
    expect([error, result ?? null]).toEqual([null, null]);
  });

  const firstVisit = async (failures: Record<string, Error>, stored: unknown = STORED) => {
    const store = spyStore(session);
    store.texts.set('theirs', JSON.stringify(stored));
    Object.assign(store.failures, failures);
    const { client, faults } = await site(session, { store: store.asOption }, counting);
    return { answer: await client.get('/', { headers: holding('theirs') }), faults };
  };

  it('104. store.get: of null, a new session is made under another ID', async () => {
    const { answer } = await firstVisit({}, null);
    expect(answer.body).toContain('"visits":1');
    expect(sentCookie(answer)?.id).not.toBe('theirs');
  });

  it("105. store.get: an error of code 'ENOENT' acts like null", async () => {
    const { answer, faults } = await firstVisit({ get: MISSING });
    expect(answer.body).toContain('"visits":1');
    expect(faults).toEqual([]);
  });

  it('105. store.get: any other error is handed on as it is', async () => {
    const error = new Error('no connection');
    const { answer, faults } = await firstVisit({ get: error });
    expect([answer.status, faults[0]]).toEqual([500, error]);
  });

  it('106. store.set: upserts a session', async () => {
    const { call } = memory();
    expect((await call('set', 'a', { ...STORED, visits: 1 })).error).toBeNull();
    expect((await call('set', 'a', { ...STORED, visits: 2 })).error).toBeNull();
    expect((await call('get', 'a')).result).toMatchObject({ visits: 2 });
  });

  it('107. store.touch: touches the session, without its data', async () => {
    const { call } = memory();
    const expires = new Date(Date.now() + 60_000);
    await call('set', 'a', { ...STORED, cookie: { ...STORED.cookie, originalMaxAge: 60_000, expires } });
    const later = new Date(Date.now() + 90_000);
    const cookie = { ...STORED.cookie, originalMaxAge: 60_000, expires: later };
    expect((await call('touch', 'a', { cookie, visits: 7 })).error).toBeNull();
    expect((await call('get', 'a')).result).toMatchObject({
      visits: 1,
      cookie: { expires: later.toISOString() },
    });
  });

  it('107. store.touch: makes no session of an ID that has none', async () => {
    const { call } = memory();
    expect((await call('touch', 'nobody', STORED)).error).toBeNull();
    expect((await call('length')).result).toBe(0);
  });

  it('108. store.touch: signals that the session is active, with its new expiry', async () => {
    const date = frozenDate();
    const store = spyStore(session);
    const more: SessionOptions = { cookie: { maxAge: 60_000 }, store: store.asOption };
    const { client } = await site(session, more, counting);
    const { id } = sentCookie(await client.get('/')) ?? { id: '' };
    date.advance(40_000);
    await client.get('/peek');
    expect(JSON.parse(store.texts.get(id) ?? '')).toMatchObject({
      cookie: { originalMaxAge: 60_000, expires: new Date(date.now + 60_000).toISOString() },
    });
  });

  it('108. store.touch: without it, sessions of the MemoryStore end', async () => {
    const { call } = memory();
    const cookie = { ...STORED.cookie, originalMaxAge: 1_000, expires: new Date(Date.now() - 1) };
    await call('set', 'a', { ...STORED, cookie });
    expect((await call('get', 'a')).result ?? null).toBeNull();
    expect((await call('length')).result).toBe(0);
  });

  it('109. store.createSession and store.load: make a Session of what is stored', async () => {
    const { store, call } = memory();
    const expires = new Date(Date.now() + 60_000);
    await call('set', 'a', { ...STORED, cookie: { ...STORED.cookie, originalMaxAge: 60_000, expires } });
    const loaded = (await call('load', 'a')).result as Request['session'];
    expect(loaded).toBeInstanceOf(session.Session);
    expect(loaded.cookie).toBeInstanceOf(session.Cookie);
    expect(loaded).toMatchObject({ id: 'a', cookie: { expires, originalMaxAge: 60_000 } });
    expect((await call('load', 'nobody')).result ?? null).toBeNull();
    const req = { sessionID: 'b', sessionStore: store } as unknown as Request;
    store.createSession(req, { cookie: { path: '/x' } } as never);
    expect([req.session.id, req.session.cookie.path]).toEqual(['b', '/x']);
  });

  it('109. store.regenerate and store.generate: put another session on the request', async () => {
    const store = spyStore(session);
    store.texts.set('theirs', JSON.stringify(STORED));
    const more = { saveUninitialized: true, store: store.asOption };
    const { client } = await site(session, more, (req, res) => {
      req.sessionStore.regenerate(req, (error: unknown) => {
        const { sessionID: first } = req;
        req.sessionStore.generate(req);
        res.json([error ?? null, first !== 'theirs', req.sessionID !== first, data(req)['visits'] ?? null]);
      });
    });
    const answer = await client.get('/', { headers: holding('theirs') });
    expect(JSON.parse(answer.body)).toEqual([null, true, true, null]);
    expect([...store.texts.keys()]).toEqual([sentCookie(answer)?.id]);
  });
});

describe('drop-in', () => {
  it('96. store: need not be an EventEmitter, and may answer with promises alone', async () => {
    const texts = new Map<string, string>();
    const store = {
      get: async (id: string): Promise<unknown> => JSON.parse(texts.get(id) ?? 'null'),
      set: async (id: string, value: unknown) => void texts.set(id, JSON.stringify(value)),
      destroy: async (id: string) => void texts.delete(id),
    };
    const { client } = await site(dropIn, { store }, counting);
    await client.get('/');
    expect((await client.get('/')).body).toContain('"visits":2');
    expect(texts.size).toBe(1);
  });
});

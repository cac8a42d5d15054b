// `req.session`, `req.sessionID` and `req.sessionStore` over real HTTP, with callbacks and with promises.
import type { Request } from 'express';

import type { SessionMethods } from '../../src/http/session-object.js';
import { EXPRESS } from '../support/http.js';
import { closeWorlds, createRequest, createWorld, query, storedData } from '../session-manager/world.js';

afterEach(closeWorlds);

type Visit = SessionMethods & Record<string, unknown>;
interface WithSession {
  session: Visit;
  sessionID: string | undefined;
  sessionStore: unknown;
}

/** The request as handlers of other packages see it. */
const of = (req: Request): WithSession => req as unknown as WithSession;

type Style = (start: (callback?: (error: unknown, result?: unknown) => void) => unknown) => Promise<unknown>;
const STYLES: readonly (readonly [string, Style])[] = [
  ['promises', async (start) => start()],
  [
    'callbacks',
    (start) =>
      new Promise((resolve, reject) => {
        start((error, result) => {
          if (error === null || error === undefined) resolve(result);
          else reject(error instanceof Error ? error : new Error('told of something that is no Error'));
        });
      }),
  ],
];

describe.each(EXPRESS)('%s', (_name, express) => {
  it('saves what the handler changed', async () => {
    const world = await createWorld({ express });
    const { client, on } = world;
    on('/', (req, res) => {
      const { session } = of(req);
      session['n'] = ((session['n'] as number | undefined) ?? 0) + 1;
      ((session['list'] ??= []) as number[]).push(session['n'] as number);
      res.json(session);
    });
    on('/delete', (req, res) => {
      delete of(req).session['n'];
      res.end();
    });
    await client.get('/');
    expect((await client.get('/')).body).toBe('{"n":2,"list":[1,2]}');
    await client.get('/delete');
    expect(await storedData(world)).toEqual([{ list: [1, 2] }]);
  });

  it('has no id until there is a session, and then the one of the cookie', async () => {
    const { client, on, store } = await createWorld({ express });
    on('/', (req, res) => {
      const { session, sessionID, sessionStore } = of(req);
      const before = [sessionID, session.id];
      session['a'] = 1;
      res.json([before, sessionStore === store]);
    });
    on('/id', (req, res) => {
      res.json([of(req).sessionID, of(req).session.id]);
    });
    expect((await client.get('/')).body).toBe('[[null,null],true]');
    const id = client.jar.get('sid')?.split('.')[0];
    expect(JSON.parse((await client.get('/id')).body)).toEqual([id, id]);
  });

  it.each(['session', 'sessionID', 'sessionStore'] as const)(
    'refuses to have req.%s assigned',
    async (name) => {
      const { client, on } = await createWorld({ express });
      on('/', (req, res) => {
        (of(req) as unknown as Record<string, unknown>)[name] = {};
        res.end();
      });
      expect(await client.get('/')).toMatchObject({ status: 500, body: 'ERR_SESSION_ASSIGN' });
    },
  );

  it('logs a user in as passport does: regenerate(cb), copy the old session, save(cb)', async () => {
    const world = await createWorld({ express });
    const { browser, client, on } = world;
    on('/cart', (req, res) => {
      of(req).session['cart'] = [1];
      res.end();
    });
    on('/login', (req, res) => {
      const previous = of(req).session;
      void previous.regenerate((error) => {
        if (error) throw error as Error;
        // utils-merge, as passport 0.7 uses it for `keepSessionInfo`.
        for (const key in previous) of(req).session[key] = previous[key];
        of(req).session['passport'] = { user: 7 };
        void of(req).session.save((failed) => {
          res.send(failed === null ? 'in' : 'failed');
        });
      });
    });
    on('/get', (req, res) => {
      res.json(of(req).session);
    });
    await client.get('/cart');
    const old = client.cookie;
    expect((await client.get('/login')).body).toBe('in');
    expect(client.cookie).not.toBe(old);
    expect((await client.get('/get')).body).toBe('{"cart":[1],"passport":{"user":7}}');
    const thief = browser();
    thief.cookie = old;
    expect((await thief.get('/get')).body).toBe('{}');
    expect(await storedData(world)).toEqual([{ cart: [1], passport: { user: 7 } }]);
  });
});

describe.each(STYLES)('with %s', (_name, style) => {
  it('save() stores what has changed so far', async () => {
    const world = await createWorld();
    let stored: unknown;
    world.on('/', async (req, res) => {
      const { session } = of(req);
      session['a'] = 1;
      expect(await style((callback) => session.save(callback))).toBeUndefined();
      stored = await storedData(world);
      res.end();
    });
    expect((await world.client.get('/')).status).toBe(200);
    expect(stored).toEqual([{ a: 1 }]);
    expect(world.calls.count('replace')).toBe(0);
  });

  it('save() of nothing begins nothing', async () => {
    const { calls, client, on } = await createWorld();
    on('/', async (req, res) => {
      await style((callback) => of(req).session.save(callback));
      res.end();
    });
    expect((await client.get('/')).cookies).toEqual([]);
    expect(calls.count()).toBe(0);
  });

  it('reload() reads anew, drops what is not stored and gives another object', async () => {
    const world = await createWorld();
    const { client, on, sessions } = world;
    on('/set', async (req, res) => {
      await sessions.set(req, 'a', Number(req.query['a']));
      res.end();
    });
    on('/', async (req, res) => {
      const { session } = of(req);
      session['mine'] = true;
      await client.clone().get('/set?a=2');
      await style((callback) => session.reload(callback));
      res.json([of(req).session === session, of(req).session, session['mine']]);
    });
    await client.get('/set?a=1');
    expect((await client.get('/')).body).toBe('[false,{"a":2},true]');
    expect(await storedData(world)).toEqual([{ a: 2 }]);
  });

  it('reload() rejects where the session has ended, or never was', async () => {
    const { client, on, sessions } = await createWorld();
    on('/set', async (req, res) => {
      await sessions.set(req, 'a', 1);
      res.end();
    });
    on('/destroy', async (req, res) => {
      await sessions.destroy(req);
      res.end();
    });
    on('/', async (req, res) => {
      const { session } = of(req);
      await client.clone().get('/destroy');
      await style((callback) => session.reload(callback));
      res.end();
    });
    expect((await client.get('/')).body).toBe('ERR_SESSION_ENDED');
    await client.get('/set');
    expect(await client.get('/')).toMatchObject({ body: 'ERR_SESSION_ENDED', cookies: [] });
  });

  it('regenerate() gives another id and an empty object; the old object keeps its data', async () => {
    const world = await createWorld();
    const { client, on } = world;
    on('/set', (req, res) => {
      of(req).session['a'] = 1;
      res.end();
    });
    on('/', async (req, res) => {
      const { session, sessionID } = of(req);
      await style((callback) => session.regenerate(callback));
      const after = of(req);
      after.session['b'] = 2;
      res.json([session, after.session, after.session === session, after.sessionID === sessionID]);
    });
    on('/keep', async (req, res) => {
      const { session } = of(req);
      session['pending'] = true;
      await style((callback) => session.regenerate({ keepData: true }, callback));
      res.json([of(req).session, of(req).session === session]);
    });
    await client.get('/set');
    expect((await client.get('/')).body).toBe('[{"a":1},{"b":2},false,false]');
    expect((await client.get('/keep')).body).toBe('[{"b":2,"pending":true},false]');
    expect(await storedData(world)).toEqual([{ b: 2, pending: true }]);
  });

  it('regenerate() without anything stored after it clears the cookie', async () => {
    const { client, on, memory } = await createWorld();
    on('/set', (req, res) => {
      of(req).session['a'] = 1;
      res.end();
    });
    on('/', async (req, res) => {
      await style((callback) => of(req).session.regenerate(callback));
      res.end();
    });
    await client.get('/set');
    expect((await client.get('/')).cookies[0]).toMatch(/^sid=; Max-Age=0/);
    expect(await memory.length()).toBe(0);
  });

  it('destroy() ends the session, and resolves to whether there was one', async () => {
    const { client, on, memory } = await createWorld();
    on('/set', (req, res) => {
      of(req).session['a'] = 1;
      res.end();
    });
    on('/', async (req, res) => {
      const { session } = of(req);
      res.json([
        await style((callback) => session.destroy(callback)),
        await style((callback) => session.destroy(callback)),
        of(req).sessionID ?? null,
      ]);
    });
    await client.get('/set');
    const answer = await client.get('/');
    expect(answer.body).toBe('[true,false,null]');
    expect(answer.cookies[0]).toMatch(/^sid=; Max-Age=0/);
    expect(await memory.length()).toBe(0);
  });

  it('touch() moves the expiry, and resolves to whether there is a session', async () => {
    const { client, clock, on } = await createWorld({ maxAge: 100_000 });
    on('/', async (req, res) => {
      const touched = await style((callback) => of(req).session.touch(callback));
      if (req.query['set'] !== undefined) of(req).session['a'] = 1;
      res.json(touched);
    });
    expect((await client.get('/?set')).body).toBe('false');
    clock.advance(1);
    const answer = await client.get('/');
    expect(answer.body).toBe('true');
    expect(answer.cookies[0]).toContain('; Max-Age=100;');
  });

  it('hands a fault of the store on', async () => {
    const { client, faults, on } = await createWorld();
    on('/', async (req, res) => {
      of(req).session['a'] = 1;
      const told = await style((callback) => of(req).session.save(callback)).catch((error: unknown) => error);
      delete of(req).session['a'];
      res.send((told as { code: string }).code);
    });
    faults.fail('insert');
    expect(await client.get('/')).toMatchObject({ status: 200, body: 'ERR_SESSION_STORE', cookies: [] });
  });
});

it('S34 refuses __proto__ and other pollution on req.session with an error, and stores nothing', async () => {
  const { client, memory, on } = await createWorld();
  on('/', (req, res) => {
    of(req).session[query(req, 'key')] = { admin: true };
    res.json(({} as { admin?: boolean }).admin ?? null);
  });
  for (const key of ['__proto__', 'constructor', 'prototype', 'save', 'id'])
    expect(await client.get(`/?key=${key}`)).toMatchObject({
      status: 500,
      body: 'ERR_SESSION_KEY',
      cookies: [],
    });
  expect(await memory.length()).toBe(0);
  expect(({} as { admin?: boolean }).admin).toBeUndefined();
});

it('gives cookie the attributes and times of the session', async () => {
  const { client, clock, on } = await createWorld({
    maxAge: 60_000,
    cookie: { path: '/', domain: 'example.org' },
  });
  on('/', (req, res) => {
    const { cookie } = of(req).session;
    clock.advance(1_000);
    res.json([cookie, cookie.maxAge, cookie.expires, cookie.originalMaxAge, cookie.httpOnly, cookie.domain]);
  });
  on('/set', (req, res) => {
    of(req).session['a'] = 1;
    res.end();
  });
  const json = (maxAge: number, at: number) => [
    {
      path: '/',
      domain: 'example.org',
      httpOnly: true,
      secure: false,
      sameSite: 'lax',
      originalMaxAge: 60_000,
      maxAge,
      expires: new Date(at).toISOString(),
    },
    maxAge,
    new Date(at).toISOString(),
    60_000,
    true,
    'example.org',
  ];
  await client.get('/set');
  expect(JSON.parse((await client.get('/')).body)).toEqual(json(59_000, clock.now() + 59_000));
});

it('writes nothing for a session that was read and not changed', async () => {
  const { calls, client, on } = await createWorld();
  on('/set', (req, res) => {
    of(req).session['a'] = { b: 1 };
    res.end();
  });
  on('/', (req, res) => {
    const { session } = of(req);
    session['a'] = { b: 1 };
    res.json(session);
  });
  await client.get('/set');
  calls.clear();
  expect((await client.get('/')).cookies).toEqual([]);
  expect(calls.names).toEqual(['findSync']);
});

it('begins no session for one that was read and left empty', async () => {
  const { calls, client, on } = await createWorld();
  on('/', (req, res) => {
    const { session } = of(req);
    session['a'] = 1;
    delete session['a'];
    res.json(session);
  });
  expect((await client.get('/')).cookies).toEqual([]);
  expect(calls.count()).toBe(0);
});

it('works without a response, as WebSocket servers call it: reads and writes, but begins nothing', async () => {
  const { client, on, sessions } = await createWorld();
  on('/set', (req, res) => {
    of(req).session['a'] = 1;
    res.end();
  });
  await client.get('/set');
  const socket = createRequest(client.cookie);
  await new Promise<void>((resolve) => {
    sessions.middleware()(socket, {} as never, () => resolve());
  });
  expect(of(socket).session['a']).toBe(1);
  await sessions.set(socket, 'b', 2);
  expect(await sessions.all(socket)).toEqual({ a: 1, b: 2 });

  const stranger = createRequest();
  sessions.middleware()(stranger, {} as never, () => undefined);
  await expect(sessions.set(stranger, 'a', 1)).rejects.toMatchObject({ code: 'ERR_SESSION_NO_RESPONSE' });
  expect(await sessions.count()).toBe(1);
});

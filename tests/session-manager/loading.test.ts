// When a session is read: on first use, before the handlers, or when it is asked for; and what a new one begins with.
import type { Request } from 'express';

import { SessionManager } from '../../src/session-manager.js';
import { SECRET } from '../support/secret.js';
import { closeWorlds, codeOf, createRequest, createWorld, storedData, withCode } from './world.js';

afterEach(closeWorlds);

it('P6 asks nothing, sets nothing and adds no header for a request that does not use its session', async () => {
  const { calls, client, on, sessions } = await createWorld();
  on('/set', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  on('/plain', (_req, res) => res.send('plain'));
  await client.get('/set');
  calls.clear();
  const answer = await client.get('/plain');
  expect(calls.count()).toBe(0);
  expect([answer.cookies, answer.headers.vary]).toEqual([[], undefined]);
});

it('reads the session once, however many ask for it', async () => {
  const { calls, client, on, sessions } = await createWorld({ asyncOnly: true });
  on('/set', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  on('/get', async (req, res) => {
    await Promise.all([
      sessions.get(req, 'a'),
      sessions.has(req, 'a'),
      sessions.load(req),
      sessions.all(req),
    ]);
    res.json(sessions.session(req)['a']);
  });
  await client.get('/set');
  calls.clear();
  expect((await client.get('/get')).body).toBe('1');
  expect(calls.names).toEqual(['find']);
});

it('says on a store that needs a promise that req.session is not loaded yet', async () => {
  const { client, on, sessions, errors } = await createWorld({ asyncOnly: true });
  on('/new', (req, res) => {
    // Without a cookie there is nothing to ask for.
    sessions.session(req)['a'] = 1;
    res.end();
  });
  on('/early', (req, res) => {
    res.json(sessions.session(req));
  });
  on('/id', (req, res) => {
    res.json((req as unknown as { sessionID: string }).sessionID);
  });
  on('/loaded', async (req, res) => {
    await sessions.load(req);
    res.json(sessions.session(req));
  });
  expect((await client.get('/new')).cookies).toHaveLength(1);
  expect(await client.get('/early')).toMatchObject({
    status: 500,
    body: 'ERR_SESSION_NOT_LOADED',
    cookies: [],
  });
  expect((await client.get('/id')).body).toBe('ERR_SESSION_NOT_LOADED');
  expect((errors[0] as Error).message).toContain('await sessions.load(req)');
  expect((await client.get('/loaded')).body).toBe('{"a":1}');
});

it.each([true, false])("reads before the handlers with load: 'eager' (async: %s)", async (asyncOnly) => {
  const { calls, client, on, sessions } = await createWorld({ asyncOnly, load: 'eager' });
  on('/set', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  on('/get', (req, res) => {
    res.json(sessions.session(req)['a']);
  });
  await client.get('/set');
  calls.clear();
  expect((await client.get('/get')).body).toBe('1');
  expect(calls.names).toEqual([asyncOnly ? 'find' : 'findSync']);
});

it('reads before the handlers of the requests that load says', async () => {
  const { client, on, sessions } = await createWorld({ asyncOnly: true, load: ({ url }) => url === '/read' });
  for (const path of ['/read', '/unread'])
    on(path, (req, res) => {
      res.json(sessions.session(req));
    });
  on('/set', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  await client.get('/set');
  expect((await client.get('/read')).body).toBe('{"a":1}');
  expect((await client.get('/unread')).body).toBe('ERR_SESSION_NOT_LOADED');
});

it('hands a fault of an eager read to the error handler, cookie untouched', async () => {
  const { client, faults, on, sessions } = await createWorld({ asyncOnly: true, load: 'eager' });
  on('/', async (req, res) => {
    res.json(await sessions.update(req, 'n', (n: number = 0) => n + 1));
  });
  await client.get('/');
  faults.fail('find');
  expect(await client.get('/')).toMatchObject({ status: 503, body: 'ERR_SESSION_STORE', cookies: [] });
  faults.clear();
  expect((await client.get('/')).body).toBe('2');
});

it('says that the middleware is missing', async () => {
  const { sessions } = await createWorld();
  const req = createRequest();
  const calls = [sessions.get(req, 'a'), sessions.set(req, 'a', 1), sessions.touch(req), sessions.load(req)];
  for (const call of calls) expect(await codeOf(call)).toBe('ERR_SESSION_NO_MIDDLEWARE');
  expect(() => sessions.session(req)).toThrow(withCode('ERR_SESSION_NO_MIDDLEWARE'));
});

it('does not take the middleware of another manager for its own', async () => {
  const { client, on } = await createWorld();
  const other = new SessionManager({ secret: SECRET });
  on('/', async (req, res) => {
    res.send(await codeOf(other.get(req, 'a')));
  });
  expect((await client.get('/')).body).toBe('ERR_SESSION_NO_MIDDLEWARE');
  await other.close();
});

it('works mounted twice, as if it were mounted once', async () => {
  const { app, calls, client, on, sessions } = await createWorld();
  app.use(sessions.middleware());
  on('/', async (req, res) => {
    res.json(await sessions.update(req, 'n', (n: number = 0) => n + 1));
  });
  app.get('/twice', (req, res) => {
    const session = sessions.session(req);
    session['n'] = 10;
    res.end();
  });
  expect((await client.get('/')).cookies).toHaveLength(1);
  await client.get('/twice');
  expect(calls.count('replace')).toBe(1);
  expect((await client.get('/')).body).toBe('11');
});

describe('initial(req)', () => {
  const initial = (req: object) => ({ lang: (req as Request).get('accept-language'), visits: 0 });

  it('gives the first values of a new session, stored with the first change and not before', async () => {
    const world = await createWorld({ initial });
    const { client, on, sessions, calls } = world;
    on('/get', async (req, res) => {
      res.json([await sessions.all(req), sessions.session(req)]);
    });
    on('/update', async (req, res) => {
      res.json(await sessions.update(req, 'visits', (n: number) => n + 1));
    });
    const headers = { 'accept-language': 'nl' };
    const seen = await client.get('/get', { headers });
    expect(JSON.parse(seen.body)).toEqual([
      { lang: 'nl', visits: 0 },
      { lang: 'nl', visits: 0 },
    ]);
    expect(seen.cookies).toEqual([]);
    expect(calls.count()).toBe(0);
    expect((await client.get('/update', { headers })).body).toBe('1');
    expect(await storedData(world)).toEqual([{ lang: 'nl', visits: 1 }]);
    expect((await client.get('/update')).body).toBe('2');
    expect(await storedData(world)).toEqual([{ lang: 'nl', visits: 2 }]);
  });

  it('is stored by set() and by a change of req.session too, and begins anew after regenerate()', async () => {
    const world = await createWorld({ initial });
    const { browser, on, sessions } = world;
    on('/set', async (req, res) => {
      await sessions.set(req, 'a', 1);
      await sessions.set(req, 'visits', 5);
      await sessions.regenerate(req);
      await sessions.set(req, 'b', 2);
      res.end();
    });
    on('/change', (req, res) => {
      sessions.session(req)['c'] = 3;
      res.end();
    });
    await browser().get('/set');
    await browser().get('/change');
    expect(await storedData(world)).toEqual([
      { visits: 0, b: 2 },
      { visits: 0, c: 3 },
    ]);
  });

  it('that cannot be stored is an error, not a session without it', async () => {
    const { client, memory, on, sessions } = await createWorld({ initial: () => ({ id: 1 }) });
    on('/', async (req, res) => {
      res.send(await codeOf(sessions.set(req, 'a', 1)));
    });
    expect((await client.get('/')).body).toBe('ERR_SESSION_KEY');
    expect(await memory.length()).toBe(0);
  });

  it('that returns a promise is refused, not ignored', async () => {
    const { client, on, sessions } = await createWorld({ initial: async () => ({ a: 1 }) });
    on('/', async (req, res) => {
      res.send(await codeOf(sessions.set(req, 'b', 1)));
    });
    expect((await client.get('/')).body).toMatch(/^ERR_SESSION_/);
  });
});

describe('property', () => {
  it('puts the session elsewhere, or nowhere', async () => {
    const named = await createWorld({ property: 'visit' });
    named.on('/', (req, res) => {
      const { visit, session } = req as unknown as { visit: object; session?: object };
      res.json([visit === named.sessions.session(req), session === undefined]);
    });
    expect((await named.client.get('/')).body).toBe('[true,true]');

    const none = await createWorld({ property: false });
    none.on('/', (req, res) => {
      res.json(['session' in req, 'sessionID' in req]);
    });
    expect((await none.client.get('/')).body).toBe('[false,false]');
  });

  it('leaves a request that did not pass the middleware to other packages', async () => {
    const { app, client } = await createWorld();
    const stack = (app as unknown as { router: { stack: unknown[] } }).router.stack;
    app.use((req, res, next) => {
      if (req.path !== '/other') {
        next();
        return;
      }
      (req as unknown as { session: unknown }).session = { mine: true };
      res.json((req as unknown as { session: unknown }).session);
    });
    // First of all: before the sessions.
    stack.unshift(stack.pop());
    await client.get('/');
    expect((await client.get('/other')).body).toBe('{"mine":true}');
  });
});

// The methods of the facade over real HTTP, on both majors of Express.
import { SessionManager } from '../../src/session-manager.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { EXPRESS } from '../support/http.js';
import { SECRET } from '../support/secret.js';
import { closeWorlds, createWorld, storedData, type Setting } from './world.js';

afterEach(closeWorlds);

describe.each(EXPRESS)('%s', (_name, express) => {
  const open = (setting: Setting = {}) => createWorld({ express, ...setting });

  it.each([true, false])(
    'keeps what set() stored for the next request (cookie-parser: %s)',
    async (withCookieParser) => {
      const { client, on, sessions } = await open({ withCookieParser });
      on('/set', async (req, res) => {
        await sessions.set(req, 'name', 'Ada');
        res.send('stored');
      });
      on('/get', async (req, res) => {
        res.json([
          await sessions.get(req, 'name'),
          await sessions.has(req, 'name'),
          await sessions.has(req, 'other'),
        ]);
      });
      expect((await client.get('/set')).body).toBe('stored');
      expect(JSON.parse((await client.get('/get')).body)).toEqual(['Ada', true, false]);
    },
  );

  it('sets several keys at once', async () => {
    const world = await open();
    world.on('/', async (req, res) => {
      await world.sessions.set(req, { a: 1, b: { c: [2] } });
      res.json(await world.sessions.all(req));
    });
    expect((await world.client.get('/')).body).toBe('{"a":1,"b":{"c":[2]}}');
    expect(await storedData(world)).toEqual([{ a: 1, b: { c: [2] } }]);
  });

  it('has stored a value when set() resolves', async () => {
    const world = await open();
    let seen: unknown;
    world.on('/', async (req, res) => {
      await world.sessions.set(req, 'a', 1);
      seen = await storedData(world);
      res.end();
    });
    await world.client.get('/');
    expect(seen).toEqual([{ a: 1 }]);
  });

  it('resolves update() to the new value and delete() to whether there was one', async () => {
    const world = await open();
    const { client, on, sessions } = world;
    on('/', async (req, res) => {
      const first = await sessions.update(req, 'n', (n: number = 10) => n + 1);
      const second = await sessions.update(req, 'n', (n: number) => n + 1);
      const removed = [await sessions.delete(req, 'n'), await sessions.delete(req, 'n')];
      res.json([first, second, removed, (await sessions.get(req, 'n')) === undefined]);
    });
    expect(JSON.parse((await client.get('/')).body)).toEqual([11, 12, [true, false], true]);
    expect(await storedData(world)).toEqual([{}]);
  });

  it('tells every JSON value from an absent one', async () => {
    const { client, on, sessions } = await open();
    const values = { zero: 0, empty: '', no: false, nothing: null, object: {}, list: [] };
    on('/set', async (req, res) => {
      await sessions.set(req, values);
      res.end();
    });
    on('/get', async (req, res) => {
      const has = await Promise.all(Object.keys(values).map((key) => sessions.has(req, key)));
      res.json([await sessions.all(req), has.every(Boolean), await sessions.get(req, 'nothing')]);
    });
    await client.get('/set');
    expect(JSON.parse((await client.get('/get')).body)).toEqual([values, true, null]);
  });

  it('S45 creates nothing by reading, touching, deleting or destroying a session that is not there', async () => {
    const { calls, client, memory, on, sessions } = await open();
    on('/', async (req, res) => {
      res.json([
        await sessions.touch(req),
        await sessions.delete(req, 'a'),
        await sessions.has(req, 'a'),
        await sessions.all(req),
        await sessions.destroy(req),
      ]);
    });
    const answer = await client.get('/');
    expect(JSON.parse(answer.body)).toEqual([false, false, false, {}, false]);
    expect(answer.cookies).toEqual([]);
    expect(await memory.length()).toBe(0);
    expect(calls.count()).toBe(0);
  });

  it('S28 ends a session for good and clears its cookie', async () => {
    const { client, on, sessions, browser } = await open();
    on('/set', async (req, res) => {
      await sessions.set(req, 'a', 1);
      res.end();
    });
    on('/destroy', async (req, res) => {
      res.json([await sessions.destroy(req), await sessions.destroy(req), await sessions.all(req)]);
    });
    on('/all', async (req, res) => {
      res.json(await sessions.all(req));
    });
    await client.get('/set');
    const { cookie } = client;
    const answer = await client.get('/destroy');
    expect(answer.body).toBe('[true,false,{}]');
    expect(answer.cookies).toEqual([
      'sid=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly; SameSite=Lax',
    ]);
    const thief = browser();
    thief.cookie = cookie;
    expect((await thief.get('/all')).body).toBe('{}');
  });

  it.each([true, false])('S12 gives another id and keeps the data only if asked (%s)', async (keepData) => {
    const { client, on, sessions, browser } = await open();
    on('/set', async (req, res) => {
      await sessions.set(req, 'a', 1);
      res.end();
    });
    on('/regenerate', async (req, res) => {
      await sessions.regenerate(req, keepData ? { keepData } : undefined);
      await sessions.set(req, 'b', 2);
      res.end();
    });
    on('/all', async (req, res) => {
      res.json(await sessions.all(req));
    });
    await client.get('/set');
    const old = client.cookie;
    await client.get('/regenerate');
    expect(client.cookie).not.toBe(old);
    expect(JSON.parse((await client.get('/all')).body)).toEqual(keepData ? { a: 1, b: 2 } : { b: 2 });
    const thief = browser();
    thief.cookie = old;
    expect((await thief.get('/all')).body).toBe('{}');
    expect(await sessions.count()).toBe(1);
  });

  it('stores calls of one tick with one write', async () => {
    const world = await open();
    const { calls, client, on, sessions } = world;
    on('/', async (req, res) => {
      await Promise.all([
        sessions.set(req, 'a', 1),
        sessions.set(req, { b: 2 }),
        sessions.update(req, 'n', (n: number = 0) => n + 1),
        sessions.update(req, 'n', (n: number) => n + 1),
      ]);
      await sessions.delete(req, 'b');
      res.end();
    });
    await client.get('/');
    expect(await storedData(world)).toEqual([{ a: 1, n: 2 }]);
    expect([calls.count('insert'), calls.count('replace')]).toEqual([1, 1]);
    await client.get('/');
    expect([calls.count('insert'), calls.count('replace')]).toEqual([1, 3]);
  });

  it('hands what an async handler throws to next()', async () => {
    const { client, errors, on } = await open();
    const thrown = new Error('from the handler');
    on('/late', async () => {
      await Promise.resolve();
      throw thrown;
    });
    on('/at-once', () => {
      throw thrown;
    });
    expect((await client.get('/late')).status).toBe(500);
    expect((await client.get('/at-once')).status).toBe(500);
    expect(errors).toEqual([thrown, thrown]);
  });

  it('gives req.session through session(), and the same object to all who ask', async () => {
    const { client, on, sessions } = await open();
    on('/', (req, res) => {
      const session = sessions.session(req);
      res.json(session === (req as { session?: unknown }).session);
    });
    expect((await client.get('/')).body).toBe('true');
  });
});

it.each([true, false])(
  'runs calls of one tick in their order, the first use of the session included (async: %s)',
  async (asyncOnly) => {
    const world = await createWorld({ asyncOnly });
    const { client, on, sessions } = world;
    on('/set', async (req, res) => {
      await Promise.all([sessions.set(req, 'a', 1), sessions.set(req, 'a', 2)]);
      res.json(await sessions.get(req, 'a'));
    });
    on('/end', async (req, res) => {
      await Promise.allSettled([sessions.set(req, 'a', 3), sessions.destroy(req)]);
      res.end();
    });
    expect((await client.get('/set')).body).toBe('2');
    expect((await client.get('/set')).body).toBe('2');
    expect(await storedData(world)).toEqual([{ a: 2 }]);
    await client.get('/end');
    expect(await storedData(world)).toEqual([]);
  },
);

it('stores the changes of objects that get() returned', async () => {
  const world = await createWorld();
  world.on('/', async (req, res) => {
    await world.sessions.set(req, 'cart', { items: [1] });
    const cart = (await world.sessions.get(req, 'cart')) as { items: number[] };
    cart.items.push(2);
    res.end();
  });
  await world.client.get('/');
  expect(await storedData(world)).toEqual([{ cart: { items: [1, 2] } }]);
});

it('answers 503 after close(), and closing twice is no fault', async () => {
  const { client, on, sessions } = await createWorld();
  on('/', (_req, res) => res.end());
  expect((await client.get('/')).status).toBe(200);
  await sessions.close();
  await sessions.close();
  expect(await client.get('/')).toMatchObject({ status: 503, body: 'ERR_SESSION_CLOSED' });
});

it('stores what is under way before close() resolves', async () => {
  const { client, on, sessions, faults, calls, memory } = await createWorld();
  on('/', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.send('stored');
  });
  const release = faults.hold('insert');
  const arrived = calls.arrival('insert');
  const answer = client.get('/');
  await arrived;
  let closed = false;
  const closing = sessions.close().then(() => (closed = true));
  await new Promise(setImmediate);
  expect(closed).toBe(false);
  release();
  await closing;
  expect(await memory.length()).toBe(1);
  expect((await answer).body).toBe('stored');
});

it('closes itself at the end of an `await using` block, and the store only if it built it', async () => {
  const { sessions, memory } = await createWorld();
  const close = jest.spyOn(memory, 'close');
  await sessions[Symbol.asyncDispose]();
  expect(close).not.toHaveBeenCalled();

  const own = new SessionManager({ secret: SECRET });
  const { store } = own;
  if (!(store instanceof MemoryStore)) throw new Error('memory is the default');
  const closeOwn = jest.spyOn(store, 'close');
  await own[Symbol.asyncDispose]();
  expect(closeOwn).toHaveBeenCalledTimes(1);
});

it.each(['startCleanup', 'stopCleanup', 'startIndexRebuild', 'stopIndexRebuild'] as const)(
  'hands %s() to the store',
  async (method) => {
    const { sessions, memory } = await createWorld();
    const called = jest.spyOn(memory, method);
    sessions[method]();
    sessions[method]();
    expect(called).toHaveBeenCalledTimes(2);
  },
);

it('sweeps what has expired once startCleanup() was called', async () => {
  const { client, clock, memory, on, sessions } = await createWorld({ maxAge: 1_000 });
  on('/', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  await client.get('/');
  sessions.startCleanup();
  clock.advance(120_000);
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  expect(await memory.count()).toBe(0);
  sessions.stopCleanup();
});

// What a handler does to an object that it was given, or gave, is stored with the response; where it has none, nothing is
// looked for, and nothing written.
import { z } from 'zod';

import { closeWorlds, createWorld, storedData, type Handler, type Setting, type World } from './world.js';

afterEach(closeWorlds);

type Work = (sessions: World['sessions'], req: Parameters<Handler>[0]) => Promise<unknown>;

/** Runs one request's work on a session that holds `first`, and tells what the store was asked for meanwhile. */
async function visit(setting: Setting, first: Record<string, unknown>, work: Work) {
  const world = await createWorld(setting);
  const { calls, client, on, sessions } = world;
  on('/begin', async (req, res) => {
    await sessions.set(req, first);
    res.end();
  });
  on('/work', async (req, res) => {
    await work(sessions, req);
    res.end();
  });
  await client.get('/begin');
  calls.clear();
  const { status } = await client.get('/work');
  return { world, status, asked: [...calls.names], stored: await storedData(world) };
}

describe.each([
  ['at once', { asyncOnly: false }, 'findSync'],
  ['with a promise', { asyncOnly: true }, 'find'],
] as const)('on a store that is asked %s', (_how, setting, find) => {
  it.each<[string, Work, Record<string, unknown>]>([
    [
      'an array that get() returned',
      async (sessions, req) => {
        ((await sessions.get(req, 'cart')) as number[]).push(2);
      },
      { n: 1, cart: [1, 2], user: { name: { first: 'Ada' } } },
    ],
    [
      'what lies deep in an object that get() returned',
      async (sessions, req) => {
        ((await sessions.get(req, 'user')) as { name: { first: string } }).name.first = 'Eve';
      },
      { n: 1, cart: [1], user: { name: { first: 'Eve' } } },
    ],
    [
      'a value inside what all() returned',
      async (sessions, req) => {
        ((await sessions.all(req))['cart'] as number[]).push(2);
      },
      { n: 1, cart: [1, 2], user: { name: { first: 'Ada' } } },
    ],
    [
      'req.session',
      async (sessions, req) => {
        await sessions.load(req);
        sessions.session(req)['n'] = 2;
      },
      { n: 2, cart: [1], user: { name: { first: 'Ada' } } },
    ],
    [
      'an object that was got behind one that is no object',
      async (sessions, req) => {
        await sessions.get(req, 'n');
        await sessions.has(req, 'cart');
        ((await sessions.get(req, 'cart')) as number[]).push(2);
      },
      { n: 1, cart: [1, 2], user: { name: { first: 'Ada' } } },
    ],
    [
      'an object that was got before one that is no object',
      async (sessions, req) => {
        const cart = (await sessions.get(req, 'cart')) as number[];
        await sessions.get(req, 'n');
        cart.push(2);
      },
      { n: 1, cart: [1, 2], user: { name: { first: 'Ada' } } },
    ],
    [
      'an object that was got again after it was changed',
      async (sessions, req) => {
        ((await sessions.get(req, 'cart')) as number[]).push(2);
        await sessions.get(req, 'cart');
      },
      { n: 1, cart: [1, 2], user: { name: { first: 'Ada' } } },
    ],
    [
      'one of two objects that were got',
      async (sessions, req) => {
        await sessions.get(req, 'user');
        ((await sessions.get(req, 'cart')) as number[]).push(2);
        await sessions.get(req, 'user');
      },
      { n: 1, cart: [1, 2], user: { name: { first: 'Ada' } } },
    ],
  ])('stores with the response a change of %s', async (_what, work, expected) => {
    const first = { n: 1, cart: [1], user: { name: { first: 'Ada' } } };
    const { asked, stored } = await visit(setting, first, work);
    expect(stored).toEqual([expected]);
    expect(asked).toEqual([find, 'replace']);
  });

  it.each<[string, Work]>([
    [
      'set(key, value)',
      async (sessions, req) => {
        const cart = [1];
        await sessions.set(req, 'cart', cart);
        cart.push(2);
      },
    ],
    [
      'set(values)',
      async (sessions, req) => {
        const cart = [1];
        await sessions.set(req, { a: 'text', cart });
        await sessions.delete(req, 'a');
        cart.push(2);
      },
    ],
  ])('stores with the response a change of an object that was handed to %s', async (_how, work) => {
    const { asked, stored } = await visit(setting, { n: 1 }, work);
    expect(stored).toEqual([{ n: 1, cart: [1, 2] }]);
    expect(asked.filter((name) => name === 'replace').length).toBeGreaterThan(1);
    expect(asked.at(-1)).toBe('replace');
  });

  it.each<[string, Work]>([
    [
      'a set() of another key',
      async (sessions, req) => {
        const cart = (await sessions.get(req, 'cart')) as number[];
        await sessions.set(req, 'n', 2);
        cart.push(2);
      },
    ],
    [
      'a set() of another key that nobody awaits',
      async (sessions, req) => {
        const cart = (await sessions.get(req, 'cart')) as number[];
        void sessions.set(req, 'n', 2);
        cart.push(2);
      },
    ],
    [
      'an update() of another key',
      async (sessions, req) => {
        const cart = (await sessions.get(req, 'cart')) as number[];
        await sessions.update(req, 'n', () => 2);
        cart.push(2);
      },
    ],
    [
      'a login that keeps the data',
      async (sessions, req) => {
        await sessions.login(req, 'ada', { keepData: true });
        await sessions.set(req, 'n', 2);
        ((await sessions.get(req, 'cart')) as number[]).push(2);
      },
    ],
    [
      'a set() that was refused',
      async (sessions, req) => {
        const cart = (await sessions.get(req, 'cart')) as number[];
        await expect(sessions.set(req, 'n', 1n)).rejects.toMatchObject({ code: 'ERR_SESSION_VALUE' });
        cart.push(2);
        await sessions.set(req, 'n', 2);
      },
    ],
  ])('stores a change of an object that get() returned before or after %s', async (_what, work) => {
    const { stored } = await visit(setting, { n: 1, cart: [1] }, work);
    expect(stored).toEqual([{ n: 2, cart: [1, 2] }]);
  });

  it('writes nothing where an object that get() returned is as it was in the end', async () => {
    const { asked } = await visit(setting, { n: 1, cart: [1] }, async (sessions, req) => {
      const cart = (await sessions.get(req, 'cart')) as number[];
      cart.push(2);
      await Promise.resolve();
      cart.pop();
    });
    expect(asked).toEqual([find]);
  });

  it.each<[string, (cart: unknown[]) => void]>([
    ['a BigInt', (cart) => cart.push(1n)],
    ['itself', (cart) => cart.push(cart)],
  ])('fails the response where an object that get() returned holds %s by then', async (_what, spoil) => {
    const { status, stored } = await visit(setting, { n: 1, cart: [1] }, async (sessions, req) => {
      spoil((await sessions.get(req, 'cart')) as unknown[]);
    });
    expect(status).toBe(500);
    expect(stored).toEqual([{ n: 1, cart: [1] }]);
  });

  it('begins a session with an object that was handed to set(), and stores what became of it', async () => {
    const world = await createWorld(setting);
    const { calls, client, on, sessions } = world;
    on('/', async (req, res) => {
      const cart = [1];
      await sessions.set(req, 'cart', cart);
      cart.push(2);
      res.end();
    });
    await client.get('/');
    expect(await storedData(world)).toEqual([{ cart: [1, 2] }]);
    expect(calls.names.filter((name) => name === 'insert' || name === 'replace')).toEqual([
      'insert',
      'replace',
    ]);
  });

  it.each<[string, Work, writes: number]>([
    ['get() of a text', (sessions, req) => sessions.get(req, 'text'), 0],
    ['get() of a number', (sessions, req) => sessions.get(req, 'n'), 0],
    ['get() of null', (sessions, req) => sessions.get(req, 'none'), 0],
    ['get() of what is not there', (sessions, req) => sessions.get(req, 'other'), 0],
    ['get() of an object that stays as it was', (sessions, req) => sessions.get(req, 'cart'), 0],
    ['has()', (sessions, req) => sessions.has(req, 'cart'), 0],
    ['all() that nobody changes', (sessions, req) => sessions.all(req), 0],
    ['set() of a number', (sessions, req) => sessions.set(req, 'n', 2), 1],
    ['set() of a text', (sessions, req) => sessions.set(req, 'text', 'other'), 1],
    ['set() of an object that stays as it was', (sessions, req) => sessions.set(req, 'cart', [2]), 1],
    ['update()', (sessions, req) => sessions.update(req, 'n', (n) => (n as number) + 1), 1],
    ['delete()', (sessions, req) => sessions.delete(req, 'n'), 1],
  ])('writes nothing more with the response after %s', async (_what, work, writes) => {
    const world = await createWorld(setting);
    const { calls, client, on, sessions } = world;
    on('/begin', async (req, res) => {
      await sessions.set(req, { text: 'a text', n: 1, none: null, cart: [1] });
      res.end();
    });
    let before: string[] = [];
    on('/work', async (req, res) => {
      await work(sessions, req);
      before = [...calls.names];
      res.end();
    });
    await client.get('/begin');
    calls.clear();
    expect((await client.get('/work')).status).toBe(200);
    expect(before).toEqual([find, ...Array<string>(writes).fill('replace')]);
    expect(calls.names).toEqual(before);
  });

  it('makes no text of data that nobody could have changed', async () => {
    const texts = async (work: Work): Promise<number> => {
      const world = await createWorld({ ...setting, cookie: { secure: false } });
      const { client, on, sessions } = world;
      on('/begin', async (req, res) => {
        await sessions.set(req, { n: 1, cart: [1] });
        res.end();
      });
      let made = 0;
      on('/work', async (req, res) => {
        await work(sessions, req);
        const stringify = jest.spyOn(JSON, 'stringify');
        res.once('finish', () => {
          // Of the session, and not of what a cookie or an answer is made.
          made = stringify.mock.calls.filter(([value]) =>
            Object.hasOwn(Object(value) as object, 'cart'),
          ).length;
          stringify.mockRestore();
        });
        res.end();
      });
      await client.get('/begin');
      await client.get('/work');
      return made;
    };
    const environment = process.env['NODE_ENV'];
    // Elsewhere a look for late changes follows each response.
    process.env['NODE_ENV'] = 'production';
    try {
      expect(await texts((sessions, req) => sessions.has(req, 'cart'))).toBe(0);
      expect(await texts((sessions, req) => sessions.get(req, 'n'))).toBe(0);
      // Of the value alone.
      expect(await texts((sessions, req) => sessions.get(req, 'cart'))).toBe(0);
      expect(await texts((sessions, req) => sessions.all(req))).toBeGreaterThan(0);
    } finally {
      process.env['NODE_ENV'] = environment;
    }
  });

  it('stores what migrate() made of the data with a request that only calls has()', async () => {
    const before = await createWorld(setting);
    before.on('/begin', async (req, res) => {
      await before.sessions.set(req, 'cart', ['tea']);
      res.end();
    });
    await before.client.get('/begin');
    let migrations = 0;
    const after = await createWorld({
      ...{ store: before.store, clock: before.clock, schemaVersion: 1 },
      schema: z.object({ cart: z.array(z.object({ id: z.string() })) }),
      migrate: (data) => {
        migrations++;
        return { cart: (data['cart'] as string[]).map((id) => ({ id })) };
      },
    });
    after.on('/has', async (req, res) => {
      res.json(await after.sessions.has(req, 'cart'));
    });
    const client = after.browser();
    client.cookie = before.client.cookie;
    before.calls.clear();
    expect((await client.get('/has')).body).toBe('true');
    expect(await storedData(before)).toEqual([{ cart: [{ id: 'tea' }] }]);
    expect(before.calls.count('replace')).toBe(1);
    expect((await client.get('/has')).body).toBe('true');
    expect([migrations, before.calls.count('replace')]).toEqual([1, 1]);
  });

  it('stores what the schema made of data of its own version with a request that only calls has()', async () => {
    const before = await createWorld(setting);
    before.on('/begin', async (req, res) => {
      await before.sessions.set(req, 'n', 1);
      res.end();
    });
    await before.client.get('/begin');
    const after = await createWorld({
      ...{ store: before.store, clock: before.clock },
      schema: z.object({ n: z.number(), language: z.string().default('en') }),
    });
    after.on('/has', async (req, res) => {
      res.json(await after.sessions.has(req, 'n'));
    });
    const client = after.browser();
    client.cookie = before.client.cookie;
    before.calls.clear();
    for (let visit = 0; visit < 2; visit++) expect((await client.get('/has')).body).toBe('true');
    expect(await storedData(before)).toEqual([{ n: 1, language: 'en' }]);
    expect(before.calls.count('replace')).toBe(1);
  });

  describe('the values of initial', () => {
    const WORKS: [string, Work][] = [
      ['has()', (sessions, req) => sessions.has(req, 'cart')],
      ['get()', (sessions, req) => sessions.get(req, 'cart')],
      ['all()', (sessions, req) => sessions.all(req)],
      ['load()', (sessions, req) => sessions.load(req)],
    ];

    async function first(work: Work) {
      const world = await createWorld({ ...setting, initial: () => ({ cart: [1], n: 0 }) });
      const { calls, client, on, sessions } = world;
      on('/', async (req, res) => {
        await work(sessions, req);
        res.end();
      });
      const { cookies } = await client.get('/');
      return { asked: [...calls.names], cookies, stored: await storedData(world) };
    }

    it.each(WORKS)('are not stored where nobody changed them: %s', async (_what, work) => {
      expect(await first(work)).toEqual({ asked: [], cookies: [], stored: [] });
    });

    it('are stored with the response where one of them was changed in place', async () => {
      const { asked, cookies, stored } = await first(async (sessions, req) => {
        ((await sessions.get(req, 'cart')) as number[]).push(2);
      });
      expect([asked, cookies.length, stored]).toEqual([['insert'], 1, [{ cart: [1, 2], n: 0 }]]);
    });

    it('are stored with the first change, all of them', async () => {
      const { asked, cookies, stored } = await first(async (sessions, req) => {
        await sessions.set(req, 'n', 5);
      });
      expect([asked, cookies.length, stored]).toEqual([['insert'], 1, [{ cart: [1], n: 5 }]]);
    });
  });
});

// What cannot be stored: a typed error at once, nothing stored, the old value intact, and always an answer.
import { closeWorlds, codeOf, createWorld, storedData, type World } from './world.js';

afterEach(closeWorlds);

const circular: Record<string, unknown> = {};
circular['self'] = circular;

const deep = (levels: number): unknown => (levels === 0 ? 1 : { d: deep(levels - 1) });

const throwing = {
  get trap(): never {
    throw new Error('trapped');
  },
};

const BAD: readonly (readonly [string, unknown, string])[] = [
  ['a BigInt', 1n, 'ERR_SESSION_VALUE'],
  ['a nested BigInt', { a: [1n] }, 'ERR_SESSION_VALUE'],
  ['a circular object', circular, 'ERR_SESSION_TOO_DEEP'],
  ['a deep object', deep(64), 'ERR_SESSION_TOO_DEEP'],
  ['a large text', 'x'.repeat(70_000), 'ERR_SESSION_TOO_LARGE'],
  [
    '10,001 keys',
    Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`k${i}`, 1])),
    'ERR_SESSION_TOO_MANY_KEYS',
  ],
  ['a function', () => 1, 'ERR_SESSION_VALUE'],
  ['a nested function', { f: () => 1 }, 'ERR_SESSION_VALUE'],
  ['a symbol', Symbol('s'), 'ERR_SESSION_VALUE'],
  ['NaN', NaN, 'ERR_SESSION_VALUE'],
  ['Infinity', { n: [Infinity] }, 'ERR_SESSION_VALUE'],
  ['undefined in an array', [undefined], 'ERR_SESSION_VALUE'],
  ['a Map', new Map([[1, 2]]), 'ERR_SESSION_VALUE'],
  ['a Set', { s: new Set([1]) }, 'ERR_SESSION_VALUE'],
  ['a promise', Promise.resolve(1), 'ERR_SESSION_VALUE'],
  ['a throwing getter', throwing, 'ERR_SESSION_VALUE'],
  [
    'a throwing toJSON',
    {
      toJSON() {
        throw new Error('trapped');
      },
    },
    'ERR_SESSION_VALUE',
  ],
  ['__proto__ in JSON', JSON.parse('{"__proto__":{"admin":true}}'), 'ERR_SESSION_KEY'],
];

async function open(): Promise<World> {
  const world = await createWorld();
  world.on('/start', async (req, res) => {
    await world.sessions.set(req, { k: 'old', other: 1 });
    res.end();
  });
  return world;
}

describe.each(BAD)('S35 %s', (_name, value, code) => {
  it('is refused by set() on an existing session, which keeps the old value', async () => {
    const world = await open();
    const { client, on, sessions } = world;
    let inHandler: unknown;
    on('/', async (req, res) => {
      const refused = await codeOf(sessions.set(req, 'k', value));
      inHandler = await sessions.all(req);
      res.send(refused);
    });
    await client.get('/start');
    expect(await client.get('/')).toMatchObject({ status: 200, body: code });
    expect(inHandler).toEqual({ k: 'old', other: 1 });
    expect(await storedData(world)).toEqual([{ k: 'old', other: 1 }]);
  });

  it('is refused by set() and update() without a session, and none begins', async () => {
    const { client, memory, on, sessions } = await open();
    on('/set', async (req, res) => {
      res.send(await codeOf(sessions.set(req, { fine: 1, k: value })));
    });
    on('/update', async (req, res) => {
      res.send(await codeOf(sessions.update(req, 'k', () => value)));
    });
    expect(await client.get('/set')).toMatchObject({ status: 200, body: code, cookies: [] });
    const updated = await client.get('/update');
    expect(updated).toMatchObject({ status: 200, cookies: [] });
    // update() refuses a promise with a code of its own.
    expect([code, 'ERR_SESSION_UPDATE_ASYNC']).toContain(updated.body);
    expect(await memory.length()).toBe(0);
  });

  it('on req.session is answered with an error, never stored and never a hung response', async () => {
    const world = await open();
    const { client, on, sessions } = world;
    on('/', (req, res) => {
      sessions.session(req)['k'] = value;
      res.send('unseen');
    });
    await client.get('/start');
    expect(await client.get('/')).toMatchObject({ status: 500, body: code });
    expect(await storedData(world)).toEqual([{ k: 'old', other: 1 }]);
  });
});

it.each([undefined, () => 1, Symbol('s')])(
  'refuses set(req, key, %p): what has no JSON would vanish',
  async (value) => {
    const { client, memory, on, sessions } = await open();
    on('/', async (req, res) => {
      res.send(await codeOf(sessions.set(req, 'k', value)));
    });
    expect((await client.get('/')).body).toBe('ERR_SESSION_VALUE');
    expect(await memory.length()).toBe(0);
  },
);

it('does not drop a function on a new key of req.session in silence', async () => {
  const { client, on, sessions } = await open();
  on('/', (req, res) => {
    sessions.session(req)['fn'] = () => 1;
    res.send('unseen');
  });
  await client.get('/start');
  expect(await client.get('/')).toMatchObject({ status: 500, body: 'ERR_SESSION_VALUE' });
});

it('names the largest keys of a session that is too large, never their values', async () => {
  const { client, errors, on, sessions } = await open();
  on('/', async (req, res) => {
    await sessions.set(req, { huge: 'secretvalue'.repeat(5_000), big: 'y'.repeat(20_000), tiny: 1 });
    res.end();
  });
  expect((await client.get('/')).status).toBe(500);
  const { message } = errors[0] as Error;
  expect(message).toMatch(/"huge" \(55002\), "big" \(20002\)/);
  expect(message).not.toContain('secretvalue');
});

it('leaves nothing behind of a refused value that the handler catches', async () => {
  const world = await open();
  const { calls, client, on, sessions } = world;
  on('/', async (req, res) => {
    await codeOf(sessions.set(req, { k: NaN, fresh: 1 }));
    await codeOf(sessions.set(req, { k: 'new', id: 1 }));
    res.send('fine');
  });
  await client.get('/start');
  calls.clear();
  expect(await client.get('/')).toMatchObject({ status: 200, body: 'fine' });
  expect(calls.names).toEqual(['findSync']);
});

it('has the old value back after set() refused the very object that get() returned', async () => {
  const world = await open();
  const { client, on, sessions } = world;
  on('/', async (req, res) => {
    await sessions.set(req, 'cart', [1]);
    const cart = (await sessions.get(req, 'cart')) as unknown[];
    cart.push(1n);
    await codeOf(sessions.set(req, 'cart', cart));
    res.json(await sessions.get(req, 'cart'));
  });
  expect(await client.get('/')).toMatchObject({ status: 200, body: '[1]' });
  expect(await storedData(world)).toEqual([{ cart: [1] }]);
});

const RESERVED = '__proto__ constructor prototype id cookie touch save reload destroy regenerate'.split(' ');

it.each(RESERVED)('S34 refuses "%s" as a key', async (key) => {
  const { client, memory, on, sessions } = await open();
  on('/', async (req, res) => {
    res.json([
      await codeOf(sessions.set(req, key, { admin: true })),
      await codeOf(sessions.set(req, JSON.parse(`{"fine":1,"${key}":{"admin":true}}`) as object)),
      await codeOf(sessions.update(req, key, () => 1)),
      (await sessions.get(req, key)) === undefined,
      await sessions.has(req, key),
      await sessions.delete(req, key),
      ({} as { admin?: boolean }).admin ?? null,
    ]);
  });
  const refused = 'ERR_SESSION_KEY';
  const answer = await client.get('/');
  expect(JSON.parse(answer.body)).toEqual([refused, refused, refused, true, false, false, null]);
  expect(answer.cookies).toEqual([]);
  expect(await memory.length()).toBe(0);
});

it('refuses an empty key', async () => {
  const { client, on, sessions } = await open();
  on('/', async (req, res) => {
    res.send(await codeOf(sessions.set(req, '', 1)));
  });
  expect((await client.get('/')).body).toBe('ERR_SESSION_KEY');
});

describe('update()', () => {
  const failing: readonly (readonly [string, (value: unknown) => unknown, string])[] = [
    [
      'throws',
      () => {
        throw new Error('of the function');
      },
      'Error: of the function',
    ],
    ['is async', async () => 1, 'ERR_SESSION_UPDATE_ASYNC'],
    ['returns undefined', () => undefined, 'ERR_SESSION_VALUE'],
    ['is no function', 'text' as unknown as () => unknown, 'ERR_SESSION_VALUE'],
  ];

  it.each(failing)('whose function %s begins no session', async (_name, fn, code) => {
    const { client, memory, on, sessions } = await open();
    on('/', async (req, res) => {
      res.send(await codeOf(sessions.update(req, 'k', fn)));
    });
    const answer = await client.get('/');
    expect(answer.body).toContain(code);
    expect(answer.cookies).toEqual([]);
    expect(await memory.length()).toBe(0);
  });

  it.each(failing)('whose function %s leaves the calls beside it alone', async (_name, fn, code) => {
    const world = await open();
    const { client, on, sessions } = world;
    on('/', async (req, res) => {
      const [refused] = await Promise.all([
        codeOf(sessions.update(req, 'k', fn)),
        sessions.set(req, 'a', 1),
        sessions.update(req, 'n', (n: number = 0) => n + 1),
      ]);
      res.send(refused);
    });
    on('/all', async (req, res) => {
      res.json(await sessions.all(req));
    });
    const answer = await client.get('/');
    expect(answer.body).toContain(code);
    expect(answer.cookies).toHaveLength(1);
    expect(JSON.parse((await client.get('/all')).body)).toEqual({ a: 1, n: 1 });
    expect(await world.memory.length()).toBe(1);
  });
});

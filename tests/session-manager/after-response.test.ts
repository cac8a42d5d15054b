// What a handler may still do once its response has left.
import { once } from 'node:events';

import {
  closeWorlds,
  codeOf,
  createGate,
  createWorld,
  storedData,
  type Handler,
  type World,
} from './world.js';

afterEach(closeWorlds);

/** Runs `work` after the response of a request has left, and gives what it returns. */
async function after(
  world: World,
  work: (...args: Parameters<Handler>) => unknown,
  begin?: Handler,
): Promise<unknown> {
  const done = createGate();
  let result: unknown;
  world.on('/after', async (req, res) => {
    await begin?.(req, res);
    res.send('answer');
    await once(res, 'finish');
    result = await work(req, res);
    done.open();
  });
  expect((await world.client.get('/after')).body).toBe('answer');
  await done.opened;
  return result;
}

async function open(): Promise<World> {
  const world = await createWorld();
  world.on('/set', async (req, res) => {
    await world.sessions.set(req, 'a', 1);
    res.end();
  });
  return world;
}

it('reads the session', async () => {
  const world = await open();
  await world.client.get('/set');
  const { sessions } = world;
  expect(
    await after(world, async (req): Promise<unknown[]> => [
      await sessions.get(req, 'a'),
      await sessions.all(req),
    ]),
  ).toEqual([1, { a: 1 }]);
  expect(world.warnings).toEqual([]);
});

it('writes to a session that exists', async () => {
  const world = await open();
  await world.client.get('/set');
  const { sessions } = world;
  const result = await after(world, async (req) => {
    await sessions.set(req, 'b', 2);
    return sessions.update(req, 'a', (n: number) => n + 1);
  });
  expect(result).toBe(2);
  expect(await storedData(world)).toEqual([{ a: 2, b: 2 }]);
  expect(world.warnings).toEqual([]);
});

it.each(['read first', 'not read'])('begins no session, and leaves no row (%s)', async (begin) => {
  const world = await open();
  const { sessions } = world;
  const result = await after(
    world,
    async (req) => [
      await codeOf(sessions.set(req, 'a', 1)),
      await codeOf(sessions.update(req, 'a', () => 1)),
      await codeOf(sessions.session(req).save()),
      await sessions.all(req),
    ],
    begin === 'not read' ? undefined : (req) => sessions.all(req),
  );
  const refused = 'ERR_SESSION_HEADERS_SENT';
  expect(result).toEqual([refused, refused, undefined, {}]);
  expect(await world.memory.length()).toBe(0);
});

it('renews no session, whose cookie would never arrive; the old one stays', async () => {
  const world = await open();
  await world.client.get('/set');
  const { sessions } = world;
  const code = await after(world, (req) => codeOf(sessions.regenerate(req, { keepData: true })));
  expect(code).toBe('ERR_SESSION_HEADERS_SENT');
  expect(await storedData(world)).toEqual([{ a: 1 }]);
});

it('ends a session', async () => {
  const world = await open();
  await world.client.get('/set');
  expect(await after(world, (req) => world.sessions.destroy(req))).toBe(true);
  expect(await storedData(world)).toEqual([]);
});

it('does not save a plain change, and warns of it once', async () => {
  const world = await open();
  await world.client.get('/set');
  await after(world, async (req) => {
    for (const value of [5, 6]) {
      world.sessions.session(req)['a'] = value;
      await new Promise(setImmediate);
      await new Promise(setImmediate);
    }
  });
  expect(await storedData(world)).toEqual([{ a: 1 }]);
  expect(world.warnings).toEqual(['WARN_SESSION_LATE_CHANGE']);
});

it('warns of a change that comes while the response streams, of an object that was read before', async () => {
  const world = await open();
  const { on, sessions } = world;
  on('/', async (req, res) => {
    await sessions.set(req, 'cart', [1]);
    const cart = (await sessions.get(req, 'cart')) as number[];
    res.once('drain', () => {
      cart.push(2);
      res.end('end');
    });
    res.write('begin ');
  });
  expect((await world.client.get('/')).body).toBe('begin end');
  // The warning comes with the response's `close`, which the client does not see.
  for (let turn = 0; turn < 100 && world.warnings.length === 0; turn++) await new Promise(setImmediate);
  expect(await storedData(world)).toEqual([{ cart: [1] }]);
  expect(world.warnings).toEqual(['WARN_SESSION_LATE_CHANGE']);
});

it('says nothing of late changes in production', async () => {
  const nodeEnv = process.env['NODE_ENV'];
  process.env['NODE_ENV'] = 'production';
  try {
    const world = await createWorld({ cookie: { secure: false }, cookieName: 'sid' });
    await after(
      world,
      (req) => {
        world.sessions.session(req)['a'] = 5;
      },
      (req) => world.sessions.set(req, 'a', 1),
    );
    await new Promise(setImmediate);
    expect(world.warnings).not.toContain('WARN_SESSION_LATE_CHANGE');
  } finally {
    process.env['NODE_ENV'] = nodeEnv;
  }
});

it('stores a late change with save()', async () => {
  const world = await open();
  await world.client.get('/set');
  await after(world, async (req) => {
    const session = world.sessions.session(req);
    session['a'] = 5;
    await session.save();
  });
  expect(await storedData(world)).toEqual([{ a: 5 }]);
});

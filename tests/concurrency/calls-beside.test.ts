// Calls of one request beside each other, one of which is refused: the others keep what was acknowledged.
import { closeWorlds, createGate, createWorld, type World } from '../session-manager/world.js';

afterEach(closeWorlds);

async function open(): Promise<World> {
  const world = await createWorld();
  const { on, sessions } = world;
  on('/begin', async (req, res) => {
    await sessions.set(req, { a: 0, admin: true });
    res.end();
  });
  on('/all', async (req, res) => {
    res.json(await sessions.all(req));
  });
  return world;
}

const fails = (): never => {
  throw new Error('refused');
};

const outcomes = (settled: PromiseSettledResult<unknown>[]): unknown[] =>
  settled.map((call) => (call.status === 'fulfilled' ? (call.value ?? 'done') : 'refused'));

it('P1 an update() of the same request is stored although another call was refused', async () => {
  const { client, on, sessions } = await open();
  let seen: unknown[] = [];
  on('/go', async (req, res) => {
    const add = (n: unknown): number => Number(n) + 1;
    const calls = [
      sessions.update(req, 'b', fails),
      sessions.set(req, 'a', 2),
      sessions.update(req, 'a', add),
    ];
    seen = outcomes(await Promise.allSettled(calls));
    res.end();
  });
  await client.get('/begin');
  await client.get('/go');
  expect(seen).toEqual(['refused', 'done', 3]);
  expect(JSON.parse((await client.get('/all')).body)).toEqual({ a: 3, admin: true });
});

it('P1 an update() of another request that landed with a set() is not undone by a call refused beside that', async () => {
  const { client, calls, faults, on, sessions } = await open();
  await client.get('/begin');
  const arrived = [createGate(), createGate()];
  const ready = createGate();
  on('/first', async (req, res) => {
    await sessions.set(req, 'x', 1);
    res.end();
  });
  on('/one', async (req, res) => {
    await sessions.load(req);
    arrived[0]?.open();
    await ready.opened;
    await Promise.allSettled([sessions.update(req, 'b', fails), sessions.set(req, 'a', 2)]);
    res.end();
  });
  const asked = createGate();
  on('/two', async (req, res) => {
    await sessions.load(req);
    arrived[1]?.open();
    await ready.opened;
    // Behind those of the other request, and in one write with them.
    await new Promise(setImmediate);
    const update = sessions.update(req, 'a', (n) => Number(n) + 1);
    await new Promise(setImmediate);
    asked.open();
    res.json(await update);
  });
  const [one, two] = [client.clone().get('/one'), client.clone().get('/two')];
  await Promise.all(arrived.map(({ opened }) => opened));
  const writing = calls.arrival('replace');
  const release = faults.hold('replace', { times: 1 });
  const first = client.clone().get('/first');
  await writing;
  ready.open();
  await asked.opened;
  release();
  await Promise.all([first, one]);
  expect((await two).body).toBe('3');
  expect(JSON.parse((await client.get('/all')).body)).toEqual({ a: 3, x: 1, admin: true });
});

it('a set() that is refused at once takes no acknowledged set() of the same key with it', async () => {
  const { client, on, sessions } = await open();
  let seen: unknown[] = [];
  on('/go', async (req, res) => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const calls = [sessions.set(req, 'role', 'user'), sessions.set(req, 'role', circular)];
    seen = [...outcomes(await Promise.allSettled(calls)), await sessions.get(req, 'role')];
    res.end();
  });
  await client.get('/begin');
  await client.get('/go');
  expect(seen).toEqual(['done', 'refused', 'user']);
  expect(JSON.parse((await client.get('/all')).body)).toMatchObject({ role: 'user' });
});

it('a set() that is refused at once brings back no key whose delete() was acknowledged', async () => {
  const { client, on, sessions } = await open();
  let seen: unknown[] = [];
  on('/go', async (req, res) => {
    const calls = [sessions.delete(req, 'admin'), sessions.set(req, 'admin', 1n)];
    seen = outcomes(await Promise.allSettled(calls));
    res.end();
  });
  await client.get('/begin');
  await client.get('/go');
  expect(seen).toEqual([true, 'refused']);
  expect(JSON.parse((await client.get('/all')).body)).toEqual({ a: 0 });
});

it('a delete() that failed brings back nothing whose set() failed with it', async () => {
  const { client, faults, on, sessions } = await open();
  let seen: unknown[] = [];
  on('/go', async (req, res) => {
    await sessions.load(req);
    faults.fail('replace', { times: 1 });
    seen = outcomes(
      await Promise.allSettled([sessions.set(req, 'role', 'user'), sessions.delete(req, 'role')]),
    );
    res.end();
  });
  await client.get('/begin');
  await client.get('/go');
  expect(seen).toEqual(['refused', 'refused']);
  expect(JSON.parse((await client.get('/all')).body)).toEqual({ a: 0, admin: true });
});

it.each([[5], [undefined], [Symbol('x')], [null], [['a']]])(
  'set(req, key) refuses a key that is no text: %p',
  async (key) => {
    const { client, on, sessions } = await open();
    on('/go', async (req, res) => {
      const code = await sessions.set(req, key as never, 1 as never).then(
        () => 'stored',
        (error: unknown) => (error as { code?: string }).code,
      );
      res.json([code, await sessions.all(req)]);
    });
    expect(JSON.parse((await client.get('/go')).body)).toEqual(['ERR_SESSION_KEY', {}]);
  },
);

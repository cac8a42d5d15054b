// P5: a failed read is not a missing session, a failed write no stored one. Nobody is logged out, no cookie is
// replaced, every request is answered.
import { closeWorlds, codeOf, createWorld, storedData, type Setting, type World } from './world.js';

afterEach(closeWorlds);

async function open(setting: Setting): Promise<World> {
  const world = await createWorld({ breaker: false, ...setting });
  const { on, sessions } = world;
  on('/set', async (req, res) => {
    await sessions.set(req, 'n', 1);
    res.end();
  });
  on('/get', async (req, res) => {
    res.json((await sessions.get(req, 'n')) ?? null);
  });
  on('/sync', (req, res) => {
    res.json((sessions.session(req)['n'] as number | undefined) ?? null);
  });
  on('/change', async (req, res) => {
    await sessions.load(req);
    sessions.session(req)['n'] = 2;
    res.send('changed');
  });
  on('/caught', async (req, res) => {
    res.send(String(await codeOf(sessions.set(req, 'n', 3))));
  });
  for (const method of ['touch', 'destroy', 'regenerate'] as const)
    on(`/${method}`, async (req, res) => {
      await sessions[method](req);
      res.send(method);
    });
  on('/keep', async (req, res) => {
    await sessions.regenerate(req, { keepData: true });
    res.end();
  });
  return world;
}

const kinds = ['fail', 'throwAtOnce', 'rejectWithNothing'] as const;

describe.each(kinds)('a store that does: %s', (kind) => {
  it.each([true, false])(
    'on reads: 503, the cookie untouched, still logged in afterwards (async: %s)',
    async (asyncOnly) => {
      const { client, faults, memory } = await open({ asyncOnly });
      await client.get('/set');
      const { cookie } = client;
      faults[kind](asyncOnly ? 'find' : 'findSync');
      const paths = ['/get', '/set', '/change', '/touch', '/destroy', '/regenerate', '/keep'];
      for (const path of asyncOnly ? paths : [...paths, '/sync'])
        expect(await client.get(path)).toMatchObject({ status: 503, body: 'ERR_SESSION_STORE', cookies: [] });
      faults.clear();
      expect(client.cookie).toBe(cookie);
      expect((await client.get('/get')).body).toBe('1');
      expect(await memory.length()).toBe(1);
    },
  );

  it.each(['/set', '/change', '/destroy', '/regenerate', '/keep'])(
    'on %s: 503 and nothing lost',
    async (path) => {
      const world = await open({});
      const { client, faults } = world;
      await client.get('/set');
      faults[kind]('replace');
      expect(await client.get(path)).toMatchObject({ status: 503, body: 'ERR_SESSION_STORE', cookies: [] });
      faults.clear();
      expect((await client.get('/get')).body).toBe('1');
      expect(await storedData(world)).toEqual([{ n: 1 }]);
    },
  );

  it('on the first write: 503, no cookie and no row', async () => {
    const { client, faults, memory } = await open({});
    faults[kind]('insert');
    for (const path of ['/set', '/change'])
      expect(await client.get(path)).toMatchObject({ status: 503, body: 'ERR_SESSION_STORE', cookies: [] });
    expect(await memory.length()).toBe(0);
  });
});

it('answers as the handler says where it catches the fault, and stores the next time', async () => {
  const world = await open({});
  const { client, faults } = world;
  await client.get('/set');
  faults.fail('replace');
  expect(await client.get('/caught')).toMatchObject({ status: 200, body: 'ERR_SESSION_STORE' });
  faults.clear();
  expect((await client.get('/caught')).body).toBe('undefined');
  expect(await storedData(world)).toEqual([{ n: 3 }]);
});

it('leaves nothing to store of a delete() whose fault the handler catches', async () => {
  const world = await open({});
  const { client, faults, on, sessions } = world;
  on('/two', async (req, res) => {
    await sessions.set(req, { a: 1, b: 2 });
    res.end();
  });
  on('/delete', async (req, res) => {
    res.send(await codeOf(sessions.delete(req, 'a')));
  });
  await client.get('/two');
  faults.fail('replace');
  expect(await client.get('/delete')).toMatchObject({ status: 200, body: 'ERR_SESSION_STORE' });
  expect(await storedData(world)).toEqual([{ a: 1, b: 2 }]);
});

it('keeps the cause: the error of the store', async () => {
  const { client, errors, faults } = await open({});
  const cause = new Error('of the driver');
  faults.fail('insert', { error: cause });
  await client.get('/set');
  expect(errors).toEqual([expect.objectContaining({ code: 'ERR_SESSION_STORE', cause })]);
});

it.each([
  ['insert', 'loseAnswer'],
  ['insert', 'twice'],
  ['replace', 'loseAnswer'],
  ['replace', 'twice'],
] as const)('takes a write that landed for what it is: %s, %s', async (operation, kind) => {
  const world = await open({});
  const { client, faults } = world;
  if (operation === 'replace') await client.get('/set');
  faults[kind](operation);
  expect(await client.get('/change')).toMatchObject({ status: 200, body: 'changed' });
  expect(await storedData(world)).toEqual([{ n: 2 }]);
  expect((await client.get('/get')).body).toBe('2');
});

it('gives up on a store that hangs once storeTimeout has passed, and finds the session again afterwards', async () => {
  const { calls, client, clock, faults } = await open({ asyncOnly: true, storeTimeout: 1_000 });
  await client.get('/set');
  faults.hang('find');
  const arrived = calls.arrival('find');
  const answer = client.get('/get');
  await arrived;
  clock.advance(999);
  await new Promise(setImmediate);
  clock.advance(1);
  expect(await answer).toMatchObject({ status: 503, body: 'ERR_SESSION_STORE_TIMEOUT', cookies: [] });
  faults.clear();
  expect((await client.get('/get')).body).toBe('1');
});

it('takes away a first row that lands after its request was told that it failed', async () => {
  const { calls, client, clock, faults, memory } = await open({ storeTimeout: 1_000 });
  const release = faults.hold('insert');
  // The look whether it landed finds the store silent as well.
  faults.hang('find');
  const inserting = calls.arrival('insert');
  const looking = calls.arrival('find');
  const answer = client.get('/set');
  await inserting;
  clock.advance(800);
  await looking;
  clock.advance(200);
  expect(await answer).toMatchObject({ status: 503, body: 'ERR_SESSION_STORE_TIMEOUT', cookies: [] });
  release();
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  expect(await memory.length()).toBe(0);
});

it('says which answer of a store breaks the contract', async () => {
  const { client, memory } = await open({ asyncOnly: true });
  await client.get('/set');
  memory.find = () => Promise.resolve(undefined as unknown as null);
  expect(await client.get('/get')).toMatchObject({
    status: 500,
    body: 'ERR_SESSION_STORE_CONTRACT',
    cookies: [],
  });
});

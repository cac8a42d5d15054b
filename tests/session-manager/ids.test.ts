// The ids of new sessions: what generateId may return, and what happens if an id is in use.
import { systemClock } from '../../src/core/clock.js';
import { closeWorlds, codeOf, createWorld, query, storedData } from './world.js';

afterEach(closeWorlds);

it.each([
  '',
  'short',
  'x'.repeat(21),
  'x'.repeat(257),
  `${'x'.repeat(30)}/..`,
  `sha256:${'a'.repeat(64)}`,
  null,
  5,
  undefined,
  {},
])('S3 S33 refuses %p of generateId', async (id) => {
  const { client, memory, on, sessions } = await createWorld({ generateId: () => id as string });
  on('/', async (req, res) => {
    res.send(await codeOf(sessions.set(req, 'a', 1)));
  });
  expect(await client.get('/')).toMatchObject({ body: 'ERR_SESSION_ID', cookies: [] });
  expect(await memory.length()).toBe(0);
});

it('S3 answers an error where a change of req.session gets no id', async () => {
  const { client, memory, on, sessions } = await createWorld({
    generateId: () => {
      throw new Error('no id');
    },
  });
  on('/', (req, res) => {
    sessions.session(req)['a'] = 1;
    res.send('unseen');
  });
  expect(await client.get('/')).toMatchObject({ status: 500, cookies: [] });
  expect(await memory.length()).toBe(0);
});

it('S8 takes another id where one is in use, and never the session that has it', async () => {
  let turn = 0;
  const world = await createWorld({
    generateId: () => ['a', 'a', 'b'][turn++]?.repeat(22) ?? 'c'.repeat(22),
  });
  const { browser, on, sessions } = world;
  on('/', async (req, res) => {
    await sessions.set(req, 'who', req.query['who']);
    res.json(await sessions.all(req));
  });
  const [alice, bob] = [browser(), browser()];
  await alice.get('/?who=alice');
  expect((await bob.get('/?who=bob')).body).toBe('{"who":"bob"}');
  expect(alice.cookie).toContain('a'.repeat(22));
  expect(bob.cookie).toContain('b'.repeat(22));
  expect(await storedData(world)).toEqual([{ who: 'alice' }, { who: 'bob' }]);
});

it('S8 gives up after three ids that are in use', async () => {
  const { browser, on, sessions } = await createWorld({
    generateId: () => 'a'.repeat(22),
    clock: systemClock,
  });
  on('/', async (req, res) => {
    res.send(String(await codeOf(sessions.set(req, 'a', 1))));
  });
  await browser().get('/');
  expect(await browser().get('/')).toMatchObject({ body: 'ERR_SESSION_ID', cookies: [] });
});

it('S8 never lets two browsers share a session because they begin one under one id at the same moment', async () => {
  const world = await createWorld({ generateId: () => 'a'.repeat(22), clock: systemClock });
  const { browser, calls, faults, on, sessions } = world;
  on('/', async (req, res) => {
    await sessions.set(req, query(req, 'who'), 1);
    res.json(await sessions.all(req));
  });
  const release = faults.hold('insert', { times: 1 });
  const arrived = calls.arrival('insert');
  const alice = browser();
  const bob = browser();
  const first = alice.get('/?who=alice');
  await arrived;
  const second = bob.get('/?who=bob');
  // Bob's commit is on its way before Alice's has landed.
  await new Promise((resolve) => setTimeout(resolve, 50));
  release();
  const answers = await Promise.all([first, second]);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(answers.map(({ body }) => body)).not.toContain('{"alice":1,"bob":1}');
  expect(await storedData(world)).toHaveLength(1);
});

it('gives generateId the request', async () => {
  const { client, on, sessions } = await createWorld({
    generateId: (req) => `for-${req.method ?? ''}-`.padEnd(22, 'x'),
  });
  on('/', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  expect((await client.get('/')).cookies[0]).toContain('sid=for-GET-xxxx');
});

// onStoreError: 'degrade': an answer although the store fails, as if there were no session; nothing that needs it is done.
import { closeWorlds, createWorld, type Setting, type World } from './world.js';

afterEach(closeWorlds);

/** An app with a page that greets, and a browser of ada's. */
async function open(setting: Setting = {}): Promise<World> {
  const world = await createWorld({ onStoreError: 'degrade', breaker: false, ...setting });
  const { client, on, sessions } = world;
  on('/login', async (req, res) => {
    await sessions.login(req, 'ada');
    res.end();
  });
  on('/', async (req, res) => {
    const user = (await sessions.userOf(req)) ?? null;
    const { sessionDegraded = false } = req as { sessionDegraded?: boolean };
    res.json([user, sessionDegraded]);
  });
  on('/visit', async (req, res) => {
    await sessions.load(req);
    sessions.session(req)['visited'] = true;
    res.send('seen');
  });
  on('/set', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  on('/logout', async (req, res) => {
    await sessions.logout(req);
    res.end();
  });
  on('/touch', async (req, res) => {
    res.json(await sessions.touch(req));
  });
  on('/fresh', (req, res) => {
    sessions.requireFresh('10m')(req, res, (error?: unknown) => {
      if (error === undefined) res.end();
      else res.status((error as { status: number }).status).end();
    });
  });
  await client.get('/login');
  return world;
}

describe.each([
  ['a store that is asked with a promise', true, 'find'],
  ['a store that answers at once', false, 'findSync'],
] as const)('on %s', (_name, asyncOnly, read) => {
  it('answers without a session, says so, and takes no cookie away; afterwards all is as it was', async () => {
    const { client, errors, faults, sessions } = await open({ asyncOnly });
    const told: unknown[] = [];
    sessions.on('error', ({ reason }) => told.push(reason));
    faults.fail(read);
    const { status, body, headers, cookies } = await client.get('/');
    expect([status, body, headers['x-session-degraded'], cookies]).toEqual([200, '[null,true]', 'true', []]);
    expect(headers.vary).toMatch(/cookie/i);
    expect([errors, told]).toEqual([[], ['store']]);
    faults.clear();
    const after = await client.get('/');
    expect([after.body, after.headers['x-session-degraded']]).toEqual(['["ada",false]', undefined]);
  });

  it.each(['/set', '/login', '/logout', '/touch', '/fresh'])(
    'does nothing by halves: %s answers 503',
    async (path) => {
      const { client, faults } = await open({ asyncOnly });
      const { cookie } = client;
      faults.fail(read);
      const { status, cookies } = await client.get(path);
      faults.clear();
      expect([status, cookies, client.cookie]).toEqual([503, [], cookie]);
      expect((await client.get('/')).body).toBe('["ada",false]');
    },
  );

  it('opens no session for a WebSocket, and does not say that there is none', async () => {
    const { client, faults, on, sessions } = await open({ asyncOnly });
    on('/open', async (req, res) => {
      res.json(await sessions.open(req));
    });
    faults.fail(read);
    expect((await client.get('/open')).status).toBe(503);
  });
});

it.each([
  ['cannot be stored', 'replace'],
  ['cannot be read', 'find'],
] as const)('loses what is written to req.session where it %s, and answers', async (_what, call) => {
  const { client, faults, on, sessions } = await open({ asyncOnly: true });
  on('/all', async (req, res) => {
    res.json(await sessions.all(req));
  });
  faults.fail(call);
  const { status, body, headers, cookies } = await client.get('/visit');
  expect([status, body, headers['x-session-degraded'], cookies]).toEqual([200, 'seen', 'true', []]);
  faults.clear();
  expect((await client.get('/all')).body).toBe('{}');
});

it('sends no cookie of a session that could not be stored', async () => {
  const { browser, faults, memory } = await open();
  faults.fail('insert');
  const { status, headers, cookies } = await browser().get('/visit');
  expect([status, headers['x-session-degraded'], cookies]).toEqual([200, 'true', []]);
  expect(memory.keys()).toHaveLength(1);
});

it('fails all the same for what is wrong with the session and not with the store', async () => {
  const { client, on, sessions } = await open();
  on('/large', async (req, res) => {
    await sessions.load(req);
    sessions.session(req)['big'] = 'x'.repeat(70_000);
    res.end();
  });
  const { status, body, headers } = await client.get('/large');
  expect([status, body]).toEqual([500, 'ERR_SESSION_TOO_LARGE']);
  expect(headers).not.toHaveProperty('x-session-degraded');
});

it('P5 does so only where it was asked for', async () => {
  const { client, faults } = await open({ onStoreError: 'fail', asyncOnly: true });
  faults.fail('find');
  const { status, headers, cookies } = await client.get('/');
  expect([status, cookies]).toEqual([503, []]);
  expect(headers).not.toHaveProperty('x-session-degraded');
});

// What a call finds of the calls that are still under way, or have failed: what their callers were told, and nothing more.
import { systemClock } from '../../src/core/clock.js';
import { DelayedStore } from '../support/delayed-store.js';
import { closeWorlds, codeOf, createGate, createWorld, storedData } from './world.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await closeWorlds();
});

/** Where one of them waits for what never comes. */
const HANGS_MS = 5_000;

it.each(['toString', 'valueOf', 'hasOwnProperty'])(
  'leaves nothing behind of a set() that failed, though every object inherits the key: %s',
  async (key) => {
    const { client, faults, on, sessions } = await createWorld();
    on('/begin', async (req, res) => {
      await sessions.set(req, 'n', 1);
      res.end();
    });
    on('/', async (req, res) => {
      faults.fail('replace', { times: 1 });
      const code = await codeOf(sessions.set(req, key, 'x'));
      const left = [await sessions.get(req, key), await sessions.has(req, key), await sessions.all(req)];
      await sessions.set(req, 'other', 2);
      res.json([code, ...left, await sessions.all(req)]);
    });
    await client.get('/begin');
    const { body } = await client.get('/');
    expect(JSON.parse(body)).toEqual(['ERR_SESSION_STORE', null, false, { n: 1 }, { n: 1, other: 2 }]);
  },
);

it.each(['new', 'stored'])(
  'takes nothing along of a set() that fails before a login with keepData: a %s session',
  async (kind) => {
    const world = await createWorld();
    const { client, memory, on, sessions } = world;
    on('/begin', async (req, res) => {
      await sessions.set(req, 'n', 1);
      res.end();
    });
    on('/', async (req, res) => {
      const { opened, open } = createGate();
      jest.spyOn(memory, kind === 'new' ? 'insert' : 'replace').mockImplementationOnce(async () => {
        await opened;
        throw new Error('down');
      });
      const set = codeOf(sessions.set(req, 'role', 'admin'));
      const login = codeOf(sessions.login(req, 'ada', { keepData: true }));
      // The login waits for it by then.
      await new Promise((resolve) => setImmediate(resolve));
      open();
      res.json([await set, await login, await sessions.all(req)]);
    });
    if (kind === 'stored') await client.get('/begin');
    const data = kind === 'stored' ? { n: 1 } : {};
    // JSON has null for what is not there.
    expect(JSON.parse((await client.get('/')).body)).toEqual(['ERR_SESSION_STORE', null, data]);
    expect(await storedData(world)).toEqual([data]);
  },
);

it('takes nothing along of a set() that a slow store refuses while the login is waiting', async () => {
  const store = new DelayedStore();
  const { client, on, sessions } = await createWorld({ clock: systemClock, store });
  on('/', async (req, res) => {
    store.delayMs = 20;
    store.failure = new Error('down');
    setTimeout(() => (store.failure = null), 30);
    const set = codeOf(sessions.set(req, 'role', 'admin'));
    const login = codeOf(sessions.login(req, 'ada', { keepData: true }));
    res.json([await set, await login]);
  });
  expect(JSON.parse((await client.get('/')).body)).toEqual(['ERR_SESSION_STORE', null]);
  expect((await sessions.getAllSessions()).map(({ data }) => data)).toEqual([{}]);
});

it(
  'lets the response go on where a touch failed and the logger fails too',
  async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): unknown => unhandled.push(error);
    process.on('unhandledRejection', note);
    const logger = {
      warn: () => undefined,
      error: () => {
        throw new Error('The disk of the log is full.');
      },
    };
    const { client, faults, on, sessions } = await createWorld({ logger });
    on('/begin', async (req, res) => {
      await sessions.set(req, 'n', 1);
      res.end();
    });
    on('/', (req, res) => {
      faults.fail('extend', { times: 1 });
      void codeOf(sessions.touch(req));
      res.end();
    });
    await client.get('/begin');
    expect(await client.get('/')).toMatchObject({ status: 500, body: 'Error: The disk of the log is full.' });
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  },
  HANGS_MS,
);

it(
  'moves the expiry behind the commits that are under way, and does not wait for those that begin meanwhile',
  async () => {
    const world = await createWorld();
    const { calls, client, faults, on, sessions } = world;
    on('/begin', async (req, res) => {
      await sessions.set(req, 'n', 1);
      res.end();
    });
    on('/', async (req, res) => {
      const landFirst = faults.hold('replace', { times: 1 });
      const arrived = calls.arrival('replace');
      const first = sessions.set(req, 'first', 1);
      await arrived;
      const landSecond = faults.hold('replace', { times: 1 });
      const touch = sessions.touch(req);
      const second = sessions.set(req, 'second', 2);
      const before = calls.count('extend');
      landFirst();
      const isTouched = await touch;
      const landed = await storedData(world);
      landSecond();
      await Promise.all([first, second]);
      res.json({ before, isTouched, landed, all: await sessions.all(req) });
    });
    await client.get('/begin');
    expect(JSON.parse((await client.get('/')).body)).toEqual({
      before: 0,
      isTouched: true,
      landed: [{ n: 1, first: 1 }],
      all: { n: 1, first: 1, second: 2 },
    });
  },
  HANGS_MS,
);

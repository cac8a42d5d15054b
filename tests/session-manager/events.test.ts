// What the manager tells: events with a reason and a handle, a logger, warnings once.
import { SessionManager } from '../../src/session-manager.js';
import { EVENTS } from '../support/events.js';
import { SECRET } from '../support/secret.js';
import { closeWorlds, codeOf, createWorld, type Setting, type World } from './world.js';

afterEach(closeWorlds);

async function open(setting: Setting = {}): Promise<World & { told: (string | object)[][] }> {
  const world = await createWorld(setting);
  const told: (string | object)[][] = [];
  for (const name of EVENTS) world.sessions.on(name, (facts: object) => told.push([name, facts]));
  const { on, sessions } = world;
  on('/set', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  on('/keep', async (req, res) => {
    await sessions.regenerate(req, { keepData: true });
    res.end();
  });
  on('/destroy', async (req, res) => {
    await sessions.destroy(req);
    res.end();
  });
  return { ...world, told };
}

const handle = expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string;

it('tells of a session from its beginning to its end', async () => {
  const { client, told } = await open();
  for (const path of ['/set', '/set', '/keep', '/destroy']) await client.get(path);
  expect(told).toEqual([
    ['created', { handle, reason: 'new' }],
    ['committed', { handle, reason: 'new', bytes: 7 }],
    ['committed', { handle, reason: 'change', bytes: 7 }],
    ['created', { handle, reason: 'new' }],
    ['destroyed', { handle, reason: 'regenerate' }],
    ['destroyed', { handle, reason: 'destroy' }],
  ]);
  const handles = told.map(([, facts]) => (facts as { handle: string }).handle);
  expect(new Set(handles).size).toBe(2);
});

it('tells of sessions that were cleared, expired or evicted', async () => {
  const { browser, clock, memory, sessions, told } = await open({ maxAge: 1_000 });
  await browser().get('/set');
  await sessions.clearAllSessions();
  await browser().get('/set');
  clock.advance(5_000);
  await memory.removeExpired(10);
  await new Promise(setImmediate);
  const ends = told.filter(([name]) => name === 'destroyed' || name === 'expired');
  expect(ends).toEqual([
    ['destroyed', { handle, reason: 'clear' }],
    ['expired', { handle, reason: 'timeout' }],
  ]);

  const own = new SessionManager({ secret: SECRET, storeOptions: { maxSessions: 1, cleanupInterval: 0 } });
  const evicted: unknown[] = [];
  own.on('destroyed', (facts) => evicted.push(facts));
  const cookie = { expires: new Date(Date.now() + 60_000) };
  for (const id of ['a', 'b']) await own.store.set(id.repeat(22), { cookie });
  await new Promise(setImmediate);
  expect(evicted).toEqual([{ handle, reason: 'evicted' }]);
  await own.close();
});

it('tells once of a session that passes half of the limit on its way up, with its largest keys', async () => {
  const { client, on, sessions, told, warnings } = await open({ limits: { bytes: 1_000 } });
  on('/grow', async (req, res) => {
    await sessions.set(req, { x: 'x'.repeat(300), y: 'y'.repeat(Number(req.query['y'])) });
    res.end();
  });
  for (const y of [10, 300, 310, 10, 300]) await client.get(`/grow?y=${y}`);
  const large = told.filter(([name]) => name === 'large');
  expect(large).toHaveLength(2);
  expect(large[0]).toEqual([
    'large',
    {
      handle,
      reason: 'size',
      bytes: 615,
      limit: 1_000,
      largest: [
        { key: 'x', bytes: 302 },
        { key: 'y', bytes: 302 },
      ],
    },
  ]);
  expect(warnings).toEqual(['WARN_SESSION_LARGE', 'WARN_SESSION_LARGE']);
});

it('tells of faults that no request is told, or logs them where nobody listens', async () => {
  const logged: unknown[] = [];
  const logger = { warn: () => undefined, error: (...line: unknown[]) => logged.push(line) };
  const world = await createWorld({ logger });
  const fault = new Error('in the background');
  world.memory.on('error', () => undefined);
  world.memory.emit('error', fault);
  expect(logged).toEqual([[{ err: fault, reason: 'store' }, expect.any(String)]]);

  const told: unknown[] = [];
  world.sessions.on('error', (facts) => told.push(facts));
  world.memory.emit('error', fault);
  await new Promise(setImmediate);
  expect(told).toEqual([{ error: fault, reason: 'store' }]);
  expect(logged).toHaveLength(1);
});

it('I6 survives two faults in one tick where a listener was to hear one', async () => {
  const { sessions, memory } = await createWorld();
  const told: unknown[] = [];
  sessions.once('error', (facts) => told.push(facts));
  memory.emit('error', new Error('first'));
  memory.emit('error', new Error('second'));
  // An `error` event that nobody hears is an uncaught exception, which fails the test.
  await new Promise(setImmediate);
  expect(told).toHaveLength(1);
});

it('warns through process.emitWarning without a logger, once for each code', async () => {
  const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  try {
    const sessions = new SessionManager({ secret: 'short', storeOptions: { cleanupInterval: 0 } });
    expect(warned.mock.calls).toEqual([
      [expect.any(String), { type: 'SessionWarning', code: 'WARN_SESSION_SECRET' }],
    ]);
    await sessions.close();
  } finally {
    warned.mockRestore();
  }
});

it('does not listen to a shared store any more after close()', async () => {
  const { sessions, memory } = await open();
  expect(memory.listenerCount('expired')).toBe(1);
  await sessions.close();
  for (const event of ['expired', 'evicted', 'error']) expect(memory.listenerCount(event)).toBe(0);
});

it('emits nothing for a write that was refused', async () => {
  const { client, on, sessions, told } = await open();
  on('/bad', async (req, res) => {
    res.send(await codeOf(sessions.set(req, 'a', 1n)));
  });
  await client.get('/bad');
  await new Promise(setImmediate);
  expect(told).toEqual([]);
});

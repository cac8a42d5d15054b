// How long a session lives: idle and absolute time, when a use moves them, and when the cookie goes with it.
import type { SessionRecord } from '../../src/core/contract.js';
import { closeWorlds, createWorld, storedRecords, type Setting, type World } from './world.js';

afterEach(closeWorlds);

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

async function open(setting: Setting = {}): Promise<World> {
  const world = await createWorld(setting);
  const { on, sessions } = world;
  on('/set', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  on('/get', async (req, res) => {
    res.json((await sessions.get(req, 'a')) ?? null);
  });
  on('/touch', async (req, res) => {
    res.json(await sessions.touch(req));
  });
  on('/regenerate', async (req, res) => {
    await sessions.regenerate(req);
    await sessions.set(req, 'a', 1);
    res.end();
  });
  on('/keep', async (req, res) => {
    await sessions.regenerate(req, { keepData: true });
    res.end();
  });
  return world;
}

it.each([true, false])(
  'S26 never returns a session that has expired, with the sweeper stopped (async: %s)',
  async (asyncOnly) => {
    const { client, clock, on, sessions } = await open({ maxAge: HOUR, asyncOnly });
    on('/sync', (req, res) => {
      res.json((sessions.session(req)['a'] as number | undefined) ?? null);
    });
    await client.get('/set');
    clock.advance(HOUR - 1);
    expect((await client.clone().get('/get')).body).toBe('1');
    // That use moved the expiry. From here on nobody uses it.
    clock.advance(HOUR);
    const late = client.clone();
    expect((await late.get('/get')).body).toBe('null');
    if (!asyncOnly) expect((await client.clone().get('/sync')).body).toBe('null');
    expect((await client.clone().get('/touch')).body).toBe('false');
  },
);

it('S26 never returns an expired session of a store that does', async () => {
  const { client, clock, memory, on, sessions } = await open({ maxAge: HOUR, asyncOnly: true });
  await client.get('/set');
  const [stale] = await storedRecords(memory);
  memory.find = () => Promise.resolve(stale as SessionRecord);
  clock.advance(HOUR);
  on('/all', async (req, res) => {
    res.json(await sessions.all(req));
  });
  expect((await client.get('/all')).body).toBe('{}');
});

it('S27 ends a session at its absolute time however much it is used', async () => {
  const { client, clock } = await open({ maxAge: HOUR, absoluteTimeout: 2 * HOUR });
  await client.get('/set');
  for (let used = 0; used < 2 * HOUR - 10 * MINUTE; used += 10 * MINUTE) {
    clock.advance(10 * MINUTE);
    expect((await client.get('/touch')).body).toBe('true');
  }
  clock.advance(10 * MINUTE);
  expect((await client.get('/get')).body).toBe('null');
});

it('has an absolute time of twelve hours by default, and of maxAge where that is longer', async () => {
  const short = await open({ maxAge: HOUR });
  await short.client.get('/set');
  const [record] = await storedRecords(short.memory);
  expect(record).toMatchObject({ deadlineAt: short.clock.now() + 12 * HOUR });

  const long = await open({ maxAge: 48 * HOUR });
  await long.client.get('/set');
  const [longRecord] = await storedRecords(long.memory);
  expect(longRecord).toMatchObject({ deadlineAt: long.clock.now() + 48 * HOUR });
});

it('has no absolute time where that is null', async () => {
  const { client, clock, memory } = await open({ maxAge: HOUR, absoluteTimeout: null });
  await client.get('/set');
  for (let hours = 0; hours < 20; hours++) {
    clock.advance(HOUR - MINUTE);
    await client.get('/touch');
  }
  expect((await client.get('/get')).body).toBe('1');
  expect(await storedRecords(memory)).toMatchObject([{ deadlineAt: null }]);
});

it.each(['/regenerate', '/keep'])('S27 leaves the absolute end where it is: %s', async (path) => {
  const { client, clock, memory } = await open({ maxAge: HOUR, absoluteTimeout: 2 * HOUR });
  await client.get('/set');
  const deadlineAt = clock.now() + 2 * HOUR;
  clock.advance(50 * MINUTE);
  await client.get(path);
  clock.advance(50 * MINUTE);
  await client.get(path);
  expect(await storedRecords(memory)).toMatchObject([{ deadlineAt }]);
  clock.advance(20 * MINUTE);
  expect((await client.get('/get')).body).toBe('null');
});

it('lets Max-Age be what remains, up to the absolute end', async () => {
  const { client, clock } = await open({ maxAge: HOUR, absoluteTimeout: 90 * MINUTE });
  expect((await client.get('/set')).cookies[0]).toContain('; Max-Age=3600;');
  clock.advance(45 * MINUTE);
  expect((await client.get('/touch')).cookies[0]).toContain('; Max-Age=2700;');
});

it('moves the expiry and sends the cookie once per touchAfter, not at every use', async () => {
  const { calls, client, clock, memory } = await open({ maxAge: HOUR });
  const expiry = async () => (await storedRecords(memory)).map(({ expiresAt }) => expiresAt);
  expect((await client.get('/set')).cookies).toHaveLength(1);
  const first = clock.now() + HOUR;

  clock.advance(MINUTE - 1);
  for (const path of ['/get', '/set']) expect((await client.get(path)).cookies).toEqual([]);
  expect(await expiry()).toEqual([first]);
  expect(calls.count('extend')).toBe(0);

  clock.advance(1);
  expect((await client.get('/get')).cookies[0]).toContain('; Max-Age=3600;');
  expect(calls.count('extend')).toBe(1);
  expect(await expiry()).toEqual([first + MINUTE]);

  clock.advance(MINUTE);
  expect((await client.get('/set')).cookies[0]).toContain('; Max-Age=3600;');
  // The write moved it, so no touch was needed.
  expect(calls.count('extend')).toBe(1);
  expect(await expiry()).toEqual([first + 2 * MINUTE]);
});

it('moves the expiry at once for touch()', async () => {
  const { client, clock, memory } = await open({ maxAge: HOUR });
  await client.get('/set');
  clock.advance(1_000);
  expect((await client.get('/touch')).cookies[0]).toContain('; Max-Age=3600;');
  expect(await storedRecords(memory)).toMatchObject([{ expiresAt: clock.now() + HOUR }]);
});

it('moves the expiry at every use with touchAfter 0', async () => {
  const { client, clock } = await open({ maxAge: HOUR, touchAfter: 0 });
  await client.get('/set');
  clock.advance(1);
  expect((await client.get('/get')).cookies).toHaveLength(1);
});

it('answers without a cookie where the touch fails, and tells of the fault', async () => {
  const { client, clock, faults, sessions } = await open({ maxAge: HOUR });
  const told: unknown[] = [];
  sessions.on('error', (facts) => told.push(facts.reason));
  await client.get('/set');
  clock.advance(MINUTE);
  faults.fail('extend');
  expect(await client.get('/get')).toMatchObject({ status: 200, body: '1', cookies: [] });
  await new Promise(setImmediate);
  expect(told).toEqual(['touch']);
  faults.clear();
  expect((await client.get('/get')).cookies).toHaveLength(1);
});

describe('cookie.maxAge', () => {
  const MONTH = 30 * 24 * HOUR;

  it('gives a session another idle time, and its cookie the Max-Age', async () => {
    const { client, clock, on, sessions } = await open({ maxAge: HOUR, absoluteTimeout: null });
    on('/remember', (req, res) => {
      const session = sessions.session(req);
      session['a'] = 1;
      session.cookie.maxAge = MONTH;
      res.json([session.cookie.maxAge, session.cookie.originalMaxAge]);
    });
    const answer = await client.get('/remember');
    expect(JSON.parse(answer.body)).toEqual([MONTH, MONTH]);
    expect(answer.cookies[0]).toContain(`; Max-Age=${MONTH / 1000};`);
    clock.advance(20 * 24 * HOUR);
    expect((await client.get('/get')).cookies[0]).toContain(`; Max-Age=${MONTH / 1000};`);
    clock.advance(20 * 24 * HOUR);
    expect((await client.get('/get')).body).toBe('1');
  });

  it('is stored on an existing session although no data changed', async () => {
    const { client, memory, on, sessions } = await open({ maxAge: HOUR, absoluteTimeout: null });
    on('/remember', (req, res) => {
      const { cookie } = sessions.session(req);
      cookie.expires = new Date((cookie.expires?.valueOf() ?? 0) + HOUR);
      res.end();
    });
    await client.get('/set');
    expect((await client.get('/remember')).cookies[0]).toContain('; Max-Age=7200;');
    expect(await storedRecords(memory)).toMatchObject([{ idleMs: 2 * HOUR }]);
  });

  it('is stored where the session was read again since its cookie was taken', async () => {
    const { client, memory, on, sessions } = await open({ maxAge: HOUR, absoluteTimeout: null });
    on('/remember', async (req, res) => {
      const session = sessions.session(req);
      const { cookie } = session;
      await session.reload();
      cookie.maxAge = MONTH;
      res.end();
    });
    await client.get('/set');
    expect((await client.get('/remember')).cookies).toHaveLength(1);
    expect(await storedRecords(memory)).toMatchObject([{ idleMs: MONTH }]);
  });

  it('is stored by the save() that follows one that failed', async () => {
    const { client, faults, memory, on, sessions } = await open({ maxAge: HOUR, absoluteTimeout: null });
    on('/remember', async (req, res) => {
      const session = sessions.session(req);
      session.cookie.maxAge = MONTH;
      faults.fail('replace', { times: 1 });
      await session.save().catch(() => undefined);
      await session.save();
      res.end();
    });
    await client.get('/set');
    expect((await client.get('/remember')).status).toBe(200);
    expect(await storedRecords(memory)).toMatchObject([{ idleMs: MONTH }]);
  });

  it.each([0, -1, NaN, Infinity, 1.5, null, 401 * 24 * HOUR])('S18 S20 refuses %s', async (ms) => {
    const { client, on, sessions } = await open();
    on('/', (req, res) => {
      sessions.session(req).cookie.maxAge = ms;
      res.end();
    });
    expect(await client.get('/')).toMatchObject({ status: 500, body: 'ERR_SESSION_VALUE', cookies: [] });
  });
});

it('never sends a cookie that would be dead on arrival', async () => {
  const { client, clock, on, sessions } = await open({ maxAge: HOUR });
  on('/slow', async (req, res) => {
    await sessions.touch(req);
    clock.advance(HOUR + 1);
    res.end();
  });
  await client.get('/set');
  expect((await client.get('/slow')).cookies).toEqual([]);
});

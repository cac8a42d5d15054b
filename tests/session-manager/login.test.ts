// Logins: a new id, the old one dead, nobody's data but one's own; and logouts.
import { SessionManager } from '../../src/session-manager.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { runInChild } from '../support/child.js';
import { SECRET } from '../support/secret.js';
import { DAY, HOUR, idIn, openUsers, STORES } from './user-world.js';
import { closeWorlds, codeOf, createRequest, withCode } from './world.js';

afterEach(closeWorlds);

describe.each(STORES)('on %s', (_name, make) => {
  it('S12 makes an id that was planted before the login worthless at once, and stores the new one', async () => {
    const { browser, client, records, userIn } = await openUsers(make);
    await client.get('/set?cart=planted');
    const attacker = client.clone();
    const planted = idIn(client);
    expect((await client.get('/login?user=ada')).cookies).toHaveLength(1);
    expect(idIn(client)).not.toBe(planted);
    expect(await userIn(client)).toBe('ada');
    expect(await records('ada')).toHaveLength(1);
    expect(await userIn(attacker)).toBeNull();
    expect((await attacker.get('/all')).body).toBe('{}');
    expect(await userIn(browser())).toBeNull();
    expect(await records()).toHaveLength(1);
  });

  it('begins with nothing of whoever was here before', async () => {
    const { client } = await openUsers(make);
    await client.get('/set?cart=book');
    await client.get('/login?user=ada');
    expect((await client.get('/all')).body).toBe('{}');
  });

  it('takes along a cart that was stored, with keepData', async () => {
    const { client } = await openUsers(make);
    await client.get('/set?cart=book');
    await client.get('/login?user=ada&keep=1');
    expect((await client.get('/all')).body).toBe('{"cart":"book"}');
    await client.get('/login?user=ada&keep=1');
    expect((await client.get('/all')).body).toBe('{"cart":"book"}');
  });

  it.each([
    ['in a session that begins with it', false],
    ['in one that lives', true],
  ])('takes along what is on req.session and not stored yet: %s', async (_where, lives) => {
    const { client, on, sessions } = await openUsers(make);
    if (lives) await client.get('/set?cart=book');
    on('/buy', async (req, res) => {
      await sessions.load(req);
      sessions.session(req)['pen'] = 1;
      await sessions.login(req, 'ada', { keepData: true });
      res.json(sessions.session(req));
    });
    const all = { ...(lives ? { cart: 'book' } : null), pen: 1 };
    expect(JSON.parse((await client.get('/buy')).body)).toMatchObject(all);
    expect(JSON.parse((await client.get('/all')).body)).toEqual(all);
  });

  it('S12 never gives one user the data of another, whatever keepData says', async () => {
    const { client, on, sessions, records, userIn } = await openUsers(make);
    await client.get('/login?user=ada');
    await client.get('/set?cart=ada');
    on('/switch', async (req, res) => {
      await sessions.load(req);
      sessions.session(req)['pending'] = 'ada';
      await sessions.login(req, 'bob', { keepData: true });
      res.json(await sessions.all(req));
    });
    expect((await client.get('/switch')).body).toBe('{}');
    expect((await client.get('/all')).body).toBe('{}');
    expect(await userIn(client)).toBe('bob');
    expect(await records('ada')).toEqual([]);
    expect(JSON.stringify(await records())).not.toContain('pending');
  });

  it('S27 starts the absolute end and the login time anew, also for the same user', async () => {
    const { client, clock, records, userIn } = await openUsers(make, {
      maxAge: 8 * HOUR,
      absoluteTimeout: 12 * HOUR,
    });
    await client.get('/login?user=ada');
    const [first] = await records('ada');
    clock.advance(7 * HOUR);
    await client.get('/login?user=ada&keep=1');
    const [second] = await records('ada');
    expect(second).toMatchObject({
      createdAt: clock.now(),
      deadlineAt: (first?.deadlineAt ?? 0) + 7 * HOUR,
      owner: 'ada',
    });
    expect(await records('ada')).toHaveLength(1);
    expect(await userIn(client)).toBe('ada');
  });

  it('remembers for rememberFor: in the cookie, in the record, past the absolute end of others', async () => {
    const { client, clock, records } = await openUsers(make, { rememberFor: '30d' });
    const { cookies } = await client.get('/login?user=ada&remember=1');
    expect(cookies).toEqual([expect.stringContaining(`Max-Age=${String((30 * DAY) / 1_000)};`)]);
    const end = clock.now() + 30 * DAY;
    expect(await records('ada')).toMatchObject([{ idleMs: 30 * DAY, deadlineAt: end, expiresAt: end }]);
    const plain = await client.get('/login?user=ada');
    expect(plain.cookies).toEqual([expect.stringContaining('Max-Age=3600;')]);
    expect(await records('ada')).toMatchObject([{ idleMs: HOUR, deadlineAt: clock.now() + 12 * HOUR }]);
  });

  it.each<[string, 'fail' | 'hang']>([
    ['fails', 'fail'],
    ['does not answer', 'hang'],
  ])('S12 logs nobody in if the old session cannot be ended: the store %s', async (_how, fault) => {
    const { client, clock, calls, faults, records, userIn } = await openUsers(make);
    await client.get('/set?cart=book');
    const before = client.cookie;
    const arrived = calls.arrival('replace');
    faults[fault]('replace');
    const answer = client.get('/login?user=ada');
    await arrived;
    if (fault === 'hang') clock.advance(6_000);
    expect(await answer).toMatchObject({ status: 503, cookies: [] });
    faults.clear();
    expect(await records('ada')).toEqual([]);
    expect(await records()).toHaveLength(1);
    expect(client.cookie).toBe(before);
    expect(await userIn(client)).toBeNull();
    expect((await client.get('/all')).body).toBe('{"cart":"book"}');
  });

  it('logs nobody in where the session was ended while the request ran', async () => {
    const { client, records, sessions, slow, userIn } = await openUsers(make);
    await client.get('/login?user=ada');
    const login = await slow(client.clone(), (req) => sessions.login(req, 'ada'));
    await client.get('/logout');
    expect(await login.go()).toBe('ERR_SESSION_ENDED');
    expect(await records()).toEqual([]);
    expect(await userIn(client)).toBeNull();
  });

  it('ends a session at the logout, takes its cookie away, and no writer that comes late brings it back', async () => {
    const { client, on, records, sessions, slow } = await openUsers(make);
    await client.get('/login?user=ada');
    const other = client.clone();
    const writers = [
      await slow(client.clone(), (req) => sessions.set(req, 'late', 1)),
      await slow(client.clone(), (req) => sessions.update(req, 'late', () => 1)),
      await slow(client.clone(), (req) => sessions.login(req, 'ada', { keepData: true })),
      await slow(client.clone(), (req) => sessions.regenerate(req, { keepData: true })),
    ];
    const implicit = await slow(client.clone(), (req, res) => {
      sessions.session(req)['late'] = 1;
      res.send('sent');
    });
    const logout = await client.get('/logout');
    expect(logout).toMatchObject({ body: 'true', cookies: [expect.stringContaining('Max-Age=0')] });
    for (const { go } of writers) expect(await go()).toBe('ERR_SESSION_ENDED');
    expect(await implicit.go()).toBe('sent');
    expect(await records()).toEqual([]);
    on('/again', async (req, res) => {
      res.json([await sessions.logout(req), (await sessions.userOf(req)) ?? null]);
    });
    expect(await other.get('/again')).toMatchObject({ body: '[false,null]' });
    expect(await other.get('/me')).toMatchObject({ body: 'null', cookies: [] });
  });
});

it('fails the response of a login that fails and is not awaited', async () => {
  const { client, faults, on, sessions } = await openUsers();
  on('/forgot', (req, res) => {
    void sessions.login(req, 'ada');
    res.send('welcome');
  });
  faults.fail('insert');
  expect(await client.get('/forgot')).toMatchObject({ status: 503, body: 'ERR_SESSION_STORE', cookies: [] });
});

it.each<[string, string, string]>([
  ['the store fails', "'ada'", 'ERR_SESSION_STORE'],
  ['the user has no name', 'undefined', 'ERR_SESSION_USER'],
  ['describe throws', "'eve'", 'Error: no such device'],
])(
  'crashes no process by a login that is not awaited: %s',
  async (_why, user, code) => {
    const { output, errors } = await runInChild(`
    const express = require('express');
    const { SessionManager } = src('session-manager');
    const { MemoryStore } = src('stores/memory-store');
    const { faultyStore } = src('testing/faulty-store');
    const { store, faults } = faultyStore(new MemoryStore());
    const describe = () => {
      if (${user} === 'eve') throw new Error('no such device');
      return {};
    };
    const sessions = new SessionManager({ secret: ${JSON.stringify(SECRET)}, store, describe });
    faults.fail('insert');
    const app = express();
    app.use(sessions.middleware());
    app.get('/', (req, res) => {
      void sessions.login(req, ${user});
      res.send('welcome');
    });
    app.use((error, req, res, next) => res.send(error.code ?? String(error)));
    const server = app.listen(0, '127.0.0.1', async () => {
      const answer = await fetch('http://127.0.0.1:' + server.address().port);
      console.log(await answer.text());
      setImmediate(() => process.exit(0));
    });
  `);
    expect({ output: output.trim(), errors }).toEqual({ output: code, errors: '' });
  },
  30_000,
);

it.each<[string, unknown]>([
  ['no text', ''],
  ['a number', 7],
  ['nothing', undefined],
  ['null', null],
  ['a list', ['ada']],
  ['an object', { id: 'ada' }],
  ['256 characters', 'x'.repeat(256)],
])('refuses %s as the name of a user, and leaves all as it was', async (_what, user) => {
  const { client, on, records, sessions } = await openUsers();
  await client.get('/set?cart=book');
  on('/in', async (req, res) => {
    res.send(await codeOf(sessions.login(req, user as string)));
  });
  expect((await client.get('/in')).body).toBe('ERR_SESSION_USER');
  expect(() => sessions.ofUser(user as string)).toThrow(withCode('ERR_SESSION_USER'));
  expect((await client.get('/all')).body).toBe('{"cart":"book"}');
  expect(await records()).toHaveLength(1);
});

it.each(['x'.repeat(255), '__proto__', '../../etc', 'a\0b', 'Zoë 🙂', ' '])(
  'takes %j as a user as well as any other',
  async (user) => {
    const { client, list, userIn } = await openUsers();
    await client.get(`/login?user=${encodeURIComponent(user)}`);
    expect(await userIn(client)).toBe(user);
    expect(await list(user)).toHaveLength(1);
    expect(await list(`${user}2`.slice(-255))).toEqual([]);
  },
);

it('begins no session where there is no response to send a cookie with', async () => {
  const { client, records, sessions } = await openUsers();
  await client.get('/set?cart=book');
  const req = createRequest(client.cookie);
  await sessions.open(req);
  expect(await codeOf(sessions.login(req, 'ada'))).toBe('ERR_SESSION_NO_RESPONSE');
  expect(await records('ada')).toEqual([]);
  expect((await client.get('/all')).body).toBe('{"cart":"book"}');
});

it('begins none after the response has left', async () => {
  const { client, on, records, sessions } = await openUsers();
  let late: Promise<string | undefined> | undefined;
  on('/late', (req, res) => {
    late = new Promise((resolve) => {
      res.once('finish', () => resolve(codeOf(sessions.login(req, 'ada'))));
    });
    res.end();
  });
  await client.get('/late');
  expect(await late).toBe('ERR_SESSION_HEADERS_SENT');
  expect(await records()).toEqual([]);
});

it('lets the last of several logins of one request have it', async () => {
  const { client, on, records, sessions, userIn } = await openUsers();
  on('/both', async (req, res) => {
    await Promise.all([sessions.login(req, 'ada'), sessions.login(req, 'bob')]);
    res.json(await sessions.userOf(req));
  });
  expect((await client.get('/both')).cookies).toHaveLength(1);
  expect(await userIn(client)).toBe('bob');
  expect(await records()).toHaveLength(1);
});

it('begins with what initial says, for each user anew', async () => {
  const { client } = await openUsers(undefined, { initial: () => ({ theme: 'dark' }) });
  await client.get('/set?cart=book');
  await client.get('/login?user=ada');
  expect((await client.get('/all')).body).toBe('{"theme":"dark"}');
  await client.get('/login?user=bob&keep=1');
  expect((await client.get('/all')).body).toBe('{"theme":"dark"}');
});

it('tells that the old session ended by a login, and that a new one began', async () => {
  const { client, sessions } = await openUsers();
  await client.get('/set?cart=book');
  const told: unknown[] = [];
  sessions.on('destroyed', ({ reason }) => told.push(reason));
  sessions.on('created', ({ reason }) => told.push(reason));
  await client.get('/login?user=ada');
  expect(told).toEqual(['new', 'login']);
});

it.each([
  ['rememberFor', 0],
  ['rememberFor', '401d'],
  ['describe', 'agent'],
  ['maxSessionsPerUser', 0],
  ['maxSessionsPerUser', 1.5],
  ['onTooManySessions', 'evict-newest'],
])('refuses the option %s: %j', (name, value) => {
  const options = { secret: SECRET, clock: createFakeClock(), [name]: value };
  expect(() => new SessionManager(options)).toThrow(withCode('ERR_SESSION_OPTIONS'));
});

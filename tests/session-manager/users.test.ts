// All sessions of a user: the list of devices, and ending one, all, or those that began before a moment.
import { agentOf, handleIn, HOUR, idIn, openUsers, OWN_STORES, STORES } from './user-world.js';
import { closeWorlds, codeOf, createRequest, withCode } from './world.js';

afterEach(closeWorlds);

const handle = expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string;

describe.each(STORES)('on %s', (_name, make) => {
  it('lists the sessions of one user, the latest login first, and says which one asks', async () => {
    const { clock, device, on, sessions } = await openUsers(make, { describe: agentOf });
    const phone = await device('ada', 'phone');
    clock.advance(1_000);
    await device('bob', 'other');
    const laptop = await device('ada', 'laptop');
    on('/list', async (req, res) => {
      res.json(await sessions.ofUser('ada', req).list());
    });
    const now = clock.now();
    const times = (at: number) => ({ createdAt: at, lastSeenAt: at, expiresAt: at + HOUR });
    const rows = [
      { handle: handleIn(laptop), ...times(now), device: { agent: 'laptop' }, current: false },
      { handle: handleIn(phone), ...times(now - 1_000), device: { agent: 'phone' }, current: true },
    ];
    expect(JSON.parse((await phone.get('/list')).body)).toEqual(rows);
    expect(await sessions.ofUser('ada').list()).toEqual(rows.map((row) => ({ ...row, current: false })));
    expect(await sessions.ofUser('carol').list()).toEqual([]);
  });

  it('P4 shows no id: handles only', async () => {
    const { device, on, sessions } = await openUsers(make);
    const browsers = [await device('ada'), await device('ada')];
    on('/list', async (req, res) => {
      const user = sessions.ofUser('ada', req);
      res.json([await user.list(), user, await sessions.getAllSessions()]);
    });
    const [first] = browsers;
    const { body } = (await first?.get('/list')) ?? { body: '' };
    for (const client of browsers) {
      expect(body).toContain(handleIn(client));
      expect(body).not.toContain(idIn(client));
    }
  });

  it('takes no session of another user for the current one', async () => {
    const { browser, device, on, sessions } = await openUsers(make);
    await device('ada');
    const bob = await device('bob');
    on('/list', async (req, res) => {
      const ada = sessions.ofUser('ada', req);
      const currents = (await ada.list()).map(({ current }) => current);
      res.json([currents, await codeOf(ada.revokeAll({ except: 'current' }))]);
    });
    for (const client of [bob, browser()])
      expect(JSON.parse((await client.get('/list')).body)).toEqual([[false], 'ERR_SESSION_USER']);
    expect(await codeOf(sessions.ofUser('ada').revokeAll({ except: 'current' }))).toBe('ERR_SESSION_USER');
    expect(await sessions.ofUser('ada').list()).toHaveLength(1);
  });

  it('ends one by its handle, once; none of another user, and nothing by what is no handle', async () => {
    const { device, list, sessions, userIn } = await openUsers(make);
    const [ada, bob] = [await device('ada'), await device('bob')];
    const user = sessions.ofUser('ada');
    for (const name of [handleIn(bob), idIn(ada), ada.cookie, '', 'sha256:', handleIn(ada).toUpperCase()])
      expect(await user.revoke(name)).toBe(false);
    for (const name of [undefined, null, 7, [handleIn(ada)], { toString: () => handleIn(ada) }])
      expect(await user.revoke(name as string)).toBe(false);
    expect([await userIn(ada), await userIn(bob)]).toEqual(['ada', 'bob']);
    expect(await user.revoke(handleIn(ada))).toBe(true);
    expect(await user.revoke(handleIn(ada))).toBe(false);
    expect([await userIn(ada), await userIn(bob)]).toEqual([null, 'bob']);
    expect(await list('ada')).toEqual([]);
  });

  it('takes the session of a browser for ended, leaves its cookie alone, and lets it log in again', async () => {
    const { device, sessions, userIn } = await openUsers(make);
    const client = await device('ada');
    const before = client.cookie;
    expect(await sessions.ofUser('ada').revokeAll()).toBe(1);
    for (const path of ['/me', '/all']) expect((await client.get(path)).cookies).toEqual([]);
    expect(client.cookie).toBe(before);
    expect((await client.get('/login?user=ada')).cookies).toHaveLength(1);
    expect(client.cookie).not.toBe(before);
    expect(await userIn(client)).toBe('ada');
  });

  it('ends all, or all but one', async () => {
    const { device, list, on, sessions, userIn } = await openUsers(make);
    const [one, two, three, bob] = [
      await device('ada'),
      await device('ada'),
      await device('ada'),
      await device('bob'),
    ];
    on('/others', async (req, res) => {
      res.json(await sessions.ofUser('ada', req).revokeAll({ except: 'current' }));
    });
    expect((await two.get('/others')).body).toBe('2');
    expect(await Promise.all([one, two, three].map(userIn))).toEqual([null, 'ada', null]);
    await one.get('/login?user=ada');
    expect(await sessions.ofUser('ada').revokeAll({ except: handleIn(one) })).toBe(1);
    expect(await Promise.all([one, two].map(userIn))).toEqual(['ada', null]);
    expect(await sessions.ofUser('ada').revokeAll({ except: handleIn(bob) })).toBe(1);
    expect(await list('ada')).toEqual([]);
    expect(await sessions.ofUser('ada').revokeAll()).toBe(0);
    expect(await userIn(bob)).toBe('bob');
  });

  it('tells who watches: an event each, and the socket that is open', async () => {
    const { device, sessions } = await openUsers(make);
    const browsers = [await device('ada'), await device('ada')];
    const told: unknown[] = [];
    const ends: unknown[] = [];
    sessions.on('destroyed', (facts) => told.push(facts));
    for (const client of browsers)
      (await sessions.open(createRequest(client.cookie)))?.onEnd((reason) => ends.push(reason));
    await sessions.ofUser('ada').revokeAll();
    await new Promise(setImmediate);
    expect(ends).toEqual(['revoke', 'revoke']);
    const expected = browsers.map((client) => ({ handle: handleIn(client), reason: 'revoke' }));
    expect(told).toHaveLength(2);
    expect(told).toEqual(expect.arrayContaining(expected));
  });

  it('P2 lets no request that was under way bring a revoked session back', async () => {
    const { device, records, sessions, slow } = await openUsers(make);
    const client = await device('ada');
    const late = [
      await slow(client.clone(), (req) => sessions.set(req, 'late', 1)),
      await slow(client.clone(), (req) => sessions.login(req, 'ada', { keepData: true })),
      await slow(client.clone(), (req) => sessions.regenerate(req, { keepData: true })),
    ];
    await sessions.ofUser('ada').revokeAll();
    for (const { go } of late) expect(await go()).toBe('ERR_SESSION_ENDED');
    expect(await records()).toEqual([]);
  });

  it('ends 130 sessions of one user among those of others, all of them', async () => {
    const { behind, clock, list, records, sessions } = await openUsers(make);
    const now = clock.now();
    for (let n = 0; n < 150; n++) {
      const key = behind.keyOf(
        `${String(n).padStart(4, '0')}${'x'.repeat(39)}` as Parameters<typeof behind.keyOf>[0],
      );
      const times = { createdAt: now, deadlineAt: null, idleMs: HOUR, expiresAt: now + HOUR };
      const owner = n < 130 ? 'ada' : 'bob';
      await behind.insert({ v: 1, key, data: '{}', version: String(n), ...times, owner });
    }
    const handles = (await list('ada')).map(({ handle: name }) => name);
    expect(new Set(handles).size).toBe(130);
    expect(await sessions.ofUser('ada').revokeAll({ except: handles[120] as string })).toBe(129);
    expect(await list('ada')).toMatchObject([{ handle: handles[120] }]);
    expect(await records('bob')).toHaveLength(20);
  });
});

describe.each(OWN_STORES)('by the time they began, on %s', (_name, make) => {
  it.each<['everybody' | 'a user']>([['everybody'], ['a user']])(
    'refuses the sessions of %s with one call to the store, and later logins are fine',
    async (whose) => {
      const { calls, clock, device, list, sessions, userIn } = await openUsers(make);
      const before = [await device('bob'), await device('ada'), await device('ada')];
      clock.advance(1);
      calls.clear();
      if (whose === 'a user') await sessions.ofUser('ada').invalidateBefore();
      else await sessions.revokeIssuedBefore();
      expect(calls.names).toEqual(['revokeBefore']);
      const bob = whose === 'a user' ? 'bob' : null;
      expect(await Promise.all(before.map(userIn))).toEqual([bob, null, null]);
      expect(await list('ada')).toEqual([]);
      expect(await list('bob')).toHaveLength(bob === null ? 0 : 1);
      for (const client of before) await client.get('/login?user=ada');
      expect(await Promise.all(before.map(userIn))).toEqual(['ada', 'ada', 'ada']);
    },
  );

  it('keeps those that began since, and is never taken back by an earlier date', async () => {
    const { clock, device, sessions, userIn } = await openUsers(make);
    const [old, recent] = [await device('ada'), (clock.advance(10_000), await device('ada'))];
    await sessions.ofUser('ada').invalidateBefore(new Date(clock.now() - 5_000));
    await sessions.ofUser('ada').invalidateBefore(new Date(0));
    await sessions.ofUser('ada').invalidateBefore(new Date(-5));
    expect([await userIn(old), await userIn(recent)]).toEqual([null, 'ada']);
  });

  it('counts the login and not the id: a session that was renewed or regenerated is refused too', async () => {
    const { clock, client, on, records, sessions, userIn } = await openUsers(make, { renewEvery: '1m' });
    on('/regenerate', async (req, res) => {
      await sessions.regenerate(req, { keepData: true });
      res.end();
    });
    await client.get('/login?user=ada');
    const [login] = await records('ada');
    clock.advance(90_000);
    await client.get('/me');
    await client.get('/regenerate');
    expect(await userIn(client)).toBe('ada');
    await sessions.ofUser('ada').invalidateBefore(new Date((login?.createdAt ?? 0) + 1));
    expect(await userIn(client)).toBeNull();
  });

  it.each([
    ['in the future', (now: number) => new Date(now + 1)],
    ['that is none', () => new Date(NaN)],
    ['as a number', (now: number) => now],
    ['as a text', () => '2026-01-01'],
    ['that is null', () => null],
  ])('refuses a date %s, and ends nothing', async (_what, dateAt) => {
    const { clock, calls, device, sessions, userIn } = await openUsers(make);
    const client = await device('ada');
    calls.clear();
    const date = dateAt(clock.now()) as Date;
    expect(await codeOf(sessions.ofUser('ada').invalidateBefore(date))).toBe('ERR_SESSION_VALUE');
    expect(await codeOf(sessions.revokeIssuedBefore(date))).toBe('ERR_SESSION_VALUE');
    expect(calls.count('revokeBefore')).toBe(0);
    expect(await userIn(client)).toBe('ada');
  });
});

it('says of a store that cannot that it cannot, and what to use', async () => {
  const [, , , [, adapted] = []] = STORES;
  const { sessions } = await openUsers(adapted);
  for (const call of [sessions.ofUser('ada').invalidateBefore(), sessions.revokeIssuedBefore()])
    await expect(call).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_SESSION_UNSUPPORTED',
        message: expect.stringMatching(/revokeBefore|sessions by the time/) as string,
      }) as Error,
    );
});

it('takes what describe returns as it is, within its limits', async () => {
  const device = { agent: 'phone', where: { city: 'Zürich' }, tags: ['a', null, 1] };
  const { list, device: login } = await openUsers(undefined, { describe: () => device });
  await login('ada');
  device.agent = 'changed';
  const [row] = await list('ada');
  expect(row?.device).toEqual({ agent: 'phone', where: { city: 'Zürich' }, tags: ['a', null, 1] });
});

it('has null for the device without describe', async () => {
  const { device, list } = await openUsers();
  await device('ada');
  expect(await list('ada')).toMatchObject([{ device: null, handle }]);
});

it.each<[string, () => unknown, string]>([
  ['a promise', () => Promise.resolve({}), 'ERR_SESSION_VALUE'],
  ['a text', () => 'phone', 'ERR_SESSION_VALUE'],
  ['nothing', () => undefined, 'ERR_SESSION_VALUE'],
  ['null', () => null, 'ERR_SESSION_VALUE'],
  ['too much', () => ({ agent: 'x'.repeat(2_048) }), 'ERR_SESSION_TOO_LARGE'],
  [
    'too deep',
    () => ({ a: { a: { a: { a: { a: { a: { a: { a: { a: 1 } } } } } } } } }),
    'ERR_SESSION_TOO_DEEP',
  ],
  ['a BigInt', () => ({ n: 1n }), 'ERR_SESSION_VALUE'],
])('fails the login where describe returns %s, before anything happened', async (_what, describe, code) => {
  const { client, records } = await openUsers(undefined, { describe: describe as () => object });
  await client.get('/set?cart=book');
  expect((await client.get('/login?user=ada')).body).toBe(code);
  expect(await records('ada')).toEqual([]);
  expect((await client.get('/all')).body).toBe('{"cart":"book"}');
});

it('needs the middleware before the request that it is asked with', async () => {
  const { sessions } = await openUsers();
  const user = sessions.ofUser('ada', createRequest());
  expect(await codeOf(user.list())).toBe('ERR_SESSION_NO_MIDDLEWARE');
  expect(() => sessions.ofUser('')).toThrow(withCode('ERR_SESSION_USER'));
});

it.each(['list', 'revokeAll'] as const)('P5 never takes a fault for no sessions: %s', async (method) => {
  const { device, faults, sessions } = await openUsers();
  await device('ada');
  faults.fail('page');
  expect(await codeOf(sessions.ofUser('ada')[method]())).toBe('ERR_SESSION_STORE');
});

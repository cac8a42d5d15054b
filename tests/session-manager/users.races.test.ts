// A user's sessions while they are ended: by logins, renewals and other ends at the same time (S31).
import { systemClock, type Clock } from '../../src/core/clock.js';
import type { SessionId } from '../../src/core/contract.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import type { Client } from '../support/http.js';
import { handleIn, HOUR, idIn, openUsers, OWN_STORES, STORES, type Users } from './user-world.js';
import { closeWorlds, createGate } from './world.js';
import { rounds } from '../support/faults.js';

afterEach(closeWorlds);

/** Between two attempts of a commit real time must pass. */
const realClock = systemClock;

const living = async (users: Users, user: string): Promise<string[]> =>
  (await users.records(user)).map(({ key }) => users.behind.handleOf(key)).sort();

describe.each(STORES)('on %s', (_name, make) => {
  it('S31 ends each login that races it whole or leaves it whole', async () => {
    const users = await openUsers(make, { realClock });
    const { browser, list, sessions, userIn } = users;
    for (let round = 0; round < rounds(400); round++) {
      const browsers = [browser(), browser(), browser(), browser()];
      const [first] = browsers as [Client];
      await first.get('/login?user=ada');
      const [old] = await living(users, 'ada');
      const logins = browsers.map((client) => client.get('/login?user=ada'));
      // Somewhere amid them.
      for (let turn = 0; turn < round % 10; turn++) await new Promise(setImmediate);
      const revoked = sessions.ofUser('ada').revokeAll();
      const [answers] = await Promise.all([Promise.all(logins), revoked]);
      const listed = (await list('ada')).map(({ handle }) => handle).sort();
      expect(listed).not.toContain(old);
      const alive: string[] = [];
      for (const [n, client] of browsers.entries()) {
        const user = await userIn(client);
        // Who was not let in, because the session was ended amid the login, has none.
        if (answers[n]?.status !== 200) expect(user).toBeNull();
        if (user !== null) alive.push(handleIn(client));
      }
      expect(alive.sort()).toEqual(listed);
      expect(await living(users, 'ada')).toEqual(listed);
      await sessions.ofUser('ada').revokeAll();
    }
  }, 30_000);

  it.each(['regenerate', 'renew'])(
    'lets no session survive under another id that it gets meanwhile: %s',
    async (how) => {
      const users = await openUsers(make, how === 'renew' ? { realClock, renewEvery: 1 } : { realClock });
      const { device, on, sessions, userIn } = users;
      on('/regenerate', async (req, res) => {
        await sessions.regenerate(req, { keepData: true });
        res.end();
      });
      for (let round = 0; round < 20; round++) {
        const browsers = [await device('ada'), await device('ada')];
        await new Promise((resolve) => setTimeout(resolve, 2));
        const moves = browsers.map((client) => client.get(`/${how === 'renew' ? 'me' : 'regenerate'}`));
        for (let turn = 0; turn < round; turn++) await new Promise(setImmediate);
        await Promise.all([sessions.ofUser('ada').revokeAll(), ...moves]);
        expect(await living(users, 'ada')).toEqual([]);
        for (const client of browsers) expect(await userIn(client)).toBeNull();
      }
    },
  );

  it.each([
    ['evict-oldest', 3],
    ['evict-oldest', 1],
    ['refuse', 3],
    ['refuse', 1],
  ] as const)('never leaves more than may be after 20 logins at once: %s, %d', async (policy, max) => {
    const users = await openUsers(make, {
      realClock,
      maxSessionsPerUser: max,
      onTooManySessions: policy,
    });
    const { browser, list, userIn } = users;
    const browsers = Array.from({ length: 20 }, browser);
    const answers = await Promise.all(browsers.map((client) => client.get('/login?user=ada')));
    const listed = (await list('ada')).map(({ handle }) => handle);
    expect(listed.length).toBeLessThanOrEqual(max);
    const alive: Client[] = [];
    for (const client of browsers) if ((await userIn(client)) !== null) alive.push(client);
    expect(alive.map(handleIn).sort()).toEqual(listed.sort());
    const refused = answers.filter(({ status }) => status !== 200);
    if (policy === 'refuse') {
      expect(new Set(refused.map(({ status, body }) => `${String(status)} ${body}`))).toEqual(
        new Set(['403 ERR_SESSION_TOO_MANY_SESSIONS']),
      );
      expect(refused.flatMap(({ cookies }) => cookies)).toEqual([]);
    } else {
      // To end the oldest is not to end all.
      expect(refused).toEqual([]);
      expect(listed).toHaveLength(max);
    }
  });

  it('makes room by ending the oldest login, and counts the session that logs in anew as one', async () => {
    const { clock, device, userIn } = await openUsers(make, { maxSessionsPerUser: 2 });
    const devices: Client[] = [];
    for (let n = 0; n < 3; n++) {
      devices.push(await device('ada'));
      clock.advance(10);
      // The last login counts, not the last use.
      for (const client of devices.slice(0, 1)) await client.get('/me');
    }
    expect(await Promise.all(devices.map(userIn))).toEqual([null, 'ada', 'ada']);
    await devices[1]?.get('/login?user=ada');
    expect(await Promise.all(devices.map(userIn))).toEqual([null, 'ada', 'ada']);
    await device('bob');
    await devices[0]?.get('/login?user=ada');
    expect(await Promise.all(devices.map(userIn))).toEqual(['ada', 'ada', null]);
  });

  it('refuses one too many before anything happened: what the caller had still works', async () => {
    const { client, device, records, sessions, userIn } = await openUsers(make, {
      maxSessionsPerUser: 2,
      onTooManySessions: 'refuse',
    });
    const [one] = [await device('ada'), await device('ada')];
    await client.get('/set?cart=book');
    const before = client.cookie;
    for (let n = 0; n < 2; n++) {
      const { status, body, cookies } = await client.get('/login?user=ada&keep=1');
      expect([status, body, cookies]).toEqual([403, 'ERR_SESSION_TOO_MANY_SESSIONS', []]);
    }
    expect(client.cookie).toBe(before);
    expect((await client.get('/all')).body).toBe('{"cart":"book"}');
    expect(await records('ada')).toHaveLength(2);
    expect((await one.get('/login?user=ada')).status).toBe(200);
    await sessions.ofUser('ada').revoke(handleIn(one));
    expect((await client.get('/login?user=ada&keep=1')).status).toBe(200);
    expect(await userIn(client)).toBe('ada');
    expect((await client.get('/all')).body).toBe('{"cart":"book"}');
  });

  it('leaves a session alone that another user began in the place of the one that is ended', async () => {
    const { device, calls, faults, sessions, userIn } = await openUsers(make);
    const client = await device('ada');
    // A: lists ada's · the browser: bob logs in · A: ends ada's -> it has moved, to bob's
    const listed = calls.arrival('page');
    const answer = faults.landLate('page', { times: 1 });
    const revoked = sessions.ofUser('ada').revokeAll();
    await listed;
    await client.get('/login?user=bob');
    answer();
    await revoked;
    expect(await userIn(client)).toBe('bob');
  });

  it('keeps the session that asks although that gets another id meanwhile', async () => {
    const { clock, device, calls, faults, on, sessions, userIn } = await openUsers(make, {
      renewEvery: '1m',
    });
    const [client, other] = [await device('ada'), await device('ada')];
    on('/others', async (req, res) => {
      res.json(await sessions.ofUser('ada', req).revokeAll({ except: 'current' }));
    });
    clock.advance(58_000);
    const asked = calls.arrival('page');
    const list = faults.hold('page', { times: 1 });
    const revoked = client.clone().get('/others');
    await asked;
    // A: asks to keep its own · B, another request of that browser: gives it another id · A: lists it as one of others
    clock.advance(3_000);
    const before = idIn(client);
    await client.get('/me');
    expect(idIn(client)).not.toBe(before);
    list();
    await revoked;
    expect([await userIn(client), await userIn(other)]).toEqual(['ada', null]);
  });
});

/** Where sessions are stored under their handles: others forget whose handle it was. */
describe.each(OWN_STORES)('on %s', (_name, make) => {
  it('knows a session by the handle that it had until it was renewed', async () => {
    const { clock, device, sessions, userIn } = await openUsers(make, { renewEvery: '1m' });
    const [kept, other, ended] = [await device('ada'), await device('ada'), await device('ada')];
    const [keptHandle, endedHandle] = [handleIn(kept), handleIn(ended)];
    clock.advance(61_000);
    for (const client of [kept, ended]) await client.get('/me');
    expect(handleIn(kept)).not.toBe(keptHandle);
    // A page shows the list, the sessions are renewed, its form comes back with the handles that it showed.
    expect(await sessions.ofUser('ada').revoke(endedHandle)).toBe(true);
    await sessions.ofUser('ada').revokeAll({ except: keptHandle });
    expect(await Promise.all([kept, other, ended].map(userIn))).toEqual(['ada', null, null]);
  });
});

it('misses no session that moves behind the page that it has come to', async () => {
  const memory = (clock: Clock): MemoryStore => new MemoryStore({ clock, cleanupInterval: 0 });
  const { behind, browser, clock, device, on, records, sessions, userIn } = await openUsers(memory);
  const now = clock.now();
  const free = await device('bob');
  for (let n = 0; n < 120; n++) {
    const key = behind.keyOf(`${String(n).padStart(4, '0')}${'x'.repeat(39)}` as SessionId);
    const times = { createdAt: now, deadlineAt: null, idleMs: HOUR, expiresAt: now + HOUR };
    await behind.insert({ v: 1, key, data: '{}', version: 'v', ...times, owner: 'ada' });
  }
  const client = browser();
  await client.get('/login?user=ada');
  on('/regenerate', async (req, res) => {
    await sessions.regenerate(req, { keepData: true });
    res.end();
  });
  // Its place, the first one, is free again.
  await behind.remove(behind.keyOf(idIn(free)));
  expect(await userIn(free)).toBeNull();
  const amid = createGate();
  sessions.once('destroyed', () => amid.open());
  const revoked = sessions.ofUser('ada').revokeAll();
  await amid.opened;
  await client.get('/regenerate');
  await revoked;
  expect(await userIn(client)).toBeNull();
  expect(await records('ada')).toEqual([]);
});

it('never leaves a session out of the list while it gets another id', async () => {
  const { device, calls, faults, on, list, records, sessions } = await openUsers();
  const client = await device('ada');
  on('/regenerate', async (req, res) => {
    await sessions.regenerate(req, { keepData: true });
    res.end();
  });
  const ending = calls.arrival('replace');
  const end = faults.hold('replace', { times: 1 });
  const moved = client.get('/regenerate');
  await ending;
  // The new one is stored, and the old one is not ended yet.
  expect(await records('ada')).toHaveLength(2);
  const during = await list('ada');
  end();
  await moved;
  expect(during.length).toBeGreaterThanOrEqual(1);
  expect(await list('ada')).toMatchObject([{ handle: handleIn(client) }]);
});

it('logs nobody in where room cannot be made and the login cannot be taken back either', async () => {
  const { client, faults, on, sessions, userIn } = await openUsers(undefined, { maxSessionsPerUser: 1 });
  on('/try', async (req, res) => {
    await sessions.login(req, 'ada').catch(() => undefined);
    res.send('not logged in');
  });
  faults.fail('page');
  faults.fail('replace');
  faults.fail('remove');
  expect(await client.get('/try')).toMatchObject({ body: 'not logged in', cookies: [] });
  faults.clear();
  expect(await userIn(client)).toBeNull();
});

it('keeps the session that asks although its move to another id takes long', async () => {
  const { calls, device, faults, on, sessions, userIn } = await openUsers();
  const [client, other] = [await device('ada'), await device('ada')];
  on('/regenerate', async (req, res) => {
    await sessions.regenerate(req, { keepData: true });
    res.end();
  });
  on('/others', async (req, res) => {
    res.json(await sessions.ofUser('ada', req).revokeAll({ except: 'current' }));
  });
  const old = client.clone();
  const ending = calls.arrival('replace');
  const end = faults.hold('replace', { times: 1 });
  const moved = client.get('/regenerate');
  await ending;
  expect((await old.get('/others')).body).toBe('1');
  end();
  expect((await moved).status).toBe(200);
  expect([await userIn(client), await userIn(other)]).toEqual(['ada', null]);
});

it('keeps the session that asks although its renewal takes long', async () => {
  const { calls, clock, device, faults, on, sessions, userIn } = await openUsers(undefined, {
    renewEvery: '1m',
    touchAfter: '30m',
  });
  const client = await device('ada');
  const revoked = createGate();
  on('/others', async (req, res) => {
    const count = await sessions.ofUser('ada', req).revokeAll({ except: 'current' });
    revoked.open();
    res.json(count);
  });
  const old = client.clone();
  clock.advance(58_000);
  const asked = calls.arrival('page');
  const list = faults.hold('page', { times: 1 });
  const others = old.get('/others');
  await asked;
  clock.advance(3_000);
  const ending = calls.arrival('replace');
  const end = faults.hold('replace', { times: 1 });
  const moved = client.get('/me');
  await ending;
  list();
  // Its response waits for the renewal.
  await revoked.opened;
  end();
  expect((await others).body).toBe('0');
  await moved;
  expect(await userIn(client)).toBe('ada');
});

it('clearAllSessions() ends a session that moves to where was looked already', async () => {
  const { behind, browser, calls, clock, device, faults, on, records, sessions, userIn } = await openUsers();
  const now = clock.now();
  await device('bob');
  for (let n = 0; n < 550; n++) {
    const key = behind.keyOf(`${String(n).padStart(4, '0')}${'x'.repeat(39)}` as SessionId);
    const times = { createdAt: now, deadlineAt: null, idleMs: HOUR, expiresAt: now + HOUR };
    await behind.insert({ v: 1, key, data: '{}', version: 'v', ...times });
  }
  const client = browser();
  await client.get('/login?user=ada');
  on('/regenerate', async (req, res) => {
    await sessions.regenerate(req, { keepData: true });
    res.end();
  });
  const isFirst = calls.arrival('page');
  const clearing = sessions.clearAllSessions();
  await isFirst;
  // The first page is cleared, and its places are free.
  const isSecond = calls.arrival('page');
  const release = faults.hold('page', { times: 1 });
  await isSecond;
  expect((await client.get('/regenerate')).status).toBe(200);
  release();
  await clearing;
  expect([await userIn(client), await records()]).toEqual([null, []]);
});

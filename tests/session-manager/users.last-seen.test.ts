// When a session of a user was last seen: as precisely as touchAfter, however it was used, up to its absolute end.
import type { Client } from '../support/http.js';
import { DAY, HOUR, openUsers, STORES, type Users } from './user-world.js';
import { closeWorlds } from './world.js';

afterEach(closeWorlds);

const MINUTE = 60_000;

/** How a browser may use its session. */
const USES: readonly (readonly [string, (client: Client, n: number) => Promise<unknown>])[] = [
  ['reading it', (client) => client.get('/me')],
  ['sessions.set', (client, n) => client.get(`/set?cart=${String(n)}`)],
  ['req.session', (client, n) => client.get(`/change?n=${String(n)}`)],
  ['sessions.touch', (client) => client.get('/touch')],
];

async function open(...args: Parameters<typeof openUsers>): Promise<Users> {
  const users = await openUsers(...args);
  const { on, sessions } = users;
  on('/change', async (req, res) => {
    await sessions.load(req);
    sessions.session(req)['n'] = req.query['n'];
    res.end();
  });
  on('/touch', async (req, res) => {
    await sessions.touch(req);
    res.end();
  });
  return users;
}

describe.each(STORES)('on %s', (_name, make) => {
  it.each(USES)('knows it within touchAfter until the absolute end: %s', async (_how, use) => {
    const { clock, client, list } = await open(make, { maxAge: HOUR, absoluteTimeout: 3 * HOUR });
    await client.get('/login?user=ada');
    const end = clock.now() + 3 * HOUR;
    // Rests of every length below the idle time: each time the last one leads to another distance from the end.
    for (let n = 1; ; n++) {
      const rest = 1 + ((n * 17 * MINUTE + n * 777) % (50 * MINUTE));
      if (clock.now() + rest >= end) break;
      clock.advance(rest);
      await use(client, n);
      const [row] = await list('ada');
      expect(row?.lastSeenAt).toBeLessThanOrEqual(clock.now());
      expect(row?.lastSeenAt).toBeGreaterThan(clock.now() - MINUTE);
    }
    expect(end - clock.now()).toBeLessThan(50 * MINUTE);
    clock.advance(end - clock.now());
    expect(await list('ada')).toEqual([]);
  });

  it.each(USES)('knows it of one that has its absolute end from the start: %s', async (_how, use) => {
    const { clock, client, list } = await open(make, { rememberFor: '30d' });
    await client.get('/login?user=ada&remember=1');
    for (const rest of [DAY, 10_000, 50_001, 9 * DAY, HOUR]) {
      clock.advance(rest);
      await use(client, rest);
      const [row] = await list('ada');
      expect(row?.lastSeenAt).toBeLessThanOrEqual(clock.now());
      expect(row?.lastSeenAt).toBeGreaterThan(clock.now() - MINUTE);
    }
  });
});

it('is the login until there is a use, and no look at the list is one', async () => {
  const { clock, device, list } = await open();
  await device('ada');
  const loggedInAt = clock.now();
  for (let n = 0; n < 3; n++) {
    clock.advance(10 * MINUTE);
    expect(await list('ada')).toMatchObject([{ lastSeenAt: loggedInAt, createdAt: loggedInAt }]);
  }
});

it('survives that the session gets another id', async () => {
  const { clock, client, list } = await open(undefined, { renewEvery: '30m' });
  await client.get('/login?user=ada');
  for (let n = 0; n < 6; n++) {
    clock.advance(20 * MINUTE);
    await client.get('/me');
    const [row] = await list('ada');
    expect(row?.lastSeenAt).toBeGreaterThan(clock.now() - MINUTE);
    expect(row?.lastSeenAt).toBeLessThanOrEqual(clock.now());
  }
});

it('lets a session that another user began stay out of the list at its absolute end', async () => {
  const { clock, device, list } = await open(undefined, { absoluteTimeout: '1h' });
  await device('ada');
  clock.advance(HOUR - 1);
  expect(await list('ada')).toHaveLength(1);
  clock.advance(1);
  expect(await list('ada')).toEqual([]);
});

it('says another idle time of one session as it is', async () => {
  const { clock, client, list, on, sessions } = await open();
  on('/long', async (req, res) => {
    await sessions.load(req);
    sessions.session(req).cookie.maxAge = 5 * HOUR;
    res.end();
  });
  await client.get('/login?user=ada');
  clock.advance(10 * MINUTE);
  await client.get('/long');
  expect(await list('ada')).toMatchObject([{ lastSeenAt: clock.now(), expiresAt: clock.now() + 5 * HOUR }]);
});

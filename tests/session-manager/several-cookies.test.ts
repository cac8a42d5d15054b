// A client that brings more than one good session, as after a cookie from another path or a sibling domain: what it
// logs out of or leaves behind at a login is all of them.
import type { Client } from '../support/http.js';
import { openUsers, STORES, type Users } from './user-world.js';
import { closeWorlds } from './world.js';

afterEach(closeWorlds);

/** The cookies of these browsers in one header, in this order. */
const both = (...clients: Client[]): { headers: { cookie: string } } => ({
  headers: { cookie: clients.map(({ cookie }) => cookie).join('; ') },
});

async function open(make: Parameters<typeof openUsers>[0]): Promise<{ world: Users; tabs: Client[] }> {
  const world = await openUsers(make);
  return { world, tabs: [await world.device('ada'), await world.device('bob')] };
}

describe.each(STORES)('on %s', (_name, make) => {
  it.each([
    ['the first', false],
    ['the last', true],
  ])('S28 logs out of both sessions, with %s one ended by then', async (_which, isLast) => {
    const { world, tabs } = await open(make);
    const [ada, bob] = tabs as [Client, Client];
    const other = isLast ? ada : bob;
    await (isLast ? bob : ada).get('/logout');
    await world.browser().get('/logout', both(ada, bob));
    expect(await world.userIn(other)).toBeNull();
    expect(await world.records()).toEqual([]);
  });

  it('S28 logs out of both that live, with one event each', async () => {
    const { world, tabs } = await open(make);
    const ends: string[] = [];
    world.sessions.on('destroyed', ({ reason }) => ends.push(reason));
    const { cookies } = await world.browser().get('/logout', both(...tabs));
    expect(cookies).toEqual([expect.stringMatching(/^sid=; /)]);
    expect(await world.records()).toEqual([]);
    expect(ends).toEqual(['destroy', 'destroy']);
  });

  it('S12 leaves none behind at a login', async () => {
    const { world, tabs } = await open(make);
    await world.browser().get('/login?user=eve', both(...tabs));
    expect((await world.records()).map(({ owner }) => owner)).toEqual(['eve']);
  });

  it('touches the second one at no other time', async () => {
    const { world, tabs } = await open(make);
    const [, bob] = tabs as [Client, Client];
    await world.browser().get('/set?cart=book', both(...tabs));
    expect(await world.userIn(bob)).toBe('bob');
  });
});

it('S28 fails a logout where the second one cannot be ended, and says so; the next one ends it', async () => {
  const { world, tabs } = await open(undefined);
  world.faults.fail('find', { times: 1 });
  const client = world.browser();
  expect((await client.get('/logout', both(...tabs))).status).toBe(503);
  await client.get('/logout', both(...tabs));
  expect(await world.records()).toEqual([]);
});

it('S12 begins no session where another one that was brought cannot be ended', async () => {
  const { world, tabs } = await open(undefined);
  world.faults.fail('find');
  const { status, cookies } = await world.browser().get('/login?user=eve', both(...tabs));
  expect([status, cookies]).toEqual([503, []]);
  expect((await world.records()).map(({ owner }) => owner)).not.toContain('eve');
});

it('S28 says that it ended a session where only the second one lived by then', async () => {
  const { world, tabs } = await open(undefined);
  const [ada, bob] = tabs as [Client, Client];
  const out = await world.slow(
    ada,
    async (req, res) => {
      res.json(await world.sessions.logout(req));
    },
    both(ada, bob),
  );
  await ada.clone().get('/logout');
  expect(await out.go()).toBe('true');
});

it.each(['destroy', 'regenerate'] as const)(
  'S28 leaves no second session after req.session.%s(), which is how passport logs out',
  async (method) => {
    const { world, tabs } = await open(undefined);
    world.on('/passport', (req, res) => {
      void world.sessions.session(req)[method](() => res.end());
    });
    await world.browser().get('/passport', both(...tabs));
    expect(await world.records()).toEqual([]);
  },
);

describe('the sessions that a user may have', () => {
  it('S32 lose none to a login that ends one in its second cookie', async () => {
    const { browser, clock, device, userIn } = await openUsers(undefined, { maxSessionsPerUser: 2 });
    const phone = await device('ada');
    clock.advance(10);
    const tab = await device('ada');
    clock.advance(10);
    const client = browser();
    await client.get('/set?cart=book');
    await client.get('/login?user=ada', both(client, tab));
    expect([await userIn(phone), await userIn(tab), await userIn(client)]).toEqual(['ada', null, 'ada']);
  });

  it('S32 do not refuse a login that ends one in its second cookie', async () => {
    const { browser, device } = await openUsers(undefined, {
      maxSessionsPerUser: 2,
      onTooManySessions: 'refuse',
    });
    const [, tab] = [await device('ada'), await device('ada')];
    const client = browser();
    await client.get('/set?cart=book');
    expect((await client.get('/login?user=ada', both(client, tab))).status).toBe(200);
  });
});

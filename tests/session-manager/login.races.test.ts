// Logins that meet others: in the same browser, on other devices, and what their responses still say by then.
import { handleIn, openUsers } from './user-world.js';
import { closeWorlds, createGate } from './world.js';

afterEach(closeWorlds);

it('S32 of two logins at once, one of them a login anew, neither ends the other', async () => {
  const { browser, calls, clock, device, faults, list, userIn } = await openUsers(undefined, {
    maxSessionsPerUser: 1,
  });
  const one = await device('ada');
  const two = browser();
  clock.advance(10);
  // Stores its session, lists both, and is slow to get the answer.
  const listed = calls.arrival('page');
  const answer = faults.landLate('page', { times: 1 });
  const second = two.get('/login?user=ada');
  await listed;
  clock.advance(10);
  // The newest, which ends the second one.
  const first = await one.get('/login?user=ada');
  answer();
  expect([first.status, (await second).status]).toEqual([200, 200]);
  expect(await userIn(one)).toBe('ada');
  expect(await list('ada')).toMatchObject([{ handle: handleIn(one) }]);
});

it('S30 a response whose new session was ended before it left carries no cookie', async () => {
  const { browser, clock, on, sessions, userIn } = await openUsers(undefined, { maxSessionsPerUser: 1 });
  const [arrived, go] = [createGate(), createGate()];
  on('/slow-login', async (req, res) => {
    await sessions.login(req, 'ada');
    arrived.open();
    await go.opened;
    res.send('in');
  });
  const client = browser();
  const slow = client.get('/slow-login');
  await arrived.opened;
  clock.advance(10);
  // The same browser once more, as after a double click.
  await client.get('/login?user=ada');
  go.open();
  expect((await slow).cookies).toEqual([]);
  expect(await userIn(client)).toBe('ada');
});

it('asks for the first values once: what the schema has checked is what is stored', async () => {
  let asked = 0;
  const { client } = await openUsers(undefined, { initial: () => ({ cart: asked++ }) });
  await client.get('/login?user=ada');
  const before = asked;
  await client.get('/login?user=ada');
  expect(asked - before).toBe(1);
});

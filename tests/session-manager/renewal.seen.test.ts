// What an old id of a renewed session is good for once the client has the new one: for nothing.
import { closeWorlds } from './world.js';
import { createRenewing, HOUR, type RenewingWorld } from './renewal.world.js';

afterEach(closeWorlds);

function offerWho({ on, sessions }: RenewingWorld): void {
  on('/who', async (req, res) => {
    res.json((await sessions.userOf(req)) ?? null);
  });
}

it('S12 an old id that was refused stays refused when the session is renewed again', async () => {
  const world = await createRenewing({}, { renewEvery: '1m' });
  offerWho(world);
  const { client, clock, suspects } = world;
  await client.get('/login?user=ada');
  await clock.advance(60_000);
  const thief = client.clone();
  await client.get('/all');
  // Brings the new id.
  await client.get('/all');
  expect((await thief.get('/all')).cookies).toEqual([]);
  await clock.advance(60_000);
  await client.get('/all');
  // Its chain leads from the first id over the second, which was seen, to the third, which was not.
  for (let wait = 0; wait < 3; wait++) {
    const answer = await thief.get('/who');
    expect([answer.body, answer.cookies]).toEqual(['null', []]);
    await clock.advance(31_000);
  }
  await new Promise(setImmediate);
  expect(suspects.map(({ reason }) => reason)).toContain('reused-old-id');
  expect((await client.get('/who')).body).toBe('"ada"');
});

it('S21 a logout with the old id of a session that was renewed ends that session', async () => {
  const world = await createRenewing();
  offerWho(world);
  const { client, clock } = world;
  await client.get('/login?user=ada');
  await clock.advance(HOUR);
  const late = client.clone();
  await client.get('/all');
  await client.get('/all');
  await late.get('/logout');
  expect((await client.get('/who')).body).toBe('null');
});

it('an old id that is followed goes with no response, though each use moves the expiry', async () => {
  const world = await createRenewing({}, { touchAfter: 0 });
  const { client, clock } = world;
  await client.get('/login?user=ada');
  await clock.advance(HOUR);
  const other = client.clone();
  await client.get('/all');
  await clock.advance(10_000);
  const answer = await other.get('/all');
  expect([answer.status, answer.cookies]).toEqual([200, []]);
});

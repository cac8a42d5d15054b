// The old id of a session that was renewed, once the client has the new one: what those who still bring it can do.
import { createRenewing, HOUR, MINUTE, STORES, type Backing, type RenewingWorld } from './renewal.world.js';
import { closeWorlds, codeOf, createRequest } from './world.js';
import type { Client } from '../support/http.js';
import { diskIsQuiet } from '../support/quiet-disk.js';

afterEach(closeWorlds);

/** Ada is logged in and has the new id; `late` has the old one. */
async function renewed(backing?: Backing): Promise<{ world: RenewingWorld; late: Client }> {
  const world = await createRenewing(backing);
  const { client, clock, on, sessions } = world;
  on('/who', async (req, res) => {
    res.json((await sessions.userOf(req)) ?? null);
  });
  await client.get('/login?user=ada');
  await clock.advance(HOUR);
  const late = client.clone();
  await client.get('/all');
  await client.get('/all');
  return { world, late };
}

describe.each(STORES)('on %s', (_name, backing) => {
  it('S28 regenerate() with it ends the session: none stays behind that nobody can reach', async () => {
    const { world, late } = await renewed(backing());
    const { living, on, sessions } = world;
    on('/regenerate', async (req, res) => {
      await sessions.regenerate(req);
      res.end();
    });
    await late.get('/regenerate');
    expect(await living()).toEqual([]);
  });

  it('S28 a login with it leaves no session of who was there before', async () => {
    const { world, late } = await renewed(backing());
    await late.get('/login?user=bob');
    expect((await world.living()).map(({ owner }) => owner)).toEqual(['bob']);
  });

  it.each([
    ['before', true],
    ['behind', false],
  ])('S22 a logout ends what it leads to, also with another cookie: %s that', async (_where, isBefore) => {
    const { world, late } = await renewed(backing());
    const { browser, client, living } = world;
    const other = browser();
    await other.get('/login?user=eve');
    const cookies = isBefore ? [late.cookie, other.cookie] : [other.cookie, late.cookie];
    await browser().get('/logout', { headers: { cookie: cookies.join('; ') } });
    expect((await client.get('/who')).body).toBe('null');
    expect(await living()).toEqual([]);
  });

  it('a session that was opened and is watched can be written to long after', async () => {
    const world = await createRenewing(backing());
    const { client, clock, sessions } = world;
    await client.get('/login?user=ada');
    await clock.advance(HOUR);
    const req = createRequest(client.cookie);
    const ends: string[] = [];
    (await sessions.open(req))?.onEnd((reason) => ends.push(reason));
    await client.get('/all');
    await client.get('/all');
    for (let half = 0; half < 14; half++) {
      await clock.advance(MINUTE / 2);
      await diskIsQuiet();
    }
    expect(await codeOf(sessions.set(req, 'a' as never, 1 as never))).toBeUndefined();
    expect(ends).toEqual([]);
  });
});

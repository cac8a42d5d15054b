// Scheduled renewal and sessions that were opened outside of the middleware, by a WebSocket: the session goes on, so its
// end is not told; when it ends under its new id, it is.
import {
  createRenewing,
  elsewhere,
  HOUR,
  MINUTE,
  movedTo,
  SHARED_STORES,
  STORES,
  told,
  type RenewingWorld,
} from './renewal.world.js';
import { diskIsQuiet } from '../support/quiet-disk.js';
import { closeWorlds, createRequest } from './world.js';

afterEach(closeWorlds);

/** Opens the session of the client, as an upgrade does, and notes its end. */
async function watch(world: RenewingWorld): Promise<string[]> {
  const ends: string[] = [];
  const session = await world.sessions.open(createRequest(world.client.cookie));
  session?.onEnd((reason) => ends.push(reason));
  expect(session).not.toBeNull();
  return ends;
}

/** Lets looks of the watch pass: a few, or as many as it takes until it is told. */
async function looks({ clock }: RenewingWorld, ends?: readonly string[]): Promise<void> {
  for (let look = 0; look < (ends === undefined ? 3 : 100) && (ends ?? []).length === 0; look++) {
    await clock.advance(31_000);
    await diskIsQuiet();
  }
}

async function due(world: RenewingWorld): Promise<string[]> {
  await world.client.get('/login?user=ada');
  await world.clock.advance(HOUR);
  return watch(world);
}

describe.each(STORES)('on %s', (_name, backing) => {
  it('is not told as an end, not by looks either', async () => {
    const world = await createRenewing(backing());
    const ends = await due(world);
    await world.client.get('/all');
    await told();
    await looks(world);
    await world.client.get('/all');
    await looks(world);
    expect(ends).toEqual([]);
  });

  it.each([
    ['the new id', (world: RenewingWorld) => world.client.get('/logout')],
    [
      'the old id',
      async (world: RenewingWorld, old: string) => {
        const tab = world.browser();
        tab.cookie = old;
        return tab.get('/logout');
      },
    ],
    ['revokeAll', (world: RenewingWorld) => world.sessions.ofUser('ada').revokeAll()],
  ])('tells the end by %s after it at once, and once', async (_how, end) => {
    const world = await createRenewing(backing());
    const ends = await due(world);
    const old = world.client.cookie;
    await world.client.get('/all');
    await end(world, old);
    await told();
    expect(ends).toHaveLength(1);
    await looks(world, ends);
    expect(ends).toHaveLength(1);
  });

  it('tells the end at once by a request that began before the renewal, under the name that it has now', async () => {
    const world = await createRenewing(backing());
    const { client, sessions, renewed } = world;
    const ends = await due(world);
    const destroyed: string[] = [];
    sessions.on('destroyed', ({ handle }) => destroyed.push(handle));
    const slow = await world.begin(client.clone(), async (req, res) => {
      res.json(await sessions.logout(req));
    });
    await client.get('/all');
    expect((await slow.finish()).body).toBe('true');
    await told();
    expect(ends).toEqual(['destroy']);
    expect(destroyed).toEqual([renewed[0]?.handle]);
  });

  it('tells that its time is over, after a renewal', async () => {
    const world = await createRenewing(backing());
    const ends = await due(world);
    await world.client.get('/all');
    await looks(world);
    await world.clock.advance(5 * HOUR);
    await looks(world, ends);
    expect(ends).toHaveLength(1);
  });
});

describe.each(SHARED_STORES)('by another process on %s', (_name, backing) => {
  it('is not told as an end, and an end there after it is told within half a minute', async () => {
    const here = await createRenewing(backing());
    const there = await elsewhere(here);
    const ends = await due(here);
    const client = movedTo(here.client, there);
    await client.get('/all');
    expect(there.renewed).toHaveLength(1);
    await looks(here);
    expect(ends).toEqual([]);
    // Also when the new id was seen, and when the old one is followed no more.
    await client.get('/all');
    await here.clock.advance(6 * MINUTE);
    await looks(here);
    expect(ends).toEqual([]);
    await client.get('/logout');
    await looks(here, ends);
    expect(ends).toEqual(['ended']);
  });
});

// Scheduled renewal while other requests of the same session are under way: nothing they write is lost, what they end
// stays ended, and no response takes the new id from its client.
import { once } from 'node:events';

import type { Request } from 'express';

import {
  createRenewing,
  elsewhere,
  HOUR,
  MINUTE,
  movedTo,
  runningClock,
  SHARED_STORES,
  STORES,
  told,
  type RenewingWorld,
} from './renewal.world.js';
import { closeWorlds, codeOf, createGate, query } from './world.js';
import { rounds } from '../support/faults.js';

afterEach(closeWorlds);

const REQUESTS = 50;
const ROUNDS = rounds(200);

/** A session that the next use renews. */
async function due(world: RenewingWorld): Promise<void> {
  await world.client.get('/login?user=ada');
  await world.client.get('/set?key=a');
  await world.clock.advance(HOUR);
}

/** Each request changes another key, in one of the ways there are. */
function writes({ sessions }: RenewingWorld, req: Request): Promise<unknown> {
  const key = query(req, 'key');
  if (query(req, 'way') === '0') return sessions.set(req, key, true);
  if (query(req, 'way') === '1') return sessions.update(req, key, () => true);
  sessions.session(req)[key] = true;
  return Promise.resolve();
}

/** Half of the requests read the session before the renewal, half of them when it has been; then all write. */
async function round(world: RenewingWorld, number: number): Promise<void> {
  const { client, clock, on } = world;
  let waiting = 0;
  let half = createGate();
  const go = createGate();
  on(`/round${String(number)}`, async (req, res) => {
    await world.sessions.load(req);
    if (++waiting % (REQUESTS / 2) === 0) half.open();
    if (query(req, 'last') === '') await go.opened;
    await writes(world, req);
    res.end();
  });
  const send = (from: number) =>
    Array.from({ length: REQUESTS / 2 }, (_, index) => {
      const at = String(from + index);
      const tab = client.clone();
      return tab.get(`/round${String(number)}?key=r${String(number)}k${at}&way=${String(Number(at) % 3)}`);
    });
  const answers = send(0);
  await half.opened;
  half = createGate();
  if (number % 2 === 0) await client.clone().get('/all');
  answers.push(...send(REQUESTS / 2));
  await half.opened;
  go.open();
  const all = await Promise.all(answers);
  expect(all.map(({ status }) => status)).toEqual(Array(REQUESTS).fill(200));
  const before = client.cookie;
  for (const line of all.flatMap(({ cookies }) => cookies)) client.cookie = line.split(';')[0] ?? '';
  // In every second round the new id went with a response that nobody heard.
  if (number % 2 === 0) {
    expect(client.cookie).toBe(before);
    await clock.advance(MINUTE);
    await client.get('/all');
  }
  expect(client.cookie).not.toBe(before);
  const kept = JSON.parse((await client.get('/all')).body) as object;
  const keys = Array.from({ length: REQUESTS }, (_, at) => [`r${String(number)}k${String(at)}`, true]);
  expect(kept).toMatchObject(Object.fromEntries(keys) as object);
}

describe.each(STORES)('on %s', (_name, backing) => {
  it(`F35 loses no write of ${String(REQUESTS)} requests across a renewal, and makes one new id`, async () => {
    const world = await createRenewing(backing(), { absoluteTimeout: null }, runningClock());
    const { client, clock, living, renewed, suspects } = world;
    await client.get('/set?key=a');
    for (let number = 0; number < ROUNDS; number++) {
      await clock.advance(HOUR);
      await round(world, number);
      expect(renewed).toHaveLength(number % 2 === 0 ? 2 : 1);
      renewed.length = 0;
    }
    expect([(await living()).length, suspects]).toEqual([1, []]);
  }, 60_000);

  it.each([
    ['destroy', ({ sessions }: RenewingWorld, req: Request) => sessions.destroy(req)],
    ['logout', ({ sessions }: RenewingWorld, req: Request) => sessions.logout(req)],
    ['revokeAll', ({ sessions }: RenewingWorld) => sessions.ofUser('ada').revokeAll()],
  ])('P2 ends the session for good by %s of a request that began before the renewal', async (_how, end) => {
    const world = await createRenewing(backing());
    const { client, living } = world;
    await due(world);
    const tab = client.clone();
    const ending = await world.begin(tab, async (req, res) => {
      await end(world, req);
      res.end();
    });
    const old = client.clone();
    await client.get('/all');
    await ending.finish();
    expect(await living()).toEqual([]);
    for (const each of [client, old]) expect((await each.get('/all')).body).toBe('{}');
  });

  it('P2 ends the session for good by a logout with the old id after the renewal', async () => {
    const world = await createRenewing(backing());
    const { client, living } = world;
    await due(world);
    const [late, old] = [client.clone(), client.clone()];
    await client.get('/all');
    expect((await late.get('/logout')).body).toBe('true');
    expect(await living()).toEqual([]);
    for (const each of [client, old]) expect((await each.get('/all')).body).toBe('{}');
  });

  it.each(['insert', 'replace'] as const)(
    'P2 ends the session for good by a logout that comes between the calls of a renewal (%s)',
    async (call) => {
      const world = await createRenewing(backing());
      const { client, living, faults, calls } = world;
      await due(world);
      const [tab, old] = [client.clone(), client.clone()];
      const release = faults.hold(call, { times: 1 });
      const arrived = calls.arrival(call);
      const renewal = client.get('/all');
      await arrived;
      const logout = tab.get('/logout');
      const ended = (await Promise.race([logout, told().then(() => null)])) !== null;
      release();
      expect([(await renewal).status, (await logout).body, ended]).toEqual([200, 'true', false]);
      expect(await living()).toEqual([]);
      for (const each of [client, old]) expect((await each.get('/all')).body).toBe('{}');
    },
  );

  it('lets a request that began before the renewal touch the session, and write after it', async () => {
    const world = await createRenewing(backing());
    const { client, sessions } = world;
    await due(world);
    const slow = await world.begin(client.clone(), async (req, res) => {
      const touched = await sessions.touch(req);
      res.json([touched, await codeOf(sessions.set(req, 'late', true))]);
    });
    await client.get('/all');
    expect((await slow.finish()).body).toBe('[true,null]');
    expect((await client.get('/all')).body).toBe('{"a":true,"late":true}');
  });

  it('sends the old id with no response after the renewal, though its expiry had moved before', async () => {
    const world = await createRenewing(backing());
    const { client, clock, sessions } = world;
    await client.get('/set?key=a');
    await clock.advance(HOUR - 1);
    const between = createGate();
    for (const late of ['explicit', 'implicit']) {
      const stored = createGate();
      const tab = client.clone();
      const slow = await world.begin(tab, async (req, res) => {
        // Its expiry moves, so the cookie is due.
        await sessions.set(req, 'early', late);
        stored.open();
        await between.opened;
        if (late === 'explicit') await sessions.set(req, 'late', true);
        else sessions.session(req)['late'] = true;
        res.end();
      });
      const answer = slow.finish();
      await stored.opened;
      await clock.advance(MINUTE + HOUR);
      await client.get('/all');
      await client.get('/all');
      between.open();
      expect((await answer).cookies).toEqual([]);
      expect((await client.get('/all')).body).toContain('"late":true');
    }
  });

  it('does not renew again what another request has just renewed, behind a write that followed it', async () => {
    const world = await createRenewing(backing());
    const { client, clock, sessions, faults, calls, renewed } = world;
    await client.get('/set?key=a');
    await clock.advance(HOUR - 1);
    const stored = createGate();
    const end = createGate();
    const late = await world.begin(client.clone(), async (req, res) => {
      await sessions.set(req, 'early', true);
      stored.open();
      await end.opened;
      res.end();
    });
    const writer = await world.begin(client.clone(), async (req, res) => {
      await sessions.set(req, 'late', true);
      res.end();
    });
    const ending = late.finish();
    await stored.opened;
    await clock.advance(1);
    await client.get('/all');
    expect(renewed).toHaveLength(1);
    // Their lane: the write, which goes on to the new id, and behind it the second renewal.
    const release = faults.hold('replace', { times: 1 });
    const held = calls.arrival('replace');
    const writing = writer.finish();
    await held;
    const looked = calls.arrival('find');
    end.open();
    await looked;
    for (let turn = 0; turn < 5; turn++) await told();
    release();
    expect([(await writing).cookies, (await ending).cookies]).toEqual([[], []]);
    await told();
    expect(renewed).toHaveLength(1);
    expect((await client.get('/all')).body).toBe('{"a":true,"early":true,"late":true}');
  });

  it('keeps what a response that streams changes after the renewal on the object it holds', async () => {
    const world = await createRenewing(backing());
    const { client, sessions, on } = world;
    await due(world);
    on('/stream', async (req, res) => {
      await sessions.load(req);
      const held = sessions.session(req);
      const renewed = once(sessions, 'renewed');
      res.write('begins');
      await renewed;
      await told();
      held['late'] = true;
      await held.save();
      res.end();
    });
    const old = client.cookie;
    await client.get('/stream');
    expect(client.cookie).not.toBe(old);
    expect((await client.get('/all')).body).toBe('{"a":true,"late":true}');
  });

  it('revokes all others of a user, but not the session of a request that began before its renewal', async () => {
    const world = await createRenewing(backing());
    const { client, sessions, browser } = world;
    const phone = browser();
    await phone.get('/login?user=ada');
    await due(world);
    const slow = await world.begin(client.clone(), async (req, res) => {
      res.json(await sessions.ofUser('ada', req).revokeAll({ except: 'current' }));
    });
    await client.get('/all');
    expect((await slow.finish()).body).toBe('1');
    expect((await client.get('/all')).body).toBe('{"a":true}');
    expect((await phone.get('/all')).body).toBe('{}');
  });

  it('shows the session of a request that began before its renewal as the current one', async () => {
    const world = await createRenewing(backing());
    const { client, sessions } = world;
    await due(world);
    const slow = await world.begin(client.clone(), async (req, res) => {
      res.json((await sessions.ofUser('ada', req).list()).map(({ current }) => current));
    });
    await client.get('/all');
    expect((await slow.finish()).body).toBe('[true]');
  });

  it('rejects what a request writes after a logout that followed the renewal', async () => {
    const world = await createRenewing(backing());
    const { client, sessions, living } = world;
    await due(world);
    const slow = await world.begin(client.clone(), async (req, res) => {
      res.json(await codeOf(sessions.set(req, 'late', true)));
    });
    await client.get('/all');
    await client.get('/logout');
    expect((await slow.finish()).body).toBe('"ERR_SESSION_ENDED"');
    expect(await living()).toEqual([]);
  });
});

describe.each(SHARED_STORES)('by another process on %s', (_name, backing) => {
  it('loses no write of requests of both across a renewal', async () => {
    const here = await createRenewing(backing(), {}, runningClock());
    const there = await elsewhere(here);
    await due(here);
    const { client } = here;
    const slow = await Promise.all(
      Array.from({ length: 20 }, (_, at) => {
        const world = at % 2 === 0 ? here : there;
        return world.begin(movedTo(client, world), async (req, res) => {
          if (at % 4 < 2) await world.sessions.set(req, `k${String(at)}`, true);
          else world.sessions.session(req)[`k${String(at)}`] = true;
          res.end();
        });
      }),
    );
    const answers = await Promise.all(slow.map((request) => request.finish()));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    const cookies = new Set(answers.flatMap((answer) => answer.cookies.map((line) => line.split(';')[0])));
    expect(cookies.size).toBe(1);
    client.cookie = [...cookies][0] ?? '';
    const kept = JSON.parse((await movedTo(client, there).get('/all')).body) as object;
    expect(Object.keys(kept)).toHaveLength(21);
    expect(await here.living()).toHaveLength(1);
  });

  it('follows, refuses and ends there what was renewed here', async () => {
    const here = await createRenewing(backing());
    const there = await elsewhere(here);
    await due(here);
    const { client } = here;
    const tab = movedTo(client, there);
    const old = tab.clone();
    await client.get('/all');
    expect((await tab.clone().get('/all')).body).toBe('{"a":true}');
    const same = movedTo(client, there);
    expect((await same.get('/all')).body).toBe('{"a":true}');
    expect((await tab.get('/all')).body).toBe('{}');
    await told();
    expect(there.suspects.map(({ reason }) => reason)).toEqual(['reused-old-id']);
    await same.get('/logout');
    for (const each of [client, old]) expect((await each.get('/all')).body).toBe('{}');
  });
});

// Requests of one session beside each other: its end is moved once for all of them.
import { Touches } from '../../src/commit/touches.js';
import type { SessionKey, SessionRecord } from '../../src/core/contract.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { createGate, closeWorlds, createWorld, storedRecords, type World } from './world.js';

afterEach(closeWorlds);

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const BESIDE = 20;

interface Crowd {
  readonly world: World;
  /** The ends that the store was told since the session is due. */
  readonly touches: unknown[];
  /** Requests that have all read the session before the first of them is answered, and what they were sent. */
  together(): Promise<string[][]>;
}

async function crowd(): Promise<Crowd> {
  const world = await createWorld({ maxAge: HOUR, touchAfter: MINUTE, asyncOnly: true });
  const { client, clock, memory, on, sessions } = world;
  on('/set', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  let readers = 0;
  let gate = createGate();
  on('/get', async (req, res) => {
    await sessions.get(req, 'a');
    if (++readers === BESIDE) gate.open();
    await gate.opened;
    res.end();
  });
  await client.get('/set');
  clock.advance(2 * MINUTE);
  const touches: unknown[] = [];
  const extend = memory.extend.bind(memory);
  memory.extend = (key, ...rest) => {
    touches.push(rest[0]);
    return extend(key, ...rest);
  };
  return {
    world,
    touches,
    async together() {
      readers = 0;
      gate = createGate();
      const responses = await Promise.all(Array.from({ length: BESIDE }, () => client.clone().get('/get')));
      return responses.map(({ cookies }) => cookies);
    },
  };
}

it('touches once, and one of the responses carries the cookie', async () => {
  const { world, touches, together } = await crowd();
  const sent = await together();
  expect(touches).toEqual([world.clock.now() + HOUR]);
  expect(sent.flat()).toHaveLength(1);
  expect(await storedRecords(world.memory)).toMatchObject([{ expiresAt: world.clock.now() + HOUR }]);
});

it('touches again when it is due again', async () => {
  const { world, touches, together } = await crowd();
  await together();
  world.clock.advance(MINUTE);
  await together();
  expect(touches).toEqual([world.clock.now() + HOUR - MINUTE, world.clock.now() + HOUR]);
});

it('tries again where a touch failed', async () => {
  const { world, touches, together } = await crowd();
  world.faults.fail('extend', { times: 1 });
  await together();
  expect(touches).toEqual([]);
  await together();
  expect(touches).toEqual([world.clock.now() + HOUR]);
});

it('says nothing of a session that has been written since, with an end of its own', async () => {
  const clock = createFakeClock();
  const touches = new Touches(clock);
  const { memory, client, on, sessions } = await createWorld({ clock });
  on('/set', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  await client.get('/set');
  const [record] = (await storedRecords(memory)) as [SessionRecord];
  const expiresAt = clock.now() + 30 * HOUR;
  await touches.during(record, expiresAt, Promise.resolve(true));
  expect(touches.upToDate(record)).toEqual({ ...record, expiresAt });
  const written = { ...record, version: 'another', expiresAt: clock.now() + MINUTE };
  expect(touches.upToDate(written)).toEqual(written);
  clock.advance(HOUR);
  await touches.during({ ...record, key: 'another' as SessionKey }, expiresAt, Promise.resolve(true));
  expect(touches.upToDate(record)).toEqual(record);
});

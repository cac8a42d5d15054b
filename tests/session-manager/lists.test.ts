// Lists of sessions: all, by page, one after the other; counting and clearing.
import type { SessionKey, SessionRecord } from '../../src/core/contract.js';
import { closeWorlds, codeOf, createWorld, type World } from './world.js';

afterEach(closeWorlds);

async function open(count: number): Promise<World> {
  const world = await createWorld({ maxAge: 3_600_000 });
  const now = world.clock.now();
  for (let n = 0; n < count; n++)
    await world.memory.insert(record(`sha256:${n.toString(16).padStart(64, '0')}`, n, now));
  world.on('/get', async (req, res) => {
    res.json(await world.sessions.all(req));
  });
  world.on('/set', async (req, res) => {
    await world.sessions.set(req, 'a', 1);
    res.end();
  });
  return world;
}

function record(key: string, n: number, now: number): SessionRecord {
  const times = { createdAt: now, deadlineAt: null, idleMs: 1_000, expiresAt: now + 1_000 + n };
  return { v: 1, key: key as SessionKey, data: JSON.stringify({ n }), version: 'v', ...times };
}

it('gives an empty array where there are no sessions', async () => {
  const { sessions } = await open(0);
  expect(await sessions.getAllSessions()).toEqual([]);
  expect(await sessions.getPage()).toEqual({ sessions: [], cursor: null });
  expect(await sessions.count()).toBe(0);
  await sessions.clearAllSessions();
});

it('gives each session by handle, with its data and times', async () => {
  const { clock, sessions } = await open(2);
  expect(await sessions.getAllSessions()).toEqual([
    {
      handle: `sha256:${'0'.repeat(64)}`,
      data: { n: 0 },
      createdAt: clock.now(),
      expiresAt: clock.now() + 1_000,
    },
    {
      handle: `sha256:${'1'.padStart(64, '0')}`,
      data: { n: 1 },
      createdAt: clock.now(),
      expiresAt: clock.now() + 1_001,
    },
  ]);
});

it.each([1, 7, 100, 1_000])('lists every session once, in pages of %s', async (limit) => {
  const { sessions } = await open(250);
  const seen: unknown[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof sessions.getPage>> = await sessions.getPage({ limit, cursor });
    expect(page.sessions.length).toBeLessThanOrEqual(limit);
    seen.push(...page.sessions.map(({ data }) => data['n'] as number));
    ({ cursor } = page);
  } while (cursor !== null);
  expect(seen).toEqual(Array.from({ length: 250 }, (_, n) => n));
});

it.each([0, -1, 1.5, NaN, 1_001])('refuses pages of %s', async (limit) => {
  const { sessions } = await open(1);
  expect(await codeOf(sessions.getPage({ limit }))).toBe('ERR_SESSION_OPTIONS');
});

it('refuses a cursor that no page returned', async () => {
  const { sessions } = await open(1);
  expect(await codeOf(sessions.getPage({ cursor: 'x' }))).toBe('ERR_SESSION_CURSOR');
});

it('scans every session, lets the event loop turn in between, and may be left early', async () => {
  const { sessions } = await open(350);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const count = async (most: number): Promise<number> => {
    let seen = 0;
    for await (const { data } of sessions.scan()) {
      expect(data['n']).toBe(seen);
      if (++seen === most) break;
    }
    return seen;
  };
  expect(await count(Infinity)).toBe(350);
  expect(await count(3)).toBe(3);
  expect(await sessions.getAllSessions()).toHaveLength(350);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(0);
});

it('lists neither expired nor ended sessions', async () => {
  const world = await open(3);
  const { client, clock, on, sessions } = world;
  on('/destroy', async (req, res) => {
    await sessions.destroy(req);
    res.end();
  });
  await client.get('/set');
  await client.get('/destroy');
  clock.advance(1_001);
  expect((await sessions.getAllSessions()).map(({ data }) => data)).toEqual([{ n: 2 }]);
});

it('goes on listing where the data of one session is broken', async () => {
  const { clock, memory, sessions } = await open(2);
  await memory.insert({ ...record(`sha256:${'f'.repeat(64)}`, 9, clock.now()), data: '{"torn' });
  expect((await sessions.getAllSessions()).map(({ data }) => data)).toEqual([{ n: 0 }, { n: 1 }]);
});

it('clears all sessions; who comes with one gets none, and may begin anew', async () => {
  const { client, sessions } = await open(300);
  await client.get('/set');
  expect(await sessions.count()).toBe(301);
  const before = client.cookie;
  await sessions.clearAllSessions();
  expect(await sessions.count()).toBe(0);
  expect(await sessions.getAllSessions()).toEqual([]);
  expect(await client.get('/get')).toMatchObject({ body: '{}', cookies: [] });
  await client.get('/set');
  expect(client.cookie).not.toBe(before);
});

it('says which ability of the store is missing', async () => {
  const { memory, sessions } = await open(1);
  Object.defineProperty(memory, 'capabilities', { value: new Set() });
  expect(await codeOf(sessions.getAllSessions())).toBe('ERR_SESSION_UNSUPPORTED');
  expect(await codeOf(sessions.clearAllSessions())).toBe('ERR_SESSION_UNSUPPORTED');
});

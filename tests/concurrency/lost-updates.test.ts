// P1 over real HTTP: overlapping requests on one session keep each other's changes.
import type { Request } from 'express';

import { systemClock } from '../../src/core/clock.js';
import { SessionManager } from '../../src/session-manager.js';
import { EXPRESS } from '../support/http.js';
import { SECRET } from '../support/secret.js';
import {
  closeWorlds,
  createGate,
  createRequest,
  createWorld,
  query,
  storedData,
  storedRecords,
  type Setting,
  type World,
} from '../session-manager/world.js';

afterEach(closeWorlds);

const OVERLAPPING = 50;

/** A browser with a session, and requests that all read it before the first one writes. */
async function open(
  setting: Setting = {},
): Promise<World & { overlap(paths: readonly string[]): Promise<number[]> }> {
  const world = await createWorld(setting);
  const { client, on, sessions } = world;
  let waiting = 0;
  let all = createGate();
  let expected = 0;
  const meet = async (req: Request): Promise<void> => {
    await sessions.load(req);
    if (++waiting === expected) all.open();
    await all.opened;
  };
  on('/begin', async (req, res) => {
    await sessions.set(req, 'n', 0);
    res.end();
  });
  on('/set', async (req, res) => {
    await meet(req);
    await sessions.set(req, query(req, 'key'), req.query['value'] ?? 1);
    res.end();
  });
  on('/assign', async (req, res) => {
    await meet(req);
    sessions.session(req)[query(req, 'key')] = req.query['value'] ?? 1;
    res.end();
  });
  on('/delete', async (req, res) => {
    await meet(req);
    await sessions.delete(req, query(req, 'key'));
    res.end();
  });
  on('/update', async (req, res) => {
    await meet(req);
    await sessions.update(req, 'n', (n: number = 0) => n + 1);
    res.end();
  });
  return {
    ...world,
    async overlap(paths) {
      [waiting, expected, all] = [0, paths.length, createGate()];
      const answers = await Promise.all(paths.map((path) => client.clone().get(path)));
      return answers.map(({ status }) => status);
    },
  };
}

const keys = Array.from({ length: OVERLAPPING }, (_, index) => `k${index}`);
const allKept = [{ n: 0, ...Object.fromEntries(keys.map((key) => [key, 1])) }];

describe.each(EXPRESS)('%s', (_name, express) => {
  it.each([
    ['set()', (index: number) => `/set?key=k${index}`],
    ['req.session', (index: number) => `/assign?key=k${index}`],
    ['either', (index: number) => `/${index % 2 ? 'set' : 'assign'}?key=k${index}`],
  ])('P1 keeps all of 50 keys that overlapping requests set through %s', async (_how, path) => {
    const world = await open({ express });
    await world.client.get('/begin');
    expect(new Set(await world.overlap(keys.map((_key, index) => path(index))))).toEqual(new Set([200]));
    expect(await storedData(world)).toEqual(allKept);
  });
});

it('P1 writes what waits together: far fewer writes than requests', async () => {
  const world = await open();
  await world.client.get('/begin');
  const release = world.faults.hold('replace', { times: 1 });
  const writing = world.calls.arrival('replace');
  const done = world.overlap(keys.map((key) => `/set?key=${key}`));
  await writing;
  await new Promise((resolve) => setTimeout(resolve, 50));
  release();
  await done;
  expect(await storedData(world)).toEqual(allKept);
  expect(world.calls.count('replace')).toBeLessThanOrEqual(4);
});

it('P1 loses no increment of 50 overlapping update() calls', async () => {
  const world = await open();
  await world.client.get('/begin');
  await world.overlap(keys.map(() => '/update'));
  expect(await storedData(world)).toEqual([{ n: OVERLAPPING }]);
});

it.each([0, 1, 2])(
  'P1 keeps a deletion beside the changes of other keys, as number %s of three',
  async (place) => {
    const world = await open();
    await world.client.get('/begin');
    const paths = ['/set?key=a', '/set?key=b'];
    paths.splice(place, 0, '/delete?key=n');
    await world.overlap(paths);
    expect(await storedData(world)).toEqual([{ a: 1, b: 1 }]);
  },
);

it('lets the later commit win where two change the same key, and tells of it', async () => {
  const world = await open();
  const told: unknown[] = [];
  world.sessions.on('conflict', (facts) => told.push(facts));
  await world.client.get('/begin');
  const release = world.faults.hold('replace', { times: 1 });
  const first = world.calls.arrival('replace');
  const done = world.overlap(['/set?key=a&value=1', '/assign?key=a&value=2', '/set?key=b']);
  await first;
  release();
  await done;
  const [data] = (await storedData(world)) as { a: string; b: number }[];
  expect(['1', '2']).toContain(data?.a);
  expect(data?.b).toBe(1);
  await new Promise(setImmediate);
  expect(told).toEqual([
    { handle: expect.stringMatching(/^sha256:/) as string, reason: 'same-key', keys: ['a'] },
  ]);
});

it('tells of no conflict where two write the same value, or different keys', async () => {
  const world = await open();
  const told: unknown[] = [];
  world.sessions.on('conflict', (facts) => told.push(facts));
  await world.client.get('/begin');
  await world.overlap(['/set?key=a', '/set?key=a', '/set?key=b', '/update']);
  await new Promise(setImmediate);
  expect(told).toEqual([]);
});

describe('two commits in one request around a foreign write', () => {
  it.each([true, false])('keep all three changes (async: %s)', async (asyncOnly) => {
    const world = await open({ asyncOnly });
    const { client, on, sessions } = world;
    on('/foreign', async (req, res) => {
      await sessions.set(req, 'theirs', 1);
      res.end();
    });
    on('/two', async (req, res) => {
      await sessions.set(req, 'first', 1);
      await client.clone().get('/foreign');
      await sessions.set(req, 'second', 1);
      res.json(await sessions.all(req));
    });
    await client.get('/begin');
    expect(JSON.parse((await client.get('/two')).body)).toEqual({ n: 0, first: 1, theirs: 1, second: 1 });
    expect(await storedData(world)).toEqual([{ n: 0, first: 1, theirs: 1, second: 1 }]);
  });

  it('keep all three where the handler goes on with what it read before', async () => {
    const world = await open();
    const { client, on, sessions } = world;
    on('/foreign', async (req, res) => {
      ((await sessions.get(req, 'cart')) as string[]).push('theirs');
      await sessions.set(req, 'nested', { deep: { theirs: true } });
      res.end();
    });
    on('/two', async (req, res) => {
      await sessions.set(req, { cart: ['old'], nested: { deep: {} } });
      const cart = (await sessions.get(req, 'cart')) as string[];
      const { deep } = (await sessions.get(req, 'nested')) as { deep: Record<string, unknown> };
      await client.clone().get('/foreign');
      await sessions.set(req, 'n', 1);
      expect(cart).toEqual(['old', 'theirs']);
      cart.push('mine');
      deep['mine'] = true;
      res.end();
    });
    await client.get('/begin');
    expect((await client.get('/two')).status).toBe(200);
    expect(await storedData(world)).toEqual([
      { n: 1, cart: ['old', 'theirs', 'mine'], nested: { deep: { theirs: true, mine: true } } },
    ]);
  });

  it('keep what the handler changes while its first commit is on its way', async () => {
    const world = await open();
    const { client, on, sessions, faults, calls } = world;
    on('/two', async (req, res) => {
      const release = faults.hold('replace', { times: 1 });
      const arrived = calls.arrival('replace');
      const session = sessions.session(req);
      session['a'] = 1;
      const saving = session.save();
      await arrived;
      session['a'] = 2;
      session['b'] = 2;
      release();
      await saving;
      expect(await storedData(world)).toEqual([{ n: 0, a: 1 }]);
      expect(session).toMatchObject({ a: 2, b: 2 });
      res.end();
    });
    await client.get('/begin');
    expect((await client.get('/two')).status).toBe(200);
    expect(await storedData(world)).toEqual([{ n: 0, a: 2, b: 2 }]);
  });
});

it('P1 keeps the changes of two processes: two managers with a store in common', async () => {
  // Losers of a compare-and-set wait a moment: the clock has to run.
  const world = await open({ clock: systemClock });
  const { client, memory, sessions, on } = world;
  const other = new SessionManager({ secret: SECRET, store: memory });
  on('/both', async (req, res) => {
    // The same cookie, seen by the manager of another process.
    const foreign = createRequest(req.headers.cookie);
    other.middleware()(foreign, {} as never, () => undefined);
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const manager = index % 2 === 0 ? sessions : other;
        await manager.update(index % 2 === 0 ? req : foreign, 'n', (n: number) => n + 1);
      }),
    );
    res.json([await sessions.get(req, 'n'), await other.get(foreign, 'n')]);
  });
  await client.get('/begin');
  await client.get('/both');
  expect(await storedData(world)).toEqual([{ n: 50 }]);
  await other.close();
});

it('merges with a writer of another process between read and write', async () => {
  const world = await open();
  const { client, memory, on, sessions } = world;
  on('/merge', async (req, res) => {
    await sessions.load(req);
    const [record] = await storedRecords(memory);
    if (record === undefined) throw new Error('no session');
    const theirs = { ...record, data: '{"n":0,"theirs":1}', version: 'theirs' };
    expect(await memory.replace(theirs, record.version)).toBe(true);
    await sessions.set(req, 'mine', 1);
    res.end();
  });
  await client.get('/begin');
  expect((await client.get('/merge')).status).toBe(200);
  expect(await storedData(world)).toEqual([{ n: 0, theirs: 1, mine: 1 }]);
});

it('gives up with a typed error where other processes change the session without end', async () => {
  const { client, memory, on, sessions } = await open({ clock: systemClock });
  on('/lose', async (req, res) => {
    await sessions.load(req);
    let writes = 0;
    const replace = memory.replace.bind(memory);
    memory.replace = async (record, version) => {
      const now = await memory.find(record.key);
      if (now !== null) await replace({ ...now, version: `other-${writes++}` }, now.version);
      return replace(record, version);
    };
    await sessions.set(req, 'a', 1);
    res.end();
  });
  await client.get('/begin');
  expect(await client.get('/lose')).toMatchObject({ status: 503, body: 'ERR_SESSION_CONFLICT' });
});

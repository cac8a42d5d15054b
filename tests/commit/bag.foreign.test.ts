// Sessions whose text another writer spaced and ordered in its own way: what a handler changes is stored, whatever it
// has called before, and what stands there besides stays.
import { newVersion } from '../../src/core/record.js';
import {
  closeWorlds,
  codeOf,
  createWorld,
  storedData,
  storedRecords,
  type World,
} from '../session-manager/world.js';

afterEach(closeWorlds);

/** Numbers come last as keys, one key twice, numbers and letters spelt otherwise. */
const TEXT = '{ "b": 1.0,  "a": {"y" : 1e2, "x":[ 1 ]}, "10": 1, "2": 2, "d":1, "d":2, "e":"\\u0061" }';
const DATA = { 2: 2, 10: 1, b: 1, a: { y: 100, x: [1] }, d: 2, e: 'a' };
const PUSHED = { ...DATA, a: { y: 100, x: [1, 2] } };
/** What connect-redis stores besides the data. */
const COOKIE = '"cookie": {"path" : "/"}';

interface Visit extends Pick<World, 'sessions' | 'faults'> {
  readonly req: Parameters<World['sessions']['get']>[0];
  /** What another writer stores meanwhile. */
  write(values: object): Promise<void>;
}
type Work = (visit: Visit) => Promise<unknown>;

const arrayOf = async ({ sessions, req }: Visit): Promise<number[]> =>
  ((await sessions.get(req, 'a')) as { x: number[] }).x;
const pushTo = async (visit: Visit): Promise<unknown> => (await arrayOf(visit)).push(2);
const addOne = ({ sessions, req }: Visit): Promise<unknown> =>
  sessions.update(req, 'b', (b) => (b as number) + 1);

async function open(text: string, asyncOnly: boolean) {
  const world = await createWorld({ asyncOnly });
  const { calls, client, faults, memory, on, sessions } = world;
  const put = async (data: (before: string) => string): Promise<void> => {
    const [record] = await storedRecords(memory);
    if (record === undefined) throw new Error('There is no session to write to.');
    const next = { ...record, data: data(record.data), version: newVersion() };
    expect(await memory.replace(next, record.version)).toBe(true);
  };
  const write = (values: object): Promise<void> =>
    put((before) => JSON.stringify({ ...(JSON.parse(before) as object), ...values }, null, 1));
  on('/begin', async (req, res) => {
    await sessions.set(req, 'begun', true);
    res.end();
  });
  await client.get('/begin');
  await put(() => text);
  calls.clear();
  return async (work: Work) => {
    on('/', async (req, res) => {
      await work({ sessions, faults, req, write });
      res.end();
    });
    expect(await client.get('/')).toMatchObject({ status: 200 });
    return { data: await storedData(world), writes: calls.count('replace') + calls.count('insert') };
  };
}

describe.each([
  ['asked at once', TEXT, false],
  ['asked with a promise', TEXT, true],
  ['with the cookie of connect-redis beside the data', TEXT.replace('{', `{${COOKIE}, `), false],
])('on a store %s', (_how, text, asyncOnly) => {
  it.each<[string, Work, data: object]>([
    ['update()', async (visit) => [await addOne(visit), await pushTo(visit)], { ...PUSHED, b: 2 }],
    [
      'an update() since it was got',
      async (visit) => {
        const array = await arrayOf(visit);
        await addOne(visit);
        array.push(2);
      },
      { ...PUSHED, b: 2 },
    ],
    [
      'reload()',
      async (visit) => {
        await visit.sessions.load(visit.req);
        await visit.sessions.session(visit.req).reload();
        await pushTo(visit);
      },
      PUSHED,
    ],
    [
      'regenerate() with the data',
      async (visit) => {
        await visit.sessions.regenerate(visit.req, { keepData: true });
        await pushTo(visit);
      },
      PUSHED,
    ],
    [
      'login() with the data',
      async (visit) => {
        await visit.sessions.login(visit.req, 'ada', { keepData: true });
        await pushTo(visit);
      },
      PUSHED,
    ],
    [
      'a set() that failed since it was got',
      async (visit) => {
        const array = await arrayOf(visit);
        visit.faults.fail('replace', { times: 1 });
        expect(await codeOf(visit.sessions.set(visit.req, 'n', 1))).toBe('ERR_SESSION_STORE');
        array.push(2);
      },
      PUSHED,
    ],
    [
      'a write of another since it was got',
      async (visit) => {
        const array = await arrayOf(visit);
        await visit.write({ b: 7 });
        array.push(2);
      },
      { ...PUSHED, b: 7 },
    ],
    [
      'writes of another and updates by turns',
      async (visit) => {
        const { sessions, req, write } = visit;
        const array = await arrayOf(visit);
        await write({ b: 7, d: 9 });
        await sessions.update(req, 'n', () => 1);
        array.push(2);
        await write({ d: 10 });
        await sessions.update(req, 'n', () => 2);
      },
      { ...PUSHED, b: 7, d: 10, n: 2 },
    ],
  ])('stores what is pushed to an array behind %s', async (_what, work, data) => {
    const visit = await open(text, asyncOnly);
    expect((await visit(work)).data).toEqual([data]);
  });

  it('keeps what another stored since the session was read, behind set()', async () => {
    const visit = await open(text, asyncOnly);
    const { data } = await visit(async ({ sessions, req, write }) => {
      await sessions.load(req);
      await write({ b: 7 });
      await sessions.set(req, 'n', 1);
    });
    expect(data).toEqual([{ ...DATA, b: 7, n: 1 }]);
  });

  it('stores the last of what becomes of an object that was handed to a set() that nobody awaits', async () => {
    const visit = await open(text, asyncOnly);
    const { data } = await visit(async ({ sessions, req }) => {
      const object = { n: 1 };
      void sessions.set(req, 'o', object);
      object.n = 2;
      await sessions.get(req, 'b');
      object.n = 3;
    });
    expect(data).toEqual([{ ...DATA, o: { n: 3 } }]);
  });

  it('has nothing to store behind a delete() that failed', async () => {
    const visit = await open(text, asyncOnly);
    const seen = await visit(async ({ sessions, faults, req }) => {
      faults.fail('replace', { times: 1 });
      expect(await codeOf(sessions.delete(req, 'b'))).toBe('ERR_SESSION_STORE');
    });
    // The one that failed.
    expect(seen).toEqual({ data: [DATA], writes: 1 });
  });

  it('stores a flash message and takes it away again, and changes nothing besides', async () => {
    const visit = await open(text, asyncOnly);
    const { data } = await visit(async ({ sessions, req }) => {
      await sessions.flash(req, 'info', 'hi');
      expect(await sessions.flashes(req, 'info')).toEqual(['hi']);
    });
    expect(data).toEqual([{ ...DATA, flash: {} }]);
  });

  it('stores the maxAge that is set on a cookie object from before a write', async () => {
    const visit = await open(text, asyncOnly);
    const { data, writes } = await visit(async ({ sessions, req }) => {
      await sessions.load(req);
      const { cookie } = sessions.session(req);
      await sessions.set(req, 'n', 1);
      cookie.maxAge = 5_000;
    });
    expect([data, writes]).toEqual([[{ ...DATA, n: 1 }], 2]);
  });
});

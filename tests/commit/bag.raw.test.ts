// Data whose stored text is not what JSON.stringify() makes of it: other writers space and order theirs as they like.
import { Bag, dataEncoding } from '../../src/commit/bag.js';
import type { SessionRecord } from '../../src/core/contract.js';
import { decodeData, DEFAULT_LIMITS } from '../../src/core/json.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { faultyStore } from '../../src/testing/faulty-store.js';
import { closeWorlds, createWorld, storedRecords } from '../session-manager/world.js';

afterEach(closeWorlds);

const rawBag = (text: string): Bag => new Bag(decodeData(text), text, dataEncoding(DEFAULT_LIMITS), true);
/** Hands what there is to a commit. */
const send = (bag: Bag): { base: string; mine: string } => {
  const mine = bag.encode();
  return { base: bag.send(mine), mine };
};

const TEXTS = [
  ['spaced', '{ "a": 1, "b": [ 1, 2 ] }'],
  ['on several lines', '{\n  "a": 1,\n  "b": [\n    1\n  ]\n}\n'],
  ['with a number as a key behind another', '{"b":[1],"a":1,"1":"one"}'],
  ['with numbers as keys inside a value', '{"a":1,"b":{"x":1,"2":0,"1":0}}'],
  ['with a key twice', '{"b":[0],"a":0,"a":1}'],
  ['with numbers of another spelling', '{"a":1.0,"b":[1e2,0.50]}'],
  ['with escapes', '{"a":1,"b":"\\u4e2d\\/"}'],
  ['as JSON.stringify() writes it', '{"a":1,"b":[1]}'],
] as const;

describe.each(TEXTS)('a text %s', (_how, text) => {
  it('has nothing pending, however often it is asked', () => {
    const bag = rawBag(text);
    for (let time = 0; time < 3; time++) expect(bag.pending()).toBeNull();
  });

  it('has a change pending, and nothing when that is taken back', () => {
    for (const isAskedBefore of [false, true]) {
      const bag = rawBag(text);
      if (isAskedBefore) expect(bag.pending()).toBeNull();
      bag.live['a'] = 2;
      expect(bag.pending()).toBe(JSON.stringify({ ...decodeData(text), a: 2 }));
      bag.live['a'] = 1;
      expect(bag.pending()).toBeNull();
    }
  });

  it('has a deletion pending', () => {
    const bag = rawBag(text);
    delete bag.live['b'];
    const { b: _deleted, ...rest } = decodeData(text);
    expect(bag.pending()).toBe(JSON.stringify(rest));
  });

  it('is what a commit is handed as the text before, as long as nobody has looked for changes', () => {
    const bag = rawBag(text);
    bag.live['a'] = 2;
    const { base, mine } = send(bag);
    expect(base).toBe(text);
    expect([bag.isSent(mine), bag.pending()]).toEqual([true, null]);
  });

  it('says the same as the text before that a commit is handed after a look', () => {
    const bag = rawBag(text);
    bag.live['a'] = 2;
    expect(bag.pending()).not.toBeNull();
    expect(decodeData(send(bag).base)).toEqual(decodeData(text));
  });

  it('has a change pending again after a commit that failed, and nothing when that is taken back then', () => {
    for (const isAskedBefore of [false, true]) {
      const bag = rawBag(text);
      bag.live['a'] = 2;
      if (isAskedBefore) expect(bag.pending()).not.toBeNull();
      send(bag);
      bag.fail();
      bag.settle(null);
      expect(bag.pending()).toBe(JSON.stringify({ ...decodeData(text), a: 2 }));
      bag.live['a'] = 1;
      expect(bag.pending()).toBeNull();
      expect(decodeData(bag.send(bag.encode()))).toEqual(decodeData(text));
    }
  });

  it('has only what failed pending, where a commit beside that one landed', () => {
    const bag = rawBag(text);
    bag.live['a'] = 2;
    const landed = send(bag);
    bag.live['c'] = 3;
    send(bag);
    bag.fail();
    bag.land(landed.base, landed.mine);
    bag.settle(landed.mine);
    expect(JSON.parse(bag.pending() ?? 'null')).toEqual({ ...decodeData(text), a: 2, c: 3 });
    delete bag.live['c'];
    expect(bag.pending()).toBeNull();
  });

  it('is forgotten once a commit has landed', () => {
    const bag = rawBag(text);
    bag.live['a'] = 2;
    const { mine } = send(bag);
    bag.settle(mine);
    expect(bag.pending()).toBeNull();
    bag.live['a'] = 1;
    expect(bag.pending()).toBe(JSON.stringify(decodeData(text)));
    expect(bag.send(bag.encode())).toBe(mine);
  });

  it('tells what is stored of a key before and after a look', () => {
    const bag = rawBag(text);
    bag.live['a'] = 2;
    expect([bag.stored('a'), bag.sent('a')]).toEqual([1, 1]);
    bag.pending();
    expect([bag.stored('a'), bag.sent('a')]).toEqual([1, 1]);
  });
});

it('refuses what cannot be stored, which a text of another spelling does not hide', () => {
  const bag = rawBag('{ "a": 1 }');
  bag.live['hidden'] = () => 1;
  expect(() => bag.pending()).toThrow('"hidden"');
  delete bag.live['hidden'];
  expect(bag.pending()).toBeNull();
});

/** Stores every text spaced, with its keys in the opposite order: numbers come last, as JSON.stringify() never has them. */
class SpacedStore extends MemoryStore {
  override insert(record: SessionRecord): Promise<boolean> {
    return super.insert({ ...record, data: spaced(record.data) });
  }

  override replace(record: SessionRecord, expected: string): Promise<boolean> {
    return super.replace({ ...record, data: spaced(record.data) }, expected);
  }
}

function spaced(text: string): string {
  const entries = Object.entries(JSON.parse(text) as object).reverse();
  const parts = entries.map(([key, value]) => `${JSON.stringify(key)} : ${JSON.stringify(value, null, 1)}`);
  return `{ ${parts.join(' , ')} }`;
}

describe.each([
  ['asked at once', []],
  ['asked with a promise', ['findSync' as const]],
])('on a store that writes its texts another way, %s', (_how, hide) => {
  const FIRST = { 1: 'one', a: 1, b: { x: [1], 2: 0 } };

  async function open() {
    const clock = createFakeClock();
    const memory = new SpacedStore({ clock, cleanupInterval: 0 });
    const { store, calls, faults } = faultyStore(memory, { hide });
    const world = await createWorld({ clock, store });
    const { client, on, sessions } = world;
    on('/begin', async (req, res) => {
      await sessions.set(req, FIRST);
      res.end();
    });
    on('/all', async (req, res) => {
      res.json(await sessions.all(req));
    });
    on('/object', async (req, res) => {
      await sessions.load(req);
      res.json(sessions.session(req));
    });
    on('/get', async (req, res) => {
      res.json(await sessions.get(req, 'b'));
    });
    on('/change', async (req, res) => {
      await sessions.load(req);
      (sessions.session(req)['b'] as { x: number[] }).x.push(2);
      res.end();
    });
    on('/set', async (req, res) => {
      await sessions.set(req, 'a', 2);
      res.end();
    });
    on('/update', async (req, res) => {
      res.json(await sessions.update(req, 'a', (a) => (a as number) + 1));
    });
    on('/delete', async (req, res) => {
      res.json(await sessions.delete(req, 'a'));
    });
    await client.get('/begin');
    calls.clear();
    const text = async (): Promise<string | undefined> => (await storedRecords(memory))[0]?.data;
    return { ...world, calls, faults, text };
  }

  it('writes nothing for requests that only read', async () => {
    const { client, calls, text } = await open();
    const before = await text();
    expect(before).toBe(spaced(JSON.stringify(FIRST)));
    expect(before).not.toBe(JSON.stringify(JSON.parse(before ?? '')));
    for (const path of ['/all', '/object', '/get', '/all']) {
      const body: unknown = JSON.parse((await client.get(path)).body);
      expect(body).toEqual(path === '/get' ? FIRST.b : FIRST);
    }
    expect([calls.count('replace'), calls.count('insert'), calls.count('extend')]).toEqual([0, 0, 0]);
    expect(await text()).toBe(before);
  });

  it.each([
    ['/change', { ...FIRST, b: { x: [1, 2], 2: 0 } }],
    ['/set', { ...FIRST, a: 2 }],
    ['/update', { ...FIRST, a: 2 }],
    ['/delete', { 1: FIRST[1], b: FIRST.b }],
  ])('writes once for %s, and keeps all other keys', async (path, after) => {
    const { client, calls, text } = await open();
    expect((await client.get(path)).status).toBe(200);
    expect(calls.count('replace')).toBe(1);
    const stored: unknown = JSON.parse((await text()) ?? 'null');
    expect(stored).toEqual(after);
    expect(await text()).not.toBe(JSON.stringify(stored));
    expect(JSON.parse((await client.get('/all')).body)).toEqual(after);
    expect(calls.count('replace')).toBe(1);
  });

  it('has the old value back, and nothing left to store, after a write that failed', async () => {
    const { client, calls, faults, on, sessions, text } = await open();
    const before = await text();
    on('/fails', async (req, res) => {
      faults.fail('replace', { times: 1 });
      await expect(sessions.set(req, 'a', 2)).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' });
      res.json(await sessions.all(req));
    });
    expect(JSON.parse((await client.get('/fails')).body)).toEqual(FIRST);
    expect(calls.count('replace')).toBe(1);
    expect(await text()).toBe(before);
  });
});

describe('data that goes back to what was read', () => {
  it('is pending where the store holds another version by then', () => {
    const bag = rawBag('{"n":1}');
    bag.live['n'] = 2;
    send(bag);
    bag.settle('{"n":2}');
    bag.live['n'] = 1;
    send(bag);
    bag.live['n'] = 3;
    expect(bag.pending()).toBe('{"n":3}');
    bag.live['n'] = 1;
    bag.fail();
    bag.settle(null);
    expect(bag.stored('n')).toBe(2);
    expect(bag.pending()).toBe('{"n":1}');
  });

  it('is stored with the response after the saves of it and of a later change have failed', async () => {
    const world = await createWorld();
    const { calls, client, faults, on, sessions } = world;
    on('/begin', async (req, res) => {
      await sessions.set(req, 'n', 1);
      res.end();
    });
    on('/work', async (req, res) => {
      await sessions.set(req, 'n', 2);
      const session = sessions.session(req);
      faults.fail('replace', { times: 2 });
      const arrived = calls.arrival('replace');
      session['n'] = 1;
      const first = session.save();
      await arrived;
      session['n'] = 3;
      const outcomes = await Promise.allSettled([first, session.save()]);
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      session['n'] = 1;
      res.end();
    });
    await client.get('/begin');
    expect((await client.get('/work')).status).toBe(200);
    expect((await storedRecords(world.memory)).map(({ data }) => data)).toEqual(['{"n":1}']);
  });
});

// Names that are none: refused by every method of every store, and no way to a session.
import type { SessionId } from '../../src/core/contract.js';
import { checkedId, isId } from '../../src/core/ids.js';
import type { StoredSession } from '../../src/stores/session.js';
import { FileStore } from '../../src/stores/file-store.js';
import { closeWorlds } from '../session-manager/world.js';
import { dropIn } from '../express-session/readme/support.js';
import { TestClock } from '../support/clock.js';
import { withCode } from '../support/failures.js';
import { openApp, plant, signed, STORES } from './every-store.js';

afterEach(closeWorlds);

const ID = 'i'.repeat(43);
const stored = (): StoredSession => ({ cookie: { originalMaxAge: null }, a: 1 });

interface Face {
  get(sid: string, callback?: (error?: unknown) => void): Promise<unknown>;
  set(sid: string, session: StoredSession, callback?: (error?: unknown) => void): Promise<unknown>;
  touch(sid: string, session: StoredSession, callback?: (error?: unknown) => void): Promise<unknown>;
  destroy(sid: string, callback?: (error?: unknown) => void): Promise<unknown>;
  length(): Promise<number>;
}

const FACES: readonly (readonly [string, () => Face])[] = [
  ...STORES.map(([name, make]) => [name, () => make(new TestClock(Date.now()))] as const),
  ['the drop-in’s MemoryStore', () => new dropIn.MemoryStore() as unknown as Face],
];

/** What a query language, a path or a map would take for something else, and what is no text at all. */
const NO_TEXT: readonly unknown[] = [
  ...[undefined, null, true, false, 0, 1, -1, NaN, Infinity, 5n, Symbol(ID)],
  ...[{}, [], [ID], [[ID]], ['a', 'b'], { $ne: null }, { $gt: '' }, { $regex: '.*' }, { $where: '1' }, /.*/],
  ...[{ length: 43 }, { toString: () => ID }, { [Symbol.toPrimitive]: () => ID }, { toJSON: () => ID }],
  ...[
    Object.create(null) as unknown,
    new String(ID),
    Object(ID),
    Buffer.from(ID),
    new Uint8Array(3),
    new Date(),
  ],
  ...[() => ID, new Map([[ID, 1]]), new Set([ID]), Promise.resolve(ID), new Proxy({}, {})],
];

/** The calls of the express-session face by which something could be read, stored or ended. */
const callsOf = (store: Face, sid: string): (() => Promise<unknown>)[] => [
  () => store.get(sid),
  () => store.set(sid, stored()),
  () => store.touch(sid, stored()),
  () => store.destroy(sid),
];

describe.each(FACES)('S57 what is no text, as a name in a store of kind: %s', (_name, make) => {
  it('is refused with a code by get, set, touch and destroy: nothing is found, stored or ended', async () => {
    const store = make();
    await store.set(ID, stored());
    for (const name of NO_TEXT)
      for (const call of callsOf(store, name as string))
        await expect(Promise.resolve().then(call)).rejects.toEqual(withCode('ERR_SESSION_ID'));
    expect(await store.length()).toBe(1);
    expect(await store.get(ID)).toMatchObject({ a: 1 });
  });

  it('is told to callbacks in the same way', async () => {
    const store = make();
    const codes: unknown[] = [];
    for (const name of NO_TEXT.slice(0, 16)) {
      const told = (error?: unknown): unknown => codes.push((error as { code?: string } | undefined)?.code);
      const sid = name as string;
      await Promise.allSettled([
        store.get(sid, told),
        store.set(sid, stored(), told),
        store.destroy(sid, told),
      ]);
    }
    await new Promise(setImmediate);
    expect(codes).toEqual(Array(3 * 16).fill('ERR_SESSION_ID'));
  });
});

it('S57 and is the place of no file', () => {
  const store = new FileStore({ path: '/nowhere', cleanupInterval: 0 });
  for (const name of NO_TEXT)
    expect(() => store._getFilePath(name as string)).toThrow(withCode('ERR_SESSION_ID') as Error);
});

describe.each(FACES)('S33 the empty name in a store of kind: %s', (_name, make) => {
  it('names no session and begins none', async () => {
    const store = make();
    await store.set(ID, stored());
    for (const call of callsOf(store, ''))
      await expect(Promise.resolve().then(call)).rejects.toEqual(withCode('ERR_SESSION_ID'));
    expect(await store.length()).toBe(1);
  });
});

describe.each(STORES)('S33 over HTTP, with sessions in a store of kind: %s', (_name, make) => {
  it('no cookie reaches a record whose id or key is empty, though it were there', async () => {
    const app = await openApp(make);
    const { browser, store } = app;
    const names = ['', ' ', '.', '0', 'undefined', 'null', '[object Object]'];
    for (const name of names) await plant(app, name);
    await plant(app, ID);
    const get = async (cookie: string): Promise<string> =>
      (await browser().get('/get', { headers: { cookie } })).body;
    for (const name of names) {
      for (const cookie of [signed(name), `sid=${name}`, `sid="${name}"`, `${signed(name)}; ${signed(name)}`])
        expect([name, cookie, await get(cookie)]).toEqual([name, cookie, 'null']);
      expect([name, isId(name)]).toEqual([name, false]);
      expect(() => checkedId(name)).toThrow();
    }
    expect(await get('sid=; sid')).toBe('null');
    // The same way leads to one that is an id.
    expect(await get(signed(ID))).toBe('1');
    expect(store.keyOf(ID as SessionId)).not.toBe('');
  });
});

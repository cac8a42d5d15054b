// `session.Store` and `session.MemoryStore`, as the ecosystem extends, calls and patches them: first what express-session
// does too, on both.
import { EventEmitter } from 'node:events';
import { inherits } from 'node:util';

import type { StoredSession } from '../../src/stores/session.js';
import { runInChild } from '../support/child.js';
import { counting, data, dropIn, IMPLEMENTATIONS, site, type SessionFunction } from './readme/support.js';

type Answer = (error?: unknown, result?: unknown) => void;

/** The methods as they are called, without the types that ask for a whole session. */
interface Methods extends EventEmitter {
  readonly sessions: Record<string, string>;
  get(sid: string, answer: Answer): unknown;
  set(sid: string, session: object, answer?: Answer): unknown;
  touch(sid: string, session: object, answer?: Answer): unknown;
  destroy(sid: string, answer?: Answer): unknown;
  all(answer: Answer): unknown;
  length(answer: Answer): unknown;
  clear(answer?: Answer): unknown;
  load(sid: string, answer: Answer): unknown;
  regenerate(req: object, answer: Answer): unknown;
  createSession(req: object, session: object): unknown;
  generate(req: object): void;
}
type Class = new () => Methods;

const storeOf = (session: SessionFunction) => session.Store as unknown as Class;
const memoryOf = (session: SessionFunction) => session.MemoryStore as unknown as Class;

/** What a method calls back with; rejects with its error. */
const called = <T = unknown>(start: (answer: Answer) => unknown): Promise<T> =>
  new Promise((resolve, reject) => {
    start((error, result) => {
      if ((error ?? null) === null) resolve(result as T);
      else reject(error);
    });
  });

const WAYS: [string, (Base: Class) => Class][] = [
  ['class extends', (Base) => class Mine extends Base {}],
  [
    'util.inherits and call()',
    (Base) => {
      function Mine(this: object): void {
        (Base as unknown as () => void).call(this);
      }
      inherits(Mine, Base);
      return Mine as unknown as Class;
    },
  ],
  [
    'Object.create and apply()',
    (Base) => {
      function Mine(this: object): void {
        (Base as unknown as () => void).apply(this);
      }
      Mine.prototype = Object.create(Base.prototype as object) as object;
      return Mine as unknown as Class;
    },
  ],
];

/** A session as it is stored: what ends when, and some data. */
const stored = (ms: number, rest: object = {}): object => ({
  ...rest,
  cookie: { originalMaxAge: ms, expires: new Date(Date.now() + ms).toISOString(), httpOnly: true, path: '/' },
});

beforeEach(() => {
  jest.spyOn(process, 'emitWarning').mockReturnValue();
});

describe.each(IMPLEMENTATIONS)('%s', (_name, session) => {
  it('has constructors by their names', () => {
    const { Store, MemoryStore, Cookie, Session } = session;
    expect([Store.name, MemoryStore.name, Cookie.name, (Session as unknown as Class).name]).toEqual([
      'Store',
      'MemoryStore',
      'Cookie',
      'Session',
    ]);
    expect(new (memoryOf(session))().constructor).toBe(MemoryStore);
  });

  describe.each(WAYS)('with %s', (_way, extend) => {
    it('a custom store is an EventEmitter with load, regenerate and createSession', async () => {
      const Mine = extend(storeOf(session));
      const store = new Mine();
      expect([
        store instanceof Mine,
        store instanceof storeOf(session),
        store instanceof EventEmitter,
      ]).toEqual([true, true, true]);
      const seen: string[] = [];
      store.on('connect', (word: string) => seen.push(word));
      expect(store.emit('connect', 'here')).toBe(true);
      expect(seen).toEqual(['here']);
      const found = stored(60_000, { visits: 2 });
      store.get = (sid, answer) => {
        answer(null, sid === 'there' ? found : undefined);
      };
      const loaded = await called((answer) => store.load('there', answer));
      expect(loaded).toBeInstanceOf(session.Session);
      expect(loaded).toMatchObject({ id: 'there', visits: 2, cookie: { originalMaxAge: 60_000 } });
      expect((loaded as { cookie: unknown }).cookie).toBeInstanceOf(session.Cookie);
    });

    it('a memory store keeps sessions of its own', async () => {
      const Mine = extend(memoryOf(session));
      const [one, two] = [new Mine(), new Mine()];
      await called((answer) => one.set('a', stored(60_000, { visits: 1 }), answer));
      expect(await called((answer) => one.get('a', answer))).toMatchObject({ visits: 1 });
      expect((await called((answer) => two.get('a', answer))) ?? null).toBeNull();
      expect(Object.keys(one.sessions)).toEqual(['a']);
      expect(one instanceof storeOf(session)).toBe(true);
    });
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['false', false],
  ])('load() of what get() calls %s is no session', async (_word, nothing) => {
    const store = new (storeOf(session))();
    store.get = (_sid, answer) => {
      answer(null, nothing);
    };
    expect((await called((answer) => store.load('a', answer))) ?? null).toBeNull();
  });

  it('load() and regenerate() hand on what the store fails with; a fresh session is generated all the same', async () => {
    const store = new (storeOf(session))();
    const failure = new Error('boom');
    store.get = (_sid, answer) => {
      answer(failure);
    };
    store.destroy = (_sid, answer) => answer?.(failure);
    const generated: object[] = [];
    store.generate = (req) => void generated.push(req);
    const req = { sessionID: 'a' };
    await expect(called((answer) => store.load('a', answer))).rejects.toBe(failure);
    await expect(called((answer) => store.regenerate(req, answer))).rejects.toBe(failure);
    expect(generated).toEqual([req]);
  });

  it('createSession() puts a session with its times on the request', () => {
    const store = new (storeOf(session))();
    const req: { sessionID: string; sessionStore: object; session?: unknown } = {
      sessionID: 'a',
      sessionStore: store,
    };
    const created = store.createSession(req, stored(60_000, { visits: 1 }));
    expect(req.session).toBe(created);
    expect(created).toMatchObject({ id: 'a', visits: 1, cookie: { originalMaxAge: 60_000, path: '/' } });
    const { expires } = (created as { cookie: { expires: unknown } }).cookie;
    expect(expires).toBeInstanceOf(Date);
  });

  it('a memory store tells all by id, counts, and clears', async () => {
    const store = new (memoryOf(session))();
    for (const sid of ['a', 'b', 'c'])
      await called((answer) => store.set(sid, stored(60_000, { sid }), answer));
    const all = await called<Record<string, StoredSession>>((answer) => store.all(answer));
    expect(Object.keys(all).sort()).toEqual(['a', 'b', 'c']);
    expect([all['a']?.['sid'], await called((answer) => store.length(answer))]).toEqual(['a', 3]);
    await called((answer) => store.destroy('b', answer));
    expect(await called((answer) => store.length(answer))).toBe(2);
    await called((answer) => store.clear(answer));
    expect([await called((answer) => store.length(answer)), Object.keys(store.sessions)]).toEqual([0, []]);
  });

  it('a memory store neither gives, lists nor counts what has expired', async () => {
    const store = new (memoryOf(session))();
    await called((answer) => store.set('a', stored(60_000), answer));
    await called((answer) => store.set('over', stored(-1), answer));
    expect((await called((answer) => store.get('over', answer))) ?? null).toBeNull();
    await called((answer) => store.set('over', stored(-1), answer));
    expect(await called((answer) => store.length(answer))).toBe(1);
    expect(Object.keys(await called<object>((answer) => store.all(answer)))).toEqual(['a']);
  });

  it('a memory store shows its sessions as the text that it keeps', async () => {
    const store = new (memoryOf(session))();
    const there = stored(60_000, { visits: 1 });
    await called((answer) => store.set('a', there, answer));
    expect(JSON.parse(store.sessions['a'] ?? '')).toEqual(there);
  });

  it('touch() moves the cookie of what is there, and nothing else', async () => {
    const store = new (memoryOf(session))();
    await called((answer) => store.set('a', stored(60_000, { visits: 1 }), answer));
    const later = stored(120_000, { visits: 'stale' }) as StoredSession;
    await called((answer) => store.touch('a', later, answer));
    await called((answer) => store.touch('b', later, answer));
    const found = await called<StoredSession>((answer) => store.get('a', answer));
    expect(found['visits']).toBe(1);
    const { expires } = found.cookie ?? {};
    expect(new Date(String(expires)).toISOString()).toBe(later.cookie?.expires);
    expect(await called((answer) => store.length(answer))).toBe(1);
  });

  it.each(['set', 'get'] as const)('a %s() that was replaced on the store is called', async (name) => {
    const store = new (memoryOf(session))();
    const original = store[name].bind(store) as (...args: unknown[]) => unknown;
    const calls: unknown[] = [];
    store[name] = (...args: unknown[]) => {
      calls.push(args[0]);
      return original(...args);
    };
    const { client } = await site(session, { store: store }, counting);
    const { id } = JSON.parse((await client.get('/')).body) as { id: string };
    expect(JSON.parse((await client.get('/')).body)).toEqual({ visits: 2, id });
    expect(calls).toContain(id);
  });

  it('methods of a class that extends the memory store are called', async () => {
    class Stamped extends memoryOf(session) {
      override set(sid: string, each: object, answer?: Answer): unknown {
        return super.set(sid, { ...each, stamped: true }, answer);
      }
    }
    const { client } = await site(session, { store: new Stamped() }, (req, res) => {
      const { stamped = false } = data(req);
      data(req)['visits'] = 1;
      res.json(stamped);
    });
    await client.get('/');
    expect((await client.get('/')).body).toBe('true');
  });

  it('a method that is replaced between two requests is called by the second', async () => {
    const store = new (memoryOf(session))();
    const { client } = await site(session, { store: store }, counting);
    await client.get('/');
    const failing: Methods['get'] = (_sid, answer) => {
      answer(new Error('boom'));
    };
    store.get = failing;
    expect((await client.get('/')).body).toBe('boom');
    Reflect.deleteProperty(store, 'get');
    expect(JSON.parse((await client.get('/')).body)).toMatchObject({ visits: 2 });
  });
});

describe('the drop-in', () => {
  it('answers with promises as well', async () => {
    const store = new dropIn.MemoryStore() as unknown as Record<
      string,
      (...args: unknown[]) => Promise<unknown>
    >;
    await store['set']?.('a', stored(60_000, { visits: 1 }));
    expect(await store['get']?.('a')).toMatchObject({ visits: 1 });
    expect(await store['length']?.()).toBe(1);
    expect(Object.keys((await store['all']?.()) as object)).toEqual(['a']);
    expect(await store['load']?.('a')).toMatchObject({ id: 'a', visits: 1 });
    await store['clear']?.();
    expect(await store['get']?.('a')).toBeNull();
  });

  it('hands out copies: what is done to `sessions` changes no session', async () => {
    const store = new (memoryOf(dropIn))();
    await called((answer) => store.set('a', stored(60_000, { visits: 1 }), answer));
    Reflect.deleteProperty(store.sessions, 'a');
    expect(await called((answer) => store.get('a', answer))).toMatchObject({ visits: 1 });
  });

  it('leaves no global behind, and a process with a store in use ends by itself', async () => {
    const { code, output, errors } = await runInChild(
      `
      const before = new Set(Reflect.ownKeys(globalThis));
      const { session } = src('express-session/index');
      const handler = session({ secret: 'cat', resave: false, saveUninitialized: false });
      const store = new session.MemoryStore();
      store.set('a', { cookie: {} }, () => {
        console.log(typeof handler, Reflect.ownKeys(globalThis).filter((key) => !before.has(key)).length);
      });
    `,
      30_000,
    );
    expect({ code, output, errors }).toEqual({ code: 0, output: 'function 0\n', errors: '' });
  }, 60_000);
});

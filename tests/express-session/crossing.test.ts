// Calls of one request that overlap, and requests that overlap: whatever the order in which the store gets round to
// them, nothing that was said to be stored is lost and nothing that was ended comes back.
import type { EventEmitter } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

import express, { type Express, type Request, type Response } from 'express';

import type { SessionOptions, Store } from '../../src/express-session/index.js';
import { withCode } from '../support/failures.js';
import type { Client } from '../support/http.js';
import { data, dropIn, open, options, site, spyStore, type Site } from './readme/support.js';

type Callback = (error?: unknown) => void;
const DAY = 86_400_000;

/** Holds somebody up until it is opened. */
class Gate {
  reach: () => void = () => undefined;
  open: () => void = () => undefined;
  readonly reached = new Promise<void>((resolve) => (this.reach = resolve));
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));

  pass(): Promise<void> {
    this.reach();
    return this.opened;
  }
}

/** A store with callbacks whose next calls of `set` can be held up; what is set lands when they go on. */
class SlowStore extends dropIn.Store {
  readonly #texts = new Map<string, string>();
  readonly #pauses: Gate[] = [];

  get stored(): unknown[] {
    return [...this.#texts.values()].map((text) => JSON.parse(text) as unknown);
  }

  /** Holds up the next `set` that is not held up yet. */
  pause(): Gate {
    const gate = new Gate();
    this.#pauses.push(gate);
    return gate;
  }

  get(...[id, callback]: Parameters<Store['get']>): void {
    setImmediate(callback, null, JSON.parse(this.#texts.get(id) ?? 'null') as null);
  }

  set(id: string, value: unknown, callback?: Callback): void {
    const text = JSON.stringify(value);
    const passed = this.#pauses.shift()?.pass() ?? new Promise(setImmediate);
    void passed.then(() => {
      this.#texts.set(id, text);
      callback?.();
    });
  }

  destroy(id: string, callback: Callback): void {
    this.#texts.delete(id);
    setImmediate(callback);
  }
}

/** Calls a method of a session, whose types know of no promise. */
const call = (session: Request['session'], name: 'save' | 'destroy' | 'regenerate'): Promise<void> =>
  (session[name] as () => unknown)() as Promise<void>;

/** A site with `/init`, which begins a session, `/remember`, `/show`, which answers with it, and `/act`. */
const acting = (more: SessionOptions, act: (req: Request, res: Response) => unknown): Promise<Site> =>
  site(dropIn, more, (app: Express) => {
    app.get('/init', (req, res) => {
      Object.assign(data(req), { cart: 1, list: [] });
      res.send('begun');
    });
    app.get(
      '/show',
      (req, res) =>
        void res.json({ ...data(req), cookie: undefined, maxAge: req.session.cookie.maxAge ?? undefined }),
    );
    app.get('/remember', (req, res) => {
      req.session.cookie.maxAge = 30 * DAY;
      res.send('remembered');
    });
    app.get('/act', act);
  });

describe('calls of one request', () => {
  it('keep every push when the response leaves during a save(), and save() is called during its commit', async () => {
    const store = new SlowStore();
    const done = new Gate();
    const { client, faults } = await acting({ store }, async (req, res) => {
      const { session } = req;
      const list = data(req)['list'] as number[];
      const [saving, committing, savingAgain] = [store.pause(), store.pause(), store.pause()];
      list.push(1);
      const saves = [call(session, 'save')];
      await saving.reached;
      list.push(2);
      res.send('pushed');
      saving.open();
      await committing.reached;
      list.push(3);
      saves.push(call(session, 'save'));
      committing.open();
      await savingAgain.reached;
      list.push(4);
      saves.push(call(session, 'save'));
      savingAgain.open();
      await Promise.all(saves);
      done.open();
    });
    await client.get('/init');
    expect(await client.get('/act')).toMatchObject({ status: 200, body: 'pushed' });
    await done.opened;
    expect(store.stored).toMatchObject([{ list: [1, 2, 3, 4] }]);
    expect(faults).toEqual([]);
  });

  it('end the session that was being stored for the first time', async () => {
    const store = new SlowStore();
    const ended = new Gate();
    const { client } = await acting({ store }, async (req, res) => {
      const insert = store.pause();
      const { session } = req;
      data(req)['user'] = 'ada';
      res.send('hello');
      await insert.reached;
      session.destroy(ended.open);
      await wait(30);
      insert.open();
    });
    expect(await client.get('/act')).toMatchObject({ body: 'hello', cookies: [] });
    await ended.opened;
    expect(store.stored).toEqual([]);
  });

  it('end the old id for good when regenerate() failed before it worked', async () => {
    const store = spyStore(dropIn);
    const { client } = await acting({ store: store.asOption }, async (req, res) => {
      store.failures['destroy'] = new Error('blip');
      await expect(call(req.session, 'regenerate')).rejects.toThrow('blip');
      delete store.failures['destroy'];
      await call(req.session, 'regenerate');
      data(req)['user'] = 'ada';
      res.send('in');
    });
    await client.get('/init');
    const thief = client.clone();
    expect(await client.get('/act')).toMatchObject({ status: 200 });
    expect((await thief.get('/show')).body).toBe('{}');
    expect((await client.get('/show')).body).toBe('{"user":"ada"}');
    expect(store.texts.size).toBe(1);
  });

  it("send the new session's cookie beside a save() of the old one", async () => {
    const { client, faults } = await acting({}, async (req, res) => {
      const old = req.session;
      await call(old, 'regenerate');
      data(req)['user'] = 'ada';
      old.save();
      res.send('in');
    });
    await client.get('/init');
    expect((await client.get('/act')).cookies).toHaveLength(1);
    expect((await client.get('/show')).body).toBe('{"user":"ada"}');
    expect(faults).toEqual([]);
  });

  it('store nothing by a save() after the destroy() of a session that was never stored', async () => {
    const store = new SlowStore();
    const { client } = await acting({ store }, async (req, res) => {
      const { session } = req;
      data(req)['user'] = 'ada';
      await call(session, 'destroy');
      await expect(call(session, 'save')).rejects.toEqual(withCode('ERR_SESSION_ENDED'));
      res.send('bye');
    });
    expect(await client.get('/act')).toMatchObject({ status: 200, cookies: [] });
    expect(store.stored).toEqual([]);
  });
});

describe('two middlewares on one store', () => {
  let store: SlowStore;
  let client: Client;
  beforeEach(async () => {
    store = new SlowStore();
    const app = express();
    for (const path of ['/a', '/b']) app.use(path, dropIn(options({ store })));
    app.get('/b/out', (req, res) => {
      req.session.destroy(() => res.send('bye'));
    });
    app.get('/:side/:key', (req, res) => {
      data(req)[req.params.key] = 1;
      res.send('written');
    });
    client = await open(app);
    await client.get('/a/init');
    await client.get('/b/also');
  });

  it("keep each other's keys", async () => {
    await Promise.all([client.get('/a/x'), client.get('/b/y'), client.get('/a/z')]);
    expect(store.stored).toMatchObject([{ init: 1, also: 1, x: 1, y: 1, z: 1 }]);
  });

  it('listen to its errors once', () => {
    expect((store as unknown as EventEmitter).listenerCount('error')).toBe(1);
  });

  it('do not bring back what one of them ended beside a write of the other', async () => {
    const write = store.pause();
    const late = client.clone().get('/a/late');
    await write.reached;
    const out = client.get('/b/out');
    await wait(50);
    write.open();
    expect([await late, await out]).toMatchObject([{ status: 200 }, { body: 'bye' }]);
    expect(store.stored).toEqual([]);
  });
});

describe.each(['memory', 'foreign'])('a longer life of a session in a %s store', (kind) => {
  it.each([false, true])('outlasts a slow request that writes another key; by save(): %p', async (saves) => {
    const late = new Gate();
    const store = kind === 'memory' ? new dropIn.MemoryStore() : new SlowStore();
    const { client } = await acting({ store, cookie: { maxAge: 3_600_000 } }, async (req, res) => {
      await late.pass();
      data(req)['late'] = true;
      if (saves) await call(req.session, 'save');
      res.send('slow');
    });
    await client.get('/init');
    const slow = client.clone().get('/act');
    await late.reached;
    await client.get('/remember');
    late.open();
    expect(await slow).toMatchObject({ status: 200 });
    const { maxAge, ...shown } = JSON.parse((await client.get('/show')).body) as Record<string, unknown>;
    expect(shown).toEqual({ cart: 1, list: [], late: true });
    expect(maxAge).toBeGreaterThan(29 * DAY);
  });
});

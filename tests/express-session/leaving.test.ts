// What is changed while a response leaves, and which cookie it may take along: none for a session that is not stored,
// none of a session that was ended meanwhile.
import express, { type Express, type Request, type Response } from 'express';
import genuine from 'express-session';

import { MemoryStore } from '../../src/stores/memory-store.js';
import { DelayedStore } from '../support/delayed-store.js';
import { withCode } from '../support/failures.js';
import { EXPRESS } from '../support/http.js';
import { data, dropIn, open, options, site, SECRET, sentCookie, spyStore } from './readme/support.js';

type Callback = () => void;

const begin = (app: Express): void => {
  app.get('/init', (req, res) => {
    data(req)['cart'] = 1;
    res.send('begun');
  });
  app.get('/login', (req, res) => {
    req.session.regenerate(() => {
      data(req)['user'] = 'ada';
      res.send('in');
    });
  });
  app.get('/logout', (req, res) => {
    req.session.destroy(() => res.send('bye'));
  });
  app.get('/show', (req, res) => void res.json({ ...data(req), cookie: undefined }));
};

describe.each(EXPRESS)('a response that streams, on %s', (_name, create) => {
  /** A site whose `/stream` changes the session between two parts of its answer. */
  const streaming = async (change: (session: Record<string, unknown>) => void) => {
    const store = new DelayedStore();
    const faults: unknown[] = [];
    let close: Callback = () => undefined;
    const closed = new Promise<void>((resolve) => (close = resolve));
    const app = create();
    app.set('env', 'test');
    app.use(dropIn(options({ store })));
    begin(app);
    app.get('/stream', (req: Request, res: Response) => {
      res.once('close', close);
      res.write('first ', () => {
        change(data(req));
        res.end('last');
      });
    });
    app.use((error: unknown, _req: Request, _res: Response, next: Callback) => {
      faults.push(error);
      next();
    });
    const client = await open(app);
    await client.get('/init');
    store.delayMs = 50;
    return { client, store, faults, closed };
  };

  it('has stored what was changed meanwhile when its end arrives', async () => {
    const { client, store, faults, closed } = await streaming((session) => (session['late'] = true));
    expect((await client.get('/stream')).body).toBe('first last');
    expect([...store.landed.keys()].filter((text) => text.includes('"late":true'))).toHaveLength(1);
    expect((await client.get('/show')).body).toBe('{"cart":1,"late":true}');
    await closed;
    expect(faults).toEqual([]);
  });

  it('ends all the same when that cannot be stored, and the error handler hears of it', async () => {
    const { client, faults, closed } = await streaming((session) => (session['late'] = 1n));
    expect(await client.get('/stream')).toMatchObject({ status: 200, body: 'first last' });
    await closed;
    expect(faults).toEqual([withCode('ERR_SESSION_VALUE')]);
    expect((await client.get('/show')).body).toBe('{"cart":1}');
  });

  it('ends all the same when the store fails then, and the error handler hears of it', async () => {
    const down = new Error('down');
    const { client, store, faults, closed } = await streaming((session) => {
      session['late'] = true;
      store.failure = down;
    });
    expect(await client.get('/stream')).toMatchObject({ status: 200, body: 'first last' });
    await closed;
    expect(faults).toEqual([down]);
  });
});

describe('the cookie', () => {
  it.each([0, 60_000])(
    'of a session that another request regenerated stays behind, touchAfter: %d',
    async (touchAfter) => {
      let saved: Callback = () => undefined;
      let send: Callback = () => undefined;
      const isSaved = new Promise<void>((resolve) => (saved = resolve));
      const more = { touchAfter, cookie: { maxAge: 3_600_000 } };
      const { client } = await site(dropIn, more, (app: Express) => {
        begin(app);
        app.get('/slow', (req, res) => {
          data(req)['seen'] = true;
          send = () => res.send('slow');
          req.session.save(saved);
        });
      });
      await client.get('/init');
      const slow = client.clone().get('/slow');
      await isSaved;
      expect((await client.get('/login')).cookies).toHaveLength(1);
      send();
      expect(await slow).toMatchObject({ body: 'slow', cookies: [] });
    },
  );

  it.each(Array.from({ length: 16 }, (_, turns) => turns))(
    'goes only with a session that is stored: written to %d microtasks after send()',
    async (turns) => {
      const store = new dropIn.MemoryStore();
      const { client } = await site(dropIn, { store }, (app: Express) => {
        app.get('/', async (req, res) => {
          res.send('sent');
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          data(req)['user'] = 'ada';
        });
      });
      const answer = await client.get('/');
      const { id } = sentCookie(answer) ?? {};
      const { sessions } = store as unknown as { sessions: Record<string, string> };
      expect(Object.keys(sessions)).toEqual(id === undefined ? [] : [id]);
    },
  );

  it.each(['memory', 'foreign'])(
    'is not made for a straggler with the id of a session that has just ended: %s store, saveUninitialized',
    async (kind) => {
      const store = kind === 'memory' ? new dropIn.MemoryStore() : spyStore(dropIn).asOption;
      const { client } = await site(dropIn, { store, saveUninitialized: true }, begin);
      expect((await client.get('/show')).cookies).toHaveLength(1);
      const straggler = client.clone();
      expect((await client.get('/login')).cookies).toHaveLength(1);
      expect(await straggler.get('/show')).toMatchObject({ body: '{}', cookies: [] });
      expect((await client.get('/show')).body).toBe('{"user":"ada"}');
    },
  );
});

it('is no fault to mount another session() behind a logout', async () => {
  const store = new dropIn.MemoryStore();
  const { client, faults } = await site(dropIn, { store }, (app: Express) => {
    begin(app);
    const again = dropIn(options({ store }));
    app.use(
      '/again',
      (req, _res, next) => req.session.destroy(() => next()),
      again,
      (req, res) => {
        data(req)['after'] = true;
        res.send('bye');
      },
    );
  });
  await client.get('/init');
  const thief = client.clone();
  expect(await client.get('/again')).toMatchObject({ status: 200, body: 'bye' });
  expect(faults).toEqual([]);
  expect((await thief.get('/show')).body).toBe('{}');
  expect((await client.get('/show')).body).toBe('{"after":true}');
});

it.each(['save', 'destroy', 'regenerate'] as const)(
  "lets no %s() of express-session's own end the process when our store fails and nobody waits",
  async (method) => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    const store = new MemoryStore({ cleanupInterval: 0 });
    const app = express();
    app.use(
      genuine({
        secret: SECRET,
        resave: false,
        saveUninitialized: false,
        store: store as unknown as genuine.Store,
      }),
    );
    begin(app);
    const fail = jest.fn(() => Promise.reject(new Error('down')));
    app.get('/act', (req, res) => {
      Object.assign(store, { find: fail, insert: fail, replace: fail, remove: fail, extend: fail });
      (req.session[method] as Callback)();
      setImmediate(() => {
        res.end('acted');
      });
    });
    app.use((_error: unknown, _req: Request, _res: Response, next: Callback) => {
      next();
    });
    const client = await open(app);
    await client.get('/init');
    expect((await client.get('/act')).body).toBe('acted');
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off('unhandledRejection', note);
    expect(fail).toHaveBeenCalled();
    expect(unhandled).toEqual([]);
  },
);

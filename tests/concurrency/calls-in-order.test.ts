// Calls of one request that are not awaited, that come late, or that judge by what is no longer true.
import express, { type Request, type Response } from 'express';

import { hasCode, MemoryStore, SessionManager } from '../../src/index.js';
import { createFakeClock } from '../../src/testing/index.js';
import { Client, serve, type Running } from '../support/http.js';
import { SECRET } from '../support/secret.js';

/** A store whose writes can be broken. */
class Breakable extends MemoryStore {
  isDown = false;

  override insert(...args: Parameters<MemoryStore['insert']>) {
    return this.isDown ? Promise.reject(new Error('down')) : super.insert(...args);
  }

  override replace(...args: Parameters<MemoryStore['replace']>) {
    return this.isDown ? Promise.reject(new Error('down')) : super.replace(...args);
  }
}

type Handler = (req: Request, res: Response) => unknown;

let running: Running;
let sessions: SessionManager;
let store: Breakable;
let client: Client;
const handlers = new Map<string, Handler>();
const clock = createFakeClock();

beforeEach(async () => {
  store = new Breakable({ cleanupInterval: 0, clock });
  sessions = new SessionManager({ secret: SECRET, store, clock, storeTimeout: 1_000 });
  const app = express();
  app.use(sessions.middleware());
  app.use((req, res) => handlers.get(req.path)?.(req, res));
  app.use((error: unknown, _req: Request, res: Response, next: () => void) => {
    if (res.headersSent) next();
    else res.status((error as { status?: number }).status ?? 500).send((error as { code?: string }).code);
  });
  running = await serve(app);
  client = new Client(running.port);
  handlers.set('/data', async (req, res) => res.json(await sessions.all(req)));
  handlers.set('/begin', async (req, res) => {
    await sessions.set(req, 'n', 5);
    res.send('begun');
  });
  await client.get('/begin');
});

afterEach(() => running.close());

const data = async (): Promise<unknown> => JSON.parse((await client.get('/data')).body);

it('judges an update by what is stored, not by what the request read before', async () => {
  handlers.set('/buy', async (req, res) => {
    await sessions.load(req);
    await client.clone().get('/refill');
    const left = await sessions.update(req, 'n', (n: number) => {
      if (n < 10) throw new Error('sold out');
      return n - 1;
    });
    res.json(left);
  });
  handlers.set('/refill', async (req, res) => {
    await sessions.set(req, 'n', 100);
    res.send('full');
  });
  expect((await client.get('/buy')).body).toBe('99');
  expect(await data()).toEqual({ n: 99 });
});

it('does not store an update after it was refused', async () => {
  handlers.set('/both', async (req, res) => {
    await sessions.load(req);
    await client.clone().get('/elsewhere');
    const [refused] = await Promise.allSettled([
      sessions.update(req, 'n', () => {
        throw new Error('never');
      }),
      sessions.set(req, 'other', 1),
    ]);
    res.send(refused.status);
  });
  handlers.set('/elsewhere', async (req, res) => {
    await sessions.set(req, 'theirs', 1);
    res.send('ok');
  });
  expect((await client.get('/both')).body).toBe('rejected');
  expect(await data()).toEqual({ n: 5, theirs: 1, other: 1 });
});

it.each<[string, (req: Request) => Promise<unknown>]>([
  ['req.session.save()', (req) => sessions.session(req).save()],
  ['req.session.destroy()', (req) => sessions.session(req).destroy()],
  ['sessions.set()', (req) => sessions.set(req, 'n', 7)],
])('fails the response with a call that was not awaited: %s', async (_name, act) => {
  handlers.set('/act', (req, res) => {
    sessions.session(req)['n'] = 6;
    void act(req);
    res.redirect('/elsewhere');
  });
  store.isDown = true;
  expect(await client.get('/act')).toMatchObject({ status: 503, body: 'ERR_SESSION_STORE', cookies: [] });
  store.isDown = false;
  expect(await data()).toEqual({ n: 5 });
});

it('stores what the handler changes behind the response in the same turn, also where it has called nothing', async () => {
  handlers.set('/act', (req, res) => {
    const session = sessions.session(req);
    session['n'] = 6;
    res.send('done');
    session['behind'] = true;
  });
  expect((await client.get('/act')).body).toBe('done');
  expect(await data()).toEqual({ n: 6, behind: true });
});

const circular: Record<string, unknown> = {};
circular['self'] = circular;

it.each<[string, (req: Request) => Promise<unknown>, string]>([
  ['a reserved key', (req) => sessions.set(req, 'cookie', 1), 'ERR_SESSION_KEY'],
  ['no value', (req) => sessions.set(req, 'n', undefined), 'ERR_SESSION_VALUE'],
  ['a value that JSON changes', (req) => sessions.set(req, 'n', [NaN]), 'ERR_SESSION_VALUE'],
  ['a circular value', (req) => sessions.set(req, 'n', circular), 'ERR_SESSION_TOO_DEEP'],
  ['too large a value', (req) => sessions.set(req, 'n', 'x'.repeat(70_000)), 'ERR_SESSION_TOO_LARGE'],
  ['an update of a reserved key', (req) => sessions.update(req, 'cookie', () => 1), 'ERR_SESSION_KEY'],
  [
    'what cannot be saved',
    (req) => Object.assign(sessions.session(req), { n: new Map() }).save(),
    'ERR_SESSION_VALUE',
  ],
])('fails the response with a call that fails at once and is not awaited: %s', async (_name, act, code) => {
  handlers.set('/act', (req, res) => {
    void act(req);
    res.redirect('/elsewhere');
  });
  expect(await client.get('/act')).toMatchObject({ body: code, cookies: [] });
  expect(await data()).toEqual({ n: 5 });
});

it.each<[string, (req: Request) => Promise<unknown>]>([
  ['a reserved key', (req) => sessions.set(req, 'cookie', 1)],
  ['too large a value', (req) => sessions.set(req, 'n', 'x'.repeat(70_000))],
])('answers as the handler has it that was told of a call that fails at once: %s', async (_name, act) => {
  handlers.set('/act', async (req, res) => {
    await act(req).catch(() => undefined);
    res.send('told');
  });
  expect((await client.get('/act')).body).toBe('told');
});

const keepData = { keepData: true };

it.each<[string, (req: Request) => Promise<unknown>, object, object]>([
  ['a save()', (req) => sessions.session(req).save(), { late: 1 }, { n: 5, late: 1 }],
  ['a regenerate()', (req) => sessions.session(req).regenerate(keepData), { late: 1 }, { n: 5, late: 1 }],
  ['a set()', (req) => sessions.set(req, 'm', 1), { late: 1 }, { n: 5, m: 1, late: 1 }],
  ['a set() of the same key', (req) => sessions.set(req, 'n', 6), { n: 100 }, { n: 6 }],
  ['a delete() of the same key', (req) => sessions.delete(req, 'n'), { n: 100 }, {}],
  ['an update()', (req) => sessions.update(req, 'n', (n: number) => n + 1), { n: 100 }, { n: 101 }],
])('lets %s come behind what the handler changes in the same turn', async (_name, act, change, stored) => {
  handlers.set('/act', async (req, res) => {
    const session = sessions.session(req);
    const call = act(req);
    Object.assign(session, change);
    await call;
    res.send('ok');
  });
  await client.get('/act');
  expect(await data()).toEqual(stored);
});

it('stores what is changed in the same turn in an object that was set after the response had left', async () => {
  let stored: Promise<void> | undefined;
  handlers.set('/act', (req, res) => {
    sessions.session(req);
    res.once('close', () => {
      const value: Record<string, number> = { a: 1 };
      stored = sessions.set(req, 'late', value);
      value['b'] = 2;
    });
    res.send('ok');
  });
  await client.get('/act');
  await new Promise(setImmediate);
  await stored;
  expect(await data()).toEqual({ n: 5, late: { a: 1, b: 2 } });
});

it('stores what the handler changed beside an update that it refused and caught', async () => {
  handlers.set('/act', async (req, res) => {
    sessions.session(req)['a'] = 1;
    await sessions
      .update(req, 'n', () => {
        throw new Error('never');
      })
      .catch(() => undefined);
    res.send('ok');
  });
  await client.get('/act');
  expect(await data()).toEqual({ n: 5, a: 1 });
});

it('keeps a session alive whose own idle time is shorter than touchAfter', async () => {
  handlers.set('/short', (req, res) => {
    sessions.session(req).cookie.maxAge = 45_000;
    res.send('short');
  });
  await client.get('/short');
  for (let used = 0; used < 4; used++) {
    clock.advance(30_000);
    expect(await data()).toEqual({ n: 5 });
  }
  clock.advance(45_000);
  expect(await data()).toEqual({});
});

it('clears the cookie at a logout although a touch of the ended session answers late', async () => {
  const extend = store.extend.bind(store);
  store.extend = async (...args) => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    return extend(...args);
  };
  handlers.set('/logout', async (req, res) => {
    void sessions.touch(req);
    await sessions.destroy(req);
    res.send('bye');
  });
  expect((await client.get('/logout')).cookies).toEqual([expect.stringContaining('Max-Age=0')]);
});

it.each([true, false])(
  'touches once where touching fails, and harms no response by it (awaited: %p)',
  async (awaited) => {
    let touches = 0;
    store.extend = () => {
      touches++;
      return Promise.reject(new Error('down'));
    };
    handlers.set('/touch', async (req, res) => {
      const touch = sessions.touch(req);
      if (awaited) await touch.catch(() => undefined);
      res.send('ok');
    });
    // Due, so that the gate would touch as well.
    clock.advance(120_000);
    expect(await client.get('/touch')).toMatchObject({ status: 200, body: 'ok', cookies: [] });
    expect(touches).toBe(1);
  },
);

it('gives a set() behind a regenerate() to the new session', async () => {
  handlers.set('/login', async (req, res) => {
    await Promise.all([sessions.regenerate(req), sessions.set(req, 'user', 7)]);
    res.send('in');
  });
  const old = client.clone();
  expect((await client.get('/login')).cookies).toHaveLength(1);
  expect(await data()).toEqual({ user: 7 });
  expect((await old.get('/data')).body).toBe('{}');
});

it('does not end a session by a regenerate() that can send no cookie', async () => {
  let code = '';
  const late = new Promise<void>((resolve) => {
    handlers.set('/late', async (req, res) => {
      await sessions.load(req);
      res.send('gone');
      await sessions.regenerate(req).catch((error: unknown) => {
        code = hasCode(error, 'ERR_SESSION_HEADERS_SENT') ? 'refused' : String(error);
      });
      resolve();
    });
  });
  await client.get('/late');
  await late;
  expect(code).toBe('refused');
  expect(await data()).toEqual({ n: 5 });
});

it('begins no session by a regenerate() in a request that is older than the logout', async () => {
  handlers.set('/logout', async (req, res) => {
    await sessions.destroy(req);
    res.send('bye');
  });
  handlers.set('/slow', async (req, res) => {
    await sessions.load(req);
    await client.clone().get('/logout');
    await sessions.regenerate(req);
    await sessions.set(req, 'user', 7);
    res.send('in');
  });
  expect(await client.get('/slow')).toMatchObject({ status: 500, body: 'ERR_SESSION_ENDED', cookies: [] });
  expect(await sessions.count()).toBe(0);
});

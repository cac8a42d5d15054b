// Express-session stores, written in every way, under the manager and under the drop-in, over HTTP: overlapping
// requests keep their changes, a session that ended stays ended, and a store that never answers hangs nobody.
import express, { type Express, type NextFunction, type Request, type Response } from 'express';

import { session } from '../../src/express-session/index.js';
import { SessionManager } from '../../src/session-manager.js';
import type { ExpressStore } from '../../src/stores/express-store.js';
import type { StoredSession } from '../../src/stores/session.js';
import { createGate } from '../session-manager/world.js';
import { Rows, storeWith, WAYS } from '../support/express-stores.js';
import { Client, serve, type Running } from '../support/http.js';
import { SECRET } from '../support/secret.js';

const WRITES = 12;

/** `timeout` for all calls of one load or save, ms: real time, as no clock moves the requests. */
type Mount = (store: ExpressStore, timeout: number) => express.RequestHandler;

const MOUNTS: [string, Mount][] = [
  [
    'the manager',
    (store, storeTimeout) => {
      const logger = { warn: () => undefined, error: () => undefined };
      return new SessionManager({
        secret: SECRET,
        store,
        storeTimeout,
        logger,
        touchAfter: 0,
        load: 'eager',
      }).middleware();
    },
  ],
  [
    'the drop-in',
    (store, storeTimeout) =>
      session({ secret: SECRET, store, storeTimeout, resave: false, saveUninitialized: false }),
  ],
];

const running: Running[] = [];
let gate = createGate();
let arrived = createGate();

beforeEach(() => {
  gate = createGate();
  arrived = createGate();
  jest.spyOn(process, 'emitWarning').mockReturnValue();
});

afterEach(async () => {
  jest.restoreAllMocks();
  for (const server of running.splice(0)) await server.close();
});

async function start(mount: Mount, store: ExpressStore, timeout = 5_000): Promise<Client> {
  const app: Express = express();
  app.use(mount(store, timeout));
  const dataOf = (req: Request) => req.session as unknown as Record<string, unknown>;
  app.get('/set/:key', (req, res) => {
    dataOf(req)[req.params.key] = 1;
    res.send('set');
  });
  app.get('/keys', (req, res) => void res.json(Object.keys(dataOf(req)).filter((key) => key !== 'cookie')));
  app.get('/slow', async (req, res) => {
    dataOf(req)['late'] = 1;
    arrived.open();
    await gate.opened;
    res.send('late');
  });
  app.get('/logout', async (req, res) => {
    await (req.session as unknown as { destroy(): Promise<void> }).destroy();
    res.send('bye');
  });
  app.use((error: { code?: string }, _req: Request, res: Response, next: NextFunction) => {
    if (res.headersSent) next(error);
    else res.status(503).send(error.code ?? 'failed');
  });
  running.push(await serve(app));
  return new Client(running[running.length - 1]?.port ?? 0);
}

const keysOf = async (client: Client): Promise<string[]> =>
  (JSON.parse((await client.get('/keys')).body) as string[]).sort();

describe.each(MOUNTS)('%s', (_name, mount) => {
  it.each(WAYS)('keeps overlapping writes and ends for good: %s', async (_way, make) => {
    const rows = new Rows();
    const client = await start(mount, make(rows));
    await client.get('/set/first');
    const keys = Array.from({ length: WRITES }, (_, n) => `key-${String(n)}`);
    await Promise.all(keys.map((key) => client.clone().get(`/set/${key}`)));
    expect(await keysOf(client)).toEqual([...keys, 'first'].sort());
    const late = client.clone().get('/slow');
    await arrived.opened;
    const tab = client.clone();
    expect((await client.get('/logout')).body).toBe('bye');
    gate.open();
    expect((await late).cookies).toEqual([]);
    expect([await keysOf(tab), rows.size]).toEqual([[], 0]);
  });

  it.each(['get', 'set', 'touch', 'destroy'] as const)(
    'ends waiting for a %s without an answer',
    async (name) => {
      const rows = new Rows();
      const store = storeWith(rows);
      const client = await start(mount, store, 250);
      await client.get('/set/first');
      store[name] = () => new Promise(() => undefined);
      const started = performance.now();
      const answer = await client
        .clone()
        .get({ get: '/keys', set: '/set/x', touch: '/keys', destroy: '/logout' }[name]);
      expect(performance.now() - started).toBeLessThan(2_000);
      // A touch harms no response.
      expect(answer.status).toBe(name === 'touch' ? 200 : 503);
    },
  );

  it('writes to a session again when a write of it was never answered', async () => {
    const rows = new Rows();
    const store = storeWith(rows);
    const { set } = store;
    const client = await start(mount, store, 250);
    await client.get('/set/first');
    store.set = () => undefined;
    expect((await client.get('/set/lost')).status).toBe(503);
    store.set = set;
    expect((await client.get('/set/second')).status).toBe(200);
    expect(await keysOf(client)).toEqual(['first', 'second']);
    expect((await client.get('/logout')).body).toBe('bye');
  });

  it('looks methods up at each call', async () => {
    const rows = new Rows();
    const store = storeWith(rows);
    const client = await start(mount, store);
    const { set } = store as unknown as {
      set: (sid: string, stored: StoredSession, answer: () => void) => void;
    };
    store.set = (sid: string, stored: StoredSession, answer: () => void) => {
      set(sid, { ...stored, patched: true }, answer);
    };
    await client.get('/set/first');
    expect(await keysOf(client)).toEqual(['first', 'patched']);
  });

  it('fails as the store fails, and logs nobody out', async () => {
    const rows = new Rows();
    const store = storeWith(rows);
    const { get } = store;
    const client = await start(mount, store);
    await client.get('/set/first');
    store.get = (_sid: string, answer: (error: unknown) => void) => {
      answer('it is gone');
    };
    const answer = await client.get('/keys');
    expect([answer.status, answer.cookies]).toEqual([503, []]);
    store.get = get;
    expect(await keysOf(client)).toEqual(['first']);
  });
});

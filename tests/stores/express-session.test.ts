// Our memory store under the real express-session, over HTTP: what people have today keeps working with it.
import session from 'express-session';
import type { Express } from 'express';

import type { SessionId } from '../../src/core/contract.js';
import { MemoryStore, type MemoryStoreOptions } from '../../src/stores/memory-store.js';
import { Client, EXPRESS, serve } from '../support/http.js';
import { SECRET } from '../support/secret.js';

declare module 'express-session' {
  interface SessionData {
    visits: number;
    user: string;
  }
}

describe.each(EXPRESS)('%s', (_name, express) => {
  const start = async (
    storeOptions: MemoryStoreOptions = {},
    options: Partial<session.SessionOptions> = {},
  ) => {
    const store = new MemoryStore({ cleanupInterval: 0, ...storeOptions });
    const app: Express = express();
    app.use(
      session({
        secret: SECRET,
        resave: false,
        saveUninitialized: false,
        cookie: { maxAge: 60_000 },
        ...options,
        // The types of express-session want methods that return void.
        store: store as unknown as session.Store,
      }),
    );
    app.get('/count', (req, res) => {
      req.session.visits = (req.session.visits ?? 0) + 1;
      res.send(String(req.session.visits));
    });
    app.get(
      '/read',
      (req, res) => void res.json({ visits: req.session.visits, user: req.session.user, id: req.sessionID }),
    );
    app.get(
      '/cookie',
      (req, res) =>
        void res.json({ maxAge: req.session.cookie.maxAge, original: req.session.cookie.originalMaxAge }),
    );
    app.get('/login', (req, res, next) => {
      req.session.regenerate((error) => {
        if (error) {
          next(error);
          return;
        }
        req.session.user = 'ada';
        req.session.save((failed) => (failed ? next(failed) : void res.send(req.sessionID)));
      });
    });
    app.get('/logout', (req, res, next) => {
      req.session.destroy((error) => (error ? next(error) : void res.send('bye')));
    });
    app.get('/reload', (req, res, next) => {
      req.session.visits = 999;
      req.session.reload((error) => (error ? next(error) : void res.send(String(req.session.visits))));
    });
    let arrived = (): void => undefined;
    let go = (): void => undefined;
    const slow = { arrived: new Promise<void>((resolve) => (arrived = resolve)), go: () => go() };
    app.get('/slow', (req, res) => {
      const gate = new Promise<void>((resolve) => (go = resolve));
      arrived();
      void gate.then(() => {
        req.session.visits = 1_000;
        res.send('late');
      });
    });
    const running = await serve(app);
    const client = new Client(running.port);
    const stop = async (): Promise<void> => {
      await running.close();
      await store.close();
    };
    return { store, client, port: running.port, slow, stop };
  };

  it.each(['sha256', 'plain'] as const)('counts visits of each browser, ids %s at rest', async (idAtRest) => {
    const { store, client, port, stop } = await start({ idAtRest });
    const other = new Client(port);
    for (const visits of ['1', '2', '3']) expect((await client.get('/count')).body).toBe(visits);
    expect((await other.get('/count')).body).toBe('1');
    expect(await store.length()).toBe(2);
    await stop();
  });

  it('S11 keeps no id at rest, and the data of a session only', async () => {
    const { store, client, stop } = await start();
    await client.get('/count');
    const { id } = JSON.parse((await client.get('/read')).body) as { id: string };
    const record = store.findSync(store.keyOf(id as SessionId));
    expect(JSON.stringify(record)).not.toContain(id);
    expect(JSON.parse(record?.data ?? '')).toMatchObject({ visits: 1, cookie: { originalMaxAge: 60_000 } });
    expect(record?.idleMs).toBe(60_000);
    await stop();
  });

  it('S45 starts without a row or a cookie for a visitor that does nothing', async () => {
    const { store, client, stop } = await start();
    expect((await client.get('/read')).cookies).toEqual([]);
    expect(await store.length()).toBe(0);
    await stop();
  });

  it('S28 ends a session at logout, and the old cookie begins at one again', async () => {
    const { store, client, stop } = await start();
    await client.get('/count');
    const before = client.cookie;
    expect((await client.get('/logout')).body).toBe('bye');
    expect(await store.length()).toBe(0);
    client.cookie = before;
    expect((await client.get('/count')).body).toBe('1');
    expect(client.cookie).not.toBe(before);
    await stop();
  });

  it('does not let a slow request bring back what a logout ended (P2)', async () => {
    const { store, client, slow, stop } = await start();
    await client.get('/count');
    const tab = client.clone();
    const late = tab.get('/slow');
    await slow.arrived;
    await client.get('/logout');
    slow.go();
    expect((await late).body).toBe('late');
    expect([await store.length(), await store.all()]).toEqual([0, []]);
    await stop();
  });

  it('S12 renews the id at login: the old one opens nothing', async () => {
    const { client, stop } = await start();
    await client.get('/count');
    const before = client.cookie;
    const id = (await client.get('/login')).body;
    expect(JSON.parse((await client.get('/read')).body)).toEqual({ user: 'ada', id });
    client.cookie = before;
    expect(JSON.parse((await client.get('/read')).body)).not.toHaveProperty('user');
    await stop();
  });

  it('reloads what is stored', async () => {
    const { client, stop } = await start();
    await client.get('/count');
    await client.get('/count');
    expect((await client.get('/reload')).body).toBe('2');
    await stop();
  });

  it('moves the expiry with each visit that changes nothing, as touch says', async () => {
    const { store, client, stop } = await start({}, { rolling: true });
    await client.get('/count');
    const { id } = JSON.parse((await client.get('/read')).body) as { id: string };
    const ends = (): number => store.findSync(store.keyOf(id as SessionId))?.expiresAt ?? 0;
    const first = ends();
    // Real time: express-session reads Date.now.
    await new Promise((resolve) => setTimeout(resolve, 20));
    const answer = await client.get('/read');
    expect(answer.cookies).toHaveLength(1);
    expect(ends()).toBeGreaterThan(first);
    const cookie = JSON.parse((await client.get('/cookie')).body) as { maxAge: number; original: number };
    expect(cookie.original).toBe(60_000);
    expect(cookie.maxAge).toBeGreaterThan(59_000);
    await stop();
  });

  it('keeps sessions of cookies that die with the browser', async () => {
    const { client, stop } = await start({}, { cookie: {} });
    expect((await client.get('/count')).cookies[0]).not.toMatch(/expires|max-age/i);
    expect((await client.get('/count')).body).toBe('2');
    await stop();
  });

  it('hands a fault of the store on to the error handler', async () => {
    const { store, client, stop } = await start();
    await client.get('/count');
    jest.spyOn(store, 'find').mockRejectedValue(new Error('boom!'));
    const answer = await client.get('/count');
    expect([answer.status, answer.body.includes('boom!')]).toEqual([500, true]);
    await stop();
  });
});

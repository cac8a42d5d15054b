// Our file store under the real express-session, over HTTP, and its express-session methods beside it.
import express from 'express';
import session from 'express-session';

import { FileStore } from '../../src/stores/file-store.js';
import { freshPath } from '../support/directory.js';
import { Client, serve, type Running } from '../support/http.js';
import { SECRET } from '../support/secret.js';

describe.each([{ io: 'sync' }, { io: 'async' }, { durability: 'power' }] as const)('FileStore %j', (mode) => {
  let store: FileStore;
  let running: Running;
  let client: Client;

  beforeEach(async () => {
    store = new FileStore({ path: freshPath(), cleanupInterval: 0, ...mode });
    const app = express();
    app.use(
      session({
        secret: SECRET,
        resave: false,
        saveUninitialized: false,
        cookie: { maxAge: 60_000 },
        // The types of express-session want methods that return void.
        store: store as unknown as session.Store,
      }),
    );
    app.get('/count', (req, res) => {
      const data = req.session as unknown as { count?: number };
      data.count = (data.count ?? 0) + 1;
      res.send(String(data.count));
    });
    app.get('/id', (req, res) => void res.send(req.sessionID));
    app.get('/login', (req, res, next) => {
      req.session.regenerate((error) => (error ? next(error) : res.send('in')));
    });
    app.get('/logout', (req, res, next) => {
      req.session.destroy((error) => (error ? next(error) : res.send('out')));
    });
    running = await serve(app);
    client = new Client(running.port);
  });

  afterEach(async () => {
    await running.close();
    await store.close();
  });

  it('counts, logs in and out, and lists, counts, touches and clears', async () => {
    for (const count of ['1', '2', '3']) expect((await client.get('/count')).body).toBe(count);
    const { body: id } = await client.get('/id');
    expect(await store.length()).toBe(1);
    expect(await store.ids()).toEqual([store.handleOf(store.keyOf(id as Parameters<FileStore['keyOf']>[0]))]);
    const [listed] = await store.all();
    // express-session loses a millisecond of it now and then.
    expect(listed).toMatchObject({
      count: 3,
      cookie: { originalMaxAge: expect.closeTo(60_000, -2) as number },
    });
    const stored = await store.get(id);
    const later = new Date(Date.now() + 120_000).toISOString();
    await store.touch(id, { ...stored, cookie: { originalMaxAge: 120_000, expires: later } });
    expect((await store.get(id))?.cookie?.expires).toBe(later);
    expect((await client.get('/login')).body).toBe('in');
    expect(await store.get(id)).toBeNull();
    expect((await client.get('/count')).body).toBe('1');
    expect((await client.get('/logout')).body).toBe('out');
    expect((await client.get('/count')).body).toBe('1');
    expect(await store.length()).toBe(1);
    await store.clear();
    expect([await store.length(), await store.all()]).toEqual([0, []]);
  });
});

// When the drop-in reads the session: before the handlers, or when it is used.
import express from 'express';

import session from '../../src/express-session/index.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { Client, serve, type Running } from '../support/http.js';
import { SECRET } from '../support/secret.js';

class CountingStore extends MemoryStore {
  reads = 0;

  override findSync(...args: Parameters<MemoryStore['findSync']>): ReturnType<MemoryStore['findSync']> {
    this.reads++;
    return super.findSync(...args);
  }
}

type Options = NonNullable<Parameters<typeof session>[0]>;

describe('load', () => {
  let running: Running;
  afterEach(() => running.close());

  const start = async (options: Partial<Options>): Promise<{ client: Client; store: CountingStore }> => {
    const store = new CountingStore({ cleanupInterval: 0 });
    const app = express();
    app.use(session({ secret: SECRET, store, resave: false, saveUninitialized: false, ...options }));
    app.get('/count', (req, res) => {
      const data = req.session as unknown as { count?: number };
      data.count = (data.count ?? 0) + 1;
      res.send(`${data.count} ${typeof req.sessionID}`);
    });
    app.get('/public', (_req, res) => void res.send('public'));
    running = await serve(app);
    const client = new Client(running.port);
    await client.get('/count');
    store.reads = 0;
    return { client, store };
  };

  it('reads before every handler by default', async () => {
    const { client, store } = await start({});
    expect((await client.get('/count')).body).toBe('2 string');
    await client.get('/public');
    expect(store.reads).toBe(2);
  });

  it("reads when req.session is used, if it is 'lazy'", async () => {
    const { client, store } = await start({ load: 'lazy' });
    const { headers } = await client.get('/public');
    expect([store.reads, headers['set-cookie']]).toEqual([0, undefined]);
    expect((await client.get('/count')).body).toBe('2 string');
    expect(store.reads).toBe(1);
  });

  it('reads before the handlers of the requests that a function says', async () => {
    const { client, store } = await start({ load: (req) => req.url !== '/public' });
    await client.get('/public');
    expect(store.reads).toBe(0);
    expect((await client.get('/count')).body).toBe('2 string');
  });

  it('says what to do where a store of others was not asked before', async () => {
    const app = express();
    const sessions = new Map<string, unknown>();
    const store = {
      get: async (id: string) => Promise.resolve(sessions.get(id)),
      set: async (id: string, data: unknown) => Promise.resolve(sessions.set(id, data)),
      destroy: async (id: string) => Promise.resolve(sessions.delete(id)),
    };
    app.use(
      session({
        secret: SECRET,
        store,
        resave: false,
        saveUninitialized: true,
        load: (req) => req.url !== '/lazy',
      }),
    );
    app.use((req, res) => void res.send(typeof req.session));
    app.use(
      (
        error: Error & { code?: string },
        _req: express.Request,
        res: express.Response,
        next: express.NextFunction,
      ) => {
        if (error.code === undefined) next(error);
        else res.send(error.code);
      },
    );
    running = await serve(app);
    const client = new Client(running.port);
    await client.get('/');
    expect((await client.get('/lazy')).body).toBe('ERR_SESSION_NOT_LOADED');
    expect((await client.get('/')).body).toBe('object');
  });

  it('refuses what is neither', () => {
    expect(() => session({ secret: SECRET, load: 'never' as 'lazy' })).toThrow(/load option must be/);
  });
});

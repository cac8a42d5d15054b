// One gate per response, whoever stands behind it: middleware mounted twice, several managers, late comers, sub-apps.
import compression from 'compression';
import type { Request, Response } from 'express';

import { SessionManager } from '../../src/session-manager.js';
import { DelayedStore } from '../support/delayed-store.js';
import { reportFault } from '../support/faults.js';
import { closeGated, gated, STACKS } from '../support/gated.js';
import { EXPRESS } from '../support/http.js';
import { headerValues, rawRequest } from '../support/raw-http.js';
import { SECRET } from '../support/secret.js';

const others: SessionManager[] = [];

/** A second manager, of another cookie and another property. */
function another(
  options: { property?: string; delayMs?: number } = {},
): SessionManager & { delayed: DelayedStore } {
  const { property = 'admin', delayMs = 15 } = options;
  const delayed = new DelayedStore(delayMs);
  const manager = new SessionManager({ secret: SECRET, store: delayed, cookieName: 'other', property });
  others.push(manager);
  return Object.assign(manager, { delayed });
}

afterEach(async () => {
  await closeGated();
  await Promise.all(others.splice(0).map((manager) => manager.close()));
});

afterAll(() => {
  reportFault({
    fault: 'F34',
    recipe: 'the middleware twice; two managers, one of them failing; late comers; sub-apps',
    rounds: STACKS.length,
    result: 'both cookies, one 503, one commit each',
  });
});

describe.each(STACKS)('%s', (_name, stack) => {
  it('commits once when the middleware is mounted twice', async () => {
    const server = await gated({
      ...stack,
      delayMs: 5,
      routes(app, sessions) {
        app.use(sessions.middleware());
        app.get('/', sessions.middleware(), async (req: Request, res: Response) => {
          res.send(String(await sessions.update(req, 'n', (n: number = 0) => n + 1)));
        });
      },
    });
    const first = await server.client.get('/');
    expect([first.body, first.cookies.length]).toEqual(['1', 1]);
    expect((await server.client.get('/')).body).toBe('2');
  });

  it('sets the cookies of two managers and waits for both', async () => {
    const second = another({ delayMs: 40 });
    const server = await gated({
      ...stack,
      delayMs: 5,
      routes(app, sessions) {
        app.use(second.middleware());
        app.get('/', (req: Request, res: Response) => {
          const one = sessions.session(req);
          const two = (req as never as Record<string, Record<string, number>>)['admin'] ?? {};
          one['n'] = Number(one['n'] ?? 0) + 1;
          two['m'] = (two['m'] ?? 10) + 1;
          res.json([one, two]);
        });
      },
    });
    const first = await server.client.get('/');
    expect(first.cookies.map((line) => line.slice(0, line.indexOf('='))).sort()).toEqual(['other', 'sid']);
    expect(first.headers['cache-control']).toBe('no-store');
    expect(first.headers.vary?.split(', ').filter((field) => field === 'Cookie')).toHaveLength(1);
    expect((await server.client.get('/')).body).toBe('[{"n":2},{"m":12}]');
    expect([await server.sessions.count(), await second.count()]).toEqual([1, 1]);
  });

  it('answers 503 once if one of two managers cannot store', async () => {
    const second = another();
    second.delayed.failure = new Error('disk full');
    const server = await gated({
      ...stack,
      routes(app, sessions) {
        app.use(second.middleware());
        app.get('/', (req: Request, res: Response) => {
          sessions.session(req)['n'] = 1;
          second.session(req)['n'] = 1;
          res.send('secret');
        });
      },
    });
    const answer = await server.client.get('/');
    expect(answer).toMatchObject({ status: 503, body: 'ERR_SESSION_STORE', cookies: [] });
    expect(server.errors).toHaveLength(1);
  });

  it('gives the property to the first of two managers that want the same one', async () => {
    const second = another({ property: 'session' });
    const server = await gated({
      ...stack,
      routes(app, sessions) {
        app.use(second.middleware());
        app.get('/', (req: Request, res: Response) => {
          res.json([
            (req as { session?: unknown }).session === sessions.session(req),
            (req as { session?: unknown }).session === second.session(req),
          ]);
        });
      },
    });
    expect((await server.client.get('/')).body).toBe('[true,false]');
  });

  it('refuses a new session to a manager that comes after the response has begun', async () => {
    const second = another();
    const outcome: unknown[] = [];
    const server = await gated({
      ...stack,
      delayMs: 10,
      routes(app, sessions) {
        app.get('/', (req: Request, res: Response, next) => {
          sessions.session(req)['n'] = 1;
          res.writeHead(200, { 'Content-Type': 'text/plain' });
          res.write('begun ');
          setTimeout(next, req.query['late'] === undefined ? 0 : 30);
        });
        app.use(second.middleware());
        app.get('/', async (req: Request, res: Response) => {
          outcome.push(await second.set(req, 'n', 1).catch((error: unknown) => error));
          res.end('done');
        });
      },
    });
    for (const path of ['/', '/?late=1']) {
      const answer = await server.client.get(path);
      expect([answer.status, answer.body]).toEqual([200, 'begun done']);
    }
    // With a compression inside, the response begins when its first bytes come out.
    if (stack.place === 'absent')
      expect(outcome).toMatchObject([
        { code: 'ERR_SESSION_HEADERS_SENT' },
        { code: 'ERR_SESSION_HEADERS_SENT' },
      ]);
  });
});

describe.each(EXPRESS)('%s', (_name, express) => {
  it('lets a response through that had begun before the middleware', async () => {
    let caught: unknown;
    const server = await gated({
      express,
      place: 'absent',
      before(app) {
        app.use((_req, res, next) => {
          res.write('begun ');
          next();
        });
      },
      routes(app, sessions) {
        app.get('/', async (req: Request, res: Response) => {
          caught = await sessions.set(req, 'n', 1).catch((error: unknown) => error);
          res.end('done');
        });
      },
    });
    expect((await server.client.get('/')).body).toBe('begun done');
    expect(caught).toMatchObject({ code: 'ERR_SESSION_HEADERS_SENT' });
    expect(await server.sessions.count()).toBe(0);
  });

  it("holds the responses of mounted apps and routers, whether the middleware is theirs or their parent's", async () => {
    const inner = another();
    const server = await gated({
      express,
      place: 'absent',
      delayMs: 10,
      routes(app, sessions) {
        const mounted = express();
        mounted.use(inner.middleware());
        mounted.get('/', (req: Request, res: Response) => {
          sessions.session(req)['n'] = 1;
          inner.session(req)['n'] = 1;
          res.send('mounted');
        });
        mounted.get('/fail', (req: Request, res: Response) => {
          inner.delayed.failure = new Error('disk full');
          inner.session(req)['n'] = 2;
          res.send('secret');
        });
        app.use('/mounted', mounted);
      },
    });
    const answer = await server.client.get('/mounted');
    expect([answer.body, answer.cookies.length]).toEqual(['mounted', 2]);
    expect(await server.client.get('/mounted/fail')).toMatchObject({
      status: 503,
      body: 'ERR_SESSION_STORE',
    });
  });

  it('meets every response once, where a compression outside takes some of them', async () => {
    const server = await gated({
      express,
      place: 'absent',
      delayMs: 20,
      before: (app) => app.use('/zip', compression({ threshold: 0 })),
      routes(app, sessions) {
        app.get(['/plain', '/zip'], (req: Request, res: Response) => {
          sessions.session(req)['path'] = req.path;
          res.type('text').write('who');
          res.end('le');
        });
      },
    });
    for (const path of ['/zip', '/plain', '/zip', '/plain']) {
      const answer = await rawRequest(server.port, { path, headers: { 'Accept-Encoding': 'gzip' } });
      expect(answer.firstByteAt).toBeGreaterThan(server.store.storedAt);
      expect(headerValues(answer, 'Set-Cookie')).toHaveLength(1);
      expect(headerValues(answer, 'Content-Encoding')).toEqual(path === '/zip' ? ['gzip'] : []);
    }
  });

  it('leaves the responses of other apps in the process alone', async () => {
    const server = await gated({
      express,
      place: 'absent',
      routes: (app) => app.get('/', (_req, res) => res.send('x')),
    });
    await server.client.get('/');
    const bare = express();
    for (const method of ['write', 'end', 'writeHead', 'flushHeaders'])
      expect([Object.hasOwn(bare.response, method), Object.hasOwn(express.response, method)]).toEqual([
        false,
        false,
      ]);
  });
});

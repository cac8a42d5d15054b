// Without Express: plain node:http, HTTP/2, and calls without a response, as WebSocket servers make them.
import { once } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import { connect, createServer, Http2ServerResponse, type Http2ServerRequest } from 'node:http2';
import { Socket, type AddressInfo } from 'node:net';

import { SessionManager } from '../../src/session-manager.js';
import { DelayedStore } from '../support/delayed-store.js';
import { reportFault } from '../support/faults.js';
import { Client, serve } from '../support/http.js';
import { SECRET } from '../support/secret.js';

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown;

const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

function manage(delayMs = 10) {
  const store = new DelayedStore(delayMs);
  const sessions = new SessionManager({ secret: SECRET, store });
  endings.push(() => sessions.close());
  return { store, sessions };
}

/** What an app without Express does: the handler, or an error page, which may come later. */
function listener(sessions: SessionManager, handler: Handler): Handler {
  return (req, res) => {
    sessions.middleware()(req, res, (error) => {
      if (error === undefined) return handler(req, res);
      res.statusCode = (error as { status: number }).status;
      return res.end((error as { code: string }).code);
    });
  };
}

const counter =
  (sessions: SessionManager): Handler =>
  (req, res) => {
    const session = sessions.session(req) as Record<string, unknown>;
    session['n'] = Number(session['n'] ?? 0) + 1;
    res.setHeader('Content-Type', 'text/plain');
    res.end(String(session['n']));
  };

describe('node:http', () => {
  async function start(handler: (sessions: SessionManager) => Handler) {
    const { store, sessions } = manage();
    const server = await serve(listener(sessions, handler(sessions)));
    endings.push(() => server.close());
    return { store, sessions, client: new Client(server.port) };
  }

  it('counts visits', async () => {
    const { client } = await start(counter);
    for (const n of ['1', '2', '3']) expect((await client.get('/')).body).toBe(n);
  });

  it('answers 503 through next when the store fails', async () => {
    const { client, store } = await start(counter);
    store.failure = new Error('disk full');
    const answer = await client.get('/');
    expect(answer).toMatchObject({ status: 503, body: 'ERR_SESSION_STORE', cookies: [] });
    expect(answer.headers['content-type']).toBeUndefined();
  });

  it('offers req.session, sessionID and sessionStore on the request', async () => {
    const { client, store } = await start((sessions) => (req, res) => {
      const request = req as never as Record<string, unknown>;
      res.end(
        String([
          request['session'] === sessions.session(req),
          request['sessionID'],
          request['sessionStore'] === store,
        ]),
      );
    });
    expect((await client.get('/')).body).toBe('true,,true');
  });
});

describe('HTTP/2', () => {
  async function start(handler: (sessions: SessionManager) => Handler) {
    const { store, sessions } = manage();
    const handle = listener(sessions, handler(sessions)) as never as (
      req: Http2ServerRequest,
      res: Http2ServerResponse,
    ) => void;
    const server = createServer(handle);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
    endings.push(async () => {
      client.close();
      await new Promise((resolve) => server.close(resolve));
    });
    let cookie = '';
    const get = async (headers: Record<string, string> = {}) => {
      const stream = client.request({ ':path': '/', ...(cookie === '' ? {} : { cookie }), ...headers });
      const [head] = (await once(stream, 'response')) as [Record<string, string | string[]>];
      const firstByteAt = performance.now();
      let body = '';
      for await (const chunk of stream.setEncoding('utf8')) body += String(chunk);
      const cookies = [head['set-cookie'] ?? []].flat();
      if (cookies[0] !== undefined) cookie = cookies[0].slice(0, cookies[0].indexOf(';'));
      return { status: head[':status'], head, body, cookies, firstByteAt };
    };
    return { store, sessions, client, get };
  }

  it('counts visits, sets the cookie and sends nothing before the save', async () => {
    const { get, store } = await start(counter);
    const first = await get();
    expect(first).toMatchObject({
      status: 200,
      body: '1',
      head: { vary: 'Cookie', 'cache-control': 'no-store' },
    });
    expect(first.cookies).toHaveLength(1);
    expect(first.firstByteAt).toBeGreaterThan(store.storedAt);
    for (const body of ['2', '3']) expect(await get()).toMatchObject({ status: 200, body });
  });

  it.each<[string, Handler]>([
    ['write, end', (_req, res) => [res.write('wh'), res.end('ole')]],
    ['writeHead, end', (_req, res) => res.writeHead(200, { 'x-mine': '1' }).end('whole')],
    [
      'flushHeaders, then later',
      (_req, res) => {
        res.flushHeaders();
        setTimeout(() => res.end('whole'), 20);
      },
    ],
    [
      'writes as drain allows',
      async (_req, res) => {
        if (!res.write('wh')) await once(res, 'drain');
        res.end('ole');
      },
    ],
    ['end twice', (_req, res) => [res.end('whole'), res.end('second')]],
  ])('sends what the handler writes: %s', async (_way, handler) => {
    const { get, sessions } = await start((manager) => (req, res) => {
      manager.session(req)['n'] = 1;
      return handler(req, res);
    });
    const answer = await get();
    expect([answer.status, answer.body, answer.cookies.length]).toEqual([200, 'whole', 1]);
    expect(await sessions.count()).toBe(1);
  });

  it.each<[string, Handler]>([
    ['end', (_req, res) => res.end('secret')],
    ['write', (_req, res) => [res.write('secret'), res.end('secret')]],
    ['writeHead', (_req, res) => res.writeHead(201, { 'x-mine': '1' }).end('secret')],
  ])('answers 503 with its body when the store fails: %s', async (_way, handler) => {
    const { get, store } = await start((sessions) => (req, res) => {
      sessions.session(req)['n'] = 1;
      return handler(req, res);
    });
    store.failure = new Error('disk full');
    const answer = await get();
    expect(answer).toMatchObject({ status: 503, body: 'ERR_SESSION_STORE', cookies: [] });
    expect(answer.head['x-mine']).toBeUndefined();
  });

  it('looks sent while it is held', async () => {
    const seen: unknown[] = [];
    const { get } = await start((sessions) => (req, res) => {
      sessions.session(req)['n'] = 1;
      seen.push(res.headersSent);
      res.end('whole');
      seen.push(res.headersSent);
      for (const act of [
        () => res.setHeader('x-late', '1'),
        () => res.appendHeader('x-late', '1'),
        () => {
          res.removeHeader('x-late');
        },
        () => res.writeHead(500),
      ])
        try {
          act();
        } catch (error) {
          seen.push((error as { code: string }).code);
        }
    });
    expect((await get()).body).toBe('whole');
    const code = 'ERR_HTTP2_HEADERS_SENT';
    expect(seen).toEqual([false, true, code, code, code, code]);
  });

  it('throws for a status that HTTP/2 does not have, where it was written', async () => {
    const { get } = await start((sessions) => (req, res) => {
      sessions.session(req)['n'] = 1;
      const codes = [99, 150, 700].map((status) => {
        try {
          res.writeHead(status);
          return 'sent';
        } catch (error) {
          return (error as { code: string }).code;
        }
      });
      res.end(codes.join());
    });
    const answer = await get();
    expect(answer).toMatchObject({ status: 200, cookies: [expect.stringMatching(/^sid=/)] });
    expect(answer.body).toBe(
      'ERR_HTTP2_STATUS_INVALID,ERR_HTTP2_INFO_STATUS_NOT_ALLOWED,ERR_HTTP2_STATUS_INVALID',
    );
  });

  it('does not touch the status message, of which Node warns on HTTP/2', async () => {
    const { prototype } = Http2ServerResponse;
    const reads = jest.spyOn(prototype, 'statusMessage', 'get');
    const writes = jest.spyOn(prototype as { statusMessage: string }, 'statusMessage', 'set');
    const { get, store } = await start(counter);
    await get();
    store.failure = new Error('disk full');
    await get();
    expect([reads.mock.calls.length, writes.mock.calls.length]).toEqual([0, 0]);
    reads.mockRestore();
    writes.mockRestore();
  });

  it('survives streams that are reset while they are held', async () => {
    const { client, sessions, get } = await start(counter);
    for (let round = 0; round < 20; round++) {
      const stream = client.request({ ':path': '/' });
      stream.on('error', () => undefined);
      await new Promise((resolve) => setTimeout(resolve, round % 4 === 0 ? 0 : 5));
      stream.close(8);
      await once(stream, 'close');
    }
    expect((await get()).body).toBe('1');
    await sessions.close();
    reportFault({
      fault: 'F32',
      recipe: 'HTTP/2: shapes, failing store, resets while held',
      rounds: 20,
      result: 'as HTTP/1',
    });
  });
});

describe('a request that is no stream, as tests of handlers make it', () => {
  it('has its session stored, and the cookie on the response', async () => {
    const { sessions, store } = manage();
    const req = { method: 'GET', url: '/', headers: {}, socket: new Socket() } as unknown as IncomingMessage;
    const res = new ServerResponse(req);
    await new Promise((next) => {
      sessions.middleware()(req, res, next);
    });
    sessions.session(req)['n'] = 1;
    res.end('done');
    while (!res.hasHeader('set-cookie')) await new Promise(setImmediate);
    expect(res.getHeader('set-cookie')).toMatch(/^sid=/);
    expect([...store.landed.keys()]).toEqual(['{"n":1}']);
  });
});

describe('without a response', () => {
  it('reads and changes a session that exists, and refuses to begin one', async () => {
    const { sessions } = manage(0);
    const server = await serve(listener(sessions, counter(sessions)));
    endings.push(() => server.close());
    const client = new Client(server.port);
    await client.get('/');
    const upgrade = async (cookie: string | undefined): Promise<IncomingMessage> => {
      const req = new IncomingMessage(new Socket());
      if (cookie !== undefined) req.headers.cookie = cookie;
      await new Promise((resolve) => {
        sessions.middleware()(req, {} as never, resolve);
      });
      return req;
    };
    const known = await upgrade(client.cookie);
    expect(await sessions.get(known, 'n')).toBe(1);
    await sessions.set(known, 'n', 10);
    expect((await client.get('/')).body).toBe('11');
    const unknown = await upgrade(undefined);
    expect(await sessions.get(unknown, 'n')).toBeUndefined();
    await expect(sessions.set(unknown, 'n', 1)).rejects.toMatchObject({ code: 'ERR_SESSION_NO_RESPONSE' });
    expect(await sessions.count()).toBe(1);
  });
});

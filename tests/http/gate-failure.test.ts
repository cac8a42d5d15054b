// A commit that fails answers 503: nothing of what the handler wrote leaves, and nothing that it does later harms.
import { createReadStream } from 'node:fs';
import { once } from 'node:events';

import type { Express, Request, Response } from 'express';

import { closeGated, gated, STACKS, type Stack } from '../support/gated.js';
import { dial, headerValues, rawRequest, requestText } from '../support/raw-http.js';
import { FILE } from '../support/response-shapes.js';

const HEADERS = { 'Accept-Encoding': 'gzip' };

afterEach(closeGated);

/** A server whose store fails; the handler changes the session, then answers. */
function failing(stack: Stack, answer: (res: Response, req: Request) => unknown, more: object = {}) {
  return gated({
    ...stack,
    delayMs: 5,
    before(app) {
      app.use((_req, res, next) => {
        res.setHeader('X-Before', 'kept');
        res.setHeader('X-Changed', 'before');
        next();
      });
    },
    routes(app, sessions) {
      app.get('/', (req: Request, res: Response) => {
        sessions.session(req)['n'] = 1;
        return answer(res, req);
      });
    },
    ...more,
  }).then((server) => {
    server.store.failure = new Error('disk full');
    return server;
  });
}

const ANSWERS: Record<string, (res: Response) => unknown> = {
  send: (res) => res.set('X-Changed', 'after').type('html').send('<p>secret</p>'),
  'writeHead + end': (res) =>
    res.writeHead(201, 'Made', { 'Content-Type': 'text/html', 'X-Mine': '1' }).end('secret'),
  'flushHeaders + end': (res) => {
    res.set('ETag', '"mine"').type('html').flushHeaders();
    res.end('secret');
  },
  redirect: (res) => {
    res.removeHeader('X-Before');
    res.redirect('/secret');
  },
  sendFile: (res) => {
    res.sendFile(FILE);
  },
  pipe: (res) => createReadStream(FILE).pipe(res.status(206).type('text')),
};

describe.each(STACKS)('%s', (_name, stack) => {
  it.each(Object.entries(ANSWERS))(
    'answers 503 without a trace of the dropped response: %s',
    async (_answer, answer) => {
      const server = await failing(stack, answer);
      const raw = await rawRequest(server.port, { headers: HEADERS });
      expect(raw.head[0]).toBe('HTTP/1.1 503 Service Unavailable');
      const names = raw.head.slice(1).map((line) => line.slice(0, line.indexOf(':')).toLowerCase());
      const own = ['connection', 'content-type', 'date', 'etag', 'x-before', 'x-changed', 'x-powered-by'];
      const zipped = ['content-encoding', 'transfer-encoding', 'vary'];
      expect(names.sort()).toEqual(
        [...own, ...(stack.place === 'outside' ? zipped : ['content-length'])].sort(),
      );
      expect(headerValues(raw, 'X-Before')).toEqual(['kept']);
      expect(headerValues(raw, 'X-Changed')).toEqual(['before']);
      expect(headerValues(raw, 'ETag')).not.toEqual(['"mine"']);
      expect(raw.bytes.toString('latin1')).not.toContain('secret');
      if (stack.place !== 'outside') expect(raw.body).toBe('ERR_SESSION_STORE');
      expect(server.errors).toMatchObject([
        { code: 'ERR_SESSION_STORE', status: 503, cause: { message: 'disk full' } },
      ]);
      expect(await server.sessions.count()).toBe(0);
    },
  );

  it('takes back what was added to a header that was there', async () => {
    const { port } = await failing(stack, (res) => res.appendHeader('Set-Cookie', 'mine=1').end('secret'), {
      before(app: Express) {
        app.use((_req, res, next) => {
          res.setHeader('Set-Cookie', ['theirs=1', 'theirs=2']);
          next();
        });
      },
    });
    const answer = await rawRequest(port, { headers: HEADERS });
    expect(headerValues(answer, 'set-cookie')).toEqual(['theirs=1', 'theirs=2']);
  });

  it("lets Express's own error handler answer", async () => {
    const server = await failing(stack, ANSWERS['send'] as never, {
      onError: (error: unknown, _req: Request, _res: Response, next: (error: unknown) => void) => {
        next(error);
      },
    });
    const answer = await server.client.get('/');
    expect(answer.status).toBe(503);
    expect(answer.cookies).toEqual([]);
    expect(answer.body).toContain('The session store failed');
    expect(answer.body).not.toContain('secret');
  });

  it('lets an error handler stream its page', async () => {
    const server = await failing(stack, ANSWERS['send'] as never, {
      onError: (_error: unknown, _req: Request, res: Response) =>
        createReadStream(FILE).pipe(res.status(503).type('text')),
    });
    // A compression outside has taken over what drain means; it must have it back.
    const raw = await rawRequest(server.port, { headers: HEADERS });
    expect(raw.head[0]).toBe('HTTP/1.1 503 Service Unavailable');
    expect(headerValues(raw, 'Content-Encoding')).toEqual(stack.place === 'outside' ? ['gzip'] : []);
    if (stack.place !== 'outside') expect(raw.body.replace(/[^a-z ]/g, '').length).toBeGreaterThan(190_000);
  });

  it('fails when the update of a session fails, and leaves its cookie alone', async () => {
    const server = await failing(stack, ANSWERS['send'] as never, {
      routes: (
        app: import('express').Express,
        sessions: import('../../src/session-manager.js').SessionManager,
      ) => {
        app.get('/:n', (req: Request, res: Response) => {
          sessions.session(req)['n'] = req.params['n'];
          res.send('ok');
        });
      },
    });
    server.store.failure = null;
    await server.client.get('/1');
    server.store.failure = new Error('gone');
    const { cookie } = server.client;
    expect(await server.client.get('/2')).toMatchObject({ status: 503, cookies: [] });
    expect(server.client.cookie).toBe(cookie);
    server.store.failure = null;
    expect((await server.sessions.getAllSessions()).map(({ data }) => data)).toEqual([{ n: '1' }]);
  });

  it('survives a handler that goes on writing, and runs its callbacks', async () => {
    let written = 0;
    let ended = 0;
    const server = await failing(stack, (res) => {
      const { write } = res;
      const timer = setInterval(() => {
        write.call(res, 'captured ', 'utf8', () => written++);
        res.write('by name ', () => written++);
      }, 1);
      res.write('first ', () => written++);
      setTimeout(() => {
        clearInterval(timer);
        res.end('last', () => ended++);
        res.end('twice');
      }, 30);
    });
    const answer = await server.client.get('/');
    expect([answer.status, answer.body]).toEqual([503, 'ERR_SESSION_STORE']);
    await expect(server.client.get('/')).resolves.toMatchObject({ status: 503 });
    await new Promise((resolve) => setTimeout(resolve, 40));
    // An inner compression has no callbacks for what is written.
    if (stack.place === 'absent') expect([written > 10, ended]).toEqual([true, 2]);
  });

  it('lets a piped file run out, so that it does not stay open', async () => {
    let file: import('node:fs').ReadStream | undefined;
    const server = await failing(stack, (res) => (file = createReadStream(FILE)).pipe(res.type('text')));
    expect((await server.client.get('/')).status).toBe(503);
    if (file?.closed === false) await once(file, 'close');
    expect(file?.closed).toBe(true);
  });

  it('fails when the data cannot be stored', async () => {
    const server = await failing(stack, (res) => res.send('secret'), {
      routes: (
        app: import('express').Express,
        sessions: import('../../src/session-manager.js').SessionManager,
      ) => {
        app.get('/', (req: Request, res: Response) => {
          sessions.session(req)['big'] = 1n;
          res.send('secret');
        });
      },
    });
    expect(await server.client.get('/')).toMatchObject({
      status: 500,
      body: 'ERR_SESSION_VALUE',
      cookies: [],
    });
  });

  it('fails on a status that Node refuses, and keeps the connection in order', async () => {
    const server = await failing(stack, (res) => {
      res.statusCode = 99_999;
      res.end('secret');
    });
    server.store.failure = null;
    const answer = await server.client.get('/');
    expect(answer.status).toBe(500);
    expect(answer.body).toBe('ERR_HTTP_INVALID_STATUS_CODE');
    // The connection can still be destroyed: nothing holds it any more.
    const socket = await dial(server.port);
    socket.write(requestText({}));
    await once(socket, 'data');
    server.server.closeAllConnections();
    await once(socket, 'close');
  });

  it('gives the connection back after a failure: the next request on it is answered', async () => {
    const server = await failing(stack, (res) => {
      res.end('x');
      throw new Error('after the end');
    });
    const { Agent, request } = await import('node:http');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let round = 0; round < 3; round++) {
      const req = request({ port: server.port, host: '127.0.0.1', agent }).end();
      const [res] = (await once(req, 'response')) as [import('node:http').IncomingMessage];
      expect(res.statusCode).toBe(503);
      res.resume();
      await once(res, 'end');
    }
    agent.destroy();
  });
});

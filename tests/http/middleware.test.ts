// Unused is free, and what a response says about the session: the cookie, Vary, Cache-Control, and when.
import type { Request, Response } from 'express';

import type { SessionManagerOptions } from '../../src/http/options.js';
import type { SessionData } from '../../src/session-data.js';
import type { SessionManager } from '../../src/session-manager.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { rounds } from '../support/faults.js';
import { closeGated, gated } from '../support/gated.js';
import { Client, EXPRESS } from '../support/http.js';

const WARNINGS: string[] = [];
const logger = {
  warn: (facts: unknown) => WARNINGS.push((facts as { code: string }).code),
  error: () => undefined,
};

afterEach(async () => {
  WARNINGS.length = 0;
  await closeGated();
});

describe.each(EXPRESS)('%s', (_name, express) => {
  type Route = (sessions: SessionManager, req: Request, res: Response) => unknown;

  async function start(
    routes: Record<string, Route>,
    options: Partial<SessionManagerOptions<SessionData>> = {},
  ) {
    const clock = createFakeClock();
    const server = await gated({
      express,
      place: 'absent',
      options: { clock, logger, ...options },
      routes(app, sessions) {
        app.get('/free', (_req, res) => res.send('free'));
        app.get('/set', (req, res) => {
          sessions.session(req)['n'] = clock.now();
          res.send('set');
        });
        app.get('/read', async (req, res) => {
          res.send(String(await sessions.get(req, 'n')));
        });
        for (const [path, route] of Object.entries(routes))
          app.get(path, (req, res, next) => {
            Promise.resolve(route(sessions, req, res)).catch(next);
          });
      },
    });
    return { ...server, clock };
  }

  it('makes no store call, sets no cookie and adds no header for a request that does not use its session', async () => {
    const { client, store } = await start({});
    await client.get('/set');
    store.calls = 0;
    for (let round = 0; round < rounds(1_000); round++) {
      const answer = await client.get('/free');
      expect(answer.cookies).toEqual([]);
      expect([answer.headers.vary, answer.headers['cache-control']]).toEqual([undefined, undefined]);
    }
    expect(store.calls).toBe(0);
  });

  it('varies on the cookie and sets none when the session is read and its touch is not due', async () => {
    const { client, clock, store } = await start({});
    await client.get('/set');
    clock.advance(59_000);
    store.calls = 0;
    const answer = await client.get('/read');
    expect(answer.cookies).toEqual([]);
    expect([answer.headers.vary, answer.headers['cache-control']]).toEqual(['Cookie', undefined]);
    expect(store.calls).toBe(1);
  });

  it('sets no cookie for a visitor whose session stays empty', async () => {
    const { client, sessions } = await start({});
    expect(await client.get('/read')).toMatchObject({
      body: 'undefined',
      cookies: [],
      headers: { vary: 'Cookie' },
    });
    expect(await sessions.count()).toBe(0);
  });

  it('refreshes the cookie with what remains when a touch is due', async () => {
    const { client, clock } = await start({}, { absoluteTimeout: 3_600_000 + 90_000 });
    await client.get('/set');
    clock.advance(60_000);
    expect((await client.get('/read')).cookies).toEqual([expect.stringContaining('; Max-Age=3600')]);
    clock.advance(60_000);
    expect((await client.get('/read')).cookies).toEqual([expect.stringContaining('; Max-Age=3570')]);
  });

  it.each([[false], [new Error('timeout')]])(
    'answers without a cookie when a touch comes to %s',
    async (outcome) => {
      const { client, clock, store, sessions } = await start({});
      const faults: unknown[] = [];
      sessions.on('error', (fault) => faults.push(fault));
      await client.get('/set');
      clock.advance(60_000);
      store.extendAnswer = outcome;
      const answer = await client.get('/read');
      expect(answer).toMatchObject({ status: 200, cookies: [] });
      expect(faults).toMatchObject(
        outcome === false ? [] : [{ reason: 'touch', error: { code: 'ERR_SESSION_STORE' } }],
      );
    },
  );

  it('keeps what sets a cookie out of caches, and respects a no-store that is there', async () => {
    const { client } = await start({
      '/public': (sessions, req, res) => {
        sessions.session(req)['p'] = 1;
        res.set('Cache-Control', 'public, max-age=60').send('x');
      },
      '/private': (sessions, req, res) => {
        sessions.session(req)['q'] = 1;
        res.set('Cache-Control', 'private, no-store, max-age=0').send('x');
      },
    });
    expect((await client.clone().get('/public')).headers['cache-control']).toBe('no-store');
    expect((await client.clone().get('/private')).headers['cache-control']).toBe(
      'private, no-store, max-age=0',
    );
  });

  it('leaves caching alone where it sets no cookie', async () => {
    const { client } = await start({
      '/cached': async (sessions, req, res) => {
        await sessions.get(req, 'n');
        res.set('Cache-Control', 'private, max-age=60').send('x');
      },
    });
    await client.get('/set');
    expect((await client.get('/cached')).headers['cache-control']).toBe('private, max-age=60');
  });

  it('adds to the Vary and the cookies that are there', async () => {
    const { client } = await start({
      '/more': (sessions, req, res) => {
        sessions.session(req)['n'] = 1;
        res.set('Vary', 'Origin').cookie('mine', '1').send('x');
      },
      '/both': (sessions, req, res) => {
        sessions.session(req)['n'] = 1;
        res.vary('cookie').vary('Origin').send('x');
      },
    });
    const answer = await client.get('/more');
    expect(answer.headers.vary).toBe('Origin, Cookie');
    expect(answer.cookies.map((line) => line.slice(0, line.indexOf('=')))).toEqual(['mine', 'sid']);
    expect((await client.get('/both')).headers.vary).toBe('cookie, Origin');
  });

  it('clears the cookie only in the request that ended the session and brought it', async () => {
    const { client, clock } = await start({
      '/logout': async (sessions, req, res) => {
        await sessions.destroy(req);
        res.send('out');
      },
    });
    await client.get('/set');
    const stale = client.clone();
    const out = await client.get('/logout');
    expect(out.cookies).toEqual([expect.stringMatching(/^sid=;.*Max-Age=0/)]);
    expect((await stale.get('/read')).cookies).toEqual([]);
    expect((await stale.get('/set')).cookies).toEqual([]);
    clock.advance(1);
    expect((await client.get('/logout')).cookies).toEqual([]);
  });

  it('sends a Secure cookie under "auto" exactly when the trusted proxy says TLS', async () => {
    const { client, app, port } = await start({}, { cookie: { secure: 'auto' } });
    const headers = { 'X-Forwarded-Proto': 'https' };
    expect((await client.get('/set', { headers })).cookies[0]).not.toContain('Secure');
    app.set('trust proxy', 'loopback');
    expect((await new Client(port).get('/set', { headers })).cookies[0]).toContain('; Secure');
    expect((await new Client(port).get('/set')).cookies[0]).not.toContain('Secure');
    // Of the first one: its proxy was not trusted.
    expect(WARNINGS).toEqual(['WARN_SESSION_TRUST_PROXY']);
  });

  it('warns once when a Secure cookie answers a request that did not come over TLS', async () => {
    const { port, app } = await start({}, { cookie: { secure: true } });
    for (let round = 0; round < 2; round++) {
      const answer = await new Client(port).get('/set');
      expect(answer.cookies).toEqual([expect.stringMatching(/^__Host-sid=.*; Secure/)]);
    }
    expect(WARNINGS).toEqual(['WARN_SESSION_INSECURE']);
    app.set('trust proxy', true);
    await new Client(port).get('/set', { headers: { 'X-Forwarded-Proto': 'https' } });
    expect(WARNINGS).toHaveLength(1);
  });

  it('begins no session after the response has left, and leaves no orphan behind', async () => {
    const outcomes: unknown[] = [];
    const { client, sessions } = await start({
      '/late': async (manager, req, res) => {
        res.send('gone');
        outcomes.push(await manager.set(req, 'n', 1).catch((error: unknown) => error));
      },
    });
    expect((await client.get('/late')).cookies).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(outcomes).toMatchObject([{ code: 'ERR_SESSION_HEADERS_SENT' }]);
    expect(await sessions.count()).toBe(0);
    await client.get('/set');
    await client.get('/late');
    expect((await client.get('/read')).body).toBe('1');
  });

  it('answers 503 once the manager is closed', async () => {
    const { client, sessions } = await start({});
    await sessions.close();
    expect(await client.get('/free')).toMatchObject({ status: 503, body: 'ERR_SESSION_CLOSED' });
  });
});

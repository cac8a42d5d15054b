// Calls that a handler makes and does not await, before it answers: the response waits for them all the same.
import type { Request, Response } from 'express';

import type { SessionManager } from '../../src/session-manager.js';
import { closeGated, gated } from '../support/gated.js';
import { EXPRESS } from '../support/http.js';

afterEach(closeGated);

describe.each(EXPRESS)('%s', (_name, express) => {
  const start = (act: (sessions: SessionManager, req: Request) => Promise<unknown>) =>
    gated({
      express,
      place: 'absent',
      routes(app, sessions) {
        app.get('/set', (req: Request, res: Response) => {
          sessions.session(req)['n'] = 1;
          res.send('set');
        });
        app.get('/', (req: Request, res: Response) => {
          act(sessions, req).catch(() => undefined);
          res.redirect('/elsewhere');
        });
      },
    });

  it.each<[string, (sessions: SessionManager, req: Request) => Promise<unknown>]>([
    ['set', (sessions, req) => sessions.set(req, 'later', 1)],
    ['update', (sessions, req) => sessions.update(req, 'later', () => 1)],
  ])('stores a change before the response leaves: %s', async (_way, act) => {
    const server = await start(act);
    await server.client.get('/set');
    server.store.delayMs = 30;
    await server.client.get('/');
    expect((await server.sessions.getAllSessions())[0]?.data).toEqual({ n: 1, later: 1 });
  });

  it('begins a session and sends its cookie', async () => {
    const server = await start((sessions, req) => sessions.set(req, 'n', 1));
    expect((await server.client.get('/')).cookies).toHaveLength(1);
    expect(await server.sessions.count()).toBe(1);
  });

  it.each<[string, (sessions: SessionManager, req: Request) => Promise<unknown>]>([
    ['sessions.destroy', (sessions, req) => sessions.destroy(req)],
    ['req.session.destroy', (sessions, req) => sessions.session(req).destroy()],
  ])('ends a session before the response leaves, and clears its cookie: %s', async (_way, act) => {
    const server = await start(act);
    await server.client.get('/set');
    server.store.delayMs = 30;
    expect((await server.client.get('/')).cookies).toEqual([expect.stringContaining('Max-Age=0')]);
    expect(await server.sessions.count()).toBe(0);
  });
});

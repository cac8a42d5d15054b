// The drop-in and a manager on one app: each has its own session, cookie and store.
import express from 'express';

import session from '../../src/express-session/index.js';
import { SessionManager } from '../../src/session-manager.js';
import { Client, serve } from '../support/http.js';
import { SECRET } from '../support/secret.js';

it.each(['visit', false] as const)('works beside a manager whose property is %p', async (property) => {
  const sessions = new SessionManager<{ count: number }>({ secret: SECRET, property });
  const app = express();
  app.use(sessions.middleware());
  app.use(session({ secret: SECRET, resave: false, saveUninitialized: false }));
  app.get('/', async (req, res) => {
    const theirs = req.session as unknown as { count?: number };
    theirs.count = (theirs.count ?? 0) + 1;
    const ours = await sessions.update(req, 'count', (count = 0) => count + 1);
    res.json([theirs.count, ours, typeof req.sessionID]);
  });
  const running = await serve(app);
  const client = new Client(running.port);
  await client.get('/');
  expect((await client.get('/')).body).toBe('[2,2,"string"]');
  await running.close();
  await sessions.close();
});

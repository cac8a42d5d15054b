// A visit counter on the embedded store: `npm start`. Its control endpoints: `ADMIN_TOKEN=... npm start`.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';

import express, { type RequestHandler } from 'express';
import SessionManager from 'session-store-js';

export const sessions = new SessionManager<{ visits: number }>({
  storeType: 'memory',
  storeOptions: { cleanupInterval: 300_000, indexInterval: 60_000 },
  // Fresh for each run: the sessions are forgotten with the process anyway.
  secret: process.env['SESSION_SECRET'] ?? randomBytes(32).toString('hex'),
  maxAge: 3_600_000,
});

/** By a header, not a cookie: another site's form cannot send it. */
const authorize: RequestHandler = (req, res, next) => {
  const expected = Buffer.from(process.env['ADMIN_TOKEN'] ?? '');
  const given = Buffer.from(req.get('X-Admin-Token') ?? '');
  if (expected.length > 0 && expected.length === given.length && timingSafeEqual(expected, given)) next();
  else res.status(403).send('Forbidden\n');
};

export const app = express();
app.use(sessions.middleware());

app.get('/', async (req, res) => {
  const visits = await sessions.update(req, 'visits', (count = 0) => count + 1);
  res.send(`Welcome! You've visited this page ${visits} times.\n`);
});
app.post('/touch', async (req, res) => {
  res.send((await sessions.touch(req)) ? 'Session touched\n' : 'No session\n');
});
app.post('/logout', async (req, res) => {
  res.send((await sessions.destroy(req)) ? 'Logged out\n' : 'No session\n');
});

app.get('/sessions', authorize, async (_req, res) => {
  res.json(await sessions.getPage({ limit: 100 }));
});
const control = (path: string, change: () => unknown) =>
  app.post(path, authorize, async (_req, res) => {
    await change();
    res.sendStatus(204);
  });
control('/sessions/clear', () => sessions.clearAllSessions());
control('/cleanup/start', () => sessions.startCleanup());
control('/cleanup/stop', () => sessions.stopCleanup());
control('/index-rebuild/start', () => sessions.startIndexRebuild());
control('/index-rebuild/stop', () => sessions.stopIndexRebuild());

if (require.main === module) {
  const server = app.listen(Number(process.env['PORT'] ?? 3000), () => {
    console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`);
  });
  process.once('SIGTERM', () => server.close(() => void sessions.close()));
}

// A visit counter whose sessions outlive the process: `npm run start:file`. It does not start without its directory.
import { timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';

import express, { type RequestHandler } from 'express';
import SessionManager, { FileStore } from 'session-store-js';

export const sessions = new SessionManager<{ visits: number }>({
  storeType: 'file',
  storeOptions: { path: './sessions', ttl: 86_400 },
  secret: process.env['SESSION_SECRET'] ?? 'change-me: production refuses this one', // the same in each run
  maxAge: 86_400_000,
});
const { store } = sessions;
if (!(store instanceof FileStore)) throw new TypeError('What follows needs storeType: file');

/** Its token is set by `ADMIN_TOKEN=...`. By a header, not a cookie: another site's form cannot send it. */
const authorize: RequestHandler = (req, res, next) => {
  const expected = Buffer.from(process.env['ADMIN_TOKEN'] ?? '');
  const given = Buffer.from(req.get('X-Admin-Token') ?? '');
  if (expected.length > 0 && expected.length === given.length && timingSafeEqual(expected, given)) next();
  else res.status(403).send('Forbidden\n');
};

export const app = express().use(sessions.middleware());

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
app.get('/file-path', authorize, (req, res) => {
  const { id } = sessions.session(req);
  res.send(id === undefined ? 'No session\n' : `${store._getFilePath(id)}\n`);
});
const control = (path: string, change: () => Promise<void>) =>
  app.post(path, authorize, async (_req, res) => {
    await change();
    res.sendStatus(204);
  });
control('/sessions/clear', () => sessions.clearAllSessions());
control('/ensure-directory', () => store.ensureDirectory());

if (require.main === module)
  void store.ensureDirectory().then(() => {
    const server = app.listen(Number(process.env['PORT'] ?? 3001), () => {
      console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`);
    });
    process.once('SIGTERM', () => server.close(() => void sessions.close()));
  });

// A visit counter for several processes or hosts, with its sessions in Redis: `npm run start:redis`, at REDIS_URL.
import type { AddressInfo } from 'node:net';

import express from 'express';
import { createClient } from 'redis';
import SessionManager from 'session-store-js';
import { RedisStore } from 'session-store-js/redis';

const client = createClient({ url: process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379' });
client.on('error', (error: Error) => {
  console.error(`Redis: ${error.message}`); // it goes on trying; until then requests that need a session get a 503
});

export const sessions = new SessionManager<{ visits: number }>({
  store: new RedisStore({ client, prefix: 'visits:' }),
  secret: process.env['SESSION_SECRET'] ?? 'change-me: production refuses this one', // the same in each process
  storeTimeout: '1s',
});

export const app = express().use(sessions.middleware());

app.get('/', async (req, res) => {
  const visits = await sessions.update(req, 'visits', (count = 0) => count + 1);
  res.send(`Welcome! You've visited this page ${visits} times.\n`);
});
app.post('/logout', async (req, res) => {
  res.send((await sessions.destroy(req)) ? 'Logged out\n' : 'No session\n');
});

if (require.main === module)
  void client.connect().then(() => {
    const server = app.listen(Number(process.env['PORT'] ?? 3004), () => {
      console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`);
    });
    process.once('SIGTERM', () => {
      server.close(() => void sessions.close().then(() => client.close()));
    });
  });

// A visit counter for several processes or hosts, with its sessions in PostgreSQL: `npm run start:postgres`, at DATABASE_URL.
import type { AddressInfo } from 'node:net';

import express from 'express';
import { Pool } from 'pg';
import SessionManager from 'session-store-js';
import { PostgresStore } from 'session-store-js/postgres';

const pool = new Pool({
  connectionString: process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres',
  connectionTimeoutMillis: 1_000, // a request that needs a session waits no longer for a connection, and gets a 503
});

export const sessions = new SessionManager<{ visits: number }>({
  store: new PostgresStore({ client: pool, table: 'visits' }),
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

if (require.main === module) {
  const server = app.listen(Number(process.env['PORT'] ?? 3006), () => {
    console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`);
  });
  process.once('SIGTERM', () => {
    server.close(() => void sessions.close().then(() => pool.end()));
  });
}

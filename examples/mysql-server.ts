// A visit counter for several processes or hosts, with its sessions in MySQL or MariaDB: `npm run start:mysql`, at DATABASE_URL.
import type { AddressInfo } from 'node:net';

import express from 'express';
import { createPool } from 'mysql2';
import SessionManager from 'session-store-js';
import { MysqlStore } from 'session-store-js/mysql';

const pool = createPool({
  uri: process.env['DATABASE_URL'] ?? 'mysql://root@127.0.0.1:3306/sessions',
  connectTimeout: 1_000,
});

export const sessions = new SessionManager<{ visits: number }>({
  store: new MysqlStore({ client: pool, table: 'visits' }),
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
  const server = app.listen(Number(process.env['PORT'] ?? 3007), () => {
    console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`);
  });
  process.once('SIGTERM', () => {
    server.close(() => void sessions.close().then(() => pool.promise().end()));
  });
}

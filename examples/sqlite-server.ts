// A visit counter with its sessions in SQLite, for the processes of one host: `npm run start:sqlite`, in SESSION_DB.
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite'; // Node 22.13 or later; `new Database(file)` of better-sqlite3 does as well

import express from 'express';
import SessionManager from 'session-store-js';
import { SqliteStore } from 'session-store-js/sqlite';

const database = new DatabaseSync(process.env['SESSION_DB'] ?? 'sessions.db');

export const sessions = new SessionManager<{ visits: number }>({
  store: new SqliteStore({ database }),
  secret: process.env['SESSION_SECRET'] ?? 'change-me: production refuses this one', // the same in each process
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
  const server = app.listen(Number(process.env['PORT'] ?? 3005), () => {
    console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`);
  });
  process.once('SIGTERM', () => {
    server.close(() => void sessions.close().then(() => database.close()));
  });
}

// Stores that are no RecordStores, and RecordStores that somebody patched, under the manager.
import express from 'express';
import realSession from 'express-session';

import { SessionManager } from '../../src/session-manager.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { Client, serve, type Running } from '../support/http.js';
import { SECRET } from '../support/secret.js';

interface Data {
  count: number;
  user: string;
}

let running: Running | undefined;
afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function start(store: NonNullable<ConstructorParameters<typeof SessionManager<Data>>[0]['store']>) {
  const warnings: string[] = [];
  const logger = {
    warn: (facts: object) => void warnings.push((facts as { code: string }).code),
    error: () => undefined,
  };
  const sessions = new SessionManager<Data>({ secret: SECRET, store, logger });
  const app = express();
  app.use(sessions.middleware());
  app.get(
    '/count',
    async (req, res) => void res.json(await sessions.update(req, 'count', (count = 0) => count + 1)),
  );
  app.get('/logout', async (req, res) => void res.json(await sessions.destroy(req)));
  app.get('/sessions', async (_req, res) => void res.json(await sessions.getAllSessions()));
  running = await serve(app);
  return { client: new Client(running.port), sessions, warnings };
}

it('keeps 50 overlapping increments on the MemoryStore of express-session, and warns once of what it cannot promise', async () => {
  const { client, warnings } = await start(new realSession.MemoryStore());
  await client.get('/count');
  await Promise.all(Array.from({ length: 50 }, () => client.clone().get('/count')));
  expect((await client.get('/count')).body).toBe('52');
  expect(warnings).toEqual(['WARN_SESSION_STORE']);
});

it('ends a session there for good, and lists by handle', async () => {
  const { client } = await start(new realSession.MemoryStore());
  await client.get('/count');
  const [listed] = JSON.parse((await client.get('/sessions')).body) as { handle: string; data: unknown }[];
  expect(listed).toMatchObject({ handle: expect.stringMatching(/^sha256:/) as string, data: { count: 1 } });
  const late = client.clone();
  expect((await client.get('/logout')).body).toBe('true');
  expect((await late.get('/count')).body).toBe('1');
});

it('calls no method that was replaced on a RecordStore, and says so once', async () => {
  const store = new MemoryStore({ cleanupInterval: 0 });
  let calls = 0;
  const { client, warnings } = await start(store);
  await client.get('/count');
  store.set = () => {
    calls++;
    return Promise.resolve();
  };
  for (const count of ['2', '3']) expect((await client.get('/count')).body).toBe(count);
  expect([calls, warnings]).toEqual([0, ['WARN_SESSION_PATCHED']]);
});

it.each([{ get: () => undefined, set: () => undefined }, 'redis', null])(
  'refuses what is no store: %j',
  (store) => {
    expect(() => new SessionManager({ secret: SECRET, store: store as never })).toThrow(
      expect.objectContaining({ code: 'ERR_SESSION_OPTIONS' }) as Error,
    );
  },
);

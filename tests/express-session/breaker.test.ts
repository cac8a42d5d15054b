// The drop-in on a store that fails again and again: requests fail at once, and nobody is logged out.
import express, { type NextFunction, type Request, type Response } from 'express';

import session from '../../src/express-session/index.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { createFakeClock, type FakeClock } from '../../src/testing/fake-clock.js';
import { faultyStore, type FaultyStore } from '../../src/testing/faulty-store.js';
import { Client, serve, type Running } from '../support/http.js';
import { SECRET } from '../support/secret.js';

type Options = NonNullable<Parameters<typeof session>[0]>;

interface Site extends FaultyStore<MemoryStore> {
  readonly client: Client;
  readonly clock: FakeClock;
}

let running: Running;
afterEach(() => running.close());

async function start(breaker: Options['breaker']): Promise<Site> {
  const clock = createFakeClock();
  const faulty = faultyStore(new MemoryStore({ cleanupInterval: 0, clock }), { hide: ['findSync'] });
  const app = express();
  const options = {
    secret: SECRET,
    clock,
    resave: false,
    saveUninitialized: false,
    touchAfter: 60_000,
    breaker,
  };
  app.use(session({ ...options, store: faulty.store }));
  app.get('/login', (req, res) => {
    (req.session as unknown as { user: string }).user = 'ada';
    res.end();
  });
  app.get('/me', (req, res) => res.send((req.session as unknown as { user: string }).user));
  app.use((error: unknown, _req: Request, res: Response, next: NextFunction) => {
    if (res.headersSent) {
      next(error);
      return;
    }
    const { status = 500, code = '' } = error as { status?: number; code?: string };
    res.status(status).send(code);
  });
  running = await serve(app);
  const client = new Client(running.port);
  await client.get('/login');
  return { ...faulty, client, clock };
}

it('asks it no more for a moment, and serves the session as soon as it is back', async () => {
  const { calls, client, clock, faults } = await start({ failures: 2, retryAfter: 100 });
  faults.fail('find', { times: 2 });
  calls.clear();
  for (let n = 0; n < 2; n++) expect((await client.get('/me')).status).toBe(500);
  const { status, body, cookies } = await client.get('/me');
  expect([status, body, cookies]).toEqual([503, 'ERR_SESSION_STORE_DOWN', []]);
  expect(calls.count('find')).toBe(2);
  clock.advance(100);
  expect((await client.get('/me')).body).toBe('ada');
});

it('is on where nothing is said', async () => {
  const { calls, client, faults } = await start(undefined);
  faults.fail('find');
  calls.clear();
  for (let n = 0; n < 7; n++) await client.get('/me');
  expect(calls.count('find')).toBe(5);
});

it('asks it every time with false', async () => {
  const { calls, client, faults } = await start(false);
  faults.fail('find');
  calls.clear();
  for (let n = 0; n < 7; n++) expect((await client.get('/me')).status).toBe(500);
  expect(calls.count('find')).toBe(7);
});

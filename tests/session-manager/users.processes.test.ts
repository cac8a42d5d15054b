// A user's sessions in one directory that two processes serve: what one ends the other refuses.
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

import { runInChild } from '../support/child.js';
import { freshPath } from '../support/directory.js';
import { Client } from '../support/http.js';
import { SECRET } from '../support/secret.js';
import { handleIn } from './user-world.js';

/** What the other process may take to know of a moment, ms; and what a loaded machine may take besides. */
const KNOWN_MS = 1_000;
const SLACK_MS = 500;

interface Process {
  readonly port: number;
  /** The answer to a path, read as JSON. */
  ask<T>(path: string): Promise<T>;
}

let office: Server;
const callers: ((port: number) => void)[] = [];
const started: { readonly process: Process; readonly ended: Promise<unknown> }[] = [];

/** Where a process that was started says on which port it can be asked. */
beforeAll(async () => {
  office = createServer((req, res) => {
    callers.shift()?.(Number(req.url?.slice(1)));
    res.end();
  });
  office.listen(0, '127.0.0.1');
  await once(office, 'listening');
});

afterEach(async () => {
  for (const { process, ended } of started.splice(0)) {
    await process.ask('/exit').catch(() => undefined);
    await ended;
  }
});

afterAll(() => {
  office.close();
});

async function start(path: string, options: object = {}): Promise<Process> {
  const { port: officePort } = office.address() as AddressInfo;
  const settings = { secret: SECRET, storeType: 'file', cookie: { secure: false }, ...options };
  const port = new Promise<number>((resolve) => callers.push(resolve));
  const ended = runInChild(
    `
    const express = require('express');
    const { SessionManager } = src('session-manager');
    const storeOptions = { path: ${JSON.stringify(path)}, cleanupInterval: 0 };
    const sessions = new SessionManager({ ...${JSON.stringify(settings)}, storeOptions });
    const app = express();
    app.use(sessions.middleware());
    const on = (path, work) => app.get(path, async (req, res) => res.json((await work(req)) ?? null));
    on('/login', (req) => sessions.login(req, 'ada').then(() => 'in'));
    on('/me', (req) => sessions.userOf(req));
    on('/regenerate', (req) => sessions.regenerate(req, { keepData: true }));
    on('/list', () => sessions.ofUser('ada').list());
    on('/revoke', (req) => sessions.ofUser('ada').revoke(req.query.handle));
    on('/revoke-all', () => sessions.ofUser('ada').revokeAll());
    on('/invalidate', () => sessions.ofUser('ada').invalidateBefore());
    on('/everybody', () => sessions.revokeIssuedBefore());
    app.get('/exit', (req, res) => res.end(() => process.exit(0)));
    app.use((error, req, res, next) => res.status(error.status ?? 500).json(error.code ?? String(error)));
    const server = app.listen(0, '127.0.0.1', () =>
      fetch('http://127.0.0.1:${String(officePort)}/' + server.address().port, { method: 'POST' }));
    `,
    100_000,
  );
  const failed = ended.then(({ errors }) => {
    throw new Error(`A process ended: ${errors}`);
  });
  failed.catch(() => undefined);
  const at = await Promise.race([port, failed]);
  const process: Process = {
    port: at,
    ask: async <T>(asked: string) => JSON.parse((await new Client(at).get(asked)).body || 'null') as T,
  };
  started.push({ process, ended });
  return process;
}

/** The same browser at another process. */
function at(process: Process, client: Client): Client {
  const other = new Client(process.port);
  other.cookie = client.cookie;
  return other;
}

async function loggedIn(process: Process): Promise<Client> {
  const client = new Client(process.port);
  expect((await client.get('/login')).body).toBe('"in"');
  return client;
}

const userIn = async (client: Client): Promise<unknown> => JSON.parse((await client.get('/me')).body);

/** How long the other process goes on serving a browser, ms. */
async function servedFor(client: Client): Promise<number> {
  const startedAt = performance.now();
  while ((await userIn(client)) !== null && performance.now() - startedAt < 5 * KNOWN_MS) await pause(20);
  return performance.now() - startedAt;
}

it('refuses at the next request what another process has ended, by revokeAll or by handle', async () => {
  const path = freshPath();
  const [one, two] = [await start(path), await start(path)];
  const browsers = [await loggedIn(one), await loggedIn(two), await loggedIn(two)];
  const [first, ...rest] = browsers as [Client, Client, Client];
  for (const client of browsers) expect(await userIn(at(two, client))).toBe('ada');
  expect(await one.ask(`/revoke?handle=${handleIn(first)}`)).toBe(true);
  expect(await userIn(at(two, first))).toBeNull();
  expect(await one.ask('/revoke-all')).toBe(2);
  for (const client of rest) expect(await userIn(at(two, client))).toBeNull();
  expect(await two.ask('/list')).toEqual([]);
  expect(await userIn(at(one, await loggedIn(two)))).toBe('ada');
}, 60_000);

it.each(['/invalidate', '/everybody'])(
  'refuses within a second what another process has refused by date, also after a restart: %s',
  async (how) => {
    const path = freshPath();
    const [one, two] = [await start(path), await start(path)];
    const client = at(two, await loggedIn(one));
    // Both have looked at the directory, and know that nothing is refused.
    for (let look = 0; look < 3; look++) {
      await pause(500);
      expect(await userIn(client)).toBe('ada');
      expect(await userIn(at(one, client))).toBe('ada');
    }
    await one.ask(how);
    expect(await userIn(at(one, client))).toBeNull();
    expect(await servedFor(client)).toBeLessThan(KNOWN_MS + SLACK_MS);
    expect(await two.ask('/list')).toEqual([]);
    const later = await loggedIn(two);
    const three = await start(path);
    expect(await userIn(at(three, client))).toBeNull();
    expect(await userIn(at(three, later))).toBe('ada');
  },
  60_000,
);

it('S31 lets no session survive under another id that another process gives it meanwhile', async () => {
  const path = freshPath();
  const [one, two] = [await start(path), await start(path)];
  for (let round = 0; round < 60; round++) {
    const browsers = [await loggedIn(two), await loggedIn(two), await loggedIn(two)];
    const moves = browsers.map((client) => client.get('/regenerate'));
    await pause(round % 6);
    await Promise.all([one.ask('/revoke-all'), ...moves]);
    expect(await one.ask('/list')).toEqual([]);
    for (const client of browsers) expect(await userIn(client)).toBeNull();
  }
}, 60_000);

it.each(['refuse', 'evict-oldest'])(
  'never leaves more sessions than may be where both log a user in at once: %s',
  async (onTooManySessions) => {
    const path = freshPath();
    const options = { maxSessionsPerUser: 2, onTooManySessions };
    const [one, two] = [await start(path, options), await start(path, options)];
    for (let round = 0; round < 10; round++) {
      const browsers = Array.from({ length: 8 }, (_, n) => new Client((n % 2 === 0 ? one : two).port));
      await Promise.all(browsers.map((client) => client.get('/login')));
      const listed = (await one.ask<{ handle: string }[]>('/list')).map(({ handle }) => handle);
      expect(listed.length).toBeLessThanOrEqual(2);
      // To end the oldest is not to end all.
      if (onTooManySessions === 'evict-oldest') expect(listed).toHaveLength(2);
      const alive: string[] = [];
      for (const client of browsers) if ((await userIn(client)) !== null) alive.push(handleIn(client));
      expect(alive.sort()).toEqual(listed.sort());
      await two.ask('/revoke-all');
    }
  },
  60_000,
);

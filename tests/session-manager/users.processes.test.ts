// A user's sessions in one directory that two processes serve: what one ends the other refuses.
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

import { runInChild, type Exit } from '../support/child.js';
import { freshPath } from '../support/directory.js';
import { Client, type Answer } from '../support/http.js';
import { SECRET } from '../support/secret.js';
import { handleIn } from './user-world.js';
import { rounds } from '../support/faults.js';

/** What the other process may take to know of a moment, ms; and what a loaded machine may take besides. */
const KNOWN_MS = 1_000;
const SLACK_MS = 500;

/** A manager on a directory, in a process of its own. */
interface Site {
  browser(cookie?: string): Browser;
  /** The answer to a path, read as JSON. */
  ask<T>(path: string): Promise<T>;
}

interface Browser {
  readonly client: Client;
  get(path: string): Promise<Answer>;
}

/** Each has its own memory; they are started once, because that takes seconds. */
const PROCESSES = 3;
const SCRIPT = `
  const express = require('express');
  const { SessionManager } = src('session-manager');
  const app = express();
  let sites = 0;
  app.post('/open', express.json(), ({ body: { path, ...options } }, res) => {
    const settings = { ...options, storeType: 'file', storeOptions: { path, cleanupInterval: 0 } };
    const sessions = new SessionManager({ secret: ${JSON.stringify(SECRET)}, ...settings });
    const site = express.Router();
    site.use(sessions.middleware());
    const on = (path, work) => site.get(path, async (req, res) => res.json((await work(req)) ?? null));
    on('/login', (req) => sessions.login(req, 'ada').then(() => 'in'));
    on('/me', (req) => sessions.userOf(req));
    on('/regenerate', (req) => sessions.regenerate(req, { keepData: true }));
    on('/list', () => sessions.ofUser('ada').list());
    on('/revoke', (req) => sessions.ofUser('ada').revoke(req.query.handle));
    on('/revoke-all', () => sessions.ofUser('ada').revokeAll());
    on('/invalidate', () => sessions.ofUser('ada').invalidateBefore());
    on('/everybody', () => sessions.revokeIssuedBefore());
    site.use((error, req, res, next) => res.status(error.status ?? 500).json(error.code ?? String(error)));
    app.use('/' + ++sites, site);
    res.json(sites);
  });
  app.post('/exit', (req, res) => res.end(() => process.exit(0)));
  const server = app.listen(0, '127.0.0.1', () =>
    fetch(OFFICE + server.address().port, { method: 'POST' }));
`;

const ports: number[] = [];
const ends: Promise<Exit>[] = [];

beforeAll(async () => {
  let tell = (): void => undefined;
  const complete = new Promise<void>((resolve) => (tell = resolve));
  // Where each process says on which port it can be asked.
  const office = createServer((req, res) => {
    res.end();
    if (ports.push(Number(req.url?.slice(1))) === PROCESSES) tell();
  });
  office.listen(0, '127.0.0.1');
  await once(office, 'listening');
  const url = `http://127.0.0.1:${String((office.address() as AddressInfo).port)}/`;
  for (let n = 0; n < PROCESSES; n++)
    ends.push(runInChild(`const OFFICE = ${JSON.stringify(url)};${SCRIPT}`, 300_000));
  const failed = Promise.race(ends).then(({ errors }) => {
    throw new Error(`A process ended: ${errors}`);
  });
  failed.catch(() => undefined);
  await Promise.race([complete, failed]);
  office.close();
}, 120_000);

afterAll(async () => {
  await Promise.all(ports.map((port) => new Client(port).post('/exit').catch(() => undefined)));
  await Promise.all(ends);
}, 30_000);

/** In the process of this number. */
async function open(process: number, path: string, options: object = {}): Promise<Site> {
  const port = ports[process] as number;
  const body = JSON.stringify({ path, ...options });
  const headers = { 'content-type': 'application/json' };
  const site = (await new Client(port).get('/open', { method: 'POST', headers, body })).body;
  const browser = (cookie?: string): Browser => {
    const client = new Client(port);
    if (cookie !== undefined) client.cookie = cookie;
    return { client, get: (asked) => client.get(`/${site}${asked}`) };
  };
  return { browser, ask: async <T>(asked: string) => JSON.parse((await browser().get(asked)).body) as T };
}

/** The same browser at another process. */
const at = (site: Site, { client }: Browser): Browser => site.browser(client.cookie);

async function loggedIn(site: Site): Promise<Browser> {
  const browser = site.browser();
  expect((await browser.get('/login')).body).toBe('"in"');
  return browser;
}

const userIn = async (browser: Browser): Promise<unknown> => JSON.parse((await browser.get('/me')).body);

/** How long the other process goes on serving a browser, ms. */
async function servedFor(browser: Browser): Promise<number> {
  const startedAt = performance.now();
  while ((await userIn(browser)) !== null && performance.now() - startedAt < 5 * KNOWN_MS) await pause(20);
  return performance.now() - startedAt;
}

it('refuses at the next request what another process has ended, by revokeAll or by handle', async () => {
  const path = freshPath();
  const [one, two] = [await open(0, path), await open(1, path)];
  const browsers = [await loggedIn(one), await loggedIn(two), await loggedIn(two)];
  const [first, ...rest] = browsers as [Browser, Browser, Browser];
  for (const browser of browsers) expect(await userIn(at(two, browser))).toBe('ada');
  expect(await one.ask(`/revoke?handle=${handleIn(first.client)}`)).toBe(true);
  expect(await userIn(at(two, first))).toBeNull();
  expect(await one.ask('/revoke-all')).toBe(2);
  for (const browser of rest) expect(await userIn(at(two, browser))).toBeNull();
  expect(await two.ask('/list')).toEqual([]);
  expect(await userIn(at(one, await loggedIn(two)))).toBe('ada');
}, 60_000);

it.each(['/invalidate', '/everybody'])(
  'refuses within a second what another process has refused by date, also in one that opens the directory later: %s',
  async (how) => {
    const path = freshPath();
    const [one, two] = [await open(0, path), await open(1, path)];
    const browser = at(two, await loggedIn(one));
    // Both have looked at the directory, and know that nothing is refused.
    for (let look = 0; look < 3; look++) {
      await pause(500);
      expect(await userIn(browser)).toBe('ada');
      expect(await userIn(at(one, browser))).toBe('ada');
    }
    await one.ask(how);
    expect(await userIn(at(one, browser))).toBeNull();
    expect(await servedFor(browser)).toBeLessThan(KNOWN_MS + SLACK_MS);
    expect(await two.ask('/list')).toEqual([]);
    const later = await loggedIn(two);
    const three = await open(2, path);
    expect(await userIn(at(three, browser))).toBeNull();
    expect(await userIn(at(three, later))).toBe('ada');
  },
  60_000,
);

it('S31 lets no session survive under another id that another process gives it meanwhile', async () => {
  const path = freshPath();
  const [one, two] = [await open(0, path), await open(1, path)];
  // Many, so that the one process reads the list while the other one changes it.
  const browsers = Array.from({ length: 12 }, () => two.browser());
  for (let round = 0; round < rounds(600); round++) {
    await Promise.all(browsers.map((browser) => browser.get('/login')));
    const moves = browsers.map((browser) => browser.get('/regenerate'));
    await pause(round % 12);
    await Promise.all([one.ask('/revoke-all'), ...moves]);
    expect(await one.ask('/list')).toEqual([]);
    expect(new Set(await Promise.all(browsers.map(userIn)))).toEqual(new Set([null]));
  }
}, 60_000);

it.each(['refuse', 'evict-oldest'])(
  'never leaves more sessions than may be where both log a user in at once: %s',
  async (onTooManySessions) => {
    const path = freshPath();
    const options = { maxSessionsPerUser: 2, onTooManySessions };
    const [one, two] = [await open(0, path, options), await open(1, path, options)];
    for (let round = 0; round < rounds(100); round++) {
      const browsers = Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? one : two).browser());
      await Promise.all(browsers.map((browser) => browser.get('/login')));
      const listed = (await one.ask<{ handle: string }[]>('/list')).map(({ handle }) => handle);
      expect(listed.length).toBeLessThanOrEqual(2);
      // To end the oldest is not to end all.
      if (onTooManySessions === 'evict-oldest') expect(listed).toHaveLength(2);
      const alive: string[] = [];
      for (const browser of browsers)
        if ((await userIn(browser)) !== null) alive.push(handleIn(browser.client));
      expect(alive.sort()).toEqual(listed.sort());
      await two.ask('/revoke-all');
    }
  },
  60_000,
);

// The file server as a real process: its routes, and what its sessions survive.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

import { freshPath } from '../support/directory.js';
import { startExample, type Example } from '../support/example.js';
import { Client } from '../support/http.js';

const ADMIN = { 'X-Admin-Token': 'a token of this test' };
const FILE = /^sessions\/([0-9a-f]{3})\/(\1[0-9a-f]{61})\n$/;

jest.setTimeout(60_000);

let cwd: string;
let server: Example;

const start = async (): Promise<void> => {
  server = await startExample('file-server.ts', cwd, { ADMIN_TOKEN: ADMIN['X-Admin-Token'] });
};
const visitsIn = (body: string): number => Number(/this page (\d+) times/.exec(body)?.[1]);
const visit = async (client: Client): Promise<number> => visitsIn((await client.get('/')).body);
const post = async (path: string): Promise<number> =>
  (await new Client(server.port).get(path, { method: 'POST', headers: ADMIN })).status;
const idIn = (client: Client): string =>
  decodeURIComponent(client.jar.get('sid') ?? '').replace(/^s:|\..*$/g, '');

/** The same browser, at the server that runs now. */
function again(browser: Client): Client {
  const client = new Client(server.port);
  client.cookie = browser.cookie;
  return client;
}

beforeAll(async () => {
  cwd = freshPath();
  mkdirSync(cwd);
  await start();
});

describe('the file server', () => {
  it('counts the visits of each browser by itself, touches and ends its session', async () => {
    const [one, two] = [new Client(server.port), new Client(server.port)];
    for (const visits of [1, 2, 3]) expect(await visit(one)).toBe(visits);
    expect(await visit(two)).toBe(1);
    expect((await one.post('/touch')).body).toBe('Session touched\n');
    expect((await one.post('/logout')).body).toBe('Logged out\n');
    expect(one.jar.size).toBe(0);
    for (const path of ['/touch', '/logout']) expect((await one.post(path)).body).toBe('No session\n');
    expect([await visit(one), await visit(two)]).toEqual([1, 2]);
  });

  it('tells the administrator where the file of a session is, and that file holds it', async () => {
    const client = new Client(server.port);
    await visit(client);
    const { body } = await client.get('/file-path', { headers: ADMIN });
    expect(relative(cwd, body)).toMatch(FILE);
    const file = body.trim();
    expect(readFileSync(file, 'utf8')).toContain('{"visits":1}');
    expect(readFileSync(file, 'utf8')).not.toContain(idIn(client));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await new Client(server.port).get('/file-path', { headers: ADMIN })).body).toBe('No session\n');
  });

  it('lists sessions by the handles that their files are named after, and ends them all', async () => {
    expect(await post('/sessions/clear')).toBe(204);
    const client = new Client(server.port);
    await visit(client);
    const path = (await client.get('/file-path', { headers: ADMIN })).body;
    const [, , name = 'no name'] = FILE.exec(relative(cwd, path)) ?? [];
    const { body } = await client.get('/sessions', { headers: ADMIN });
    expect(idIn(client).length).toBeGreaterThan(21);
    expect(body).not.toContain(idIn(client));
    expect(JSON.parse(body)).toEqual({
      sessions: [expect.objectContaining({ handle: `sha256:${name}`, data: { visits: 1 } })],
      cursor: null,
    });
    expect(await post('/sessions/clear')).toBe(204);
    expect(JSON.parse((await client.get('/sessions', { headers: ADMIN })).body)).toEqual({
      sessions: [],
      cursor: null,
    });
    expect(await visit(client)).toBe(1);
  });

  it('ensures its directory, twice', async () => {
    expect([await post('/ensure-directory'), await post('/ensure-directory')]).toEqual([204, 204]);
    expect(statSync(join(cwd, 'sessions')).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['GET', '/sessions'],
    ['GET', '/file-path'],
    ['POST', '/sessions/clear'],
    ['POST', '/ensure-directory'],
  ])('refuses %s %s without the token and with a wrong one', async (method, path) => {
    const client = new Client(server.port);
    await visit(client);
    expect((await client.get(path, { method })).status).toBe(403);
    const wrong = { 'X-Admin-Token': 'b token of this test' };
    expect((await client.get(path, { method, headers: wrong })).status).toBe(403);
    expect(await visit(client)).toBe(2);
  });

  it('refuses the control endpoints where no token is configured, and ends by itself on SIGTERM', async () => {
    const closed = await startExample('file-server.ts', cwd, { ADMIN_TOKEN: '' });
    const headers = { 'X-Admin-Token': '' };
    expect((await new Client(closed.port).get('/sessions', { headers })).status).toBe(403);
    expect(await closed.end('SIGTERM')).toBe(0);
  });

  it('does not start on a directory that it cannot use, and says why', async () => {
    const taken = freshPath();
    mkdirSync(taken);
    writeFileSync(join(taken, 'sessions'), 'a file');
    await expect(startExample('file-server.ts', taken)).rejects.toThrow(
      /ended with 1.*ERR_SESSION_DIRECTORY/s,
    );
  });

  it('killed amid traffic and started again, it has every count that it acknowledged and logs nobody out', async () => {
    const browsers = Array.from({ length: 5 }, () => new Client(server.port));
    for (const browser of browsers) await visit(browser);
    const ids = browsers.map(idIn);
    const acknowledged = browsers.map(() => [1]);
    const asked = browsers.map(() => 1);
    let total = 0;
    let killed: Promise<unknown> | undefined;
    /** One tab: counts until there is no server any more. */
    const count = async (tab: Client, i: number): Promise<void> => {
      for (;;) {
        asked[i] = (asked[i] ?? 0) + 1;
        const { status, body } = await tab.get('/');
        expect(status).toBe(200);
        acknowledged[i]?.push(visitsIn(body));
        if (++total === 200) killed = server.end('SIGKILL');
      }
    };
    const tabs = browsers.flatMap((browser, i) => [0, 1, 2].map(() => count(browser.clone(), i)));
    const ends = await Promise.allSettled(tabs);
    for (const end of ends)
      expect(String((end as PromiseRejectedResult).reason)).toMatch(/ECONN|hang up|aborted/);
    expect(await killed).toBe('SIGKILL');

    await start();
    for (const [i, browser] of browsers.entries()) {
      const counts = acknowledged[i] ?? [];
      const client = again(browser);
      const next = await visit(client);
      // None twice: no visit was lost. Those that were under way when it was killed may have been counted.
      expect(new Set(counts).size).toBe(counts.length);
      expect(next).toBeGreaterThan(Math.max(...counts));
      expect(next).toBeLessThanOrEqual((asked[i] ?? 0) + 1);
      expect(await visit(client)).toBe(next + 1);
      expect(idIn(client)).toBe(ids[i]);
    }
  });
});

// Which cookies a session is found by: duplicates, forgeries, other managers' cookies, secrets that were replaced.
import { createHmac } from 'node:crypto';

import type { SessionId } from '../../src/core/contract.js';
import { Signer } from '../../src/core/signing.js';
import { SECRET } from '../support/secret.js';
import { closeWorlds, createWorld, type Setting, type World } from './world.js';

afterEach(closeWorlds);

const OTHER_SECRET = 'another secret for tests, longer than 32 bytes';

async function open(setting: Setting = {}): Promise<World> {
  const world = await createWorld(setting);
  const { on, sessions } = world;
  on('/set', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  on('/get', async (req, res) => {
    res.json((await sessions.get(req, 'a')) ?? null);
  });
  on('/sync', (req, res) => {
    res.json((sessions.session(req)['a'] as number | undefined) ?? null);
  });
  return world;
}

const value = (world: World): string => world.client.jar.get('sid') ?? '';

async function read(world: World, cookie: string, path = '/get'): Promise<string> {
  return (await world.browser().get(path, { headers: { cookie } })).body;
}

const sign = (id: string, secret = SECRET, name = 'sid'): string =>
  new Signer(name, [secret]).sign(id as SessionId);

describe.each([true, false])('S22 with duplicates of the cookie (async: %s)', (asyncOnly) => {
  it('finds the session at each of four places, whatever is before it', async () => {
    const world = await open({ asyncOnly });
    await world.client.get('/set');
    const good = value(world);
    const unknown = sign('u'.repeat(43));
    for (const junk of ['junk', '', '"quoted"', unknown, `${good}x`]) {
      for (let place = 0; place < 4; place++) {
        const pairs = Array.from({ length: 4 }, (_, index) => `sid=${index === place ? good : junk}`);
        expect(await read(world, pairs.join('; '))).toBe('1');
      }
    }
    expect(await read(world, `sid=${unknown}; sid=${good}`, asyncOnly ? '/get' : '/sync')).toBe('1');
  });

  it('tries four at most', async () => {
    const world = await open({ asyncOnly });
    await world.client.get('/set');
    world.calls.clear();
    const unknown = Array.from({ length: 4 }, (_, index) => `sid=${sign(String(index).repeat(43))}`);
    expect(await read(world, [...unknown, `sid=${value(world)}`].join('; '))).toBe('null');
    expect(world.calls.count()).toBe(4);
  });

  it('prefers a living session to one that has just ended', async () => {
    const world = await open({ asyncOnly });
    const { browser, client, on, sessions } = world;
    on('/destroy', async (req, res) => {
      await sessions.destroy(req);
      res.end();
    });
    await client.get('/set');
    const other = browser();
    await other.get('/set');
    const ended = other.cookie;
    await other.get('/destroy');
    expect(await read(world, `${ended}; ${client.cookie}`)).toBe('1');
    expect(await read(world, `${client.cookie}; ${ended}`)).toBe('1');
  });
});

describe('a cookie that is refused without asking the store', () => {
  const forgeries: readonly (readonly [string, (good: string) => string])[] = [
    [
      'with a letter of its signature changed',
      (good) => good.slice(0, -1) + (good.endsWith('A') ? 'B' : 'A'),
    ],
    ['with a letter of its id changed', (good) => (good.startsWith('A') ? 'B' : 'A') + good.slice(1)],
    ['without a signature', (good) => good.slice(0, good.indexOf('.'))],
    ['with an empty signature', (good) => good.slice(0, good.indexOf('.') + 1)],
    ['signed with another secret', (good) => sign(good.slice(0, good.indexOf('.')), OTHER_SECRET)],
    ['S5 signed for another cookie', (good) => sign(good.slice(0, good.indexOf('.')), SECRET, 'admin')],
    ['in the format of express-session', (good) => `s%3A${good}`],
    [
      'S9 of a traversing id',
      () => `..%2f..%2fetc.${createHmac('sha256', SECRET).update('sid=..%2f').digest('base64url')}`,
    ],
    ['S9 of a very long id', () => sign('a'.repeat(5_000))],
    ['S9 of an empty id', () => sign('')],
  ];

  it.each(forgeries)('S4 %s', async (_name, forge) => {
    const world = await open();
    await world.client.get('/set');
    world.calls.clear();
    expect(await read(world, `sid=${forge(value(world))}`)).toBe('null');
    expect(world.calls.count()).toBe(0);
  });

  it('S11 made of a handle, even with a good signature', async () => {
    const world = await open();
    await world.client.get('/set');
    const [session] = await world.sessions.getAllSessions();
    world.calls.clear();
    const handle = session?.handle ?? '';
    for (const name of [handle, handle.slice('sha256:'.length)]) {
      expect(await read(world, `sid=${sign(name)}`)).toBe('null');
      expect(await read(world, `sid=${name}`)).toBe('null');
    }
    // The bare hex passes for an id: it is looked up as one, hashed, and not found.
    expect(world.calls.names).toEqual(['findSync']);
  });

  it('S24 of a name that objects inherit', async () => {
    const world = await open();
    expect(await read(world, '__proto__=1; constructor=2; sid')).toBe('null');
    expect(await read(world, ';;;=;sid=;=sid')).toBe('null');
  });
});

it('S7 never adopts an id that the store does not know, however well signed', async () => {
  const world = await open();
  const chosen = 'f'.repeat(43);
  const browser = world.browser();
  browser.cookie = `sid=${sign(chosen)}`;
  await browser.get('/set');
  expect(browser.cookie).not.toContain(chosen);
  expect((await browser.get('/get')).body).toBe('1');
  expect(await read(world, `sid=${sign(chosen)}`)).toBe('null');
});

describe('S6 with a list of secrets', () => {
  it('accepts a cookie under an old secret and signs it anew when it is used', async () => {
    const world = await open({ secret: [OTHER_SECRET, SECRET] });
    await world.client.get('/set');
    const id = value(world).split('.')[0] ?? '';
    const fresh = world.client.cookie;
    for (const path of ['/get', '/set']) {
      const browser = world.browser();
      browser.cookie = `sid=${sign(id, SECRET)}`;
      const answer = await browser.get(path);
      expect(answer.cookies).toHaveLength(1);
      expect(browser.cookie).toBe(fresh);
    }
    expect(fresh).toBe(`sid=${sign(id, OTHER_SECRET)}`);
  });

  it('refuses a cookie under a secret that is not in the list any more', async () => {
    const world = await open({ secret: [OTHER_SECRET] });
    await world.client.get('/set');
    const id = value(world).split('.')[0] ?? '';
    expect(await read(world, `sid=${sign(id, OTHER_SECRET)}`)).toBe('1');
    expect(await read(world, `sid=${sign(id, SECRET)}`)).toBe('null');
  });
});

it('S45 stores nothing and sets nothing for junk', async () => {
  const { browser, memory, calls } = await open();
  for (const junk of [
    'sid=x',
    `sid=${'y'.repeat(8_000)}`,
    `sid=${sign('z'.repeat(43))}`,
    'sid=%00',
    'sid=[object Object]',
  ]) {
    const client = browser();
    client.cookie = junk;
    expect(await client.get('/get')).toMatchObject({ status: 200, body: 'null', cookies: [] });
  }
  expect(await memory.length()).toBe(0);
  expect(calls.names).toEqual(['findSync']);
});

it('S43 S44 forbids caching where the cookie is set, and varies on it once the session is used', async () => {
  const { client, on } = await open();
  on('/cached', (_req, res) => {
    res.set('Cache-Control', 'public, max-age=60').send('static');
  });
  const unused = await client.get('/cached');
  expect([unused.headers['cache-control'], unused.headers.vary]).toEqual(['public, max-age=60', undefined]);
  const set = await client.get('/set');
  expect([set.headers['cache-control'], set.headers.vary]).toEqual(['no-store', 'Cookie']);
  const get = await client.get('/get');
  expect([get.headers['cache-control'], get.headers.vary]).toEqual([undefined, 'Cookie']);
});

it('S17 warns once of a Secure cookie on a plain request, and never drops it', async () => {
  const world = await open({ cookie: { secure: true }, cookieName: 'sid' });
  for (let visit = 0; visit < 2; visit++) {
    const answer = await world.browser().get('/set');
    expect(answer.cookies[0]).toContain('; Secure');
  }
  expect(world.warnings).toEqual(['WARN_SESSION_INSECURE']);
});

it("sends a Secure cookie for cookie.secure 'auto' where the request came over TLS", async () => {
  const { app, browser, client } = await open({ cookie: { secure: 'auto' } });
  app.set('trust proxy', true);
  expect((await client.get('/set')).cookies[0]).not.toContain('Secure');
  const secure = await browser().get('/set', { headers: { 'x-forwarded-proto': 'https' } });
  expect(secure.cookies[0]).toContain('; Secure');
});

// Ids over real HTTP: where they come from, that they say nothing, and where they are read.
import crypto from 'node:crypto';

import express from 'express';

import { randomId } from '../../src/core/ids.js';
import { closeWorlds, createWorld, type World } from '../session-manager/world.js';
import { data, dropIn, site } from '../express-session/readme/support.js';
import { openApp, STORES } from './every-store.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await closeWorlds();
});

const NO_ENTROPY = 'the random source failed';

function breakTheRandomSource(): void {
  for (const name of ['randomBytes', 'randomFillSync', 'randomUUID', 'randomInt'] as const)
    jest.spyOn(crypto, name).mockImplementation(() => {
      throw new Error(NO_ENTROPY);
    });
}

/** The ids of as many new sessions, in their order. */
async function newIds(world: World, count: number, headers: Record<string, string> = {}): Promise<string[]> {
  world.on('/new', async (req, res) => {
    await world.sessions.set(req, 'user', 'ada');
    res.send((req as { sessionID?: string }).sessionID);
  });
  const ids: string[] = [];
  for (let visit = 0; visit < count; visit++) ids.push((await world.browser().get('/new', { headers })).body);
  return ids;
}

/** How many bits differ. */
function distance(a: Buffer, b: Buffer): number {
  let bits = 0;
  a.forEach((byte, at) => {
    for (let rest = byte ^ (b[at] ?? 0); rest > 0; rest &= rest - 1) bits++;
  });
  return bits;
}

const bytesOf = (id: string): Buffer => Buffer.from(id, 'base64url');

describe('S1 the random source', () => {
  it.each(STORES)('that fails lets no session begin: no id, no cookie, no row (%s)', async (_name, make) => {
    const app = await openApp(make);
    await app.client.get('/set');
    expect(await app.store.length()).toBe(1);
    breakTheRandomSource();
    for (const path of ['/set', '/set']) {
      const answer = await app.browser().get(path);
      expect(answer).toMatchObject({ status: 500, cookies: [] });
    }
    expect(app.errors.map(String)).toEqual([`Error: ${NO_ENTROPY}`, `Error: ${NO_ENTROPY}`]);
    // A new id for an old session is one too: the session keeps the one that it has.
    const before = app.client.cookie;
    expect(await app.client.get('/regenerate')).toMatchObject({ status: 500, cookies: [] });
    jest.restoreAllMocks();
    expect(app.client.cookie).toBe(before);
    expect((await app.client.get('/get')).body).toBe('1');
    expect(await app.store.length()).toBe(1);
  });

  it('that fails lets no session of the drop-in begin either', async () => {
    const { client, faults } = await site(dropIn, {}, (req, res) => {
      data(req)['a'] = 1;
      res.end();
    });
    breakTheRandomSource();
    expect(await client.get('/')).toMatchObject({ status: 500, cookies: [] });
    expect(faults.map(String)).toEqual([`Error: ${NO_ENTROPY}`]);
  });

  it('gives 32 bytes to each id of the cookie, and each of the 256 bits is as often set as not', async () => {
    const [sent = ''] = await newIds(await createWorld(), 1);
    expect(bytesOf(sent)).toHaveLength(32);
    const count = 4_000;
    const ids = Array.from({ length: count }, () => bytesOf(randomId()));
    for (let bit = 0; bit < 256; bit++) {
      const set = ids.filter((id) => ((id[bit >> 3] ?? 0) >> (bit & 7)) & 1).length;
      // Seven standard deviations: by chance once in a thousand million runs.
      expect(Math.abs(set - count / 2)).toBeLessThan((7 * Math.sqrt(count)) / 2);
    }
  });

  it('is not Math.random', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(0.5);
    const ids = await newIds(await createWorld(), 20);
    expect(new Set(ids).size).toBe(20);
  });
});

describe('S2 an id', () => {
  it('has nothing to do with the id before it, though user, request and time are the same', async () => {
    const ids = (await newIds(await createWorld(), 200)).map(bytesOf);
    const distances = ids.slice(1).map((id, at) => distance(id, ids[at] as Buffer));
    const mean = distances.reduce((sum, each) => sum + each, 0) / distances.length;
    // Half of the bits differ, 128; a counter, a time or a user in it would leave some alike each time.
    expect(Math.abs(mean - 128)).toBeLessThan(7 * (8 / Math.sqrt(distances.length)));
    expect(Math.min(...distances)).toBeGreaterThan(128 - 8 * 8);
    const sameAt = Array.from(
      { length: 32 },
      (_, at) => ids.slice(1).filter((id, index) => id[at] === ids[index]?.[at]).length,
    );
    expect(Math.max(...sameAt)).toBeLessThan(20);
  });

  it('does not grow with the time', async () => {
    const world = await createWorld();
    const ids: string[] = [];
    for (let hour = 0; hour < 100; hour++) {
      ids.push(...(await newIds(world, 1)));
      world.clock.advance(1_000);
    }
    const rising = ids.slice(1).filter((id, at) => Buffer.compare(bytesOf(id), bytesOf(ids[at] ?? '')) > 0);
    expect(rising.length).toBeGreaterThan(20);
    expect(rising.length).toBeLessThan(80);
  });

  it('holds neither the time, nor the process, nor what the request says, in any spelling', async () => {
    const world = await createWorld();
    const agent = 'Browser/5.0';
    const ids = await newIds(world, 50, { 'user-agent': agent });
    const numbers = [world.clock.now(), Date.now(), Math.floor(Date.now() / 1_000), process.pid];
    const digests = ['127.0.0.1', agent, 'ada'].flatMap((text) =>
      ['md5', 'sha1', 'sha256'].map((name) => crypto.createHash(name).update(text).digest()),
    );
    const forms = (id: string): string[] => [id, bytesOf(id).toString('hex'), bytesOf(id).toString('latin1')];
    const needles = [
      ...numbers.flatMap((number) => {
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64BE(BigInt(number));
        const big = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
        return [number.toString(), number.toString(16), number.toString(36), big.toString('latin1')];
      }),
      ...digests.flatMap((digest) => [
        digest.subarray(0, 4).toString('latin1'),
        digest.toString('hex').slice(0, 8),
      ]),
    ].filter((needle) => needle.length > 3);
    expect(needles.length).toBeGreaterThan(20);
    // What goes into an id is in all of them; the four digits of a process number are in one of 1,000 by chance.
    const holding = (needle: string): number =>
      ids.filter((id) => forms(id).some((form) => form.includes(needle))).length;
    expect(needles.filter((needle) => holding(needle) > 5)).toEqual([]);
  });
});

it('S3 what generateId returns is checked each time: for each session, and again where an id is in use', async () => {
  const made = ['a'.repeat(22), 'short', 'b'.repeat(22), 'a'.repeat(22), '../etc/passwd', 'c'.repeat(22)];
  const { browser, on, sessions, memory } = await createWorld({ generateId: () => made.shift() ?? '' });
  on('/set', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  const seen: unknown[] = [];
  for (let visit = 0; visit < 5; visit++) {
    const { status, cookies } = await browser().get('/set');
    seen.push([status, cookies.length]);
  }
  expect(seen).toEqual([
    [200, 1],
    [500, 0],
    [200, 1],
    [500, 0],
    [200, 1],
  ]);
  expect(await memory.length()).toBe(3);
});

describe('S10 an id that is not in the cookie', () => {
  /** Everywhere that some framework takes an id from; `value` is signed, as the cookie has it. */
  const places = (
    value: string,
    id: string,
  ): readonly (readonly [string, string, Record<string, string>, string?])[] => [
    ...['sid', 'session', 'sessionID', 'sessionid', 'PHPSESSID', 'jsessionid', 'connect.sid'].flatMap(
      (name) =>
        [value, id].map((text) => [`?${name}=`, `/get?${name}=${encodeURIComponent(text)}`, {}] as const),
    ),
    ['the path', `/get/${value}`, {}],
    ['a path parameter', `/get;sid=${value}`, {}],
    ['a fragment', `/get#sid=${value}`, {}],
    ...[
      'sid',
      'x-sid',
      'session',
      'x-session',
      'x-session-id',
      'x-session-token',
      'x-auth-token',
      'set-cookie',
    ].map((name) => [name, '/get', { [name]: name === 'set-cookie' ? `sid=${value}` : value }] as const),
    ['cookie2', '/get', { cookie2: `sid=${value}` }],
    ['x-cookie', '/get', { 'x-cookie': `sid=${value}` }],
    ['a bearer token', '/get', { authorization: `Bearer ${value}` }],
    [
      'basic authorization',
      '/get',
      { authorization: `Basic ${Buffer.from(`sid:${value}`).toString('base64')}` },
    ],
    ['a referer', '/get', { referer: `http://127.0.0.1/?sid=${value}` }],
    [
      'a cookie of another name',
      '/get',
      { cookie: `SID=${value}; session=${value}; sid2=${value}; __Host-sid=${value}` },
    ],
    ['the value of another cookie', '/get', { cookie: `other=sid=${value}` }],
    [
      'a form',
      '/get',
      { 'content-type': 'application/x-www-form-urlencoded' },
      `sid=${encodeURIComponent(value)}`,
    ],
    ['JSON', '/get', { 'content-type': 'application/json' }, JSON.stringify({ sid: value, sessionID: id })],
  ];

  async function open() {
    const world = await createWorld();
    const { app, sessions, on } = world;
    app.use(express.urlencoded({ extended: true }), express.json());
    on('/set', async (req, res) => {
      await sessions.set(req, 'a', 1);
      res.send((req as { sessionID?: string }).sessionID);
    });
    // Behind the parsers, whatever the path and the method.
    app.use((req, res, next) => {
      sessions.get(req, 'a').then((a) => res.json({ a: a ?? null, body: typeof req.body }), next);
    });
    const id = (await world.client.get('/set')).body;
    return { world, id, value: world.client.jar.get('sid') ?? '' };
  }

  it('is not looked at, wherever it stands: the store is not even asked', async () => {
    const { world, id, value } = await open();
    world.calls.clear();
    for (const [place, path, headers, body] of places(value, id)) {
      const answer = await world
        .browser()
        .get(path, { headers, ...(body === undefined ? {} : { method: 'POST', body }) });
      expect([place, answer.status, (JSON.parse(answer.body) as { a: unknown }).a, answer.cookies]).toEqual([
        place,
        200,
        null,
        [],
      ]);
    }
    expect(world.calls.count()).toBe(0);
    // In the cookie it is.
    expect(
      (
        JSON.parse((await world.browser().get('/get', { headers: { cookie: `sid=${value}` } })).body) as {
          a: unknown;
        }
      ).a,
    ).toBe(1);
  });

  it('does not stand in the way of the one that is', async () => {
    const { world, value } = await open();
    const other = world.browser();
    const theirs = (await other.get('/set')).body;
    for (const [place, path, headers, body] of places(other.jar.get('sid') ?? '', theirs)) {
      if ('cookie' in headers) continue;
      const answer = await world.client.get(path, {
        headers,
        ...(body === undefined ? {} : { method: 'POST', body }),
      });
      expect([place, (JSON.parse(answer.body) as { a: unknown }).a]).toEqual([place, 1]);
    }
    expect(world.client.jar.get('sid')).toBe(value);
  });

  it('is nothing to the drop-in either', async () => {
    const { client } = await site(dropIn, { name: 'sid' }, (req, res) => {
      if (req.path === '/set') data(req)['a'] = 1;
      res.json({ a: data(req)['a'] ?? null, id: req.sessionID });
    });
    const { id } = JSON.parse((await client.get('/set')).body) as { id: string };
    const value = client.jar.get('sid') ?? '';
    const stranger = client.clone();
    for (const [place, path, headers, body] of places(value, id)) {
      stranger.jar.clear();
      const answer = await stranger.get(path, {
        headers,
        ...(body === undefined ? {} : { method: 'POST', body }),
      });
      expect([place, (JSON.parse(answer.body) as { a: unknown }).a]).toEqual([place, null]);
    }
    expect((JSON.parse((await client.get('/get')).body) as { a: unknown }).a).toBe(1);
  });
});

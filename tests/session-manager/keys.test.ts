// Signing keys with ids: the first one signs, all verify, and a key that is taken away refuses what it signed.
import { inspect } from 'node:util';

import type { Secret } from '../../src/http/options.js';
import { SessionManager } from '../../src/session-manager.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { SECRET } from '../support/secret.js';
import { TestClock } from '../support/clock.js';
import { Client } from '../support/http.js';
import { closeWorlds, createWorld, withCode, type World } from './world.js';

afterEach(closeWorlds);

const [SPRING, SUMMER] = [
  { id: 'spring', secret: `spring ${SECRET}` },
  { id: 'summer', secret: `summer ${SECRET}` },
];
const ID = /^[A-Za-z0-9_-]{43}$/;

describe('with one store', () => {
  const clock = new TestClock();
  const store = new MemoryStore({ clock, cleanupInterval: 0 });
  beforeEach(() => store.clear());

  /** Another deploy of the same site. */
  async function deploy(...secret: Secret[]): Promise<World> {
    const world = await createWorld({ store, clock, secret });
    world.on('/set', async (req, res) => {
      await world.sessions.set(req, 'a', 1);
      res.end();
    });
    world.on('/get', async (req, res) => {
      res.json((await world.sessions.get(req, 'a')) ?? null);
    });
    return world;
  }

  /** What a browser that has a cookie of one deploy gets from another one. */
  async function visit({ browser }: World, from: Client): Promise<{ body: string; cookies: string[] }> {
    const client = browser();
    client.cookie = from.cookie;
    const { body, cookies } = await client.get('/get');
    if (cookies.length > 0) from.cookie = client.cookie;
    return { body, cookies };
  }

  async function holder({ client }: World): Promise<Client> {
    await client.get('/set');
    return client;
  }

  const keyOf = (client: Client): string | undefined => client.jar.get('sid')?.split('.').at(-2);

  it('names the key in the cookie: id, key, signature', async () => {
    const client = await holder(await deploy(SPRING));
    const [id = '', key, signature = '', ...rest] = client.jar.get('sid')?.split('.') ?? [];
    expect([key, rest]).toEqual(['spring', []]);
    expect([id, signature].every((text) => ID.test(text))).toBe(true);
  });

  it('S6 signs a cookie again under the first key, on use and once', async () => {
    const client = await holder(await deploy(SPRING));
    const next = await deploy(SUMMER, SPRING);
    const { body, cookies } = await visit(next, client);
    expect([body, cookies.length, keyOf(client)]).toEqual(['1', 1, 'summer']);
    expect((await visit(next, client)).cookies).toEqual([]);
    // The session is the same: the key was changed, not the id.
    expect(await store.length()).toBe(1);
  });

  it.each([
    ['keys with ids', [SUMMER, SPRING], [SUMMER]],
    ['keys with ids and texts', [SUMMER, SECRET, SPRING], [SECRET, SUMMER]],
  ])(
    'refuses what a key signed that was taken away, while others live: %s',
    async (_which, before, after) => {
      const old = await holder(await deploy(SPRING));
      const young = await holder(await deploy(...before));
      const next = await deploy(...after);
      const told: string[] = [];
      next.sessions.on('suspicious', ({ reason }) => told.push(reason));
      expect((await visit(next, old)).body).toBe('null');
      expect((await visit(next, young)).body).toBe('1');
      expect(told).toEqual(['bad-signature']);
    },
  );

  it('takes texts and keys together, each for its own', async () => {
    const text = await holder(await deploy(SECRET));
    const key = await holder(await deploy(SPRING));
    const both = await deploy(SUMMER, SECRET, SPRING);
    for (const client of [text, key]) {
      expect((await visit(both, client)).body).toBe('1');
      expect(keyOf(client)).toBe('summer');
    }
  });

  it('refuses a cookie with a key’s name where the same secret has none, and the other way round', async () => {
    const named = await holder(await deploy({ id: 'k', secret: SECRET }));
    const plain = await holder(await deploy(SECRET));
    expect((await visit(await deploy(SECRET), named)).body).toBe('null');
    expect((await visit(await deploy({ id: 'k', secret: SECRET }), plain)).body).toBe('null');
    // Nor under another name.
    expect((await visit(await deploy({ id: 'l', secret: SECRET }), named)).body).toBe('null');
  });

  it.each([
    ['no key', (id: string, _key: string, mac: string) => `${id}..${mac}`],
    ['another key', (id: string, _key: string, mac: string) => `${id}.summer.${mac}`],
    ['a key twice', (id: string, key: string, mac: string) => `${id}.${key}.${key}.${mac}`],
    ['a key that is a method', (id: string, _key: string, mac: string) => `${id}.constructor.${mac}`],
    ['a key in capitals', (id: string, key: string, mac: string) => `${id}.${key.toUpperCase()}.${mac}`],
    ['no signature', (id: string, key: string) => `${id}.${key}.`],
  ])('S4 refuses a cookie with %s', async (_which, spoil) => {
    const world = await deploy(SPRING, SUMMER);
    const client = await holder(world);
    const [id = '', key = '', mac = ''] = client.jar.get('sid')?.split('.') ?? [];
    client.jar.set('sid', spoil(id, key, mac));
    expect((await client.get('/get')).body).toBe('null');
    client.jar.set('sid', [id, key, mac].join('.'));
    expect((await client.get('/get')).body).toBe('1');
  });
});

const make = (secret: unknown): SessionManager => new SessionManager({ secret: secret as string });

it.each([
  ['two with one id', [SPRING, { ...SUMMER, id: 'spring' }]],
  ['no id', { secret: SECRET }],
  ['an id that is empty', { id: '', secret: SECRET }],
  ['an id with a dot', { id: 'a.b', secret: SECRET }],
  ['an id with a space', { id: 'a b', secret: SECRET }],
  ['an id beyond ASCII', { id: 'clé', secret: SECRET }],
  ['an id that is too long', { id: 'a'.repeat(33), secret: SECRET }],
  ['an id that is a number', { id: 1, secret: SECRET }],
  ['no secret', { id: 'a' }],
  ['a secret that is empty', { id: 'a', secret: '' }],
  ['a secret that is a buffer', { id: 'a', secret: Buffer.from(SECRET) }],
  ['a field that is none', { id: 'a', secret: SECRET, kid: 'b' }],
  ['an empty list', []],
  ['a list in a list', [[SPRING]]],
  ['null in a list', [SPRING, null]],
])('refuses a key with %s, and does not tell its secret', (_which, secret) => {
  expect(() => make(secret)).toThrow(withCode('ERR_SESSION_OPTIONS'));
  try {
    make(secret);
  } catch (error) {
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET);
  }
});

it.each(['a', 'A-Z_0-9', 'a'.repeat(32)])('takes %s for an id', async (id) => {
  await make([{ id, secret: SECRET }, SECRET]).close();
});

describe('in production', () => {
  const { NODE_ENV } = process.env;
  beforeEach(() => (process.env['NODE_ENV'] = 'production'));
  afterEach(() => (process.env['NODE_ENV'] = NODE_ENV));

  it.each([
    ['short', { id: 'a', secret: 'short but no placeholder' }],
    ['a placeholder', { id: 'a', secret: 'change-me, for this is no secret at all, is it?' }],
    ['short, behind a good one', [SPRING, { id: 'a', secret: 'short' }]],
  ])('S6 refuses the secret of a key that is %s', (_which, secret) => {
    expect(() => make(secret)).toThrow(withCode('ERR_SESSION_OPTIONS'));
    expect(() => make(secret)).toThrow(/32 bytes/);
  });

  it('takes keys whose secrets are long', async () => {
    await make([SPRING, SUMMER, SECRET]).close();
  });
});

it('S41 shows no secret of a key, nor a signature, wherever it is looked at', async () => {
  const { sessions, client, on } = await createWorld({ secret: [SPRING, SUMMER] });
  let seen = '';
  on('/', async (req, res) => {
    await sessions.set(req, 'a', 1);
    const options = { depth: 20, showHidden: true };
    const { session } = req as unknown as { session: object };
    seen = [sessions, sessions.store, session].map((each) => inspect(each, options)).join('\n');
    seen += JSON.stringify([sessions, session]);
    res.end();
  });
  await client.get('/');
  for (const { secret } of [SPRING, SUMMER]) expect(seen).not.toContain(secret);
  for (const part of client.jar.get('sid')?.split('.') ?? [])
    if (ID.test(part)) expect(seen).not.toContain(part);
  expect(seen.length).toBeGreaterThan(100);
});

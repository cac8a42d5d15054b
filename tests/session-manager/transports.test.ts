// How the id travels: in a header, in a cookie, or in whichever the client uses; and in nothing else.
import type { SessionId } from '../../src/core/contract.js';
import { Signer } from '../../src/core/signing.js';
import type { TransportOption } from '../../src/http/transport.js';
import { SessionManager } from '../../src/session-manager.js';
import type { Answer } from '../support/http.js';
import { SECRET } from '../support/secret.js';
import { createRenewing, HOUR, STORES, told, type Backing, type RenewingWorld } from './renewal.world.js';
import { closeWorlds, createWorld, withCode } from './world.js';

afterEach(closeWorlds);

const HEADER = { header: 'X-Session' };

async function open(
  transport: TransportOption | readonly TransportOption[],
  backing?: Backing,
): Promise<RenewingWorld> {
  const world = await createRenewing(backing, { transport });
  world.on('/headers', async (req, res) => {
    await world.sessions.set(req, 'a', true);
    res.set('Cache-Control', 'public, max-age=60').set('Vary', 'Accept').end();
  });
  return world;
}

const sent = ({ headers }: Answer): string | undefined => headers['x-session'] as string | undefined;
const varies = ({ headers }: Answer): string[] => (headers.vary ?? '').split(', ');

describe.each(STORES)('in a header, on %s', (_name, backing) => {
  it('gives the id when a session begins, logs in, is renewed; takes it away at its end; and sets no cookie', async () => {
    const { browser, clock, living } = await open(HEADER, backing());
    const client = browser();
    let id = '';
    const get = async (path: string): Promise<string | undefined> => {
      const answer = await client.get(path, id === '' ? {} : { headers: { 'x-session': id } });
      expect([answer.status, answer.cookies, varies(answer)]).toEqual([200, [], ['X-Session']]);
      const given = sent(answer);
      if (given !== undefined) {
        expect(answer.headers['cache-control']).toBe('no-store');
        id = given;
      }
      return given;
    };
    const ids = new Set([await get('/set?key=a')]);
    expect(await get('/all')).toBeUndefined();
    ids.add(await get('/login?user=ada'));
    await clock.advance(HOUR);
    ids.add(await get('/all'));
    expect(ids.size).toBe(3);
    expect([...ids].every((each) => /^[\w-]{43}\.[\w-]{43}$/.test(String(each)))).toBe(true);
    expect(await get('/logout')).toBe('');
    expect(await living()).toEqual([]);
  });
});

it('adds itself to Vary, and forbids what caches were told', async () => {
  const { client } = await open(HEADER);
  const { headers } = await client.get('/headers');
  expect([headers['cache-control'], headers.vary]).toEqual(['no-store', 'Accept, X-Session']);
});

it('P6 says nothing in a response that did not use the session', async () => {
  const { client } = await open([HEADER, 'cookie']);
  const { headers } = await client.get('/unused', { headers: { 'x-session': 'junk' } });
  expect(headers).not.toHaveProperty('vary');
  expect(headers).not.toHaveProperty('x-session');
});

it('S10 reads the id from where it was told to, and nowhere else', async () => {
  const { browser, client } = await open(HEADER);
  const id = sent(await client.get('/set?key=a')) ?? '';
  const read = async (path: string, headers: Record<string, string>): Promise<string> =>
    (await browser().get(path, { headers })).body;
  expect(await read('/all', { 'x-session': id })).toBe('{"a":true}');
  const query = new URLSearchParams({ sid: id, 'X-Session': id, session: id }).toString();
  for (const [path, headers] of [
    [`/all?${query}`, {}],
    ['/all', { cookie: `sid=${id}; X-Session=${id}; x-session=${id}` }],
    ['/all', { authorization: `Bearer ${id}` }],
    ['/all', { 'x-session-id': id, session: id }],
    ['/all', { 'x-session': `${id}, ${id}` }],
    ['/all', { 'x-session': `"${id}"` }],
  ] as const)
    expect(await read(path, headers)).toBe('{}');
});

it('S5 refuses in the header what was signed for the cookie, and the other way round', async () => {
  const { client, browser } = await open(['cookie', HEADER]);
  const { jar } = client;
  await client.get('/set?key=a');
  const cookie = jar.get('sid') ?? '';
  const id = cookie.split('.')[0] as SessionId;
  const header = new Signer('header x-session', [SECRET]).sign(id);
  const read = async (headers: Record<string, string>): Promise<string> =>
    (await browser().get('/all', { headers })).body;
  expect(await read({ cookie: `sid=${cookie}` })).toBe('{"a":true}');
  expect(await read({ 'x-session': header })).toBe('{"a":true}');
  expect(await read({ 'x-session': cookie })).toBe('{}');
  expect(await read({ cookie: `sid=${header}` })).toBe('{}');
});

describe.each([
  ['cookie first', ['cookie', HEADER] as const],
  ['header first', [HEADER, 'cookie'] as const],
])('in both, %s', (name, transport) => {
  const both = (answer: Answer): [number, boolean] => [answer.cookies.length, sent(answer) !== undefined];

  it('gives a new session on the first, and varies on both', async () => {
    const { client } = await open(transport);
    const answer = await client.get('/set?key=a');
    expect(both(answer)).toEqual(name === 'cookie first' ? [1, false] : [0, true]);
    expect(varies(answer).sort()).toEqual(['Cookie', 'X-Session']);
  });

  it.each(['cookie', 'header'] as const)('answers where the session came from: the %s', async (from) => {
    const { browser, client, clock, living } = await open(transport);
    const first = await client.get('/set?key=a');
    const value = (sent(first) ?? client.jar.get('sid') ?? '').split('.')[0] as SessionId;
    const signer = new Signer(from === 'cookie' ? 'sid' : 'header x-session', [SECRET]);
    const [other, id] = [browser(), signer.sign(value)];
    await clock.advance(HOUR);
    const headers: Record<string, string> = from === 'cookie' ? { cookie: `sid=${id}` } : { 'x-session': id };
    const renewed = await other.get('/all', { headers });
    expect(both(renewed)).toEqual(from === 'cookie' ? [1, false] : [0, true]);
    const next: Record<string, string> =
      from === 'cookie' ? { cookie: other.cookie } : { 'x-session': sent(renewed) ?? '' };
    const ended = await other.get('/logout', { headers: next });
    expect([ended.body, await living()]).toEqual(['true', []]);
    expect(both(ended)).toEqual(from === 'cookie' ? [1, false] : [0, true]);
  });

  it.each(['cookie', 'header'] as const)(
    'answers in the %s if the other one names no session',
    async (from) => {
      const { browser, client, clock } = await open(transport);
      const first = await client.get('/set?key=a');
      const living = (sent(first) ?? client.jar.get('sid') ?? '').split('.')[0] as SessionId;
      const dead = 'd'.repeat(43) as SessionId;
      const cookie = new Signer('sid', [SECRET]).sign(from === 'cookie' ? living : dead);
      const header = new Signer('header x-session', [SECRET]).sign(from === 'header' ? living : dead);
      await clock.advance(HOUR);
      const answer = await browser().get('/all', {
        headers: { cookie: `sid=${cookie}`, 'x-session': header },
      });
      expect(answer.body).toBe('{"a":true}');
      expect(both(answer)).toEqual(from === 'cookie' ? [1, false] : [0, true]);
    },
  );

  it('takes both away if a request that ends its session brought both', async () => {
    const { browser, client } = await open(transport);
    const first = await client.get('/set?key=a');
    const id = (sent(first) ?? client.jar.get('sid') ?? '').split('.')[0] as SessionId;
    const headers = {
      cookie: `sid=${new Signer('sid', [SECRET]).sign(id)}`,
      'x-session': new Signer('header x-session', [SECRET]).sign(id),
    };
    const ended = await browser().get('/logout', { headers });
    expect([ended.body, sent(ended), ended.cookies.length]).toEqual(['true', '', 1]);
    expect(ended.cookies[0]).toMatch(/^sid=;.*Max-Age=0/);
  });
});

it('tells of a header with a bad signature, and of none that is empty', async () => {
  const { client, suspects } = await open(HEADER);
  await client.get('/all', { headers: { 'x-session': '' } });
  await client.get('/all', { headers: { 'x-session': 'junk' } });
  await told();
  expect(suspects).toEqual([{ reason: 'bad-signature' }]);
});

it.each([
  '',
  'Cookie',
  'Set-Cookie',
  'Authorization',
  'Host',
  'X-Forwarded-For',
  'X-Real-IP',
  'X-Session: a',
  'X Session',
  'X-Session\r\nSet-Cookie',
  'X-Sessión',
  `X-${'a'.repeat(63)}`,
])('refuses a header of the name %j', (header) => {
  expect(() => new SessionManager({ secret: SECRET, transport: { header } })).toThrow(
    withCode('ERR_SESSION_OPTIONS'),
  );
});

it.each([
  ['an unknown one', 'header'],
  ['none', []],
  ['two at once', { header: 'X-Session', cookie: true }],
  ['the same header twice', [HEADER, { header: 'x-session' }]],
  ['the cookie twice', ['cookie', 'cookie']],
])('refuses %s', (_which, transport) => {
  const make = (): SessionManager => new SessionManager({ secret: SECRET, transport: transport as 'cookie' });
  expect(make).toThrow(withCode('ERR_SESSION_OPTIONS'));
  expect(make).toThrow(/"transport"/);
});

it('keys with ids sign headers too', async () => {
  const { client, on, sessions } = await createWorld({
    secret: { id: 'k', secret: SECRET },
    transport: HEADER,
  });
  on('/', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  expect(sent(await client.get('/'))?.split('.')[1]).toBe('k');
});

it.each([
  [null],
  [5],
  [new Uint8Array(2)],
  [[]],
  [[null]],
  [[{}]],
  [[{ header: Object.create(null) as unknown }]],
])('refuses %p as a way with a code', (transport) => {
  expect(() => new SessionManager({ secret: SECRET, transport: transport as never })).toThrow(
    expect.objectContaining({ code: 'ERR_SESSION_OPTIONS' }) as Error,
  );
});

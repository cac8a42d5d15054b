// Whatever is wrong with a store's answers, a session or a Cookie header: an error that says so, or a new session. Never a
// crash, never a hang.
import type { RequestHandler } from 'express';
import { Cookie } from '../../../src/stores/session.js';

import { counting, data, dropIn, holding, IMPLEMENTATIONS, sentCookie, site, spyStore } from './support.js';

const COOKIE = { originalMaxAge: null, expires: null, httpOnly: true, path: '/' };

describe.each(IMPLEMENTATIONS)('%s', (_name, session) => {
  /** Somebody comes whose stored session is this. */
  const visitTo = async (stored: unknown, handler: RequestHandler = counting) => {
    const store = spyStore(session);
    store.texts.set('theirs', typeof stored === 'string' ? stored : JSON.stringify(stored));
    const { client } = await site(session, { store: store.asOption }, handler);
    const answer = await client.get('/', { headers: holding('theirs') });
    expect((await client.get('/')).status).toBe(200);
    return answer;
  };

  it.each([
    '5',
    '"text"',
    'true',
    '[]',
    '[1,2]',
    '{}',
    '{"visits":1}',
    '{"cookie":null,"visits":1}',
    '{"cookie":5}',
  ])(
    'a stored session %s, which is no object or lacks a cookie, is an error of the request',
    async (text) => {
      const answer = await visitTo(text);
      expect([answer.status, sentCookie(answer)]).toEqual([500, undefined]);
    },
  );

  it.each(['null', 'false'])('a stored session %s is none', async (text) => {
    expect((await visitTo(text)).body).toContain('"visits":1');
  });

  it.each([
    'save',
    'touch',
    'reload',
    'destroy',
    'regenerate',
    'resetMaxAge',
    'req',
    'id',
    'constructor',
    '__proto__',
  ])('a stored %s shadows nothing', async (name) => {
    const text = `{"cookie":${JSON.stringify(COOKIE)},"${name}":{"isAdmin":true},"visits":1}`;
    const answer = await visitTo(text, (req, res) => {
      const own = data(req);
      const right = typeof own[name] === 'function' || own[name] === req || own[name] === 'theirs';
      own['visits'] = 2;
      req.session.save(
        (error) =>
          void res.json([error ?? null, right || name === '__proto__', 'isAdmin' in own, own['visits']]),
      );
    });
    expect(JSON.parse(answer.body)).toEqual([null, true, false, 2]);
  });

  it.each(['%', '%E0%A4%A', 's:', 's:.', 's%3A', '"', '""', 's:theirs', 's:theirs.', '=;=', '\u00e4'])(
    'a cookie "%s" names no session',
    async (value) => {
      const { client } = await site(session, {}, counting);
      const headers = { cookie: `connect.sid=${value}` };
      expect((await client.get('/', { headers })).body).toContain('"visits":1');
    },
  );
});

describe('drop-in', () => {
  /** The answer where the store gives this for everybody's session. */
  const visitWith = async (get: (...args: unknown[]) => unknown, handler: RequestHandler = counting) => {
    const store = { get, set: async () => undefined, destroy: async () => undefined };
    const { client } = await site(dropIn, { store, storeTimeout: 100 }, handler);
    return client.get('/', { headers: holding('theirs') });
  };
  const circular: Record<string, unknown> = { cookie: COOKIE };
  circular['itself'] = circular;
  const throwing = Object.defineProperty({ cookie: COOKIE }, 'a', {
    enumerable: true,
    get: () => JSON.parse('{') as unknown,
  });

  it.each([
    ['a Buffer', Buffer.from('{}')],
    ['a Map', new Map()],
    ['a function', () => undefined],
    ['something circular', circular],
    ['a BigInt', { cookie: COOKIE, big: 1n }],
    ['a getter that throws', throwing],
    ['an expiry that is no date', { cookie: { ...COOKIE, expires: 'soon' } }],
    ['a maxAge that is text', { cookie: { ...COOKIE, maxAge: 'x' } }],
  ])('a store that gives %s is an error of the request', async (_what, stored) => {
    expect((await visitWith(async () => stored)).status).toBe(500);
  });

  it.each([
    ['a frozen object', Object.freeze({ cookie: Object.freeze(COOKIE), visits: 1 })],
    ['no prototype', Object.assign(Object.create(null) as object, { cookie: COOKIE, visits: 1 })],
    ['a Cookie', { cookie: new Cookie(COOKIE), visits: 1 }],
    [
      'attributes that nobody knows',
      { cookie: { ...COOKIE, facts: 5, data: {}, _expires: null }, visits: 1 },
    ],
  ])('a store that gives an object with %s is understood', async (_what, stored) => {
    expect(await visitWith(async () => stored)).toMatchObject({
      status: 200,
      body: expect.stringContaining('2'),
    });
  });

  type Answer = (error?: unknown, session?: unknown) => void;
  it('a store that answers twice, throws, or never answers harms one request', async () => {
    const stored = { cookie: COOKIE, visits: 1 };
    const twice = await visitWith((_id, answer) => {
      (answer as Answer)(null, stored);
      (answer as Answer)(new Error('again'));
    });
    expect(twice.body).toContain('"visits":2');
    const thrown = await visitWith(() => JSON.parse('{'));
    expect(thrown.status).toBe(500);
    expect((await visitWith(() => undefined)).status).toBe(500);
  });

  const deep: Record<string, unknown> = {};
  let inner = deep;
  for (let level = 0; level < 20_000; level++) inner = inner['d'] = {};
  it.each([
    ['something circular', circular],
    ['a BigInt', 1n],
    ['20,000 levels', deep],
  ])('a session that holds %s is an error of the request', async (_what, value) => {
    const { client } = await site(dropIn, {}, (req, res) => {
      data(req)['value'] = value;
      res.send('ok');
    });
    expect((await client.get('/')).status).toBe(500);
  });

  it.each([{}, 'text', 5, [], new dropIn.MemoryStore()])(
    'req.session = %p is an error of the request',
    async (value) => {
      const { client } = await site(dropIn, {}, (req, res) => {
        Object.assign(req, { session: value });
        res.send('ok');
      });
      expect((await client.get('/')).status).toBe(500);
    },
  );
});

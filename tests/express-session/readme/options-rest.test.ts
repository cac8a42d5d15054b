// express-session's README, "resave", "rolling", "saveUninitialized", "store" and "unset". Sentences 47 to 62 and 71 to
// 74 of its API section.
import express, { type Request, type RequestHandler } from 'express';

import type { SessionOptions } from '../../../src/express-session/index.js';
import { Client } from '../../support/http.js';
import {
  counting,
  data,
  dropIn,
  frozenDate,
  genuine,
  holding,
  IMPLEMENTATIONS,
  open,
  options,
  sentCookie,
  site,
  spyStore,
  type SessionFunction,
} from './support.js';

describe.each(IMPLEMENTATIONS)('%s', (_name, session) => {
  const callsOfSecondVisit = async (more: SessionOptions, store = spyStore(session)): Promise<string[]> => {
    const { client } = await site(
      session,
      { cookie: { maxAge: 60_000 }, ...more, store: store.asOption },
      counting,
    );
    const { id } = sentCookie(await client.get('/')) ?? { id: '' };
    store.calls.length = 0;
    await client.get('/peek');
    return store.calls.map((call) => call.replace(` ${id}`, ''));
  };

  it('47. resave: forces an unmodified session back to the store', async () => {
    expect(await callsOfSecondVisit({ resave: true })).toContain('set');
  });

  it('49. resave: the default value is true, and deprecated', async () => {
    const { resave: _default, ...rest } = options();
    const store = spyStore(session);
    const app = express().use(session({ ...rest, store: store.asOption }), counting);
    const client = await open(app);
    const { id } = sentCookie(await client.get('/')) ?? { id: '' };
    store.calls.length = 0;
    await client.get('/peek');
    expect(store.calls).toContain(`set ${id}`);
  });

  it('50. resave: false is safe with a store that implements touch, which is called instead', async () => {
    const calls = await callsOfSecondVisit({ resave: false });
    expect(calls).toContain('touch');
    expect(calls).not.toContain('set');
  });

  it('51. resave: true is for a store that sets an expiration date and does not implement touch', async () => {
    const date = frozenDate();
    const store = spyStore(session, { touch: false });
    const more = { resave: true, cookie: { maxAge: 60_000 }, store: store.asOption };
    const { client } = await site(session, more, counting);
    const { id } = sentCookie(await client.get('/')) ?? { id: '' };
    date.advance(30_000);
    await client.get('/peek');
    expect(JSON.parse(store.texts.get(id) ?? '')).toMatchObject({
      cookie: { expires: new Date(date.now + 60_000).toISOString() },
    });
  });

  const laterAnswer = async (more: SessionOptions, path: string) => {
    const date = frozenDate();
    const { client } = await site(session, { cookie: { maxAge: 60_000 }, ...more }, counting);
    await client.get('/');
    date.advance(20_000);
    const Expires = sentCookie(await client.get(path))?.attributes['Expires'];
    return Expires === undefined ? null : Date.parse(Expires as string) - Math.floor(date.now / 1000) * 1000;
  };

  it('52. rolling: the cookie is set on every response', async () => {
    const { client } = await site(session, { rolling: true }, counting);
    await client.get('/');
    for (let turn = 0; turn < 3; turn++) expect(sentCookie(await client.get('/peek'))).toBeDefined();
  });

  it('53. rolling: the expiration is reset to the original maxAge', async () => {
    expect(await laterAnswer({ rolling: true }, '/peek')).toBe(60_000);
  });

  it('54. rolling: the default value is false', async () => {
    expect(await laterAnswer({}, '/peek')).toBeNull();
  });

  it('55. rolling: without it, the cookie expires maxAge after the session was last modified', async () => {
    expect(await laterAnswer({}, '/')).toBe(60_000);
  });

  it('56. rolling: without saveUninitialized, the cookie is not set with an uninitialized session', async () => {
    const { client } = await site(session, { rolling: true, saveUninitialized: false }, counting);
    expect((await client.get('/peek')).cookies).toEqual([]);
  });

  it('57. saveUninitialized: forces a session that is new but not modified to be saved to the store', async () => {
    const store = spyStore(session);
    const { client } = await site(session, { saveUninitialized: true, store: store.asOption }, counting);
    const { id } = sentCookie(await client.get('/peek')) ?? { id: '' };
    expect([...store.texts.keys()]).toEqual([id]);
  });

  const works: readonly (readonly [string, (req: Request) => void, boolean])[] = [
    ['was written to', (req) => Object.assign(data(req), { a: 1 }), true],
    [
      'was written to and put back',
      (req) => Reflect.deleteProperty(Object.assign(data(req), { a: 1 }), 'a'),
      false,
    ],
    ['has another maxAge', (req) => Object.assign(req.session.cookie, { maxAge: 5_000 }), false],
    ['was only read', (req) => data(req)['a'], false],
  ];
  it.each(works)(
    '58. saveUninitialized: whether a new session that %s counts as modified',
    async (_how, work, expected) => {
      const store = spyStore(session);
      const { client } = await site(session, { store: store.asOption }, (req, res) => {
        work(req);
        res.send('ok');
      });
      const answer = await client.get('/');
      expect([store.texts.size === 1, sentCookie(answer) !== undefined]).toEqual([expected, expected]);
    },
  );

  it('59. saveUninitialized: false saves storage, and sets no cookie before there is permission', async () => {
    const store = spyStore(session);
    const { client } = await site(session, { store: store.asOption }, counting);
    expect((await client.get('/peek')).cookies).toEqual([]);
    expect(store.calls).toEqual([]);
  });

  it('60. saveUninitialized: false makes no sessions for parallel requests without one', async () => {
    const store = spyStore(session);
    const { port } = await site(session, { store: store.asOption }, counting);
    const answers = await Promise.all(Array.from({ length: 5 }, () => new Client(port).get('/peek')));
    expect(answers.flatMap(({ cookies }) => cookies)).toEqual([]);
    expect(store.texts.size).toBe(0);
  });

  it('61. saveUninitialized: the default value is true, and deprecated', async () => {
    const { saveUninitialized: _default, ...rest } = options();
    const client = await open(express().use(session(rest), counting));
    expect(sentCookie(await client.get('/peek'))).toBeDefined();
  });

  it('62. saveUninitialized: an empty object, as Passport adds one, is a modification', async () => {
    const { client } = await site(session, {}, (req, res) => {
      data(req)['passport'] = {};
      res.send('ok');
    });
    expect(sentCookie(await client.get('/'))).toBeDefined();
  });

  it('71. store: the default is a new MemoryStore instance', async () => {
    const stores: unknown[] = [];
    const remember: RequestHandler = (req, res) => {
      stores.push(req.sessionStore);
      res.send('ok');
    };
    for (let turn = 0; turn < 2; turn++) await (await site(session, {}, remember)).client.get('/');
    expect(stores[0]).toBeInstanceOf(session.MemoryStore);
    expect(stores[1]).toBeInstanceOf(session.MemoryStore);
    expect(stores[0]).not.toBe(stores[1]);
  });

  const UNSETTINGS: readonly (readonly [string, (req: Request) => void])[] = [
    ['delete', (req) => void Reflect.deleteProperty(req, 'session')],
    ['null', (req) => void Object.assign(req, { session: null })],
    ['undefined', (req) => void Object.assign(req, { session: undefined })],
  ];
  const storedAfter = async (
    more: SessionOptions,
    unset: (req: Request) => void,
  ): Promise<string | undefined> => {
    const store = spyStore(session);
    const stored = JSON.stringify({ cookie: { path: '/', httpOnly: true }, kept: 1 });
    store.texts.set('theirs', stored);
    const { client } = await site(session, { ...more, store: store.asOption }, (req, res) => {
      data(req)['lost'] = true;
      unset(req);
      res.send('ok');
    });
    expect((await client.get('/', { headers: holding('theirs') })).status).toBe(200);
    return store.texts.get('theirs');
  };
  const kept = expect.stringMatching(/^(?!.*lost).*"kept":1/) as string;

  it.each(UNSETTINGS)("72. unset: the default value is 'keep' (%s)", async (_how, unset) => {
    expect(await storedAfter({}, unset)).toEqual(kept);
  });

  it.each(UNSETTINGS)(
    "73. unset: 'destroy' destroys the session when the response ends (%s)",
    async (_how, unset) => {
      expect(await storedAfter({ unset: 'destroy' }, unset)).toBeUndefined();
    },
  );

  it.each(UNSETTINGS)(
    "74. unset: 'keep' keeps the session, and ignores modifications (%s)",
    async (_how, unset) => {
      expect(await storedAfter({ unset: 'keep' }, unset)).toEqual(kept);
    },
  );
});

/** Two requests at once change a key each: what the session holds then. */
async function afterTwoWrites(session: SessionFunction): Promise<string[]> {
  const store = spyStore(session);
  let arrived = 0;
  let go = (): void => undefined;
  const both = new Promise<void>((resolve) => (go = resolve));
  const { port } = await site(session, { resave: true, store: store.asOption }, (req, res) => {
    if (++arrived === 2) go();
    void both.then(() => {
      data(req)[req.path.slice(1)] = true;
      res.send('ok');
    });
  });
  store.texts.set('shared', JSON.stringify({ cookie: { path: '/' } }));
  await Promise.all(['/a', '/b'].map((path) => new Client(port).get(path, { headers: holding('shared') })));
  return Object.keys(JSON.parse(store.texts.get('shared') ?? '') as object).sort();
}

describe('both', () => {
  it("48. resave: parallel requests' changes overwrite each other in express-session and merge in the drop-in", async () => {
    expect(await afterTwoWrites(genuine)).toHaveLength(2);
    expect(await afterTwoWrites(dropIn)).toEqual(['a', 'b', 'cookie']);
  });
});

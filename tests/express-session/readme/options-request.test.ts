// express-session's README, "session(options)", "genid", "name" and "proxy". Sentences 1 to 6 and 37 to 46 of its
// API section.
import cookieParser from 'cookie-parser';
import express, { type RequestHandler } from 'express';

import { Client } from '../../support/http.js';
import {
  counting,
  data,
  dropIn,
  getOverTls,
  IMPLEMENTATIONS,
  open,
  options,
  sentCookie,
  site,
  spyStore,
} from './support.js';

const ok: RequestHandler = (_req, res) => void res.send('ok');
const visitsOf = (answer: { body: string }): unknown =>
  (JSON.parse(answer.body) as { visits: unknown }).visits;

describe.each(IMPLEMENTATIONS)('%s', (_name, session) => {
  it('1. session(options): creates a session middleware with the options', async () => {
    const middleware = session(options());
    expect(middleware).toHaveLength(3);
    const { client } = await site(session, {}, counting);
    await client.get('/');
    expect(visitsOf(await client.get('/'))).toBe(2);
  });

  it('2. session(options): session data is not saved in the cookie itself, just the session ID', async () => {
    const { client } = await site(session, {}, (req, res) => {
      data(req)['word'] = 'marmalade';
      res.send(req.sessionID);
    });
    const answer = await client.get('/');
    const { value, line } = sentCookie(answer) ?? { value: '', line: '' };
    expect(value.startsWith(`s:${answer.body}.`)).toBe(true);
    expect(line).not.toContain('marmalade');
  });

  it('3. session(options): session data is stored server-side', async () => {
    const store = spyStore(session);
    const { client } = await site(session, { store: store.asOption }, counting);
    const { id } = sentCookie(await client.get('/')) ?? { id: '' };
    expect(JSON.parse(store.texts.get(id) ?? '')).toMatchObject({ visits: 1 });
  });

  it('4. session(options): reads and writes cookies on req/res directly, without cookie-parser', async () => {
    const { client } = await site(session, {}, counting, (app) => {
      app.use((_req, res, next) => {
        res.append('Set-Cookie', 'other=1');
        next();
      });
    });
    expect((await client.get('/')).cookies).toHaveLength(2);
    expect(visitsOf(await client.get('/'))).toBe(2);
  });

  it.each(['the same secret', 'another secret'])(
    '5. session(options): works with cookie-parser of %s',
    async (which) => {
      const secret = which === 'another secret' ? 'something else' : options().secret;
      const { client } = await site(session, {}, counting, (app) => {
        app.use(cookieParser(secret as string));
      });
      await client.get('/');
      expect(visitsOf(await client.get('/'))).toBe(2);
    },
  );

  const answersSession: RequestHandler = (req, res) =>
    void res.json({ hasSession: typeof req.session === 'object' });

  it.each([
    ['/admin', true],
    ['/admin/users?q=/x', true],
    ['/administrators', true],
    ['/', false],
    ['/other/admin', false],
    ['/other?at=/admin', false],
  ])('23. cookie.path: only requests under the path have a session (%s)', async (path, expected) => {
    const { client } = await site(session, { cookie: { path: '/admin' } }, answersSession);
    expect(JSON.parse((await client.get(path)).body)).toEqual({ hasSession: expected });
  });

  it('23. cookie.path: is matched with the original path in a mounted app', async () => {
    const inner = express().use(
      session(options({ saveUninitialized: true, cookie: { path: '/shop/cart' } })),
      answersSession,
    );
    const client = await open(express().use('/shop', inner));
    expect(JSON.parse((await client.get('/shop/cart/1')).body)).toEqual({ hasSession: true });
    expect(JSON.parse((await client.get('/shop/shop/cart')).body)).toEqual({ hasSession: false });
    client.jar.clear();
    expect(sentCookie(await client.get('/shop/cart'))?.attributes['Path']).toBe('/shop/cart');
  });

  it('1. session(options): a second one on the same request leaves the session of the first', async () => {
    const { client } = await site(session, {}, counting, (app) => {
      app.use(session(options({ name: 'first' })));
    });
    await client.get('/');
    expect([...client.jar.keys()]).toEqual(['first']);
    expect(visitsOf(await client.get('/'))).toBe(2);
  });

  it('37. genid: the string that it returns is used as the session ID', async () => {
    let turn = 0;
    const { client, port } = await site(session, { genid: () => `id-${++turn}` }, counting);
    const ids = [await client.get('/'), await new Client(port).get('/')].map(
      (answer) => sentCookie(answer)?.id,
    );
    expect(ids).toEqual(['id-1', 'id-2']);
  });

  it('38. genid: is given req as the first argument', async () => {
    const genid = (req: { headers: Record<string, unknown> }) => `for-${String(req.headers['x-user'])}`;
    const { client } = await site(session, { genid }, counting);
    expect(sentCookie(await client.get('/', { headers: { 'X-User': 'ada' } }))?.id).toBe('for-ada');
  });

  it('39. genid: the default generates 24 random bytes in 32 characters fit for URLs', async () => {
    const { port } = await site(session, {}, counting);
    const ids = new Set<string>();
    for (let turn = 0; turn < 20; turn++) ids.add(sentCookie(await new Client(port).get('/'))?.id ?? '');
    expect(ids.size).toBe(20);
    for (const id of ids) expect(id).toMatch(/^[\w-]{32}$/);
  });

  it('41. name: is the name of the cookie in the response, and of the one that is read', async () => {
    const { client, port } = await site(session, { name: 'ticket' }, counting);
    const { value } = sentCookie(await client.get('/'), 'ticket') ?? { value: '' };
    expect([...client.jar.keys()]).toEqual(['ticket']);
    expect(visitsOf(await client.get('/'))).toBe(2);
    const other = new Client(port);
    other.cookie = `connect.sid=${encodeURIComponent(value)}`;
    expect(visitsOf(await other.get('/'))).toBe(1);
  });

  it("42. name: the default value is 'connect.sid'", async () => {
    const { client } = await site(session, {}, counting);
    await client.get('/');
    expect([...client.jar.keys()]).toEqual(['connect.sid']);
  });

  it('43. name: apps on the same hostname keep their sessions apart by different names', async () => {
    const one = await site(session, { name: 'one' }, counting);
    const two = await site(session, { name: 'two' }, counting);
    await one.client.get('/');
    two.client.cookie = one.client.cookie;
    expect(visitsOf(await two.client.get('/'))).toBe(1);
    one.client.cookie = two.client.cookie;
    expect([visitsOf(await one.client.get('/')), [...one.client.jar.keys()]]).toEqual([2, ['one', 'two']]);
  });

  const isSecure = async (
    proxy: boolean | undefined,
    proto: string,
    trustProxy = false,
  ): Promise<boolean> => {
    const more = {
      saveUninitialized: true,
      cookie: { secure: true },
      ...(proxy === undefined ? null : { proxy }),
    };
    const { client } = await site(session, more, ok, (app) => void app.set('trust proxy', trustProxy));
    return sentCookie(await client.get('/', { headers: { 'X-Forwarded-Proto': proto } })) !== undefined;
  };

  it.each([
    ['https', true],
    ['HTTPS , http', true],
    ['http', false],
    ['http, https', false],
    ['', false],
  ])('44. proxy: true uses the X-Forwarded-Proto header "%s"', async (proto, expected) => {
    expect(await isSecure(true, proto)).toBe(expected);
  });

  it('45. proxy: false ignores all headers; a connection is secure only by direct TLS', async () => {
    expect(await isSecure(false, 'https', true)).toBe(false);
    const app = express();
    app.use(session(options({ saveUninitialized: true, proxy: false, cookie: { secure: true } })), ok);
    expect(sentCookie(await getOverTls(app))).toBeDefined();
  });

  it('46. proxy: undefined, the default, uses the "trust proxy" setting of express', async () => {
    expect(await isSecure(undefined, 'https', true)).toBe(true);
    expect(await isSecure(undefined, 'https', false)).toBe(false);
  });
});

describe('drop-in', () => {
  it('40. genid: an ID that is in use names one session; the drop-in takes another ID for the second', async () => {
    const ids = ['same', 'same', 'other'];
    const { client, port } = await site(dropIn, { genid: () => ids.shift() ?? '' }, counting);
    await client.get('/');
    const second = await new Client(port).get('/');
    expect(sentCookie(second)?.id).toBe('other');
    expect(visitsOf(await client.get('/'))).toBe(2);
  });

  it('6. store: the default keeps the sessions of a process, and of no other middleware', async () => {
    const [one, two] = [await site(dropIn, {}, counting), await site(dropIn, {}, counting)];
    await one.client.get('/');
    two.client.cookie = one.client.cookie;
    expect(visitsOf(await two.client.get('/'))).toBe(1);
  });
});

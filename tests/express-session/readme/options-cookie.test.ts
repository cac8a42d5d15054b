// express-session's README, "cookie" and what it says of each attribute. Sentences 7 to 36 of its API section.
import express, { type Express, type Request, type RequestHandler } from 'express';

import type { SessionOptions } from '../../../src/express-session/index.js';
import { Client } from '../../support/http.js';
import { dropIn, frozenDate, getOverTls, IMPLEMENTATIONS, options, sentCookie, site } from './support.js';
import type { SentCookie, SessionFunction } from './support.js';

interface Circumstances {
  readonly more?: SessionOptions;
  readonly headers?: Record<string, string>;
  readonly path?: string;
  /** Express's setting. */
  readonly trustProxy?: boolean;
}

type CookieOption = SessionOptions['cookie'];

const FORWARDED = { 'X-Forwarded-Proto': 'https' };

/** The cookie that a first visit gets. */
async function cookieFor(
  session: SessionFunction,
  cookie: CookieOption,
  { more, headers = {}, path = '/', trustProxy = false }: Circumstances = {},
): Promise<SentCookie | undefined> {
  const { client } = await site(
    session,
    { saveUninitialized: true, ...(cookie === undefined ? null : { cookie }), ...more },
    (_req, res) => void res.send('ok'),
    (app: Express) => void app.set('trust proxy', trustProxy),
  );
  const answer = await client.get(path, { headers });
  expect(answer.status).toBe(200);
  return sentCookie(answer);
}

async function cookieOverTls(session: SessionFunction, more: SessionOptions) {
  const app = express();
  app.use(session(options({ saveUninitialized: true, ...more })), (_req, res) => void res.send('ok'));
  return sentCookie(await getOverTls(app));
}

describe.each(IMPLEMENTATIONS)('%s', (_name, session) => {
  const attributesFor = async (cookie: CookieOption, circumstances?: Circumstances) =>
    (await cookieFor(session, cookie, circumstances))?.attributes;

  it("7. cookie: the default value is { path: '/', httpOnly: true, secure: false, maxAge: null }", async () => {
    expect(await attributesFor(undefined)).toEqual({ Path: '/', HttpOnly: true });
  });

  it('8. cookie: a callback function generates the cookie options for each request', async () => {
    let turn = 0;
    const cookie = () => ({ domain: `turn${++turn}.example` });
    const send: RequestHandler = (_req, res) => void res.send('ok');
    const { client, port } = await site(session, { saveUninitialized: true, cookie }, send);
    const [one, two] = [await client.get('/'), await new Client(port).get('/')].map((answer) =>
      sentCookie(answer),
    );
    expect(one?.attributes['Domain']).toMatch(/^turn\d\.example$/);
    expect(two?.attributes['Domain']).toMatch(/^turn\d\.example$/);
    expect(two?.attributes['Domain']).not.toBe(one?.attributes['Domain']);
  });

  it('9. cookie: the callback receives req and returns the settings', async () => {
    const cookie = (req: Request) => ({ domain: req.hostname, maxAge: 60_000, httpOnly: false });
    const attributes = await attributesFor(cookie, { headers: { Host: 'shop.example' } });
    expect(attributes).toEqual({ Path: '/', Domain: 'shop.example', Expires: expect.any(String) as string });
  });

  it('10. cookie: the callback may give each part of a site a cookie path of its own', async () => {
    const cookie = (req: Request) => ({ path: `/${req.url.split('/')[1] ?? ''}` });
    expect((await attributesFor(cookie, { path: '/shop/cart' }))?.['Path']).toBe('/shop');
  });

  it('11. cookie.domain: is the value of the Domain attribute', async () => {
    expect(await attributesFor({ domain: 'example.com' })).toMatchObject({ Domain: 'example.com' });
  });

  it('12. cookie.domain: by default, no domain is set', async () => {
    expect(await attributesFor({})).not.toHaveProperty('Domain');
  });

  it('13. cookie.expires: the Date is the value of the Expires attribute', async () => {
    const expires = new Date(Date.now() + 3_600_000);
    frozenDate();
    expect(await attributesFor({ expires })).toMatchObject({ Expires: expires.toUTCString() });
  });

  it('14. cookie.expires: by default, no expiration is set', async () => {
    expect(await attributesFor({})).not.toHaveProperty('Expires');
  });

  it('15. cookie.expires, cookie.maxAge: of both, the last one defined in the object is used', async () => {
    const { now } = frozenDate();
    const expires = new Date(now + 3_600_000);
    const inAMinute = new Date(now + 60_000).toUTCString();
    expect(await attributesFor({ expires, maxAge: 60_000 })).toMatchObject({ Expires: inAMinute });
    expect(await attributesFor({ maxAge: 60_000, expires })).toMatchObject({
      Expires: expires.toUTCString(),
    });
  });

  it('17. cookie.httpOnly: when truthy the HttpOnly attribute is set, otherwise it is not', async () => {
    expect(await attributesFor({ httpOnly: true })).toMatchObject({ HttpOnly: true });
    expect(await attributesFor({ httpOnly: false })).not.toHaveProperty('HttpOnly');
  });

  it('18. cookie.httpOnly: by default, the HttpOnly attribute is set', async () => {
    expect(await attributesFor({ path: '/' })).toMatchObject({ HttpOnly: true });
  });

  it('19. cookie.maxAge: Expires is the current server time and maxAge milliseconds', async () => {
    const { now } = frozenDate();
    const Expires = new Date(now + 90_000).toUTCString();
    expect(await attributesFor({ maxAge: 90_000 })).toEqual({ Path: '/', Expires, HttpOnly: true });
  });

  it('20. cookie.maxAge: by default, no maximum age is set', async () => {
    const attributes = await attributesFor({});
    expect(attributes).not.toHaveProperty('Max-Age');
    expect(attributes).not.toHaveProperty('Expires');
  });

  it('21. cookie.partitioned: when truthy the Partitioned attribute is set, otherwise it is not', async () => {
    expect(await attributesFor({ partitioned: true })).toMatchObject({ Partitioned: true });
    expect(await attributesFor({ partitioned: false })).not.toHaveProperty('Partitioned');
  });

  it('22. cookie.partitioned: by default, the Partitioned attribute is not set', async () => {
    expect(await attributesFor({})).not.toHaveProperty('Partitioned');
  });

  it('23. cookie.path: is the value of the Path attribute', async () => {
    expect(await attributesFor({ path: '/admin' }, { path: '/admin/users' })).toMatchObject({
      Path: '/admin',
    });
  });

  it("24. cookie.path: by default, this is '/'", async () => {
    expect(await attributesFor({}, { path: '/deep/down' })).toMatchObject({ Path: '/' });
  });

  it.each([
    ['low', 'Low'],
    ['medium', 'Medium'],
    ['high', 'High'],
  ] as const)('25. cookie.priority: %s sets the Priority attribute to %s', async (priority, Priority) => {
    expect(await attributesFor({ priority })).toMatchObject({ Priority });
  });

  it('26. cookie.priority: is not sent when not set', async () => {
    expect(await attributesFor({})).not.toHaveProperty('Priority');
  });

  it.each([
    [true, 'Strict'],
    ['lax', 'Lax'],
    ['none', 'None'],
    ['strict', 'Strict'],
  ] as const)('27. cookie.sameSite: %s sets the SameSite attribute to %s', async (sameSite, SameSite) => {
    expect(await attributesFor({ sameSite })).toMatchObject({ SameSite });
  });

  it('28. cookie.sameSite: by default this is false, which does not set the SameSite attribute', async () => {
    expect(await attributesFor({ sameSite: false })).not.toHaveProperty('SameSite');
    expect(await attributesFor({})).not.toHaveProperty('SameSite');
  });

  it("29. cookie.sameSite: 'auto' is None for secure connections and Lax for non-secure ones", async () => {
    const cookie = { sameSite: 'auto' } as const;
    expect((await cookieOverTls(session, { cookie }))?.attributes).toMatchObject({ SameSite: 'None' });
    expect(await attributesFor(cookie)).toMatchObject({ SameSite: 'Lax' });
  });

  it("30. cookie.sameSite: 'auto' goes by trust proxy", async () => {
    const cookie = { sameSite: 'auto' } as const;
    const trusted = await attributesFor(cookie, { headers: FORWARDED, trustProxy: true });
    expect(trusted).toMatchObject({ SameSite: 'None' });
    expect(await attributesFor(cookie, { headers: FORWARDED })).toMatchObject({ SameSite: 'Lax' });
  });

  it('31. cookie.secure: when truthy the Secure attribute is set, otherwise it is not', async () => {
    const secure = { cookie: { secure: true } };
    expect((await cookieOverTls(session, secure))?.attributes).toMatchObject({ Secure: true });
    const plain = (await cookieOverTls(session, { cookie: { secure: false } }))?.attributes;
    expect(plain).toEqual({ Path: '/', HttpOnly: true });
    expect((await cookieOverTls(session, {}))?.attributes).toEqual(plain);
  });

  it('32. cookie.secure: if it is set and the site is accessed over HTTP, the cookie is not set', async () => {
    expect(await attributesFor({ secure: true })).toBeUndefined();
    expect(await attributesFor({ secure: true }, { headers: FORWARDED })).toBeUndefined();
  });

  it('33. cookie.secure: behind a proxy it needs "trust proxy" in express', async () => {
    const circumstances = { headers: FORWARDED, trustProxy: true };
    expect(await attributesFor({ secure: true }, circumstances)).toMatchObject({ Secure: true });
  });

  it("35. cookie.secure: 'auto' matches the determined security of the connection", async () => {
    const cookie = { secure: 'auto' } as const;
    expect((await cookieOverTls(session, { cookie }))?.attributes).toMatchObject({ Secure: true });
    expect(await attributesFor(cookie)).toEqual({ Path: '/', HttpOnly: true });
    const trusted = await attributesFor(cookie, { headers: FORWARDED, trustProxy: true });
    expect(trusted).toMatchObject({ Secure: true });
  });
});

describe('drop-in', () => {
  it('16. cookie.expires: is not for a number; the error says that maxAge was meant', () => {
    const cookie = { expires: 65_000 as unknown as Date };
    expect(() => dropIn(options({ cookie }))).toThrow(/maxAge/);
  });

  it("36. cookie: the callback's 'auto' is resolved too, for secure and for sameSite", async () => {
    const cookie = () => ({ secure: 'auto', sameSite: 'auto' }) as const;
    expect((await cookieOverTls(dropIn, { cookie }))?.attributes).toMatchObject({
      Secure: true,
      SameSite: 'None',
    });
    const overHttp = await cookieFor(dropIn, cookie);
    expect(overHttp?.attributes).toEqual({ Path: '/', HttpOnly: true, SameSite: 'Lax' });
  });
});

// express-session's README: its examples run as they stand there, but for what `require('express-session')` gives.
// Sentences 10, 34, 37, 76, 110 and 111 of its API section.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';

import type { Express } from 'express';

import { EXPRESS, type Client } from '../../support/http.js';
import { IMPLEMENTATIONS, open, sentCookie, type SessionFunction } from './support.js';

const requireHere = createRequire(__filename);
const README = readFileSync(requireHere.resolve('express-session/README.md'), 'utf8');

/** The piece of code under a heading. */
function snippet(heading: string, index = 0): string {
  const [, after] = README.split(`\n${heading}\n`);
  const section = after?.split(/\n#{1,6} /)[0] ?? '';
  const code = [...section.matchAll(/```js\n(.*?)```/gs)][index]?.[1];
  if (code === undefined) throw new Error(`The README has no code under "${heading}".`);
  return code;
}

interface World {
  /** Routes for snippets that have none. */
  readonly routes?: (app: Express) => void;
  readonly env?: string;
}

type ExpressFunction = (typeof EXPRESS)[number][1];

/** Runs a snippet, with the names that README code takes for granted; its `app` is served until the test ends. */
async function run(
  [express, session]: readonly [ExpressFunction, SessionFunction],
  code: string,
  { routes, env }: World = {},
): Promise<Client> {
  let app: Express | undefined;
  const newApp = Object.assign(
    () => {
      app = express();
      if (env !== undefined) app.set('env', env);
      // The port is the server's that the test asks.
      return Object.assign(app, { listen: () => undefined });
    },
    { urlencoded: express.urlencoded },
  );
  const load = (name: string): unknown =>
    name === 'express' ? newApp : name === 'express-session' ? session : requireHere(name);
  let turn = 0;
  const names = { require: load, express: newApp, session, genuuid: () => `uuid-${++turn}` };
  const own = code.includes('var app = ') ? {} : { app: newApp() };
  const all: Record<string, unknown> = { ...names, ...own };
  (compileFunction(code, Object.keys(all)) as (...args: unknown[]) => void)(...Object.values(all));
  if (app === undefined) throw new Error('The snippet made no app.');
  routes?.(app);
  return open(app);
}

const send = (app: Express): void => void app.use((_req, res) => void res.send('ok'));
const FORWARDED = { headers: { 'X-Forwarded-Proto': 'https' } };

const MATRIX = IMPLEMENTATIONS.flatMap(([name, session]) =>
  EXPRESS.map(([major, express]) => [name, major, express, session] as const),
);

describe.each(MATRIX)('%s, %s', (_name, _major, express, session) => {
  const both = [express, session] as const;

  it('10. cookie: the example of a callback that generates the cookie options', async () => {
    const client = await run(both, snippet('##### cookie'), { routes: send });
    const { attributes } = sentCookie(await client.get('/shop/cart')) ?? {};
    expect(attributes).toEqual({ Path: '/shop', HttpOnly: true, Expires: expect.any(String) as string });
  });

  it('33. cookie.secure: the example of "trust proxy"', async () => {
    const client = await run(both, snippet('##### cookie.secure'), { routes: send });
    expect(sentCookie(await client.get('/'))).toBeUndefined();
    expect(sentCookie(await client.get('/', FORWARDED))?.attributes).toMatchObject({ Secure: true });
  });

  it.each([
    ['production', true],
    ['development', undefined],
  ])('34. cookie.secure: the example of NODE_ENV, in %s', async (env, Secure) => {
    const client = await run(both, snippet('##### cookie.secure', 1), { routes: send, env });
    expect(sentCookie(await client.get('/', FORWARDED))?.attributes['Secure']).toBe(Secure);
    client.jar.clear();
    expect(sentCookie(await client.get('/')) === undefined).toBe(Secure === true);
  });

  it('37. genid: the example of UUIDs', async () => {
    const client = await run(both, snippet('##### genid'), { routes: send });
    expect(sentCookie(await client.get('/'))?.id).toBe('uuid-1');
  });

  it('76. req.session: the example of a user-specific view counter', async () => {
    const client = await run(both, snippet('### req.session'));
    expect((await client.get('/')).body).toBe('welcome to the session demo. refresh!');
    const { body, headers } = await client.get('/');
    expect(body).toMatch(/^<p>views: 2<\/p><p>expires in: (60|59\.\d+)s<\/p>$/);
    expect(headers['content-type']).toBe('text/html');
    expect((await client.get('/')).body).toMatch(/^<p>views: 3</);
  });

  it('110. the example "View counter"', async () => {
    const client = await run(both, snippet('### View counter'));
    const bodies: string[] = [];
    for (const path of ['/foo', '/foo?a=1', '/bar', '/foo']) bodies.push((await client.get(path)).body);
    expect(bodies).toEqual([
      'you viewed this page 1 times',
      'you viewed this page 2 times',
      'you viewed this page 1 times',
      'you viewed this page 3 times',
    ]);
  });

  it('111. the example "User login"', async () => {
    const client = await run(both, snippet('### User login'));
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    expect((await client.get('/')).body).toMatch(/^<form action="\/login"/);
    const before = client.cookie;
    const login = await client.get('/login', {
      method: 'POST',
      headers: form,
      body: 'user=%3Cada%3E&pass=x',
    });
    expect([login.status, login.headers.location]).toEqual([302, '/']);
    const during = client.cookie;
    expect(during).not.toBe(before);
    expect((await client.get('/')).body).toBe('hello, &lt;ada&gt;! <a href="/logout">Logout</a>');
    expect((await client.get('/logout')).status).toBe(302);
    expect(client.cookie).not.toBe(during);
    for (const cookie of [client.cookie, during, before]) {
      client.cookie = cookie;
      expect((await client.get('/')).body).toMatch(/^<form action="\/login"/);
    }
  });
});

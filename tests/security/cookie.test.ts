// The cookie over real HTTP: its name, what its options may say together, and when it is sent.
import { closeWorlds, createWorld } from '../session-manager/world.js';
import { data, dropIn, site } from '../express-session/readme/support.js';
import type { Answer } from '../support/http.js';
import { attributesOf, bareVisit, visit, type Options } from './visit.js';

const nodeEnv = process.env['NODE_ENV'];

afterEach(async () => {
  process.env['NODE_ENV'] = nodeEnv;
  jest.restoreAllMocks();
  await closeWorlds();
});

/** One value for each of some options. */
interface Combination extends Record<string, unknown> {
  cookieName?: string;
  env?: string;
}

it('S15 has a name that many servers use, and nothing else in an answer says more', async () => {
  const bare = await bareVisit();
  for (const env of ['development', 'production']) {
    process.env['NODE_ENV'] = env;
    const answer = (await visit({}, { 'x-forwarded-proto': 'https' })) as Answer;
    const [line = ''] = answer.cookies;
    expect(line.split('=')[0]).toBe(env === 'production' ? '__Host-sid' : 'sid');
    const added = Object.keys(answer.headers).filter((name) => !(name in bare.headers));
    expect(added.sort()).toEqual(['cache-control', 'set-cookie', 'vary']);
    expect(line).toMatch(
      /^[\w-]+=[\w-]{43}\.[\w-]{43}; Max-Age=3600; Path=\/; HttpOnly;( Secure;)? SameSite=Lax$/,
    );
  }
});

it('S14 S16 no combination of options sends a cookie that breaks its own rules', async () => {
  const values = {
    sameSite: [undefined, 'none', false],
    secure: [undefined, true, false, 'auto'],
    partitioned: [undefined, true],
    cookieName: [undefined, '__Host-x', '__hOST-x', '__SECURE-x'],
    path: [undefined, '/app'],
    domain: [undefined, 'example.org'],
    env: ['development', 'production'],
  } as const;
  const all = Object.entries(values).reduce<Combination[]>(
    (made, [name, each]) => made.flatMap((so) => each.map((value) => ({ ...so, [name]: value }))),
    [{}],
  );
  const seen = { sent: 0, refused: 0 };
  const wrong: unknown[] = [];
  const logger = { warn: () => undefined, error: () => undefined };
  for (const { cookieName, env, ...rest } of all) {
    process.env['NODE_ENV'] = env;
    const cookie = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
    const options: Options = { logger, cookie, ...(cookieName === undefined ? null : { cookieName }) };
    const isSecure = cookie['secure'] === true || (cookie['secure'] === undefined && env === 'production');
    const name = cookieName ?? '';
    const isBound = isSecure && !('path' in cookie) && !('domain' in cookie);
    const isAllowed =
      (isSecure || (cookie['sameSite'] !== 'none' && cookie['partitioned'] !== true)) &&
      (isSecure || !/^__Secure-/i.test(name)) &&
      (isBound || !/^__Host-/i.test(name));
    for (const headers of [{}, { 'x-forwarded-proto': 'https' }] as Record<string, string>[]) {
      const answer = await visit(options, headers);
      if (typeof answer === 'string') {
        seen.refused++;
        if (isAllowed || answer !== 'ERR_SESSION_OPTIONS') wrong.push([env, options, answer]);
        break;
      }
      seen.sent++;
      const [line = ''] = answer.cookies;
      const has = attributesOf(line);
      const isFine =
        isAllowed &&
        line !== '' &&
        (has.has('secure') || (has.get('samesite') !== 'None' && !has.has('partitioned'))) &&
        (has.has('secure') || !/^__(Secure|Host)-/i.test(line)) &&
        (!/^__Host-/i.test(line) || (has.get('path') === '/' && !has.has('domain')));
      if (!isFine) wrong.push([env, options, line]);
    }
  }
  expect(wrong).toEqual([]);
  expect(seen.sent).toBeGreaterThan(200);
  expect(seen.refused).toBeGreaterThan(200);
}, 30_000);

describe('S17 a Secure cookie where no TLS was seen', () => {
  const proxied = { 'x-forwarded-proto': 'https' };

  it.each<[string, Record<string, string>]>([
    ['behind a proxy that nobody trusts', proxied],
    ['on a plain connection', {}],
  ])('is sent %s, with one warning that says what to set', async (_where, headers) => {
    const lines: string[] = [];
    const { app, browser, on, sessions } = await createWorld({
      cookie: { secure: true },
      logger: { warn: (_facts, message) => lines.push(message), error: () => undefined },
    });
    on('/', async (req, res) => {
      await sessions.set(req, 'a', 1);
      res.end();
    });
    app.set('trust proxy', true);
    expect((await browser().get('/', { headers: proxied })).cookies[0]).toContain('; Secure');
    expect(lines).toEqual([]);
    app.set('trust proxy', false);
    for (let visits = 0; visits < 3; visits++)
      expect((await browser().get('/', { headers })).cookies[0]).toContain('; Secure');
    expect(lines).toEqual([expect.stringContaining("app.set('trust proxy'") as string]);
  });

  it('is kept back by the drop-in, as by express-session, but not in silence', async () => {
    const warned: string[] = [];
    jest.spyOn(process, 'emitWarning').mockImplementation((warning) => {
      warned.push(String(warning));
    });
    const { client } = await site(dropIn, { cookie: { secure: true } }, (req, res) => {
      data(req)['a'] = 1;
      res.end();
    });
    for (let visits = 0; visits < 2; visits++)
      expect((await client.get('/', { headers: proxied })).cookies).toEqual([]);
    expect(warned.filter((line) => line.includes('trust proxy'))).toHaveLength(1);
  });
});

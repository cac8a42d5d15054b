// The cookie as it is by default, in development and in production.
import { closeWorlds, createWorld, type Setting } from './world.js';

const nodeEnv = process.env['NODE_ENV'];

afterEach(async () => {
  process.env['NODE_ENV'] = nodeEnv;
  await closeWorlds();
});

async function cookieOf(setting: Setting = {}): Promise<string> {
  const { client, on, sessions } = await createWorld(setting);
  on('/', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  return (await client.get('/')).cookies[0] ?? '';
}

it('S13 is HttpOnly, SameSite=Lax and for the whole host', async () => {
  expect(await cookieOf()).toMatch(
    /^sid=[\w-]{43}\.[\w-]{43}; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/,
  );
});

it('S13 is Secure and __Host- in production', async () => {
  process.env['NODE_ENV'] = 'production';
  expect(await cookieOf()).toMatch(/^__Host-sid=\S+; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
});

it.each<[Setting, RegExp]>([
  [{ cookie: { path: '/app' } }, /^sid=.*; Path=\/app; HttpOnly; Secure;/],
  [{ cookie: { domain: 'example.org' } }, /^sid=.*; Domain=example.org; HttpOnly; Secure;/],
  [{ cookie: { secure: false } }, /^sid=[^;]*; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/],
  [{ cookieName: 'mine' }, /^mine=/],
])('is not __Host- in production with %j', async (setting, expected) => {
  process.env['NODE_ENV'] = 'production';
  expect(await cookieOf(setting)).toMatch(expected);
});

it('has the attributes that it is given', async () => {
  const cookie = {
    httpOnly: false,
    secure: true,
    sameSite: 'none',
    priority: 'high',
    partitioned: true,
  } as const;
  expect(await cookieOf({ cookie, maxAge: 5_000 })).toMatch(
    /^__Host-sid=[^;]*; Max-Age=5; Path=\/; Secure; SameSite=None; Priority=High; Partitioned$/,
  );
  expect(await cookieOf({ cookie: { sameSite: false } })).not.toContain('SameSite');
});

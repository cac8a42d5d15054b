// Logging in, the list of one's devices, ending them, logging out: `npm run start:accounts`; user ada, password lovelace.
import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';

import express, { type RequestHandler } from 'express';
import SessionManager, { type UserSession } from 'session-store-js';

const salt = randomBytes(16);
const passwords = new Map([['ada', scryptSync('lovelace', salt, 32)]]);

export const sessions = new SessionManager({
  secret: process.env['SESSION_SECRET'] ?? randomBytes(32).toString('hex'),
  describe: (req) => ({ browser: req.headers['user-agent'] ?? 'unknown' }),
  maxSessionsPerUser: 5,
  renewEvery: '15m',
});

const safe = (text: string) => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
const page = (title: string, ...parts: string[]) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><body><h1>${title}</h1>${parts.join('')}`;
const button = (path: string, label: string) =>
  `<form method="post" action="${path}"><button>${label}</button></form>`;
const row = ({ handle, device, createdAt, current }: UserSession) => {
  const browser = safe((device as { browser: string }).browser);
  const end = current ? 'this one' : button(`/devices/${handle}/end`, 'End');
  return `<tr><td>${browser}<td>${new Date(createdAt).toISOString()}<td>${end}`;
};
const LOGIN = `<form method="post" action="/login"><label>Name <input name="name"></label>
  <label>Password <input name="password" type="password"></label>
  <label><input name="remember" type="checkbox"> Remember me</label><button>Log in</button></form>`;

export const app = express();
app.use(sessions.middleware(), express.urlencoded());

app.get('/', async (req, res) => {
  const user = await sessions.userOf(req);
  const notices = (await sessions.flashes(req, 'notice')).map((text) => `<p role="status">${safe(text)}</p>`);
  res.set('Cache-Control', 'no-store'); // private: neither kept by a cache nor shown again by the back button
  if (user === undefined) return res.send(page('Log in', ...notices, LOGIN));
  const devices = await sessions.ofUser(user, req).list();
  const all = button('/devices/end-others', 'End all others') + button('/logout', 'Log out');
  return res.send(
    page(`Hello ${safe(user)}`, ...notices, `<table>${devices.map(row).join('')}</table>`, all),
  );
});

app.post('/login', async (req, res) => {
  const { name = '', password = '', remember } = req.body as Record<string, string>;
  const isGood = timingSafeEqual(scryptSync(password, salt, 32), passwords.get(name) ?? Buffer.alloc(32));
  if (isGood) await sessions.login(req, name, { remember: remember === 'on' });
  else await sessions.flash(req, 'notice', 'Wrong name or password.');
  res.redirect('/');
});
app.post('/logout', async (req, res) => {
  await sessions.logout(req);
  res.redirect('/');
});

/** Only who has logged in lately ends other devices: not whoever finds this one unlocked. */
const fresh: RequestHandler = sessions.requireFresh('10m');
app.post('/devices/end-others', fresh, async (req, res) => {
  const user = (await sessions.userOf(req)) as string;
  const ended = await sessions.ofUser(user, req).revokeAll({ except: 'current' });
  await sessions.flash(req, 'notice', `${ended} ended.`);
  res.redirect('/');
});
app.post('/devices/:handle/end', fresh, async (req, res) => {
  const user = (await sessions.userOf(req)) as string;
  await sessions.ofUser(user).revoke(String(req.params['handle']));
  res.redirect('/');
});

if (require.main === module) {
  const server = app.listen(Number(process.env['PORT'] ?? 3003), () => {
    console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`);
  });
}

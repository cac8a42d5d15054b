// Logging in, the list of one's devices, ending them, logging out: `npm run start:accounts`; user ada, password lovelace.
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';

import express, { type NextFunction, type Request, type Response } from 'express';
import SessionManager, { hasCode, type UserSession } from 'session-store-js';

export const sessions = new SessionManager({
  secret: process.env['SESSION_SECRET'] ?? randomBytes(32).toString('hex'),
  describe: (req) => ({ browser: (req.headers['user-agent'] ?? 'unknown').slice(0, 200) }),
  maxSessionsPerUser: 5,
  creationLimit: { key: (req) => req.socket.remoteAddress, max: 100, window: '1m' },
  renewEvery: '15m',
});

const salt = randomBytes(16);
const hash = (password: unknown) => promisify(scrypt)(String(password), salt, 32) as Promise<Buffer>;
const users = new Map([['ada', hash('lovelace')]]); // yours: a database, a salt for each, guesses limited

const safe = (text: string) => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
const utc = (at: number) => new Date(at).toISOString().slice(0, 16).replace('T', ' ');
const button = (path: string, label: string) => `<button formaction="${path}">${label}</button>`;
const row = ({ handle, device, createdAt, lastSeenAt, current }: UserSession) =>
  `<tr><th scope="row">${safe((device as { browser: string }).browser)}<td>${utc(createdAt)}<td>${utc(lastSeenAt)}
  <td>${current ? '<strong>This device</strong>' : button(`/devices/${handle}/end`, 'End')}`;
const HEAD = '<tr><th>Device<th>Logged in, UTC<th>Last seen, UTC<th>Session';
const BUTTONS = `<p>${button('/devices/others/end', 'End all others')} ${button('/logout', 'Log out')}`;
const LOGIN = `<p><label>Name <input name="name" autocomplete="username" required></label>
  <p><label>Password <input name="password" type="password" autocomplete="current-password" required></label>
  <p><label><input name="remember" type="checkbox"> Remember me for 30 days</label><p>${button('/login', 'Log in')}`;
const STYLE = `body { font: 1em/1.5 sans-serif; max-width: 64em; margin: 2em auto; padding: 0 1em }
  table { border-collapse: collapse } th, td { padding: .5em; border-top: 1px solid #ccc; text-align: left }
  [scope] { font-weight: normal } button, input { font: inherit }`;

async function show(req: Request, res: Response, title: string, form: string) {
  const notices = (await sessions.flashes(req, 'notice')).map((text) => `<p role="status">${safe(text)}`);
  res.set('Cache-Control', 'no-store'); // the back button does not show it after the logout
  res.send(`<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><style>${STYLE}</style>
    <h1>${title}</h1>${notices.join('')}<form method="post">${form}</form>`);
}

export const app = express().use(sessions.middleware(), express.urlencoded(), (req, res, next) => {
  if (req.get('Origin')?.endsWith(`//${req.get('Host')}`) !== false) next();
  else res.sendStatus(403); // a form of another site changes nothing, and logs nobody in
});
app.get('/', async (req, res) => {
  const user = await sessions.userOf(req);
  if (user === undefined) return show(req, res, 'Log in', LOGIN);
  const rows = (await sessions.ofUser(user, req).list()).map(row).join('');
  return show(req, res, `Devices of ${safe(user)}`, `<table>${HEAD}${rows}</table>${BUTTONS}`);
});
app.post('/login', async (req, res) => {
  const { name, password, remember } = { ...(req.body as Record<string, unknown>) };
  const isRight = timingSafeEqual(await hash(password), (await users.get(String(name))) ?? randomBytes(32));
  if (isRight) await sessions.login(req, String(name), { remember: remember === 'on' });
  else await sessions.flash(req, 'notice', 'Wrong name or password.'); // whichever, and after the same time
  res.redirect(303, '/');
});
app.post('/logout', async (req, res) => {
  await sessions.logout(req);
  res.redirect(303, '/');
});
app.post('/devices/:which/end', sessions.requireFresh('10m'), async (req, res) => {
  const devices = sessions.ofUser((await sessions.userOf(req)) as string, req);
  if (req.params.which === 'others') await devices.revokeAll({ except: 'current' });
  else await devices.revoke(req.params.which);
  res.redirect(303, '/');
});
app.use(async (error: unknown, req: Request, res: Response, next: NextFunction) => {
  if (!hasCode(error, 'ERR_SESSION_NOT_FRESH')) next(error);
  else await show(req, res.status(401), 'Log in again', LOGIN); // it may be somebody who found the device
});

if (require.main === module) {
  const server = app.listen(Number(process.env['PORT'] ?? 3003), () => {
    console.log(`Listening on http://localhost:${(server.address() as AddressInfo).port}`);
  });
  process.once('SIGTERM', () => server.close(() => void sessions.close()));
}

// Looks for raw ids and secrets in all that the package shows: files and their names, log lines, errors, events, lists,
// what util.inspect and JSON say of its objects. Sessions are begun, logged in, renewed, refused and ended over HTTP in
// each store; a store that keeps ids as they are, and a log line with one in it, show that the search finds them.
//
//   npm run build && node scripts/leaks.mjs [--sessions 1000]
//
// Exits with 1 if anything is found where it must not be, or the control finds less than all.
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect, parseArgs } from 'node:util';

import { table } from './lib/table.mjs';

const require = createRequire(import.meta.url);
const express = require('express');
const { FileStore, MemoryStore, SessionManager } = require('../dist/cjs/index.cjs');

const { values } = parseArgs({ options: { sessions: { type: 'string' } } });
const SESSIONS = Number(values.sessions ?? 1_000);
const SECRET = 'the secret of this search, longer than 32 bytes';
const EVENTS =
  'created committed destroyed renewed expired interrupted conflict large suspicious error'.split(' ');
const EVERYTHING = { depth: Infinity, showHidden: true, maxArrayLength: null, maxStringLength: null };

/** Every byte of every file, and every name. */
const bytesBelow = (path) =>
  readdirSync(path, { recursive: true })
    .map((name) => join(path, name))
    .map((file) => (statSync(file).isFile() ? `${file}\n${readFileSync(file, 'latin1')}` : file))
    .join('\n');

/** How many of the secrets are in a text, each counted once. */
function hits(text, secrets) {
  // Ids and signatures are 43 characters of one alphabet: looked up by the piece, not searched for one by one.
  const pieces = new Set(text.match(/[A-Za-z0-9_-]{43,}/g) ?? []);
  return secrets.filter((secret) => pieces.has(secret) || (secret === SECRET && text.includes(secret)))
    .length;
}

async function show(store, path) {
  const shown = { log: [], errors: [], events: [], dumps: [], files: '' };
  const keep = (to) => (what) => shown[to].push(typeof what === 'string' ? what : inspect(what, EVERYTHING));
  const log = (facts, message) => (keep('log')(facts), keep('log')(message));
  const sessions = new SessionManager({
    store,
    secret: [{ id: 'now', secret: SECRET }, 'an older secret of this search, as long as that'],
    logger: { warn: log, error: log },
    describe: (req) => ({ agent: req.headers['user-agent'] ?? null }),
    limits: { bytes: 2_000 },
    renewEvery: 1,
    touchAfter: 0,
  });
  for (const name of EVENTS) sessions.on(name, keep('events'));
  const secrets = new Set([SECRET]);
  const app = express();
  app.use(sessions.middleware());
  app.get('/login/:user', async (req, res) => {
    await sessions.set(req, 'cart', [1]);
    secrets.add(req.sessionID);
    await sessions.login(req, req.params.user, { keepData: true });
    secrets.add(req.sessionID);
    await sessions.flash(req, 'info', 'welcome');
    for (const bad of [{ big: 'x'.repeat(3_000) }, { cookie: 1 }, { n: 1n }])
      await sessions.set(req, bad).catch(keep('errors'));
    res.json(await sessions.ofUser(req.params.user, req).list());
  });
  app.get('/use', async (req, res) => {
    await sessions.update(req, 'n', (n = 0) => n + 1);
    secrets.add(req.sessionID);
    keep('dumps')([sessions.session(req), req.session.cookie, JSON.stringify(req.session)]);
    res.json(await sessions.all(req));
  });
  app.get('/logout', async (req, res) => {
    await sessions.logout(req);
    res.end();
  });
  // What Express prints of an error.
  app.use((error, _req, res, _next) => {
    keep('errors')(error);
    res.status(error.status ?? 500).end();
  });
  const server = app.listen(0);
  await once(server, 'listening');
  const visit = async (route, client) => {
    const response = await fetch(`http://127.0.0.1:${server.address().port}${route}`, {
      headers: { cookie: client.cookie },
    });
    const [line] = response.headers.getSetCookie();
    if (line !== undefined) client.cookie = line.split(';')[0];
    for (const part of client.cookie.replace(/^sid=/, '').split('.'))
      if (part.length === 43) secrets.add(part);
    keep('dumps')(await response.text());
  };
  for (let n = 0; n < SESSIONS; n++) {
    const client = { cookie: '' };
    await visit(`/login/user-${n % 50}`, client);
    await visit('/use', client);
    if (n % 5 === 0) await visit('/use', { cookie: `${client.cookie.slice(0, -2)}~~` });
    if (n % 10 === 0) await visit('/logout', client);
  }
  for await (const summary of sessions.scan()) keep('dumps')([summary, JSON.stringify(summary)]);
  if (path !== undefined) shown.files = bytesBelow(path);
  await sessions.ofUser('user-1').revokeAll();
  await sessions.ofUser('user-2').invalidateBefore();
  keep('dumps')([
    sessions,
    sessions.store,
    JSON.stringify(sessions),
    JSON.stringify(sessions.store.capabilities),
  ]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  server.close();
  server.closeAllConnections();
  await sessions.close();
  await sessions.store.close();
  return { shown, secrets: [...secrets].filter((secret) => secret !== undefined) };
}

const rows = [];
let isGood = true;
const row = (name, secrets, texts, expected) => {
  const found = Object.values(texts).map((text) => hits([text].flat().join('\n'), secrets));
  isGood &&= found.every((count, at) => expected(count, at));
  rows.push([name, secrets.length, ...found]);
};
for (const [name, make] of [
  ['memory', () => new MemoryStore()],
  ['file', (path) => new FileStore({ path, cleanupInterval: 0 })],
  ['file, asynchronous', (path) => new FileStore({ path, cleanupInterval: 0, io: 'async' })],
]) {
  const path = mkdtempSync(join(tmpdir(), 'leaks-'));
  const store = make(join(path, 'sessions'));
  const { shown, secrets } = await show(store, name === 'memory' ? undefined : join(path, 'sessions'));
  row(name, secrets, shown, (count) => count === 0);
  rmSync(path, { recursive: true });
}
const path = mkdtempSync(join(tmpdir(), 'leaks-'));
const plain = new FileStore({ path: join(path, 'sessions'), cleanupInterval: 0, idAtRest: 'plain' });
const ids = Array.from({ length: SESSIONS }, (_, n) => String(n).padStart(43, 'id-'));
for (const id of ids) await plain.set(id, { cookie: {} });
const all = (count) => count === SESSIONS;
const planted = ids.map((id) => `a line that says ${id}`);
row(
  'control: ids at rest, logged',
  ids,
  { log: planted, errors: planted, events: planted, dumps: planted, files: bytesBelow(path) },
  all,
);
await plain.close();
rmSync(path, { recursive: true });

console.log(table([['store', 'ids and secrets', 'in logs', 'errors', 'events', 'dumps', 'files'], ...rows]));
process.exitCode = isGood ? 0 : 1;

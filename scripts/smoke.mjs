// A few minutes of the whole suite in a second, on the built package: run it under another Node with
// `npx -y -p node@24 node scripts/smoke.mjs`.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';

import express from 'express';
import Imported from 'session-store-js';

const Required = createRequire(import.meta.url)('session-store-js');

async function check(SessionManager, how) {
  const sessions = new SessionManager({ secret: 'a secret for the smoke run, longer than 32 bytes' });
  const app = express();
  app.use(sessions.middleware());
  app.get('/count', async (req, res) => {
    res.json(await sessions.update(req, 'visits', (visits = 0) => visits + 1));
  });
  app.get('/key/:key', (req, res) => {
    req.session[`key ${req.params.key}`] = true;
    res.redirect('/');
  });
  app.get('/keys', async (req, res) => {
    res.json(Object.keys(await sessions.all(req)).length);
  });
  app.get('/logout', async (req, res) => {
    res.json(await sessions.destroy(req));
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${server.address().port}`;
  let cookie = '';
  const get = async (path) => {
    const response = await fetch(origin + path, { headers: { cookie }, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) cookie = line.split(';')[0];
    return response.status === 200 ? response.json() : response.text();
  };

  for (const visits of [1, 2, 3]) assert.equal(await get('/count'), visits);
  await Promise.all(Array.from({ length: 50 }, (_, i) => get(i % 2 ? '/count' : `/key/${i}`)));
  assert.equal(await get('/count'), 29, 'no increment is lost');
  assert.equal(await get('/keys'), 26, 'no key is lost');
  assert.equal(await sessions.count(), 1);
  const old = cookie;
  assert.equal(await get('/logout'), true);
  cookie = old;
  assert.equal(await get('/keys'), 0, 'destroyed stays destroyed');

  server.close();
  server.closeAllConnections();
  await sessions.close();
  console.log(`smoke: ${how} on Node ${process.versions.node}: ok`);
}

await check(Imported, 'import');
await check(Required, 'require');

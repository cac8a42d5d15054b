// Step-up: routes that ask for a recent login.
import type { ErrorRequestHandler } from 'express';

import { openUsers, STORES, type Users } from './user-world.js';
import { closeWorlds, withCode } from './world.js';

afterEach(closeWorlds);

const MINUTE = 60_000;
const REFUSED = { status: 401, body: 'ERR_SESSION_NOT_FRESH', cookies: [] };

async function open(...args: Parameters<typeof openUsers>): Promise<Users> {
  const users = await openUsers(...args);
  const { app, on, sessions } = users;
  app.get('/password', sessions.requireFresh('10m'), (_req, res) => void res.send('changed'));
  // The app's own error handler stands before these routes.
  const onError: ErrorRequestHandler = (error: { status: number; code: string }, _req, res, next) => {
    if (res.headersSent) next(error);
    else res.status(error.status).send(error.code);
  };
  app.use(onError);
  on('/regenerate', async (req, res) => {
    await sessions.regenerate(req, { keepData: true });
    res.end();
  });
  return users;
}

describe.each(STORES)('on %s', (_name, make) => {
  it('lets nobody through without a login, nor after one that is too long ago', async () => {
    const { browser, clock, device } = await open(make);
    expect(await browser().get('/password')).toMatchObject(REFUSED);
    const visitor = browser();
    await visitor.get('/set?cart=book');
    expect(await visitor.get('/password')).toMatchObject(REFUSED);
    const client = await device('ada');
    expect(await client.get('/password')).toMatchObject({ status: 200, body: 'changed' });
    clock.advance(10 * MINUTE - 1);
    expect((await client.get('/password')).status).toBe(200);
    clock.advance(1);
    expect(await client.get('/password')).toMatchObject({ status: 401, body: 'ERR_SESSION_NOT_FRESH' });
    expect((await client.get('/me')).body).toBe('"ada"');
    await client.get('/login?user=ada&keep=1');
    expect((await client.get('/password')).status).toBe(200);
  });

  it('takes no use, no other id and no write for a login', async () => {
    const { clock, device } = await open(make, { renewEvery: '5m' });
    const client = await device('ada');
    for (let n = 0; n < 2; n++) {
      clock.advance(6 * MINUTE);
      for (const path of ['/me', '/regenerate', `/set?cart=${String(n)}`]) await client.get(path);
    }
    expect((await client.get('/me')).body).toBe('"ada"');
    expect(await client.get('/password')).toMatchObject({ status: 401, body: 'ERR_SESSION_NOT_FRESH' });
  });

  it('lets nobody through whose session was revoked, or who has logged out', async () => {
    const { device, sessions } = await open(make);
    const [one, two] = [await device('ada'), await device('ada')];
    await one.get('/logout');
    expect(await one.get('/password')).toMatchObject(REFUSED);
    await sessions.ofUser('ada').revokeAll();
    expect(await two.get('/password')).toMatchObject(REFUSED);
  });
});

it('P5 takes a fault of the store for a fault, and not for no login', async () => {
  const { device, faults } = await open();
  const client = await device('ada');
  faults.fail('findSync');
  expect(await client.get('/password')).toMatchObject({ status: 503, body: 'ERR_SESSION_STORE' });
});

it.each(['', 'soon', '10', '-1m', -1, 0, NaN, Infinity, null, undefined, {}])(
  'S20 refuses %p as a duration',
  async (maxAge) => {
    const { sessions } = await openUsers();
    expect(() => sessions.requireFresh(maxAge as number)).toThrow(withCode('ERR_SESSION_OPTIONS'));
  },
);

it.each(['10m', 600_000])('takes %p', async (maxAge) => {
  const { sessions } = await openUsers();
  expect(sessions.requireFresh(maxAge as number)).toHaveLength(3);
});

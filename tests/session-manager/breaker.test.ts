// A store that fails again and again: requests fail at once, one of them tries it again, and nobody loses a session.
import { closeWorlds, codeOf, createWorld, type World } from './world.js';

afterEach(closeWorlds);

const RETRY_MS = 100;

/** A store that has to be asked with a promise, and a browser with a session in it. */
async function open(breaker: false | { failures?: number; retryAfter?: number }): Promise<World> {
  const world = await createWorld({ asyncOnly: true, breaker });
  const { client, on, sessions } = world;
  on('/set', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  on('/get', async (req, res) => {
    res.json((await sessions.get(req, 'a')) ?? null);
  });
  await client.get('/set');
  return world;
}

it('asks a store no more that failed several times in a row, and answers 503 at once', async () => {
  const { calls, client, errors, faults } = await open({ failures: 3, retryAfter: 60_000 });
  faults.fail('find');
  calls.clear();
  for (let n = 0; n < 3; n++) expect((await client.get('/get')).body).toBe('ERR_SESSION_STORE');
  faults.hang('find');
  for (let n = 0; n < 3; n++) {
    const { status, body, cookies } = await client.get('/get');
    expect([status, body, cookies]).toEqual([503, 'ERR_SESSION_STORE_DOWN', []]);
  }
  expect(calls.count('find')).toBe(3);
  expect(errors).toHaveLength(6);
});

it('tries again with one request, which the others do not wait for, and goes on with it', async () => {
  const { calls, client, clock, faults } = await open({ failures: 2, retryAfter: RETRY_MS });
  faults.fail('find', { times: 2 });
  for (let n = 0; n < 2; n++) await client.get('/get');
  clock.advance(RETRY_MS);
  const release = faults.hold('find', { times: 1 });
  const asked = calls.arrival('find');
  const first = client.clone().get('/get');
  await asked;
  expect((await client.get('/get')).body).toBe('ERR_SESSION_STORE_DOWN');
  release();
  expect((await first).body).toBe('1');
  expect((await client.get('/get')).body).toBe('1');
});

it('leaves the store alone once more where it fails again', async () => {
  const { calls, client, clock, faults } = await open({ failures: 2, retryAfter: RETRY_MS });
  faults.fail('find', { times: 3 });
  for (let n = 0; n < 2; n++) await client.get('/get');
  clock.advance(RETRY_MS);
  expect((await client.get('/get')).body).toBe('ERR_SESSION_STORE');
  calls.clear();
  expect((await client.get('/get')).body).toBe('ERR_SESSION_STORE_DOWN');
  expect(calls.count('find')).toBe(0);
});

it('counts failures in a row only, and none that is a session’s own', async () => {
  const { client, faults, on, sessions } = await open({ failures: 2, retryAfter: 60_000 });
  on('/bad', async (req, res) => {
    res.json([await codeOf(sessions.set(req, 'a', 'x'.repeat(70_000))), await sessions.get(req, 'a')]);
  });
  for (let n = 0; n < 3; n++) {
    faults.fail('find', { times: 1 });
    expect((await client.get('/get')).status).toBe(503);
    expect((await client.get('/bad')).body).toBe('["ERR_SESSION_TOO_LARGE",1]');
  }
  expect((await client.get('/get')).body).toBe('1');
});

it('asks each time with breaker: false', async () => {
  const { calls, client, faults } = await open(false);
  faults.fail('find');
  calls.clear();
  for (let n = 0; n < 20; n++) expect((await client.get('/get')).body).toBe('ERR_SESSION_STORE');
  expect(calls.count('find')).toBe(20);
});

it('tries again in time though the wall clock is set back meanwhile', async () => {
  const { client, clock, faults } = await open({ failures: 2, retryAfter: RETRY_MS });
  faults.fail('find', { times: 2 });
  for (let n = 0; n < 2; n++) await client.get('/get');
  const now = jest.spyOn(Date, 'now').mockReturnValue(Date.now() - 3_600_000);
  clock.advance(RETRY_MS - 1);
  expect((await client.get('/get')).body).toBe('ERR_SESSION_STORE_DOWN');
  clock.advance(1);
  expect((await client.get('/get')).body).toBe('1');
  now.mockRestore();
});

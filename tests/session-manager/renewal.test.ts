// Scheduled renewal: a session that is used gets another id after a time; what the old one is good for then.
import { setTimeout as wait } from 'node:timers/promises';

import express from 'express';
import session from 'express-session';

import expressSession from '../../src/express-session/index.js';
import { SessionManager } from '../../src/session-manager.js';
import { Client, serve } from '../support/http.js';
import { SECRET } from '../support/secret.js';
import { createRenewing, HOUR, MINUTE, STORES, told, type RenewingWorld } from './renewal.world.js';
import { closeWorlds, withCode } from './world.js';

afterEach(closeWorlds);

/** A session of ada with data, an hour old: the next use renews it. */
async function hourOld(world: RenewingWorld): Promise<void> {
  const { client, clock } = world;
  await client.get('/login?user=ada');
  await client.get('/set?key=a');
  await clock.advance(HOUR);
}

describe.each(STORES)('on %s', (_name, backing) => {
  it('gives a session that is used after its time another id, and keeps all the rest', async () => {
    const world = await createRenewing(backing());
    const { client, clock, living, renewed } = world;
    await hourOld(world);
    const [before] = await living();
    const old = client.cookie;
    const answer = await client.get('/all');
    expect([answer.status, answer.body]).toEqual([200, '{"a":true}']);
    expect(client.cookie).not.toBe(old);
    expect(answer.headers['cache-control']).toBe('no-store');
    const [after, ...others] = await living();
    expect(others).toEqual([]);
    expect(after).toMatchObject({
      ...{ data: before?.data, owner: 'ada', createdAt: before?.createdAt, deadlineAt: before?.deadlineAt },
      ...{ idleMs: before?.idleMs, expiresAt: clock.now() + 4 * HOUR },
    });
    expect(after?.key).not.toBe(before?.key);
    await told();
    expect(renewed).toEqual([{ handle: after?.key, from: before?.key, reason: 'age' }]);
    expect((await client.get('/all')).body).toBe('{"a":true}');
  });

  it('renews again and again, and S27 never moves the absolute end', async () => {
    const world = await createRenewing(backing(), { absoluteTimeout: 5 * HOUR });
    const { client, clock, renewed } = world;
    await client.get('/set?key=a');
    const ids = new Set([client.cookie]);
    for (let hour = 1; hour < 5; hour++) {
      await clock.advance(HOUR);
      expect((await client.get('/all')).body).toBe('{"a":true}');
      ids.add(client.cookie);
    }
    expect([ids.size, renewed.length]).toEqual([5, 4]);
    await clock.advance(HOUR);
    expect((await client.get('/all')).body).toBe('{}');
  });

  it('leaves a session alone before its time, and one that a request does not use', async () => {
    const world = await createRenewing(backing());
    const { client, clock, calls, renewed } = world;
    await client.get('/set?key=a');
    const old = client.cookie;
    await clock.advance(HOUR - 1);
    await client.get('/all');
    expect(client.cookie).toBe(old);
    await clock.advance(1);
    calls.clear();
    expect((await client.get('/unused')).headers).not.toHaveProperty('set-cookie');
    expect([calls.names, renewed]).toEqual([[], []]);
  });

  it('follows the old id while the new one has not been seen, without giving that away', async () => {
    const world = await createRenewing(backing());
    const { client, living, suspects, renewed } = world;
    await hourOld(world);
    const tab = client.clone();
    await client.get('/all');
    for (const [path, body] of [
      ['/set?key=b', ''],
      ['/assign?key=c', ''],
      ['/all', '{"a":true,"b":true,"c":true}'],
    ] as const) {
      const answer = await tab.get(path);
      expect([answer.status, answer.body, answer.cookies]).toEqual([200, body, []]);
    }
    expect((await client.get('/all')).body).toBe('{"a":true,"b":true,"c":true}');
    expect([(await living()).length, renewed.length, suspects]).toEqual([1, 1, []]);
  });

  it('refuses the old id once a request has brought the new one, and reports it', async () => {
    const world = await createRenewing(backing());
    const { client, living, suspects } = world;
    await hourOld(world);
    const [before] = await living();
    const thief = client.clone();
    await client.get('/all');
    await client.get('/all');
    const answer = await thief.get('/all');
    await told();
    expect([answer.body, answer.cookies]).toEqual(['{}', []]);
    expect(suspects).toEqual([{ reason: 'reused-old-id', handle: before?.key }]);
    expect((await client.get('/all')).body).toBe('{"a":true}');
  });

  it('refuses the old id after five minutes though nobody brought the new one, and reports it', async () => {
    const world = await createRenewing(backing());
    const { client, clock, living, suspects } = world;
    await hourOld(world);
    const [before] = await living();
    const thief = client.clone();
    await client.get('/all');
    await clock.advance(5 * MINUTE - 1);
    expect((await thief.clone().get('/all')).body).toBe('{"a":true}');
    expect(suspects).toEqual([]);
    await clock.advance(1);
    expect((await thief.clone().get('/all')).body).toBe('{}');
    await told();
    expect(suspects).toEqual([{ reason: 'reused-old-id', handle: before?.key }]);
  });

  it('gives a client that lost its new id another one after half a minute', async () => {
    const world = await createRenewing(backing());
    const { client, clock, living, renewed } = world;
    await hourOld(world);
    // Its response never arrives.
    await client.clone().get('/all');
    await clock.advance(30_000 - 1);
    expect((await client.get('/all')).cookies).toEqual([]);
    await clock.advance(1);
    const old = client.clone();
    expect((await client.get('/all')).body).toBe('{"a":true}');
    expect(client.cookie).not.toBe(old.cookie);
    expect([renewed.length, (await living()).length]).toEqual([2, 1]);
    // As long as the second one has not been seen either.
    expect((await old.clone().get('/all')).body).toBe('{"a":true}');
    expect((await client.get('/all')).body).toBe('{"a":true}');
    expect((await old.get('/all')).body).toBe('{}');
    expect((await client.get('/all')).body).toBe('{"a":true}');
  });

  it('follows no id that regenerate or login replaced', async () => {
    const world = await createRenewing(backing());
    const { client, on, sessions } = world;
    on('/regenerate', async (req, res) => {
      await sessions.regenerate(req, { keepData: true });
      res.end();
    });
    for (const path of ['/regenerate', '/login?user=ada']) {
      await client.get('/set?key=a');
      const old = client.clone();
      await client.get(path);
      expect((await old.get('/all')).body).toBe('{}');
      expect((await client.get('/all')).body).toBe('{"a":true}');
    }
  });

  it('ends the grace when the renewed session is regenerated', async () => {
    const world = await createRenewing(backing());
    const { client } = world;
    await hourOld(world);
    const old = client.clone();
    await client.get('/all');
    await client.get('/login?user=ada');
    expect((await old.get('/all')).body).toBe('{}');
    expect((await client.get('/all')).body).toBe('{"a":true}');
  });

  it('does not let a late request with the old id take the new one from its client', async () => {
    const world = await createRenewing(backing());
    const { client, living } = world;
    await hourOld(world);
    const late = client.clone();
    await client.get('/all');
    await client.get('/all');
    // It was sent before the client had the new id, and went a longer way.
    const answer = await late.get('/set?key=b');
    expect(answer.cookies).toEqual([]);
    expect(await living()).toHaveLength(1);
  });
});

it('refuses to renew on a store that forgets an old id at once', () => {
  const make = (): SessionManager =>
    new SessionManager({ secret: SECRET, renewEvery: '1h', store: new session.MemoryStore() });
  expect(make).toThrow(withCode('ERR_SESSION_OPTIONS'));
  expect(make).toThrow(/"renewEvery" needs/);
});

it('is nothing to the drop-in, as unknown options are to express-session', async () => {
  const options = { secret: SECRET, resave: false, saveUninitialized: false, renewEvery: 1 };
  const app = express();
  app.use(expressSession(options as Parameters<typeof expressSession>[0]));
  app.get('/', (req, res) => {
    const visit = req as unknown as { session: Record<string, unknown>; sessionID: string };
    visit.session['at'] = process.hrtime.bigint().toString();
    res.send(visit.sessionID);
  });
  const { port, close } = await serve(app);
  const client = new Client(port);
  const first = await client.get('/');
  // Real time: the drop-in has no clock of ours.
  await wait(5);
  const second = await client.get('/');
  await close();
  expect([second.status, second.body, second.cookies]).toEqual([200, first.body, []]);
});

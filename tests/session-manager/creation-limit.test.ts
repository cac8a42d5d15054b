// How many sessions one caller may begin in a time.
import type { IncomingMessage } from 'node:http';

import { CreationCounter } from '../../src/http/creation-limit.js';
import { SessionManager } from '../../src/session-manager.js';
import { SECRET } from '../support/secret.js';
import { TestClock } from '../support/clock.js';
import { createRenewing, HOUR, MINUTE, STORES, told, type Options } from './renewal.world.js';
import { closeWorlds, codeOf, withCode } from './world.js';

afterEach(closeWorlds);

const callerOf = (req: IncomingMessage): string | undefined => req.headers['x-caller'] as string | undefined;
const LIMIT: Options = { creationLimit: { key: callerOf, max: 2, window: '1m' } };
const from = (caller: string) => ({ headers: { 'x-caller': caller } });

describe.each(STORES)('on %s', (_name, backing) => {
  it.each(['/set?key=a', '/assign?key=a', '/login?user=ada'])(
    'S46 refuses what a caller begins beyond it, and stores nothing: %s',
    async (path) => {
      const world = await createRenewing(backing(), LIMIT);
      const { browser, errors, living, suspects } = world;
      for (let count = 0; count < 2; count++)
        expect((await browser().get(path, from('eve'))).status).toBe(200);
      const refused = await browser().get(path, from('eve'));
      expect([refused.status, refused.body, refused.cookies]).toEqual([429, 'ERR_SESSION_FLOOD', []]);
      await told();
      expect([errors, suspects]).toEqual([[withCode('ERR_SESSION_FLOOD')], [{ reason: 'flood' }]]);
      expect(await living()).toHaveLength(2);
      expect((await browser().get(path, from('ada'))).status).toBe(200);
    },
  );

  it('leaves sessions that there are alone: reads, writes, renewals, logouts', async () => {
    const { browser, clock, living, on, sessions, suspects, renewed } = await createRenewing(
      backing(),
      LIMIT,
    );
    on('/keep', async (req, res) => {
      await sessions.regenerate(req, { keepData: true });
      res.end();
    });
    const [one, two] = [browser(), browser()];
    for (const client of [one, two]) await client.get('/set?key=a', from('eve'));
    for (const path of ['/all', '/set?key=b', '/assign?key=c', '/keep', '/unused'])
      expect([path, (await one.get(path, from('eve'))).status]).toEqual([path, 200]);
    await clock.advance(HOUR);
    for (let count = 0; count < 2; count++) await browser().get('/set?key=a', from('eve'));
    expect((await one.get('/all', from('eve'))).status).toBe(200);
    expect(renewed).toHaveLength(1);
    expect((await two.get('/logout', from('eve'))).body).toBe('true');
    expect([suspects, (await living()).length]).toEqual([[], 3]);
  });
});

it('counts a login, also of who has a session', async () => {
  const { client, on, sessions, living } = await createRenewing({}, LIMIT);
  on('/try', async (req, res) => {
    res.json([await codeOf(sessions.login(req, 'ada')), await codeOf(sessions.login(req, 'ada'))]);
  });
  await client.get('/set?key=a', from('eve'));
  const old = client.cookie;
  expect((await client.get('/try', from('eve'))).body).toBe('[null,"ERR_SESSION_FLOOD"]');
  // The first one holds.
  expect(client.cookie).not.toBe(old);
  expect((await living()).map(({ owner }) => owner)).toEqual(['ada']);
});

it('lets the handler answer, and begins nothing for the rest of the request', async () => {
  const { browser, on, sessions, living } = await createRenewing({}, LIMIT);
  on('/try', async (req, res) => {
    res.status(202).json([await codeOf(sessions.set(req, 'a', 1)), (await sessions.get(req, 'a')) ?? null]);
  });
  for (let count = 0; count < 2; count++) await browser().get('/set?key=a', from('eve'));
  const answer = await browser().get('/try', from('eve'));
  expect([answer.status, answer.body, answer.cookies]).toEqual([202, '["ERR_SESSION_FLOOD",null]', []]);
  expect(await living()).toHaveLength(2);
});

it.each([
  ['undefined', () => undefined],
  ['an empty text', () => ''],
])('does not count where the key is %s', async (_which, key) => {
  const { browser, living, suspects } = await createRenewing(
    {},
    { creationLimit: { key, max: 1, window: 1 } },
  );
  for (let count = 0; count < 5; count++) expect((await browser().get('/set?key=a')).status).toBe(200);
  expect([(await living()).length, suspects]).toEqual([5, []]);
});

it('says so if the key is none', async () => {
  const key = (() => 7) as unknown as () => string;
  const { client, errors } = await createRenewing({}, { creationLimit: { key, max: 1, window: 1 } });
  expect((await client.get('/set?key=a')).status).toBe(500);
  expect(errors).toEqual([withCode('ERR_SESSION_OPTIONS')]);
});

it.each([
  ['no key', { max: 1, window: '1m' }],
  ['a key that is a text', { key: 'ip', max: 1, window: '1m' }],
  ['no session at all', { key: callerOf, max: 0, window: '1m' }],
  ['half a session', { key: callerOf, max: 1.5, window: '1m' }],
  ['no time', { key: callerOf, max: 1, window: 0 }],
  ['a time in words', { key: callerOf, max: 1, window: 'a minute' }],
  ['a field that is none', { key: callerOf, max: 1, window: '1m', per: 'ip' }],
])('refuses %s', (_which, creationLimit) => {
  expect(() => new SessionManager({ secret: SECRET, creationLimit } as never)).toThrow(
    withCode('ERR_SESSION_OPTIONS'),
  );
});

describe('over time', () => {
  const counter = (max: number) => {
    const clock = new TestClock();
    const counts = new CreationCounter({ key: callerOf, max, window: '1m' }, clock);
    const allows = (caller: string): boolean =>
      counts.allows({ headers: { 'x-caller': caller } } as unknown as IncomingMessage);
    return { clock, allows };
  };

  it('never lets twice as many begin around the edge of a window', async () => {
    const { clock, allows } = counter(10);
    const began: number[] = [];
    for (let ms = 0; ms < 10 * MINUTE; ms += 500) {
      if (allows('eve')) began.push(ms);
      await clock.advance(500);
    }
    const within = (start: number): number => began.filter((at) => at >= start && at < start + MINUTE).length;
    const most = Math.max(...began.map(within));
    // What is counted of the window before is a share, so it may be a little off; not by a whole window.
    expect(most).toBeLessThanOrEqual(15);
    expect(began.length).toBeGreaterThanOrEqual(90);
    expect(began.length).toBeLessThanOrEqual(110);
  });

  it('lets a burst begin again after two windows, and part of it after one', async () => {
    const { clock, allows } = counter(4);
    const burst = (): number => Array.from({ length: 9 }, () => allows('eve')).filter(Boolean).length;
    expect(burst()).toBe(4);
    await clock.advance(MINUTE);
    expect(burst()).toBe(0);
    await clock.advance(MINUTE / 2);
    expect(burst()).toBe(2);
    await clock.advance(10 * MINUTE);
    expect(burst()).toBe(4);
  });

  it('counts on when the clock is set back, and no more than that', async () => {
    let now = 10 * MINUTE;
    const clock = { now: () => now, after: () => () => undefined };
    const counts = new CreationCounter({ key: callerOf, max: 2, window: '1m' }, clock);
    const allows = (): boolean =>
      counts.allows({ headers: { 'x-caller': 'eve' } } as unknown as IncomingMessage);
    expect([allows(), allows(), allows()]).toEqual([true, true, false]);
    now -= 5 * MINUTE;
    expect(allows()).toBe(false);
    now += 7 * MINUTE + 1;
    expect(allows()).toBe(true);
    await Promise.resolve();
  });
});

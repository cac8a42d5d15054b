// The presets: the lifetimes of NIST SP 800-63B-4 as defaults, which options go before; and durations as text.
import { resolveOptions } from '../../src/http/options.js';
import { SessionManager } from '../../src/session-manager.js';
import { SECRET } from '../support/secret.js';
import { createRenewing, HOUR, MINUTE, STORES, type Options } from './renewal.world.js';
import { closeWorlds, withCode } from './world.js';

afterEach(closeWorlds);

const DAY = 24 * HOUR;

describe.each(STORES)('on %s', (_name, backing) => {
  it.each([
    ['aal1', 30 * DAY, 30 * DAY],
    ['aal2', HOUR, DAY],
    ['aal3', 15 * MINUTE, 12 * HOUR],
  ] as const)(
    '%s ends a session %p ms after its last use, and %p ms after the login',
    async (preset, idle, end) => {
      const options: Options = {
        preset,
        maxAge: undefined,
        absoluteTimeout: undefined,
        renewEvery: null,
      } as never;
      const { client, clock, browser } = await createRenewing(backing(), options);
      await client.get('/login?user=ada');
      await client.get('/set?key=a');
      const idler = browser();
      await idler.get('/set?key=a');
      await clock.advance(idle - 1);
      expect((await idler.clone().get('/unused')).status).toBe(200);
      expect((await client.get('/all')).body).toBe('{"a":true}');
      await clock.advance(1);
      expect((await idler.get('/all')).body).toBe('{}');
      // Used for as long as it may, it ends all the same.
      for (let past = idle; past < end;) {
        expect((await client.get('/all')).body).toBe('{"a":true}');
        const step = Math.min(idle - MINUTE, end - past);
        await clock.advance(step);
        past += step;
      }
      expect((await client.get('/all')).body).toBe('{}');
    },
  );
});

const resolved = (options: object) => {
  const config = resolveOptions({ secret: SECRET, ...options });
  const { maxAge, absoluteTimeout, rememberFor, renewEvery, touchAfter } = config;
  return { maxAge, absoluteTimeout, rememberFor, renewEvery, touchAfter };
};

it.each([
  ['aal1', { rememberFor: 30 * DAY, touchAfter: MINUTE }],
  ['aal2', { rememberFor: HOUR, touchAfter: MINUTE }],
  ['aal3', { rememberFor: 15 * MINUTE, touchAfter: MINUTE }],
] as const)('%s remembers no longer than it may', (preset, expected) => {
  expect(resolved({ preset })).toMatchObject(expected);
});

it.each([
  ['maxAge', { maxAge: '5m' }, { maxAge: 5 * MINUTE, absoluteTimeout: 12 * HOUR }],
  ['absoluteTimeout', { absoluteTimeout: '1h' }, { maxAge: 15 * MINUTE, absoluteTimeout: HOUR }],
  ['no absoluteTimeout', { absoluteTimeout: null }, { absoluteTimeout: null }],
  ['rememberFor', { rememberFor: '1d' }, { rememberFor: DAY }],
])('goes behind an option that is given: %s', (_which, options, expected) => {
  expect(resolved({ preset: 'aal3', ...options })).toMatchObject(expected);
});

it('is off by default', () => {
  expect(resolved({})).toEqual({
    ...{ maxAge: HOUR, absoluteTimeout: 12 * HOUR, rememberFor: 30 * DAY },
    ...{ renewEvery: null, touchAfter: MINUTE },
  });
});

it('takes durations as text wherever there is one', () => {
  const options = {
    maxAge: '2h',
    absoluteTimeout: '2d',
    rememberFor: '10d',
    renewEvery: '15m',
    touchAfter: '30s',
  };
  expect(resolved(options)).toEqual({
    ...{ maxAge: 2 * HOUR, absoluteTimeout: 2 * DAY, rememberFor: 10 * DAY },
    ...{ renewEvery: 15 * MINUTE, touchAfter: 30_000 },
  });
  expect(resolveOptions({ secret: SECRET, storeTimeout: '3s' }).storeTimeout).toBe(3_000);
});

it.each(['aal4', 'AAL2', '', 2, null])('refuses %p', (preset) => {
  const make = (): SessionManager => new SessionManager({ secret: SECRET, preset: preset as 'aal2' });
  expect(make).toThrow(withCode('ERR_SESSION_OPTIONS'));
  expect(make).toThrow(/'aal1', 'aal2' or 'aal3'/);
});

const NAMES = ['maxAge', 'absoluteTimeout', 'rememberFor', 'renewEvery', 'touchAfter', 'storeTimeout'];
it.each(NAMES)('S20 refuses a %s that is no duration', (name) => {
  for (const value of ['', '1', '1x', '-1s', '0s', 'forever', -1, NaN, Infinity, true, [], {}]) {
    const make = (): SessionManager => new SessionManager({ secret: SECRET, [name]: value });
    expect(make).toThrow(withCode('ERR_SESSION_OPTIONS'));
    expect(make).toThrow(`"${name}"`);
  }
});

it.each(['maxAge', 'rememberFor'])('S18 refuses a %s beyond what browsers keep a cookie', async (name) => {
  await new SessionManager({ secret: SECRET, [name]: '400d' }).close();
  expect(() => new SessionManager({ secret: SECRET, [name]: '401d' })).toThrow(
    withCode('ERR_SESSION_OPTIONS'),
  );
});

it('S20 ends a session in time however far away its absolute end is', async () => {
  for (const [, backing] of STORES) {
    const { client, clock } = await createRenewing(backing(), {
      ...{ absoluteTimeout: '999999999999999d', maxAge: '1h', renewEvery: null },
    });
    expect((await client.get('/set?key=a')).status).toBe(200);
    expect((await client.get('/all')).body).toBe('{"a":true}');
    await clock.advance(HOUR);
    expect((await client.get('/all')).body).toBe('{}');
  }
});

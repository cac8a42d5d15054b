// Laws of options, for both faces: whatever is given is accepted or refused with a code, and what is no duration, no secret
// and no cookie attribute is never accepted as one.
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';

import fc from 'fast-check';

import session, { type SessionOptions } from '../../src/express-session/index.js';
import { settingsOf } from '../../src/express-session/options.js';
import { SessionManager } from '../../src/session-manager.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { Cookie } from '../../src/stores/session.js';
import { SECRET } from '../support/secret.js';

const made: SessionManager[] = [];
const store = new MemoryStore({ cleanupInterval: 0 });
afterEach(async () => {
  for (const sessions of made.splice(0)) await sessions.close();
});

const createManager = (options: unknown): void => {
  made.push(new SessionManager(options as ConstructorParameters<typeof SessionManager>[0]));
};
const createDropIn = (options: unknown): void => {
  session(options as SessionOptions);
};
const refused = expect.objectContaining({
  name: 'SessionError',
  code: expect.stringMatching(/^ERR_SESSION_/) as unknown,
}) as Error;

/** Whether it is accepted; an error without a code fails the test. */
function isAccepted(create: (options: unknown) => void, options: unknown): boolean {
  try {
    create(options);
    return true;
  } catch (error) {
    expect(error).toEqual(refused);
    return false;
  }
}

const throwing = {
  toString: (): string => {
    throw new RangeError('not to be called');
  },
};
const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSet: true }),
  fc.constantFrom<unknown>(
    Object.create(null),
    throwing,
    Symbol('x'),
    NaN,
    Infinity,
    -1,
    '',
    '\0',
    Buffer.alloc(0),
  ),
  fc.string({ unit: 'binary', maxLength: 10 }),
);
const MANAGER = [
  ...[
    'storeType',
    'storeOptions',
    'store',
    'secret',
    'cookieName',
    'maxAge',
    'absoluteTimeout',
    'cookie',
    'touchAfter',
  ],
  ...[
    'load',
    'property',
    'initial',
    'storeTimeout',
    'generateId',
    'logger',
    'limits',
    'clock',
    '__proto__',
    'maxage',
  ],
];
const DROP_IN = [
  ...[
    'secret',
    'cookie',
    'genid',
    'name',
    'key',
    'proxy',
    'resave',
    'rolling',
    'saveUninitialized',
    'store',
    'unset',
  ],
  ...['load', 'touchAfter', 'storeTimeout', 'clock', '__proto__', 'constructor'],
];
const COOKIE = [
  'path',
  'domain',
  'httpOnly',
  'secure',
  'sameSite',
  'priority',
  'partitioned',
  'maxAge',
  'expires',
];
const optionsOf = (names: readonly string[]): fc.Arbitrary<object> =>
  fc.oneof(
    fc.dictionary(fc.constantFrom(...names), anything, { maxKeys: 3 }),
    fc.dictionary(fc.constantFrom(...COOKIE), anything, { maxKeys: 3 }).map((cookie) => ({ cookie })),
  );

/** No moment in time is so far, and none is before now. */
const noDuration: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    NaN,
    Infinity,
    -Infinity,
    -1,
    -Number.MIN_VALUE,
    '',
    '5',
    '1 h',
    '-1h',
    '1e3',
    'soon',
    '1h30m',
  ),
  fc.double({ max: -1e-9, noNaN: true }),
  fc.string({ maxLength: 4 }).filter((text) => !/^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text)),
  fc.constantFrom<unknown>(
    true,
    [],
    [1_000],
    {},
    1_000n,
    new Date(NaN),
    Symbol('1h'),
    new Number(5),
    () => 5,
  ),
);

describe.each([
  ['SessionManager', createManager, MANAGER],
  ['the drop-in', createDropIn, DROP_IN],
] as const)('%s', (_name, create, names) => {
  it('accepts or refuses with a code, whatever the options are', () => {
    fc.assert(
      fc.property(optionsOf(names), (options) => {
        isAccepted(create, { secret: SECRET, store, ...options });
      }),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(anything, (options) => {
        isAccepted(create, options);
      }),
    );
  });

  it('refuses a store that it cannot write to with a code, or takes it', () => {
    const express = { get: () => undefined, set: () => undefined, destroy: () => undefined };
    for (const own of [Object.freeze({ ...express }), Object.preventExtensions({ ...express })])
      isAccepted(create, { secret: SECRET, store: own });
  });

  it.each(['touchAfter', 'storeTimeout'])('S20 refuses as %s what is no duration', (name) => {
    fc.assert(
      fc.property(noDuration, (value) => {
        expect(isAccepted(create, { secret: SECRET, store, [name]: value })).toBe(false);
      }),
    );
  });

  it.each([
    ['a Buffer without a byte', Buffer.alloc(0)],
    ['a typed array without a byte', new Uint8Array(0)],
    ['a list with one that has none', [SECRET, Buffer.alloc(0)]],
  ])('S6 never signs with %s', (_what, secret) => {
    expect(isAccepted(create, { secret, store })).toBe(false);
  });

  it('S19 refuses a name with a character that no cookie name has', () => {
    const mark = fc.constantFrom(...Array.from(';=, \t\r\n\0"()/\\{}[]<>@:?ä\u007f'));
    const around = fc.string({ unit: fc.constantFrom(...Array.from('aZ0-_')), maxLength: 3 });
    fc.assert(
      fc.property(around, mark, around, (before, character, after) => {
        const name = before + character + after;
        const options = create === createManager ? { cookieName: name } : { name };
        expect(isAccepted(create, { secret: SECRET, store, ...options })).toBe(false);
      }),
    );
  });
});

it.each(['maxAge', 'absoluteTimeout'])('S20 SessionManager refuses as %s what is no duration', (name) => {
  fc.assert(
    fc.property(noDuration, (value) => {
      expect(isAccepted(createManager, { secret: SECRET, store, [name]: value })).toBe(false);
    }),
  );
});

it('S20 the drop-in refuses as cookie.maxAge a number that no time is so far away as', () => {
  // One that is negative is over at once, as in express-session: no weaker cookie.
  const number = fc.oneof(
    fc.constantFrom(NaN, Infinity, -Infinity, 1e300),
    fc.double({ min: 1e16, noNaN: true }),
  );
  fc.assert(
    fc.property(number, (maxAge) => {
      expect(isAccepted(createDropIn, { secret: SECRET, store, cookie: { maxAge } })).toBe(false);
    }),
  );
});

it('S13 an attribute that is undefined is one that was not given: the cookie of the drop-in stays HttpOnly', () => {
  const { cookie } = settingsOf({ secret: SECRET, store, cookie: { httpOnly: undefined, path: undefined } });
  const line = new Cookie(cookie(new IncomingMessage(new Socket()))).serialize('sid', 'x');
  expect(line).toMatch(/; Path=\/;.*HttpOnly/);
});

it('S14 S16 SessionManager accepts no cookie that a browser would drop or send to others', () => {
  const cookie = fc.record(
    {
      path: fc.constantFrom('/', '/app'),
      domain: fc.constant('example.org'),
      secure: fc.constantFrom(true, false, 'auto' as const),
      sameSite: fc.constantFrom('lax' as const, 'strict' as const, 'none' as const, false as const),
      partitioned: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  const name = fc.constantFrom(
    'sid',
    '__Host-sid',
    '__HOST-sid',
    '__hOsT-',
    '__Secure-sid',
    '__sEcUrE-x',
    'x__Host-',
  );
  fc.assert(
    fc.property(cookie, name, (own, cookieName) => {
      const isSecure = own.secure === true;
      const isHostBound = isSecure && (own.path ?? '/') === '/' && own.domain === undefined;
      const isSound =
        (!/^__host-/i.test(cookieName) || isHostBound) &&
        (!/^__secure-/i.test(cookieName) || isSecure) &&
        ((own.sameSite !== 'none' && own.partitioned !== true) || isSecure);
      expect(isAccepted(createManager, { secret: SECRET, store, cookieName, cookie: own })).toBe(isSound);
    }),
    { numRuns: 500 },
  );
});

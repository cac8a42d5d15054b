// Options: wrong ones are refused when the manager is made, in one error that names them all; defaults are safe.
import { SessionManager } from '../../src/session-manager.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { SECRET } from '../support/secret.js';

const made: SessionManager[] = [];

function create(options: unknown): SessionManager {
  const sessions = new SessionManager(options as ConstructorParameters<typeof SessionManager>[0]);
  made.push(sessions);
  return sessions;
}

/** The message of ERR_SESSION_OPTIONS. */
function refusal(options: unknown): string {
  try {
    create(options);
  } catch (error) {
    expect(error).toMatchObject({ name: 'SessionError', code: 'ERR_SESSION_OPTIONS' });
    return (error as Error).message;
  }
  throw new Error(`accepted ${JSON.stringify(options)}`);
}

const logger = { warn: () => undefined, error: () => undefined };
const nodeEnv = process.env['NODE_ENV'];

afterEach(async () => {
  if (nodeEnv === undefined) delete process.env['NODE_ENV'];
  else process.env['NODE_ENV'] = nodeEnv;
  for (const sessions of made.splice(0)) await sessions.close();
});

const DAY = 86_400_000;
const WRONG: readonly (readonly [string, unknown])[] = [
  ['storeType', 'redis'],
  ['storeOptions', 'x'],
  ['store', {}],
  ['store', new Map()],
  ['secret', undefined],
  ['secret', ''],
  ['secret', []],
  ['secret', [SECRET, '']],
  ['secret', 5],
  ['cookieName', ''],
  ['cookieName', 'a b'],
  ['cookieName', 'a=b'],
  ['cookieName', 'a;b'],
  ['cookieName', 'a\r\nSet-Cookie: x'],
  ['cookieName', 'ümlaut'],
  ['maxAge', NaN],
  ['maxAge', -1],
  ['maxAge', 0],
  ['maxAge', Infinity],
  ['maxAge', 'an hour'],
  ['maxAge', '60'],
  ['maxAge', '-1h'],
  ['maxAge', '500d'],
  ['maxAge', 400 * DAY + 1],
  ['absoluteTimeout', NaN],
  ['absoluteTimeout', -1],
  ['absoluteTimeout', Infinity],
  ['cookie.path', 'no-slash'],
  ['cookie.path', '/a;b'],
  ['cookie.path', '/a\r\nb'],
  ['cookie.domain', ''],
  ['cookie.domain', 'a.example; Secure'],
  ['cookie.httpOnly', 'yes'],
  ['cookie.secure', 'sometimes'],
  ['cookie.sameSite', true],
  ['cookie.priority', 'urgent'],
  ['cookie.partitioned', 1],
  ['touchAfter', -1],
  ['touchAfter', NaN],
  ['load', 'soon'],
  ['property', ''],
  ['property', true],
  ['initial', {}],
  ['storeTimeout', 0],
  ['storeTimeout', NaN],
  ['storeTimeout', Infinity],
  ['generateId', 'id'],
  ['logger', {}],
  ['logger', { warn: () => undefined }],
  ['limits.bytes', 0],
  ['limits.depth', Infinity],
  ['limits.keys', 1.5],
  ['clock', { now: () => 0 }],
];

it.each(WRONG)('refuses %s: %p, and names it', (path, value) => {
  const [first = '', second] = path.split('.');
  const options = { secret: SECRET, [first]: second === undefined ? value : { [second]: value } };
  expect(refusal(options)).toContain(`"${path}" must be `);
});

it('names every wrong option in one error', () => {
  const message = refusal({
    secret: 5,
    maxAge: -1,
    touchAfter: 'x',
    cookie: { path: 'p', sameSite: 'maybe' },
    nmae: 1,
  });
  for (const name of ['"secret"', '"maxAge"', '"touchAfter"', '"cookie.path"', '"cookie.sameSite"', '"nmae"'])
    expect(message).toContain(name);
});

it('names wrong values and options that do not go together in one error', () => {
  const message = refusal({
    secret: SECRET,
    maxAge: -1,
    store: new MemoryStore({ cleanupInterval: 0 }),
    storeType: 'memory',
  });
  expect(message).toContain('"maxAge"');
  expect(message).toContain('"storeType"');
});

it.each([undefined, null, 'secret', 5, []])('refuses %p instead of options', (options) => {
  expect(refusal(options)).toContain('options');
});

it.each([
  ['cookiename', 'cookieName'],
  ['maxage', 'maxAge'],
  ['Secret', 'secret'],
])('says for "%s" that the option is "%s"', (wrong, right) => {
  expect(refusal({ secret: SECRET, [wrong]: 1 })).toContain(`"${wrong}" is not an option, "${right}" is`);
});

it('lists what there is for an option that resembles none', () => {
  expect(refusal({ secret: SECRET, colour: 'red' })).toMatch(
    /"colour" is not an option.*cookieName.*touchAfter/,
  );
});

it('says where an option of express-session belongs', () => {
  expect(refusal({ secret: SECRET, resave: false })).toMatch(/"resave" is an option of .*\/express-session/);
});

it('says for an option of the cookie what the cookie has', () => {
  const message = refusal({ secret: SECRET, cookie: { samesite: 'lax' } });
  expect(message).toContain('"cookie.samesite" is not an option');
  expect(message).toContain('sameSite');
});

it.each([{ storeType: 'memory' }, { storeOptions: {} }])('refuses a store beside %p', (beside) => {
  expect(refusal({ secret: SECRET, store: new MemoryStore({ cleanupInterval: 0 }), ...beside })).toContain(
    'not both',
  );
});

it('refuses wrong options of the store that it builds', () => {
  expect(refusal({ secret: SECRET, storeOptions: { maxSessions: 0, cleanupIntervall: 1 } })).toMatch(
    /"maxSessions".*"cleanupIntervall"/,
  );
});

it('accepts every right option at once', () => {
  const options = {
    storeType: 'memory',
    storeOptions: { cleanupInterval: 0 },
    secret: [SECRET, 'x'.repeat(32)],
    cookieName: '__Secure-app',
    maxAge: 400 * DAY,
    absoluteTimeout: null,
    cookie: {
      path: '/app',
      domain: 'example.org',
      httpOnly: false,
      secure: true,
      sameSite: 'none',
      priority: 'high',
      partitioned: true,
    },
    touchAfter: 0,
    load: () => true,
    property: false,
    initial: () => ({}),
    storeTimeout: 1,
    generateId: () => 'x'.repeat(22),
    logger,
    limits: { bytes: 1, depth: 1, keys: 1 },
  };
  expect(create(options).store).toBeInstanceOf(MemoryStore);
});

describe('S14 S16 the cookie rules', () => {
  it.each([
    [{ cookieName: '__Host-sid' }, '__Host-'],
    [{ cookieName: '__HOST-sid', cookie: { secure: true, path: '/app' } }, '__Host-'],
    [{ cookieName: '__host-sid', cookie: { secure: true, domain: 'example.org' } }, '__Host-'],
    [{ cookieName: '__Host-sid', cookie: { secure: 'auto' } }, '__Host-'],
    [{ cookieName: '__Secure-sid' }, '__Secure-'],
    [{ cookieName: '__secure-sid', cookie: { secure: 'auto' } }, '__Secure-'],
    [{ cookie: { sameSite: 'none' } }, 'sameSite "none"'],
    [{ cookie: { sameSite: 'none', secure: 'auto' } }, 'sameSite "none"'],
    [{ cookie: { partitioned: true } }, 'partitioned'],
  ])('refuse %j', (options, named) => {
    expect(refusal({ secret: SECRET, ...options })).toContain(named);
  });

  it.each([
    { cookieName: '__Host-sid', cookie: { secure: true } },
    { cookieName: '__Secure-sid', cookie: { secure: true, path: '/app', domain: 'example.org' } },
    { cookie: { sameSite: 'none', partitioned: true, secure: true } },
  ])('accept %j', (options) => {
    create({ secret: SECRET, ...options });
  });
});

describe('S6 the secret', () => {
  const WEAK = [
    'short',
    'keyboard cat',
    'changeme',
    'your-secret-key',
    `your-secret-key-${'x'.repeat(40)}`,
    'ü'.repeat(15),
  ];

  it.each(WEAK)('in production %p is refused', (secret) => {
    process.env['NODE_ENV'] = 'production';
    expect(refusal({ secret })).toContain('"secret" must have 32 bytes');
    expect(refusal({ secret: [SECRET, secret] })).toContain('"secret"');
    expect(refusal({ secret }).includes(secret)).toBe(false);
  });

  it.each(WEAK)('in development %p warns once', (secret) => {
    const warnings: object[] = [];
    create({ secret, logger: { ...logger, warn: (facts: object) => warnings.push(facts) } });
    expect(warnings).toEqual([{ code: 'WARN_SESSION_SECRET' }]);
  });

  it('is measured in bytes, and a good one says nothing', () => {
    process.env['NODE_ENV'] = 'production';
    const warnings: object[] = [];
    create({ secret: 'ü'.repeat(16), logger: { ...logger, warn: (facts: object) => warnings.push(facts) } });
    expect(warnings).toEqual([]);
  });
});

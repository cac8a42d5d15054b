// Options that are wrong, or nearly, for both faces; and what a cookie may look like that answers options which were
// accepted: no weaker and no longer than was asked.
import { createSecretKey, generateKeyPairSync } from 'node:crypto';

export const SECRET = 'a secret of the fuzzer, 32 bytes or more';
const HOUR_MS = 3_600_000;
const UNITS = { ms: 1, s: 1e3, m: 6e4, h: HOUR_MS, d: 864e5 };
/** The last moment that a Date can say. */
const LAST_MS = 8.64e15;

class Surprise {
  constructor() {
    this.secret = SECRET;
  }
}
const nameless = Object.create(null);
const throwing = {
  toString() {
    throw new RangeError('toString');
  },
  [Symbol.toPrimitive]() {
    throw new RangeError('toPrimitive');
  },
};
const ANYTHING = [
  ...[undefined, null, true, false, 0, -0, 1, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 53, 1e300, 1n],
  ...[
    '',
    ' ',
    'x',
    '0',
    '-1',
    'NaN',
    'Infinity',
    '__proto__',
    'constructor',
    '\0',
    '\r\nSet-Cookie: a=b',
    'ä',
  ],
  ...['/', '/;', '\ud800', 'a'.repeat(5_000), '1h', '30m', '5 minutes', '1e9', '0x10'],
  ...[
    [],
    [[]],
    [null],
    [''],
    ['x'],
    {},
    { a: 1 },
    nameless,
    throwing,
    new Surprise(),
    new Date(NaN),
    new Date(),
  ],
  ...[Symbol('x'), () => undefined, /x/, new Map(), new Set(), Buffer.alloc(0), Buffer.from('x')],
  ...[Promise.resolve(1), new Proxy({}, {}), new String('x'), new Number(5), new Error('x'), globalThis],
];
const DURATIONS = [
  ...[1, 999, 1_000, 60_000, HOUR_MS, 86_400_000, 400 * 86_400_000, 0.5, Number.MIN_VALUE],
  ...[0, -0, -1, -HOUR_MS, NaN, Infinity, -Infinity, 400 * 86_400_000 + 1, 2 ** 31, 2 ** 53, 8.64e15, 1e300],
  ...[
    Number.MAX_VALUE,
    null,
    '',
    '1h',
    '30m',
    '0s',
    '-1h',
    '1h ',
    'h',
    '1 h',
    '1e3',
    '1w',
    'NaN',
    'Infinity',
    '5',
  ],
  ...[
    new Date(Date.now() + HOUR_MS),
    new Date(NaN),
    [1_000],
    new Number(1_000),
    1_000n,
    true,
    {},
    Symbol('1h'),
  ],
];
const PATHS = [
  '/',
  '/app',
  '/a b',
  '',
  'app',
  '/;',
  '/\r\nx: y',
  '/\0',
  '/; Domain=evil.example',
  '/ä',
  `/${'x'.repeat(9e3)}`,
];
const DOMAINS = [
  'example.org',
  '.example.org',
  '',
  ' ',
  'a;b',
  'a\r\nb',
  'ä.example',
  'a, b',
  'x'.repeat(5_000),
];
const NAMES = [
  ...[
    'sid',
    '__Host-sid',
    '__HOST-sid',
    '__Secure-sid',
    '__secure-sid',
    'a b',
    'a=b',
    'a;b',
    'a\r\nb',
    '',
    'ä',
    '"a"',
  ],
  ...['__proto__', 'constructor', 'a'.repeat(256), 'a'.repeat(5_000), "!#$%&'*+-.^_`|~"],
];
const STORE = {
  get: (_id, answer) => answer(),
  set: (_id, _session, answer) => answer?.(),
  destroy: (_id, answer) => answer?.(),
};
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const SECRETS = [
  ...[
    SECRET,
    [SECRET],
    [SECRET, 'x'.repeat(40)],
    'short',
    'keyboard cat',
    '',
    [],
    [''],
    [SECRET, ''],
    [[SECRET]],
  ],
  ...[
    createSecretKey(Buffer.from(SECRET)),
    Buffer.from(SECRET),
    Buffer.alloc(0),
    new Uint8Array(0),
    [SECRET, null],
  ],
  ...[
    new ArrayBuffer(0),
    new ArrayBuffer(32),
    publicKey,
    privateKey,
    createSecretKey(Buffer.alloc(0)),
    ' '.repeat(40),
  ],
  ...[{ id: 'a', secret: SECRET }, [{ id: 'a', secret: SECRET }, SECRET], [{ id: 'a.b', secret: SECRET }]],
  ...[[{ id: 'a', secret: '' }], [{ id: '', secret: SECRET }], [{ secret: SECRET }], [{ id: 'a' }]],
];
const LOADS = ['lazy', 'eager', () => true, () => false, 'soon', '', {}];
const IDS = [
  () => 'x'.repeat(22),
  () => 'short',
  () => undefined,
  () => '../../x',
  () => ({}),
  () => 5,
  async () => 'x',
];
const CLOCK = { now: () => Date.now(), after: () => () => undefined };
const CLOCKS = [CLOCK, {}, { now: 5 }, { now: () => Date.now() }, 5, null];
const BOOLEANS = [true, false, undefined];
const SAME_SITES = ['lax', 'strict', 'none', false, true, 'auto', 'None', 'x', undefined];
const PRIORITIES = ['low', 'medium', 'high', 'urgent', ''];

/** What the cookie option may hold: for each attribute values that are right and values that are nearly. */
const ATTRIBUTES = {
  path: PATHS,
  domain: DOMAINS,
  httpOnly: BOOLEANS,
  secure: [...BOOLEANS, 'auto'],
  sameSite: SAME_SITES,
  priority: PRIORITIES,
  partitioned: BOOLEANS,
};

const MANAGER = {
  secret: SECRETS,
  storeType: ['memory', 'redis', undefined],
  storeOptions: [
    {},
    { maxAge: 5 },
    { maxAge: NaN },
    { maxSessions: 0 },
    { colour: 1 },
    { cleanupInterval: -1 },
    null,
  ],
  store: [STORE, { ...STORE, get: 5 }, {}, Object.freeze({ ...STORE })],
  cookieName: NAMES,
  maxAge: DURATIONS,
  absoluteTimeout: DURATIONS,
  touchAfter: DURATIONS,
  storeTimeout: DURATIONS,
  load: LOADS,
  property: [
    'session',
    'other',
    false,
    '',
    '__proto__',
    'headers',
    'socket',
    'constructor',
    'sessionID',
    'on',
  ],
  initial: [() => ({}), () => ({ a: 1 }), () => null, () => 5, () => ({ id: 1 }), async () => ({})],
  generateId: IDS,
  logger: [{ warn: () => undefined, error: () => undefined }, {}, { warn: 5 }],
  limits: [{}, { bytes: 5 }, { bytes: 0 }, { keys: Infinity }, { depth: NaN }, { colour: 5 }],
  clock: CLOCKS,
};
const DROP_IN = {
  secret: SECRETS,
  name: NAMES,
  key: NAMES,
  genid: IDS,
  proxy: BOOLEANS,
  resave: BOOLEANS,
  rolling: BOOLEANS,
  saveUninitialized: BOOLEANS,
  unset: ['destroy', 'keep', 'x', {}],
  store: [STORE, { ...STORE, get: 5 }, {}, Object.freeze({ ...STORE })],
  load: LOADS,
  touchAfter: DURATIONS,
  storeTimeout: DURATIONS,
  clock: CLOCKS,
};

/**
 * A function that makes options: mostly right ones with a few that are not.
 * @param face 'manager' or 'drop-in'
 * @param known The names of all options; those that are not known here get anything.
 */
export function hostileOptions(random, face, known = []) {
  const { below, chance, oneOf } = random;
  const pools = face === 'manager' ? MANAGER : DROP_IN;
  const names = [...new Set([...Object.keys(pools), ...known, 'cookie'])];
  const valueOf = (pool) => (pool === undefined || chance(0.1) ? oneOf(ANYTHING) : oneOf(pool));

  function cookie() {
    if (chance(0.1)) return oneOf(ANYTHING);
    const own = {};
    for (const [name, pool] of Object.entries(ATTRIBUTES)) if (chance(0.2)) own[name] = valueOf(pool);
    if (face === 'drop-in') {
      if (chance(0.5)) own.maxAge = valueOf(DURATIONS);
      if (chance(0.1)) own.expires = oneOf([...DURATIONS, 'soon', 'Thu, 01 Jan 2099 00:00:00 GMT', false]);
    }
    if (chance(0.03)) own[oneOf(['samesite', 'colour', '__proto__', 'data'])] = oneOf(ANYTHING);
    return face === 'drop-in' && chance(0.1) ? () => own : own;
  }

  return () => {
    if (chance(0.02)) return oneOf(ANYTHING);
    const options = chance(0.05) ? Object.create(null) : {};
    if (!chance(0.1)) options.secret = SECRET;
    for (let count = 1 + below(2); count > 0; count--) {
      const name = oneOf(names);
      options[name] = name === 'cookie' ? cookie() : valueOf(pools[name]);
    }
    if (chance(0.3)) options.cookie = cookie();
    if (chance(0.02)) options[oneOf(['maxage', 'colour', 'resave', '__proto__', 'ttl'])] = oneOf(ANYTHING);
    return options;
  };
}

/** A duration in milliseconds; NaN for whatever is none. */
function msOf(value) {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : NaN;
  const [, count, unit] = (typeof value === 'string' && /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value)) || [];
  return count === undefined ? NaN : Number(count) * UNITS[unit];
}

const isEmptyKey = (key) =>
  key === '' ||
  key?.byteLength === 0 ||
  (key?.type === 'secret' && key.symmetricKeySize === 0) ||
  key?.secret === '';

/** What accepted options ask for that must not be accepted, whatever comes of it. */
export function wronglyAccepted(face, options) {
  const faults = [];
  const given = (name) => options?.[name] !== undefined;
  for (const name of ['maxAge', 'absoluteTimeout', 'storeTimeout', 'touchAfter']) {
    if (!given(name) || (face === 'drop-in' && ['maxAge', 'absoluteTimeout'].includes(name))) continue;
    if (name === 'absoluteTimeout' && options[name] === null) continue;
    const ms = msOf(options[name]);
    if (!(ms > 0 || (name === 'touchAfter' && ms === 0))) faults.push(`${name}: ${shown(options[name])}`);
  }
  for (const secret of [options?.secret].flat())
    if (isEmptyKey(secret) && secret !== '') faults.push('a secret without a byte');
  if (face === 'drop-in') {
    const { maxAge, expires } = (typeof options?.cookie === 'object' && options.cookie) || {};
    if (typeof maxAge === 'number' && !(Math.abs(maxAge) + Date.now() <= LAST_MS))
      faults.push(`cookie.maxAge: ${shown(maxAge)}`);
    // An invalid Date is express-session's to refuse: at the first request, as its own tests ask.
    const isMoment =
      expires instanceof Date ||
      expires === '' ||
      !Number.isNaN(Date.parse(typeof expires === 'string' ? expires : ''));
    if (expires && !isMoment) faults.push(`cookie.expires: ${shown(expires)}`);
  }
  return faults;
}

/**
 * What is weaker in a Set-Cookie line than accepted options ask for.
 * @param isProduction Whether it was production when they were accepted.
 */
export function weakerThanAsked(face, options, line, isProduction) {
  const faults = [];
  if (!/^[\x20-\x7e]*$/.test(line)) faults.push('a character that no header has');
  const [, ...parts] = line.split('; ');
  const has = new Map(
    parts.map((part) => [part.replace(/=.*/s, '').toLowerCase(), part.replace(/^[^=]*=?/s, '')]),
  );
  const option = options?.cookie;
  const cookie = (typeof option === 'function' ? option() : option) ?? {};
  const isWanted = (value, byDefault) =>
    value === undefined ? byDefault : Boolean(value) && value !== 'auto';
  if (isWanted(cookie.httpOnly, true) && !has.has('httponly')) faults.push('no HttpOnly');
  if (isWanted(cookie.secure, face === 'manager' && isProduction) && !has.has('secure'))
    faults.push('no Secure');
  const sameSite = cookie.sameSite ?? (face === 'manager' ? 'lax' : false);
  const wanted = sameSite === true ? 'strict' : sameSite;
  if (
    typeof wanted === 'string' &&
    wanted !== 'auto' &&
    has.get('samesite')?.toLowerCase() !== wanted.toLowerCase()
  )
    faults.push('another SameSite');
  if (cookie.domain === undefined && has.has('domain')) faults.push('a Domain');
  if (/^__(host|secure)-/i.test(line) && !has.has('secure') && face === 'manager')
    faults.push('a prefix without Secure');
  const ends = endOf(has);
  const asked = longestLife(face, options, cookie);
  if (asked !== null && !(ends - Date.now() <= asked + 2_000))
    faults.push(`lives ${ends - Date.now()} ms, not ${asked}`);
  return faults;
}

/** When a cookie ends, epoch ms; Infinity: with the browser. */
function endOf(has) {
  if (has.has('max-age')) return Date.now() + Number(has.get('max-age')) * 1_000;
  return has.has('expires') ? Date.parse(has.get('expires')) : Infinity;
}

/** How long a new session may live, ms; null: that was not asked. */
function longestLife(face, options, cookie) {
  if (face === 'drop-in')
    return typeof cookie.maxAge === 'number' && cookie.expires === undefined ? cookie.maxAge : null;
  const { maxAge = HOUR_MS, absoluteTimeout = null } = options;
  const [idle, whole] = [msOf(maxAge), msOf(absoluteTimeout)];
  return Number.isNaN(whole) ? idle : Math.min(idle, whole);
}

/** A value as text, for a message. */
export function shown(value) {
  try {
    if (typeof value === 'string') return JSON.stringify(value.slice(0, 30));
    if (typeof value === 'object' && value !== null) return Object.prototype.toString.call(value);
    return String(value);
  } catch {
    return typeof value;
  }
}

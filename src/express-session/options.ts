// The options of express-session, and what they come down to. Names, defaults and what is refused are express-session's.
import { KeyObject, randomBytes, type CipherKey } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { types } from 'node:util';

import type { BreakerLimits } from '../commit/breaker.js';
import { systemClock, type Clock } from '../core/clock.js';
import { isCookieName } from '../core/cookie.js';
import { SessionError } from '../core/errors.js';
import { assertStore, type ExpressStore } from '../stores/express-store.js';
import { Cookie } from '../stores/session.js';
import type { RecordStore } from '../stores/store.js';
import { MemoryStore } from './stores.js';

/** Attributes of the cookie of a new session. */
export interface CookieAttributes {
  /** Milliseconds from now. Default none: a cookie that ends with the browser. */
  maxAge?: number | undefined;
  /** Prefer `maxAge`, which begins anew with each use. */
  expires?: Date | null | undefined;
  /** Default true. */
  httpOnly?: boolean | undefined;
  /** Default `/`. */
  path?: string | undefined;
  domain?: string | undefined;
  /** `'auto'`: on requests that are secure. Default none. */
  secure?: boolean | 'auto' | undefined;
  /** `true` is `'strict'`; `'auto'` is `'none'` on secure requests and else `'lax'`. Default none. */
  sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined;
  priority?: 'low' | 'medium' | 'high' | undefined;
  partitioned?: boolean | undefined;
  /** Not used, as in express-session: the session cookie is always signed and encoded. */
  signed?: boolean | undefined;
  encode?: ((value: string) => string) | undefined;
}

/** Options of `session()`: those of express-session 1.19, and a few of ours. */
export interface SessionOptions<Req = IncomingMessage> {
  /** Signs the cookie; of a list the first signs and all verify. Default: `req.secret`, which cookie-parser sets. */
  secret?: CipherKey | CipherKey[] | undefined;
  /** Attributes of the cookie of a new session, or a function of the request that gives them. */
  cookie?: CookieAttributes | ((req: Req) => CookieAttributes) | undefined;
  /** Makes ids. Default: 24 random bytes. */
  genid?: ((req: Req) => string) | undefined;
  /** The cookie's name. Default `connect.sid`. */
  name?: string | undefined;
  /** Another word for `name`. */
  key?: string | undefined;
  /** Whether `X-Forwarded-Proto` is believed. Default: what `req.secure` says. */
  proxy?: boolean | undefined;
  /** Stores a session that did not change, too. Default true, deprecated as a default. */
  resave?: boolean | undefined;
  /** Sends the cookie with every response. Default false. */
  rolling?: boolean | undefined;
  /** Stores new sessions that nobody wrote to. Default true, deprecated as a default. */
  saveUninitialized?: boolean | undefined;
  /** Where sessions are stored. Default: a new `MemoryStore`. */
  store?: ExpressStore | RecordStore | MemoryStore | undefined;
  /** What `req.session = null` means. Default `'keep'`. */
  unset?: 'destroy' | 'keep' | undefined;
  /**
   * When the session is read: before the handlers of every request (default), of those that a function says, or, where
   * the store answers at once, when `req.session` is first used.
   */
  load?: 'eager' | 'lazy' | ((req: Req) => boolean) | undefined;
  /** A use without a change touches the store once in so many ms. Default 0: each time. */
  touchAfter?: number | undefined;
  /** The time for one load, save or end, ms, all its store calls together. Default 5,000. */
  storeTimeout?: number | undefined;
  /**
   * After so many failures of the store in a row (default 5) it is not asked for `retryAfter` ms (default 1,000):
   * requests that need it fail at once. `false`: each of them waits for the store.
   */
  breaker?: false | { failures?: number | undefined; retryAfter?: number | undefined } | undefined;
  /** Default: the system clock, guarded against jumps. */
  clock?: Clock | undefined;
}

/** What the options come down to. */
export interface Settings {
  readonly secrets: readonly CipherKey[] | null;
  readonly cookie: (req: IncomingMessage) => CookieAttributes;
  readonly newId: (req: IncomingMessage) => unknown;
  readonly name: string;
  readonly proxy: boolean | undefined;
  readonly resave: boolean;
  readonly rolling: boolean;
  readonly saveUninitialized: boolean;
  readonly store: ExpressStore | RecordStore | MemoryStore;
  readonly destroysUnset: boolean;
  readonly load: (req: IncomingMessage) => boolean;
  readonly touchAfter: number;
  readonly storeTimeout: number;
  readonly breaker: BreakerLimits | false;
  readonly clock: Clock;
}

/** So far from now a Date can still name a moment, ms. */
const MAX_DATE_MS = 4e15;
const DEFAULT_NAME = 'connect.sid';

/** @throws {SessionError} ERR_SESSION_OPTIONS saying what is wrong with the first wrong option, and what to give */
export function settingsOf(options: SessionOptions | null = null): Settings {
  const { secret, unset, proxy, resave = true, rolling, saveUninitialized = true } = options ?? {};
  const { load = 'eager', touchAfter = 0, storeTimeout = 5_000, clock = systemClock } = options ?? {};
  const breaker = options?.breaker ?? {};
  const cookie = given(options?.cookie) ?? {};
  const genid = given(options?.genid) ?? randomId;
  const store = given(options?.store) ?? new MemoryStore();
  const name = given(options?.name) ?? given(options?.key) ?? DEFAULT_NAME;
  assertStore(store);
  check(typeof genid === 'function', 'The genid option must be a function that returns an id.');
  check(!unset || ['destroy', 'keep'].includes(unset), 'The unset option must be "destroy" or "keep".');
  check(
    typeof name === 'string' && isCookieName(name),
    "The name option must be a cookie name: ASCII letters, digits and !#$%&'*+-.^_`|~",
  );
  check(
    !Array.isArray(secret) || secret.length > 0,
    'The secret option array must contain one or more strings.',
  );
  const secrets = secret ? [secret].flat() : null;
  check(
    secrets === null || secrets.every(isSecret),
    'The secret option must be a string, a Buffer or a secret KeyObject that is not empty, or a list of them.',
  );
  check(
    typeof load === 'function' || ['eager', 'lazy'].includes(load),
    "The load option must be 'eager', 'lazy' or a function of the request.",
  );
  check(isDuration(touchAfter), 'The touchAfter option must be a number of milliseconds, 0 for every use.');
  check(
    isDuration(storeTimeout) && storeTimeout > 0,
    'The storeTimeout option must be a number of milliseconds above 0.',
  );
  check(
    breaker === false || isBreaker(breaker),
    'The breaker option must be false, or { failures, retryAfter }: a whole number above 0 and milliseconds above 0.',
  );
  check(isClock(clock), 'The clock option must have now() and after(ms, callback).');
  check(
    Object.isExtensible(store),
    'The store option must be an object that can be given a generate() method.',
  );
  // Bad attributes that are not a matter of the request are refused here and not by each request.
  const attributes = typeof cookie === 'function' ? null : attributesOf(cookie);
  return {
    secrets,
    cookie: typeof cookie === 'function' ? (req) => attributesOf(cookie(req)) : () => attributes ?? {},
    newId: (req) => genid(req),
    name,
    proxy,
    resave,
    rolling: Boolean(rolling),
    saveUninitialized,
    store,
    destroysUnset: unset === 'destroy',
    load: typeof load === 'function' ? (req) => load(req) : () => load === 'eager',
    touchAfter,
    storeTimeout,
    breaker: breaker && { failures: breaker.failures, retryAfterMs: breaker.retryAfter },
    clock,
  };
}

/** @throws {SessionError} ERR_SESSION_OPTIONS */
function attributesOf(returned: unknown): CookieAttributes {
  check(
    typeof returned === 'object' && returned !== null,
    'What the function of the cookie option returns must be an object.',
  );
  // One that is undefined is not given: it takes no HttpOnly away.
  const given = Object.entries(returned as CookieAttributes).filter(([, value]) => value !== undefined);
  const attributes = Object.fromEntries(given) as CookieAttributes;
  for (const [name, [accepts, expects]] of Object.entries(ATTRIBUTES)) {
    const value: unknown = attributes[name as keyof CookieAttributes];
    if (value !== undefined && value !== null && value !== false)
      check(accepts(value), `cookie.${name} must be ${expects}.`);
  }
  // What is left is the Cookie's to say: that expires is no number, for one.
  new Cookie(attributes);
  return attributes;
}

const isText = (value: unknown): boolean => typeof value === 'string';
/** What counts is whether it is truthy, as in express-session. */
const isFlag = (value: unknown): boolean => ['boolean', 'number', 'string'].includes(typeof value);
/** What an attribute may be, besides what means "none", and in words. */
const ATTRIBUTES: Readonly<Record<string, readonly [(value: unknown) => boolean, string]>> = {
  maxAge: [
    (ms) => ms instanceof Date || (typeof ms === 'number' && Math.abs(ms) <= MAX_DATE_MS),
    'a number of milliseconds, or null for a cookie that ends with the browser',
  ],
  // A number is told that maxAge was meant.
  expires: [(at) => at instanceof Date || at === '' || typeof at === 'number', 'a Date, or null'],
  path: [isText, 'text'],
  domain: [isText, 'text'],
  priority: [isText, "'low', 'medium' or 'high'"],
  sameSite: [(value) => value === true || isText(value), "true, false, 'lax', 'strict', 'none' or 'auto'"],
  secure: [isFlag, "true, false or 'auto'"],
  httpOnly: [isFlag, 'true or false'],
  partitioned: [isFlag, 'true or false'],
};

/** As long as express-session's. */
const randomId = (): string => randomBytes(24).toString('base64url');

function isSecret(secret: unknown): boolean {
  if (typeof secret === 'string') return secret !== '';
  if (secret instanceof KeyObject) return (secret.symmetricKeySize ?? 0) > 0;
  return (types.isArrayBufferView(secret) || types.isAnyArrayBuffer(secret)) && secret.byteLength > 0;
}

/** express-session takes null, false and '' for an option that is not given. */
const given = <T>(value: T): NonNullable<T> | undefined => (value ? value : undefined);

const isDuration = (value: unknown): boolean =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;

function isBreaker(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { failures = 1, retryAfter = 1 } = value as { failures?: unknown; retryAfter?: unknown };
  return Number.isInteger(failures) && (failures as number) > 0 && isDuration(retryAfter) && retryAfter !== 0;
}

const isClock = (value: unknown): boolean => {
  const { now, after } = (value ?? {}) as Partial<Clock>;
  return typeof now === 'function' && typeof after === 'function';
};

function check(isGood: boolean, message: string): void {
  if (!isGood) throw new SessionError('ERR_SESSION_OPTIONS', message);
}

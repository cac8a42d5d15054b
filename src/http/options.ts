// The options of SessionManager: what they are, what they may be, and what they come down to.
import type { IncomingMessage } from 'node:http';

import { systemClock, type Clock } from '../core/clock.js';
import {
  attributeText,
  isCookieAttribute,
  isCookieName,
  MAX_AGE_MS,
  type CookieAttributes,
} from '../core/cookie.js';
import { DEFAULT_LIMITS, type DataLimits } from '../core/json.js';
import { checkOptions, optionFaults, type Fields } from '../core/options.js';
import { FileStore, fileStoreSchema, type FileStoreOptions } from '../stores/file-store.js';
import { MemoryStore, memoryStoreSchema, type MemoryStoreOptions } from '../stores/memory-store.js';
import { fromExpressStore } from '../stores/adapted-store.js';
import { assertStore, limitsOf, type ExpressStore } from '../stores/express-store.js';
import { RecordStore } from '../stores/store.js';

/** A pino-shaped logger: an object with facts, then a sentence. Never given an id, a cookie or session data. */
export interface Logger {
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export interface CookieOptions {
  /** Default `/`. */
  path?: string;
  /** Default none: the cookie stays with the host that set it. */
  domain?: string;
  /** Default true. */
  httpOnly?: boolean;
  /** `'auto'`: on requests that came over TLS. Default: true in production. */
  secure?: boolean | 'auto';
  /** Default `'lax'`. `'none'` asks for `secure`. */
  sameSite?: 'lax' | 'strict' | 'none' | false;
  priority?: 'low' | 'medium' | 'high';
  /** Default false. Asks for `secure`. */
  partitioned?: boolean;
}

export interface SessionManagerOptions<AppSession extends object = Record<string, unknown>> {
  /** Which store to build. Default `'memory'`. */
  storeType?: 'memory' | 'file';
  /** Options of the store that is built. Its `maxAge` or `ttl` is `maxAge` unless they say otherwise. */
  storeOptions?: MemoryStoreOptions | FileStoreOptions;
  /**
   * A store of your own, instead of `storeType`: a `RecordStore`, or any express-session store, which is adapted and
   * keeps the promises as far as it can. It is yours to close.
   */
  store?: RecordStore | ExpressStore;
  /** Signs cookies. With a list, the first signs and all verify. In production each takes 32 bytes at least. */
  secret: string | readonly string[];
  /** Default `sid`, or `__Host-sid` where the cookie is secure, has path `/` and no domain. */
  cookieName?: string;
  /** How long a session lives after its last use, ms. Default one hour, at most 400 days (RFC 6265bis). */
  maxAge?: number;
  /** How long a session lives in all, ms; `null` for no limit. Default 12 hours or `maxAge`, whichever is longer. */
  absoluteTimeout?: number | null;
  cookie?: CookieOptions;
  /** A use moves the expiry, and sends the cookie, once in so many ms. Default one minute or a tenth of `maxAge`. */
  touchAfter?: number;
  /** When the session is read: on first use (default), or before the handlers of requests that it says. */
  load?: 'lazy' | 'eager' | ((req: IncomingMessage) => boolean);
  /** Where the session is found on the request. Default `'session'`; `false` for the methods of the manager only. */
  property?: string | false;
  /** First values of a new session. They are stored with the first change, not before. */
  initial?: (req: IncomingMessage) => Partial<AppSession>;
  /** The time for one load, commit or end, ms, all its store calls together. Default 5,000. */
  storeTimeout?: number;
  /** Makes ids: 22 to 256 characters of A-Z a-z 0-9 _ -. Default: 256 random bits. */
  generateId?: (req: IncomingMessage) => string;
  /** Default: `process.emitWarning`, once for each code. */
  logger?: Logger;
  /** Default 64 KiB, 64 levels, 10,000 keys. */
  limits?: Partial<DataLimits>;
  /** Default: the system clock, guarded against jumps. */
  clock?: Clock;
}

/** What the options come down to. */
export interface Config {
  readonly store: RecordStore;
  /** The store was built here, so it is closed here. */
  readonly ownsStore: boolean;
  readonly secrets: readonly string[];
  readonly cookieName: string;
  readonly cookie: Omit<CookieAttributes, 'secure'> & { readonly secure: boolean | 'auto' };
  /** The attributes as text, for a cookie that is secure and for one that is not. */
  readonly attributes: { readonly secure: string; readonly plain: string };
  readonly maxAge: number;
  readonly absoluteTimeout: number | null;
  readonly touchAfter: number;
  readonly load: (req: IncomingMessage) => boolean;
  readonly property: string | false;
  readonly initial: ((req: IncomingMessage) => object) | undefined;
  readonly storeTimeout: number;
  readonly generateId: ((req: IncomingMessage) => string) | undefined;
  readonly logger: Logger | undefined;
  readonly limits: DataLimits;
  readonly clock: Clock;
  readonly production: boolean;
  /** Warnings about the options, `[code, sentence]`. */
  readonly warnings: readonly (readonly [string, string])[];
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const MIN_SECRET_BYTES = 32;
/** With the longest id and its signature far below the 4,096 bytes that browsers keep. */
const MAX_NAME_LENGTH = 256;
const PLACEHOLDERS =
  /^(secret|keyboard cat|change-?me.*|your[-_ ].*|my[-_ ]?secret.*|s3cr3t|password|test|example)$/i;

const schema = ({ z, field }: Fields) => {
  const fn = z.custom<unknown>((value) => typeof value === 'function');
  const text = (accepts: (value: string) => boolean) => z.string().refine(accepts);
  const duration = z.number().positive();
  const ms = 'a number of milliseconds above 0';
  return z.strictObject({
    storeType: field(z.enum(['memory', 'file']), "'memory' or 'file'"),
    storeOptions: field(z.looseObject({}), 'an object'),
    store: field(
      z.custom((value) => isStore(value)),
      'a store: one that extends RecordStore, or an express-session store with get, set and destroy',
    ),
    secret: z.custom(
      (value) =>
        z
          .string()
          .min(1)
          .or(z.array(z.string().min(1)).min(1))
          .safeParse(value).success,
      {
        error:
          'must be a string that is not empty (is the environment variable set?), or a list of such strings of which the first signs',
      },
    ),
    cookieName: field(
      text((name) => isCookieName(name) && name.length <= MAX_NAME_LENGTH),
      "a cookie name: ASCII letters, digits and !#$%&'*+-.^_`|~",
    ),
    maxAge: field(duration.max(MAX_AGE_MS), `${ms}, 400 days at most`),
    absoluteTimeout: field(duration.nullable(), `${ms}, or null for none`),
    cookie: z
      .strictObject({
        path: field(
          text((value) => value.startsWith('/') && isCookieAttribute(value)),
          "a path that starts with '/'",
        ),
        domain: field(
          text((value) => value !== '' && isCookieAttribute(value)),
          'a domain name',
        ),
        httpOnly: field(z.boolean(), 'true or false'),
        secure: field(z.boolean().or(z.literal('auto')), "true, false or 'auto'"),
        sameSite: field(
          z.enum(['lax', 'strict', 'none']).or(z.literal(false)),
          "'lax', 'strict', 'none' or false",
        ),
        priority: field(z.enum(['low', 'medium', 'high']), "'low', 'medium' or 'high'"),
        partitioned: field(z.boolean(), 'true or false'),
      })
      .optional(),
    touchAfter: field(z.number().nonnegative(), 'a number of milliseconds, 0 for every use'),
    load: field(z.enum(['lazy', 'eager']).or(fn), "'lazy', 'eager' or a function of the request"),
    property: field(
      z.string().min(1).or(z.literal(false)),
      'the name of a property of the request, or false',
    ),
    initial: field(fn, 'a function of the request that returns an object'),
    storeTimeout: field(duration, ms),
    generateId: field(fn, 'a function of the request that returns a string'),
    logger: field(z.looseObject({ warn: fn, error: fn }), 'a logger with warn() and error()'),
    limits: z
      .strictObject({
        bytes: field(z.int().positive(), 'a whole number of bytes above 0'),
        depth: field(z.int().positive(), 'a whole number of levels above 0'),
        keys: field(z.int().positive(), 'a whole number of keys above 0'),
      })
      .optional(),
    clock: field(z.looseObject({ now: fn, after: fn }), 'a clock with now() and after(ms, callback)'),
  });
};

/** What options must keep together. */
function brokenRules(options: Partial<SessionManagerOptions>): string[] {
  const faults: string[] = [];
  const { store, storeType, storeOptions } = options;
  if (store !== undefined && (storeType !== undefined || storeOptions !== undefined))
    faults.push('give either "store" or "storeType" and "storeOptions", not both');
  if (isProduction() && isWeak(options.secret)) {
    faults.push(
      `"secret" must have ${String(MIN_SECRET_BYTES)} bytes at least and be no placeholder; ` +
        '`openssl rand -base64 48` makes one',
    );
  }
  if (typeof storeOptions === 'object') {
    const storeSchema = storeType === 'file' ? fileStoreSchema : memoryStoreSchema;
    faults.push(...optionFaults(storeSchema, storeOptions).map((fault) => `in storeOptions, ${fault}`));
  }
  const cookie = resolveCookie(options.cookie ?? {});
  const name = String(options.cookieName);
  if (/^__Host-/i.test(name) && !isHostBound(cookie))
    faults.push(
      'a "cookieName" that starts with __Host- asks for cookie.secure: true, path "/" and no domain',
    );
  if (/^__Secure-/i.test(name) && cookie.secure !== true)
    faults.push('a "cookieName" that starts with __Secure- asks for cookie.secure: true');
  if ((cookie.sameSite === 'none' || cookie.partitioned) && cookie.secure !== true)
    faults.push('cookie.sameSite "none" and cookie.partitioned ask for cookie.secure: true');
  return faults;
}

/** @throws {SessionError} ERR_SESSION_OPTIONS naming every wrong field and what it expects */
export function resolveOptions<AppSession extends object>(
  options: SessionManagerOptions<AppSession>,
): Config {
  checkOptions<Partial<SessionManagerOptions>>('SessionManager', schema, options, brokenRules);
  const { maxAge = HOUR_MS, clock = systemClock } = options;
  const cookie = resolveCookie(options.cookie);
  const { load = 'lazy' } = options;
  return {
    store:
      options.store === undefined
        ? builtStore(options, maxAge, clock)
        : fromExpressStore(options.store, { clock }),
    ownsStore: options.store === undefined,
    secrets: [options.secret].flat(),
    cookieName: options.cookieName ?? (isHostBound(cookie) ? '__Host-sid' : 'sid'),
    cookie,
    attributes: {
      secure: attributeText({ ...cookie, secure: true }),
      plain: attributeText({ ...cookie, secure: false }),
    },
    maxAge,
    absoluteTimeout:
      options.absoluteTimeout === undefined ? Math.max(12 * HOUR_MS, maxAge) : options.absoluteTimeout,
    touchAfter: options.touchAfter ?? Math.min(MINUTE_MS, maxAge / 10),
    load: typeof load === 'function' ? load : () => load === 'eager',
    property: options.property ?? 'session',
    initial: options.initial,
    storeTimeout: options.storeTimeout ?? 5_000,
    generateId: options.generateId,
    logger: options.logger,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    clock,
    production: isProduction(),
    warnings: warningsOf(options),
  };
}

function warningsOf({ secret, store }: SessionManagerOptions): Config['warnings'] {
  const warnings: [string, string][] = [];
  if (isWeak(secret))
    warnings.push([
      'WARN_SESSION_SECRET',
      'The session secret is short or a placeholder: production will refuse it.',
    ]);
  if (store !== undefined && !RecordStore.is(store)) warnings.push(limitsOf(store));
  return warnings;
}

function isStore(value: unknown): boolean {
  try {
    assertStore(value);
    return true;
  } catch {
    return false;
  }
}

function builtStore(
  { storeType, storeOptions }: Pick<SessionManagerOptions, 'storeType' | 'storeOptions'>,
  maxAge: number,
  clock: Clock,
): RecordStore {
  return storeType === 'file'
    ? new FileStore({ ttl: maxAge / 1_000, clock, ...storeOptions })
    : new MemoryStore({ maxAge, clock, ...storeOptions });
}

const isProduction = (): boolean => process.env['NODE_ENV'] === 'production';

function isWeak(secret: unknown): boolean {
  return [secret]
    .flat()
    .some(
      (text) =>
        typeof text === 'string' && (Buffer.byteLength(text) < MIN_SECRET_BYTES || PLACEHOLDERS.test(text)),
    );
}

/** Bound to its host, as the prefix `__Host-` tells browsers (RFC 6265bis, 4.1.3). */
function isHostBound({ secure, path, domain }: Config['cookie']): boolean {
  return secure === true && path === '/' && domain === undefined;
}

function resolveCookie(options: CookieOptions = {}): Config['cookie'] {
  const {
    path = '/',
    httpOnly = true,
    secure = isProduction(),
    sameSite = 'lax',
    partitioned = false,
  } = options;
  return {
    path,
    httpOnly,
    secure,
    sameSite,
    partitioned,
    ...(options.domain === undefined ? null : { domain: options.domain }),
    ...(options.priority === undefined ? null : { priority: options.priority }),
  };
}

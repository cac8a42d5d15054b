// The options of SessionManager: what they are, what they may be, and what they come down to.
import { IncomingMessage } from 'node:http';

import { systemClock, type Clock } from '../core/clock.js';
import {
  attributeText,
  isCookieAttribute,
  isCookieName,
  MAX_AGE_MS,
  type CookieAttributes,
} from '../core/cookie.js';
import { A_DURATION, isDuration, toMs, type Duration } from '../core/duration.js';
import { DEFAULT_LIMITS, type DataLimits } from '../core/json.js';
import { checkOptions, optionFaults, type Fields } from '../core/options.js';
import { DataSchema, isStandardSchema, type StandardSchema } from '../core/schema.js';
import { isKeyId, type SigningKey } from '../core/signing.js';
import { FileStore, fileStoreSchema, type FileStoreOptions } from '../stores/file-store.js';
import { MemoryStore, memoryStoreSchema, type MemoryStoreOptions } from '../stores/memory-store.js';
import { fromExpressStore } from '../stores/adapted-store.js';
import { assertStore, limitsOf, type ExpressStore } from '../stores/express-store.js';
import { RecordStore } from '../stores/store.js';
import type { CreationLimit } from './creation-limit.js';
import type { TransportOption } from './transport.js';

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
  /**
   * Signs ids. With a list, the first signs and all verify; a key with an `id` is named in what it signs. In production
   * each takes 32 bytes at least.
   */
  secret: Secret | readonly Secret[];
  /**
   * The lifetimes that NIST SP 800-63B-4 sets for an authenticator assurance level, as defaults of `maxAge` and
   * `absoluteTimeout`: `'aal1'` 30 days in all, `'aal2'` 24 hours and one hour without a use, `'aal3'` 12 hours and 15
   * minutes without a use.
   */
  preset?: keyof typeof PRESETS;
  /** Default `sid`, or `__Host-sid` where the cookie is secure, has path `/` and no domain. */
  cookieName?: string;
  /** How the id travels: `'cookie'` (default), `{ header: 'X-Session' }`, or a list of the two. */
  transport?: TransportOption | readonly TransportOption[];
  /** How long a session lives after its last use. Default one hour, at most 400 days (RFC 6265bis). */
  maxAge?: Duration;
  /** How long a session lives in all; `null` for no limit. Default 12 hours or `maxAge`, whichever is longer. */
  absoluteTimeout?: Duration | null;
  /** How long a session of `login(req, userId, { remember: true })` lives. Default 30 days; with `'aal2'` and `'aal3'` no longer than others. */
  rememberFor?: Duration;
  /**
   * A session gets another id when it is used after so long; requests that were under way with the old one are served
   * by it for a while. Default `null`: only `login` and `regenerate` change the id.
   */
  renewEvery?: Duration | null;
  /** Facts about the device, for the list of a user's sessions; called by `login`. At most 2 KiB of JSON. */
  describe?: (req: IncomingMessage) => object;
  /** How many sessions a user may have at a time. Default: any number. */
  maxSessionsPerUser?: number;
  /** What a login beyond `maxSessionsPerUser` does. Default `'evict-oldest'`: it ends the user's oldest session. */
  onTooManySessions?: 'evict-oldest' | 'refuse';
  /** How many sessions one key, an address say, may begin in a time. Default: any number. */
  creationLimit?: CreationLimit;
  /** Validates data when it is read and before it is stored: any Standard Schema whose `validate` is synchronous. */
  schema?: StandardSchema;
  /** The version of `schema`, kept with the data. Default 0. */
  schemaVersion?: number;
  /** Makes data of an older version what `schema` expects. */
  migrate?: (data: Record<string, unknown>, version: number) => Record<string, unknown>;
  cookie?: CookieOptions;
  /** A use moves the expiry, and sends the cookie, once in so long. Default one minute or a tenth of `maxAge`; 0: each time. */
  touchAfter?: Duration;
  /** When the session is read: on first use (default), or before the handlers of requests that it says. */
  load?: 'lazy' | 'eager' | ((req: IncomingMessage) => boolean);
  /** Where the session is found on the request. Default `'session'`; `false` for the methods of the manager only. */
  property?: string | false;
  /** First values of a new session. They are stored with the first change, not before. */
  initial?: (req: IncomingMessage) => Partial<AppSession>;
  /** The time for one load, commit or end, all its store calls together. Default 5 seconds. */
  storeTimeout?: Duration;
  /** Makes ids: 22 to 256 characters of A-Z a-z 0-9 _ -. Default: 256 random bits. */
  generateId?: (req: IncomingMessage) => string;
  /** Default: `process.emitWarning`, once for each code. */
  logger?: Logger;
  /** Default 64 KiB, 64 levels, 10,000 keys. */
  limits?: Partial<DataLimits>;
  /** Default: the system clock, guarded against jumps. */
  clock?: Clock;
}

/** A secret, or one with a name. */
export type Secret = string | SigningKey;

/** What the options come down to. */
export interface Config {
  readonly store: RecordStore;
  /** The store was built here, so it is closed here. */
  readonly ownsStore: boolean;
  readonly secrets: readonly Secret[];
  readonly cookieName: string;
  readonly cookie: Omit<CookieAttributes, 'secure'> & { readonly secure: boolean | 'auto' };
  /** The attributes as text, for a cookie that is secure and for one that is not. */
  readonly attributes: { readonly secure: string; readonly plain: string };
  readonly maxAge: number;
  readonly absoluteTimeout: number | null;
  readonly transports: readonly TransportOption[];
  readonly rememberFor: number;
  readonly renewEvery: number | null;
  readonly describe: ((req: IncomingMessage) => object) | undefined;
  readonly maxSessionsPerUser: number;
  readonly refusesMoreSessions: boolean;
  readonly creationLimit: CreationLimit | undefined;
  readonly touchAfter: number;
  readonly load: (req: IncomingMessage) => boolean;
  readonly property: string | false;
  readonly initial: ((req: IncomingMessage) => object) | undefined;
  readonly storeTimeout: number;
  readonly generateId: ((req: IncomingMessage) => string) | undefined;
  readonly logger: Logger | undefined;
  readonly limits: DataLimits;
  readonly schema: DataSchema | undefined;
  readonly clock: Clock;
  readonly production: boolean;
  /** Warnings about the options, `[code, sentence]`. */
  readonly warnings: readonly (readonly [string, string])[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MINUTE_MS = 60_000;
const MIN_SECRET_BYTES = 32;
/** With the longest id and its signature far below the 4,096 bytes that browsers keep. */
const MAX_NAME_LENGTH = 256;
const PLACEHOLDERS =
  /^(secret|keyboard cat|change-?me.*|your[-_ ].*|my[-_ ]?secret.*|s3cr3t|password|test|example)$/i;

/** NIST SP 800-63B-4, 2.1.3, 2.2.3 and 2.3.3: reauthentication. */
const PRESETS = {
  aal1: { maxAge: 30 * DAY_MS, absoluteTimeout: 30 * DAY_MS },
  aal2: { maxAge: HOUR_MS, absoluteTimeout: DAY_MS },
  aal3: { maxAge: HOUR_MS / 4, absoluteTimeout: 12 * HOUR_MS },
} as const;
const NO_PRESET: { maxAge?: number; absoluteTimeout?: number } = {};

const schema = ({ z, field }: Fields) => {
  const fn = z.custom<unknown>((value) => typeof value === 'function');
  const text = (accepts: (value: string) => boolean) => z.string().refine(accepts);
  const duration = z.custom<Duration>(isDuration);
  const upTo400Days = z.custom((value) => isDuration(value) && toMs(value) <= MAX_AGE_MS);
  const secret = z
    .string()
    .min(1)
    .or(z.strictObject({ id: z.custom(isKeyId), secret: z.string().min(1) }));
  const transport = z.literal('cookie').or(z.strictObject({ header: z.custom(isOwnHeader) }));
  return z.strictObject({
    storeType: field(z.enum(['memory', 'file']), "'memory' or 'file'"),
    storeOptions: field(z.looseObject({}), 'an object'),
    store: field(
      z.custom((value) => isStore(value)),
      'a store: one that extends RecordStore, or an express-session store with get, set and destroy',
    ),
    secret: z.custom((value) => secret.or(z.array(secret).min(1)).safeParse(value).success, {
      error:
        'must be a string that is not empty (is the environment variable set?), a key { id, secret }, or a list of them of which the first signs',
    }),
    preset: field(z.enum(['aal1', 'aal2', 'aal3']), "'aal1', 'aal2' or 'aal3'"),
    transport: field(
      transport.or(z.array(transport).min(1)),
      "'cookie', { header } with the name of a header of your own, such as X-Session, or a list of them",
    ),
    cookieName: field(
      text((name) => isCookieName(name) && name.length <= MAX_NAME_LENGTH),
      "a cookie name: ASCII letters, digits and !#$%&'*+-.^_`|~",
    ),
    maxAge: field(upTo400Days, `${A_DURATION}, 400 days at most`),
    absoluteTimeout: field(duration.nullable(), `${A_DURATION}, or null for none`),
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
    rememberFor: field(upTo400Days, `${A_DURATION}, 400 days at most`),
    renewEvery: field(duration.nullable(), `${A_DURATION}, or null for never`),
    describe: field(fn, 'a function of the request that returns an object'),
    maxSessionsPerUser: field(z.int().positive(), 'a whole number above 0'),
    onTooManySessions: field(z.enum(['evict-oldest', 'refuse']), "'evict-oldest' or 'refuse'"),
    creationLimit: field(
      z.strictObject({ key: fn, max: z.int().positive(), window: duration }),
      '{ key, max, window }: a function of the request, a whole number above 0 and a duration',
    ),
    schema: field(z.custom(isStandardSchema), 'a Standard Schema, as zod 4 makes them'),
    schemaVersion: field(z.int().nonnegative(), 'a whole number'),
    migrate: field(fn, 'a function of data and its version'),
    touchAfter: field(duration.or(z.literal(0)), `${A_DURATION}, or 0 for every use`),
    load: field(z.enum(['lazy', 'eager']).or(fn), "'lazy', 'eager' or a function of the request"),
    property: field(
      text((name) => name !== '' && !isTaken(name)).or(z.literal(false)),
      'the name of a property that requests do not have, or false',
    ),
    initial: field(fn, 'a function of the request that returns an object'),
    storeTimeout: field(duration, A_DURATION),
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
  const ids = [options.secret].flat().flatMap((key) => (isNamed(key) ? [key.id] : []));
  if (new Set(ids).size < ids.length) faults.push('the keys of "secret" must have different ids');
  if (options.migrate !== undefined && options.schema === undefined)
    faults.push('"migrate" needs a "schema"');
  if (options.renewEvery != null && store !== undefined && !RecordStore.is(store))
    faults.push(
      '"renewEvery" needs a store that keeps the contract (RecordStore): another one forgets the old id at once',
    );
  const names = [options.transport]
    .flat()
    .map((way) => (typeof way === 'object' ? way.header.toLowerCase() : way));
  if (new Set(names).size < names.length) faults.push('"transport" must name each way once');
  const cookie = resolveCookie(options.cookie ?? {});
  const name = typeof options.cookieName === 'string' ? options.cookieName : '';
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
  const { clock = systemClock, load = 'lazy', preset } = options;
  const { maxAge: presetAge = HOUR_MS, absoluteTimeout: presetEnd } =
    preset === undefined ? NO_PRESET : PRESETS[preset];
  const maxAge = toMs(options.maxAge ?? presetAge);
  const { absoluteTimeout = presetEnd ?? Math.max(12 * HOUR_MS, maxAge) } = options;
  const cookie = resolveCookie(options.cookie);
  const store =
    options.store === undefined
      ? builtStore(options, maxAge, clock)
      : fromExpressStore(options.store, { clock });
  // Says what is missing.
  if (options.maxSessionsPerUser !== undefined) store.capable('page');
  return {
    store,
    ownsStore: options.store === undefined,
    secrets: [options.secret].flat(),
    cookieName: options.cookieName ?? (isHostBound(cookie) ? '__Host-sid' : 'sid'),
    cookie,
    attributes: {
      secure: attributeText({ ...cookie, secure: true }),
      plain: attributeText({ ...cookie, secure: false }),
    },
    transports: [options.transport ?? 'cookie'].flat(),
    maxAge,
    absoluteTimeout: absoluteTimeout === null ? null : toMs(absoluteTimeout),
    rememberFor: toMs(options.rememberFor ?? (preset === 'aal2' || preset === 'aal3' ? maxAge : 30 * DAY_MS)),
    renewEvery: options.renewEvery == null ? null : toMs(options.renewEvery),
    describe: options.describe,
    maxSessionsPerUser: options.maxSessionsPerUser ?? Infinity,
    refusesMoreSessions: options.onTooManySessions === 'refuse',
    creationLimit: options.creationLimit,
    touchAfter:
      options.touchAfter === undefined ? Math.min(MINUTE_MS, maxAge / 10) : toMs(options.touchAfter),
    load: typeof load === 'function' ? load : () => load === 'eager',
    property: options.property ?? 'session',
    initial: options.initial,
    storeTimeout: toMs(options.storeTimeout ?? 5_000),
    generateId: options.generateId,
    logger: options.logger,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    schema:
      options.schema === undefined
        ? undefined
        : new DataSchema(options.schema, options.schemaVersion, options.migrate),
    clock,
    production: isProduction(),
    warnings: warningsOf(options),
  };
}

function warningsOf({ secret, store, cookie }: SessionManagerOptions): Config['warnings'] {
  const warnings: [string, string][] = [];
  if (isWeak(secret))
    warnings.push([
      'WARN_SESSION_SECRET',
      'The session secret is short or a placeholder: production will refuse it.',
    ]);
  if (store !== undefined && !RecordStore.is(store)) warnings.push(limitsOf(store));
  if (!isProduction()) return warnings;
  if (cookie?.secure === false)
    warnings.push([
      'WARN_SESSION_INSECURE',
      'cookie.secure is false in production: the session cookie also goes over connections that anybody can read.',
    ]);
  if (cookie?.httpOnly === false)
    warnings.push([
      'WARN_SESSION_SCRIPTS',
      'cookie.httpOnly is false: every script on a page can read the session cookie and send it away.',
    ]);
  return warnings;
}

/** A header that can carry a session: a name of the application's own, which nothing else on the way gives a meaning. */
function isOwnHeader(name: unknown): boolean {
  return (
    typeof name === 'string' &&
    isCookieName(name) &&
    name.length <= 64 &&
    /^x-|session/i.test(name) &&
    !/^x-(forwarded|real|frame|content|powered|xss|request)/i.test(name)
  );
}

/** What Node and Express put on a request. */
const isTaken = (name: string): boolean =>
  name in IncomingMessage.prototype ||
  /^(socket|client|url|method|httpVersion|raw\w+|status\w+|complete|aborted|upgrade|res|next|app|params|query|body|route|baseUrl|originalUrl|cookies|signedCookies|secret|sessionID|sessionStore)$/.test(
    name,
  );

const isNamed = (key: unknown): key is Required<SigningKey> =>
  typeof key === 'object' && key !== null && 'id' in key;

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

function isWeak(secrets: unknown): boolean {
  return [secrets].flat().some((key: unknown) => {
    const text = isNamed(key) ? key.secret : key;
    return (
      typeof text === 'string' && (Buffer.byteLength(text) < MIN_SECRET_BYTES || PLACEHOLDERS.test(text))
    );
  });
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

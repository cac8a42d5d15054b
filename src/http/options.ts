// The options of SessionManager, and what they come down to.
import type { IncomingMessage } from 'node:http';

import { Breaker } from '../commit/breaker.js';
import { systemClock, type Clock } from '../core/clock.js';
import { attributeText } from '../core/cookie.js';
import { toMs, type Duration } from '../core/duration.js';
import { DEFAULT_LIMITS, type DataLimits } from '../core/json.js';
import { DataSchema, type StandardSchema } from '../core/schema.js';
import type { SigningKey } from '../core/signing.js';
import { fromExpressStore } from '../stores/adapted-store.js';
import type { ExpressStore } from '../stores/express-store.js';
import { FileStore, type FileStoreOptions } from '../stores/file-store.js';
import { MemoryStore, type MemoryStoreOptions } from '../stores/memory-store.js';
import type { RecordStore } from '../stores/store.js';
import { checkManagerOptions, warningsOf } from './check-options.js';
import {
  isHostBound,
  isProduction,
  resolveCookie,
  type CookieOptions,
  type ResolvedCookie,
} from './cookie-options.js';
import type { CreationLimit } from './creation-limit.js';
import type { TransportOption } from './transport.js';

/** A pino-shaped logger: an object with facts, then a sentence. Never given an id, a cookie or session data. */
export interface Logger {
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
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
  /**
   * After so many failures of the store in a row (default 5) requests that need it fail at once, with 503, for so long
   * (default `'1s'`); then one of them tries it again. `false`: each request waits for the store.
   */
  breaker?: false | { failures?: number; retryAfter?: Duration };
  /**
   * What a request gets while the store fails. `'fail'` (default): an error with status 503. `'degrade'`: an answer all the
   * same, as if there were no session, with `X-Session-Degraded: true` and `req.sessionDegraded`; what is written to
   * `req.session` is lost, and `set`, `login`, `destroy` and the others reject.
   */
  onStoreError?: 'fail' | 'degrade';
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
  readonly cookie: ResolvedCookie;
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
  readonly breaker: Breaker | undefined;
  readonly degrades: boolean;
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
/** NIST SP 800-63B-4, 2.1.3, 2.2.3 and 2.3.3: reauthentication. */
const PRESETS = {
  aal1: { maxAge: 30 * DAY_MS, absoluteTimeout: 30 * DAY_MS },
  aal2: { maxAge: HOUR_MS, absoluteTimeout: DAY_MS },
  aal3: { maxAge: HOUR_MS / 4, absoluteTimeout: 12 * HOUR_MS },
} as const;
const NO_PRESET: { maxAge?: number; absoluteTimeout?: number } = {};

/** @throws {SessionError} ERR_SESSION_OPTIONS naming every wrong field and what it expects */
export function resolveOptions<AppSession extends object>(
  options: SessionManagerOptions<AppSession>,
): Config {
  checkManagerOptions(options);
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
    breaker: breakerOf(options.breaker, clock),
    degrades: options.onStoreError === 'degrade',
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

function breakerOf(option: SessionManagerOptions['breaker'], clock: Clock): Breaker | undefined {
  if (option === false) return undefined;
  const { failures, retryAfter } = option ?? {};
  return new Breaker(clock, {
    failures,
    retryAfterMs: retryAfter === undefined ? undefined : toMs(retryAfter),
  });
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

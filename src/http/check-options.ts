// What the options of SessionManager may be, what they must keep together, and what is said about those that are taken.
import { IncomingMessage } from 'node:http';

import { isCookieAttribute, isCookieName, MAX_AGE_MS } from '../core/cookie.js';
import { A_DURATION, isDuration, toMs, type Duration } from '../core/duration.js';
import { checkOptions, optionFaults, type Fields } from '../core/options.js';
import { isStandardSchema } from '../core/schema.js';
import { isKeyId, type SigningKey } from '../core/signing.js';
import { assertStore, limitsOf } from '../stores/express-store.js';
import { fileStoreSchema } from '../stores/file-store.js';
import { memoryStoreSchema } from '../stores/memory-store.js';
import { RecordStore } from '../stores/store.js';
import { isHostBound, isProduction, resolveCookie } from './cookie-options.js';
import type { Config, SessionManagerOptions } from './options.js';

const MIN_SECRET_BYTES = 32;
/** With the longest id and its signature far below the 4,096 bytes that browsers keep. */
const MAX_NAME_LENGTH = 256;
const PLACEHOLDERS =
  /^(secret|keyboard cat|change-?me.*|your[-_ ].*|my[-_ ]?secret.*|s3cr3t|password|test|example)$/i;

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
    breaker: field(
      z
        .literal(false)
        .or(z.strictObject({ failures: z.int().positive().optional(), retryAfter: duration.optional() })),
      'false, or { failures, retryAfter }: a whole number above 0 and a duration',
    ),
    onStoreError: field(z.enum(['fail', 'degrade']), "'fail' or 'degrade'"),
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
  const ways = [options.transport].flat() as readonly unknown[];
  const names = ways.map((way) => {
    const { header } = (way ?? {}) as { header?: unknown };
    return typeof header === 'string' ? header.toLowerCase() : 'cookie';
  });
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
export function checkManagerOptions(options: Partial<SessionManagerOptions>): void {
  checkOptions('SessionManager', schema, options, brokenRules);
}

/** What is said about options that are taken all the same. */
export function warningsOf({ secret, store, cookie }: SessionManagerOptions): Config['warnings'] {
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
  /^(socket|client|url|method|httpVersion|raw\w+|status\w+|complete|aborted|upgrade|res|next|app|params|query|body|route|baseUrl|originalUrl|cookies|signedCookies|secret|sessionID|sessionStore|sessionDegraded)$/.test(
    name,
  );

const isNamed = (key: unknown): key is SigningKey => typeof key === 'object' && key !== null && 'id' in key;

function isStore(value: unknown): boolean {
  try {
    assertStore(value);
    return true;
  } catch {
    return false;
  }
}

function isWeak(secrets: unknown): boolean {
  return [secrets].flat().some((key: unknown) => {
    const text = isNamed(key) ? key.secret : key;
    return (
      typeof text === 'string' && (Buffer.byteLength(text) < MIN_SECRET_BYTES || PLACEHOLDERS.test(text))
    );
  });
}

// A record as a session of the express-session API that somebody else's store keeps, and back. What express-session does
// not know (the absolute end, the user) stands in the session's cookie, and only where there is any.
import { hash } from 'node:crypto';

import type { SessionKey, SessionRecord } from '../core/contract.js';
import { SessionError } from '../core/errors.js';
import { durationOf, expiryOf } from './express-face.js';
import { Cookie, type CookieData, type StoredSession } from './session.js';

/** What a record has and a session of the express-session API has not. */
interface Facts {
  readonly version: string;
  /** The digest of the data that this version is of: another writer may keep the facts and change the data. */
  readonly digest: string;
  readonly createdAt: number;
  readonly deadlineAt: number | null;
  readonly owner?: string;
  readonly meta?: SessionRecord['meta'];
  /** The data has a cookie of its own. */
  readonly hasCookie: boolean;
}

class CookieWithFacts extends Cookie {
  readonly #facts: Facts | null;

  constructor(data: CookieData, facts: Facts | null) {
    super(data);
    this.#facts = facts;
  }

  override get data(): CookieData {
    return this.#facts === null ? super.data : Object.assign(super.data, { facts: this.#facts });
  }
}

/** A record as the session that the store is given: an object of its own, with a cookie that counts. */
export function storedSession(record: SessionRecord): StoredSession {
  const { data, version, createdAt, deadlineAt, idleMs, expiresAt, owner, meta } = record;
  const session = JSON.parse(data) as StoredSession;
  const hasCookie = Object.hasOwn(session, 'cookie');
  const isPlain = hasCookie && deadlineAt === null && owner === undefined && meta === undefined;
  const facts: Facts | null = isPlain
    ? null
    : {
        version,
        digest: digestOf(data),
        createdAt,
        deadlineAt,
        hasCookie,
        ...(owner === undefined ? null : { owner }),
        ...(meta === undefined ? null : { meta: structuredClone(meta) }),
      };
  const expires = expiresAt === null ? null : new Date(expiresAt);
  const cookie = new CookieWithFacts({ ...session.cookie, expires }, facts);
  cookie.originalMaxAge = idleMs;
  return { ...session, cookie };
}

/**
 * What the store gave as a record.
 * @param versionOf The version of data whose facts say none.
 * @throws {SessionError} ERR_SESSION_CORRUPT for what is no session
 */
export function recordOf(
  key: SessionKey,
  stored: unknown,
  kind: string,
  versionOf: (data: string) => string,
): SessionRecord {
  if (typeof stored !== 'object' || stored === null || Array.isArray(stored))
    throw new SessionError('ERR_SESSION_CORRUPT', `${kind} returned a session that is not an object.`);
  const { cookie: storedCookie, ...rest } = stored as StoredSession;
  const cookie = plainCookie(storedCookie, kind);
  const { idleMs, expiresAt } = expiryOf({ ...(cookie === undefined ? null : { cookie }) });
  const { facts, expires, ...attributes } = cookie ?? {};
  const hasCookie = cookie !== undefined && facts?.hasCookie !== false;
  const data = JSON.stringify(hasCookie ? { cookie: attributes, ...rest } : rest);
  return {
    v: 1,
    key,
    data,
    version: facts?.digest === digestOf(data) ? facts.version : versionOf(data),
    createdAt: facts?.createdAt ?? 0,
    deadlineAt: facts?.deadlineAt ?? null,
    idleMs: idleMs ?? durationOf(cookie?.originalMaxAge),
    expiresAt,
    ...(facts?.owner === undefined ? null : { owner: facts.owner }),
    ...(facts?.meta === undefined ? null : { meta: facts.meta }),
  };
}

/** As JSON says it: a Cookie of any package, dates, whatever the store made of it. */
function plainCookie(stored: unknown, kind: string): (CookieData & { facts?: Facts }) | undefined {
  if (stored == null) return undefined;
  if (typeof stored === 'object') return JSON.parse(JSON.stringify(stored)) as CookieData;
  throw new SessionError('ERR_SESSION_CORRUPT', `${kind} returned a session whose cookie is not an object.`);
}

const digestOf = (data: string): string => hash('sha256', data, 'base64url');

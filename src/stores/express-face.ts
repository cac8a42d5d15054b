// Between a record and a session of the express-session API. A record's data never holds an expiry: on the way in
// `cookie.expires` becomes the record's, on the way out it is put back.
import type { SessionRecord } from '../core/contract.js';
import { SessionError } from '../core/errors.js';
import type { StoredSession } from './session.js';

/** A record as a session: its data and a cookie with the expiry. */
export function sessionOf(record: SessionRecord): StoredSession {
  const session = JSON.parse(record.data) as StoredSession;
  session.cookie = {
    originalMaxAge: record.idleMs,
    ...session.cookie,
    expires: record.expiresAt === null ? null : new Date(record.expiresAt).toISOString(),
  };
  return session;
}

/** The data of a session as text, without its expiry. */
export function textOfSession(session: StoredSession): string {
  if (typeof session !== 'object' || (session as object | null) === null)
    throw new SessionError('ERR_SESSION_VALUE', 'A session must be an object.');
  // Parsed back rather than spread: what counts is what `toJSON` of the session and of its cookie says.
  const plain = JSON.parse(JSON.stringify(session)) as StoredSession;
  delete plain.cookie?.expires;
  return JSON.stringify(plain);
}

/** `false` is express-session's other way to say null. */
export const durationOf = (ms: number | null | false | undefined): number | null =>
  typeof ms === 'number' ? ms : null;

/** When a session says that it ends; `null`: when the store thinks fit. */
export function expiryOf(session: StoredSession): Pick<SessionRecord, 'idleMs' | 'expiresAt'> {
  const { expires, originalMaxAge } = session.cookie ?? {};
  if (!expires) return { idleMs: null, expiresAt: null };
  const expiresAt = new Date(expires).valueOf();
  if (Number.isNaN(expiresAt))
    throw new SessionError('ERR_SESSION_VALUE', 'cookie.expires of a session must be a date or null.');
  return { idleMs: durationOf(originalMaxAge), expiresAt };
}

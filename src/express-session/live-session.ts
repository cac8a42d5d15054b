// `req.session` of the drop-in: express-session's session object, whose methods go through the commit.
import { answer, type Callback } from '../core/callback.js';
import type { SessionRecord } from '../core/contract.js';
import { SessionError } from '../core/errors.js';
import { decodeData, parseData } from '../core/json.js';
import type { Encoding } from '../commit/bag.js';
import type { CookieAttributes } from './options.js';
import { Cookie, Session, type SessionRequest, type StoredSession } from '../stores/session.js';
import type { Hold } from './hold.js';

/** Who stores and ends the session of a request. */
export interface Keeper {
  save(session: LiveSession): Promise<void>;
  reload(session: LiveSession): Promise<void>;
  destroy(session: LiveSession): Promise<void>;
  regenerate(): Promise<void>;
}

export class LiveSession extends Session {
  readonly #keeper: Keeper;
  /** What its keeper knows of it. Here, and not in a map of the keeper's, so that the two go together. */
  #hold: Hold | undefined;

  constructor(keeper: Keeper, req: SessionRequest, stored: StoredSession) {
    super(req, stored);
    this.#keeper = keeper;
  }

  /** Whether a value is one, of this build of the package. */
  static is(value: unknown): value is LiveSession {
    return typeof value === 'object' && value !== null && #keeper in value;
  }

  /** What a keeper knows of a session, if it is that keeper's. */
  static holdOf(session: LiveSession, keeper: Keeper): Hold | undefined {
    return session.#keeper === keeper ? session.#hold : undefined;
  }

  static keep(session: LiveSession, hold: Hold): void {
    session.#hold = hold;
  }

  override save(callback?: Callback): Promise<void> {
    return this.#answer(this.#keeper.save(this), callback);
  }

  override reload(callback?: Callback): Promise<void> {
    return this.#answer(this.#keeper.reload(this), callback);
  }

  override destroy(callback?: Callback): Promise<void> {
    delete this.req.session;
    return this.#answer(this.#keeper.destroy(this), callback);
  }

  override regenerate(callback?: Callback): Promise<void> {
    return this.#answer(this.#keeper.regenerate(), callback);
  }

  /** A call that is not awaited fails the response if it fails, and not the process. */
  #answer(call: Promise<void>, callback?: Callback): Promise<void> {
    call.catch(() => undefined);
    return answer(call, callback);
  }
}

/** The data without the cookie: what tells whether a session was modified. */
export function dataText(session: Session): string {
  const { cookie, ...data } = session as unknown as StoredSession;
  return stringified(data);
}

/** The whole session without its expiry, which the record has. @param data Its `dataText`, which is costly. */
export function wholeText(session: Session, data: string): string {
  const cookie = JSON.stringify({ ...cookieOf(session).data, expires: undefined });
  return `{"cookie":${cookie}${data === '{}' ? '' : ','}${data.slice(1)}`;
}

/** A session of the drop-in as the commit compares, stores and merges it. */
export const wholeSession: Encoding = {
  encode: (live) => wholeText(live as unknown as Session, dataText(live as unknown as Session)),
  isText: (live, text) => wholeSession.encode(live) === text,
  // The cookie stays the request's own: that it differs from another one's is no change.
  takenOver(stored, sent) {
    const { cookie } = parseData(sent);
    return JSON.stringify({ cookie, ...decodeData(stored) });
  },
};

/** What a record holds, with its expiry in its cookie. @throws {SessionError} ERR_SESSION_CORRUPT without a cookie */
export function storedIn(record: SessionRecord): StoredSession {
  const stored = parseData(record.data) as StoredSession;
  if (typeof stored.cookie !== 'object' || (stored.cookie as object | null) === null)
    throw new SessionError(
      'ERR_SESSION_CORRUPT',
      'Cannot read properties of the cookie of a stored session: it has none. express-session did not store it.',
    );
  stored.cookie.originalMaxAge ??= record.idleMs;
  stored.cookie.expires = record.expiresAt === null ? null : new Date(record.expiresAt);
  return stored;
}

/** The cookie of a new session. @throws {SessionError} ERR_SESSION_VALUE */
export function freshCookie(attributes: CookieAttributes, isSecure: boolean): Cookie {
  const cookie = new Cookie(attributes);
  if (attributes.secure === 'auto') cookie.secure = isSecure;
  if (attributes.sameSite === 'auto') cookie.sameSite = isSecure ? 'none' : 'lax';
  return cookie;
}

/** The session's cookie; an object that was put in its place becomes one. */
export function cookieOf(session: Session): Cookie {
  const cookie = session.cookie as Cookie | null | undefined;
  if (cookie instanceof Cookie) return cookie;
  session.cookie = new Cookie(cookie);
  return session.cookie;
}

/** Whatever is in a session, its text is there at once or an error is (peers recurse until the response hangs). */
function stringified(data: object): string {
  try {
    return JSON.stringify(data);
  } catch (cause) {
    throw new SessionError(
      'ERR_SESSION_VALUE',
      'The session cannot be stored: it holds something circular, a BigInt, or is nested too deep.',
      { cause },
    );
  }
}

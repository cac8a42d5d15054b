// The session cookie as express-session writes it: `s:<id>.<HMAC-SHA-256 in base64>`, percent-encoded.
import { createHmac, timingSafeEqual, type CipherKey } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { SessionId } from '../core/contract.js';
import { cookieValues } from '../core/cookie.js';
import { SessionError } from '../core/errors.js';
import { Proved } from '../core/proved.js';
import { appendCookie } from '../http/session-cookie.js';
import { Cookie } from '../stores/session.js';
import { isSecure } from './request.js';
import { warn } from './warnings.js';

/** What cookie-parser puts on a request. */
type WithParsedCookies = IncomingMessage & {
  cookies?: Record<string, unknown> | null;
  signedCookies?: Record<string, unknown> | null;
};

const PREFIX = 's:';
const WITHHELD =
  'A secure session cookie was not sent, because the request did not come over TLS, or Express does not know: ' +
  "behind a proxy that ends TLS, app.set('trust proxy', ...) or the option proxy.";
/** No browser keeps a longer cookie. */
const MAX_LENGTH = 4_096;

export class Wire {
  readonly #name: string;
  readonly #secrets: readonly CipherKey[];
  readonly #proxy: boolean | undefined;
  /** What a signature has proved: 3 us less for each request that brings it again. Junk does not get in. */
  readonly #proved = new Proved<true>();

  /**
   * @param secrets The first signs, all verify.
   * @param proxy Whether `X-Forwarded-Proto` is believed. Default: Express's word.
   */
  constructor(name: string, secrets: readonly CipherKey[], proxy?: boolean) {
    this.#name = name;
    this.#secrets = secrets;
    this.#proxy = proxy;
  }

  /** The value of the cookie. */
  sign(id: string): string {
    return `${PREFIX}${id}.${mac(this.#secrets[0] as CipherKey, id)}`;
  }

  /** A secure cookie stays away from a connection that is not. @throws {SessionError} ERR_SESSION_COOKIE */
  set(req: IncomingMessage, res: ServerResponse, cookie: Cookie, id: string): void {
    if (cookie.secure && !isSecure(req, this.#proxy)) {
      warn('SessionWarning', 'WARN_SESSION_INSECURE', WITHHELD);
      return;
    }
    let line: string;
    try {
      line = cookie.serialize(this.#name, this.sign(id));
    } catch (cause) {
      throw new SessionError('ERR_SESSION_COOKIE', (cause as Error).message, { cause });
    }
    appendCookie(res, line);
  }

  clear(req: IncomingMessage, res: ServerResponse, cookie: Cookie): void {
    const gone = new Cookie({ ...cookie.data, expires: new Date(0) });
    if (!cookie.secure || isSecure(req, this.#proxy)) appendCookie(res, gone.serialize(this.#name, ''));
  }

  /** The ids that a request brings under a good signature, in the order of the header. Never throws. */
  read(req: IncomingMessage): SessionId[] {
    const { cookie } = req.headers;
    const ids = (cookie === undefined ? [] : cookieValues(cookie, this.#name))
      .map((value) => this.#verify(decoded(value)))
      .filter((id) => id !== null);
    return ids.length > 0 ? ids : this.#parsed(req);
  }

  /** What cookie-parser found, for whoever takes the header away. */
  #parsed({ signedCookies, cookies }: WithParsedCookies): SessionId[] {
    const signed = own(signedCookies, this.#name);
    if (typeof signed === 'string' && signed !== '') return [signed as SessionId];
    const value = own(cookies, this.#name);
    const id = typeof value === 'string' ? this.#verify(value) : null;
    return id === null ? [] : [id];
  }

  #verify(value: string): SessionId | null {
    if (value.length > MAX_LENGTH) return null;
    const dot = value.lastIndexOf('.');
    if (!value.startsWith(PREFIX) || dot < 0) return null;
    const id = value.slice(PREFIX.length, dot);
    if (id === '') return null;
    if (this.#proved.get(value) === true) return id as SessionId;
    const given = Buffer.from(value.slice(dot + 1));
    const isGood = this.#secrets.some((secret) => {
      const wanted = Buffer.from(mac(secret, id));
      return given.length === wanted.length && timingSafeEqual(given, wanted);
    });
    if (!isGood) return null;
    this.#proved.set(value, true);
    return id as SessionId;
  }
}

function mac(secret: CipherKey, id: string): string {
  return createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '');
}

/** Quotes around it are not part of a value (RFC 6265, 4.1.1); one that cannot be decoded is taken as it is. */
function decoded(value: string): string {
  const bare = value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  try {
    return decodeURIComponent(bare);
  } catch {
    return bare;
  }
}

const own = (object: Record<string, unknown> | null | undefined, name: string): unknown =>
  object != null && Object.hasOwn(object, name) ? object[name] : undefined;

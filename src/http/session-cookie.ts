// The session cookie on requests and responses.
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { SessionId } from '../core/contract.js';
import { clearCookieLine, cookieValues, setCookieLine } from '../core/cookie.js';
import { Signer } from '../core/signing.js';
import type { Config } from './options.js';
import { noStore, verifiedOf, type Credentials, type Transport } from './transport.js';

type Warn = (code: string, message: string) => void;

export class SessionCookie implements Transport {
  readonly vary = 'Cookie';
  readonly #config: Config;
  readonly #signer: Signer;
  readonly #warn: Warn;

  constructor(config: Config, warn: Warn) {
    this.#config = config;
    this.#signer = new Signer(config.cookieName, config.secrets);
    this.#warn = warn;
  }

  /** Never throws, whatever the header holds. */
  read(req: IncomingMessage): Credentials {
    const { cookie } = req.headers;
    const values = typeof cookie === 'string' ? cookieValues(cookie, this.#config.cookieName) : [];
    return verifiedOf(this.#signer, values);
  }

  set(req: IncomingMessage, res: ServerResponse, id: SessionId, remaining: number | null): void {
    const { secure } = this.#config.cookie;
    if (secure !== false && !isSecure(req)) this.#warnOfPlain(req, secure === true);
    appendCookie(res, this.#line(id, remaining, secure === true || (secure === 'auto' && isSecure(req))));
  }

  clear(req: IncomingMessage, res: ServerResponse): void {
    const { secure } = this.#config.cookie;
    const attributes = this.#attributes(secure === true || (secure === 'auto' && isSecure(req)));
    appendCookie(res, clearCookieLine(this.#config.cookieName, attributes));
  }

  #warnOfPlain(req: IncomingMessage, isDropped: boolean): void {
    if (isBehindTls(req))
      this.#warn(
        'WARN_SESSION_TRUST_PROXY',
        "A proxy says that the client came over TLS, and Express does not believe it: app.set('trust proxy', ...) " +
          'as your proxies are. Until then req.secure, req.ip and cookie.secure: "auto" are wrong.',
      );
    else if (isDropped)
      this.#warn(
        'WARN_SESSION_INSECURE',
        'A Secure session cookie answers a request that did not come over TLS; browsers drop it there. ' +
          "Behind a proxy that ends TLS, app.set('trust proxy', ...); on plain HTTP, cookie.secure: false.",
      );
  }

  #line(id: SessionId, remaining: number | null, secure: boolean): string {
    // Rounded up: a cookie that dies a moment before its session would log the user out early.
    const seconds = remaining === null ? null : Math.ceil(remaining / 1000);
    return setCookieLine(this.#config.cookieName, this.#signer.sign(id), this.#attributes(secure), seconds);
  }

  #attributes(secure: boolean): string {
    return secure ? this.#config.attributes.secure : this.#config.attributes.plain;
  }
}

/** Adds a cookie that sets a session, or takes it away, to those that are there. */
export function appendCookie(res: ServerResponse, line: string): void {
  res.appendHeader('Set-Cookie', line);
  noStore(res);
}

/** Express's own answer, which knows `trust proxy`; outside Express, the connection's. */
function isSecure(req: IncomingMessage): boolean {
  const { secure } = req as { secure?: boolean };
  return secure ?? (req.socket as { encrypted?: boolean } | undefined)?.encrypted === true;
}

/** Whether somebody says that TLS ended before us: a proxy, or the client itself. Good for a warning only. */
const isBehindTls = (req: IncomingMessage): boolean =>
  String(req.headers['x-forwarded-proto']).toLowerCase().startsWith('https');

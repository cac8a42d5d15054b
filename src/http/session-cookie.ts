// The session cookie on requests and responses.
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { SessionId } from '../core/contract.js';
import { clearCookieLine, cookieValues, setCookieLine } from '../core/cookie.js';
import { Signer, type Verified } from '../core/signing.js';
import type { Config } from './options.js';

type Warn = (code: string, message: string) => void;

export class SessionCookie {
  readonly #config: Config;
  readonly #signer: Signer;
  readonly #warn: Warn;

  constructor(config: Config, warn: Warn) {
    this.#config = config;
    this.#signer = new Signer(config.cookieName, config.secrets);
    this.#warn = warn;
  }

  /** The ids that the request brings under a good signature. Never throws, whatever the header holds. */
  read(req: IncomingMessage): Verified[] {
    const { cookie } = req.headers;
    if (typeof cookie !== 'string') return [];
    return cookieValues(cookie, this.#config.cookieName)
      .map((value) => this.#signer.verify(value))
      .filter((verified) => verified !== null);
  }

  /** @param remaining How long the session lives, ms; `null`: as long as the browser. */
  set(req: IncomingMessage, res: ServerResponse, id: SessionId, remaining: number | null): void {
    const { secure } = this.#config.cookie;
    if (secure === true && !isSecure(req)) {
      this.#warn(
        'WARN_SESSION_INSECURE',
        'A Secure session cookie answers a request that did not come over TLS; browsers drop it there. ' +
          "Behind a proxy that ends TLS, app.set('trust proxy', ...); on plain HTTP, cookie.secure: false.",
      );
    }
    appendCookie(res, this.#line(id, remaining, secure === true || (secure === 'auto' && isSecure(req))));
  }

  clear(req: IncomingMessage, res: ServerResponse): void {
    const { secure } = this.#config.cookie;
    const attributes = this.#attributes(secure === true || (secure === 'auto' && isSecure(req)));
    appendCookie(res, clearCookieLine(this.#config.cookieName, attributes));
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
  // What sets a session must not be given to another user by a cache, whatever the app said (OWASP ASVS 5, V14).
  const caching = res.getHeader('Cache-Control');
  if (typeof caching !== 'string' || !/(^|[\s,])no-store($|[\s,])/i.test(caching))
    res.setHeader('Cache-Control', 'no-store');
}

/** Express's own answer, which knows `trust proxy`; outside Express, the connection's. */
function isSecure(req: IncomingMessage): boolean {
  const { secure } = req as { secure?: boolean };
  return secure ?? (req.socket as { encrypted?: boolean } | undefined)?.encrypted === true;
}

/** Adds `Cookie` to the response's Vary: what it says depends on who asks. */
export function varyOnCookie(res: ServerResponse): void {
  const vary = [res.getHeader('Vary') ?? []].flat().join(', ');
  if (!/(^|[\s,])(\*|cookie)($|[\s,])/i.test(vary))
    res.setHeader('Vary', vary === '' ? 'Cookie' : `${vary}, Cookie`);
}

// `req.session.cookie`: the cookie's attributes and the session's times, with express-session's names.
import type { SessionRecord } from '../core/contract.js';
import { MAX_AGE_MS } from '../core/cookie.js';
import { SessionError } from '../core/errors.js';
import { expiryAt } from '../core/expiry.js';
import type { Config } from './options.js';
import type { SessionCookieView } from './session-object.js';

export class CookieView implements SessionCookieView {
  readonly #config: Config;
  readonly #record: SessionRecord | null;
  readonly #setIdle: (ms: number) => void;
  #idleMs: number | undefined;

  /** @param idleMs Another idle time that has been set and not stored yet. */
  constructor(
    config: Config,
    record: SessionRecord | null,
    idleMs: number | undefined,
    setIdle: (ms: number) => void,
  ) {
    this.#config = config;
    this.#record = record;
    this.#idleMs = idleMs;
    this.#setIdle = setIdle;
  }

  get path(): string {
    return this.#config.cookie.path;
  }

  get domain(): string | undefined {
    return this.#config.cookie.domain;
  }

  get httpOnly(): boolean {
    return this.#config.cookie.httpOnly;
  }

  get secure(): boolean | 'auto' {
    return this.#config.cookie.secure;
  }

  get sameSite(): 'lax' | 'strict' | 'none' | false {
    return this.#config.cookie.sameSite;
  }

  get originalMaxAge(): number | null {
    return this.#idleMs ?? (this.#record === null ? this.#config.maxAge : this.#record.idleMs);
  }

  get expires(): Date | null {
    const at =
      this.#record === null || this.#idleMs !== undefined
        ? expiryAt(this.#config.clock.now(), this.originalMaxAge, this.#record?.deadlineAt ?? null)
        : this.#record.expiresAt;
    return at === null ? null : new Date(at);
  }

  set expires(at: Date | null) {
    this.maxAge = at === null ? null : at.valueOf() - this.#config.clock.now();
  }

  get maxAge(): number | null {
    const { expires } = this;
    return expires === null ? null : expires.valueOf() - this.#config.clock.now();
  }

  /** @throws {SessionError} ERR_SESSION_VALUE: no duration means "for ever" by mistake */
  set maxAge(ms: number | null) {
    if (ms === null || !Number.isSafeInteger(ms) || ms <= 0 || ms > MAX_AGE_MS)
      throw new SessionError(
        'ERR_SESSION_VALUE',
        'cookie.maxAge must be a whole number of milliseconds above 0, 400 days at most.',
      );
    this.#idleMs = ms;
    this.#setIdle(ms);
  }

  toJSON(): SessionCookieView {
    const { path, domain, httpOnly, secure, sameSite, originalMaxAge, maxAge, expires } = this;
    const optional = domain === undefined ? null : { domain };
    return { path, ...optional, httpOnly, secure, sameSite, originalMaxAge, maxAge, expires };
  }
}

// `req.session`: the data of the session as own properties; everything else on a prototype whose names no data can
// take. `for in` yields the data and `cookie`, JSON the data alone.
import { answer, type Callback } from '../core/callback.js';
import { SessionError } from '../core/errors.js';
import type { RequestSession, RegenerateOptions } from './request-session.js';

/** The cookie of a session and its times, as express-session names them. */
export interface SessionCookieView {
  readonly path: string;
  readonly domain?: string | undefined;
  readonly httpOnly: boolean;
  readonly secure: boolean | 'auto';
  readonly sameSite: 'lax' | 'strict' | 'none' | false;
  /** The idle time of this session, ms. */
  readonly originalMaxAge: number | null;
  /** What is left of it, ms. Setting it gives this session another idle time: a "remember me". */
  maxAge: number | null;
  /** When the session ends unless it is used. */
  expires: Date | null;
}

/** What `req.session` has besides its data. Every method takes a callback or returns a promise. */
export interface SessionMethods {
  /** The session's id: a secret. Undefined until there is a session. */
  readonly id: string | undefined;
  readonly cookie: SessionCookieView;
  /** Stores what has changed so far. */
  save(callback?: Callback): Promise<void>;
  /** Reads the session anew and drops what has not been stored; `req.session` is another object then. */
  reload(callback?: Callback): Promise<void>;
  /** Gives the session another id: without its data, unless `keepData`. `req.session` is another object then. */
  regenerate(callback?: Callback): Promise<void>;
  regenerate(options: RegenerateOptions, callback?: Callback): Promise<void>;
  /** Ends the session. Resolves to false if there was none. */
  destroy(callback?: Callback<boolean>): Promise<boolean>;
  /** Moves the session's expiry now. Resolves to false if there is no session. */
  touch(callback?: Callback<boolean>): Promise<boolean>;
}

/** Data as `req.session` holds it, without the prototype's pollutable names. */
export class SessionObject implements SessionMethods {
  readonly #session: RequestSession;

  constructor(session: RequestSession, data: object) {
    this.#session = session;
    Object.assign(this, data);
  }

  get id(): string | undefined {
    return this.#session.id;
  }

  get cookie(): SessionCookieView {
    return this.#session.cookie;
  }

  /** Takes over the idle time of another session's cookie: passport copies what `for in` lists, `cookie` included. */
  set cookie(cookie: SessionCookieView) {
    const { originalMaxAge } = (cookie as SessionCookieView | null) ?? { originalMaxAge: null };
    const own = this.cookie;
    if (typeof originalMaxAge === 'number' && originalMaxAge !== own.originalMaxAge)
      own.maxAge = originalMaxAge;
  }

  save(callback?: Callback): Promise<void> {
    return answer(this.#session.save(), callback);
  }

  reload(callback?: Callback): Promise<void> {
    return answer(this.#session.reload(), callback);
  }

  regenerate(first?: RegenerateOptions | Callback, second?: Callback): Promise<void> {
    if (typeof first === 'function') return answer(this.#session.regenerate({}), first);
    return answer(this.#session.regenerate(first ?? {}), second);
  }

  destroy(callback?: Callback<boolean>): Promise<boolean> {
    return answer(this.#session.destroy(), callback);
  }

  touch(callback?: Callback<boolean>): Promise<boolean> {
    return answer(this.#session.touch(), callback);
  }
}

/** No Object.prototype behind it; and assigning to a method's name says so instead of shadowing it in silence. */
const prototype = SessionObject.prototype as object;
Object.setPrototypeOf(prototype, null);
for (const [name, { value, get, set }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
  Object.defineProperty(prototype, name, {
    configurable: false,
    enumerable: name === 'cookie',
    get: get ?? (() => value as unknown),
    set:
      set ??
      (() => {
        throw new SessionError('ERR_SESSION_KEY', `"${name}" is reserved in a session; choose another key.`);
      }),
  });
}

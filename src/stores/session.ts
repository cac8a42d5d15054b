// The session and cookie objects of the express-session API, for a store that is asked for one (`store.load`,
// `store.createSession`, the real express-session). SessionManager's own `req.session` lives in `http/`.
import { serialize, type CookieSerializeOptions } from 'cookie';

import { answer, type Callback } from '../core/callback.js';
import { SessionError } from '../core/errors.js';
import { callStore, type ExpressStore } from './express-store.js';

/** What express-session keeps of a cookie in a stored session. */
export interface CookieData {
  originalMaxAge?: number | null | false | undefined;
  expires?: Date | string | null | false | undefined;
  path?: string | undefined;
  httpOnly?: boolean | undefined;
  domain?: string | undefined;
  secure?: boolean | 'auto' | undefined;
  sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined;
  priority?: 'low' | 'medium' | 'high' | undefined;
  partitioned?: boolean | undefined;
}

/** What the cookie of a new session is made of. */
export interface CookieOptions extends CookieData {
  /** Milliseconds from now. */
  maxAge?: number | null | undefined;
}

/** A session as the express-session API stores it: data and a cookie. */
export interface StoredSession {
  cookie?: CookieData;
  [key: string]: unknown;
}

/** The request that a session hangs on. */
export interface SessionRequest {
  sessionID: string;
  sessionStore: ExpressStore & {
    createSession(req: SessionRequest, stored: StoredSession): Session;
  };
  session?: unknown;
}

/** What a cookie takes over: whatever else is stored must not shadow a method. */
const ATTRIBUTES: ReadonlySet<string> = new Set([
  'path',
  'domain',
  'httpOnly',
  'secure',
  'sameSite',
  'priority',
  'partitioned',
  'expires',
  'maxAge',
]);

/** `false` and undefined are express-session's other ways to say null. */
type Moment = Date | string | null | undefined | false;

/** A cookie with its times: `maxAge` counts down, `originalMaxAge` is what it was set to, `null` dies with the browser. */
export class Cookie {
  path = '/';
  httpOnly = true;
  declare domain?: string;
  declare secure?: boolean | 'auto';
  declare sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto';
  declare priority?: 'low' | 'medium' | 'high';
  declare partitioned?: boolean;
  originalMaxAge: number | null = null;
  /** `false` ends with the browser like null, and is an expiry that was set. */
  #expires: Date | null | false = null;

  /** @throws {SessionError} ERR_SESSION_VALUE */
  constructor(options?: CookieOptions | CookieData | null) {
    if (!options) return;
    if (typeof options !== 'object')
      throw new SessionError('ERR_SESSION_VALUE', 'The argument options of a Cookie must be an object.');
    // In their order: of `expires` and `maxAge` the last one counts.
    for (const name in options)
      if (ATTRIBUTES.has(name)) (this as Record<string, unknown>)[name] = options[name as 'path'];
    if (typeof options.originalMaxAge === 'number') this.originalMaxAge = options.originalMaxAge;
  }

  /** `false`, which was set, is given back; the types of express-session know nothing of it. */
  get expires(): Date | null {
    return this.#expires as Date | null;
  }

  set expires(at: Moment) {
    if (typeof at === 'number')
      throw new SessionError(
        'ERR_SESSION_VALUE',
        'cookie.expires takes a Date. For a number of milliseconds from now, set cookie.maxAge.',
      );
    if (at === false) this.#expires = false;
    else if (at === '' || at == null) this.#expires = null;
    else this.#expires = typeof at === 'string' ? new Date(at) : at;
    this.originalMaxAge = this.maxAge;
  }

  /** Milliseconds from now. */
  get maxAge(): number | null {
    // `false` as it is: it begins anew as `false`.
    return this.#expires ? this.#expires.valueOf() - Date.now() : (this.#expires as null);
  }

  set maxAge(ms: number | Date | null | undefined | false) {
    // NaN goes back to where it came from, an `expires` that is no time: that is an error when the cookie is sent.
    const isOwn = Object.is(ms, NaN) && Object.is(this.originalMaxAge, NaN);
    const isMoment = typeof ms !== 'number' || isOwn || !Number.isNaN(new Date(Date.now() + ms).valueOf());
    if ((ms && typeof ms !== 'number' && !(ms instanceof Date)) || !isMoment)
      throw new SessionError(
        'ERR_SESSION_VALUE',
        'cookie.maxAge must be a number of milliseconds, or null for a cookie that ends with the browser.',
      );
    this.expires = typeof ms === 'number' ? new Date(Date.now() + ms) : ms;
    if (typeof ms === 'number') this.originalMaxAge = ms;
  }

  /** What is stored, and what a serializer takes; the order of the fields is express-session's. */
  get data(): CookieData {
    const { originalMaxAge, partitioned, priority, expires, secure, httpOnly, domain, path, sameSite } = this;
    return {
      originalMaxAge,
      partitioned,
      priority,
      expires,
      secure,
      httpOnly,
      domain,
      path,
      sameSite,
    };
  }

  /** A `Set-Cookie` line. @throws {TypeError} for an attribute that no cookie can have */
  serialize(name: string, value: string): string {
    return serialize(name, value, this.data as CookieSerializeOptions);
  }

  toJSON(): CookieData {
    return this.data;
  }
}

/** One session of a `Store`, as express-session shapes it. */
export class Session {
  declare readonly req: SessionRequest;
  declare readonly id: string;
  declare cookie: Cookie;

  constructor(req: SessionRequest, stored: StoredSession = {}) {
    Object.defineProperty(this, 'req', { value: req });
    Object.defineProperty(this, 'id', { value: req.sessionID, configurable: true });
    // Stored names never shadow methods.
    for (const key of Object.keys(stored))
      if (key !== 'cookie' && !(key in this)) (this as Record<string, unknown>)[key] = stored[key];
    this.cookie = new Cookie(stored.cookie);
  }

  /** Lets the cookie's `maxAge` begin anew, at once. */
  touch(callback?: Callback<this>): Promise<this> {
    return this.resetMaxAge(callback);
  }

  resetMaxAge(callback?: Callback<this>): Promise<this> {
    this.cookie.maxAge = this.cookie.originalMaxAge;
    return answer(Promise.resolve(this), callback);
  }

  save(callback?: Callback): Promise<void> {
    const save = async (): Promise<void> => {
      await callStore(this.req.sessionStore, 'set', this.id, this);
    };
    return answer(unheard(save()), callback);
  }

  /** Loads the session anew and puts it on the request. */
  reload(callback?: Callback): Promise<void> {
    const reload = async (): Promise<void> => {
      const stored = (await callStore(this.req.sessionStore, 'get', this.id)) as
        StoredSession | null | undefined;
      if (!stored) throw new Error('failed to load session');
      this.req.sessionStore.createSession(this.req, stored);
    };
    return answer(unheard(reload()), callback);
  }

  destroy(callback?: Callback): Promise<void> {
    delete this.req.session;
    const destroy = async (): Promise<void> => {
      await callStore(this.req.sessionStore, 'destroy', this.id);
    };
    return answer(unheard(destroy()), callback);
  }

  regenerate(callback?: Callback): Promise<void> {
    const regenerate = async (): Promise<void> => {
      await callStore(this.req.sessionStore, 'regenerate', this.req);
    };
    return answer(unheard(regenerate()), callback);
  }
}

/** express-session drops what they return: nobody may hear that it failed, and the process must not end for it. */
function unheard<T>(call: Promise<T>): Promise<T> {
  call.catch(() => undefined);
  return call;
}

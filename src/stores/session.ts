// The session and cookie objects of the express-session API, for a store that is asked for one (`store.load`,
// `store.createSession`, the real express-session). SessionManager's own `req.session` lives in `http/`.
import { answer, type Callback } from '../core/callback.js';
import type { Store } from './store.js';

/** What express-session keeps of a cookie in a stored session. */
export interface CookieData {
  originalMaxAge?: number | null;
  expires?: Date | string | null;
  path?: string;
  httpOnly?: boolean;
  domain?: string;
  secure?: boolean | 'auto';
  sameSite?: boolean | 'lax' | 'strict' | 'none';
  priority?: 'low' | 'medium' | 'high';
  partitioned?: boolean;
}

/** A session as the express-session API stores it: data and a cookie. */
export interface StoredSession {
  cookie?: CookieData;
  [key: string]: unknown;
}

/** The request that a session hangs on. */
export interface SessionRequest {
  sessionID: string;
  sessionStore: Store;
  session?: unknown;
}

/** A cookie with its times: `maxAge` counts down, `originalMaxAge` is what it was set to, `null` dies with the browser. */
export class Cookie {
  path = '/';
  httpOnly = true;
  originalMaxAge: number | null = null;
  #expires: Date | null = null;

  constructor(data: CookieData = {}) {
    const { expires, originalMaxAge, ...attributes } = data;
    Object.assign(this, attributes);
    this.expires = expires ?? null;
    if (originalMaxAge !== undefined) this.originalMaxAge = originalMaxAge;
  }

  get expires(): Date | null {
    return this.#expires;
  }

  set expires(at: Date | string | null) {
    this.#expires = at === null ? null : new Date(at);
    this.originalMaxAge = this.maxAge;
  }

  /** Milliseconds from now. */
  get maxAge(): number | null {
    return this.#expires === null ? null : this.#expires.valueOf() - Date.now();
  }

  set maxAge(ms: number | null) {
    this.expires = ms === null ? null : new Date(Date.now() + ms);
    this.originalMaxAge = ms;
  }

  /** The attributes as a `Set-Cookie` serializer takes them. */
  get data(): CookieData {
    return Object.assign({}, this, { expires: this.expires });
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
    Object.defineProperty(this, 'id', { value: req.sessionID });
    const { cookie, ...data } = stored;
    // Stored names never shadow methods.
    for (const [key, value] of Object.entries(data))
      if (!(key in this)) (this as Record<string, unknown>)[key] = value;
    this.cookie = new Cookie(cookie);
  }

  touch(): this {
    return this.resetMaxAge();
  }

  resetMaxAge(): this {
    this.cookie.maxAge = this.cookie.originalMaxAge;
    return this;
  }

  save(callback?: Callback): Promise<void> {
    return answer(this.req.sessionStore.set(this.id, this as unknown as StoredSession), callback);
  }

  /** Loads the session anew and puts it on the request. */
  reload(callback?: Callback): Promise<void> {
    const reload = async (): Promise<void> => {
      const stored = await this.req.sessionStore.get(this.id);
      if (stored === null) throw new Error('failed to load session');
      this.req.sessionStore.createSession(this.req, stored);
    };
    return answer(reload(), callback);
  }

  destroy(callback?: Callback): Promise<void> {
    delete this.req.session;
    return answer(this.req.sessionStore.destroy(this.id), callback);
  }

  regenerate(callback?: Callback): Promise<void> {
    return answer(this.req.sessionStore.regenerate(this.req), callback);
  }
}

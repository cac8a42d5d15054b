// The facade. It delegates: what a request does with its session is in `http/`, how it is stored in `commit/`.
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';

import {
  isBroken,
  type BrokenRecord,
  type Page,
  type PageOptions,
  type SessionRecord,
} from './core/contract.js';
import { SessionError } from './core/errors.js';
import { FLASH } from './core/schema.js';
import { decodeData } from './core/json.js';
import type { Duration } from './core/duration.js';
import { Engine, type SessionEvents } from './http/engine.js';
import { takeMessages, withMessage } from './http/flash.js';
import { requireFresh } from './http/fresh.js';
import { login, type LoginOptions } from './http/login.js';
import {
  createMiddleware,
  requestSession,
  requestSessionOutside,
  type Middleware,
} from './http/middleware.js';
import { assertOwnOrigin, openSession, type OpenOptions, type OpenSession } from './http/open-session.js';
import { resolveOptions, type SessionManagerOptions } from './http/options.js';
import type { RegenerateOptions, RequestSession } from './http/request-session.js';
import type { Next } from './http/response-gate.js';
import type { SessionMethods } from './http/session-object.js';
import { revokeBefore, UserSessions } from './http/user-sessions.js';
import type { SessionData } from './session-data.js';
import type { RecordStore } from './stores/store.js';

/** A session as a list shows it: by its handle, never by its id. */
export interface SessionSummary<AppSession extends object = SessionData> {
  /** `sha256:` and 64 hex digits. */
  readonly handle: string;
  readonly data: AppSession;
  /** The user of `login`, if any. */
  readonly userId?: string;
  /** Epoch ms. */
  readonly createdAt: number;
  /** Epoch ms; `null`: when the store thinks fit. */
  readonly expiresAt: number | null;
}

/** One page of sessions and where to go on; `cursor` is `null` on the last one. */
export interface SessionPage<AppSession extends object = SessionData> {
  readonly sessions: SessionSummary<AppSession>[];
  readonly cursor: string | null;
}

type KeyOf<AppSession> = keyof AppSession & string;

const PAGE_LIMIT = 100;
const MAX_PAGE_LIMIT = 1_000;
/** How often everything is gone through for what moved meanwhile. */
const MAX_PASSES = 20;

/**
 * Sessions for Express. Mount `middleware()`, then read and write with `get`, `set` and `update`, or on `req.session`.
 *
 * @example
 * const sessions = new SessionManager({ secret: process.env.SESSION_SECRET ?? 'change-me for production' });
 * app.use(sessions.middleware());
 * app.get('/', async (req, res) => {
 *   const visits = await sessions.update(req, 'visits', (n = 0) => n + 1);
 *   res.send(`Visit ${visits}`);
 * });
 */
export class SessionManager<AppSession extends object = SessionData> extends EventEmitter<SessionEvents> {
  /** The store, for what only it can do. */
  readonly store: RecordStore;
  readonly #engine: Engine;
  readonly #middleware: Middleware;

  /** @throws {SessionError} ERR_SESSION_OPTIONS naming every wrong field */
  constructor(options: SessionManagerOptions<AppSession>) {
    const config = resolveOptions(options);
    super();
    this.#engine = new Engine(config, this);
    this.#middleware = createMiddleware(this.#engine);
    this.store = this.#engine.store;
  }

  /**
   * The middleware for `app.use()`. It asks the store for nothing until a request uses its session.
   * @throws {SessionError} ERR_SESSION_OPTIONS where it is mounted without being called
   */
  middleware(...args: never[]): Middleware {
    if (args.length > 0)
      throw new SessionError(
        'ERR_SESSION_OPTIONS',
        'Mount app.use(sessions.middleware()), with parentheses.',
      );
    return this.#middleware;
  }

  /** The value of a key; undefined if there is none. What the handler does to an object it returns is a change. */
  async get<Key extends KeyOf<AppSession>>(
    req: IncomingMessage,
    key: Key,
  ): Promise<AppSession[Key] | undefined> {
    const session = this.#session(req);
    await session.load();
    return session.value(key) as AppSession[Key] | undefined;
  }

  async has(req: IncomingMessage, key: KeyOf<AppSession>): Promise<boolean> {
    const session = this.#session(req);
    await session.load();
    return session.has(key);
  }

  /** All keys and values, as an object of their own. */
  async all(req: IncomingMessage): Promise<Partial<AppSession>> {
    const session = this.#session(req);
    await session.load();
    return session.all as Partial<AppSession>;
  }

  /**
   * Sets a key, or several. When it resolves, they are stored. Calls made in one tick share one write.
   * @throws {SessionError} ERR_SESSION_KEY, _VALUE, _TOO_LARGE, _TOO_DEEP, _TOO_MANY_KEYS: nothing is stored and the
   * old value is back. ERR_SESSION_ENDED: another request ended the session. ERR_SESSION_HEADERS_SENT: a session
   * cannot begin after the response. ERR_SESSION_STORE, _STORE_TIMEOUT, _CONFLICT: the store failed.
   */
  set<Key extends KeyOf<AppSession>>(req: IncomingMessage, key: Key, value: AppSession[Key]): Promise<void>;
  set(req: IncomingMessage, values: Partial<AppSession>): Promise<void>;
  set(req: IncomingMessage, first: string | object, value?: unknown): Promise<void> {
    return this.#on(req, (session) => {
      if (typeof first === 'string') return session.set({ [first]: value });
      if (typeof first !== 'object' || (first as object | null) === null || Array.isArray(first))
        throw new SessionError('ERR_SESSION_KEY', 'set(req, values) takes an object of keys and values.');
      return session.set({ ...first });
    });
  }

  /**
   * Sets a key to what `fn` makes of its value and resolves to it, atomically: however many requests and processes
   * count, none is lost. `fn` is synchronous and may run several times.
   * @throws {SessionError} as `set`, and ERR_SESSION_UPDATE_ASYNC if `fn` returns a promise; what `fn` throws
   */
  update<Key extends KeyOf<AppSession>>(
    req: IncomingMessage,
    key: Key,
    fn: (value: AppSession[Key] | undefined) => AppSession[Key],
  ): Promise<AppSession[Key]> {
    return this.#on(req, (session) => {
      if (typeof fn !== 'function')
        throw new SessionError(
          'ERR_SESSION_VALUE',
          'update(req, key, fn) takes a function of the value as its last argument.',
        );
      return session.update(key, fn as (value: unknown) => unknown) as Promise<AppSession[Key]>;
    });
  }

  /** Removes a key. False if there was none; then nothing is created. */
  delete(req: IncomingMessage, key: KeyOf<AppSession>): Promise<boolean> {
    return this.#on(req, (session) => session.delete(key));
  }

  /** Moves the session's expiry now. False if there is no session. */
  touch(req: IncomingMessage): Promise<boolean> {
    return this.#on(req, (session) => session.touch());
  }

  /** Ends the session for good and clears its cookie. False if there is no session. */
  destroy(req: IncomingMessage): Promise<boolean> {
    return this.#on(req, (session) => session.destroy());
  }

  /** Gives the session another id, at a change of privilege. The old id is dead when it resolves. */
  regenerate(req: IncomingMessage, options: RegenerateOptions = {}): Promise<void> {
    return this.#on(req, (session) => session.regenerate(options));
  }

  /**
   * Logs a user in: a new id, the old one dead; a new absolute end; no data of whoever was here before, unless
   * `keepData`, and never another user's. Stored when it resolves. Logging the same user in again renews the login.
   * @throws {SessionError} ERR_SESSION_USER for what names no user; ERR_SESSION_TOO_MANY_SESSIONS;
   * ERR_SESSION_HEADERS_SENT; ERR_SESSION_ENDED, ERR_SESSION_STORE and others: nobody is logged in
   *
   * @example
   * await sessions.login(req, user.id, { remember: req.body.remember === 'on', keepData: true });
   */
  login(req: IncomingMessage, userId: string, options: LoginOptions = {}): Promise<void> {
    return this.#on(req, () => login(this.#engine, req, userId, options));
  }

  /** Ends the session for good and takes its cookie away, as `destroy`. */
  logout(req: IncomingMessage): Promise<boolean> {
    return this.destroy(req);
  }

  /** The user that the session belongs to since `login`; undefined without one. */
  async userOf(req: IncomingMessage): Promise<string | undefined> {
    const session = this.#session(req);
    await session.load();
    return session.owner;
  }

  /**
   * The sessions of a user: `list()`, `revoke(handle)`, `revokeAll({ except })`, `invalidateBefore(date)`.
   * @param req Of the user, so that the list says which session is `current`.
   * @throws {SessionError} ERR_SESSION_USER
   */
  ofUser(userId: string, req?: IncomingMessage): UserSessions {
    return new UserSessions(this.#engine, userId, req);
  }

  /**
   * Refuses every session that began before a moment, with one write: after a leak, or when a backup was restored. Other
   * processes know within a second.
   * @param date Default: now.
   * @throws {SessionError} ERR_SESSION_VALUE for a date in the future
   */
  async revokeIssuedBefore(date?: Date): Promise<void> {
    await revokeBefore(this.#engine, date);
  }

  /**
   * A middleware for what asks for a recent login: other requests get ERR_SESSION_NOT_FRESH (401). Ask for the password
   * then, and `login` the same user with `keepData`.
   * @throws {SessionError} ERR_SESSION_OPTIONS for what is no duration
   *
   * @example
   * app.post('/password', sessions.requireFresh('10m'), changePassword);
   */
  requireFresh(maxAge: Duration): Middleware {
    return requireFresh(this.#engine, maxAge);
  }

  /** Keeps a message for the next page: whoever calls `flashes` first gets it, once. */
  flash(req: IncomingMessage, type: string, message: string): Promise<void> {
    const flash = (session: RequestSession): Promise<unknown> =>
      session.update(FLASH, (all) => withMessage(all, type, message));
    return this.#on(req, flash) as Promise<void>;
  }

  /** The messages of one type, in their order; they are gone then. */
  flashes(req: IncomingMessage, type: string): Promise<string[]> {
    return this.#on(req, (session) => takeMessages(session, type));
  }

  /** Reads the session, so that `req.session` can be used on stores that are asked with a promise. */
  load(req: IncomingMessage): Promise<void> {
    return this.#on(req, (session) => session.load());
  }

  /**
   * Opens the session of a request that did not pass the middleware: a WebSocket's `upgrade`, any bare
   * `IncomingMessage`. `get`, `set` and the others work on that request then. `null` if it brings no living session; one
   * cannot begin there, since there is no response to send its cookie with.
   * @throws {SessionError} ERR_SESSION_ORIGIN for a page of another origin; ERR_SESSION_STORE, _STORE_TIMEOUT
   *
   * @example
   * server.on('upgrade', async (req, socket, head) => {
   *   const session = await sessions.open(req);
   *   if (session === null) return socket.destroy();
   *   wss.handleUpgrade(req, socket, head, (ws) => session.onEnd(() => ws.close()));
   * });
   */
  async open(req: IncomingMessage, options: OpenOptions = {}): Promise<OpenSession | null> {
    assertOwnOrigin(req, options);
    const session = requestSessionOutside(req, this.#engine);
    await session.load();
    session.assertStored();
    return openSession(this.#engine, req, session);
  }

  /** `req.session`, typed. @throws {SessionError} ERR_SESSION_NOT_LOADED before `load` where the store needs it */
  session(req: IncomingMessage): Partial<AppSession> & SessionMethods {
    return this.#session(req).object as Partial<AppSession> & SessionMethods;
  }

  /** Every session: an array, built a page at a time. For many, `scan()` holds one page only. */
  async getAllSessions(): Promise<SessionSummary<AppSession>[]> {
    const sessions: SessionSummary<AppSession>[] = [];
    for await (const session of this.scan()) sessions.push(session);
    return sessions;
  }

  /** @throws {SessionError} ERR_SESSION_CURSOR, ERR_SESSION_UNSUPPORTED */
  async getPage(options: { limit?: number; cursor?: string | null } = {}): Promise<SessionPage<AppSession>> {
    const { limit = PAGE_LIMIT, cursor } = options;
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_PAGE_LIMIT)
      throw new SessionError(
        'ERR_SESSION_OPTIONS',
        `"limit" must be a whole number from 1 to ${String(MAX_PAGE_LIMIT)}.`,
      );
    const request = { limit, ...(cursor == null ? null : { cursor }) };
    const page = await this.#page(request);
    return {
      sessions: page.records.flatMap((entry) => this.#summaries(entry)),
      cursor: page.cursor,
    };
  }

  /** Every session, one after the other; the event loop turns between pages. */
  async *scan(): AsyncGenerator<SessionSummary<AppSession>, void> {
    let cursor: string | null = null;
    do {
      const page: SessionPage<AppSession> = await this.getPage({ cursor });
      yield* page.sessions;
      ({ cursor } = page);
      await nextTurn();
    } while (cursor !== null);
  }

  /** How many sessions are stored: the store's own count, or else by listing them. */
  async count(): Promise<number> {
    if (this.store.capabilities.has('count'))
      return this.#engine.calls().ask('count', {}, (options) => this.store.capable('count').count(options));
    let count = 0;
    for await (const page of this.#pages()) count += page.records.filter((entry) => !isBroken(entry)).length;
    return count;
  }

  /** Ends every session, but those that begin meanwhile. Requests that are under way find theirs ended. */
  async clearAllSessions(): Promise<void> {
    const startedAt = this.#engine.config.clock.now();
    // One that moves to another id meanwhile can move to where was looked already: it is found in the next pass.
    for (let pass = 0, quiet = 0; pass < MAX_PASSES && quiet < 2; pass++) {
      quiet++;
      for await (const { records } of this.#pages()) {
        for (const entry of records) {
          const isNewer = pass > 0 && !isBroken(entry) && entry.createdAt > startedAt;
          if (isNewer || !(await this.#engine.calls().remove(entry.key))) continue;
          quiet = 0;
          this.#engine.emit('destroyed', () => ({ handle: this.store.handleOf(entry.key), reason: 'clear' }));
        }
      }
    }
  }

  /** Starts the store's sweeping of expired sessions. Idempotent, as are its siblings. */
  startCleanup(): void {
    this.store.startCleanup();
  }

  stopCleanup(): void {
    this.store.stopCleanup();
  }

  /** Starts the store's periodic rebuilding of its indexes. */
  startIndexRebuild(): void {
    this.store.startIndexRebuild();
  }

  stopIndexRebuild(): void {
    this.store.stopIndexRebuild();
  }

  /** An async handler for Express 4, which does not catch rejections: they go to `next`. */
  handler<Handler extends (req: never, res: never, next: never) => unknown>(fn: Handler): Handler {
    const handler = (req: never, res: never, next: Next): void => {
      // Inside a promise, so that a throw before the first await is a rejection too.
      new Promise((resolve) => {
        resolve(fn(req, res, next as never));
      }).catch((error: unknown) => {
        next(error ?? new Error('The handler rejected without saying why.'));
      });
    };
    // The same parameters, and nothing to wait for: what Express 4 calls.
    return handler as unknown as Handler;
  }

  /**
   * Waits for what is being stored and stops the timers. Close the HTTP server first: a request that comes later is
   * answered with ERR_SESSION_CLOSED (503). A store that was handed in stays open. Idempotent.
   */
  async close(): Promise<void> {
    await this.#engine.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #session(req: IncomingMessage): RequestSession {
    return requestSession(req, this.#engine);
  }

  /**
   * Not async: a call that is not awaited must be the request's own promise, which fails the response if it fails,
   * and not a copy, whose rejection nobody would handle.
   */
  #on<T>(req: IncomingMessage, work: (session: RequestSession) => Promise<T>): Promise<T> {
    let session: RequestSession;
    try {
      session = this.#session(req);
    } catch (error) {
      return Promise.reject(error);
    }
    try {
      return work(session);
    } catch (error) {
      return session.refuse(error);
    }
  }

  /** A page of the store, within `storeTimeout`. */
  async #page(request: PageOptions): Promise<Page> {
    const store = this.store.capable('page');
    return this.#engine.calls().ask('page', request, (options) => store.page(options));
  }

  /** Every page without data; the event loop turns between them. */
  async *#pages(): AsyncGenerator<Page, void> {
    let cursor: string | null = null;
    do {
      const page: Page = await this.#page({
        limit: PAGE_LIMIT,
        withData: false,
        ...(cursor === null ? null : { cursor }),
      });
      yield page;
      ({ cursor } = page);
      await nextTurn();
    } while (cursor !== null);
  }

  /** A session as a list shows it; one that cannot be read is reported and left out, the list goes on. */
  #summaries(entry: SessionRecord | BrokenRecord): SessionSummary<AppSession>[] {
    const handle = this.store.handleOf(entry.key);
    try {
      if (isBroken(entry)) throw entry.error;
      const { data, createdAt, expiresAt, owner } = entry;
      const user = owner === undefined ? null : { userId: owner };
      return [{ handle, data: decodeData(data) as AppSession, ...user, createdAt, expiresAt }];
    } catch (error) {
      this.#engine.fault({ error, reason: 'store', handle });
      return [];
    }
  }
}

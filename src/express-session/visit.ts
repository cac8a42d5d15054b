// One request's session in the drop-in: express-session's rules about what is stored and when a cookie is sent, on top
// of the commit that all sessions of this package go through.
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Breaker } from '../commit/breaker.js';
import type { Lanes } from '../commit/lanes.js';
import type { Touches } from '../commit/touches.js';
import { StoreCalls } from '../commit/store-calls.js';
import type { SessionId, SessionKey, SessionRecord } from '../core/contract.js';
import { hasCode, SessionError } from '../core/errors.js';
import { isTouchDue } from '../core/expiry.js';
import { isLiving } from '../core/record.js';
import type { GateParty, Next } from '../http/response-gate.js';
import { findNow } from '../http/session-reader.js';
import { SessionTarget } from '../http/session-target.js';
import type { Cookie, SessionRequest } from '../stores/session.js';
import type { RecordStore } from '../stores/store.js';
import { causeOf, CallQueue } from './call-queue.js';
import { firstRecord, Hold } from './hold.js';
import { cookieOf, freshCookie, LiveSession, storedIn, type Keeper } from './live-session.js';
import type { Settings } from './options.js';
import { isSecure, onFirstUse } from './request.js';
import type { Wire } from './wire.js';

/** Where sessions are stored, and the queues of their commits. */
export interface Backend {
  readonly store: RecordStore;
  readonly lanes: Lanes;
  readonly touches: Touches;
  readonly breaker: Breaker | undefined;
  /** Stored by somebody else's code, which is called for each save that is asked for. */
  readonly isForeign: boolean;
}

/** A request as express-session leaves it. */
export type VisitRequest = IncomingMessage &
  Partial<Omit<SessionRequest, 'sessionID'>> & { sessionID?: unknown };

export class Visit implements GateParty, Keeper {
  readonly #settings: Settings;
  readonly #backend: Backend;
  readonly #wire: Wire;
  readonly #req: VisitRequest;
  readonly #res: ServerResponse | null;
  readonly #next: Next;
  /** A new session is stored though nobody wrote to it. */
  #savesNew: boolean;
  /** The session that the request has, or had when it was taken away. */
  #current: LiveSession | null = null;
  #isLoaded = false;
  /** The ids that the request brought under good signatures, and the one of them that names its session. */
  #brought: readonly SessionId[] = [];
  #cookieId: string | undefined;
  /** This request ended a session that it brought: its cookie goes. */
  #ended: Cookie | null = null;
  /** The session whose cookie goes with the response. */
  #leaving: LiveSession | null = null;
  /** The session was ended by another request: no cookie may be sent. */
  #isInterrupted = false;
  readonly #calls = new CallQueue();

  constructor(
    settings: Settings,
    backend: Backend,
    wire: Wire,
    req: VisitRequest,
    res: ServerResponse | null,
    next: Next,
  ) {
    this.#settings = settings;
    this.#savesNew = settings.saveUninitialized;
    this.#backend = backend;
    this.#wire = wire;
    this.#req = req;
    this.#res = res;
    this.#next = next;
  }

  /** Whether the store answers at once. */
  get isAtOnce(): boolean {
    return this.#backend.store.capabilities.has('findSync');
  }

  /** Whether the request's session was asked for. */
  get used(): boolean {
    return this.#isLoaded;
  }

  /** Whether something was changed after the response began to leave. */
  get isLate(): boolean {
    const { session } = this.#req;
    const hold = LiveSession.is(session) ? LiveSession.holdOf(session, this) : undefined;
    try {
      return hold !== undefined && !hold.isNew && !hold.isEnded && hold.look().isPending;
    } catch {
      // It cannot be stored: `settle` says why.
      return true;
    }
  }

  /** Reads the session, or generates one. A fault rejects: it is never taken for "no session" (P5). */
  async load(): Promise<void> {
    this.#brought = this.#wire.read(this.#req);
    const calls = this.#storeCalls();
    for (const id of this.#brought) {
      const key = this.#backend.store.keyOf(id);
      if (this.#take(id, key, await calls.find(key))) return;
    }
    this.#begin();
  }

  /** The same, at once. @throws {SessionError} ERR_SESSION_NOT_LOADED where the store needs a promise to be asked */
  loadNow(): void {
    this.#brought = this.#wire.read(this.#req);
    const { store } = this.#backend;
    for (const id of this.#brought) {
      const key = store.keyOf(id);
      if (this.#take(id, key, findNow(store, this.#settings.clock, key))) return;
    }
    this.#begin();
  }

  /** Reads the session when the request asks for it. */
  loadLater(): void {
    onFirstUse(this.#req, ['session', 'sessionID'], () => {
      try {
        this.loadNow();
      } catch (error) {
        this.loadLater();
        throw causeOf(error);
      }
    });
  }

  /** Puts a fresh session on the request, in place of the one that it had: that counts as a modification. */
  generate(): void {
    this.#generate('');
  }

  save(session: LiveSession): Promise<void> {
    return this.#calls.run(async () => {
      const hold = this.#holdOf(session);
      await hold.store(this.#backend.lanes);
      hold.isSaved = true;
    });
  }

  reload(session: LiveSession): Promise<void> {
    return this.#calls.run(async () => {
      const { target, original } = this.#holdOf(session);
      const found = target.record === null ? null : await this.#storeCalls().find(target.key, true);
      if (!isLiving(found)) throw new SessionError('ERR_SESSION_ENDED', 'failed to load session');
      target.record = found;
      this.#inflate(target, found, original);
    });
  }

  destroy(session: LiveSession): Promise<void> {
    return this.#calls.run(async () => {
      await this.#end(session);
    });
  }

  regenerate(): Promise<void> {
    return this.#calls.run(async () => {
      const session = this.#current;
      if (session !== null) await this.#end(session);
      this.generate();
    });
  }

  seal(): void {
    // Whatever is changed after this is for `save()`.
  }

  async settle(): Promise<void> {
    await this.#calls.settled();
    await this.#calls.run(() => this.#settle());
  }

  async #settle(): Promise<void> {
    const { session, sessionID } = this.#req;
    if (typeof sessionID !== 'string') return;
    if (session === undefined || session === null) {
      if (this.#settings.destroysUnset && this.#current !== null) await this.#end(this.#current);
      return;
    }
    if (!LiveSession.is(session))
      throw new SessionError(
        'ERR_SESSION_ASSIGN',
        'req.session was replaced. Change its keys; regenerate() or destroy() begin anew.',
      );
    // It came by another middleware, after ours was ended.
    if (session.req === this.#req && LiveSession.holdOf(session, this) === undefined) return;
    const hold = this.#holdOf(session);
    // A use: express-session's `touch()`.
    cookieOf(session).maxAge = cookieOf(session).originalMaxAge;
    const { text, isModified, isPending } = hold.look();
    const isDue = (): boolean => this.#isCookieDue(session, sessionID, isModified);
    if (hold.isNew ? this.#savesNew || isModified : isPending) await this.#store(hold, text);
    else if (!hold.isNew) await this.#keepAlive(hold, isDue(), text);
    if (isDue()) this.#leaving = session;
  }

  decorate(res: ServerResponse): void {
    const { session, sessionID } = this.#req;
    const leaving = this.#leaving;
    try {
      if (leaving !== null && leaving === session && typeof sessionID === 'string')
        this.#wire.set(this.#req, res, cookieOf(leaving), sessionID);
      else if (this.#ended !== null && !this.#isInterrupted) this.#wire.clear(this.#req, res, this.#ended);
    } catch (error) {
      this.#tellAfterwards(error);
    }
  }

  /** True if the record is a living session: then it is the request's. */
  #take(id: SessionId, key: SessionKey, record: SessionRecord | null): boolean {
    // A straggler of a session that has just ended: its cookie would overwrite that of a newer login.
    if (record?.closed !== undefined) this.#savesNew = false;
    if (!isLiving(record)) return false;
    this.#isLoaded = true;
    this.#cookieId = id;
    this.#req.sessionID = id;
    this.#inflate(new SessionTarget(this.#backend.store, id, key, record), record);
    return true;
  }

  #begin(): void {
    this.#isLoaded = true;
    // An id without a session counts as brought: its cookie is replaced by the new one.
    this.#cookieId = this.#brought[0];
    this.#generate();
  }

  #inflate(target: SessionTarget, record: SessionRecord, original?: string): void {
    const session = new LiveSession(this, this.#request, storedIn(record));
    this.#put(session, new Hold(session, target, original));
  }

  /** @param original What its data is compared with to tell whether it was modified. Default: what it is now. */
  #generate(original?: string): void {
    const { cookie, newId, proxy } = this.#settings;
    const req = this.#req;
    const idOf = (): SessionId => {
      const id = newId(req);
      req.sessionID = id;
      return String(id) as SessionId;
    };
    const id = idOf();
    const session = new LiveSession(this, this.#request, {});
    session.cookie = freshCookie(cookie(req), isSecure(req, proxy));
    const target = new SessionTarget(this.#backend.store, id, this.#backend.store.keyOf(id), null, {
      newId: () => {
        const next = idOf();
        Object.defineProperty(session, 'id', { value: next, configurable: true });
        return next;
      },
      record: (key) => firstRecord(key, this.#settings.clock.now()),
    });
    this.#put(session, new Hold(session, target, original));
  }

  #put(session: LiveSession, hold: Hold): void {
    LiveSession.keep(session, hold);
    this.#current = session;
    this.#req.session = session;
  }

  #holdOf(session: LiveSession): Hold {
    const hold = LiveSession.holdOf(session, this);
    if (hold !== undefined) return hold;
    throw new SessionError('ERR_SESSION_ASSIGN', "req.session is another request's session.");
  }

  /** A new id: if the session is stored for its own sake or was written to. A known one: if its expiry moves. */
  #isCookieDue(session: LiveSession, sessionID: string, isModified: boolean): boolean {
    if (this.#isInterrupted) return false;
    if (this.#cookieId !== sessionID) return this.#savesNew || isModified;
    return this.#settings.rolling || (cookieOf(session).expires !== null && isModified);
  }

  /** A change of a session that was ended elsewhere is dropped: it brings nothing back and harms no response (P2). */
  async #store(hold: Hold, text: string): Promise<void> {
    try {
      await hold.store(this.#backend.lanes, text);
    } catch (error) {
      if (!hasCode(error, 'ERR_SESSION_ENDED')) throw error;
      this.#isInterrupted = true;
    }
  }

  /** A session that did not change: stored all the same, or kept from expiring. */
  async #keepAlive(hold: Hold, isTold: boolean, text: string): Promise<void> {
    const { resave, touchAfter, clock } = this.#settings;
    const { target, isSaved, expiresAt } = hold;
    const record = target.record as SessionRecord;
    if (resave && !isSaved && this.#backend.isForeign) {
      await this.#store(hold, text);
      return;
    }
    if (this.#cookieId !== this.#req.sessionID) return;
    // What the cookie says must hold in the store; and without an expiry nobody knows when that was last told.
    const { touches } = this.#backend;
    const isDue =
      isTold ||
      touchAfter === 0 ||
      record.expiresAt === null ||
      isTouchDue(touches.upToDate(record), clock.now(), touchAfter);
    if (!isDue) return;
    try {
      const touch = this.#storeCalls().extend(target.key, expiresAt, record);
      this.#isInterrupted = !(await touches.during(record, expiresAt, touch));
    } catch (error) {
      // It harms no response; only no cookie may say that the session lives longer.
      this.#isInterrupted = true;
      this.#tellAfterwards(error);
    }
  }

  /** Ends a session for good, and takes its cookie away if the request brought it. */
  async #end(session: LiveSession): Promise<void> {
    const hold = this.#holdOf(session);
    const { target } = hold;
    if (target.record !== null) await this.#backend.lanes.end(target.key, target.record);
    hold.isEnded = true;
    if (this.#current === session) this.#current = null;
    if (this.#brought.includes(target.id)) this.#ended = cookieOf(session);
  }

  /** A fault that harms no response: told when it has left. */
  #tellAfterwards(error: unknown): void {
    this.#res?.once('close', () => {
      this.#next(causeOf(error));
    });
  }

  get #request(): SessionRequest {
    return this.#req as SessionRequest;
  }

  #storeCalls(): StoreCalls {
    const { store, breaker } = this.#backend;
    const { clock, storeTimeout } = this.#settings;
    return new StoreCalls(store, clock, storeTimeout, breaker);
  }
}

// One request's view of its session: read once, changed in a bag, committed through the lanes. The facade and
// `req.session` are two ways to the same view.
import type { IncomingMessage, ServerResponse } from 'node:http';

import { sessionEnded } from '../commit/attempts.js';
import { Bag } from '../commit/bag.js';
import type { Change, Committed, Move } from '../commit/lanes.js';
import type { SessionId, SessionRecord } from '../core/contract.js';
import { hasCode, SessionError } from '../core/errors.js';
import { expiryAt, isTouchDue } from '../core/expiry.js';
import { checkKey, decodeData, encodeData } from '../core/json.js';
import { isLiving } from '../core/record.js';
import type { Engine } from './engine.js';
import type { GateParty } from './response-gate.js';
import { varyOnCookie } from './session-cookie.js';
import { CookieView } from './cookie-view.js';
import { SessionObject, type SessionCookieView } from './session-object.js';
import { readSession, readSessionNow, type Reading } from './session-reader.js';
import { beginSession, Session } from './session-target.js';

export interface RegenerateOptions {
  /** Takes the data along to the new id. Default false. */
  keepData?: boolean;
}

/**
 * unread: the store was not asked yet · absent: no session, and none stored until something is ·
 * live: read, stored or being stored · temporary: the request came with a session that had just ended; what it changes
 * goes nowhere · ended: the session ended while the request ran
 */
type State = 'unread' | 'absent' | 'live' | 'temporary' | 'ended';

export class RequestSession implements GateParty {
  readonly engine: Engine;
  readonly #req: IncomingMessage;
  /** Null where there is no response to send a cookie with: a WebSocket's upgrade. */
  readonly #res: ServerResponse | null;
  readonly #startedAt: number;
  #state: State = 'unread';
  #loading: Promise<void> | null = null;
  #session: Session | null = null;
  #bag: Bag | null = null;
  #used = false;
  /** The response is leaving: no cookie can be added any more. */
  #sealed = false;
  /** What was changed before the response left is stored. */
  #settled = false;
  /** The ids the request brought under good signatures. */
  #brought: readonly SessionId[] = [];
  /** The cookie is under an old secret. */
  #isStale = false;
  /** The cookie goes with the response: it is new, or its session's expiry moved. */
  #cookieDue = false;
  /** This request ended the session that it brought. */
  #clearDue = false;
  /** A session that was regenerated without data leaves its absolute deadline to the next one. */
  #deadline: number | null | undefined;
  #pendingIdle: number | undefined;
  #underWay = 0;
  #stored: string | null = null;
  #idle: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine, req: IncomingMessage, res: ServerResponse | null) {
    this.engine = engine;
    this.#req = req;
    this.#res = res;
    this.#startedAt = engine.config.clock.now();
  }

  // ---- reading

  /** Reads the session unless that is done. A fault leaves it unread: it is never taken for "no session" (P5). */
  load(): Promise<void> {
    this.#used = true;
    if (this.#state !== 'unread') return Promise.resolve();
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  /** `req.session`. @throws {SessionError} ERR_SESSION_NOT_LOADED where the store needs a promise to be asked */
  get object(): object {
    return this.#bagNow().live;
  }

  /** The id, if there is a session. */
  get id(): string | undefined {
    this.#bagNow();
    return this.#state === 'live' ? this.#session?.id : undefined;
  }

  get data(): Record<string, unknown> {
    return this.#bagNow().live;
  }

  get cookie(): SessionCookieView {
    this.#bagNow();
    return new CookieView(this.engine.config, this.#session?.record ?? null, this.#pendingIdle, (ms) => {
      this.#pendingIdle = ms;
    });
  }

  async #load(): Promise<void> {
    if (this.engine.store.capabilities.has('findSync')) this.#take(readSessionNow(this.engine, this.#req));
    else this.#take(await readSession(this.engine, this.#req));
  }

  #bagNow(): Bag {
    this.#used = true;
    // What happens to the object next cannot be seen; a moment later it can.
    if (this.#settled && !this.engine.config.production) setImmediate(() => this.#warnOfLateChanges());
    if (this.#state === 'unread') this.#take(readSessionNow(this.engine, this.#req));
    return this.#bag as Bag;
  }

  #take({ brought, id, record, isStale }: Reading): void {
    this.#brought = brought;
    this.#isStale = isStale;
    // An unknown id is never adopted (CVE-2024-38513): a session that begins now gets one of its own.
    if (id === undefined || record === null) {
      this.#becomeEmpty('absent');
      return;
    }
    this.#session = new Session(this.engine.store, id, record);
    if (record.closed === undefined) this.#become('live', decodeData(record.data), record.data);
    else this.#becomeEmpty('temporary');
  }

  #becomeEmpty(state: State): void {
    const { initial, limits } = this.engine.config;
    const first = initial === undefined ? {} : initial(this.#req);
    this.#become(state, decodeData(encodeData(first, limits)), null);
  }

  /** @param text The text of the data, if it is at hand and nothing was dropped from it. */
  #become(state: State, data: Record<string, unknown>, text: string | null): void {
    const live = new SessionObject(this, data) as unknown as Record<string, unknown>;
    const canonical = JSON.stringify(live);
    this.#bag = new Bag(live, text === canonical ? text : canonical, this.engine.config.limits);
    this.#state = state;
  }

  // ---- writing

  /** Sets keys and stores them. On a rejection the old values are back. */
  async set(values: Record<string, unknown>): Promise<void> {
    await this.load();
    const bag = this.#bagNow();
    const { live } = bag;
    const before = new Map<string, unknown>();
    for (const [key, value] of Object.entries(values)) {
      checkKey(key);
      if (value === undefined || typeof value === 'function' || typeof value === 'symbol')
        throw new SessionError(
          'ERR_SESSION_VALUE',
          `The session cannot hold ${typeof value} at "${key}"; use delete().`,
        );
      if (Object.hasOwn(live, key)) before.set(key, live[key]);
    }
    Object.assign(live, values);
    await this.#explicit(() => {
      for (const [key, value] of Object.entries(values)) {
        if (live[key] !== value) continue;
        // An object that was changed in place and set again: what it was stands in the stored text only.
        const old = before.get(key) === value ? bag.stored(key) : before.get(key);
        if (old === undefined) Reflect.deleteProperty(live, key);
        else live[key] = old;
      }
    });
  }

  async delete(key: string): Promise<boolean> {
    await this.load();
    const { live } = this.#bagNow();
    if (!Object.hasOwn(live, key)) return false;
    const value = live[key];
    Reflect.deleteProperty(live, key);
    await this.#explicit(() => {
      if (!Object.hasOwn(live, key)) live[key] = value;
    });
    return true;
  }

  async update(key: string, fn: (value: unknown) => unknown): Promise<unknown> {
    await this.load();
    checkKey(key);
    const bag = this.#bagNow();
    // A new session begins with what the bag holds, its initial values included.
    const pending = this.#state === 'live' ? bag.pending() : bag.encode();
    this.#makeWritable();
    // In this order in the lane: what the handler changed before, then the update; both in one write.
    const before = pending === null ? null : this.#commit(this.#changeTo(pending));
    const updated = this.#commit({ kind: 'update', key, fn });
    await Promise.all([before, updated]);
    return (await updated).value;
  }

  /** Stores what is pending. */
  async save(): Promise<void> {
    await this.load();
    await this.#savePending();
  }

  async touch(): Promise<boolean> {
    await this.load();
    await this.#idle;
    const { record } = this.#session ?? {};
    if (this.#state !== 'live' || !record) return false;
    const isAlive = await this.#extend(record);
    if (!isAlive) this.#state = 'ended';
    return isAlive;
  }

  /** Ends the session for good. False if there was none. */
  async destroy(): Promise<boolean> {
    await this.load();
    return this.#end('destroy');
  }

  /** Another id from here on, and a new bag: whoever holds the old object keeps it as it was. */
  async regenerate({ keepData = false }: RegenerateOptions): Promise<void> {
    await this.load();
    if (keepData) return this.#renew();
    const deadline = this.#state === 'live' ? this.#session?.record?.deadlineAt : undefined;
    await this.#end('regenerate');
    if (deadline !== undefined) this.#deadline = deadline;
  }

  /** Reads the session anew; what has not been stored is dropped. */
  async reload(): Promise<void> {
    await this.load();
    await this.#idle;
    const session = this.#session;
    if (this.#state !== 'live' || session === null) throw missing();
    const record = await this.engine.calls().find(session.key, true);
    if (!isLiving(record)) {
      this.#state = 'ended';
      throw missing();
    }
    session.record = record;
    this.#pendingIdle = undefined;
    this.#become('live', decodeData(record.data), record.data);
  }

  /** Commits on behalf of a call that is told the outcome; `undo` takes back what the call changed. */
  async #explicit(undo: () => void): Promise<void> {
    try {
      await this.#savePending(true);
    } catch (error) {
      undo();
      throw error;
    }
  }

  async #savePending(always = false): Promise<void> {
    const bag = this.#bagNow();
    const text = always ? bag.encode() : bag.pending();
    if (text === null && this.#pendingIdle === undefined) return;
    this.#makeWritable();
    await this.#commit(this.#changeTo(text ?? bag.encode()));
  }

  #changeTo(text: string): Change {
    const base = (this.#bag as Bag).send(text);
    const isNew = this.#session?.record === null && this.#underWay === 0;
    return { kind: 'text', base: isNew ? '{}' : base, mine: text };
  }

  async #commit(change: Change): Promise<Committed> {
    const session = this.#session as Session;
    const bag = this.#bag as Bag;
    const move: Move = this.#pendingIdle === undefined ? {} : { idleMs: this.#pendingIdle };
    this.#pendingIdle = undefined;
    this.#underWay++;
    const commit = this.engine.lanes.write(session, change, move);
    this.#idle = Promise.allSettled([this.#idle, commit]);
    // A destroy or regenerate may have put another session in its place by then.
    const become = (state: State): void => {
      if (this.#session === session) this.#state = state;
    };
    try {
      const committed = await commit;
      become('live');
      this.#stored = committed.record.data;
      if (committed.moved || this.#isStale) this.#cookieDue = true;
      return committed;
    } catch (error) {
      bag.fail();
      if (hasCode(error, 'ERR_SESSION_ENDED')) become('ended');
      else if (session.record === null) become('absent');
      throw error;
    } finally {
      if (--this.#underWay === 0) {
        bag.settle(this.#stored);
        this.#stored = null;
      }
    }
  }

  /** Makes sure that there is a session to write to: this one, or a new one. @throws {SessionError} */
  #makeWritable(atGate = false): void {
    if (this.#state === 'live') return;
    const closedAt = this.#session?.record?.closed?.at ?? Infinity;
    // A request that began after the session ended may begin a new one; one that began before must not.
    if (this.#state === 'ended' || (this.#state === 'temporary' && this.#startedAt < closedAt)) {
      throw sessionEnded();
    }
    if (!atGate) this.#assertCookieCanLeave();
    this.#session = beginSession(this.engine, this.#req, this.#deadline);
    this.#state = 'live';
  }

  #assertCookieCanLeave(): void {
    if (this.#res === null)
      throw new SessionError(
        'ERR_SESSION_NO_RESPONSE',
        'A session cannot begin here: there is no response to send its cookie with. Begin it in an HTTP request.',
      );
    if (this.#sealed)
      throw new SessionError(
        'ERR_SESSION_HEADERS_SENT',
        'A session cannot begin after the response has left: its cookie would never arrive. Begin it before.',
      );
  }

  /** Ends the session that the request has, if it lives. */
  async #end(reason: 'destroy' | 'regenerate'): Promise<boolean> {
    await this.#idle;
    const session = this.#state === 'live' ? this.#session : null;
    const wasLive = session !== null && (await this.engine.lanes.end(session.key, session.record));
    if (wasLive) this.engine.emit('destroyed', () => ({ handle: this.engine.handleOf(session.key), reason }));
    this.#clearDue = this.#brought.length > 0;
    this.#cookieDue = false;
    this.#session = null;
    this.#becomeEmpty('absent');
    return wasLive;
  }

  /** The same session under a new id; the old one is dead when this resolves. */
  async #renew(): Promise<void> {
    if (this.#state === 'ended') throw missing();
    this.#assertCookieCanLeave();
    await this.#savePending();
    await this.#idle;
    const old = this.#session;
    if (this.#state !== 'live' || old === null) return;
    const session = beginSession(this.engine, this.#req, this.#deadline);
    try {
      const record = await this.engine.lanes.move(old, session);
      this.engine.emit('destroyed', () => ({ handle: this.engine.handleOf(old.key), reason: 'regenerate' }));
      this.#session = session;
      this.#cookieDue = true;
      this.#become('live', decodeData(record.data), record.data);
    } catch (error) {
      if (hasCode(error, 'ERR_SESSION_ENDED')) this.#state = 'ended';
      throw error;
    }
  }

  async #extend(record: SessionRecord): Promise<boolean> {
    const session = this.#session as Session;
    const next = expiryAt(this.engine.config.clock.now(), record.idleMs, record.deadlineAt);
    const isAlive = await this.engine.calls().extend(session.key, next, record);
    if (isAlive) {
      session.record = { ...record, expiresAt: next };
      this.#cookieDue = true;
    }
    return isAlive;
  }

  // ---- leaving

  get used(): boolean {
    return this.#used;
  }

  seal(): void {
    this.#sealed = true;
    if (!this.#used) this.#settled = true;
    else if (!this.engine.config.production) this.#res?.once('close', () => this.#warnOfLateChanges());
  }

  /** Before the response leaves: what the handler changed is stored, or the session is kept from expiring. */
  async settle(): Promise<void> {
    if (!this.#used) return;
    await this.#idle;
    if (this.#bag === null) return;
    const text = this.#bag.pending();
    if (text !== null) await this.#commitImplicitly(text);
    else if (this.#pendingIdle !== undefined && this.#state === 'live')
      await this.#commitImplicitly(this.#bag.encode());
    else await this.#keepAlive();
    this.#settled = true;
  }

  decorate(res: ServerResponse): void {
    if (!this.#used) return;
    varyOnCookie(res);
    const { cookie, config } = this.engine;
    const { id, record } = this.#session ?? {};
    if (this.#state === 'live' && this.#cookieDue && id !== undefined && record) {
      const remaining = record.expiresAt === null ? null : record.expiresAt - config.clock.now();
      cookie.set(this.#req, res, id, remaining);
    } else if (this.#state === 'absent' && this.#clearDue) {
      cookie.clear(this.#req, res);
    }
  }

  async #commitImplicitly(text: string): Promise<void> {
    try {
      // Not even in a request that came after the end: only what is asked for by name begins a new session then.
      if (this.#state === 'temporary') throw missing();
      this.#makeWritable(true);
      await this.#commit(this.#changeTo(text));
    } catch (error) {
      if (!hasCode(error, 'ERR_SESSION_ENDED')) throw error;
      const key = this.#session?.key;
      if (key !== undefined)
        this.engine.emit('interrupted', () => ({ handle: this.engine.handleOf(key), reason: 'ended' }));
    }
  }

  /** In development: a change of `req.session` after the response is not stored by anybody. */
  #warnOfLateChanges(): void {
    if (!this.#settled || this.#underWay > 0 || this.#state === 'ended' || this.#state === 'temporary')
      return;
    let isPending = true;
    try {
      isPending = this.#bag?.pending() != null;
    } catch {
      // What cannot be stored is not stored either.
    }
    if (isPending)
      this.engine.warn(
        'WARN_SESSION_LATE_CHANGE',
        'req.session was changed after the response had left; the change is lost. Change it before, or `await req.session.save()`.',
      );
  }

  /** A touch that fails harms no response; it only carries no cookie. */
  async #keepAlive(): Promise<void> {
    const { record } = this.#session ?? {};
    if (this.#state !== 'live' || !record) return;
    const { clock, touchAfter } = this.engine.config;
    if (!this.#isStale && !isTouchDue(record, clock.now(), touchAfter)) return;
    try {
      await this.#extend(record);
    } catch (error) {
      this.engine.fault({ error, reason: 'touch', handle: this.engine.handleOf(record.key) });
    }
  }
}

function missing(): SessionError {
  return new SessionError('ERR_SESSION_ENDED', 'There is no such session any more: it has ended or expired.');
}

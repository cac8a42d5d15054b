// One request's view of its session: read once, changed in a bag, committed through the lanes. The facade and
// `req.session` are two ways to the same view.
import type { IncomingMessage, ServerResponse } from 'node:http';

import { sessionEnded } from '../commit/attempts.js';
import { Bag } from '../commit/bag.js';
import type { Change, Committed, Move, TextChange } from '../commit/lanes.js';
import type { SessionId, SessionRecord } from '../core/contract.js';
import { hasCode, SessionError } from '../core/errors.js';
import { expiryAt, isTouchDue } from '../core/expiry.js';
import { checkKey, decodeData, encodeData } from '../core/json.js';
import { isLiving } from '../core/record.js';
import { reorder } from '../core/merge.js';
import type { RecordStore } from '../stores/store.js';
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
  /** Private, like all that leads to the secrets: `util.inspect(req)` must not show them. */
  readonly #engine: Engine;
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
  /** The text that a commit was told a store fault for: the caller knows, the gate does not try again. */
  #refused: string | null = null;
  /** Commits under way, and the text that the last of them stored. */
  #underWay = 0;
  #stored: string | null = null;
  /** Settles when no commit is under way. */
  #idle: Promise<unknown> = Promise.resolve();
  /** Settles when every call that the handler made so far has: also one that it did not await. */
  #calls: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine, req: IncomingMessage, res: ServerResponse | null) {
    this.#engine = engine;
    this.#req = req;
    this.#res = res;
    this.#startedAt = engine.config.clock.now();
  }

  // ---- reading

  isOf(engine: Engine): boolean {
    return this.#engine === engine;
  }

  get property(): string | false {
    return this.#engine.config.property;
  }

  get store(): RecordStore {
    return this.#engine.store;
  }

  /** Reads the session unless that is done. A fault leaves it unread: it is never taken for "no session" (P5). */
  load(): Promise<void> {
    this.#used = true;
    // One promise for all, also when it is done: calls of one tick must go on in their order.
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = null;
      throw error;
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
    return new CookieView(this.#engine.config, this.#session?.record ?? null, this.#pendingIdle, (ms) => {
      this.#pendingIdle = ms;
    });
  }

  async #load(): Promise<void> {
    if (this.#state !== 'unread') return;
    if (this.#engine.store.capabilities.has('findSync')) this.#take(readSessionNow(this.#engine, this.#req));
    else this.#take(await readSession(this.#engine, this.#req));
  }

  #bagNow(): Bag {
    this.#used = true;
    // What happens to the object next cannot be seen; a moment later it can.
    if (this.#settled && !this.#engine.config.production) setImmediate(() => this.#warnOfLateChanges());
    if (this.#state === 'unread') this.#take(readSessionNow(this.#engine, this.#req));
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
    this.#session = new Session(this.#engine.store, id, record);
    if (record.closed === undefined) this.#become('live', decodeData(record.data), record.data);
    else this.#becomeEmpty('temporary');
  }

  #becomeEmpty(state: State): void {
    const { initial, limits } = this.#engine.config;
    const first: unknown = initial === undefined ? {} : initial(this.#req);
    if (typeof first !== 'object' || first === null || first instanceof Promise)
      throw new SessionError(
        'ERR_SESSION_VALUE',
        'The option initial must return an object, and not a promise.',
      );
    this.#become(state, decodeData(encodeData(first, limits)), null);
  }

  /** @param text The text of the data, if it is at hand and nothing was dropped from it. */
  #become(state: State, data: Record<string, unknown>, text: string | null): void {
    const live = new SessionObject(this, data) as unknown as Record<string, unknown>;
    const canonical = JSON.stringify(live);
    this.#bag = new Bag(live, text === canonical ? text : canonical, this.#engine.config.limits);
    this.#state = state;
  }

  // ---- writing

  /** Sets keys and stores them. On a rejection the old values are back. */
  set(values: Record<string, unknown>): Promise<void> {
    return this.#call((late) => this.#set(values, late));
  }

  /** False if there was no such key; then nothing is created. */
  delete(key: string): Promise<boolean> {
    return this.#call((late) => this.#delete(key, late));
  }

  /** Sets a key to what `fn` makes of its value. */
  update(key: string, fn: (value: unknown) => unknown): Promise<unknown> {
    return this.#call((late) => this.#update(key, fn, late));
  }

  /** Stores what is pending. */
  save(): Promise<void> {
    return this.#call((late) => this.#savePending(late));
  }

  /** Moves the expiry now. False if there is no session. */
  touch(): Promise<boolean> {
    return this.#call(() => this.#touch());
  }

  /** Ends the session for good. False if there was none. */
  destroy(): Promise<boolean> {
    return this.#call(() => this.#end('destroy'));
  }

  /** Another id from here on, and a new bag: whoever holds the old object keeps it as it was. */
  regenerate({ keepData = false }: RegenerateOptions): Promise<void> {
    return this.#call((late) => (keepData ? this.#renew(late) : this.#beginAnew()));
  }

  /** Reads the session anew; what has not been stored is dropped. */
  reload(): Promise<void> {
    return this.#call(() => this.#reload());
  }

  /**
   * Runs what the handler asked for on the session that it has by then. The response waits for it, awaited or not.
   * @param work Is told whether the response was leaving when the handler asked.
   */
  #call<T>(work: (late: boolean) => Promise<T>): Promise<T> {
    const late = this.#sealed;
    const call = this.load().then(() => work(late));
    this.#calls = Promise.allSettled([this.#calls, call]);
    return call;
  }

  async #set(values: Record<string, unknown>, late: boolean): Promise<void> {
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
    await this.#explicit(late, () => {
      for (const [key, value] of Object.entries(values)) {
        if (!Object.is(live[key], value)) continue;
        // An object that was changed in place and set again: what it was stands in the stored text only.
        const old = before.get(key) === value ? bag.stored(key) : before.get(key);
        if (old === undefined) Reflect.deleteProperty(live, key);
        else live[key] = old;
      }
    });
  }

  async #delete(key: string, late: boolean): Promise<boolean> {
    const { live } = this.#bagNow();
    if (!Object.hasOwn(live, key)) return false;
    const keys = Object.keys(live);
    const value = live[key];
    Reflect.deleteProperty(live, key);
    await this.#explicit(late, () => {
      if (Object.hasOwn(live, key)) return;
      live[key] = value;
      reorder(live, keys);
    });
    return true;
  }

  async #update(key: string, fn: (value: unknown) => unknown, late: boolean): Promise<unknown> {
    checkKey(key);
    const bag = this.#bagNow();
    // A new session begins with what the bag holds, its initial values included.
    const text = this.#state === 'live' ? bag.pending() : bag.encode();
    this.#makeWritable(!late);
    const before = text === null ? null : { before: this.#changeTo(text) };
    return (await this.#commit({ kind: 'update', key, fn, ...before })).value;
  }

  async #touch(): Promise<boolean> {
    await this.#idle;
    const { record } = this.#session ?? {};
    return this.#state === 'live' && record ? this.#extend(record) : false;
  }

  async #beginAnew(): Promise<void> {
    const deadline = this.#state === 'live' ? this.#session?.record?.deadlineAt : undefined;
    await this.#end('regenerate');
    if (deadline !== undefined) this.#deadline = deadline;
  }

  async #reload(): Promise<void> {
    await this.#idle;
    const session = this.#session;
    if (this.#state !== 'live' || session === null) throw missing();
    const record = await this.#engine.calls().find(session.key, true);
    if (!isLiving(record)) {
      this.#state = 'ended';
      throw missing();
    }
    session.record = record;
    this.#pendingIdle = undefined;
    this.#become('live', decodeData(record.data), record.data);
  }

  /** Commits on behalf of a call that is told the outcome; `undo` takes back what the call changed. */
  async #explicit(late: boolean, undo: () => void): Promise<void> {
    try {
      await this.#savePending(late, true);
    } catch (error) {
      undo();
      throw error;
    }
  }

  async #savePending(late: boolean, always = false): Promise<void> {
    const bag = this.#bagNow();
    const text = always ? bag.encode() : bag.pending();
    if (text === null && this.#pendingIdle === undefined) return;
    this.#makeWritable(!late);
    await this.#commit({ kind: 'text', ...this.#changeTo(text ?? bag.encode()) });
  }

  #changeTo(text: string): TextChange {
    const base = (this.#bag as Bag).send(text);
    const isNew = this.#session?.record === null && this.#underWay === 0;
    return { base: isNew ? '{}' : base, mine: text };
  }

  async #commit(change: Change): Promise<Committed> {
    const session = this.#session as Session;
    const bag = this.#bag as Bag;
    const move: Move = this.#pendingIdle === undefined ? {} : { idleMs: this.#pendingIdle };
    this.#pendingIdle = undefined;
    this.#underWay++;
    const commit = this.#engine.lanes.write(session, change, move);
    this.#idle = Promise.allSettled([this.#idle, commit]);
    // A destroy or regenerate may have put another session in its place by then.
    const become = (state: State): void => {
      if (this.#session === session) this.#state = state;
    };
    try {
      const committed = await commit;
      become('live');
      this.#refused = null;
      this.#stored = committed.record.data;
      if (committed.moved || this.#isStale) this.#cookieDue = true;
      return committed;
    } catch (error) {
      bag.fail();
      this.#pendingIdle ??= move.idleMs;
      this.#refused = (change.kind === 'text' ? change : change.before)?.mine ?? null;
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
  #makeWritable(mayBegin: boolean): void {
    if (this.#state === 'live') return;
    const closedAt = this.#session?.record?.closed?.at ?? Infinity;
    // A request that began after the session ended may begin a new one; one that began before must not.
    if (this.#state === 'ended' || (this.#state === 'temporary' && this.#startedAt < closedAt)) {
      throw sessionEnded();
    }
    this.#assertCookieCanLeave(mayBegin);
    this.#session = beginSession(this.#engine, this.#req, this.#deadline);
    this.#state = 'live';
  }

  #assertCookieCanLeave(mayBegin: boolean): void {
    if (this.#res === null)
      throw new SessionError(
        'ERR_SESSION_NO_RESPONSE',
        'A session cannot begin here: there is no response to send its cookie with. Begin it in an HTTP request.',
      );
    if (!mayBegin)
      throw new SessionError(
        'ERR_SESSION_HEADERS_SENT',
        'A session cannot begin after the response has left: its cookie would never arrive. Begin it before.',
      );
  }

  /** Ends the session that the request has, if it lives. */
  async #end(reason: 'destroy' | 'regenerate'): Promise<boolean> {
    await this.#idle;
    const session = this.#state === 'live' ? this.#session : null;
    const wasLive = session !== null && (await this.#engine.lanes.end(session.key, session.record));
    if (wasLive)
      this.#engine.emit('destroyed', () => ({ handle: this.#engine.handleOf(session.key), reason }));
    this.#clearDue = this.#brought.length > 0;
    this.#cookieDue = false;
    this.#session = null;
    this.#becomeEmpty('absent');
    return wasLive;
  }

  /** The same session under a new id; the old one is dead when this resolves. */
  async #renew(late: boolean): Promise<void> {
    if (this.#state === 'ended') throw missing();
    this.#assertCookieCanLeave(!late);
    await this.#savePending(late);
    await this.#idle;
    const old = this.#session;
    if (this.#state !== 'live' || old === null) return;
    const session = beginSession(this.#engine, this.#req, this.#deadline);
    try {
      const record = await this.#engine.lanes.move(old, session);
      this.#engine.emit('destroyed', () => ({
        handle: this.#engine.handleOf(old.key),
        reason: 'regenerate',
      }));
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
    const next = expiryAt(this.#engine.config.clock.now(), record.idleMs, record.deadlineAt);
    const isAlive = await this.#engine.calls().extend(session.key, next, record);
    this.#cookieDue = isAlive;
    if (isAlive) session.record = { ...record, expiresAt: next };
    else this.#state = 'ended';
    return isAlive;
  }

  // ---- leaving

  get used(): boolean {
    return this.#used;
  }

  seal(): void {
    this.#sealed = true;
    if (!this.#used) this.#settled = true;
    else if (!this.#engine.config.production) this.#res?.once('close', () => this.#warnOfLateChanges());
  }

  /** Before the response leaves: what the handler changed is stored, or the session is kept from expiring. */
  async settle(): Promise<void> {
    if (!this.#used) return;
    await this.#calls;
    if (this.#bag === null) return;
    const hasNewIdle = this.#pendingIdle !== undefined && this.#state === 'live';
    const text = this.#bag.pending() ?? (hasNewIdle ? this.#bag.encode() : null);
    if (text === null || text === this.#refused) await this.#keepAlive();
    else await this.#commitImplicitly(text);
    this.#settled = true;
  }

  decorate(res: ServerResponse): void {
    if (!this.#used) return;
    varyOnCookie(res);
    const { cookie, config } = this.#engine;
    const { id, record } = this.#session ?? {};
    if (this.#state === 'live' && this.#cookieDue && id !== undefined && record) {
      const remaining = record.expiresAt === null ? null : record.expiresAt - config.clock.now();
      if (remaining === null || remaining > 0) cookie.set(this.#req, res, id, remaining);
    } else if (this.#state === 'absent' && this.#clearDue) {
      cookie.clear(this.#req, res);
    }
  }

  async #commitImplicitly(text: string): Promise<void> {
    try {
      // Not even in a request that came after the end: only what is asked for by name begins a new session then.
      if (this.#state === 'temporary') throw missing();
      this.#makeWritable(true);
      await this.#commit({ kind: 'text', ...this.#changeTo(text) });
    } catch (error) {
      if (!hasCode(error, 'ERR_SESSION_ENDED')) throw error;
      const key = this.#session?.key;
      if (key !== undefined)
        this.#engine.emit('interrupted', () => ({ handle: this.#engine.handleOf(key), reason: 'ended' }));
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
      this.#engine.warn(
        'WARN_SESSION_LATE_CHANGE',
        'req.session was changed after the response had left; the change is lost. Change it before, or `await req.session.save()`.',
      );
  }

  /**
   * Touches the session if that is due, and looks whether it lives if the response carries its cookie: a slow response
   * must not overwrite the cookie of a newer login.
   *
   *   A: set(), its expiry moved, so the cookie is due · the client logs out and in again · A: res.end()
   *
   * A fault harms no response; it only carries no cookie.
   */
  async #keepAlive(): Promise<void> {
    const { record, isNew } = this.#session ?? {};
    if (this.#state !== 'live' || !record) return;
    const { clock, touchAfter } = this.#engine.config;
    const isDue = this.#isStale || isTouchDue(record, clock.now(), touchAfter);
    // Nobody else holds the id of a session that this response begins.
    if (!isDue && (!this.#cookieDue || isNew)) return;
    this.#cookieDue = false;
    try {
      await this.#extend(record);
    } catch (error) {
      this.#engine.fault({ error, reason: 'touch', handle: this.#engine.handleOf(record.key) });
    }
  }
}

function missing(): SessionError {
  return new SessionError('ERR_SESSION_ENDED', 'There is no such session any more: it has ended or expired.');
}

// What one request knows of its session, and how that changes: read, written to, moved, ended.
import type { IncomingMessage } from 'node:http';

import { sessionEnded } from '../commit/attempts.js';
import { Bag, dataEncoding } from '../commit/bag.js';
import type { Change, Committed, Move, TextChange } from '../commit/lanes.js';
import type { SessionId, SessionRecord } from '../core/contract.js';
import { hasCode, SessionError } from '../core/errors.js';
import { expiryAt } from '../core/expiry.js';
import { decodeData, encodeData } from '../core/json.js';
import { isLiving } from '../core/record.js';
import type { Engine } from './engine.js';
import type { Reading } from './session-reader.js';
import { beginSession, type SessionTarget } from './session-target.js';

/**
 * unread: the store was not asked yet · absent: no session, and none stored until something is ·
 * live: read, stored or being stored · temporary: the request came with a session that had just ended; what it changes
 * goes nowhere · ended: the session ended while the request ran
 */
export type State = 'unread' | 'absent' | 'live' | 'temporary' | 'ended';

/** Where a session may begin: not without a response to send its cookie with, nor after that has left. */
export type Beginning = 'allowed' | 'no-response' | 'too-late';

export class SessionView {
  state: State = 'unread';
  session: SessionTarget | null = null;
  bag: Bag | null = null;
  /** The session's cookie is under an old secret. */
  isStale = false;
  /** The cookie goes with the response: it is new, or its session's expiry moved. */
  cookieDue = false;
  /** This request ended the session that it brought. */
  clearDue = false;
  /** A touch failed: its caller was told, so the gate does not wait for another. */
  touchFailed = false;
  /** Another idle time for the session that is not stored yet, ms. */
  newIdle: number | undefined;
  readonly #engine: Engine;
  readonly #req: IncomingMessage;
  /** Makes `req.session` of data. */
  readonly #present: (data: object) => object;
  readonly #startedAt: number;
  /** The ids the request brought under good signatures. */
  #brought: readonly SessionId[] = [];
  /** A session that was regenerated without data leaves its absolute deadline to the next one. */
  #deadline: number | null | undefined;
  /** The text whose commit failed: its caller was told, so the gate does not try again. */
  refused: string | null = null;
  /** Commits under way, and the text that the last of them stored. */
  #underWay = 0;
  #stored: string | null = null;
  #idle: Promise<unknown> = Promise.resolve();

  constructor(engine: Engine, req: IncomingMessage, present: (data: object) => object) {
    this.#engine = engine;
    this.#req = req;
    this.#present = present;
    this.#startedAt = engine.config.clock.now();
  }

  /** The record as it was last read or stored, while the session lives. */
  get record(): SessionRecord | null {
    return this.state === 'live' ? (this.session?.record ?? null) : null;
  }

  /** Takes over what the store said. */
  take({ brought, session, isStale }: Reading): void {
    this.#brought = brought;
    this.isStale = isStale;
    this.session = session;
    const record = session?.record ?? null;
    // An unknown id is never adopted (CVE-2024-38513): a session that begins now gets one of its own.
    if (isLiving(record)) this.#hold('live', record.data);
    else this.#holdNothing(record === null ? 'absent' : 'temporary');
  }

  /** The text of what no commit has been handed yet, unless the handler was told that it cannot be stored; or null. */
  pending(): string | null {
    if (this.bag === null) return null;
    const hasNewIdle = this.newIdle !== undefined && this.state === 'live';
    const text = this.bag.pending() ?? (hasNewIdle ? this.bag.encode() : null);
    return text === this.refused ? null : text;
  }

  /** Settles when no commit is under way. */
  idle(): Promise<unknown> {
    return this.#idle;
  }

  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** Makes sure that there is a session to write to: this one, or a new one. @throws {SessionError} */
  makeWritable(beginning: Beginning): void {
    if (this.state === 'live') return;
    this.#assertNotEnded();
    assertMayBegin(beginning);
    this.session = beginSession(this.#engine, this.#req, this.#deadline);
    this.state = 'live';
  }

  /** A request that began after the session ended may begin a new one; one that began before must not. */
  #assertNotEnded(): void {
    const closedAt = this.session?.record?.closed?.at ?? Infinity;
    const isTooOld = this.state === 'temporary' && this.#startedAt < closedAt;
    if (this.state === 'ended' || isTooOld) throw sessionEnded();
  }

  /** A text as a change against the one that was handed to a commit before. */
  changeTo(text: string): TextChange {
    const base = (this.bag as Bag).send(text);
    const isNew = this.session?.record === null && this.isIdle;
    return { base: isNew ? '{}' : base, mine: text };
  }

  async commit(change: Change): Promise<Committed> {
    const session = this.session as SessionTarget;
    const bag = this.bag as Bag;
    const idleMs = this.newIdle;
    const move: Move = idleMs === undefined ? {} : { idleMs };
    this.newIdle = undefined;
    this.#underWay++;
    const commit = this.#engine.lanes.write(session, change, move);
    this.#idle = Promise.allSettled([this.#idle, commit]);
    // A destroy or regenerate may have put another session in its place by then.
    const become = (state: State): void => {
      if (this.session === session) this.state = state;
    };
    try {
      const committed = await commit;
      become('live');
      this.refused = null;
      this.#stored = committed.record.data;
      if (committed.moved || this.isStale) this.cookieDue = true;
      return committed;
    } catch (error) {
      bag.fail();
      this.newIdle ??= idleMs;
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

  /** Moves the expiry of the living session. False if it has ended. */
  async extend(record: SessionRecord): Promise<boolean> {
    const session = this.session as SessionTarget;
    const next = expiryAt(this.#engine.config.clock.now(), record.idleMs, record.deadlineAt);
    this.touchFailed = true;
    const isAlive = await this.#engine.calls().extend(session.key, next, record);
    this.touchFailed = false;
    // Late: a destroy or regenerate has put another session in its place.
    if (this.session !== session) return isAlive;
    this.cookieDue = isAlive;
    if (isAlive) session.record = { ...record, expiresAt: next };
    else this.state = 'ended';
    return isAlive;
  }

  /** Asks the store whether the session still lives; `adopt` takes over what it holds. */
  async look(adopt: boolean): Promise<boolean> {
    const { session } = this;
    if (this.state !== 'live' || session === null) return false;
    const record = await this.#engine.calls().find(session.key, true);
    if (this.session !== session) return isLiving(record);
    if (!isLiving(record)) {
      this.state = 'ended';
      return false;
    }
    if (adopt) {
      session.record = record;
      this.newIdle = undefined;
      this.#hold('live', record.data);
    }
    return true;
  }

  /** Ends the session, if it lives, and begins with nothing. @throws {SessionError} */
  async end(reason: 'destroy' | 'regenerate'): Promise<boolean> {
    await this.#idle;
    const session = this.state === 'live' ? this.session : null;
    const wasLive = session !== null && (await this.#engine.lanes.end(session.key, session.record));
    if (session !== null && wasLive) this.#tellDestroyed(session, reason);
    else if (session !== null) this.state = 'ended';
    if (reason === 'regenerate') {
      // A slow request must not undo a logout or a revocation that came since it began.
      this.#assertNotEnded();
      // Regenerating does not move the absolute deadline.
      if (session?.record) this.#deadline = session.record.deadlineAt;
    }
    this.clearDue = this.#brought.length > 0;
    this.cookieDue = false;
    this.session = null;
    this.#holdNothing('absent');
    return wasLive;
  }

  /** Moves the session to another id; the old one is dead when this resolves. */
  async renew(): Promise<void> {
    await this.#idle;
    const old = this.session;
    if (this.state !== 'live' || old === null) return;
    const session = beginSession(this.#engine, this.#req, this.#deadline);
    try {
      const record = await this.#engine.lanes.move(old, session);
      this.#tellDestroyed(old, 'regenerate');
      this.session = session;
      this.cookieDue = true;
      this.#hold('live', record.data);
    } catch (error) {
      if (hasCode(error, 'ERR_SESSION_ENDED') && this.session === old) this.state = 'ended';
      throw error;
    }
  }

  #tellDestroyed(session: SessionTarget, reason: 'destroy' | 'regenerate'): void {
    this.#engine.emit('destroyed', () => ({ handle: this.#engine.handleOf(session.key), reason }));
  }

  #holdNothing(state: State): void {
    const { initial, limits } = this.#engine.config;
    // First, in case that initial() throws.
    this.#hold(state, '{}');
    if (initial === undefined) return;
    const first: unknown = initial(this.#req);
    if (typeof first !== 'object' || first === null || first instanceof Promise)
      throw new SessionError(
        'ERR_SESSION_VALUE',
        'The option initial must return an object, and not a promise.',
      );
    this.#hold(state, encodeData(first, limits));
  }

  #hold(state: State, text: string): void {
    const live = this.#present(decodeData(text)) as Record<string, unknown>;
    // Not the text as it was read: other writers order and space it as they like, or use names that are dropped here.
    this.bag = new Bag(live, JSON.stringify(live), dataEncoding(this.#engine.config.limits));
    this.state = state;
  }
}

/** @throws {SessionError} ERR_SESSION_NO_RESPONSE or ERR_SESSION_HEADERS_SENT */
export function assertMayBegin(beginning: Beginning): void {
  if (beginning === 'no-response')
    throw new SessionError(
      'ERR_SESSION_NO_RESPONSE',
      'A session cannot begin here: there is no response to send its cookie with. Begin it in an HTTP request.',
    );
  if (beginning === 'too-late')
    throw new SessionError(
      'ERR_SESSION_HEADERS_SENT',
      'A session cannot begin after the response has left: its cookie would never arrive. Begin it before.',
    );
}

export function sessionMissing(): SessionError {
  return new SessionError('ERR_SESSION_ENDED', 'There is no such session any more: it has ended or expired.');
}

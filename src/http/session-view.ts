// What one request knows of its session, and how that changes: read, written to, moved, ended.
import type { IncomingMessage } from 'node:http';

import { sessionEnded } from '../commit/attempts.js';
import type { Bag } from '../commit/bag.js';
import type { Inheritance } from '../commit/endings.js';
import type { Change, Committed, Move, TextChange } from '../commit/write.js';
import type { SessionId, SessionKey, SessionRecord } from '../core/contract.js';
import { hasCode, SessionError } from '../core/errors.js';
import { expiryAt } from '../core/expiry.js';
import { isLiving } from '../core/record.js';
import type { Engine } from './engine.js';
import { SessionBags } from './session-bags.js';
import type { Reading } from './session-reader.js';
import { beginSession, type Begun, type SessionTarget } from './session-target.js';
import type { Transport } from './transport.js';

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
  /** How the request brought the session. */
  via: Transport | undefined;
  /** The cookie goes with the response: it is new, or its session's expiry moved. */
  cookieDue = false;
  /** This request ended the session that it brought. */
  clearDue = false;
  /** A touch failed: its caller was told, so the gate does not wait for another. */
  touchFailed = false;
  /** The fault of the store despite which the request is answered. */
  degradedBy: unknown = null;
  /** Why the living session's data cannot be used: it is no JSON object, or not what the schema says. */
  unreadable: unknown = null;
  /** Another idle time for the session that is not stored yet, ms. */
  newIdle: number | undefined;
  readonly #engine: Engine;
  readonly #req: IncomingMessage;
  readonly #bags: SessionBags;
  readonly #startedAt: number;
  /** The ids the request brought under good signatures. */
  #brought: readonly SessionId[] = [];
  /** Those of them that may name a living session besides. */
  #others: readonly SessionId[] = [];
  /** A session that was regenerated without data leaves its absolute deadline to the next one. */
  #deadline: number | null | undefined;
  /** The text whose commit failed: its caller was told, so the gate does not try again. */
  refused: string | null = null;
  /** Commits under way, and the text that the last of them stored. */
  #underWay = 0;
  #stored: string | null = null;
  #idle: Promise<unknown> = DONE;

  /** @param startedAt When the request came. @param present Makes `req.session` of data. */
  constructor(engine: Engine, req: IncomingMessage, startedAt: number, present: (data: object) => object) {
    this.#engine = engine;
    this.#req = req;
    this.#bags = new SessionBags(engine.config, engine.encoding, req, present);
    this.#startedAt = startedAt;
  }

  /** The record as it was last read or stored, while the session lives. */
  get record(): SessionRecord | null {
    return this.state === 'live' ? (this.session?.record ?? null) : null;
  }

  /** Takes over what the store said. */
  take({ brought, others, session, isStale, via }: Reading): void {
    this.#brought = brought;
    this.#others = others;
    this.isStale = isStale;
    this.via = via;
    this.session = session;
    const record = session?.record ?? null;
    // An unknown id is never adopted (CVE-2024-38513): a session that begins now gets one of its own.
    if (!isLiving(record)) {
      this.#holdNothing(record === null ? 'absent' : 'temporary');
      return;
    }
    try {
      this.#holdRecord(record);
    } catch (error) {
      // It can be ended all the same, and another one can begin in its place.
      this.#hold('live', '{}');
      this.unreadable = error;
    }
  }

  /** Goes on without the session: a store that fails shall not keep the request from its answer. */
  degrade(fault: unknown): void {
    this.degradedBy = fault;
    this.cookieDue = false;
    if (this.state === 'unread') this.#holdNothing('temporary');
  }

  /** Whether anything may be pending. */
  get mayDiffer(): boolean {
    return this.newIdle !== undefined || this.bag?.mayDiffer === true;
  }

  /** The text of what no commit has been handed yet, unless the handler was told that it cannot be stored; or null. */
  pending(): string | null {
    if (this.bag === null) return null;
    const hasNewIdle = this.newIdle !== undefined && this.state === 'live';
    const text = this.bag.pending() ?? (hasNewIdle ? this.bag.encode() : null);
    return text === this.refused ? null : text;
  }

  /** Settles when the commits that are under way have settled, and whoever awaits them was told. */
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
    // The old id of a session that was renewed: the client has the new one by now, and a cookie would take it away.
    if (this.session?.record?.closed?.followUntil !== undefined) throw sessionEnded();
    assertMayBegin(beginning);
    this.#engine.assertMayBegin(this.#req);
    this.session = beginSession(this.#engine, this.#req, { deadlineAt: this.#deadline });
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

  /** @param meta Facts that change with it. */
  async commit(change: Change, meta?: Move['meta']): Promise<Committed> {
    const session = this.session as SessionTarget;
    const bag = this.bag as Bag;
    const idleMs = this.newIdle;
    const move = moveOf(idleMs, meta);
    this.newIdle = undefined;
    this.#underWay++;
    const commit = this.#engine.lanes.write(session, change, move);
    const before = this.#idle;
    const after = (): Promise<unknown> => before;
    this.#idle = commit.then(after, after);
    try {
      const committed = await commit;
      const text = change.kind === 'text' ? change : change.before;
      if (text !== undefined) bag.land(text.base, text.mine);
      this.#become('live', session);
      this.refused = null;
      this.#stored = committed.record.data;
      if (session.isFollowed) this.cookieDue = false;
      else if (committed.moved || this.isStale) this.cookieDue = true;
      return committed;
    } catch (error) {
      bag.fail();
      this.newIdle ??= idleMs;
      if (hasCode(error, 'ERR_SESSION_ENDED')) this.#become('ended', session);
      else if (session.record === null) this.#become('absent', session);
      throw error;
    } finally {
      if (--this.#underWay === 0) {
        bag.settle(this.#stored);
        this.#stored = null;
      }
    }
  }

  /** A destroy or regenerate may have put another session in its place by then. */
  #become(state: State, session: SessionTarget): void {
    if (this.session === session) this.state = state;
  }

  /** Whether the session was read from the store and not begun by this request. */
  get isLoaded(): boolean {
    return this.state === 'live' && this.session?.isNew === false;
  }

  /** Stores facts about the session, and nothing else. */
  async note(facts: Move['meta']): Promise<void> {
    const text = (this.bag as Bag).encode();
    await this.commit({ kind: 'text', ...this.changeTo(text) }, facts);
  }

  /** Moves the expiry of the living session. False if it has ended. */
  async extend(record: SessionRecord): Promise<boolean> {
    const session = this.session as SessionTarget;
    const next = expiryAt(this.#engine.config.clock.now(), record.idleMs, record.deadlineAt);
    this.touchFailed = true;
    const touch = this.#engine.calls().extend(session.key, next, record);
    const isExtended = await this.#engine.touches.during(record, next, touch);
    // Renewed meanwhile, which moved its expiry too.
    const found = isExtended ? null : await this.#engine.findLiving(session.key);
    const renewed = found?.key === session.key ? null : found;
    this.touchFailed = false;
    const isAlive = isExtended || renewed !== null;
    // Late: a destroy or regenerate has put another session in its place.
    if (this.session !== session) return isAlive;
    session.record = renewed ?? { ...record, expiresAt: next };
    session.key = session.record.key;
    this.cookieDue = isAlive && !session.isFollowed;
    if (!isAlive) this.state = 'ended';
    return isAlive;
  }

  /** Asks the store whether the session still lives; `adopt` takes over what it holds. */
  async look(adopt: boolean): Promise<boolean> {
    const { session } = this;
    if (this.state !== 'live' || session === null) return false;
    const record = await this.#engine.findLiving(session.key);
    if (this.session !== session) return record !== null;
    if (record === null) {
      this.state = 'ended';
      return false;
    }
    if (adopt) {
      session.record = record;
      session.key = record.key;
      this.newIdle = undefined;
      this.#holdRecord(record);
    }
    return record.key === session.key;
  }

  /** Goes on with what a scheduled renewal made of the session. */
  follow(record: SessionRecord): void {
    if (this.state !== 'live' || this.session === null) return;
    this.session.record = record;
    this.session.key = record.key;
  }

  /**
   * Ends the session, if it lives, with the others that the request brought, and begins with nothing.
   * @returns Whether any of them lived.
   * @throws {SessionError}
   */
  async end(reason: 'destroy' | 'regenerate'): Promise<boolean> {
    await this.idle();
    const session = this.state === 'live' ? this.session : null;
    const onEnd = (key: SessionKey): void => this.#tellDestroyed(key, reason);
    const wasLive = session !== null && (await this.#engine.lanes.end(session.key, session.record, onEnd));
    if (session !== null && (!wasLive || reason === 'destroy')) this.state = 'ended';
    if (reason === 'regenerate') {
      // A slow request must not undo a logout or a revocation that came since it began.
      this.#assertNotEnded();
      // Regenerating does not move the absolute deadline.
      if (session?.record) this.#deadline = session.record.deadlineAt;
    }
    const endedOthers = await this.endOthers(reason);
    this.clearDue = this.#brought.length > 0;
    this.cookieDue = false;
    this.session = null;
    this.unreadable = null;
    this.#holdNothing('absent');
    return wasLive || endedOthers;
  }

  /** The keys of the sessions that a login ends, its own among them. */
  get leaving(): SessionKey[] {
    const { store } = this.#engine;
    const own = this.record?.key;
    return [...(own === undefined ? [] : [own]), ...this.#others.map((id) => store.keyOf(id))];
  }

  /**
   * Ends what the request brought besides its session, in a second cookie or a header: the client would come with that
   * next, after a logout or in the place of a login. False if none of it lived.
   */
  async endOthers(reason: 'destroy' | 'regenerate' | 'login'): Promise<boolean> {
    const { store, lanes } = this.#engine;
    const onEnd = (key: SessionKey): void => this.#tellDestroyed(key, reason);
    const ended = await Promise.all(this.#others.map((id) => lanes.end(store.keyOf(id), null, onEnd)));
    this.#others = [];
    return ended.includes(true);
  }

  /** No response tells the session's id. */
  abandon(): void {
    this.state = 'ended';
    this.cookieDue = false;
  }

  /** Moves the session to another id; the old one is dead when this resolves. */
  async regenerate(): Promise<void> {
    await this.idle();
    if (this.state === 'live') await this.#move('regenerate', {}, { data: true, identity: true });
  }

  /**
   * Moves the session to another id because of its age. Requests with the old one are served for a while, until one
   * brings the new one. A request that comes too late to be the one that moves it changes nothing.
   */
  async renew(followMs: number): Promise<void> {
    await this.idle();
    if (this.state === 'live') await this.#move('renew', {}, { data: true, identity: true, followMs });
  }

  /**
   * Begins a session of a user under an id of its own; the one that was is dead when this resolves.
   * @param keepsData Takes along what the session holds, unless that is another user's.
   */
  async login(begun: Begun & { readonly owner: string }, keepsData: boolean): Promise<void> {
    await this.idle();
    this.#assertNotEnded();
    const old = this.session?.record?.owner;
    const data = keepsData && (old === undefined || old === begun.owner);
    this.#engine.assertMayBegin(this.#req);
    const first = data ? null : this.#bags.first();
    if (first !== null) this.#bags.check(first);
    if (this.state === 'live') {
      const beginning = first === null ? begun : { ...begun, data: first };
      await this.#move('login', beginning, { data, identity: false });
      return;
    }
    if (first !== null) this.#hold('absent', first);
    const text = first ?? (this.bag as Bag).encode();
    this.session = beginSession(this.#engine, this.#req, begun);
    this.state = 'live';
    await this.commit({ kind: 'text', ...this.changeTo(text) });
  }

  async #move(
    reason: 'regenerate' | 'login' | 'renew',
    begun: Begun,
    inheritance: Inheritance,
  ): Promise<void> {
    const old = this.session as SessionTarget;
    const session = beginSession(this.#engine, this.#req, begun);
    try {
      const record = await this.#engine.lanes.move(old, session, inheritance, (key) => {
        if (reason !== 'renew') this.#tellDestroyed(key, reason);
        else this.#engine.tellRenewed(this.#engine.handleOf(key), this.#engine.handleOf(session.key));
      });
      this.session = session;
      this.cookieDue = true;
      this.unreadable = null;
      // Nothing but the id is another: what the handler holds stays what is stored.
      if (reason === 'renew') this.bag?.settle(record.data);
      else this.#holdRecord(record);
    } catch (error) {
      if (hasCode(error, 'ERR_SESSION_ENDED') && this.session === old && reason !== 'renew')
        this.state = 'ended';
      throw error;
    }
  }

  #tellDestroyed(key: SessionKey, reason: 'destroy' | 'regenerate' | 'login'): void {
    const handle = this.#engine.handleOf(key);
    this.#engine.emit('destroyed', () => ({ handle, reason }));
  }

  #holdNothing(state: State): void {
    // Before, in case that initial() throws.
    this.#hold(state, '{}');
    const text = this.#bags.first();
    if (text !== '{}') this.#hold(state, text);
  }

  #hold(state: State, text: string): void {
    this.bag = this.#bags.of(text);
    this.state = state;
  }

  /** @throws {SessionError} ERR_SESSION_CORRUPT, ERR_SESSION_SCHEMA */
  #holdRecord(record: SessionRecord): void {
    this.bag = this.#bags.ofRecord(record);
    this.state = 'live';
  }
}

const DONE = Promise.resolve();

/** A write that changes nothing but the data. */
const PLAIN: Move = {};

function moveOf(idleMs: number | undefined, meta: Move['meta']): Move {
  if (idleMs === undefined && meta === undefined) return PLAIN;
  return { ...(idleMs === undefined ? null : { idleMs }), ...(meta === undefined ? null : { meta }) };
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

// One request's session as the facade and `req.session` use it: two ways to the same view.
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Bag } from '../commit/bag.js';
import type { SessionKey, SessionRecord } from '../core/contract.js';
import { isStoreFault } from '../commit/store-calls.js';
import type { RecordStore } from '../stores/store.js';
import { CookieView } from './cookie-view.js';
import { Edits } from './edits.js';
import type { Engine } from './engine.js';
import { decorate, settle } from './leaving.js';
import { OpenCalls } from './open-calls.js';
import type { GateParty } from './response-gate.js';
import { SessionObject, type SessionCookieView } from './session-object.js';
import { readSession, readSessionNow } from './session-reader.js';
import type { Begun } from './session-target.js';
import { assertMayBegin, sessionMissing, SessionView, type Beginning } from './session-view.js';

export interface RegenerateOptions {
  /** Takes the data along to the new id. Default false. */
  keepData?: boolean;
}

/** The sessions that a user may have at a time. */
export interface Seats {
  /** @param leaving The sessions that make room. @throws {SessionError} ERR_SESSION_TOO_MANY_SESSIONS */
  assertFree(leaving: readonly SessionKey[]): Promise<void>;
  /** Makes room for the session that has begun. @throws {SessionError} ERR_SESSION_TOO_MANY_SESSIONS if it may not */
  take(): Promise<void>;
}

/** How a login begins, and where it has its place. */
export interface Login {
  readonly begun: Begun & { readonly owner: string };
  readonly seats: Seats;
}

/** Whether a call needs the session's data, or works on one that cannot be read, too. */
type Needed = 'readable' | 'unreadable too';

const DONE = Promise.resolve();

export class RequestSession implements GateParty {
  /** Private, like all that leads to the secrets: `util.inspect(req)` must not show them. */
  readonly #engine: Engine;
  readonly #req: IncomingMessage;
  /** Null where there is no response to send a cookie with: a WebSocket's upgrade. */
  readonly #res: ServerResponse | null;
  readonly #beganAt: number;
  #made: { readonly view: SessionView; readonly edits: Edits } | null = null;
  #loading: Promise<void> | null = null;
  #used = false;
  /** The response is leaving: no cookie can be added any more. */
  #sealed = false;
  /** What was changed before the response left is stored. */
  #settled = false;
  /** The handler's calls that have not settled yet. */
  #open: OpenCalls | null = null;
  /** The last call that puts another session in the place of this one: those behind it wait for it. */
  #turn: Promise<unknown> | undefined;

  constructor(engine: Engine, req: IncomingMessage, res: ServerResponse | null) {
    this.#engine = engine;
    this.#req = req;
    this.#res = res;
    this.#beganAt = engine.config.clock.now();
  }

  /** Made when the session is used: most requests of many applications do not. */
  get #parts(): { readonly view: SessionView; readonly edits: Edits } {
    if (this.#made === null) {
      const view = new SessionView(
        this.#engine,
        this.#req,
        this.#beganAt,
        (data) => new SessionObject(this, data),
      );
      this.#made = { view, edits: new Edits(view, () => this.#bag()) };
    }
    return this.#made;
  }

  get #view(): SessionView {
    return this.#parts.view;
  }

  get #edits(): Edits {
    return this.#parts.edits;
  }

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
    if (this.#loading !== null) return this.#loading;
    if (this.#view.state === 'unread' && !this.#engine.store.capabilities.has('findSync'))
      // One promise for all, also when it is done: calls of one tick must go on in their order.
      return (this.#loading = this.#read().catch((error: unknown) => {
        this.#loading = null;
        throw error;
      }));
    try {
      if (this.#view.state === 'unread') this.#readNow();
      this.#assertReadable();
      return (this.#loading = DONE);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** `req.session`. @throws {SessionError} ERR_SESSION_NOT_LOADED where the store needs a promise to be asked */
  get object(): object {
    const bag = this.#bag();
    bag.shareAll();
    return bag.live;
  }

  /** A value of the session. */
  value(key: string): unknown {
    const bag = this.#bag();
    if (!Object.hasOwn(bag.live, key)) return undefined;
    bag.share(key);
    return bag.live[key];
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#bag().live, key);
  }

  /** All of them, in an object of its own. */
  get all(): Record<string, unknown> {
    const bag = this.#bag();
    bag.shareAll();
    return { ...bag.live };
  }

  /** The id, if there is a session. */
  get id(): string | undefined {
    this.#bag();
    return this.#view.state === 'live' ? this.#view.session?.id : undefined;
  }

  /** The key of the living session. */
  get key(): SessionKey | undefined {
    return this.#view.record?.key;
  }

  get cookie(): SessionCookieView {
    this.#bag();
    const view = this.#view;
    return new CookieView(this.#engine.config, view.session?.record ?? null, view.newIdle, (ms) => {
      view.newIdle = ms;
    });
  }

  /** Sets keys and stores them. On a rejection the old values are back. */
  set(values: Record<string, unknown>): Promise<void> {
    return this.#call((beginning) => this.#edits.set(values, beginning));
  }

  /** False if there was no such key; then nothing is created. */
  delete(key: string): Promise<boolean> {
    return this.#call((beginning) => this.#edits.delete(key, beginning));
  }

  /** Sets a key to what `fn` makes of its value. */
  update(key: string, fn: (value: unknown) => unknown): Promise<unknown> {
    return this.#call((beginning) => this.#edits.update(key, fn, beginning));
  }

  /** Stores what is pending. */
  save(): Promise<void> {
    return this.#call((beginning) => this.#edits.save(beginning));
  }

  /** Moves the expiry now. False if there is no session. */
  touch(): Promise<boolean> {
    return this.#call(async () => {
      await this.#view.idle();
      const { record } = this.#view;
      return record !== null && this.#view.extend(record);
    }, this.#tellTouchFault);
  }

  /** Ends the session for good. False if there was none. */
  destroy(): Promise<boolean> {
    return this.#turnTo(() => this.#view.end('destroy'), 'unreadable too');
  }

  /** Another id from here on, and a new bag: whoever holds the old object keeps it as it was. */
  regenerate({ keepData = false }: RegenerateOptions): Promise<void> {
    return this.#turnTo(
      async (beginning) => {
        if (this.#view.state === 'ended') throw sessionMissing();
        assertMayBegin(beginning);
        if (keepData) {
          await this.#edits.save(beginning);
          await this.#view.regenerate();
        } else {
          await this.#view.end('regenerate');
        }
      },
      keepData ? 'readable' : 'unreadable too',
    );
  }

  /** The user that the session belongs to, if any. */
  get owner(): string | undefined {
    return this.#view.record?.owner;
  }

  /** The living session as it was read or stored last. */
  get record(): SessionRecord | null {
    return this.#view.record;
  }

  /**
   * Begins a session of a user, in the place of the one that was. Stored when it resolves.
   * @param prepare Says how it begins. What it throws fails the call, and the response if nobody awaits that.
   */
  login(prepare: () => Login, keepData: boolean): Promise<void> {
    return this.#turnTo(
      async (beginning) => {
        assertMayBegin(beginning);
        const { begun, seats } = prepare();
        await seats.assertFree(this.#view.leaving);
        if (keepData && this.#view.state === 'live') await this.#edits.save(beginning);
        await this.#view.login(begun, keepData);
        try {
          await this.#view.endOthers('login');
          await seats.take();
        } catch (error) {
          // If it cannot be ended either, nobody is told its id.
          await this.#view.end('destroy').catch(() => this.#view.abandon());
          throw error;
        }
      },
      keepData ? 'readable' : 'unreadable too',
    );
  }

  /** The session was renewed elsewhere, to this record. */
  follow(record: SessionRecord): void {
    this.#view.follow(record);
  }

  /** Reads the session anew; what has not been stored is dropped. */
  reload(): Promise<void> {
    return this.#turnTo(async () => {
      await this.#view.idle();
      if (!(await this.#view.look(true))) throw sessionMissing();
    });
  }

  async #read(): Promise<void> {
    try {
      this.#view.take(await readSession(this.#engine, this.#req));
    } catch (error) {
      this.#degrade(error);
    }
    this.#assertReadable();
  }

  #readNow(): void {
    try {
      this.#view.take(readSessionNow(this.#engine, this.#req));
    } catch (error) {
      this.#degrade(error);
    }
  }

  /** Where the options say so, the request goes on although the store fails. @throws the fault where they do not */
  #degrade(error: unknown): void {
    if (!this.#engine.config.degrades || !isStoreFault(error)) throw error;
    this.#view.degrade(error);
    Object.assign(this.#req, { sessionDegraded: true });
    this.#engine.fault({ error, reason: 'store' });
  }

  /** What needs to know whether there is a session, or whose it is, cannot do without the store. @throws its fault */
  assertStored(): void {
    if (this.#view.degradedBy !== null) throw this.#view.degradedBy as Error;
  }

  #assertReadable(): void {
    if (this.#view.unreadable !== null) throw this.#view.unreadable as Error;
  }

  /** The data, read at once if need be. */
  #bag(): Bag {
    this.#used = true;
    // What happens to the object next cannot be seen; a moment later it can.
    if (this.#settled && !this.#engine.config.production) setImmediate(() => this.#warnOfLateChanges());
    if (this.#view.state === 'unread') this.#readNow();
    this.#assertReadable();
    return this.#view.bag as Bag;
  }

  /**
   * Runs what the handler asked for on the session that it has by then. The response waits for it, awaited or not, and
   * fails with it if it was not.
   * @param work Is told whether a session might begin when the handler asked.
   * @param onFault For a call whose failure harms no response.
   */
  #call<T>(
    work: (beginning: Beginning) => Promise<T>,
    onFault?: (error: unknown) => void,
    data: Needed = 'readable',
  ): Promise<T> {
    const late = this.#sealed ? 'too-late' : 'allowed';
    const beginning = this.#res === null ? 'no-response' : late;
    const call = this.#run(this.#turn, data, () => work(beginning));
    return this.#sealed ? call : (this.#open ??= new OpenCalls()).watch(call, onFault);
  }

  /** @param turn What it waits for besides the reading of the session. */
  async #run<T>(turn: Promise<unknown> | undefined, data: Needed, work: () => Promise<T>): Promise<T> {
    try {
      await this.load();
    } catch (error) {
      if (data === 'readable' || error !== this.#view.unreadable) throw error;
    }
    if (turn !== undefined) await turn;
    this.assertStored();
    return work();
  }

  /** A call that fails before it asks for anything: if nobody awaits it, it fails the response as the others do. */
  refuse(error: unknown): Promise<never> {
    this.#used = true;
    return this.#call(() => {
      throw error;
    });
  }

  readonly #tellTouchFault = (error: unknown): void => {
    this.#engine.fault({ error, reason: 'touch' });
  };

  /** A call after which the request has another session: set() behind regenerate() is for the new one. */
  #turnTo<T>(work: (beginning: Beginning) => Promise<T>, data?: Needed): Promise<T> {
    const call = this.#call(work, undefined, data);
    this.#turn = call.catch(() => undefined);
    return call;
  }

  get used(): boolean {
    return this.#used;
  }

  seal(): void {
    this.#sealed = true;
    if (!this.#used) this.#settled = true;
    else if (!this.#engine.config.production) this.#res?.once('close', () => this.#warnOfLateChanges());
  }

  async settle(): Promise<void> {
    if (!this.#used) return;
    // Awaited also where no call is open: what the handler changes in this turn, behind the one that sent the response, is
    // stored too.
    await this.#open?.settled();
    try {
      if (this.#view.degradedBy === null) await settle(this.#engine, this.#view);
    } catch (error) {
      this.#degrade(error);
    }
    this.#settled = true;
  }

  decorate(res: ServerResponse): void {
    if (this.#used) decorate(this.#engine, this.#view, this.#req, res);
  }

  /** In development: a change of `req.session` after the response is not stored by anybody. */
  #warnOfLateChanges(): void {
    const { state, isIdle } = this.#view;
    if (!this.#settled || !isIdle || state === 'ended' || state === 'temporary') return;
    let isPending = true;
    try {
      isPending = this.#view.pending() !== null;
    } catch {
      // What cannot be stored is not stored either.
    }
    if (isPending)
      this.#engine.warn(
        'WARN_SESSION_LATE_CHANGE',
        'req.session was changed after the response had left; the change is lost. Change it before, or `await req.session.save()`.',
      );
  }
}

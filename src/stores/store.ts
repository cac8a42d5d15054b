// The store classes: `Store`, the face that express-session knows, and `RecordStore`, which derives it from the
// contract in `core/contract.ts`. A custom store extends RecordStore and writes the five required methods.
import { EventEmitter } from 'node:events';

import { answer, type Callback } from '../core/callback.js';
import { systemClock, type Clock } from '../core/clock.js';
import {
  isBroken,
  type CallOptions,
  type Capability,
  type FindOptions,
  type OptionalPrimitives,
  type PageOptions,
  type BrokenRecord,
  type SessionHandle,
  type SessionId,
  type SessionKey,
  type SessionRecord,
  type StoreContract,
} from '../core/contract.js';
import { SessionError } from '../core/errors.js';
import { handleOf, isHandle } from '../core/ids.js';
import { closedRecord, isLiving, newVersion } from '../core/record.js';
import { expiryOf, sessionOf, textOfSession } from './express-face.js';
import { Periodic } from './periodic.js';
import { Session, type SessionRequest, type StoredSession } from './session.js';

/** Marks a RecordStore in both builds of the package, and in any other copy of it. */
const RECORD_STORE = Symbol.for('session-store-js.RecordStore');

/** What people replace on a store to watch or change it. */
const PATCHABLE = ['get', 'set', 'touch', 'destroy'] as const;

/** How often a blind `set` or a `destroy` is tried against other writers before it gives up. */
const ATTEMPTS = 16;
const PAGE_LIMIT = 200;
const SWEEP_LIMIT = 500;
const DEFAULT_CLEANUP_INTERVAL_MS = 60_000;

const CANNOT: Partial<Readonly<Record<Capability, string>>> = {
  page: 'cannot list its sessions',
  revokeBefore: 'cannot revoke sessions by the time they began',
};

/**
 * The store that express-session knows: every method takes a callback and returns a promise.
 * Emits `connect`, `disconnect` and `error` where its engine has such moments.
 */
export abstract class Store extends EventEmitter {
  /** Set by express-session: puts a fresh session on the request. */
  generate?: (req: SessionRequest) => void;

  abstract get(sid: string, callback?: Callback<StoredSession | null>): Promise<StoredSession | null>;
  abstract set(sid: string, session: StoredSession, callback?: Callback): Promise<void>;
  abstract touch(sid: string, session: StoredSession, callback?: Callback): Promise<void>;
  abstract destroy(sid: string, callback?: Callback): Promise<void>;
  abstract all(callback?: Callback<StoredSession[]>): Promise<StoredSession[]>;
  abstract ids(callback?: Callback<string[]>): Promise<string[]>;
  abstract length(callback?: Callback<number>): Promise<number>;
  abstract clear(callback?: Callback): Promise<void>;

  /** The session of an id as an object with methods, or `null`. */
  load(sid: string, callback?: Callback<Session | null>): Promise<Session | null> {
    const load = async (): Promise<Session | null> => {
      const stored = await this.get(sid);
      return stored === null ? null : this.createSession({ sessionID: sid, sessionStore: this }, stored);
    };
    return answer(load(), callback);
  }

  /** Ends the request's session and generates a fresh one. Works where express-session has set `generate`. */
  regenerate(req: SessionRequest, callback?: Callback): Promise<void> {
    const regenerate = async (): Promise<void> => {
      const { generate } = this;
      if (generate === undefined)
        throw new SessionError(
          'ERR_SESSION_UNSUPPORTED',
          'store.regenerate needs the express-session middleware.',
        );
      await this.destroy(req.sessionID);
      generate.call(this, req);
    };
    return answer(regenerate(), callback);
  }

  /** Puts a stored session on the request, as an object with methods. */
  createSession(req: SessionRequest, stored: StoredSession): Session {
    const session = new Session(req, stored);
    req.session = session;
    return session;
  }
}

export interface RecordStoreOptions {
  /** `'sha256'` (default): the store sees handles, a leaked store opens no session. `'plain'`: it sees ids. */
  idAtRest?: 'sha256' | 'plain';
  /** Default: the system clock, guarded against jumps. */
  clock?: Clock;
}

/** What `scan` and `page` select. */
export interface ScanOptions {
  owner?: string;
  withData?: boolean;
}

/**
 * A store that keeps the contract, and with it every promise of the package. Write `find`, `insert`, `replace`,
 * `extend` and `remove`; name what you have besides in `capabilities`, through `declares`. The express-session
 * methods, `scan`, and a cleanup timer for stores that can `removeExpired` are derived.
 *
 * Emits `expired` with a handle for each session it removes because its time is over, `evicted` for one it removes to
 * make room, and `revoked` for one that `revokeBefore` ended.
 */
export abstract class RecordStore extends Store implements StoreContract {
  readonly [RECORD_STORE] = 1;
  readonly capabilities: ReadonlySet<Capability> = new Set();
  readonly idAtRest: 'sha256' | 'plain';
  protected readonly clock: Clock;
  /** Between two sweeps, ms. */
  protected readonly cleanupIntervalMs: number = DEFAULT_CLEANUP_INTERVAL_MS;
  #cleanup: Periodic | undefined;

  constructor({ idAtRest = 'sha256', clock = systemClock }: RecordStoreOptions = {}) {
    super();
    this.idAtRest = idAtRest;
    this.clock = clock;
  }

  /** Whether a value keeps this contract; true for one from another copy or build of the package too. */
  static is(value: unknown): value is RecordStore {
    return typeof value === 'object' && value !== null && RECORD_STORE in value;
  }

  abstract find(key: SessionKey, options?: FindOptions): Promise<SessionRecord | null>;
  abstract insert(record: SessionRecord, options?: CallOptions): Promise<boolean>;
  abstract replace(record: SessionRecord, expectedVersion: string, options?: CallOptions): Promise<boolean>;
  abstract extend(
    key: SessionKey,
    expiresAt: number | null,
    record?: SessionRecord,
    options?: CallOptions,
  ): Promise<boolean>;
  abstract remove(key: SessionKey, options?: CallOptions): Promise<boolean>;

  /** `capabilities = this.declares('page', 'count')`: does not compile unless the class has what it names. */
  protected declares<Name extends Capability>(
    this: Pick<OptionalPrimitives, Name>,
    ...names: Name[]
  ): ReadonlySet<Capability> {
    return new Set(names);
  }

  /** What it is called in messages. */
  get kind(): string {
    return this.constructor.name;
  }

  /** Whether somebody replaced one of the express-session methods on this store: the primitives do not know of it. */
  get isPatched(): boolean {
    // Asked for each request: a closure would cost more than the answer.
    for (const name of PATCHABLE) if (Object.hasOwn(this, name)) return true;
    return false;
  }

  /** What the store calls a session whose id it is told. */
  keyOf(id: SessionId): SessionKey {
    return (this.idAtRest === 'plain' ? id : handleOf(id)) as string as SessionKey;
  }

  /** The public name of a session in this store. */
  handleOf(key: SessionKey): SessionHandle {
    const name: string = key;
    return this.idAtRest === 'plain' ? handleOf(name as SessionId) : (name as SessionHandle);
  }

  /**
   * Every living session, a page at a time: memory stays flat however many there are.
   * @throws {SessionError} ERR_SESSION_UNSUPPORTED where the store cannot list.
   */
  async *scan(options: ScanOptions = {}): AsyncGenerator<SessionRecord | BrokenRecord, void> {
    const pages = this.capable('page');
    let cursor: string | null = null;
    do {
      const request: PageOptions = { ...options, limit: PAGE_LIMIT, ...(cursor === null ? {} : { cursor }) };
      const page = await pages.page(request);
      yield* page.records;
      cursor = page.cursor;
    } while (cursor !== null);
  }

  /** Starts the sweeping of expired sessions; a store whose engine expires them by itself has nothing to start. */
  startCleanup(): void {
    if (!this.capabilities.has('removeExpired')) return;
    const store = this.capable('removeExpired');
    this.#cleanup ??= new Periodic(
      this.clock,
      this.cleanupIntervalMs,
      () => async () => (await store.removeExpired(SWEEP_LIMIT)) > 0,
      (error) => this.report(error),
    );
    this.#cleanup.start();
  }

  stopCleanup(): void {
    this.#cleanup?.stop();
  }

  /** Starts the periodic rebuilding of the store's indexes, where it has any. */
  startIndexRebuild(): void {
    // Nothing to rebuild unless a store says so.
  }

  stopIndexRebuild(): void {
    // Nothing to stop unless a store says so.
  }

  override get(sid: string, callback?: Callback<StoredSession | null>): Promise<StoredSession | null> {
    const get = async (): Promise<StoredSession | null> => {
      const record = await this.find(this.#keyNamed(sid));
      return isLiving(record) ? sessionOf(record) : null;
    };
    return answer(get(), callback);
  }

  /** Stores a session whatever is there: express-session knows no versions. A closed session stays closed. */
  override set(sid: string, session: StoredSession, callback?: Callback): Promise<void> {
    return answer(this.#set(sid, session), callback);
  }

  override touch(sid: string, session: StoredSession, callback?: Callback): Promise<void> {
    const touch = async (): Promise<void> => {
      await this.extend(this.#keyNamed(sid), expiryOf(session).expiresAt);
    };
    return answer(touch(), callback);
  }

  /** Ends a session. It stays closed for a minute, so that a late `set` does not bring it back. */
  override destroy(sid: string, callback?: Callback): Promise<void> {
    return answer(this.#destroy(sid), callback);
  }

  /** Every session with its name as `id`: a handle, or the id where the store has ids plain at rest. */
  override all(callback?: Callback<StoredSession[]>): Promise<StoredSession[]> {
    const all = async (): Promise<StoredSession[]> => {
      const sessions: StoredSession[] = [];
      for await (const entry of this.scan())
        if (!isBroken(entry)) sessions.push({ ...sessionOf(entry), id: entry.key });
      return sessions;
    };
    return answer(all(), callback);
  }

  /** The names of every session, good for `destroy`: handles, or ids where the store has them plain at rest. */
  override ids(callback?: Callback<string[]>): Promise<string[]> {
    const ids = async (): Promise<string[]> => {
      const names: string[] = [];
      for await (const { key } of this.scan({ withData: false })) names.push(key);
      return names;
    };
    return answer(ids(), callback);
  }

  /** How many sessions there are: counted by the store, or by listing them. */
  override length(callback?: Callback<number>): Promise<number> {
    const length = async (): Promise<number> => {
      if (this.capabilities.has('count')) return this.capable('count').count();
      let count = 0;
      for await (const entry of this.scan({ withData: false })) count += isBroken(entry) ? 0 : 1;
      return count;
    };
    return answer(length(), callback);
  }

  override clear(callback?: Callback): Promise<void> {
    const clear = async (): Promise<void> => {
      for await (const { key } of this.scan({ withData: false })) await this.remove(key);
    };
    return answer(clear(), callback);
  }

  /** This store, as one that has what it declares. @throws {SessionError} ERR_SESSION_UNSUPPORTED */
  capable<Name extends Capability>(name: Name): this & Pick<OptionalPrimitives, Name> {
    if (this.capabilities.has(name)) return this as this & Pick<OptionalPrimitives, Name>;
    const what = CANNOT[name] ?? 'cannot do that';
    throw new SessionError('ERR_SESSION_UNSUPPORTED', `${this.kind} ${what}: it does not declare "${name}".`);
  }

  /** A fault in the background: an `error` event where somebody listens, and never an exception. */
  protected report(error: unknown): void {
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }

  async #set(sid: string, session: StoredSession): Promise<void> {
    const key = this.#keyNamed(sid);
    const data = textOfSession(session);
    const { idleMs, expiresAt } = expiryOf(session);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await this.find(key, { fresh: true });
      if (found?.closed !== undefined) return;
      const version = newVersion();
      if (found !== null) {
        const end = found.deadlineAt === null ? expiresAt : Math.min(expiresAt ?? Infinity, found.deadlineAt);
        if (await this.replace({ ...found, data, version, idleMs, expiresAt: end }, found.version)) return;
      } else {
        const createdAt = this.clock.now();
        if (await this.insert({ v: 1, key, data, version, createdAt, deadlineAt: null, idleMs, expiresAt }))
          return;
      }
    }
    throw new SessionError(
      'ERR_SESSION_CONFLICT',
      `A session was changed ${String(ATTEMPTS)} times while it was saved.`,
    );
  }

  async #destroy(sid: string): Promise<void> {
    const key = this.#keyNamed(sid);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await this.find(key, { fresh: true });
      if (!isLiving(found)) return;
      if (await this.replace(closedRecord(found, this.clock.now()), found.version)) return;
    }
    await this.remove(key);
  }

  /** The key of a session that is named by its id or by its handle. */
  #keyNamed(sid: string): SessionKey {
    if (typeof sid !== 'string' || sid === '')
      throw new SessionError(
        'ERR_SESSION_ID',
        'A session is named by its id or its handle: a string that is not empty.',
      );
    return isHandle(sid) ? (sid as string as SessionKey) : this.keyOf(sid as SessionId);
  }
}

// Any express-session store as a RecordStore: what the contract asks for is made of get, set, touch and destroy.
//
// Such a store has no compare-and-set. Within this process writes of one session go one after the other, each against
// what the store holds then, so that they merge and nothing comes back; another process can still write between our
// `get` and our `set`. A session that ended is remembered for a minute, because most of these stores create what is
// set. The record's version is the text of the session, or stands in it (adapted-record.ts).
import type { EventEmitter } from 'node:events';

import type { Clock } from '../core/clock.js';
import {
  CLOSED_FOR_MS,
  isBroken,
  type BrokenRecord,
  type CallOptions,
  type Capability,
  type Page,
  type PageOptions,
  type SessionId,
  type SessionKey,
  type SessionRecord,
} from '../core/contract.js';
import { hasCode, SessionError } from '../core/errors.js';
import { isExpired } from '../core/expiry.js';
import { handleOf, isHandle } from '../core/ids.js';
import { recordOf, storedSession } from './adapted-record.js';
import { assertStore, callStore, kindOf, namedSessions, type ExpressStore } from './express-store.js';
import { RecordStore } from './store.js';

/** Writes whose version is not in the store: the last ones are remembered. */
const MAX_REMEMBERED = 1_000;

export class AdaptedStore extends RecordStore {
  override readonly capabilities: ReadonlySet<Capability>;
  readonly #store: ExpressStore;
  readonly #closed = new Map<SessionKey, SessionRecord>();
  readonly #written = new Map<SessionKey, { readonly version: string; readonly data: string }>();
  readonly #queues = new Map<SessionKey, Promise<unknown>>();

  /** @throws {SessionError} ERR_SESSION_OPTIONS for what is not a store */
  constructor(store: ExpressStore, clock?: Clock) {
    assertStore(store);
    super({ idAtRest: 'plain', ...(clock === undefined ? null : { clock }) });
    this.#store = store;
    this.capabilities = typeof store.all === 'function' ? this.declares('page') : new Set();
    // A store that fails in the background must not end the process.
    if (typeof store.on === 'function')
      (store as unknown as EventEmitter).on('error', (error) => this.report(error));
  }

  override get kind(): string {
    return kindOf(this.#store);
  }

  override async find(key: SessionKey): Promise<SessionRecord | null> {
    const closed = this.#closedRecord(key);
    if (closed !== null) return closed;
    const record = await this.#read(key);
    // Closed while it was read.
    return this.#closedRecord(key) ?? record;
  }

  /** Writes without asking: some stores never answer for what is not there. New ids are random. */
  override async insert(record: SessionRecord, options?: CallOptions): Promise<boolean> {
    return this.#inTurn(record.key, options, async () => {
      if (this.#closedRecord(record.key) !== null) return false;
      await this.#write(record);
      return true;
    });
  }

  override async replace(
    record: SessionRecord,
    expectedVersion: string,
    options?: CallOptions,
  ): Promise<boolean> {
    const { key } = record;
    return this.#inTurn(key, options, async () => {
      const found = this.#closedRecord(key) ?? (await this.#read(key));
      // The caller has been told that it failed.
      options?.signal?.throwIfAborted();
      if (found?.version !== expectedVersion || found.closed !== undefined) return false;
      if (record.closed === undefined) {
        await this.#write(record);
        return true;
      }
      await callStore(this.#store, 'destroy', key);
      this.#close(record);
      return true;
    });
  }

  override async extend(
    key: SessionKey,
    expiresAt: number | null,
    record?: SessionRecord,
    options?: CallOptions,
  ): Promise<boolean> {
    return this.#inTurn(key, options, async () => {
      if (this.#closedRecord(key) !== null) return false;
      const known = record !== undefined && this.#isFresh(record) ? record : await this.#read(key);
      options?.signal?.throwIfAborted();
      return known !== null && this.#extend(known, expiresAt);
    });
  }

  override async remove(key: SessionKey, options?: CallOptions): Promise<boolean> {
    return this.#inTurn(key, options, async () => {
      const wasClosed = this.#closed.delete(key);
      this.#written.delete(key);
      const wasThere = await this.#isThere(key);
      if (wasThere) await callStore(this.#store, 'destroy', key);
      return wasThere || wasClosed;
    });
  }

  /** The store gives them all at once; this cuts them in pieces. */
  async page({ cursor = '', limit, owner }: PageOptions): Promise<Page> {
    const sessions = Object.entries(namedSessions(await callStore(this.#store, 'all'), this.kind));
    const records: (SessionRecord | BrokenRecord)[] = [];
    const ordered = sessions
      .map(([id, session]) => [handleOf(id as SessionId) as string, id, session] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    if (cursor !== '' && !isHandle(cursor))
      throw new SessionError('ERR_SESSION_CURSOR', 'The cursor is not one that a page returned.');
    for (const [handle, id, session] of ordered) {
      if (handle <= cursor) continue;
      const entry = this.#entryOf(id as SessionKey, session);
      if (this.#isListed(entry, owner)) records.push(entry);
      if (records.length >= limit) return { records, cursor: handle };
    }
    return { records, cursor: null };
  }

  /** A session that cannot be read is listed in its place: the others can. */
  #entryOf(key: SessionKey, session: unknown): SessionRecord | BrokenRecord {
    try {
      return this.#recordOf(key, session);
    } catch (error) {
      return { key, error: error as Error };
    }
  }

  #isListed(entry: SessionRecord | BrokenRecord, owner: string | undefined): boolean {
    if (this.#closedRecord(entry.key) !== null) return false;
    if (isBroken(entry)) return true;
    return !this.#isOver(entry) && (owner === undefined || entry.owner === owner);
  }

  /** Whether a record that was read may be touched as it is: some stores write what they are given, or create it. */
  #isFresh(record: SessionRecord): boolean {
    const { version = record.version } = this.#written.get(record.key) ?? {};
    return version === record.version && !this.#isOver(record) && typeof this.#store.touch === 'function';
  }

  async #extend(record: SessionRecord, expiresAt: number | null): Promise<boolean> {
    const end = expiresAt === null ? null : Math.min(expiresAt, record.deadlineAt ?? Infinity);
    if (end !== null && record.expiresAt !== null && end < record.expiresAt) return true;
    const next = { ...record, expiresAt: end };
    if (typeof this.#store.touch === 'function')
      await callStore(this.#store, 'touch', record.key, storedSession(next));
    else await this.#write(next);
    return true;
  }

  /** Whether there is anything, a broken session included. */
  async #isThere(key: SessionKey): Promise<boolean> {
    try {
      return (await this.#read(key)) !== null;
    } catch (error) {
      if (hasCode(error, 'ERR_SESSION_CORRUPT')) return true;
      throw error;
    }
  }

  async #read(key: SessionKey): Promise<SessionRecord | null> {
    let session: unknown;
    try {
      session = await callStore(this.#store, 'get', key);
    } catch (error) {
      if ((error as NodeJS.ErrnoException | null)?.code === 'ENOENT') return null;
      throw error;
    }
    if (session === undefined || session === null || session === false) return null;
    const record = this.#recordOf(key, session);
    return this.#isOver(record) ? null : record;
  }

  async #write(record: SessionRecord): Promise<void> {
    this.#written.delete(record.key);
    await callStore(this.#store, 'set', record.key, storedSession(record));
    // Its caller gave up, and the session ended meanwhile.
    if (this.#closedRecord(record.key) !== null) return this.#endAgain(record.key);
    this.#written.set(record.key, { version: record.version, data: record.data });
    for (const oldest of this.#written.keys()) {
      if (this.#written.size <= MAX_REMEMBERED) break;
      this.#written.delete(oldest);
    }
  }

  #recordOf(key: SessionKey, stored: unknown): SessionRecord {
    const written = this.#written.get(key);
    return recordOf(key, stored, this.kind, (data) => (written?.data === data ? written.version : data));
  }

  #isOver(record: SessionRecord): boolean {
    return isExpired(record, this.clock.now());
  }

  #close(record: SessionRecord): void {
    this.#closed.set(record.key, structuredClone(record));
    this.#written.delete(record.key);
    // In the order of their ends: all live for the same minute.
    for (const [key, { closed }] of this.#closed) {
      if ((closed?.at ?? 0) + CLOSED_FOR_MS > this.clock.now()) break;
      this.#closed.delete(key);
    }
  }

  #closedRecord(key: SessionKey): SessionRecord | null {
    const closed = this.#closed.get(key);
    if (closed === undefined) return null;
    if (!this.#isOver(closed)) return structuredClone(closed);
    this.#closed.delete(key);
    return null;
  }

  async #endAgain(key: SessionKey): Promise<void> {
    if (this.#closedRecord(key) !== null) await callStore(this.#store, 'destroy', key);
  }

  /** One after the other on each session. Whoever is given up on, at its timeout, holds nobody up. */
  #inTurn<T>(key: SessionKey, options: CallOptions | undefined, job: () => Promise<T>): Promise<T> {
    const { signal } = options ?? {};
    const run = (this.#queues.get(key) ?? Promise.resolve()).then(() => {
      signal?.throwIfAborted();
      return job();
    });
    const settled = new Promise<void>((resolve) => {
      const giveUp = (): void => {
        resolve();
        // What lands all the same may bring back a session that ended meanwhile.
        const mend = (): void => void this.#endAgain(key).catch(() => undefined);
        run.then(mend, mend);
      };
      const done = (): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      run.then(done, done);
    });
    this.#queues.set(key, settled);
    void settled.then(() => {
      if (this.#queues.get(key) === settled) this.#queues.delete(key);
    });
    return run;
  }
}

/**
 * A store of the express-session ecosystem as one that keeps the contract as far as it can; a RecordStore as it is.
 * @throws {SessionError} ERR_SESSION_OPTIONS for what is not a store
 */
export function fromExpressStore(
  store: ExpressStore | RecordStore,
  options: { clock?: Clock } = {},
): RecordStore {
  return RecordStore.is(store) ? store : adaptedStoreOf(store, options.clock);
}

const adapters = new WeakMap<object, AdaptedStore>();

/** One for each store: the queues of two would not know of each other. */
export function adaptedStoreOf(store: ExpressStore, clock?: Clock): AdaptedStore {
  const adapted = adapters.get(store) ?? new AdaptedStore(store, clock);
  adapters.set(store, adapted);
  return adapted;
}

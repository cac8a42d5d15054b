// Sessions in this process's memory, for one process that may forget them when it ends. Every answer is immediate.
import { setImmediate as nextTurn } from 'node:timers/promises';

import { NO, YES } from '../core/answers.js';
import type {
  Capability,
  Closed,
  Page,
  PageOptions,
  SessionHandle,
  SessionKey,
  SessionMeta,
  SessionRecord,
} from '../core/contract.js';
import { MAX_TIMER_MS } from '../core/clock.js';
import { SessionError } from '../core/errors.js';
import { checkOptions, type Fields } from '../core/options.js';
import { ExpiryIndex, type Bucket, type Indexed } from './expiry-index.js';
import { Periodic, type Step } from './periodic.js';
import { recordStoreFields, timerFields } from './store-options.js';
import { RecordStore, type RecordStoreOptions } from './store.js';

export interface MemoryStoreOptions extends RecordStoreOptions {
  /** Life of a session that brings no expiry of its own, ms. Default one day. */
  maxAge?: number;
  /** Between two sweeps of expired sessions, ms. Above 0 it starts by itself. Default one minute. */
  cleanupInterval?: number;
  /** Between two rebuilds of the indexes, ms. Above 0 it starts by itself. Default 0. */
  indexInterval?: number;
  /**
   * The most sessions to hold. One more evicts the session that would expire first, those without an owner before
   * all others. Default: no limit.
   */
  maxSessions?: number;
}

const DAY_MS = 86_400_000;
const DEFAULT_INTERVAL_MS = 60_000;
/** Sessions that one slice of work looks at: about a millisecond. */
const SLICE = 500;

/** For whoever hands the options on: one error then names the faults of both. */
export const memoryStoreSchema = (fields: Fields) => {
  const { z, field } = fields;
  return z.strictObject({
    ...recordStoreFields(fields),
    ...timerFields(fields),
    maxAge: field(z.number().positive(), 'a number of milliseconds above 0'),
    maxSessions: field(z.int().positive(), 'a whole number above 0'),
  });
};

/**
 * A stored session and its place in the indexes: one object, because there may be millions. What a touch looks at comes
 * first: among millions, each line of the processor's cache counts.
 */
class Entry implements Indexed {
  dueAt: number;
  deadlineAt: number | null = null;
  /** False: the record says null and `dueAt` is the store's word. */
  ownExpiry = true;
  owner: string | undefined;
  closed: Closed | undefined;
  data = '';
  version = '';
  createdAt = 0;
  idleMs: number | null = null;
  meta: SessionMeta | undefined;
  key: SessionKey;
  /** Its place in the listing order. */
  slot = -1;
  bucket: Bucket | null = null;
  previous: Indexed | null = null;
  next: Indexed | null = null;

  constructor(record: SessionRecord, dueAt: number) {
    this.dueAt = dueAt;
    this.key = record.key;
    this.take(record, copyOf(record.meta));
  }

  /** Everything but when it ends, which is the index's to know. */
  take(record: SessionRecord, meta: SessionMeta | undefined): void {
    this.data = flat(record.data);
    this.version = record.version;
    this.createdAt = record.createdAt;
    this.deadlineAt = record.deadlineAt;
    this.idleMs = record.idleMs;
    this.ownExpiry = record.expiresAt !== null;
    this.owner = record.owner;
    this.meta = meta;
    this.closed = record.closed && { ...record.closed };
  }

  toRecord(withData: boolean): SessionRecord {
    return {
      v: 1,
      key: this.key,
      data: withData ? this.data : '{}',
      version: this.version,
      createdAt: this.createdAt,
      deadlineAt: this.deadlineAt,
      idleMs: this.idleMs,
      expiresAt: this.ownExpiry ? this.dueAt : null,
      ...(this.owner === undefined ? null : { owner: this.owner }),
      ...(this.meta === undefined ? null : { meta: structuredClone(this.meta) }),
      ...(this.closed === undefined ? null : { closed: { ...this.closed } }),
    };
  }
}

const copyOf = (meta: SessionMeta | undefined): SessionMeta | undefined => meta && structuredClone(meta);

const CURSOR = /^(0|[1-9]\d{0,14})$/;

/** Found in every text, at once. */
const NOTHING = /(?:)/;

/** The same text in one piece: JSON.stringify leaves a tree of pieces, which takes 140 bytes more for each session. */
function flat(text: string): string {
  // Joins the pieces in place. indexOf() does so too, but V8 leaves it out where its result is not used.
  NOTHING.test(text);
  return text;
}

/**
 * The store of `storeType: 'memory'`. Reads, writes and touches are O(1); a sweep costs what has expired and a page
 * what it holds, both in slices of about a millisecond.
 *
 * @example
 * const store = new MemoryStore({ cleanupInterval: 300_000, maxSessions: 1_000_000 });
 */
export class MemoryStore extends RecordStore {
  override readonly capabilities: ReadonlySet<Capability> = this.declares(
    'page',
    'removeExpired',
    'count',
    'findSync',
    'revokeBefore',
    'close',
  );
  protected override readonly cleanupIntervalMs: number;
  /** Life of a session that brings no expiry of its own, ms. */
  protected readonly maxAgeMs: number;
  readonly #maxSessions: number;
  readonly #entries = new Map<SessionKey, Entry>();
  /** Places of the listing order. A freed place is used again, so that a page goes on where the last one ended. */
  readonly #slots: (Entry | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #owners = new Map<string, Set<Entry>>();
  /** Apart, so that eviction finds the sessions without an owner first. Closed records are among these. */
  readonly #anonymous: ExpiryIndex<Entry>;
  readonly #owned: ExpiryIndex<Entry>;
  readonly #rebuild: Periodic;
  #closedCount = 0;
  /** Sessions that began before these moments are gone. A user without sessions needs none. */
  #revokedBefore = -Infinity;
  readonly #revokedOwners = new Map<string, number>();

  /** @throws {SessionError} ERR_SESSION_OPTIONS */
  constructor(options?: MemoryStoreOptions) {
    // Nothing to check needs no zod, which the express-session drop-in does without.
    if (options !== undefined) checkOptions('MemoryStore', memoryStoreSchema, options);
    super(options);
    const { maxAge = DAY_MS, maxSessions = Infinity } = options ?? {};
    const { cleanupInterval = DEFAULT_INTERVAL_MS, indexInterval = 0 } = options ?? {};
    this.maxAgeMs = maxAge;
    this.#maxSessions = maxSessions;
    const evicts = maxSessions !== Infinity;
    this.#anonymous = new ExpiryIndex(evicts);
    this.#owned = new ExpiryIndex(evicts);
    this.cleanupIntervalMs = Math.min(cleanupInterval || DEFAULT_INTERVAL_MS, MAX_TIMER_MS);
    this.#rebuild = new Periodic(
      this.clock,
      Math.min(indexInterval || DEFAULT_INTERVAL_MS, MAX_TIMER_MS),
      () => this.#rebuildInSlices(),
      (error) => {
        this.report(error);
      },
    );
    if (cleanupInterval > 0) this.startCleanup();
    if (indexInterval > 0) this.startIndexRebuild();
  }

  findSync(key: SessionKey): SessionRecord | null {
    return this.#living(key)?.toRecord(true) ?? null;
  }

  /** The keys of everything that is stored, at once. */
  keys(): SessionKey[] {
    return [...this.#entries.keys()];
  }

  override find(key: SessionKey): Promise<SessionRecord | null> {
    return Promise.resolve(this.findSync(key));
  }

  override insert(record: SessionRecord): Promise<boolean> {
    if (this.#living(record.key) !== undefined) return NO;
    const entry = new Entry(record, this.#dueAt(record.expiresAt, record.deadlineAt));
    if (this.#entries.size >= this.#maxSessions) this.#evictOne();
    entry.slot = this.#freeSlots.pop() ?? this.#slots.length;
    this.#slots[entry.slot] = entry;
    this.#entries.set(entry.key, entry);
    this.#index(entry);
    return YES;
  }

  override replace(record: SessionRecord, expectedVersion: string): Promise<boolean> {
    const entry = this.#living(record.key);
    if (entry === undefined || entry.closed !== undefined || entry.version !== expectedVersion) return NO;
    // It throws for what cannot be copied: before anything is changed.
    const meta = copyOf(record.meta);
    const dueAt = this.#dueAt(record.expiresAt, record.deadlineAt);
    const isFiledElsewhere = record.owner !== entry.owner || record.closed !== undefined;
    if (isFiledElsewhere) this.#unindex(entry);
    entry.take(record, meta);
    if (isFiledElsewhere) {
      entry.dueAt = dueAt;
      this.#index(entry);
    } else {
      this.#indexOf(entry).move(entry, dueAt, this.clock.now());
    }
    return YES;
  }

  override extend(key: SessionKey, expiresAt: number | null): Promise<boolean> {
    const now = this.clock.now();
    const entry = this.#living(key, now);
    if (entry === undefined || entry.closed !== undefined) return NO;
    const dueAt = this.#dueAt(expiresAt, entry.deadlineAt);
    if (dueAt > entry.dueAt) {
      entry.ownExpiry = expiresAt !== null;
      this.#indexOf(entry).move(entry, dueAt, now);
    }
    return YES;
  }

  override remove(key: SessionKey): Promise<boolean> {
    const entry = this.#living(key);
    if (entry !== undefined) this.#delete(entry);
    return entry === undefined ? NO : YES;
  }

  /** O(1). Sessions that have expired and await the sweep are counted. */
  count(): Promise<number> {
    return Promise.resolve(this.#entries.size - this.#closedCount);
  }

  /** @throws {SessionError} ERR_SESSION_CURSOR */
  page({ owner, cursor, limit, withData = true }: PageOptions): Promise<Page> {
    const from = Number(cursor ?? '0');
    if (!CURSOR.test(cursor ?? '0'))
      return Promise.reject(
        new SessionError('ERR_SESSION_CURSOR', 'The cursor is not one that a page returned.'),
      );
    const now = this.clock.now();
    const records: SessionRecord[] = [];
    const list = (entry: Entry | undefined): void => {
      if (entry !== undefined && entry.closed === undefined && entry.dueAt > now && !this.#isRevoked(entry))
        records.push(entry.toRecord(withData));
    };
    if (owner !== undefined) {
      const rest = [...(this.#owners.get(owner) ?? [])].filter(({ slot }) => slot >= from);
      rest.sort((a, b) => a.slot - b.slot);
      rest.slice(0, limit).forEach(list);
      return Promise.resolve({ records, cursor: rest.length > limit ? String(rest[limit]?.slot) : null });
    }
    // Bounded by places, not by sessions: after a mass expiry most places are empty.
    const end = Math.min(from + Math.max(limit, SLICE), this.#slots.length);
    let slot = from;
    for (; slot < end && records.length < limit; slot++) list(this.#slots[slot]);
    return Promise.resolve({ records, cursor: slot < this.#slots.length ? String(slot) : null });
  }

  async removeExpired(limit: number): Promise<number> {
    let removed = 0;
    for (const index of [this.#anonymous, this.#owned]) {
      for (let more = true; more && removed < limit;) {
        const now = this.clock.now();
        const slice = index.takeDue(now, Math.min(SLICE, limit - removed));
        for (const entry of slice.due) this.#expire(entry);
        removed += slice.due.length;
        ({ more } = slice);
        if (more) await nextTurn();
      }
    }
    return removed;
  }

  /** Each goes when it is asked for, or when its time is over: until then it is counted. */
  revokeBefore(before: number, owner?: string): Promise<void> {
    if (owner === undefined) this.#revokedBefore = Math.max(this.#revokedBefore, before);
    else if (this.#owners.has(owner))
      this.#revokedOwners.set(owner, Math.max(this.#revokedOwners.get(owner) ?? -Infinity, before));
    return Promise.resolve();
  }

  /** Starts the periodic rebuilding of the expiration and owner indexes from the sessions themselves. Idempotent. */
  override startIndexRebuild(): void {
    this.#rebuild.start();
  }

  override stopIndexRebuild(): void {
    this.#rebuild.stop();
  }

  /** Stops the timers. The sessions stay readable: there is nothing else to let go of. */
  close(): Promise<void> {
    this.stopCleanup();
    this.stopIndexRebuild();
    return Promise.resolve();
  }

  /** The entry of a key unless its time is over, in which case it goes. */
  #living(key: SessionKey, now?: number): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.dueAt <= (now ?? this.clock.now())) this.#expire(entry);
    else if (this.#isRevoked(entry)) this.#revoke(entry);
    else return entry;
    return undefined;
  }

  #isRevoked({ createdAt, owner }: Entry): boolean {
    // Where nobody has revoked, `createdAt` is not fetched from memory, which is a good part of a touch among a million.
    if (this.#revokedBefore !== -Infinity && createdAt < this.#revokedBefore) return true;
    return owner !== undefined && createdAt < (this.#revokedOwners.get(owner) ?? -Infinity);
  }

  #revoke(entry: Entry): void {
    this.#delete(entry);
    if (entry.closed === undefined) this.#tell('revoked', entry);
  }

  #dueAt(expiresAt: number | null, deadlineAt: number | null): number {
    return Math.min(expiresAt ?? this.clock.now() + this.maxAgeMs, deadlineAt ?? Infinity);
  }

  #expire(entry: Entry): void {
    this.#delete(entry);
    if (entry.closed === undefined) this.#tell('expired', entry);
  }

  #evictOne(): void {
    const victim = this.#anonymous.soonest() ?? this.#owned.soonest();
    if (victim === null) return;
    this.#delete(victim);
    if (victim.closed === undefined) this.#tell('evicted', victim);
  }

  #tell(event: 'expired' | 'evicted' | 'revoked', entry: Entry): void {
    if (this.listenerCount(event) === 0) return;
    const handle: SessionHandle = this.handleOf(entry.key);
    this.emit(event, handle);
  }

  #delete(entry: Entry): void {
    this.#entries.delete(entry.key);
    this.#slots[entry.slot] = undefined;
    this.#freeSlots.push(entry.slot);
    this.#unindex(entry);
    // Not where it is only filed anew: the moment must outlive that.
    const { owner } = entry;
    if (owner !== undefined && !this.#owners.has(owner)) this.#revokedOwners.delete(owner);
  }

  #indexOf(entry: Entry): ExpiryIndex<Entry> {
    return entry.owner === undefined ? this.#anonymous : this.#owned;
  }

  #index(entry: Entry): void {
    this.#indexOf(entry).add(entry, this.clock.now());
    if (entry.closed !== undefined) this.#closedCount++;
    if (entry.owner === undefined) return;
    const owned = this.#owners.get(entry.owner);
    if (owned === undefined) this.#owners.set(entry.owner, new Set([entry]));
    else owned.add(entry);
  }

  #unindex(entry: Entry): void {
    this.#indexOf(entry).remove(entry);
    if (entry.closed !== undefined) this.#closedCount--;
    if (entry.owner === undefined) return;
    const owned = this.#owners.get(entry.owner);
    owned?.delete(entry);
    if (owned?.size === 0) this.#owners.delete(entry.owner);
  }

  /** Files every session anew, a slice at a time; sessions that come meanwhile file themselves. */
  #rebuildInSlices(): Step {
    let slot = 0;
    return () => {
      const end = Math.min(slot + SLICE, this.#slots.length);
      for (; slot < end; slot++) {
        const entry = this.#slots[slot];
        if (entry === undefined) continue;
        this.#unindex(entry);
        this.#index(entry);
      }
      return slot < this.#slots.length;
    };
  }
}

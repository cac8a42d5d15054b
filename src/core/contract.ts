// The store contract, written as law: what a session record is, and what the primitives of a store must do.
// `stores/store.ts` turns it into classes, `session-store-js/testing` proves every sentence of it.
declare const brand: unique symbol;

/** The secret that names a session: 32 random bytes, base64url. It exists in the cookie and on `req.sessionID` only. */
export type SessionId = string & { readonly [brand]: 'id' };
/** `sha256:` and the hex SHA-256 of the id: the only name of a session that is ever shown. */
export type SessionHandle = string & { readonly [brand]: 'handle' };
/** What a store is asked for: the handle or, for a store with `idAtRest: 'plain'`, the id. */
export type SessionKey = string & { readonly [brand]: 'key' };

/** A session that has ended: it holds no data and stays for a minute, so that late requests recognise it. */
export interface Closed {
  /** Epoch ms. */
  readonly at: number;
  /** The session that continues it, after a `regenerate` with data, a login, a scheduled renewal. */
  readonly movedTo?: SessionKey;
  /** Until when a request that comes with its id is served by that session, epoch ms. Scheduled renewal only. */
  readonly followUntil?: number;
  /** A request had brought its id by then, so the id before it leads no further than here. */
  readonly wasSeen?: boolean;
}

/** Small facts about a session. A store keeps them as they are, and others besides. */
export interface SessionMeta {
  /** What `describe(req)` returned at the login. */
  readonly device?: unknown;
  /** When the session was last used, epoch ms, where its expiry does not tell. */
  readonly seenAt?: number;
  /** When its id was made, epoch ms, if later than the session. */
  readonly issuedAt?: number;
  /** The key before a scheduled renewal, until a request brings the new id. */
  readonly from?: SessionKey;
  /** The key before `regenerate` with data, of a user's session. */
  readonly heirOf?: SessionKey;
  /** The version of the application's schema that the data has. */
  readonly schema?: number;
  readonly [fact: string]: unknown;
}

/** What a store keeps for one session. Records are values: one that was handed in or out changes nothing any more. */
export interface SessionRecord {
  /** Format of the record. */
  readonly v: 1;
  readonly key: SessionKey;
  /** The session's data as JSON text of an object. Holds no expiry. */
  readonly data: string;
  /** Opaque, fresh for every write of data; compared for equality only. */
  readonly version: string;
  /** Epoch ms. */
  readonly createdAt: number;
  /** The absolute end, epoch ms; `null`: none. Never changes within a record. */
  readonly deadlineAt: number | null;
  /** How long the session lives after its last use, ms; `null`: the store's own `maxAge` or `ttl`. */
  readonly idleMs: number | null;
  /** When it ends unless it is used, epoch ms; `null`: the store's own `maxAge` or `ttl` after the last write or touch. */
  readonly expiresAt: number | null;
  /** The user it belongs to. Never changes within a record. */
  readonly owner?: string;
  /** Small facts beside the data; they change with a write. */
  readonly meta?: SessionMeta;
  readonly closed?: Closed;
}

/** Every primitive takes it. A store may stop working for a caller whose `signal` is aborted. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface FindOptions extends CallOptions {
  /** Read the authority, not a cache or a replica. Default false. */
  readonly fresh?: boolean;
}

export interface PageOptions extends CallOptions {
  /** Only the sessions of this user. */
  readonly owner?: string;
  /** Where to go on: the `cursor` of the page before. */
  readonly cursor?: string;
  /** At most so many records. A page may hold fewer and still have a cursor. */
  readonly limit: number;
  /** False: `data` may be `'{}'`. Default true. */
  readonly withData?: boolean;
}

/** A stored record that cannot be read, reported in its place. */
export interface BrokenRecord {
  readonly key: SessionKey;
  readonly error: Error;
}

export interface Page {
  readonly records: readonly (SessionRecord | BrokenRecord)[];
  /** `null`: this was the last page. */
  readonly cursor: string | null;
}

/** The five methods that make a store. `null` is absent, a boolean is "was it there", an exception is a fault. */
export interface RequiredPrimitives {
  /**
   * The record under a key, or `null`. Never an expired one; a closed one as closed; always one whole version.
   * A fault throws: it is never reported as `null`.
   */
  find(key: SessionKey, options?: FindOptions): Promise<SessionRecord | null>;
  /** Stores a new record. False, and nothing changed, if the key exists, closed records included. */
  insert(record: SessionRecord, options?: CallOptions): Promise<boolean>;
  /**
   * Compare-and-set: stores the record if the one under its key has `expectedVersion`.
   * False if it is gone, expired, closed or has changed. Never creates.
   */
  replace(record: SessionRecord, expectedVersion: string, options?: CallOptions): Promise<boolean>;
  /**
   * Moves `expiresAt`, never backwards and never past the record's `deadlineAt`; leaves data and version alone.
   * False if the record is gone, expired or closed. Never creates. `record`, as it was read, is a hint for adapted stores.
   */
  extend(
    key: SessionKey,
    expiresAt: number | null,
    record?: SessionRecord,
    options?: CallOptions,
  ): Promise<boolean>;
  /** Removes the record, closed or not. True if there was one; removing twice is no fault. */
  remove(key: SessionKey, options?: CallOptions): Promise<boolean>;
}

/** What a store may have besides; it names them in `capabilities`. */
export interface OptionalPrimitives {
  /**
   * Living sessions, a page at a time. One that lives through the whole listing is listed once at least. Rejects a
   * cursor that no page returned.
   */
  page(options: PageOptions): Promise<Page>;
  /**
   * Removes up to `limit` expired records, outlived closed ones included, in slices. It costs what it removes where the
   * store knows the ends of its sessions, and a look at all of them where it does not. Those that ended within the last two seconds may wait for the next call.
   */
  removeExpired(limit: number, options?: CallOptions): Promise<number>;
  /** How many sessions are stored, without reading them: closed ones do not count, expired ones do until they are swept. */
  count(options?: CallOptions): Promise<number>;
  /** `find` without a promise, for stores that answer at once. */
  findSync(key: SessionKey): SessionRecord | null;
  /**
   * Revokes what began before a moment, epoch ms: all sessions, or those of one user. They are gone as if they had
   * expired, also one that is inserted later; a moment is never taken back. Costs one write, however many there are.
   * Other processes refuse them a second later at most.
   */
  revokeBefore(before: number, owner?: string, options?: CallOptions): Promise<void>;
  /** Resolves if the store can serve. */
  ping(options?: CallOptions): Promise<void>;
  /** Lets go of what the store itself opened. Idempotent; never closes a client that was handed in. */
  close(): Promise<void>;
}

export type Capability = keyof OptionalPrimitives;

/** The contract as a shape. Extend `RecordStore`, which derives the express-session methods from it. */
export interface StoreContract extends RequiredPrimitives, Partial<OptionalPrimitives> {
  readonly capabilities: ReadonlySet<Capability>;
  keyOf(id: SessionId): SessionKey;
}

/** How long a closed record stays, ms: longer than a slow request, short enough to cost nothing. */
export const CLOSED_FOR_MS = 60_000;

/** Whether an entry of a page is one that could not be read. */
export function isBroken(entry: SessionRecord | BrokenRecord): entry is BrokenRecord {
  return 'error' in entry;
}

// Sessions in Redis: one server, one with Sentinel, or a cluster. Every write is one atomic step on one key, so that
// processes never overwrite each other unseen.
import { answer, type Callback } from '../core/callback.js';
import type {
  BrokenRecord,
  CallOptions,
  Capability,
  Page,
  PageOptions,
  SessionKey,
  SessionRecord,
} from '../core/contract.js';
import { SessionError } from '../core/errors.js';
import { isHandle } from '../core/ids.js';
import { isLiving } from '../core/record.js';
import { sessionOf } from './express-face.js';
import { connectionOf, type Connection } from './redis/client.js';
import { followClient } from './redis/client-events.js';
import { ConnectFormat } from './redis/connect-format.js';
import type { Format } from './redis/format.js';
import {
  countKeys,
  cursorOf,
  MARK_LENGTH,
  placeOf,
  scan,
  scanSet,
  SHA256,
  START,
  type Place,
  type ScanOptions,
} from './redis/listing.js';
import { OwnerIndex } from './redis/owner-index.js';
import { OwnFormat } from './redis/own-format.js';
import { NEVER, type Stored } from './redis/record-text.js';
import { checkRedisStoreOptions, type RedisStoreOptions } from './redis/options.js';
import { Revocations } from './redis/revocations.js';
import type { StoredSession } from './session.js';
import { RecordStore } from './store.js';

export type { RedisStoreOptions };

const DAY_SECONDS = 86_400;
/** Not a part of any id or handle, so that no session has such a key. */
const OWNERS = '@owner:';
const REVOKED = '@revoked';
/** Where nothing is read of what is found. About a third of a millisecond of Redis's time. */
const ALL_AT_ONCE = 1_000;
/** The fewest keys that are looked at in one go. */
const MIN_SCAN = 10;

interface Keys {
  readonly keys: SessionKey[];
  readonly from: Place;
  readonly next: Place | null;
  /** Of a user's, those that came long ago. */
  readonly settled?: SessionKey[];
}

/**
 * Sessions in Redis 6.2 or later. The client is handed in, a server of its own, Sentinel or a cluster; it is never closed
 * by the store. Redis expires sessions by itself, to the millisecond.
 *
 * Emits `connect` and `disconnect` where the client tells of its connection; pools and clusters of redis do not.
 *
 * @example
 * const client = await createClient({ url }).connect();
 * const sessions = new SessionManager({ secret, store: new RedisStore({ client }) });
 */
export class RedisStore extends RecordStore {
  override readonly capabilities: ReadonlySet<Capability> = this.declares(
    'page',
    'count',
    'revokeBefore',
    'ping',
    'close',
  );
  readonly #connection: Connection;
  readonly #prefix: string;
  readonly #ttl: number | ((session: StoredSession) => number);
  readonly #scanCount: number;
  readonly #format: Format;
  readonly #expires: boolean;
  readonly #touches: boolean;
  /** Another program serves these sessions too. */
  readonly #isShared: boolean;
  readonly #owners: OwnerIndex;
  readonly #revocations: Revocations;
  readonly #unfollow: () => void;

  /** @throws {SessionError} ERR_SESSION_OPTIONS */
  constructor(options: RedisStoreOptions) {
    checkRedisStoreOptions(options);
    const { client, prefix = 'sess:', ttl = DAY_SECONDS, scanCount = 100, serializer } = options;
    const { disableTTL = false, disableTouch = false, format, ...rest } = options;
    super(format === undefined ? rest : { ...rest, idAtRest: 'plain' });
    this.#connection = connectionOf(client);
    this.#prefix = prefix;
    this.#ttl = ttl;
    this.#scanCount = scanCount;
    this.#expires = !disableTTL;
    this.#touches = !disableTouch;
    this.#isShared = format !== undefined;
    const SessionFormat = format === undefined ? OwnFormat : ConnectFormat;
    this.#format = new SessionFormat({
      connection: this.#connection,
      clock: this.clock,
      nameOf: (key) => this.#name(key),
      serializer,
      lifeOf: (session) => this.#ownLife(session),
      expires: this.#expires,
    });
    // Where connect-redis counts the keys under its prefix, they are not counted.
    const besides = format === undefined ? prefix : `@${prefix}`;
    this.#owners = new OwnerIndex(this.#connection, this.clock, `${besides}${OWNERS}`);
    this.#revocations = new Revocations(this.#connection, this.clock, this.#owners, `${besides}${REVOKED}`);
    this.#unfollow = followClient(client, {
      connect: () => this.emit('connect'),
      disconnect: () => this.emit('disconnect'),
      error: (error) => this.report(error),
    });
  }

  override async find(key: SessionKey): Promise<SessionRecord | null> {
    // Together: one way to the server and back.
    const isKnown = this.#revocations.isDue ? this.#revocations.look() : undefined;
    const [stored] = await Promise.all([this.#format.read(key), isKnown]);
    return this.#current(stored);
  }

  override async insert(record: SessionRecord, options?: CallOptions): Promise<boolean> {
    const { key, owner } = record;
    const others = owner === undefined ? [] : await this.#owners.add(owner, key, this.#lifeOf(record));
    // The caller has been told that it failed.
    options?.signal?.throwIfAborted();
    let isInserted = await this.#put(record, null);
    if (!isInserted && (await this.#isRevoked(key))) {
      await this.remove(key);
      isInserted = await this.#put(record, null);
    }
    // Nobody waits for it: the next login goes on.
    if (owner !== undefined) this.#forget(owner, others).catch(() => undefined);
    return isInserted;
  }

  override async replace(
    record: SessionRecord,
    expectedVersion: string,
    options?: CallOptions,
  ): Promise<boolean> {
    await this.#look(options);
    return !this.#revocations.isRevoked(record) && this.#put(record, expectedVersion);
  }

  override async extend(
    key: SessionKey,
    expiresAt: number | null,
    record?: SessionRecord,
    options?: CallOptions,
  ): Promise<boolean> {
    await this.#look(options);
    // The script knows nothing of users, and not what a function of the session says of its life.
    const isDoubtful = !this.#revocations.isEmpty || (expiresAt === null && typeof this.#ttl === 'function');
    const current = isDoubtful && record === undefined ? await this.find(key) : record;
    if (current === null || (current !== undefined && this.#revocations.isRevoked(current))) return false;
    if (!this.#touches) return isLiving(await this.find(key));
    return this.#format.extend(key, {
      dueAt: expiresAt ?? this.#ownEnd(current),
      isOwn: expiresAt !== null,
    });
  }

  override async remove(key: SessionKey): Promise<boolean> {
    return this.#format.remove(key);
  }

  /** @throws {SessionError} ERR_SESSION_CURSOR */
  async page({ owner, cursor, limit, withData = true }: PageOptions): Promise<Page> {
    const place = placeOf(cursor);
    await this.#look();
    const count = Math.max(Math.min(limit, this.#scanCount), MIN_SCAN);
    const {
      keys,
      from,
      next,
      settled = [],
    } = owner === undefined ? await this.#keysAt(place, count) : await this.#keysOf(owner, place, count);
    const rest = keys.filter((key) => !from.seen.includes(this.#markOf(key)));
    const listed = rest.slice(0, limit);
    const entries = await Promise.all(listed.map((key) => this.#entry(key, withData)));
    const records = entries.filter((entry) => entry !== null);
    // What had no room is asked for again: Redis gives from one place what is there all the while.
    const goesOn =
      rest.length > limit
        ? { ...from, seen: from.seen.concat(listed.map((key) => this.#markOf(key))) }
        : next;
    const page = { cursor: goesOn === null ? null : cursorOf(goesOn) };
    if (owner === undefined) return { ...page, records };
    const ended = listed.filter((key, at) => entries[at] === null && settled.includes(key));
    // Nobody waits for it.
    this.#owners.drop(owner, ended).catch(() => undefined);
    return { ...page, records: records.filter((entry) => 'error' in entry || entry.owner === owner) };
  }

  /** By SCAN on each master, without reading a session. */
  count(): Promise<number> {
    const areHandles = this.idAtRest !== 'plain';
    return countKeys(this.#connection, this.#scanOptions(ALL_AT_ONCE), { prefix: this.#prefix, areHandles });
  }

  /** By SCAN and UNLINK, and nothing that is not under the prefix. */
  override clear(callback?: Callback): Promise<void> {
    const clear = async (): Promise<void> => {
      // Not the sets of users: a login that is under way is named there already. What they name is gone, and noticed.
      for await (const keys of this.#allKeys())
        await Promise.all(
          keys.map((key) => {
            const names = this.#format.namesOf(key);
            return this.#connection.send(names[0], ['UNLINK', ...names]);
          }),
        );
    };
    return answer(clear(), callback);
  }

  async revokeBefore(before: number, owner?: string): Promise<void> {
    await this.#revocations.revoke(before, owner);
    // connect-redis goes on serving them, and what it saves looks younger than that moment. Nobody waits for it.
    if (this.#isShared && owner === undefined)
      this.#removeRevoked().catch((error: unknown) => this.report(error));
  }

  async #removeRevoked(): Promise<void> {
    for await (const keys of this.#allKeys())
      await Promise.all(
        keys.map(async (key) => {
          if (await this.#isRevoked(key)) await this.remove(key);
        }),
      );
  }

  async ping(): Promise<void> {
    for (const { send } of await this.#connection.masters()) await send(['PING']);
  }

  /** Listens to the client no longer. The client is yours. */
  close(): Promise<void> {
    this.#unfollow();
    return Promise.resolve();
  }

  /** Asks what was revoked, if that is due. What comes after it is not done for a caller that was told it failed. */
  async #look(options?: CallOptions): Promise<void> {
    if (!this.#revocations.isDue) return;
    await this.#revocations.look();
    options?.signal?.throwIfAborted();
  }

  /** @throws {SessionError} ERR_SESSION_ID for what is no text: it may be what a client sent (S57) */
  #name(key: SessionKey): string {
    if (typeof key === 'string' && (key as string) !== '') return `${this.#prefix}${key}`;
    throw new SessionError(
      'ERR_SESSION_ID',
      'A session is named by its id or its handle: a string that is not empty.',
    );
  }

  #current(stored: Stored | null): SessionRecord | null {
    if (stored === null || stored.dueAt <= this.clock.now()) return null;
    return this.#revocations.isRevoked(stored.record) ? null : stored.record;
  }

  async #isRevoked(key: SessionKey): Promise<boolean> {
    if (this.#revocations.isEmpty) return false;
    const stored = await this.#format.read(key);
    return stored !== null && this.#revocations.isRevoked(stored.record);
  }

  #put(record: SessionRecord, expectedVersion: string | null): Promise<boolean> {
    const { expiresAt, deadlineAt } = record;
    const dueAt = Math.min(expiresAt ?? this.#ownEnd(record), deadlineAt ?? NEVER);
    return this.#format.put(record, { dueAt, isOwn: expiresAt !== null }, expectedVersion);
  }

  /** The end that the store gives to a session without one. */
  #ownEnd(record: SessionRecord | undefined): number {
    if (!this.#expires) return NEVER;
    const session = typeof this.#ttl === 'number' || record === undefined ? {} : sessionOf(record);
    return this.clock.now() + this.#ownLife(session);
  }

  #ownLife(session: StoredSession): number {
    const seconds = typeof this.#ttl === 'number' ? this.#ttl : this.#ttl(session);
    if (typeof seconds === 'number' && seconds > 0) return seconds * 1_000;
    throw new SessionError('ERR_SESSION_OPTIONS', 'The option ttl must return a number of seconds above 0.');
  }

  /** How long a session can live at most, ms; `null`: as long as it is used. */
  #lifeOf({ deadlineAt }: SessionRecord): number | null {
    return deadlineAt === null || !this.#expires ? null : deadlineAt - this.clock.now();
  }

  async #entry(key: SessionKey, withData: boolean): Promise<SessionRecord | BrokenRecord | null> {
    try {
      const record = this.#current(await this.#format.read(key));
      if (record === null || !isLiving(record)) return null;
      return withData ? record : { ...record, data: '{}' };
    } catch (error) {
      if (error instanceof SessionError && error.code === 'ERR_SESSION_CORRUPT') return { key, error };
      throw error;
    }
  }

  /** Tells a session from those on the same page; a part of its handle, because a cursor is shown to people. */
  #markOf(key: SessionKey): string {
    return this.handleOf(key).slice(-MARK_LENGTH);
  }

  /** The next keys of all, the place where they were found, and where it goes on; `null`: nowhere. */
  async #keysAt(place: Place, count: number): Promise<Keys> {
    const { entries, from, next } = await scan(this.#connection, place, this.#scanOptions(count));
    const keys = entries.map((name) => name.slice(this.#prefix.length));
    return { keys: keys.filter((key) => this.#isKey(key)) as SessionKey[], from, next };
  }

  #scanOptions(count: number): ScanOptions {
    const pattern = `${escaped(this.#prefix)}${this.idAtRest === 'plain' ? '' : SHA256}*`;
    return { pattern, type: 'string', count };
  }

  /** Those of one user. */
  async #keysOf(owner: string, place: Place, count: number): Promise<Keys> {
    const markOf = (key: string): string => this.#markOf(key as SessionKey);
    const index = this.#owners.keyOf(owner);
    const { entries, from, next } = await scanSet(this.#connection, index, place, { count, markOf });
    const settled = this.#owners.settled(entries);
    return { keys: entries.map(([key]) => key as SessionKey), from, next, settled };
  }

  #isKey(name: string): boolean {
    // Where there is no prefix, what is ours and no session is told by how it begins.
    return this.idAtRest === 'plain' ? !/^[@{]/.test(name) : isHandle(name);
  }

  async *#allKeys(): AsyncGenerator<SessionKey[], void> {
    const count = Math.max(this.#scanCount, ALL_AT_ONCE);
    for (let place: Place | null = START; place !== null;) {
      const { keys, next }: Keys = await this.#keysAt(place, count);
      yield keys;
      place = next;
    }
  }

  /** Takes those of a user's sessions that have ended from the set. */
  async #forget(owner: string, keys: readonly SessionKey[]): Promise<void> {
    const entries = await Promise.all(keys.map((key) => this.#entry(key, false)));
    await this.#owners.drop(
      owner,
      keys.filter((_, at) => entries[at] === null),
    );
  }
}

/** So that a prefix means itself in a pattern of SCAN (S59). */
const escaped = (prefix: string): string => prefix.replace(/[\\*?[\]^-]/g, '\\$&');

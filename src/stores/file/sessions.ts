// The primitives of the contract as jobs: what expiry, closing, owners and broken files mean on top of the protocol.
import { sep } from 'node:path';

import type { Clock } from '../../core/clock.js';
import type { SessionKey, SessionRecord } from '../../core/contract.js';
import { SessionError } from '../../core/errors.js';
import { Recent } from '../../core/recent.js';
import { attempt, link, mkdir, readdir, rename, rmdir, unless, unlink, type Steps } from './calls.js';
import { entryOf, isAside, isSame, nameOf, type Layout, type Name } from './layout.js';
import type { OwnerIndex } from './owner-index.js';
import type { Current, Look, Protocol } from './protocol.js';
import { CorruptFile } from './record-file.js';
import type { Revocations } from './revocations.js';

export interface SessionsOptions {
  readonly layout: Layout;
  readonly protocol: Protocol;
  readonly owners: OwnerIndex;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly ttlMs: number;
  /** Before each job: the directory is the one it was. */
  readonly check: () => Steps<void>;
  /** Told of each file that was put aside. */
  readonly onCorrupt: (error: SessionError) => void;
}

/** Each try that fails means that another process succeeded meanwhile. */
const TRIES = 1_000;
/** A session is swept so long after its end: a touch that looked at it just before may still land. */
export const GRACE_MS = 2_000;
/** The last moment that a Date can name, epoch ms. */
const LAST_DATE = 8.64e15;
/** Files that are kept aside. */
const MAX_QUARANTINED = 100;
/** What was read last is remembered: of each of two generations so many bytes of files, and what objects take besides. */
const MAX_SEEN = 4_000_000;
const OBJECTS = 1_000;

export class Sessions {
  readonly #options: SessionsOptions;
  /** By name, what was read last. */
  readonly #seen = new Recent<Current>(MAX_SEEN, ({ file }) => file.size + OBJECTS);

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  *find(key: SessionKey): Steps<SessionRecord | null> {
    const found = yield* this.#living(key);
    return found === null ? null : recordOf(found);
  }

  *insert(record: SessionRecord): Steps<boolean> {
    yield* this.#options.check();
    const { protocol, owners } = this.#options;
    const name = nameOf(record.key);
    for (let tries = 0; tries < TRIES; tries++) {
      if (record.owner !== undefined) yield* owners.add(record.owner, name);
      const dueAt = this.#dueAt(record.expiresAt, record.deadlineAt);
      let there: Look;
      try {
        there = yield* protocol.insert(name, record, dueAt);
      } catch (error) {
        yield* this.#putAside(name, error);
        continue;
      }
      if (there === null) {
        // A rebuild may have taken the entry for a stray one, if this process was stopped for long.
        if (record.owner !== undefined) yield* owners.ensure(record.owner, name);
        return true;
      }
      if (there === 'dead' || !(yield* this.isGone(there))) return false;
      yield* this.removeSeen(name, there);
    }
    throw this.#restless();
  }

  *replace(record: SessionRecord, expectedVersion: string): Steps<boolean> {
    const { protocol, owners } = this.#options;
    const name = nameOf(record.key);
    for (let tries = 0; tries < TRIES; tries++) {
      const known = tries === 0 ? yield* this.#known(name, record, expectedVersion) : null;
      const seen = known ?? (yield* this.#living(record.key));
      if (seen?.record.version !== expectedVersion || seen.record.closed !== undefined) return false;
      const { owner } = seen.record;
      if (record.owner !== undefined && record.owner !== owner) yield* owners.add(record.owner, name);
      const dueAt = this.#dueAt(record.expiresAt, record.deadlineAt);
      if (!(yield* protocol.replace(name, seen, record, dueAt))) continue;
      if (owner !== undefined && record.owner !== owner) yield* attempt(owners.remove(owner, name));
      return true;
    }
    throw this.#restless();
  }

  *extend(key: SessionKey, expiresAt: number | null): Steps<boolean> {
    const { protocol } = this.#options;
    const name = nameOf(key);
    for (let tries = 0; tries < TRIES; tries++) {
      const seen = yield* this.#living(key);
      if (seen === null || seen.record.closed !== undefined) return false;
      const { record } = seen;
      const endsAt = this.#dueAt(expiresAt, record.deadlineAt);
      if (endsAt <= seen.endsAt) return true;
      const isOwn = expiresAt !== null;
      // The record's own end stays close behind: it is what a copy without file times has, and what counts if two
      // touches cross.
      const isNear = endsAt - seen.dueAt <= (record.idleMs ?? this.#options.ttlMs) / 2;
      if (isNear && isOwn === (record.expiresAt !== null)) {
        const touched = yield* protocol.touch(name, seen, endsAt);
        if (touched === 'gone') continue;
        // Stopped since it looked, past the grace of the sweep: then only a commit tells whether it is still there.
        if (touched === 'moved' && !this.isOver(seen, GRACE_MS)) return true;
      }
      const next = { ...record, expiresAt: isOwn ? endsAt : null };
      if (yield* protocol.renew(name, seen, next, endsAt)) return true;
    }
    throw this.#restless();
  }

  *remove(key: SessionKey): Steps<boolean> {
    yield* this.#options.check();
    const name = nameOf(key);
    for (let tries = 0; tries < TRIES; tries++) {
      const seen = yield* this.look(name);
      if (seen?.record.key !== key) {
        yield* this.#options.check();
        return false;
      }
      const wasGone = yield* this.isGone(seen);
      if (yield* this.removeSeen(name, seen)) return !wasGone;
    }
    throw this.#restless();
  }

  /** The current version under a name, expired ones included. What is broken is put aside and counts as absent. */
  *look(name: Name): Steps<Current | null> {
    const found = yield* this.lookClosely(name);
    return found === 'dead' ? null : found;
  }

  /** The same, and tells what was removed and still lies there. */
  *lookClosely(name: Name, onBroken?: () => void): Steps<Look> {
    try {
      return yield* this.#options.protocol.look(name);
    } catch (error) {
      yield* this.#putAside(name, error);
      onBroken?.();
      return null;
    }
  }

  /** Removes a version that was seen; false if it is not the current one any more. */
  *removeSeen(name: Name, seen: Current): Steps<boolean> {
    const { protocol, owners } = this.#options;
    if (!(yield* protocol.remove(name, seen))) return false;
    const { owner } = seen.record;
    if (owner !== undefined) yield* attempt(owners.remove(owner, name));
    return true;
  }

  /** Whether its time is over, or it was revoked with others. */
  *isGone(seen: Current): Steps<boolean> {
    return this.isOver(seen) || (yield* this.#options.revocations.isRevoked(seen.record));
  }

  isOver({ endsAt }: Current, graceMs = 0): boolean {
    return endsAt + graceMs <= this.#options.clock.now();
  }

  *#living(key: SessionKey): Steps<Current | null> {
    yield* this.#options.check();
    const name = nameOf(key);
    const before = this.#seen.get(name);
    const again = before && (yield* this.#options.protocol.lookAgain(name, before));
    const seen = again ?? (yield* this.look(name));
    // A name is made of a key in one way, but a handle and the id that it is of give the same one.
    if (seen?.record.key === key && !(yield* this.isGone(seen))) {
      this.#seen.set(name, seen);
      return seen;
    }
    // Once more: a directory that has gone since must not look like a session that is not there.
    yield* this.#options.check();
    return null;
  }

  /**
   * The version that a record is to replace, if it was read before and nothing speaks against it. A look is as good as a new
   * one however old it is: it has seen the record at that version, which is what a commit away from it needs. If the
   * version is not the current one any more, that commit fails.
   */
  *#known(name: Name, { key, owner }: SessionRecord, version: string): Steps<Current | null> {
    const seen = this.#seen.get(name);
    if (seen?.record.key !== key || seen.record.version !== version) return null;
    // Before the owner index is written to, the version must be known to be the current one.
    if (owner !== seen.record.owner) return null;
    yield* this.#options.check();
    // Not the end of a touch: a process that was stopped in the middle of another touch can take that back.
    const known = { ...seen, endsAt: seen.dueAt };
    return (yield* this.isGone(known)) ? null : known;
  }

  #dueAt(expiresAt: number | null, deadlineAt: number | null): number {
    const { clock, ttlMs } = this.#options;
    const dueAt = Math.min(expiresAt ?? clock.now() + ttlMs, deadlineAt ?? Infinity, LAST_DATE);
    if (Number.isNaN(dueAt))
      throw new SessionError('ERR_SESSION_VALUE', 'The end of a session must be a number of milliseconds.');
    return dueAt;
  }

  /** Moves what is not a session out of the way, and reports it. Its tokens go, which ends the writes under way. */
  *#putAside(name: Name, error: unknown): Steps<void> {
    if (!(error instanceof CorruptFile)) throw error;
    const { layout, protocol, clock, onCorrupt } = this.#options;
    const shard = layout.shard(name);
    yield* mkdir(layout.quarantine);
    yield* this.#makeRoomAside();
    const aside = layout.aside(name, clock.now());
    const files = (yield* readdir(shard)).flatMap((file) => {
      const entry = entryOf(file);
      return entry?.name === name && entry.kind !== 'record' ? [{ file, entry }] : [];
    });
    const staged = files.filter(({ entry }) => entry.kind === 'staged');
    // B: commits   A: lists   B: publishes -> the token of a version that is about to be published is not the broken one's
    const tokens = files.filter(
      ({ entry }) => entry.kind === 'token' && !staged.some((other) => isSame(other.entry, entry)),
    );
    if (!(yield* unless('ENOENT', rename(layout.record(name), aside)))) return;
    // A: reads the broken file   B: commits the version after it, and publishes   A: moves B's away -> back with it
    if (yield* protocol.mayBeSound(aside, name)) {
      yield* unless('EEXIST', link(aside, layout.record(name)));
      yield* unlink(aside);
      return;
    }
    for (const { file } of tokens) yield* unless('ENOENT', unlink(shard + sep + file));
    onCorrupt(
      new SessionError(
        'ERR_SESSION_CORRUPT',
        `The file of session sha256:${name} is broken (${error.message}). It counts as absent and was moved to '${aside}'.`,
        { cause: error },
      ),
    );
  }

  /** The quarantine holds a bounded number: the oldest make room. */
  *#makeRoomAside(): Steps<void> {
    const { quarantine } = this.#options.layout;
    const files = (yield* readdir(quarantine)).filter(isAside).sort();
    for (const file of files.slice(0, Math.max(files.length + 1 - MAX_QUARANTINED, 0))) {
      const path = quarantine + sep + file;
      // Of directories only those that are empty: what is in the others is not ours.
      yield* attempt(unlink(path));
      yield* attempt(rmdir(path));
    }
  }

  #restless(): SessionError {
    return new SessionError(
      'ERR_SESSION_CONFLICT',
      `A session was changed ${TRIES} times while it was written.`,
    );
  }
}

/** The record as it is now: touched ones end later than their file says. The caller's own: what was read is remembered. */
export function recordOf({ record, dueAt, endsAt }: Current): SessionRecord {
  const { meta, closed } = record;
  return {
    ...record,
    ...(endsAt === dueAt || record.expiresAt === null ? null : { expiresAt: endsAt }),
    ...(meta && { meta: structuredClone(meta) }),
    ...(closed && { closed: { ...closed } }),
  };
}

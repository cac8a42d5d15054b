// Keeps the directory clean, a folder at a time: removes what has expired, what killed writers left, and names in the
// owner index that mean nothing any more. Touches only what has the form of our own names.
import { sep } from 'node:path';

import type { Clock } from '../../core/clock.js';
import type { SessionKey } from '../../core/contract.js';
import { SessionError } from '../../core/errors.js';
import { readdir, stat, turn, unless, unlink, type Steps } from './calls.js';
import { dueAtOf, entryOf, isDraft, isName, isSame, type Entry, type Layout, type Name } from './layout.js';
import type { Listing } from './listing.js';
import type { OwnerIndex } from './owner-index.js';
import type { Current, Protocol } from './protocol.js';
import type { Revocations } from './revocations.js';
import { GRACE_MS, recordOf, type Sessions } from './sessions.js';

/** What `verify()` found and did. */
export interface FileStoreReport {
  /** Living sessions, all of them read. */
  sessions: number;
  /** Sessions that had expired, and closed ones after their minute: removed. */
  expired: number;
  /** Files that are no sessions: moved to the quarantine. */
  broken: number;
  /** Sessions that this version of the package cannot read: left alone. */
  unreadable: number;
  /** Files of writers that were stopped or killed: removed. */
  litter: number;
  /** Names of sessions under a user who does not have them: removed. */
  strayOwners: number;
  /** Files of others among ours: left alone. */
  foreign: number;
}

export interface CaretakerOptions {
  readonly layout: Layout;
  readonly protocol: Protocol;
  readonly sessions: Sessions;
  readonly listing: Listing;
  readonly owners: OwnerIndex;
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly check: () => Steps<void>;
  readonly onExpired: (key: SessionKey) => void;
  readonly onUnreadable: (error: SessionError) => void;
}

export interface Tending {
  /** At most so many expired sessions. Default: all. */
  readonly limit?: number;
  /** Reads every session. Default: those that may have expired, and those with something odd about them. */
  readonly thorough?: boolean;
}

/** What a writer made longer ago is not about to be used, so that it is worth making sure of. */
const LITTER_AGE_MS = 60_000;

export const emptyReport = (): FileStoreReport => ({
  sessions: 0,
  expired: 0,
  broken: 0,
  unreadable: 0,
  litter: 0,
  strayOwners: 0,
  foreign: 0,
});

type OfWriter = Extract<Entry, { readonly kind: 'token' | 'staged' }>;

interface Files {
  hasRecord: boolean;
  readonly tokens: OfWriter[];
  readonly staged: OfWriter[];
}

export class Caretaker {
  readonly #options: CaretakerOptions;

  constructor(options: CaretakerOptions) {
    this.#options = options;
  }

  /** Every folder, thoroughly. */
  *verify(report: FileStoreReport): Steps<void> {
    const { check, listing, layout, revocations } = this.#options;
    yield* check();
    for (const file of (yield* readdir(layout.root)).filter(isDraft))
      yield* this.#clear(layout.root + sep + file, report);
    for (const shard of yield* listing.shards()) yield* this.tend(shard, report, { thorough: true });
    yield* this.tendOwners(report);
    yield* revocations.tend();
    yield* check();
  }

  /** Folders in this order until `limit` sessions are removed. */
  *sweep(
    shards: readonly string[],
    report: FileStoreReport,
    limit: number,
    onVisit: (shard: string) => void,
  ): Steps<void> {
    for (const shard of shards) {
      if (report.expired >= limit) return;
      onVisit(shard);
      yield* this.tend(shard, report, { limit: limit - report.expired });
    }
  }

  /** One folder. */
  *tend(
    shard: string,
    report: FileStoreReport,
    { limit = Infinity, thorough = false }: Tending = {},
  ): Steps<void> {
    const { layout, check, onUnreadable } = this.#options;
    yield* check();
    const enough = report.expired + limit;
    for (const [name, files] of grouped(yield* readdir(layout.root + sep + shard), report)) {
      if (report.expired >= enough) return;
      yield* turn();
      if (!thorough && this.#isFine(files)) continue;
      try {
        yield* this.#inspect(name, files, report);
      } catch (error) {
        // This one cannot be read, by us: of a later format, say. The others can.
        if (!(error instanceof SessionError)) throw error;
        report.unreadable++;
        onUnreadable(error);
      }
    }
  }

  /** The owner index: what it names and is not there. `tend` adds what it does not name. */
  *tendOwners(report: FileStoreReport): Steps<void> {
    const { owners } = this.#options;
    for (const shard of yield* owners.shards())
      for (const directory of yield* owners.directoriesIn(shard)) yield* this.#tendOwner(directory, report);
  }

  *#tendOwner(directory: string, report: FileStoreReport): Steps<void> {
    const { sessions, owners, layout } = this.#options;
    yield* turn();
    for (const name of (yield* readdir(directory)).filter(isName)) {
      yield* turn();
      const isTheirs = function* (): Steps<boolean> {
        const { owner } = (yield* sessions.look(name))?.record ?? {};
        return owner !== undefined && layout.owner(owner) === directory;
      };
      try {
        // A new session is named here before it is there.
        if ((yield* isTheirs()) || !(yield* this.#isOld(directory + sep + name))) continue;
        yield* owners.drop(directory, name);
        report.strayOwners++;
        // Inserted just now: its insert made sure of the entry before it was dropped.
        if (yield* isTheirs()) yield* owners.restore(directory, name);
      } catch (error) {
        // One that cannot be read may well be theirs. `tend` has counted it.
        if (!(error instanceof SessionError)) throw error;
      }
    }
  }

  /** What most sessions are, by the names of their files alone. */
  #isFine({ hasRecord, tokens, staged }: Files): boolean {
    const [token] = tokens;
    if (!hasRecord || token === undefined || tokens.length > 1 || staged.length > 0) return false;
    return dueAtOf(token) > this.#options.clock.now();
  }

  *#inspect(name: Name, files: Files, report: FileStoreReport): Steps<void> {
    const { protocol, sessions, owners, onExpired } = this.#options;
    const before = report.broken;
    const seen = yield* sessions.lookClosely(name, () => report.broken++);
    if (report.broken > before) return;
    if (seen === null || seen === 'dead') {
      // Gone meanwhile, or removed by somebody who did not get to the end of it.
      if (seen === 'dead') {
        yield* protocol.bury(name);
        report.litter++;
      }
      return yield* this.#clearGone(name, files, report);
    }
    if (sessions.isOver(seen, GRACE_MS)) {
      if (!(yield* sessions.removeSeen(name, seen))) return;
      report.expired++;
      if (seen.record.closed === undefined) onExpired(seen.record.key);
      const tokens = files.tokens.filter((version) => !isSame(version, seen));
      yield* this.#clearGone(name, { ...files, tokens }, report);
    } else {
      if (seen.record.closed === undefined) report.sessions++;
      if (seen.record.owner !== undefined) yield* owners.ensure(seen.record.owner, name);
      yield* this.#clearAround(name, seen, files, report);
    }
  }

  /** What lies beside a living session. */
  *#clearAround(name: Name, seen: Current, { tokens, staged }: Files, report: FileStoreReport): Steps<void> {
    const { layout, protocol } = this.#options;
    let { seq: reached } = seen;
    for (const version of staged) {
      const path = layout.staged(name, version);
      if (!(yield* this.#isOld(path))) continue;
      // Its writer may be stopped before its commit and go on later. After a version of ours it cannot commit any more.
      if (version.seq > reached) {
        if (!(yield* protocol.renew(name, seen, recordOf(seen), seen.endsAt))) continue;
        reached++;
      }
      if (yield* unless('ENOENT', unlink(path))) report.litter++;
    }
    for (const version of tokens) {
      // A later one than was seen is the current one by now.
      if (version.seq > seen.seq || isSame(version, seen)) continue;
      yield* this.#clear(layout.token(name, version), report);
    }
  }

  /** What is left of a session that is not there. */
  *#clearGone(name: Name, { tokens, staged }: Files, report: FileStoreReport): Steps<void> {
    const { layout, sessions } = this.#options;
    // First these: a stopped `insert` that goes on then finds nothing to link, and begins anew.
    for (const version of staged) yield* this.#clear(layout.staged(name, version), report);
    if (tokens.length === 0 || (yield* sessions.lookClosely(name)) !== null) return;
    for (const version of tokens) yield* this.#clear(layout.token(name, version), report);
  }

  *#clear(path: string, report: FileStoreReport): Steps<void> {
    if (!(yield* this.#isOld(path))) return;
    if (yield* unless('ENOENT', unlink(path))) report.litter++;
  }

  *#isOld(path: string): Steps<boolean> {
    const found = yield* stat(path);
    return found !== undefined && this.#options.clock.now() - found.ctimeMs > LITTER_AGE_MS;
  }
}

/** The files of a folder by session. */
function grouped(files: readonly string[], report: FileStoreReport): Map<Name, Files> {
  const names = new Map<Name, Files>();
  for (const file of files) {
    const entry = entryOf(file);
    if (entry === null) {
      report.foreign++;
      continue;
    }
    let found = names.get(entry.name);
    if (found === undefined) names.set(entry.name, (found = { hasRecord: false, tokens: [], staged: [] }));
    if (entry.kind === 'record') found.hasRecord = true;
    else found[entry.kind === 'token' ? 'tokens' : 'staged'].push(entry);
  }
  return names;
}

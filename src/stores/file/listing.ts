// Lists and counts the sessions of the directory, a bounded piece at a time, in the order of their names.
import { sep } from 'node:path';

import type { Clock } from '../../core/clock.js';
import {
  isBroken,
  type BrokenRecord,
  type Page,
  type PageOptions,
  type SessionKey,
  type SessionRecord,
} from '../../core/contract.js';
import { SessionError } from '../../core/errors.js';
import { readdir, subdirectories, turn, type Steps } from './calls.js';
import { entryOf, isClosed, isName, isShard, type Layout, type Name } from './layout.js';
import { asStoreError } from './faults.js';
import type { OwnerIndex } from './owner-index.js';
import { recordOf, type Sessions } from './sessions.js';

/** A name, to go on after it, or a shard, to begin with it. */
const CURSOR = /^[0-9a-f]{3}(?:[0-9a-f]{61})?$/;
/** Characters of a name without anything after it. */
const NAME_LENGTH = 64;
/** Files that one slice of work reads: about half a millisecond when they are in memory. */
const SLICE = 50;
/** Shards that one page lists at most: most may be empty after a mass expiry. */
const SHARDS_PER_PAGE = 256;

/** For so long pages go by one list of the folders. */
const LIST_AGE_MS = 1_000;

export interface ListingOptions {
  readonly clock: Clock;
  readonly layout: Layout;
  readonly sessions: Sessions;
  readonly owners: OwnerIndex;
  readonly check: () => Steps<void>;
}

export class Listing {
  readonly #options: ListingOptions;
  #listed: { readonly shards: readonly string[]; readonly at: number } = { shards: [], at: -Infinity };

  constructor(options: ListingOptions) {
    this.#options = options;
  }

  /** @throws {SessionError} ERR_SESSION_CURSOR */
  *page(options: PageOptions): Steps<Page> {
    const { owner } = options;
    const { cursor = '' } = options;
    // As text, whatever it is: it may come from a query.
    if (cursor !== '' && (typeof cursor !== 'string' || !CURSOR.test(cursor)))
      throw new SessionError('ERR_SESSION_CURSOR', 'The cursor is not one that a page returned.');
    yield* this.#options.check();
    const page: Filling = { ...options, cursor, records: [], looks: 0 };
    if (owner !== undefined) {
      const last = yield* this.#fill(page, yield* this.#options.owners.namesOf(owner));
      yield* this.#options.check();
      return { records: page.records, cursor: last };
    }
    const shards = (yield* this.#shardsFrom(cursor)).filter(
      (shard) => shard >= cursor.slice(0, shard.length),
    );
    for (const shard of shards.slice(0, SHARDS_PER_PAGE)) {
      const last = yield* this.#fill(page, (yield* this.#namesIn(shard)).sort());
      if (last !== null) return { records: page.records, cursor: last };
    }
    // Once more: what went away amid the page must not look empty.
    yield* this.#options.check();
    return { records: page.records, cursor: shards[SHARDS_PER_PAGE] ?? null };
  }

  /** By the names of the tokens: no session is read. */
  *count(): Steps<number> {
    yield* this.#options.check();
    let count = 0;
    for (const shard of yield* this.shards()) {
      for (const file of yield* readdir(this.#options.layout.root + sep + shard)) {
        // Half of the names are records': those are told by their length.
        if (file.length === NAME_LENGTH) continue;
        const entry = entryOf(file);
        if (entry?.kind === 'token' && !isClosed(entry)) count++;
      }
      yield* turn();
    }
    yield* this.#options.check();
    return count;
  }

  /** The folders of the directory that hold sessions, in order. */
  *shards(): Steps<string[]> {
    return (yield* subdirectories(this.#options.layout.root)).filter(isShard).sort();
  }

  /** For the pages after the first: a list of thousands takes longer than the page. It is not older than the first page. */
  *#shardsFrom(cursor: string): Steps<readonly string[]> {
    const now = this.#options.clock.now();
    if (cursor === '' || Math.abs(now - this.#listed.at) > LIST_AGE_MS)
      this.#listed = { shards: yield* this.shards(), at: now };
    return this.#listed.shards;
  }

  *#namesIn(shard: string): Steps<Name[]> {
    return (yield* readdir(this.#options.layout.root + sep + shard)).filter((file) => isName(file));
  }

  /** Adds sessions to a page until it is full: then the last one that was looked at, else `null`. */
  *#fill(page: Filling, names: readonly Name[]): Steps<string | null> {
    const { cursor = '', limit, records } = page;
    for (const name of names) {
      if (name <= cursor) continue;
      if (++page.looks % SLICE === 0) yield* turn();
      const entry = yield* this.#read(name);
      if (entry !== null && isListed(entry, page)) records.push(entry);
      if (records.length >= limit) return name;
    }
    return null;
  }

  /** A session that cannot be read is listed in its place: the others can. */
  *#read(name: Name): Steps<SessionRecord | BrokenRecord | null> {
    const { sessions } = this.#options;
    try {
      const found = yield* sessions.look(name);
      return found === null || sessions.isOver(found) ? null : recordOf(found);
    } catch (error) {
      return { key: `sha256:${name}` as SessionKey, error: asStoreError(error) };
    }
  }
}

interface Filling extends PageOptions {
  readonly records: (SessionRecord | BrokenRecord)[];
  looks: number;
}

function isListed(entry: SessionRecord | BrokenRecord, { owner }: PageOptions): boolean {
  if (isBroken(entry)) return true;
  return entry.closed === undefined && (owner === undefined || entry.owner === owner);
}

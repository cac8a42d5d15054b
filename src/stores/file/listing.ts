// Lists and counts the sessions of the directory, a bounded piece at a time, in the order of their names.
import { sep } from 'node:path';

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
import { NAME_LENGTH, entryOf, isClosed, isName, isShard, type Layout, type Name } from './layout.js';
import { asStoreError } from './faults.js';
import type { OwnerIndex } from './owner-index.js';
import { recordOf, type Sessions } from './sessions.js';

/** A name, to go on after it, or a shard, to begin with it. */
const CURSOR = /^[0-9a-f]{3}(?:[0-9a-f]{61})?$/;
/** Shards that one page lists at most: most may be empty after a mass expiry. */
const SHARDS_PER_PAGE = 256;

export interface ListingOptions {
  readonly layout: Layout;
  readonly sessions: Sessions;
  readonly owners: OwnerIndex;
  readonly check: () => Steps<void>;
}

export class Listing {
  readonly #options: ListingOptions;
  readonly #last: { shards: readonly string[]; cursor: string | null } = { shards: [], cursor: null };

  constructor(options: ListingOptions) {
    this.#options = options;
  }

  /** @throws {SessionError} ERR_SESSION_CURSOR */
  *page(options: PageOptions): Steps<Page> {
    const { owner, cursor = '' } = options;
    // Whatever the compiler says: it may come from a query.
    if (cursor !== '' && (typeof cursor !== 'string' || !CURSOR.test(cursor)))
      throw new SessionError('ERR_SESSION_CURSOR', 'The cursor is not one that a page returned.');
    yield* this.#options.check();
    const page: Filling = { ...options, cursor, records: [] };
    if (owner !== undefined) {
      const last = yield* this.#fill(page, yield* this.#options.owners.namesOf(owner));
      yield* this.#options.check();
      return { records: page.records, cursor: last };
    }
    const shards = (yield* this.#shardsFrom(cursor)).filter(
      (shard) => shard >= cursor.slice(0, shard.length),
    );
    let last: string | null = null;
    for (const shard of shards.slice(0, SHARDS_PER_PAGE)) {
      last = yield* this.#fill(page, (yield* this.#namesIn(shard)).sort());
      if (last !== null) break;
    }
    last ??= shards[SHARDS_PER_PAGE] ?? null;
    this.#last.cursor = last;
    // Once more: what went away amid the page must not look empty.
    yield* this.#options.check();
    return { records: page.records, cursor: last };
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

  /** For a page that goes on where our last one ended: a list of thousands takes longer than the page. */
  *#shardsFrom(cursor: string): Steps<readonly string[]> {
    if (cursor === '' || cursor !== this.#last.cursor) this.#last.shards = yield* this.shards();
    return this.#last.shards;
  }

  *#namesIn(shard: string): Steps<Name[]> {
    return (yield* readdir(this.#options.layout.root + sep + shard)).filter((file) => isName(file));
  }

  /** Adds sessions to a page until it is full: then the last one that was looked at, else `null`. */
  *#fill(page: Filling, names: readonly Name[]): Steps<string | null> {
    const { cursor = '', limit, records } = page;
    for (const name of names) {
      if (name <= cursor) continue;
      yield* turn();
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
      return found === null || (yield* sessions.isGone(found)) ? null : recordOf(found);
    } catch (error) {
      return { key: `sha256:${name}` as SessionKey, error: asStoreError(error) };
    }
  }
}

interface Filling extends PageOptions {
  readonly records: (SessionRecord | BrokenRecord)[];
}

function isListed(entry: SessionRecord | BrokenRecord, { owner }: PageOptions): boolean {
  if (isBroken(entry)) return true;
  return entry.closed === undefined && (owner === undefined || entry.owner === owner);
}

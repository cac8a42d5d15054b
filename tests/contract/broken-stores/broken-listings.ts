// Stores whose optional primitives or express-session methods are wrong.
import {
  MemoryStore,
  SessionError,
  isBroken,
  type Callback,
  type Capability,
  type Page,
  type PageOptions,
  type SessionKey,
  type SessionRecord,
  type StoredSession,
} from '../../../src/index.js';
import { broken, Deliberate, without, type BrokenStore } from './broken-store.js';

/** Remembers every record that it was given. */
class Remembering extends MemoryStore {
  protected readonly given = new Map<SessionKey, SessionRecord>();

  override insert(record: SessionRecord): Promise<boolean> {
    this.given.set(record.key, record);
    return super.insert(record);
  }

  override remove(key: SessionKey): Promise<boolean> {
    this.given.delete(key);
    return super.remove(key);
  }
}

/** Lists on its last page what does not belong there. */
class PageListsTheDead extends Remembering {
  override async page(options: PageOptions): Promise<Page> {
    const page = await super.page({ ...options, limit: 1 });
    if (page.cursor !== null) return page;
    const dead = [...this.given.values()].filter(
      ({ expiresAt }) => (expiresAt ?? Infinity) <= this.clock.now(),
    );
    return { records: [...page.records, ...dead].slice(0, options.limit), cursor: null };
  }
}

class PageListsClosed extends Remembering {
  override async page(options: PageOptions): Promise<Page> {
    const page = await super.page({ ...options, limit: 1 });
    if (page.cursor !== null) return page;
    const closed = [...this.given.keys()].map((key) => this.findSync(key)).filter((record) => record?.closed);
    return {
      records: [...page.records, ...(closed as SessionRecord[])].slice(0, options.limit),
      cursor: null,
    };
  }
}

/** The cursor is an offset: a session that goes moves all later ones past it. */
class PageByOffset extends Remembering {
  override async page({ owner, limit, cursor = '0' }: PageOptions): Promise<Page> {
    const from = Number(cursor);
    if (Number.isNaN(from)) throw new SessionError('ERR_SESSION_CURSOR', 'No such cursor.');
    const living = [...this.given.keys()]
      .map((key) => this.findSync(key))
      .filter((record) => record !== null && record.closed === undefined) as SessionRecord[];
    const listed = living.filter((record) => owner === undefined || record.owner === owner);
    const end = from + limit;
    return { records: listed.slice(from, end), cursor: end < listed.length ? String(end) : null };
  }
}

/** Goes on one place too far. */
class PageSkips extends MemoryStore {
  override async page(options: PageOptions): Promise<Page> {
    const page = await super.page(options);
    return { ...page, cursor: page.cursor === null ? null : String(Number(page.cursor) + 1) };
  }
}

class PageIgnoresOwner extends MemoryStore {
  override page(options: PageOptions): Promise<Page> {
    return super.page(without(options, 'owner'));
  }
}

/** As LIKE 'owner%' does. */
class PageByOwnerPrefix extends MemoryStore {
  override async page({ owner = '', ...options }: PageOptions): Promise<Page> {
    const page = await super.page(options);
    const records = page.records.filter((entry) => !isBroken(entry) && (entry.owner ?? '').startsWith(owner));
    return { ...page, records };
  }
}

class PageNeverEnds extends MemoryStore {
  override async page(options: PageOptions): Promise<Page> {
    const page = await super.page(options);
    return { ...page, cursor: page.cursor ?? '0' };
  }
}

class PageIgnoresLimit extends MemoryStore {
  override page(options: PageOptions): Promise<Page> {
    return super.page({ ...options, limit: options.limit + 1 });
  }
}

class PageTakesAnyCursor extends MemoryStore {
  override page({ cursor, ...options }: PageOptions): Promise<Page> {
    return super.page(
      cursor === undefined || Number.isNaN(Number(cursor)) ? options : { ...options, cursor },
    );
  }
}

class PageLosesOwnerWithoutData extends MemoryStore {
  override async page(options: PageOptions): Promise<Page> {
    const page = await super.page(options);
    if (options.withData !== false) return page;
    return { ...page, records: page.records.map((entry) => without(entry as SessionRecord, 'owner')) };
  }
}

class SweepTakesTheLiving extends Remembering {
  override async removeExpired(limit: number): Promise<number> {
    const removed = await super.removeExpired(limit);
    for (const key of [...this.given.keys()].slice(0, limit)) await this.remove(key);
    return removed;
  }
}

/** Goes by the expiry that a record came with. */
class SweepByTheFirstExpiry extends Remembering {
  override async removeExpired(limit: number): Promise<number> {
    const due = [...this.given.values()].filter(
      ({ expiresAt }) => (expiresAt ?? Infinity) <= this.clock.now(),
    );
    let removed = 0;
    for (const { key } of due.slice(0, limit)) removed += Number(await this.remove(key));
    return removed + (await super.removeExpired(limit - removed));
  }
}

class SweepIgnoresLimit extends MemoryStore {
  override removeExpired(): Promise<number> {
    return super.removeExpired(1_000);
  }
}

class SweepDoesNothing extends MemoryStore {
  override removeExpired(): Promise<number> {
    return Promise.resolve(0);
  }
}

class SweepSparesClosed extends Remembering {
  override async removeExpired(limit: number): Promise<number> {
    const closed = [...this.given.values()].filter((record) => record.closed !== undefined);
    return Math.max(0, (await super.removeExpired(limit)) - closed.length);
  }
}

class CountsClosed extends Remembering {
  override count(): Promise<number> {
    return Promise.resolve(this.given.size);
  }
}

class CountsWrites extends MemoryStore {
  #count = 0;

  override insert(record: SessionRecord): Promise<boolean> {
    this.#count++;
    return super.insert(record);
  }

  override count(): Promise<number> {
    return Promise.resolve(this.#count);
  }
}

class FindSyncHidesClosed extends MemoryStore {
  override find(key: SessionKey): Promise<SessionRecord | null> {
    return Promise.resolve(super.findSync(key));
  }

  override findSync(key: SessionKey): SessionRecord | null {
    const found = super.findSync(key);
    return found?.closed === undefined ? found : null;
  }
}

class ClosesOnce extends MemoryStore {
  #closed = false;

  override close(): Promise<void> {
    if (this.#closed) return Promise.reject(new Deliberate('It is closed.'));
    this.#closed = true;
    return super.close();
  }
}

class DeclaresWhatItLacks extends MemoryStore {
  override readonly capabilities = new Set<Capability>([
    ...(['page', 'removeExpired', 'count', 'findSync', 'close'] as const),
    'ping',
  ]);
}

/** Removes physically, and so forgets that the session has ended. */
class SetRevives extends MemoryStore {
  override async destroy(sid: string, callback?: Callback): Promise<void> {
    const record = await this.find(sid as SessionKey);
    await this.remove(record?.key ?? this.keyOf(sid as Parameters<MemoryStore['keyOf']>[0]));
    callback?.(null);
  }
}

class TouchCreates extends MemoryStore {
  override touch(sid: string, session: StoredSession, callback?: Callback): Promise<void> {
    return this.set(sid, session, callback);
  }
}

/** Its names are good for nothing. */
class IdsCutShort extends MemoryStore {
  override async ids(): Promise<string[]> {
    return (await super.ids()).map((name) => name.replace('sha256:', ''));
  }
}

class ExpiryLostBySet extends MemoryStore {
  override set(sid: string, session: StoredSession, callback?: Callback): Promise<void> {
    return super.set(sid, { ...session, cookie: { ...session.cookie, expires: null } }, callback);
  }
}

const LEAVES = 'removeExpired leaves the living, those that were extended and those that are closed';
const OWNER = 'page by owner lists the sessions of this user, all of them and no others';
const COUNT = 'count is the number of sessions: writes, touches and closed ones add nothing to it';

export const brokenListings: readonly BrokenStore[] = [
  broken('page lists expired', PageListsTheDead, 'page lists no expired session'),
  broken('page lists closed', PageListsClosed, 'page lists no closed session'),
  broken(
    'page by offset',
    PageByOffset,
    'page misses no session that lives through the listing while others come and go',
  ),
  broken(
    'page skips',
    PageSkips,
    'page by page every living session is listed, and no page holds more than its limit',
  ),
  broken('page ignores the owner', PageIgnoresOwner, OWNER),
  broken('page by owner prefix', PageByOwnerPrefix, OWNER),
  broken('page never ends', PageNeverEnds, 'page of a store without sessions lists nothing'),
  broken(
    'page ignores the limit',
    PageIgnoresLimit,
    'page by page every living session is listed, and no page holds more than its limit',
  ),
  broken('page takes any cursor', PageTakesAnyCursor, 'page rejects a cursor that no page returned'),
  broken(
    'page without data loses the owner',
    PageLosesOwnerWithoutData,
    'page with { withData: false } may leave out the data, and nothing else',
  ),
  broken('removeExpired removes the living', SweepTakesTheLiving, LEAVES),
  broken('removeExpired removes the extended', SweepByTheFirstExpiry, LEAVES),
  broken(
    'removeExpired ignores its limit',
    SweepIgnoresLimit,
    'removeExpired removes no more than its limit at once, and the rest when it is called again',
  ),
  broken(
    'removeExpired does nothing',
    SweepDoesNothing,
    'removeExpired removes what has expired and says how many went',
  ),
  broken(
    'removeExpired does not say what it removed',
    SweepSparesClosed,
    'removeExpired removes closed records that are outlived',
  ),
  broken('count counts closed ones', CountsClosed, COUNT),
  broken('count counts writes', CountsWrites, COUNT),
  broken(
    'findSync differs from find',
    FindSyncHidesClosed,
    'findSync answers as find does: living, absent, closed, expired',
  ),
  broken('close throws on the second', ClosesOnce, 'close is idempotent'),
  broken(
    'declares what it lacks',
    DeclaresWhatItLacks,
    'the store declares the optional primitives that it is said to have, no others, and has them',
  ),
  broken('set revives', SetRevives, 'a set after a destroy does not bring the session back'),
  broken('touch creates', TouchCreates, 'touch moves the expiry, changes no data and never creates'),
  broken('ids() gives names of nothing', IdsCutShort, 'destroy of each name of ids() empties the store'),
  broken(
    'set loses the expiry',
    ExpiryLostBySet,
    'set then get gives the session back, with its cookie and its expiry',
  ),
];

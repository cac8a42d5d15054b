// Stores that read wrongly or lose what they carry.
import { MemoryStore, type FindOptions, type SessionKey, type SessionRecord } from '../../../src/index.js';
import { broken, gap, without, type BrokenStore } from './broken-store.js';

type Found = Promise<SessionRecord | null>;

/** Its time stands where it was made: nothing ever ends. */
class NothingExpires extends MemoryStore {
  constructor(options: ConstructorParameters<typeof MemoryStore>[0] = {}) {
    const startedAt = options.clock?.now() ?? 0;
    super({ ...options, clock: { now: () => startedAt, after: () => () => undefined } });
  }
}

class DeadlineIgnored extends MemoryStore {
  readonly #deadlines = new Map<SessionKey, number | null>();

  override insert(record: SessionRecord): Promise<boolean> {
    this.#deadlines.set(record.key, record.deadlineAt);
    return super.insert({ ...record, deadlineAt: null });
  }

  override findSync(key: SessionKey): SessionRecord | null {
    const found = super.findSync(key);
    return found && { ...found, deadlineAt: this.#deadlines.get(key) ?? null };
  }
}

class ClosedAsLiving extends MemoryStore {
  override findSync(key: SessionKey): SessionRecord | null {
    const found = super.findSync(key);
    return found && without(found, 'closed');
  }
}

class ClosedAsNull extends MemoryStore {
  override findSync(key: SessionKey): SessionRecord | null {
    const found = super.findSync(key);
    return found?.closed === undefined ? found : null;
  }
}

class MovedToLost extends MemoryStore {
  override findSync(key: SessionKey): SessionRecord | null {
    const found = super.findSync(key);
    return found?.closed === undefined ? found : { ...found, closed: { at: found.closed.at } };
  }
}

class UndefinedForAbsent extends MemoryStore {
  override async find(key: SessionKey): Found {
    return (await super.find(key)) ?? (undefined as unknown as null);
  }
}

/** Reads the data, and then the rest. */
class TornRead extends MemoryStore {
  override async find(key: SessionKey): Found {
    const first = await super.find(key);
    await gap();
    const second = await super.find(key);
    return first && second && { ...second, data: first.data };
  }
}

/** Truncates and writes where it should write aside and rename. */
class GoneWhileWritten extends MemoryStore {
  override async replace(record: SessionRecord, expectedVersion: string): Promise<boolean> {
    const found = this.findSync(record.key);
    if (found === null || found.closed !== undefined || found.version !== expectedVersion) return false;
    await this.remove(record.key);
    await gap();
    return this.insert(record);
  }
}

class StaleCache extends MemoryStore {
  readonly #cache = new Map<SessionKey, SessionRecord>();

  override async find(key: SessionKey, options: FindOptions = {}): Found {
    const cached = this.#cache.get(key);
    if (cached !== undefined && options.fresh !== true) return cached;
    const found = await super.find(key);
    if (found !== null) this.#cache.set(key, found);
    return found;
  }
}

/** Its engine can be made to fail; it then answers as if there were no session. */
export class FaultAsNull extends MemoryStore {
  engineFails = false;

  override async find(key: SessionKey): Found {
    try {
      if (this.engineFails) throw new Error('The engine is gone.');
      return await super.find(key);
    } catch {
      return null;
    }
  }
}

class EmptyDataLost extends MemoryStore {
  override findSync(key: SessionKey): SessionRecord | null {
    const found = super.findSync(key);
    return found?.closed === undefined && found?.data === '{}' ? null : found;
  }
}

/** A store that stores what `change` makes of a record. */
const storing = (change: (record: SessionRecord) => SessionRecord): typeof MemoryStore =>
  class extends MemoryStore {
    override insert(record: SessionRecord): Promise<boolean> {
      return super.insert(change(record));
    }

    override replace(record: SessionRecord, expectedVersion: string): Promise<boolean> {
      return super.replace(change(record), expectedVersion);
    }
  };

const truthyOnly = (data: string): string =>
  JSON.stringify(
    Object.fromEntries(Object.entries(JSON.parse(data) as object).filter(([, value]) => Boolean(value))),
  );

class OwnerLostByReplace extends MemoryStore {
  override replace(record: SessionRecord, expectedVersion: string): Promise<boolean> {
    return super.replace(without(record, 'owner'), expectedVersion);
  }
}

/** Hands out what it keeps. */
class SharedRecords extends MemoryStore {
  readonly #kept = new Map<string, SessionRecord>();

  override findSync(key: SessionKey): SessionRecord | null {
    const found = super.findSync(key);
    if (found === null) return null;
    const kept = this.#kept.get(found.version) ?? found;
    this.#kept.set(found.version, kept);
    return kept;
  }
}

/** Keeps what it was handed. */
class SharedMeta extends MemoryStore {
  readonly #metas = new Map<SessionKey, SessionRecord['meta']>();

  override insert(record: SessionRecord): Promise<boolean> {
    this.#metas.set(record.key, record.meta);
    return super.insert(record);
  }

  override findSync(key: SessionKey): SessionRecord | null {
    const found = super.findSync(key);
    const meta = this.#metas.get(key);
    return found === null || meta === undefined ? found : { ...found, meta };
  }
}

/** Moves the record that it has handed out. */
class LiveRecords extends SharedRecords {
  override async extend(key: SessionKey, expiresAt: number | null): Promise<boolean> {
    const handedOut = this.findSync(key);
    const extended = await super.extend(key, expiresAt);
    if (extended && handedOut !== null) Object.assign(handedOut, { expiresAt });
    return extended;
  }
}

export const brokenReads: readonly BrokenStore[] = [
  broken('expired returned', NothingExpires, 'find never returns a record whose expiresAt has come'),
  broken(
    'deadline ignored',
    DeadlineIgnored,
    'find never returns a record whose deadlineAt has come, whatever its expiresAt',
  ),
  broken('closed returned for ever', NothingExpires, 'find never returns a closed record whose time is over'),
  broken('closed returned as living', ClosedAsLiving, 'find returns a closed record as closed'),
  broken('closed returned as null', ClosedAsNull, 'find returns a closed record as closed'),
  broken(
    'movedTo lost',
    MovedToLost,
    'replace closes a record: its data and its owner go, closed.at and closed.movedTo stay',
  ),
  broken(
    'undefined for absent',
    UndefinedForAbsent,
    'find returns null, and nothing but null, for a key that is not there',
  ),
  broken('torn read', TornRead, 'find returns one whole version, whatever is written meanwhile'),
  broken(
    'gone while it is written',
    GoneWhileWritten,
    'find returns one whole version, whatever is written meanwhile',
  ),
  broken('stale cache', StaleCache, 'find sees every acknowledged write, with and without { fresh: true }'),
  broken('null for a fault', FaultAsNull, 'find throws on a fault and never reports it as null'),
  broken('{} lost', EmptyDataLost, 'empty data survives: {}'),
  broken(
    'falsy values lost',
    storing((record) => ({ ...record, data: truthyOnly(record.data) })),
    "empty values survive: 0, '', null, false, [] and {}",
  ),
  broken(
    'text cut down to latin1',
    storing((record) => ({ ...record, data: Buffer.from(record.data, 'latin1').toString('latin1') })),
    'text of every script survives, and so do control characters and the names of object methods',
  ),
  broken(
    'long data cut off',
    storing((record) => ({ ...record, data: record.data.slice(0, 32_768) })),
    'data of 60 KiB survives',
  ),
  broken(
    'null made a number',
    storing((record) => ({
      ...record,
      idleMs: record.idleMs ?? 0,
      deadlineAt: record.deadlineAt ?? 2 ** 52,
    })),
    'replace keeps what is null as null: deadlineAt, idleMs, expiresAt',
  ),
  broken(
    'owner lost by a replace',
    OwnerLostByReplace,
    'replace keeps every field: owner, meta, createdAt, deadlineAt, idleMs, expiresAt',
  ),
  broken(
    'record handed out by reference',
    SharedRecords,
    'a record that was handed out may change without changing the stored one',
  ),
  broken(
    'meta kept by reference',
    SharedMeta,
    'a record that was handed in may change without changing the stored one',
  ),
  broken(
    'a record that was handed out is changed',
    LiveRecords,
    'a record that was handed out stays as it is, whatever happens to the stored one',
  ),
];

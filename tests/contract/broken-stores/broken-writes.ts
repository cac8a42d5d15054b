// Stores that write what they must not: over others, without looking, or for the dead.
import { MemoryStore, type SessionId, type SessionKey, type SessionRecord } from '../../../src/index.js';
import { broken, Forcible, gap, type BrokenStore } from './broken-store.js';

class InsertOverwrites extends Forcible {
  override insert(record: SessionRecord): Promise<boolean> {
    return this.force(record);
  }
}

class InsertTakesOverClosed extends Forcible {
  override insert(record: SessionRecord): Promise<boolean> {
    return this.findSync(record.key)?.closed === undefined ? super.insert(record) : this.force(record);
  }
}

/** A: finds nothing · B: finds nothing · A: inserts · B: inserts over it. */
class InsertLooksThenActs extends Forcible {
  override async insert(record: SessionRecord): Promise<boolean> {
    if ((await this.find(record.key)) !== null) return false;
    await gap();
    return this.force(record);
  }
}

class InsertRemembersTheDead extends MemoryStore {
  readonly #seen = new Set<SessionKey>();

  override async insert(record: SessionRecord): Promise<boolean> {
    if (this.#seen.has(record.key)) return false;
    this.#seen.add(record.key);
    return super.insert(record);
  }
}

/** As a database with a case-insensitive collation does. */
class KeysFoldCase extends MemoryStore {
  override keyOf(id: SessionId): SessionKey {
    return super.keyOf(id).toLowerCase() as SessionKey;
  }
}

/** As a column of 42 characters does. */
class KeysCutOff extends MemoryStore {
  override keyOf(id: SessionId): SessionKey {
    return super.keyOf(id).slice(0, 42) as SessionKey;
  }
}

class ReplaceCreates extends MemoryStore {
  override async replace(record: SessionRecord, expectedVersion: string): Promise<boolean> {
    return (await super.replace(record, expectedVersion)) || super.insert(record);
  }
}

class ReplaceIgnoresVersion extends MemoryStore {
  override replace(record: SessionRecord): Promise<boolean> {
    return super.replace(record, this.findSync(record.key)?.version ?? '');
  }
}

/** A: reads version 1 · B: reads version 1 · A: writes · B: writes over it. */
class ReplaceLooksThenActs extends MemoryStore {
  override async replace(record: SessionRecord, expectedVersion: string): Promise<boolean> {
    if ((await this.find(record.key))?.version !== expectedVersion) return false;
    await gap();
    return super.replace(record, this.findSync(record.key)?.version ?? '');
  }
}

/** A: reads, its version is right · B: removes · A: writes: the session is back. */
class ReplaceWritesBack extends Forcible {
  override async replace(record: SessionRecord, expectedVersion: string): Promise<boolean> {
    const found = await this.find(record.key);
    if (found === null || found.closed !== undefined || found.version !== expectedVersion) return false;
    await gap();
    return this.force(record);
  }
}

class ReplaceRevivesClosed extends Forcible {
  override replace(record: SessionRecord, expectedVersion: string): Promise<boolean> {
    const found = this.findSync(record.key);
    return found?.closed !== undefined && found.version === expectedVersion
      ? this.force(record)
      : super.replace(record, expectedVersion);
  }
}

class ReplaceRevivesExpired extends MemoryStore {
  readonly #versions = new Map<SessionKey, string>();

  override insert(record: SessionRecord): Promise<boolean> {
    this.#versions.set(record.key, record.version);
    return super.insert(record);
  }

  override remove(key: SessionKey): Promise<boolean> {
    this.#versions.delete(key);
    return super.remove(key);
  }

  override async replace(record: SessionRecord, expectedVersion: string): Promise<boolean> {
    if (await super.replace(record, expectedVersion)) return true;
    return this.#versions.get(record.key) === expectedVersion && super.insert(record);
  }
}

class ReplaceKeepsTheLaterEnd extends MemoryStore {
  override replace(record: SessionRecord, expectedVersion: string): Promise<boolean> {
    const was = this.findSync(record.key)?.expiresAt ?? 0;
    const expiresAt = record.expiresAt === null ? null : Math.max(record.expiresAt, was);
    return super.replace({ ...record, expiresAt }, expectedVersion);
  }
}

export const brokenWrites: readonly BrokenStore[] = [
  broken('insert overwrites', InsertOverwrites, 'insert says false and changes nothing if the key exists'),
  broken(
    'insert takes over a closed key',
    InsertTakesOverClosed,
    'insert says false and changes nothing if the record is closed',
  ),
  broken(
    'insert looks, then acts',
    InsertLooksThenActs,
    'one of many parallel inserts of one key says true, and its record is the one that is stored',
  ),
  broken(
    'insert refuses an expired key',
    InsertRemembersTheDead,
    'insert may take the key of an expired record anew',
  ),
  broken(
    'keys reused: case is folded',
    KeysFoldCase,
    'keys are told apart by every character, case included',
    {
      idAtRest: 'plain',
    },
  ),
  broken('keys reused: cut off', KeysCutOff, 'keys are told apart by every character, case included', {
    idAtRest: 'plain',
  }),
  broken('replace creates', ReplaceCreates, 'replace says false and creates nothing if the record is gone'),
  broken(
    'replace ignores the version',
    ReplaceIgnoresVersion,
    'replace says false and changes nothing if the record has changed',
  ),
  broken(
    'replace looks, then acts',
    ReplaceLooksThenActs,
    'one of many parallel replaces against one version says true, and its record is the one that is stored',
  ),
  broken(
    'increments lost',
    ReplaceLooksThenActs,
    'writers that read and replace until they succeed lose no increment',
  ),
  broken(
    'a late replace revives',
    ReplaceWritesBack,
    'a remove that races replaces and extends never leaves a record',
  ),
  broken(
    'replace revives closed',
    ReplaceRevivesClosed,
    'replace says false and changes nothing if the record is closed',
  ),
  broken(
    'replace revives expired',
    ReplaceRevivesExpired,
    'replace says false and revives nothing if the record has expired',
  ),
  broken(
    'replace keeps the later end',
    ReplaceKeepsTheLaterEnd,
    'replace may bring the end nearer, and the record ends then',
  ),
];

// Stores that move or remove what they must not, or do not when they must.
import { MemoryStore, newVersion, type SessionKey, type SessionRecord } from '../../../src/index.js';
import { broken, Deliberate, Forcible, gap, type BrokenStore } from './broken-store.js';

/** A store whose `extend` is a replace by what `change` makes of the record. */
const extendingBy = (
  change: (found: SessionRecord, expiresAt: number | null) => SessionRecord,
): typeof MemoryStore =>
  class extends MemoryStore {
    override extend(key: SessionKey, expiresAt: number | null): Promise<boolean> {
      const found = this.findSync(key);
      if (found === null || found.closed !== undefined) return Promise.resolve(false);
      return super.replace(change(found, expiresAt), found.version);
    }
  };

class ExtendCreates extends MemoryStore {
  override async extend(key: SessionKey, expiresAt: number | null, record?: SessionRecord): Promise<boolean> {
    if (await super.extend(key, expiresAt)) return true;
    return record !== undefined && this.insert({ ...record, expiresAt });
  }
}

class ExtendRevivesClosed extends Forcible {
  override extend(key: SessionKey, expiresAt: number | null): Promise<boolean> {
    const found = this.findSync(key);
    return found?.closed === undefined ? super.extend(key, expiresAt) : this.force({ ...found, expiresAt });
  }
}

class ExtendWritesTheHint extends MemoryStore {
  override async extend(key: SessionKey, expiresAt: number | null, record?: SessionRecord): Promise<boolean> {
    const found = this.findSync(key);
    if (found !== null && found.closed === undefined && record !== undefined)
      await super.replace({ ...record, expiresAt: found.expiresAt }, found.version);
    return super.extend(key, expiresAt);
  }
}

/** extend: reads · replace: writes · extend: writes the old data back. */
class ExtendReadsThenWrites extends Forcible {
  override async extend(key: SessionKey, expiresAt: number | null): Promise<boolean> {
    const found = await this.find(key);
    if (found === null || found.closed !== undefined) return false;
    await gap();
    return this.force({ ...found, expiresAt: Math.max(expiresAt ?? 0, found.expiresAt ?? 0) });
  }
}

class ExtendDoesNothing extends MemoryStore {
  override async extend(key: SessionKey): Promise<boolean> {
    const found = await this.find(key);
    return found !== null && found.closed === undefined;
  }
}

class ExtendAlwaysTrue extends MemoryStore {
  override async extend(key: SessionKey, expiresAt: number | null): Promise<boolean> {
    await super.extend(key, expiresAt);
    return true;
  }
}

class RemoveThrowsOnTheSecond extends MemoryStore {
  override async remove(key: SessionKey): Promise<boolean> {
    if (await super.remove(key)) return true;
    throw new Deliberate('ENOENT');
  }
}

class RemoveAlwaysTrue extends MemoryStore {
  override async remove(key: SessionKey): Promise<boolean> {
    await super.remove(key);
    return true;
  }
}

class RemoveSparesClosed extends MemoryStore {
  override async remove(key: SessionKey): Promise<boolean> {
    return this.findSync(key)?.closed === undefined && super.remove(key);
  }
}

class RemoveHidesOnly extends MemoryStore {
  readonly #hidden = new Set<SessionKey>();

  override findSync(key: SessionKey): SessionRecord | null {
    return this.#hidden.has(key) ? null : super.findSync(key);
  }

  override async remove(key: SessionKey): Promise<boolean> {
    const was = this.findSync(key) !== null;
    this.#hidden.add(key);
    return was;
  }
}

const EXTEND_ALONE = 'extend leaves data, version and every other field alone';

export const brokenEndings: readonly BrokenStore[] = [
  broken('extend creates', ExtendCreates, 'extend says false and creates nothing if the record is gone'),
  broken(
    'extend revives expired',
    ExtendCreates,
    'extend says false and revives nothing if the record has expired',
  ),
  broken(
    'extend revives closed',
    ExtendRevivesClosed,
    'extend says false and changes nothing if the record is closed',
  ),
  broken(
    'extend moves back',
    extendingBy((found, expiresAt) => ({ ...found, expiresAt })),
    'extend never moves expiresAt backwards',
  ),
  broken(
    'extend moves past the deadline',
    extendingBy((found, expiresAt) => ({ ...found, expiresAt, deadlineAt: expiresAt })),
    'extend never moves expiresAt past deadlineAt',
  ),
  broken(
    'extend changes the version',
    extendingBy((found, expiresAt) => ({ ...found, expiresAt, version: newVersion() })),
    EXTEND_ALONE,
  ),
  broken(
    'extend rewrites the data',
    extendingBy((found, expiresAt) => ({ ...found, expiresAt, data: '{}' })),
    EXTEND_ALONE,
  ),
  broken(
    'extend writes the hint',
    ExtendWritesTheHint,
    'extend writes nothing of the record that it takes as a hint',
  ),
  broken(
    'extend reads, then writes',
    ExtendReadsThenWrites,
    'an extend undoes no replace that runs beside it',
  ),
  broken(
    'a late extend revives',
    ExtendReadsThenWrites,
    'a remove that races replaces and extends never leaves a record',
  ),
  broken('extend does nothing', ExtendDoesNothing, 'extend moves expiresAt, and the record lives until then'),
  broken(
    'extend always says true',
    ExtendAlwaysTrue,
    'extend says false and creates nothing if the record is gone',
  ),
  broken(
    'remove throws on the second',
    RemoveThrowsOnTheSecond,
    'remove says false for what is not there, and removing twice is no fault',
  ),
  broken('remove always says true', RemoveAlwaysTrue, 'one of many parallel removes says true'),
  broken('remove spares closed records', RemoveSparesClosed, 'remove removes a closed record'),
  broken('remove only hides', RemoveHidesOnly, 'insert may take the key of a removed record anew'),
];

// A store of your own is five methods; tests/examples/custom-store.test.ts proves this one with the contract kit.
import { RecordStore, type SessionKey, type SessionRecord } from 'session-store-js';

const DAY_MS = 86_400_000;

export class MapStore extends RecordStore {
  readonly #rows = new Map<SessionKey, { record: SessionRecord; dueAt: number }>();

  override async find(key: SessionKey): Promise<SessionRecord | null> {
    // A copy, as every database gives one: what the caller does to it stays with the caller.
    return structuredClone(this.#living(key)?.record ?? null);
  }

  override async insert(record: SessionRecord): Promise<boolean> {
    if (this.#living(record.key) !== undefined) return false;
    this.#put(record);
    return true;
  }

  override async replace(record: SessionRecord, expectedVersion: string): Promise<boolean> {
    // Comparing and setting must be one step: here no other code runs in between.
    const row = this.#living(record.key);
    if (row === undefined || row.record.closed || row.record.version !== expectedVersion) return false;
    this.#put(record);
    return true;
  }

  override async extend(key: SessionKey, expiresAt: number | null): Promise<boolean> {
    const row = this.#living(key);
    if (row === undefined || row.record.closed) return false;
    const dueAt = this.#dueAt(expiresAt, row.record.deadlineAt);
    if (dueAt > row.dueAt) this.#put({ ...row.record, expiresAt: expiresAt === null ? null : dueAt });
    return true;
  }

  override async remove(key: SessionKey): Promise<boolean> {
    const wasThere = this.#living(key) !== undefined;
    this.#rows.delete(key);
    return wasThere;
  }

  /** The row of a key, unless its time is over: an expired session is never returned, swept or not. */
  #living(key: SessionKey): { record: SessionRecord; dueAt: number } | undefined {
    const row = this.#rows.get(key);
    if (row === undefined || row.dueAt > this.clock.now()) return row;
    // Rows that nobody asks for again stay: a store with nothing below it that expires declares `removeExpired`.
    this.#rows.delete(key);
    return undefined;
  }

  #put(record: SessionRecord): void {
    const dueAt = this.#dueAt(record.expiresAt, record.deadlineAt);
    this.#rows.set(record.key, { record: structuredClone(record), dueAt });
  }

  #dueAt(expiresAt: number | null, deadlineAt: number | null): number {
    return Math.min(expiresAt ?? this.clock.now() + DAY_MS, deadlineAt ?? Infinity);
  }
}

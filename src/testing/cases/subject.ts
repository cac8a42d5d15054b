// What a case of the kit works with: one fresh store, its time, and records to put into it.
import { equal, deepEqual, ok } from 'node:assert/strict';

import type { Clock } from '../../core/clock.js';
import type {
  Capability,
  OptionalPrimitives,
  SessionId,
  SessionKey,
  SessionRecord,
  StoreContract,
} from '../../core/contract.js';
import { randomId } from '../../core/ids.js';
import { closedRecord, newVersion } from '../../core/record.js';

/** A sentence of the contract -> its proof. */
export type Sentences = Readonly<Record<string, (subject: Subject) => Promise<void>>>;

/** The life of a record that is to end within a case, ms. Short, for stores that need real time to pass. */
export const SHORT_MS = 1_000;
/** The life of a record that is to outlive its case, ms. */
export const LONG_MS = 600_000;
/** The absolute end of every record that says nothing else, ms from its creation. */
export const DEADLINE_MS = 2 * LONG_MS;
/** How many callers compete in a case about concurrency. */
export const CALLERS = 20;

export interface SubjectParts {
  readonly store: StoreContract;
  readonly clock: Clock;
  readonly advance: (ms: number) => Promise<void>;
  /** Another store over the same engine, as `create` makes it. */
  readonly another: () => Promise<StoreContract>;
  /** Makes the engine fail; the case that needs it runs only where that is possible. */
  readonly breakReads: () => Promise<void>;
}

export class Subject {
  readonly store: StoreContract;
  readonly advance: SubjectParts['advance'];
  readonly another: SubjectParts['another'];
  readonly breakReads: SubjectParts['breakReads'];
  readonly #clock: Clock;

  constructor({ store, clock, advance, another, breakReads }: SubjectParts) {
    this.store = store;
    this.advance = advance;
    this.another = another;
    this.breakReads = breakReads;
    this.#clock = clock;
  }

  get now(): number {
    return this.#clock.now();
  }

  /** The store, as one that has an optional primitive. */
  with<Name extends Capability>(name: Name): StoreContract & Pick<OptionalPrimitives, Name> {
    ok(this.store.capabilities.has(name), `The store does not declare "${name}".`);
    equal(typeof this.store[name], 'function', `The store declares "${name}" and does not have it.`);
    return this.store as StoreContract & Pick<OptionalPrimitives, Name>;
  }

  id(): SessionId {
    return randomId();
  }

  key(id: SessionId = this.id()): SessionKey {
    return this.store.keyOf(id);
  }

  /** A living record that is not stored yet. */
  record(parts: Partial<SessionRecord> = {}): SessionRecord {
    const { now } = this;
    return {
      v: 1,
      key: this.key(),
      data: '{"visits":1}',
      version: newVersion(),
      createdAt: now,
      deadlineAt: now + DEADLINE_MS,
      idleMs: LONG_MS,
      expiresAt: now + LONG_MS,
      ...parts,
    };
  }

  /** A record with every field that one may have. */
  fullRecord(parts: Partial<SessionRecord> = {}): SessionRecord {
    const meta = { device: 'a phone', lastSeenAt: this.now, address: { family: 4 } };
    return this.record({ data: '{"cart":[1,2]}', owner: 'user-1', meta, ...parts });
  }

  async inserted(record: SessionRecord = this.record()): Promise<SessionRecord> {
    equal(await this.store.insert(record), true, 'insert of a new key must say true');
    return record;
  }

  /** A session that was there and has been closed. */
  async closed(movedTo?: SessionKey): Promise<SessionRecord> {
    const living = await this.inserted(this.fullRecord());
    const closed = closedRecord(living, this.now, movedTo);
    equal(await this.store.replace(closed, living.version), true, 'replace must close a living record');
    return closed;
  }

  /** A record whose time is over by now. */
  async expired(parts: Partial<SessionRecord> = {}): Promise<SessionRecord> {
    const record = await this.inserted(this.record({ expiresAt: this.now + SHORT_MS, ...parts }));
    await this.advance(SHORT_MS);
    return record;
  }

  /** What a write of data makes of a record. */
  rewritten(record: SessionRecord, data: string): SessionRecord {
    return { ...record, data, version: newVersion() };
  }

  async finds(record: SessionRecord, message?: string): Promise<void> {
    const found = await this.store.find(record.key);
    ok(found, message ?? 'find must return the record');
    sameRecord(found, record, message);
  }

  async findsNothing(key: SessionKey, message = 'find must return null'): Promise<void> {
    equal(await this.store.find(key), null, message);
  }

  /** That nothing hides under a key: it can be inserted. */
  async isFree(key: SessionKey, message?: string): Promise<void> {
    await this.findsNothing(key, message);
    equal(await this.store.insert(this.record({ key })), true, message ?? 'the key must be free');
  }
}

/** That two records have the same fields. Cloned, so that it does not matter of what class or realm they are made. */
export function sameRecord(actual: SessionRecord, expected: SessionRecord, message?: string): void {
  deepEqual(structuredClone({ ...actual }), structuredClone({ ...expected }), message);
}

/** Runs one call per caller, all at once, and says how many answered true. */
export async function race(calls: readonly (() => Promise<boolean>)[]): Promise<number> {
  const answers = await Promise.all(calls.map((call) => call()));
  return answers.filter((answer) => answer).length;
}

/** An array of as many things as asked for. */
export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

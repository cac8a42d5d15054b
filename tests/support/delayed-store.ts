// A memory store whose writes take their time, fail on demand, and are counted.
import { setTimeout as wait } from 'node:timers/promises';

import { systemClock, type Clock } from '../../src/core/clock.js';
import type { SessionKey, SessionRecord } from '../../src/core/contract.js';
import { MemoryStore } from '../../src/stores/memory-store.js';

export class DelayedStore extends MemoryStore {
  /** What writes reject with, if anything. */
  failure: Error | null = null;
  /** What `extend` answers instead of what is true. */
  extendAnswer: boolean | Error | null = null;
  /** Calls of any kind. */
  calls = 0;
  /** `performance.now()` when the last write had landed. */
  storedAt = Infinity;
  /** When each write landed, by the text of its data. */
  readonly landed = new Map<string, number>();

  constructor(
    public delayMs = 0,
    clock: Clock = systemClock,
  ) {
    super({ cleanupInterval: 0, clock });
  }

  override findSync(key: SessionKey): SessionRecord | null {
    this.calls++;
    return super.findSync(key);
  }

  override async insert(record: SessionRecord): Promise<boolean> {
    await this.#slowly();
    return this.#land(record, await super.insert(record));
  }

  override async replace(record: SessionRecord, expectedVersion: string): Promise<boolean> {
    await this.#slowly();
    return this.#land(record, await super.replace(record, expectedVersion));
  }

  override async extend(key: SessionKey, expiresAt: number | null): Promise<boolean> {
    await this.#slowly();
    if (this.extendAnswer instanceof Error) throw this.extendAnswer;
    return this.extendAnswer ?? super.extend(key, expiresAt);
  }

  override remove(key: SessionKey): Promise<boolean> {
    this.calls++;
    return super.remove(key);
  }

  async #slowly(): Promise<void> {
    this.calls++;
    // Real time: the tests that use it compare it with the arrival of bytes.
    if (this.delayMs > 0) await wait(this.delayMs);
    if (this.failure !== null) throw this.failure;
  }

  #land(record: SessionRecord, written: boolean): boolean {
    this.storedAt = performance.now();
    this.landed.set(record.data, this.storedAt);
    return written;
  }
}

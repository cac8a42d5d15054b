// The ends of sessions that this process moved just now. Requests of one session that run beside each other have all read
// its old end; the first of them moves it, and the others need not:
//
//   A, B: read, end 12:00, a touch is due · A: answers, touches, end 12:30 · B: answers; its touch is due no more
import type { Clock } from '../core/clock.js';
import type { SessionKey, SessionRecord } from '../core/contract.js';

/** As long as most requests take, ms. A longer one touches once more than it must. */
const REMEMBERED_MS = 10_000;

interface End {
  readonly at: number;
  readonly expiresAt: number;
  /** A write may have set another end. */
  readonly version: string;
}

export class Touches {
  readonly #clock: Clock;
  /** In the order of their moments. */
  readonly #ends = new Map<SessionKey, End>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The record with its end where this process has moved it since. */
  upToDate(record: SessionRecord): SessionRecord {
    const { expiresAt, version } = this.#ends.get(record.key) ?? {};
    return expiresAt === undefined || version !== record.version ? record : { ...record, expiresAt };
  }

  /** Says that a touch is under way. One that fails is none: the next request touches again. */
  async during(record: SessionRecord, expiresAt: number | null, touch: Promise<boolean>): Promise<boolean> {
    if (expiresAt === null) return touch;
    const { key, version } = record;
    const now = this.#clock.now();
    const end = { at: now, expiresAt, version };
    this.#ends.delete(key);
    this.#ends.set(key, end);
    for (const [oldest, { at }] of this.#ends) {
      if (at > now - REMEMBERED_MS) break;
      this.#ends.delete(oldest);
    }
    let isTouched = false;
    try {
      isTouched = await touch;
      return isTouched;
    } finally {
      if (!isTouched && this.#ends.get(key) === end) this.#ends.delete(key);
    }
  }
}

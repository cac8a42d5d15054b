// How many sessions one caller may begin: against clients that throw their cookie away and come again (CWE-770).
import type { IncomingMessage } from 'node:http';

import type { Clock } from '../core/clock.js';
import { toMs, type Duration } from '../core/duration.js';
import { SessionError } from '../core/errors.js';

export interface CreationLimit {
  /** Whose sessions are counted together: `(req) => req.ip`, say. Undefined or empty: not counted. */
  readonly key: (req: IncomingMessage) => string | undefined;
  /** So many in one `window`. */
  readonly max: number;
  readonly window: Duration;
}

/** Counted in this process. Of a flood from very many keys the counts of two windows are kept, and no more. */
export class CreationCounter {
  readonly #limit: CreationLimit;
  readonly #windowMs: number;
  readonly #clock: Clock;
  #now = new Map<string, number>();
  #before = new Map<string, number>();
  #startedAt: number;

  constructor(limit: CreationLimit, clock: Clock) {
    this.#limit = limit;
    this.#windowMs = toMs(limit.window);
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  /**
   * Counts a session that is about to begin.
   * @returns whether it may: what began within the last window, the part of the window before included, is fewer.
   */
  allows(req: IncomingMessage): boolean {
    const key: unknown = this.#limit.key(req);
    if (key === undefined || key === '') return true;
    if (typeof key !== 'string')
      throw new SessionError('ERR_SESSION_OPTIONS', 'creationLimit.key must return a string, or undefined.');
    const elapsed = this.#turn();
    const began = this.#now.get(key) ?? 0;
    const share = 1 - elapsed / this.#windowMs;
    if (began + (this.#before.get(key) ?? 0) * share >= this.#limit.max) return false;
    this.#now.set(key, began + 1);
    return true;
  }

  /** Begins another window if this one is over. @returns how far it is, ms */
  #turn(): number {
    const elapsed = this.#clock.now() - this.#startedAt;
    if (elapsed < this.#windowMs) return elapsed;
    this.#before = elapsed < 2 * this.#windowMs ? this.#now : new Map<string, number>();
    this.#now = new Map();
    this.#startedAt += elapsed - (elapsed % this.#windowMs);
    return elapsed % this.#windowMs;
  }
}

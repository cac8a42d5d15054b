// A store that fails again and again is left alone for a moment: its requests then fail at once instead of waiting, and
// it is not asked by all of them while it comes back.
import type { CircuitBreakerPolicy, IBackoff } from 'cockatiel';

import { isAtOnce } from '../core/answers.js';
import type { Clock } from '../core/clock.js';
import { SessionError } from '../core/errors.js';
import { loadCockatiel } from '../core/load-later.js';
import { isStoreFault } from './store-calls.js';

export interface BreakerLimits {
  /** So many calls in a row that fail. Default 5. */
  readonly failures?: number | undefined;
  /** For how long the store is not asked then, ms. Default 1,000. */
  readonly retryAfterMs?: number | undefined;
}

export class Breaker {
  readonly #cockatiel = loadCockatiel();
  readonly #policy: CircuitBreakerPolicy;
  /** The last call did not fail. Then there is nothing to count, and calls are not led through the policy: 5 us each. */
  #isCalm = true;

  constructor(clock: Clock, { failures = 5, retryAfterMs = 1_000 }: BreakerLimits = {}) {
    const { circuitBreaker, ConsecutiveBreaker, handleWhen } = this.#cockatiel;
    const breaker = new ConsecutiveBreaker(failures);
    const halfOpenAfter = { next: () => pause(clock, retryAfterMs) };
    this.#policy = circuitBreaker(handleWhen(isStoreFault), { halfOpenAfter, breaker });
  }

  /** @throws {SessionError} ERR_SESSION_STORE_DOWN, at once, while the store is left alone */
  run<T>(call: () => Promise<T>): Promise<T> {
    if (!this.#isCalm) return this.#counted(call);
    const answer = call();
    return isAtOnce(answer) ? answer : this.#watched(answer);
  }

  async #watched<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (isStoreFault(error) && this.#policy.state === this.#cockatiel.CircuitState.Closed) {
        this.#isCalm = false;
        await this.#policy.execute(() => Promise.reject(error as Error)).catch(() => undefined);
      }
      throw error;
    }
  }

  async #counted<T>(call: () => Promise<T>): Promise<T> {
    // One call tries whether the store is there again. The others do not wait for what it finds.
    if (this.#policy.state === this.#cockatiel.CircuitState.HalfOpen) throw storeDown();
    try {
      const result = await this.#policy.execute(call);
      this.#isCalm = true;
      return result;
    } catch (error) {
      throw this.#cockatiel.isBrokenCircuitError(error) ? storeDown() : error;
    }
  }
}

/**
 * A pause that begins now. The breaker compares its length with what has passed by the wall clock, which can be set back
 * by an hour: so it is endless until it is over by ours, and then has no length.
 */
function pause(clock: Clock, ms: number): IBackoff<unknown> {
  const endsAt = clock.now() + ms;
  return {
    get duration() {
      return clock.now() < endsAt ? Infinity : -Infinity;
    },
    next: () => pause(clock, ms),
  };
}

const storeDown = (): SessionError =>
  new SessionError(
    'ERR_SESSION_STORE_DOWN',
    'The session store failed several times in a row, and is asked again in a moment.',
  );

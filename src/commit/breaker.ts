// A store that fails again and again is left alone for a moment: its requests then fail at once instead of waiting, and
// it is not asked by all of them while it comes back.
import {
  CircuitState,
  circuitBreaker,
  ConsecutiveBreaker,
  handleWhen,
  isBrokenCircuitError,
} from 'cockatiel';

import { SessionError } from '../core/errors.js';
import { isStoreFault } from './store-calls.js';

export interface BreakerLimits {
  /** So many calls in a row that fail. */
  readonly failures: number;
  /** For how long the store is not asked then, ms. */
  readonly retryAfterMs: number;
}

export class Breaker {
  readonly #policy;

  constructor({ failures, retryAfterMs }: BreakerLimits) {
    const breaker = new ConsecutiveBreaker(failures);
    this.#policy = circuitBreaker(handleWhen(isStoreFault), { halfOpenAfter: retryAfterMs, breaker });
  }

  /** @throws {SessionError} ERR_SESSION_STORE_DOWN, at once, while the store is left alone */
  async run<T>(call: () => Promise<T>): Promise<T> {
    // One call tries whether the store is there again. The others do not wait for what it finds.
    if (this.#policy.state === CircuitState.HalfOpen) throw storeDown();
    try {
      return await this.#policy.execute(call);
    } catch (error) {
      throw isBrokenCircuitError(error) ? storeDown() : error;
    }
  }
}

const storeDown = (): SessionError =>
  new SessionError(
    'ERR_SESSION_STORE_DOWN',
    'The session store failed several times in a row, and is asked again in a moment.',
  );

// Work that a store repeats in the background: started and stopped at will, never twice at once, never in the way.
import { setImmediate as nextTurn } from 'node:timers/promises';

import type { Clock } from '../core/clock.js';

/** Does one step of a job and says whether there is more to do now. */
export type Step = () => boolean | Promise<boolean>;

export class Periodic {
  readonly #clock: Clock;
  readonly #intervalMs: () => number;
  readonly #begin: () => Step;
  readonly #onError: (error: unknown) => void;
  #cancel: (() => void) | null = null;

  /**
   * @param intervalMs Asked before each wait.
   * @param begin Called each time the interval has passed; the event loop turns between the steps it returns.
   */
  constructor(
    clock: Clock,
    intervalMs: number | (() => number),
    begin: () => Step,
    onError: (error: unknown) => void,
  ) {
    this.#clock = clock;
    this.#intervalMs = typeof intervalMs === 'number' ? () => intervalMs : intervalMs;
    this.#begin = begin;
    this.#onError = onError;
  }

  get running(): boolean {
    return this.#cancel !== null;
  }

  start(): void {
    if (this.#cancel === null) this.#wait();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #wait(): void {
    const cancel = this.#clock.after(this.#intervalMs(), () => {
      // Stopped and started anew while the job runs, `#cancel` is another one, with a wait of its own.
      const isCurrent = (): boolean => this.#cancel === cancel;
      void this.#run(isCurrent)
        .catch(this.#onError)
        .finally(() => {
          if (isCurrent()) this.#wait();
        });
    });
    this.#cancel = cancel;
  }

  async #run(isCurrent: () => boolean): Promise<void> {
    const step = this.#begin();
    while (isCurrent() && (await step())) await nextTurn();
  }
}

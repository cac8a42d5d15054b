// A clock that stands still until a test moves it, for tests of everything that waits.
import type { Clock } from '../../src/core/clock.js';

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

export class TestClock implements Clock {
  readonly #timers = new Set<Timer>();
  #now: number;

  constructor(now = 1_000_000_000_000) {
    this.#now = now;
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(ms, 0), callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Moves the time and fires what is due, in order; what a callback starts meanwhile is part of it. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settled();
      const [first] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (first === undefined) break;
      this.#timers.delete(first);
      this.#now = Math.max(this.#now, first.at);
      first.callback();
    }
    this.#now = end;
    await settled();
  }
}

/** Lets everything run that waits for nothing but its turn. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

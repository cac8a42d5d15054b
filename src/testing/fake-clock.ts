// A clock that stands still until a test moves it.
import { MAX_TIMER_MS, type Clock } from '../core/clock.js';

/** A clock in the hands of a test. */
export interface FakeClock extends Clock {
  /** Timers that wait. */
  readonly pending: number;
  /**
   * Lets `ms` pass. Timers that come due run in the order of their times, each at its own time; those they start in
   * turn run too if they come due within `ms`. What a timer throws is thrown here, at the time of that timer.
   */
  advance(ms: number): void;
  /** Sets the time `ms` forward, or back if negative. Timers wait as long as before: the wall clock jumped, no time passed. */
  jump(ms: number): void;
}

interface Timer {
  /** On the scale of elapsed time, which no jump moves. */
  readonly dueAt: number;
  readonly callback: () => void;
}

/** 2026-01-01T00:00:00Z: a fixed time, so that a test sees the same numbers in every run. */
const DEFAULT_START_MS = Date.UTC(2026, 0, 1);

/**
 * Makes a clock that moves only when it is told to.
 *
 * @param startMs Epoch ms, whole. Default 2026-01-01T00:00:00Z.
 *
 * @example
 * const clock = createFakeClock();
 * const store = new MemoryStore({ clock });
 * clock.advance(60_000);
 */
export function createFakeClock(startMs = DEFAULT_START_MS): FakeClock {
  const timers = new Set<Timer>();
  let elapsed = 0;
  let jumped = 0;

  /** The first to come due; among those of one time the one that was started first. */
  const nextDue = (until: number): Timer | undefined => {
    let next: Timer | undefined;
    for (const timer of timers)
      if (timer.dueAt <= until && timer.dueAt < (next?.dueAt ?? Infinity)) next = timer;
    return next;
  };

  return {
    now: () => startMs + elapsed + jumped,
    get pending() {
      return timers.size;
    },
    after(ms, callback) {
      const timer = { dueAt: elapsed + Math.min(Math.max(checked(ms), 0), MAX_TIMER_MS), callback };
      timers.add(timer);
      return () => {
        timers.delete(timer);
      };
    },
    advance(ms) {
      if (checked(ms) < 0) throw new RangeError('Time does not run backwards; jump(ms) sets a clock back.');
      const until = elapsed + ms;
      for (let timer = nextDue(until); timer !== undefined; timer = nextDue(until)) {
        timers.delete(timer);
        // A timer that advances the clock itself may have moved past the ones that follow.
        elapsed = Math.max(elapsed, timer.dueAt);
        timer.callback();
      }
      elapsed = Math.max(elapsed, until);
    },
    jump(ms) {
      jumped += checked(ms);
    },
  };
}

/** A duration that is not a number would wait for ever without a word. */
function checked(ms: number): number {
  if (Number.isNaN(ms)) throw new RangeError('A duration must be a number of milliseconds.');
  return ms;
}

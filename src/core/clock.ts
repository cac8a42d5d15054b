// Time as it is handed in. The system clock below is the one place where the core meets the world.

/** The time, and a way to wait for it. `createFakeClock` of `session-store-js/testing` is another one. */
export interface Clock {
  /** Epoch ms, whole. */
  now(): number;
  /** Calls back once after `ms`; the returned function cancels. Never keeps the process alive. */
  after(ms: number, callback: () => void): () => void;
}

/** The longest a Node timer can wait; beyond it, it fires after 1 ms. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** A difference this large between the wall clock and the monotonic one is a jump, not drift. */
const JUMP_MS = 1_000;

/**
 * The default clock: follows the wall clock, but not its jumps. If an administrator or a broken time server moves
 * it by a day, no session expires early and none lives longer: the process goes on counting from the time it had
 * (also after the machine slept).
 */
export function createSystemClock(
  wall: () => number = Date.now,
  monotonic: () => number = () => performance.now(),
): Clock {
  let offset = wall() - monotonic();
  let jump = 0;
  return {
    now() {
      const elapsed = monotonic();
      const drift = wall() - elapsed - offset - jump;
      if (Math.abs(drift) < JUMP_MS) offset += drift;
      else jump += drift;
      return Math.round(elapsed + offset);
    },
    after(ms, callback) {
      const timer = setTimeout(callback, Math.min(Math.max(ms, 0), MAX_TIMER_MS));
      timer.unref();
      return () => {
        clearTimeout(timer);
      };
    },
  };
}

export const systemClock = createSystemClock();

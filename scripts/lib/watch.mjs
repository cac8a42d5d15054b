// A stopwatch for work that must not hold the event loop: its longest slice, and the loop and the collector meanwhile.
import { openSync, readSync } from 'node:fs';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';

/** Shorter slices need no second look at what else happened in them. */
const LONG_MS = 1;

/** Run Node with --expose-gc. */
export class Watch {
  #longestMs = 0;
  #long = [];
  #lookedAt = 0;
  #stoodBy = 0;

  /**
   * Runs work and returns the longest of each kind: `sliceMs` as the clock says, `ownMs` without what the collector and
   * other processes took of it, `loopMs` that the event loop was held, `gcMs` of the collector; and `totalMs`.
   */
  async during(work) {
    // The garbage of what was done before is not this work's.
    globalThis.gc();
    await wait(20);
    this.#longestMs = 0;
    this.#long = [];
    const pauses = [];
    const collector = new PerformanceObserver((list) => pauses.push(...list.getEntries()));
    collector.observe({ entryTypes: ['gc'] });
    const loop = monitorEventLoopDelay({ resolution: 1 });
    loop.enable();
    // The monitor needs a turn to begin with: work that lets none happen would not be seen.
    await wait(10);
    const startedAt = performance.now();
    await work();
    const totalMs = performance.now() - startedAt;
    await wait(20);
    loop.disable();
    pauses.push(...collector.takeRecords());
    collector.disconnect();
    return {
      totalMs,
      sliceMs: this.#longestMs,
      ownMs: Math.max(Math.min(this.#longestMs, LONG_MS), ...this.#long.map((slice) => ownMs(slice, pauses))),
      loopMs: loop.max / 1e6,
      gcMs: Math.max(0, ...pauses.map(({ duration }) => duration)),
    };
  }

  /** Work without a turn of the event loop in it: one slice. */
  async slice(work) {
    // Reading it for each touch would cost more than the touch.
    if (performance.now() - this.#lookedAt > LONG_MS) this.#look();
    const startedAt = performance.now();
    const result = await work();
    this.#note(startedAt, performance.now());
    return result;
  }

  /** Work that lets the event loop turn: from turn to turn is a slice. */
  async turns(work) {
    let isDone = false;
    this.#look();
    let turnedAt = performance.now();
    const look = () => {
      const now = performance.now();
      this.#note(turnedAt, now);
      this.#look();
      turnedAt = performance.now();
      if (!isDone) setImmediate(look);
    };
    setImmediate(look);
    const result = await work();
    isDone = true;
    look();
    return result;
  }

  #note(startedAt, endedAt) {
    const ms = endedAt - startedAt;
    if (ms > this.#longestMs) this.#longestMs = ms;
    if (ms <= LONG_MS) return;
    const before = this.#stoodBy;
    this.#look();
    this.#long.push({ startedAt, endedAt, stoodByMs: this.#stoodBy - before });
  }

  #look() {
    this.#stoodBy = stoodByMs();
    this.#lookedAt = performance.now();
  }
}

/**
 * A slice without the part of it in which the collector ran or the thread had no processor. Both may have been at once:
 * the longer of the two is taken out, so that what is left is rather too long.
 */
function ownMs({ startedAt, endedAt, stoodByMs }, pauses) {
  let collectingMs = 0;
  for (const { startTime, duration } of pauses)
    collectingMs += Math.max(0, Math.min(endedAt, startTime + duration) - Math.max(startedAt, startTime));
  return Math.max(endedAt - startedAt - Math.max(collectingMs, stoodByMs), 0);
}

const schedule = openSchedule();
const buffer = Buffer.alloc(80);

/** How long this thread has waited for a processor that others had. Linux says; elsewhere it is not taken out. */
function stoodByMs() {
  if (schedule === null) return 0;
  const [, waitedNs] = buffer
    .toString('latin1', 0, readSync(schedule, buffer, 0, buffer.length, 0))
    .split(' ');
  return Number(waitedNs) / 1e6;
}

function openSchedule() {
  try {
    return openSync('/proc/thread-self/schedstat');
  } catch {
    return null;
  }
}

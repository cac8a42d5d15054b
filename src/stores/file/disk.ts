// Makes the calls of the file store's jobs: at once, or through the thread pool. Knows no sessions.
import { setImmediate as nextTurn } from 'node:timers/promises';

import type { Clock } from '../../core/clock.js';
import type { CallOptions } from '../../core/contract.js';
import { codeOf, type Call, type FileSystem, type Steps } from './calls.js';

export interface DiskOptions {
  readonly fs: FileSystem;
  readonly clock: Clock;
  /** Every call through the thread pool. Otherwise those that flush to the disk: they take milliseconds. */
  readonly async: boolean;
}

/** Jobs at a time through the thread pool, of four threads by default: more only hold descriptors. */
const MAX_JOBS = 32;
/** How long a job that works at once may hold the event loop, ms. */
const SLICE_MS = 5;
/** Between two attempts, ms. */
const PAUSE_MS = 10;
/** A shortage of descriptors ends when some request ends. */
const SHORTAGE_MS = 10_000;
/** A virus scanner or an indexer lets go of a file within that (Windows). */
const BUSY_MS = 1_000;
const SHORTAGE: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE']);
const BUSY: ReadonlySet<unknown> = new Set(['EPERM', 'EBUSY']);
const MOVES: ReadonlySet<string> = new Set(['rename', 'unlink', 'link']);

type Function = (...args: unknown[]) => unknown;

export class Disk {
  readonly #fs: Readonly<Record<string, Function>>;
  readonly #clock: Clock;
  readonly #async: boolean;
  #running = 0;
  readonly #idle: (() => void)[] = [];
  #jobs = 0;
  readonly #waiting: (() => void)[] = [];

  constructor({ fs, clock, async }: DiskOptions) {
    this.#fs = fs as unknown as Readonly<Record<string, Function>>;
    this.#clock = clock;
    this.#async = async;
  }

  /** Does a job here and now. What needs to wait fails. */
  now<T>(steps: Steps<T>): T {
    let step = steps.next();
    while (step.done !== true) {
      let result: unknown;
      try {
        result = this.#atOnce(step.value);
      } catch (error) {
        step = steps.throw(error);
        continue;
      }
      step = steps.next(result);
    }
    return step.value;
  }

  /** Does a job; with `async: false` it is done when the promise is returned, unless it has to wait for something. */
  async run<T>(steps: Steps<T>, options: CallOptions = {}): Promise<T> {
    this.#running++;
    if (this.#async) await this.#begin();
    try {
      return await this.#do(steps, options);
    } finally {
      if (this.#async) this.#end();
      if (--this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** Resolves when no job is under way. */
  idle(): Promise<void> {
    return this.#running === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  async #do<T>(steps: Steps<T>, options: CallOptions): Promise<T> {
    let step = steps.next();
    // For the whole job: a list of many does not wait for each of them.
    let waitedMs = 0;
    let sliceStartedAt = performance.now();
    while (step.done !== true) {
      const call = step.value;
      let result: unknown;
      try {
        if (call.name === 'turn') {
          if (performance.now() - sliceStartedAt >= SLICE_MS) {
            options.signal?.throwIfAborted();
            await nextTurn();
            sliceStartedAt = performance.now();
          }
        } else if (this.#async || call.name === 'fsync') {
          result = await this.#inThreadPool(call);
          sliceStartedAt = performance.now();
        } else result = this.#atOnce(call);
      } catch (error) {
        if (waitedMs < patience(call, error) && options.signal?.aborted !== true) {
          waitedMs += PAUSE_MS;
          await this.#pause();
        } else step = steps.throw(error);
        continue;
      }
      step = steps.next(result);
    }
    return step.value;
  }

  #atOnce({ name, args }: Call): unknown {
    return name === 'turn' ? undefined : this.#fs[`${name}Sync`]?.(...args);
  }

  #inThreadPool({ name, args }: Call): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#fs[name]?.(...args, (error: Error | null, result: unknown) => {
        if (error === null) resolve(result);
        else reject(error);
      });
    });
  }

  #pause(): Promise<void> {
    // The clock's timers do not keep the process alive; a write that waits must, or it is dropped without a word.
    setTimeout(() => undefined, 2 * PAUSE_MS);
    return new Promise((resolve) => {
      this.#clock.after(PAUSE_MS, resolve);
    });
  }

  async #begin(): Promise<void> {
    if (this.#jobs++ >= MAX_JOBS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #end(): void {
    this.#jobs--;
    this.#waiting.shift()?.();
  }
}

/** For how long a call that failed so is tried again, ms. It had no effect. */
function patience({ name }: Call, error: unknown): number {
  const code = codeOf(error);
  if (SHORTAGE.has(code)) return SHORTAGE_MS;
  return BUSY.has(code) && MOVES.has(name) ? BUSY_MS : 0;
}

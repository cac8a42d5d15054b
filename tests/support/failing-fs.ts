// The functions of `node:fs`, counted, with one of the calls made to fail; and a clock on which waiting takes no time.
import * as nodeFs from 'node:fs';

import type { Clock } from '../../src/core/clock.js';
import type { FileSystem } from '../../src/stores/file/calls.js';

const CALLS = [
  ...(['open', 'close', 'read', 'write', 'fstat', 'fchmod', 'futimes', 'fsync', 'lstat', 'access'] as const),
  ...(['utimes', 'chmod', 'link', 'rename', 'unlink', 'mkdir', 'rmdir', 'readdir'] as const),
];
export type FileCall = (typeof CALLS)[number];

/** Which calls fail, told of each: its name and its number since the fault was set, from 1. */
export type Fault = (name: FileCall, n: number, path: string) => string | null;

type Callback = (error: Error | null, result?: unknown) => void;
type Face = (...args: unknown[]) => unknown;
const real = nodeFs as unknown as Readonly<Record<string, Face>>;

export class FailingFs {
  readonly fs: FileSystem;
  /** What was called since the last `set`. */
  calls: FileCall[] = [];
  /** What failed since the last `set`, by the fault. */
  failed: FileCall[] = [];
  /** Descriptors that were opened and not closed. */
  readonly descriptors = new Set<number>();
  /** The most bytes that one read or write transfers. */
  most = Infinity;
  #fault: Fault | null = null;

  constructor() {
    const faces: Record<string, Face> = {};
    for (const name of CALLS) {
      faces[`${name}Sync`] = (...args) => {
        const error = this.#count(name, args);
        if (error !== null) {
          if (name === 'close') this.#release(args);
          throw error;
        }
        // A test has no power cut to fear.
        if (name === 'fsync') return undefined;
        return this.#done(name, args, real[`${name}Sync`]?.(...this.#shortened(name, args)));
      };
      faces[name] = (...args) => {
        const callback = args.pop() as Callback;
        const error = this.#count(name, args);
        if (error !== null || name === 'fsync') {
          if (name === 'close') this.#release(args);
          setImmediate(callback, error);
          return;
        }
        real[name]?.(...this.#shortened(name, args), (failure: Error | null, result: unknown) => {
          if (failure === null) this.#done(name, args, result);
          callback(failure, result);
        });
      };
    }
    this.fs = faces as unknown as FileSystem;
  }

  /** From now on calls fail so, and the counting begins anew. */
  set(fault: Fault | null): void {
    this.#fault = fault;
    this.calls = [];
    this.failed = [];
  }

  #count(name: FileCall, args: readonly unknown[]): Error | null {
    this.calls.push(name);
    const path = typeof args[0] === 'string' ? args[0] : '';
    const code = this.#fault?.(name, this.calls.length, path) ?? null;
    if (code === null) return null;
    this.failed.push(name);
    return Object.assign(new Error(`${code}: made to fail, ${name}`), { code, syscall: name, path });
  }

  /** `close` that fails has closed. */
  #release([fd]: readonly unknown[]): void {
    nodeFs.closeSync(fd as number);
    this.descriptors.delete(fd as number);
  }

  #done(name: FileCall, [fd]: readonly unknown[], result: unknown): unknown {
    if (name === 'open') this.descriptors.add(result as number);
    if (name === 'close') this.descriptors.delete(fd as number);
    return result;
  }

  #shortened(name: FileCall, args: readonly unknown[]): readonly unknown[] {
    if (name !== 'read' && name !== 'write') return args;
    return args.map((arg, i) => (i === 3 ? Math.min(arg as number, this.most) : arg));
  }
}

/** Whoever waits on it goes on at once, and finds that the time has passed. */
export class HurriedClock implements Clock {
  readonly #start: number;
  passed = 0;

  constructor(start = Date.now()) {
    this.#start = start;
  }

  now(): number {
    return this.#start + this.passed;
  }

  after(ms: number, callback: () => void): () => void {
    const due = setImmediate(() => {
      this.passed += ms;
      callback();
    });
    return () => {
      clearImmediate(due);
    };
  }
}

// Processes that share a directory: started, told what to do, stopped, killed. See file-worker.cjs for what they do.
import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import type { Clock } from '../../src/index.js';
import { freshPath } from './directory.js';

const ROOT = resolve(__dirname, '../..');
const SCRIPT = resolve(__dirname, 'file-worker.cjs');
const MEMORY = '/dev/shm';

interface Answer {
  readonly id: string | number;
  readonly result?: unknown;
  readonly error?: string;
}

/** What `once` answers. */
export interface Once {
  readonly result: unknown;
  readonly calls: number;
}

/** Where storms run: in memory if the system has such a place, so that the rounds do not wait for a disk. */
export function stormPath(): string {
  if (!existsSync(MEMORY)) return freshPath();
  const above = mkdtempSync(join(MEMORY, 'session-store-js-'));
  inMemory.push(above);
  return join(above, 'sessions');
}

const inMemory: string[] = [];
const alive = new Set<Worker>();

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.mjs', '--if-needed'], { cwd: ROOT, stdio: 'inherit' });
}, 120_000);

afterAll(async () => {
  await Promise.all([...alive].map((worker) => worker.kill()));
  for (const path of inMemory.splice(0)) rmSync(path, { recursive: true, force: true });
});

export class Worker {
  readonly #child: ChildProcess;
  readonly #open = new Map<string | number, { done: (result: unknown) => void; fail: (e: Error) => void }>();
  readonly #ready: Promise<void>;
  readonly #gone: Promise<void>;
  #count = 0;

  constructor() {
    this.#child = fork(SCRIPT, { cwd: ROOT, execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    alive.add(this);
    let ready = (): void => undefined;
    this.#ready = new Promise((done) => (ready = done));
    this.#gone = new Promise((done) => {
      this.#child.once('exit', () => {
        alive.delete(this);
        for (const { done: over } of this.#open.values()) over('killed');
        ready();
        done();
      });
    });
    this.#child.on('message', ({ id, result, error }: Answer) => {
      if (id === 'ready') {
        ready();
        return;
      }
      const call = this.#open.get(id);
      this.#open.delete(id);
      if (error === undefined) call?.done(result);
      else call?.fail(new Error(`in a worker: ${error}`));
    });
  }

  /** The answer, or `'killed'`. */
  async run<T>(command: string, options: object = {}): Promise<T | 'killed'> {
    await this.#ready;
    if (!alive.has(this)) return 'killed';
    const id = this.#count++;
    const answer = new Promise((done, fail) => this.#open.set(id, { done, fail }));
    this.#child.send({ id, command, options });
    return (await answer) as T | 'killed';
  }

  /** The answer of one that is not killed. */
  async ask<T>(command: string, options: object = {}): Promise<T> {
    const answer = await this.run<T>(command, options);
    if (answer === 'killed') throw new Error('the worker has ended');
    return answer;
  }

  stop(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    return this.#gone;
  }

  /** Waits until the process has stopped itself, or has answered. */
  async isStopped(answer: Promise<unknown>): Promise<boolean> {
    const settlements: unknown[] = [];
    const settled = (): unknown => settlements.push(null);
    answer.then(settled, settled);
    for (let looks = 0; ; looks++) {
      await (looks < 50 ? new Promise((done) => setImmediate(done)) : pause(1));
      if (settlements.length > 0) return false;
      if (stateOf(this.#child.pid) === 'T') return true;
    }
  }
}

/** One letter: `T` is stopped. */
function stateOf(pid: number | undefined): string | undefined {
  const text = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
  return text.slice(text.lastIndexOf(')') + 2)[0];
}

export function startWorkers(count: number): Worker[] {
  return Array.from({ length: count }, () => new Worker());
}

/** A time that is the same in every process, and may run faster. */
export interface TimeSpec {
  /** Epoch ms at the origin. */
  readonly base: number;
  /** ns of the system's monotonic clock. */
  readonly origin: string;
  readonly rate: number;
  /** Holds ms to add. */
  readonly file?: string;
}

export function timeSpec(rate = 1, file?: string): TimeSpec {
  if (file !== undefined) moveTime(file, 0);
  const origin = String(process.hrtime.bigint());
  return { base: Date.now(), origin, rate, ...(file === undefined ? null : { file }) };
}

/** Moves the time of every process that has this file in its clock. */
export function moveTime(file: string, ms: number): void {
  const text = String(ms).padEnd(16);
  try {
    const fd = openSync(file, 'r+');
    writeSync(fd, text, 0);
    closeSync(fd);
  } catch {
    writeFileSync(file, text);
  }
}

export function clockOf({ base, origin, rate, file }: TimeSpec, aheadMs = 0): Clock {
  const start = BigInt(origin);
  const offset = (): number => (file === undefined ? 0 : Number(readFileSync(file, 'latin1')));
  return {
    now: () => Math.floor(base + (Number(process.hrtime.bigint() - start) / 1e6) * rate) + offset() + aheadMs,
    after(ms, callback) {
      const timer = setTimeout(callback, ms / rate);
      timer.unref();
      return () => {
        clearTimeout(timer);
      };
    },
  };
}

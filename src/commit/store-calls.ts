// Calls to a store that always end: within their time, with the right kind of answer, or with one kind of error.
import { isAtOnce } from '../core/answers.js';
import type { Clock } from '../core/clock.js';
import type { CallOptions, SessionKey, SessionRecord } from '../core/contract.js';
import { hasCode, SessionError } from '../core/errors.js';
import type { RecordStore } from '../stores/store.js';
import type { Breaker } from './breaker.js';

/**
 * The share of the time that a write may take. The rest is kept for looking whether a write that did not answer has
 * landed, so that the whole commit ends within `storeTimeout`.
 */
const WRITE_SHARE = 0.8;

/** The calls of one operation, which share one span of time. */
export class StoreCalls {
  readonly #store: RecordStore;
  readonly #clock: Clock;
  readonly #endsAt: number;
  readonly #lookMs: number;
  readonly #breaker: Breaker | undefined;
  #lateInsert: Promise<unknown> | undefined;

  /** @param since When the operation was asked for, if not now: from then on it has `timeoutMs`. */
  constructor(store: RecordStore, clock: Clock, timeoutMs: number, breaker?: Breaker, since = clock.now()) {
    this.#breaker = breaker;
    this.#store = store;
    this.#clock = clock;
    const now = clock.now();
    const left = Math.max(since + timeoutMs - now, 0);
    this.#endsAt = now + left;
    this.#lookMs = left * (1 - WRITE_SHARE);
  }

  /** Waits between two attempts. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(ms, resolve);
    });
  }

  /** Whether there is time left for another write. */
  hasTime(): boolean {
    return this.#left() > this.#lookMs;
  }

  /** @throws {SessionError} ERR_SESSION_STORE, ERR_SESSION_STORE_TIMEOUT or ERR_SESSION_STORE_CONTRACT, as all calls */
  async find(key: SessionKey, fresh = false): Promise<SessionRecord | null> {
    const record = await this.#call('find', 0, (options) =>
      // Not spread: the signal is a getter.
      this.#store.find(key, fresh ? Object.assign(options, { fresh }) : options),
    );
    return checkedRecord(record, this.#clock.now());
  }

  /** Any other call, with what an `options` argument should have besides the signal. */
  ask<T, Options extends object>(
    name: string,
    options: Options,
    start: (options: Options & CallOptions) => Promise<T>,
  ): Promise<T> {
    return this.#call(name, 0, (call) => start(Object.assign(call, options)));
  }

  insert(record: SessionRecord): Promise<boolean> {
    return this.#write('insert', (options) => this.#store.insert(record, options));
  }

  /** Takes away a record that arrives after the caller was told that it failed: nobody holds its id. */
  undoLateInsert(key: SessionKey): void {
    this.#lateInsert
      ?.then((inserted) => (inserted === true ? this.#store.remove(key) : false))
      .catch(() => undefined);
  }

  replace(record: SessionRecord, expectedVersion: string): Promise<boolean> {
    return this.#write('replace', (options) => this.#store.replace(record, expectedVersion, options));
  }

  extend(key: SessionKey, expiresAt: number | null, record: SessionRecord): Promise<boolean> {
    return this.#write('extend', (options) => this.#store.extend(key, expiresAt, record, options));
  }

  remove(key: SessionKey): Promise<boolean> {
    return this.#write('remove', (options) => this.#store.remove(key, options));
  }

  #write(name: string, start: (options: CallOptions) => Promise<boolean>): Promise<boolean> {
    const answer = this.#call(name, this.#lookMs, start);
    return isAtOnce(answer) ? answer : checkedAnswer(name, answer);
  }

  #left(): number {
    return this.#endsAt - this.#clock.now();
  }

  /** @param kept How much of the time is not for this call, ms. */
  #call<T>(name: string, kept: number, start: (options: CallOptions) => Promise<T>): Promise<T> {
    const call = (): Promise<T> => this.#timed(name, kept, start);
    return this.#breaker === undefined ? call() : this.#breaker.run(call);
  }

  #timed<T>(name: string, kept: number, start: (options: CallOptions) => Promise<T>): Promise<T> {
    const options = new LazySignal();
    let pending: Promise<T>;
    try {
      pending = start(options);
    } catch (cause) {
      return Promise.reject(asStoreError(name, cause));
    }
    return isAtOnce(pending) ? pending : this.#within(name, this.#left() - kept, pending, options);
  }

  #within<T>(name: string, timeoutMs: number, pending: Promise<T>, options: LazySignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(Math.max(timeoutMs, 0), () => {
        if (name === 'insert') this.#lateInsert = pending;
        options.abort();
        reject(new SessionError('ERR_SESSION_STORE_TIMEOUT', `The store did not answer ${name}() in time.`));
      });
      const fail = (cause: unknown): void => {
        cancel();
        reject(asStoreError(name, cause));
      };
      try {
        pending.then((result) => {
          cancel();
          resolve(result);
        }, fail);
      } catch (error) {
        // It is no promise.
        fail(error);
      }
    });
  }
}

async function checkedAnswer(name: string, answer: Promise<unknown>): Promise<boolean> {
  const result = await answer;
  if (typeof result === 'boolean') return result;
  throw new SessionError(
    'ERR_SESSION_STORE_CONTRACT',
    `The store's ${name}() must resolve to true or false.`,
  );
}

/** Makes the AbortController only if the store asks for the signal. */
class LazySignal implements CallOptions {
  #controller: AbortController | undefined;
  #aborted = false;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted) this.#controller.abort();
    return this.#controller.signal;
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }
}

/** A record as the contract has it, or `null`. An expired one counts as absent whatever the store says. */
export function checkedRecord(record: unknown, now: number): SessionRecord | null {
  if (record === null) return null;
  const { key, data, version, expiresAt, deadlineAt } = (record ?? {}) as Partial<SessionRecord>;
  if (typeof key !== 'string' || typeof data !== 'string' || typeof version !== 'string')
    throw new SessionError(
      'ERR_SESSION_STORE_CONTRACT',
      "The store's find() must resolve to a record or to null.",
    );
  if ((expiresAt ?? Infinity) <= now || (deadlineAt ?? Infinity) <= now) return null;
  return record as SessionRecord;
}

/** A store that cannot be reached or does not answer; not one that says what is wrong with a session. */
export const isStoreFault = (error: unknown): boolean => FAULTS.some((code) => hasCode(error, code));

const FAULTS = [
  'ERR_SESSION_STORE',
  'ERR_SESSION_STORE_TIMEOUT',
  'ERR_SESSION_STORE_DOWN',
  'ERR_SESSION_DIRECTORY',
] as const;

/** One kind of error for every fault of a store, those that throw or reject with nothing included. */
export function asStoreError(name: string, cause: unknown): SessionError {
  if (cause instanceof SessionError) return cause;
  return new SessionError('ERR_SESSION_STORE', `The session store failed in ${name}().`, { cause });
}

// Who waits for the end of a session, by its handle. Knows no stores: it is told, and asks whoever can tell.
import type { SessionHandle } from '../core/contract.js';

/** Why a session ended. `ended`: another process ended it, or its time was over. */
export type EndReason = 'destroy' | 'regenerate' | 'clear' | 'evicted' | 'timeout' | 'ended';

type Listener = (reason: EndReason) => void;

export class Ends {
  readonly #listeners = new Map<string, Set<Listener>>();

  /** Calls back once when the session ends; the returned function cancels. */
  watch(handle: SessionHandle | string, listener: Listener): () => void {
    const listeners = this.#listeners.get(handle) ?? new Set();
    this.#listeners.set(handle, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(handle) === listeners) this.#listeners.delete(handle);
    };
  }

  get isEmpty(): boolean {
    return this.#listeners.size === 0;
  }

  tell(handle: string, reason: EndReason): void {
    const listeners = this.#listeners.get(handle);
    this.#listeners.delete(handle);
    // What a listener throws is not the session's.
    for (const listener of listeners ?? []) queueMicrotask(() => listener(reason));
  }
}

// Who waits for the end of a session, by its handle. Knows no stores: it is told, and asks whoever can tell.
import type { SessionHandle } from '../core/contract.js';

/** Why a session ended. `ended`: another process ended it, or its time was over. */
export type EndReason =
  'destroy' | 'regenerate' | 'login' | 'revoke' | 'clear' | 'evicted' | 'timeout' | 'ended';

type Listener = (reason: EndReason) => void;

interface Watcher {
  readonly listener: Listener;
  handle: string;
}

export class Ends {
  readonly #watchers = new Map<string, Set<Watcher>>();

  /** Calls back once when the session ends; the returned function cancels. */
  watch(handle: SessionHandle | string, listener: Listener): () => void {
    const watcher = { listener, handle };
    this.#add(watcher);
    return () => {
      const watchers = this.#watchers.get(watcher.handle);
      if (watchers?.delete(watcher) === true && watchers.size === 0) this.#watchers.delete(watcher.handle);
    };
  }

  get isEmpty(): boolean {
    return this.#watchers.size === 0;
  }

  /** The session has another handle from here on. */
  move(from: string, to: string): void {
    const watchers = this.#watchers.get(from) ?? [];
    this.#watchers.delete(from);
    for (const watcher of watchers) {
      watcher.handle = to;
      this.#add(watcher);
    }
  }

  tell(handle: string, reason: EndReason): void {
    const watchers = this.#watchers.get(handle);
    this.#watchers.delete(handle);
    // What a listener throws is not the session's.
    for (const { listener } of watchers ?? []) queueMicrotask(() => listener(reason));
  }

  #add(watcher: Watcher): void {
    const watchers = this.#watchers.get(watcher.handle) ?? new Set();
    this.#watchers.set(watcher.handle, watchers);
    watchers.add(watcher);
  }
}

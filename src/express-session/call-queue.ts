// What a handler does with its session, `save()`, `destroy()` and the others: one after the other, and the response waits.
import { hasCode } from '../core/errors.js';

export class CallQueue {
  /** Those that have not settled yet. */
  readonly #open = new Set<Promise<void>>();
  #last: Promise<unknown> = Promise.resolve();

  run(work: () => Promise<void>): Promise<void> {
    const call = this.#last.then(work).catch((error: unknown) => {
      throw causeOf(error);
    });
    this.#last = call.catch(() => undefined);
    this.#open.add(call);
    const close = (): void => {
      this.#open.delete(call);
    };
    call.then(close, close);
    return call;
  }

  /** Waits for those under way. Rejects as the first that failed, but for a session that was ended elsewhere. */
  async settled(): Promise<void> {
    for (const call of await Promise.allSettled(this.#open))
      if (call.status === 'rejected' && !hasCode(call.reason, 'ERR_SESSION_ENDED'))
        throw call.reason as Error;
  }
}

/** The store's own error, as express-session hands it on. */
export function causeOf(error: unknown): unknown {
  return hasCode(error, 'ERR_SESSION_STORE') ? (error.cause ?? error) : error;
}

// What a handler does with its session, `save()`, `destroy()` and the others: one after the other, and the response waits.
import { hasCode } from '../core/errors.js';
import { OpenCalls } from '../http/open-calls.js';

export class CallQueue {
  readonly #open = new OpenCalls();
  #last: Promise<unknown> | undefined;

  run(work: () => Promise<void>): Promise<void> {
    const call = this.#run(this.#last, work);
    this.#last = call.catch(() => undefined);
    return this.#open.watch(call);
  }

  /** Waits for those under way. Rejects as the first that failed, but for a session that was ended elsewhere. */
  settled(): Promise<void> {
    return this.#open.settled();
  }

  async #run(last: Promise<unknown> | undefined, work: () => Promise<void>): Promise<void> {
    // Never at once: what the handler does in the same turn comes first.
    await last;
    try {
      await work();
    } catch (error) {
      throw causeOf(error);
    }
  }
}

/** The store's own error, as express-session hands it on. */
export function causeOf(error: unknown): unknown {
  return hasCode(error, 'ERR_SESSION_STORE') ? (error.cause ?? error) : error;
}

// The calls of a handler that have not settled yet: the response waits for them, and fails with them where nobody awaits them.
import { hasCode } from '../core/errors.js';

export class OpenCalls {
  #round: Round | null = null;

  /** @param onFault For a call whose failure harms no response. */
  watch<T>(call: Promise<T>, onFault?: (error: unknown) => void): Promise<T> {
    const round = (this.#round ??= new Round());
    round.count++;
    (onFault === undefined ? call : call.catch(onFault)).then(round.close, round.fail);
    return call;
  }

  /**
   * Waits for those under way, and for none that begins meanwhile. Rejects as the first that failed, but for a session that
   * was ended elsewhere.
   */
  async settled(): Promise<void> {
    const round = this.#round;
    this.#round = null;
    await round?.settled();
  }
}

/** The calls that were begun before somebody waited. */
class Round {
  count = 0;
  #onIdle: (() => void) | null = null;
  #fault: { readonly error: unknown } | null = null;

  async settled(): Promise<void> {
    if (this.count === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    if (this.#fault !== null) throw this.#fault.error as Error;
  }

  readonly close = (): void => {
    if (--this.count === 0) this.#onIdle?.();
  };

  /** Whoever awaited a call that failed before the response waited was told. */
  readonly fail = (error: unknown): void => {
    if (this.#onIdle !== null && !hasCode(error, 'ERR_SESSION_ENDED')) this.#fault ??= { error };
    this.close();
  };
}

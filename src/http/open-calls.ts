// The calls of a handler that have not settled yet: the response waits for them, and fails with them where nobody awaits them.
import { hasCode } from '../core/errors.js';

export class OpenCalls {
  #count = 0;
  /** Set while the response waits. */
  #onIdle: (() => void) | null = null;
  #fault: { readonly error: unknown } | null = null;

  /** @param onFault For a call whose failure harms no response. */
  watch<T>(call: Promise<T>, onFault?: (error: unknown) => void): Promise<T> {
    this.#count++;
    call.then(
      this.#close,
      onFault === undefined
        ? this.#fail
        : (error: unknown) => {
            onFault(error);
            this.#close();
          },
    );
    return call;
  }

  /** Waits for those under way. Rejects as the first that failed, but for a session that was ended elsewhere. */
  async settled(): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    this.#onIdle = null;
    if (this.#fault !== null) throw this.#fault.error as Error;
  }

  readonly #close = (): void => {
    if (--this.#count === 0) this.#onIdle?.();
  };

  /** Whoever awaited a call that failed before the response was told. */
  readonly #fail = (error: unknown): void => {
    if (this.#onIdle !== null && !hasCode(error, 'ERR_SESSION_ENDED')) this.#fault ??= { error };
    this.#close();
  };
}

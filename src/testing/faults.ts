// What can go wrong between a session package and its store, and for which operations it is to go wrong now.
// Knows nothing of stores: `faulty-store.ts` puts it between one and its caller.
import type { Clock } from '../core/clock.js';

/** The primitives of the contract and the methods of the express-session API: what a fault can hit. */
export const OPERATIONS = [
  ...(['find', 'insert', 'replace', 'extend', 'remove'] as const),
  ...(['page', 'removeExpired', 'count', 'findSync', 'revokeBefore', 'ping', 'close'] as const),
  ...(['get', 'set', 'touch', 'destroy', 'all', 'ids', 'length', 'clear'] as const),
] as const;

export type Operation = (typeof OPERATIONS)[number];

export interface FaultOptions {
  /** How many calls are hit before all is well again. Default: all, until `clear`. */
  times?: number;
}

export interface FailureOptions extends FaultOptions {
  /** What is thrown. Default: an Error that says that it is deliberate. */
  error?: unknown;
}

/** What happens to one call. */
export interface Behaviour {
  run(perform: () => Promise<unknown>): Promise<unknown>;
  /** For an operation that answers without a promise; absent where it cannot behave so. */
  sync?(perform: () => unknown): unknown;
  /** How often a callback is called. */
  readonly answers: number;
}

interface Armed extends Behaviour {
  left: number;
}

/**
 * The switches of a faulty store. Each names an operation, or `'*'` for all that have no fault of their own; a later
 * fault for the same one takes the place of the earlier.
 */
export class Faults {
  readonly #armed = new Map<Operation | '*', Armed>();
  readonly #clock: Clock;
  readonly #hasFindSync: boolean;

  constructor(clock: Clock, hasFindSync: boolean) {
    this.#clock = clock;
    this.#hasFindSync = hasFindSync;
  }

  /** Rejects, and the store never sees the call. */
  fail(operation: Operation | '*', options: FailureOptions = {}): void {
    const fail = (): never => {
      throw errorOf(options);
    };
    this.#arm(operation, options, { run: () => Promise.resolve().then(fail), sync: fail });
  }

  /** Rejects with `undefined`; a callback is called with nothing at all. */
  rejectWithNothing(operation: Operation | '*', options: FaultOptions = {}): void {
    this.fail(operation, { ...options, error: undefined });
  }

  /** Throws before there is a promise. */
  throwAtOnce(operation: Operation | '*', options: FailureOptions = {}): void {
    const fail = (): never => {
      throw errorOf(options);
    };
    this.#arm(operation, options, { run: fail, sync: fail });
  }

  /** Never answers, and the store never sees the call. */
  hang(operation: Operation | '*', options: FaultOptions = {}): void {
    this.#arm(operation, options, { run: () => new Promise(() => undefined) });
  }

  /** Performs after `ms`, on the clock of the faulty store. */
  delay(operation: Operation | '*', ms: number, options: FaultOptions = {}): void {
    this.#arm(operation, options, {
      run: async (perform) => {
        await new Promise<void>((resolve) => this.#clock.after(ms, resolve));
        return perform();
      },
    });
  }

  /** Performs only when the returned function is called: a slow write that others overtake. */
  hold(operation: Operation | '*', options: FaultOptions = {}): () => void {
    const { opened, open } = createGate();
    this.#arm(operation, options, {
      run: async (perform) => {
        await opened;
        return perform();
      },
    });
    return open;
  }

  /** Performs at once, and answers only when the returned function is called: a write that lands after its timeout. */
  landLate(operation: Operation | '*', options: FaultOptions = {}): () => void {
    const { opened, open } = createGate();
    this.#arm(operation, options, {
      run: async (perform) => {
        const outcome = perform();
        // It may fail long before anybody is told.
        outcome.catch(() => undefined);
        await opened;
        return outcome;
      },
    });
    return open;
  }

  /** Performs, and then rejects: the answer is lost on its way back. */
  loseAnswer(operation: Operation | '*', options: FailureOptions = {}): void {
    this.#arm(operation, options, {
      run: async (perform) => {
        await perform();
        throw errorOf(options);
      },
      sync: (perform) => {
        perform();
        throw errorOf(options);
      },
    });
  }

  /** Delivers the call twice, one after the other, and gives the second answer; a callback is called twice. */
  twice(operation: Operation | '*', options: FaultOptions = {}): void {
    this.#arm(operation, options, {
      run: async (perform) => {
        await perform();
        return perform();
      },
      sync: (perform) => {
        perform();
        return perform();
      },
      answers: 2,
    });
  }

  /** All is well again: for one operation, for `'*'`, or for everything. Calls that wait go on waiting. */
  clear(operation?: Operation | '*'): void {
    if (operation === undefined) this.#armed.clear();
    else this.#armed.delete(operation);
  }

  /** What is to happen to a call that arrives now; counts it. */
  next(operation: Operation): Behaviour | undefined {
    const name = this.#armed.has(operation) ? operation : '*';
    const armed = this.#armed.get(name);
    if (armed === undefined) return undefined;
    if (--armed.left <= 0) this.#armed.delete(name);
    return armed;
  }

  #arm(
    operation: Operation | '*',
    { times = Infinity }: FaultOptions,
    behaviour: Omit<Behaviour, 'answers'> & { answers?: number },
  ): void {
    const hitsFindSync = operation === 'findSync' || (operation === '*' && this.#hasFindSync);
    if (hitsFindSync && behaviour.sync === undefined)
      throw new TypeError(
        "findSync answers at once and cannot wait: faultyStore(store, { hide: ['findSync'] }) has the store read through find.",
      );
    this.#armed.set(operation, { answers: 1, ...behaviour, left: times });
  }
}

function errorOf(options: FailureOptions): unknown {
  return 'error' in options ? options.error : new Error('The faulty store fails, as it was told to.');
}

function createGate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

// Calling a store of the express-session ecosystem, whichever way it answers.

type Method = (...args: never[]) => unknown;

/** A store as the express-session ecosystem has them: with callbacks, with promises, or both. */
export interface ExpressStore {
  get: Method;
  set: Method;
  destroy: Method;
  touch?: Method | undefined;
  all?: Method | undefined;
  length?: Method | number | undefined;
  on?: Method | undefined;
  regenerate?: Method | undefined;
}

/**
 * Calls a method that may take a callback, return a promise, or both. Looked up at the call: people replace them. Where
 * it takes a callback, a promise that resolves to nothing says nothing: its work may go on.
 */
export function callStore(
  store: ExpressStore,
  name: 'get' | 'set' | 'touch' | 'destroy' | 'all' | 'regenerate',
  ...args: unknown[]
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const method = store[name] as (...args: unknown[]) => unknown;
    const answer = (error?: unknown, result?: unknown): void => {
      const isFault = Boolean(error);
      if (isFault) reject(error);
      else resolve(result);
    };
    const returned = method.call(store, ...args, answer) as PromiseLike<unknown> | null | undefined;
    if (typeof returned?.then !== 'function') return;
    const takesCallback = method.length > args.length;
    returned.then((result) => {
      if (result !== undefined || !takesCallback) resolve(result);
    }, reject);
  });
}

// Promise methods that also take a callback, as the express-session API has them.

export type Callback<T = void> = (error: unknown, result?: T) => void;

/**
 * Hands a promise's outcome to the callback, or returns the promise where there is none. The callback runs outside
 * the promise: what it throws is an uncaught exception, as with any callback, not a swallowed rejection.
 */
export function answer<T>(promise: Promise<T>, callback: Callback<T> | undefined): Promise<T> {
  if (typeof callback !== 'function') return promise;
  const call: Callback<T> = (error, result) => {
    process.nextTick(callback, error, result);
  };
  promise.then(
    (result) => {
      call(null, result);
    },
    (error: unknown) => {
      call(error ?? new Error('The store failed without saying why.'));
    },
  );
  return promise;
}

// A store of the express-session ecosystem: what it must have, what it is called, and how it is called, whichever way it
// answers.
import { SessionError } from '../core/errors.js';

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

/** What a store is called. An object without a prototype has no constructor to be named after. */
export const kindOf = (store: object): string =>
  (store as { constructor?: { name?: string } }).constructor?.name ?? 'The session store';

/** The sessions that `all()` gave, by id. @throws {SessionError} ERR_SESSION_UNSUPPORTED if they have none */
export function namedSessions(all: unknown, kind: string): Record<string, unknown> {
  if (!Array.isArray(all)) return (all ?? {}) as Record<string, unknown>;
  return Object.fromEntries(
    all.map((session: { id?: unknown } | null) => {
      const { id, ...rest } = session ?? {};
      if (typeof id !== 'string')
        throw new SessionError(
          'ERR_SESSION_UNSUPPORTED',
          `${kind}.all() does not say which session is which.`,
        );
      return [id, rest];
    }),
  );
}

/** What an express-session store cannot promise, as a warning: `[code, sentence]`. */
export function limitsOf(store: ExpressStore): [string, string] {
  return [
    'WARN_SESSION_STORE',
    `${kindOf(store)} is an express-session store, without compare-and-set: writes of this process merge, ` +
      'but one of another process at the same moment can be lost, and a session that ended there can come back.',
  ];
}

/** @throws {SessionError} ERR_SESSION_OPTIONS */
export function assertStore(store: unknown): asserts store is ExpressStore {
  const missing = ['get', 'set', 'destroy'].filter(
    (name) => typeof (store as Record<string, unknown> | null | undefined)?.[name] !== 'function',
  );
  if (missing.length > 0)
    throw new SessionError(
      'ERR_SESSION_OPTIONS',
      `The option "store" has no method ${missing.join(', ')}: it must be a session store with get, set and destroy.`,
    );
}

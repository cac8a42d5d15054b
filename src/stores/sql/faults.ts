// What a database and its driver say when something is wrong, and what to do about it.
import { SessionError } from '../../core/errors.js';

/** Signs in what the driver says, and what to do. */
export type Advice = readonly (readonly [RegExp, string])[];

/**
 * An error that says what to do.
 * @param said What the driver says, without values: its own error can hold those of the statement.
 */
export function storeFault(engine: string, advice: Advice, said: string): SessionError {
  const [, what] = advice.find(([sign]) => sign.test(said)) ?? [];
  return new SessionError(
    'ERR_SESSION_STORE',
    what === undefined
      ? `The session store failed: ${engine} did not do what it was asked.`
      : `The session store failed: ${what}.`,
    { cause: new Error(said) },
  );
}

export const OTHER_SHAPE =
  'its tables are missing or have another shape: `store.ddl()` says what is needed; or give the option "table" another name';

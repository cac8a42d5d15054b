// Attempts of a compare-and-set against writers of other processes, and how they end in failure.
import { SessionError } from '../core/errors.js';
import type { StoreCalls } from './store-calls.js';

/** Every loss is another writer's success, so this many in a row do not happen by chance. */
const MAX_ATTEMPTS = 100;
const MAX_JITTER_MS = 32;

/**
 * Whether to try once more, within the number of attempts and the operation's time. Losers come back at different
 * times, or they would lose to each other again; the first retry is immediate, because most conflicts are with a
 * single writer.
 */
export function mayTry(attempt: number, calls: StoreCalls): boolean | Promise<boolean> {
  return attempt === 0 || mayRetry(attempt, calls);
}

async function mayRetry(attempt: number, calls: StoreCalls): Promise<boolean> {
  if (attempt > 1) await calls.wait(Math.random() * Math.min(2 ** attempt, MAX_JITTER_MS));
  return attempt < MAX_ATTEMPTS && calls.hasTime();
}

export function tooManyAttempts(): SessionError {
  return new SessionError(
    'ERR_SESSION_CONFLICT',
    'Other processes kept changing the session while it was saved; nothing was stored, try again.',
  );
}

export function sessionEnded(): SessionError {
  return new SessionError(
    'ERR_SESSION_ENDED',
    'The session was ended by another request (a logout, a revocation); nothing was stored.',
  );
}

// Attempts of a compare-and-set against writers of other processes, and how they end in failure.
import { setTimeout as wait } from 'node:timers/promises';

import { SessionError } from '../core/errors.js';

/** Every loss is another writer's success, so this many in a row do not happen by chance. */
export const MAX_ATTEMPTS = 100;
const MAX_JITTER_MS = 32;

/**
 * Waits before an attempt. Losers come back at different times, or they would lose to each other again; the first
 * retry is immediate, because most conflicts are with a single writer.
 */
export async function pause(attempt: number): Promise<void> {
  if (attempt > 1)
    await wait(Math.random() * Math.min(2 ** attempt, MAX_JITTER_MS), undefined, { ref: false });
}

export function tooManyAttempts(): SessionError {
  return new SessionError(
    'ERR_SESSION_CONFLICT',
    `Other processes changed the session ${String(MAX_ATTEMPTS)} times in a row; try again.`,
  );
}

export function sessionEnded(): SessionError {
  return new SessionError(
    'ERR_SESSION_ENDED',
    'The session was ended by another request (a logout, a revocation); nothing was stored.',
  );
}

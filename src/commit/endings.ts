// How a session ends: closed for good, or moved to another id. Both are compare-and-set, so that no write that was
// acknowledged before is missed, and none after it lands.
import type { Clock } from '../core/clock.js';
import type { SessionKey, SessionRecord } from '../core/contract.js';
import { expiryAt } from '../core/expiry.js';
import { closedRecord, isLiving, newVersion } from '../core/record.js';
import { mayTry, sessionEnded, tooManyAttempts } from './attempts.js';
import type { Target } from './lanes.js';
import { put } from './put.js';
import type { StoreCalls } from './store-calls.js';

/** Closes a session. False if it had ended already. */
export async function close(
  calls: StoreCalls,
  clock: Clock,
  key: SessionKey,
  record: SessionRecord | null,
): Promise<boolean> {
  let current = record ?? (await calls.find(key, true));
  for (let attempt = 0; await mayTry(attempt, calls); attempt++) {
    if (!isLiving(current)) return false;
    const found = await put(calls, closedRecord(current, clock.now()), current);
    if (found === 'landed') return true;
    current = found;
  }
  // Whatever goes on writing to it: what is gone cannot be replaced.
  return calls.remove(key);
}

/**
 * Stores the session under the successor's key, then closes the old record against the version that was copied:
 *
 *   us: insert(new, data of v1) · other: replace(v2) · us: replace(closed, expecting v1) -> false
 *   us: find v2, bring the new record up to date, replace(closed, expecting v2)
 *
 * In this order there is a living id at every moment (peers that delete first lose the session in a crash).
 * @throws {SessionError} ERR_SESSION_ENDED if the session ended meanwhile; no second living id stays behind
 */
export async function moveTo(
  calls: StoreCalls,
  clock: Clock,
  key: SessionKey,
  record: SessionRecord | null,
  successor: Target,
): Promise<SessionRecord> {
  let old = record ?? (await calls.find(key, true));
  let moved: SessionRecord | null = null;
  try {
    for (let attempt = 0; await mayTry(attempt, calls); attempt++) {
      if (!isLiving(old)) throw sessionEnded();
      moved = await copy(calls, clock, old, moved, successor);
      const found = await put(calls, closedRecord(old, clock.now(), moved.key), old);
      if (found === 'landed') return moved;
      old = found;
    }
    throw tooManyAttempts();
  } catch (error) {
    if (moved !== null) await calls.remove(moved.key).catch(() => undefined);
    throw error;
  }
}

/** Inserts the successor of `old`, or brings the one that is there up to date. */
async function copy(
  calls: StoreCalls,
  clock: Clock,
  old: SessionRecord,
  moved: SessionRecord | null,
  successor: Target,
): Promise<SessionRecord> {
  for (;;) {
    const { createdAt, deadlineAt, idleMs, data, owner, meta } = old;
    const record: SessionRecord = {
      ...(moved ?? successor.first()),
      data,
      version: newVersion(),
      createdAt,
      deadlineAt,
      idleMs,
      expiresAt: expiryAt(clock.now(), idleMs, deadlineAt),
      ...(owner === undefined ? null : { owner }),
      ...(meta === undefined ? null : { meta }),
    };
    if ((await put(calls, record, moved)) === 'landed') return record;
    if (moved !== null) throw sessionEnded();
    successor.renew();
  }
}

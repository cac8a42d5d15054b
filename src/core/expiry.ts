// Expiry arithmetic. Times are epoch ms, durations ms; `null` means that the record sets no limit of its own.
import type { SessionRecord } from './contract.js';

type Limits = Pick<SessionRecord, 'expiresAt' | 'deadlineAt' | 'idleMs'>;

/** When a session that is used now ends: after its idle time, at its absolute deadline at the latest. */
export function expiryAt(now: number, idleMs: number | null, deadlineAt: number | null): number | null {
  if (idleMs === null) return deadlineAt;
  return deadlineAt === null ? now + idleMs : Math.min(now + idleMs, deadlineAt);
}

/** Whether a record has ended by its own word. The moment itself is past the end. */
export function isExpired(record: Pick<SessionRecord, 'expiresAt' | 'deadlineAt'>, now: number): boolean {
  return (
    (record.expiresAt !== null && record.expiresAt <= now) ||
    (record.deadlineAt !== null && record.deadlineAt <= now)
  );
}

/**
 * Whether a use of the session should move its expiry: the last move is `touchAfter` ago, or this is the move to the
 * absolute deadline, the last one there is. One decision for the store's touch and for the cookie.
 */
export function isTouchDue(record: Limits, now: number, touchAfter: number): boolean {
  const next = expiryAt(now, record.idleMs, record.deadlineAt);
  if (next === null || record.expiresAt === null) return false;
  return next > record.expiresAt && (next - record.expiresAt >= touchAfter || next === record.deadlineAt);
}

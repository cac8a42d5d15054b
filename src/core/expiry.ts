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
 * absolute deadline, the last one there is. One decision for the store's touch and for the cookie. A session whose own
 * idle time is no longer than `touchAfter` would never be moved; for it, a tenth of that time counts.
 */
export function isTouchDue(record: Limits, now: number, touchAfter: number): boolean {
  const { expiresAt, deadlineAt, idleMs } = record;
  const next = expiryAt(now, idleMs, deadlineAt);
  if (next === null || expiresAt === null) return false;
  const after = idleMs === null || touchAfter < idleMs ? touchAfter : idleMs / 10;
  return next > expiresAt && (next - expiresAt >= after || next === deadlineAt);
}

/** When a session was last used, epoch ms, as precisely as touches move its expiry. */
export function lastSeenAt({ createdAt, expiresAt, deadlineAt, idleMs, meta }: SessionRecord): number {
  const seenAt = Math.max(createdAt, meta?.seenAt ?? 0);
  if (expiresAt === null || idleMs === null) return seenAt;
  // At the absolute end at the latest: then this is when it was first reached.
  const end = deadlineAt === null ? expiresAt : Math.min(expiresAt, deadlineAt);
  return Math.max(seenAt, end - idleMs);
}

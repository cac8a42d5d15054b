// Making records: the versions they carry and the form they take when their session ends.
import { randomBytes } from 'node:crypto';

import { CLOSED_FOR_MS, type SessionKey, type SessionRecord } from './contract.js';

let writer = '';
let writes = 0;

/** A version that no other write of any process has. Not a secret. */
export function newVersion(): string {
  if (writer === '') writer = randomBytes(9).toString('base64url');
  // Joined, not concatenated: flat strings take less memory in a store that keeps millions.
  return [writer, (writes++).toString(36)].join('-');
}

type LivingRecord = SessionRecord & { readonly closed?: never };

/** Whether a store's answer is a session that can be used. */
export function isLiving(record: SessionRecord | null): record is LivingRecord {
  return record !== null && record.closed === undefined;
}

/**
 * The record of a session that ends now: no data, no user, recognisable for a minute.
 * @param followMs How long requests with its id are served by the session that it moved to, ms.
 */
export function closedRecord(
  record: SessionRecord,
  at: number,
  movedTo?: SessionKey,
  followMs?: number,
): SessionRecord {
  return {
    v: 1,
    key: record.key,
    data: '{}',
    version: newVersion(),
    createdAt: record.createdAt,
    deadlineAt: null,
    idleMs: null,
    expiresAt: at + (followMs ?? 0) + CLOSED_FOR_MS,
    closed: {
      at,
      ...(movedTo === undefined ? null : { movedTo }),
      ...(followMs === undefined
        ? null
        : { followUntil: at + followMs, wasSeen: record.meta?.from === undefined }),
    },
  };
}

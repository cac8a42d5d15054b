// How a session ends: closed for good, or moved to another id. Both are compare-and-set, so that no write that was
// acknowledged before is missed, and none after it lands.
import type { Clock } from '../core/clock.js';
import type { SessionKey, SessionRecord } from '../core/contract.js';
import { expiryAt } from '../core/expiry.js';
import { closedRecord, isLiving, newVersion } from '../core/record.js';
import { mayTry, sessionEnded, tooManyAttempts } from './attempts.js';
import { put } from './put.js';
import type { StoreCalls } from './store-calls.js';
import type { Target } from './write.js';

/** How often in a row a session may have been renewed while one request was under way. */
export const MAX_HOPS = 8;

/**
 * Closes a session, wherever a scheduled renewal moved it. False if it had ended already.
 * @param onEnd Told under which key it ended.
 */
export async function close(
  calls: StoreCalls,
  clock: Clock,
  key: SessionKey,
  record: SessionRecord | null,
  onEnd: (key: SessionKey) => void = () => undefined,
): Promise<boolean> {
  let current = record ?? (await calls.find(key, true));
  for (let attempt = 0; await mayTry(attempt, calls); attempt++) {
    if (!isLiving(current)) current = await successorOf(calls, clock, current);
    if (current === null) return false;
    const found = await put(calls, closedRecord(current, clock.now()), current);
    if (found === 'landed') {
      onEnd(current.key);
      return true;
    }
    current = found;
  }
  // Whatever goes on writing to it: what is gone cannot be replaced.
  const last = current?.key ?? key;
  const wasThere = await calls.remove(last);
  if (wasThere) onEnd(last);
  return wasThere;
}

/** The living session that a scheduled renewal put in the place of this one, while the old id is still good; or null. */
export async function successorOf(
  calls: StoreCalls,
  clock: Clock,
  record: SessionRecord | null,
): Promise<SessionRecord | null> {
  let found = record;
  for (let hop = 0; hop < MAX_HOPS; hop++) {
    const { movedTo, followUntil = 0 } = found?.closed ?? {};
    if (movedTo === undefined || followUntil <= clock.now()) return null;
    found = await calls.find(movedTo, true);
    if (isLiving(found)) return found;
  }
  return null;
}

/** What of a session goes along to another id. */
export interface Inheritance {
  readonly data: boolean;
  /** Its times, its user and the facts about it: it is the same login. */
  readonly identity: boolean;
  /** A scheduled renewal: for how long requests with the old id are served by the new one, ms. */
  readonly followMs?: number;
}

/**
 * Stores the session under the successor's key, then closes the old record against the version that was copied:
 *
 *   us: insert(new, data of v1) · other: replace(v2) · us: replace(closed, expecting v1) -> false
 *   us: find v2, bring the new record up to date, replace(closed, expecting v2)
 *
 * In this order there is a living id at every moment (peers that delete first lose the session in a crash).
 * @param onEnd Told which key was closed.
 * @throws {SessionError} ERR_SESSION_ENDED if the session ended meanwhile; no second living id stays behind
 */
export async function moveTo(
  calls: StoreCalls,
  clock: Clock,
  key: SessionKey,
  record: SessionRecord | null,
  successor: Target,
  inheritance: Inheritance,
  onEnd: (key: SessionKey) => void = () => undefined,
): Promise<SessionRecord> {
  let old = record ?? (await calls.find(key, true));
  let moved: SessionRecord | null = null;
  let mayHaveClosed = false;
  try {
    for (let attempt = 0; await mayTry(attempt, calls); attempt++) {
      const isRenewal = inheritance.followMs !== undefined;
      if (!isLiving(old) && !isRenewal) old = await successorOf(calls, clock, old);
      // Of two renewals at once the second one finds another key, and leaves it as it is.
      if (!isLiving(old) || (isRenewal && old.key !== key)) throw sessionEnded();
      moved = await copy(calls, clock, old, moved, successor, inheritance);
      const closed = closedRecord(old, clock.now(), moved.key, inheritance.followMs);
      mayHaveClosed = isRenewal;
      const found = await put(calls, closed, old);
      if (found === 'landed') {
        onEnd(old.key);
        return moved;
      }
      mayHaveClosed = false;
      old = found;
    }
    throw tooManyAttempts();
  } catch (error) {
    // The store failed, and the old record may be closed all the same, or yet be: then this is where it leads to. If it
    // is not, nobody knows the id of this one, and its time will be over.
    if (moved !== null && !mayHaveClosed) await calls.remove(moved.key).catch(() => undefined);
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
  inheritance: Inheritance,
): Promise<SessionRecord> {
  for (;;) {
    const record = heirOf(old, moved ?? successor.first(), clock.now(), inheritance);
    if ((await put(calls, record, moved)) === 'landed') return record;
    if (moved !== null) throw sessionEnded();
    successor.renew();
  }
}

function heirOf(
  old: SessionRecord,
  own: SessionRecord,
  now: number,
  { data, identity, followMs }: Inheritance,
): SessionRecord {
  const { createdAt, deadlineAt, idleMs, owner } = old;
  const { schema } = old.meta ?? {};
  const heir = {
    ...own,
    ...(data ? { data: old.data } : null),
    ...(data && schema !== undefined ? { meta: { ...own.meta, schema } } : null),
    version: newVersion(),
  };
  if (!identity) return heir;
  const meta = followMs === undefined ? old.meta : { ...old.meta, issuedAt: now, from: old.key };
  // Whoever ends all others of a user knows by this that it is no other, before the old one says so.
  const lineage = followMs === undefined && owner !== undefined ? { heirOf: old.key } : null;
  return {
    ...heir,
    createdAt,
    deadlineAt,
    idleMs,
    expiresAt: expiryAt(now, idleMs, deadlineAt),
    ...(owner === undefined ? null : { owner }),
    ...(meta === undefined && lineage === null ? null : { meta: { ...meta, ...lineage } }),
  };
}

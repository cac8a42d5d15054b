// What a session does to the response that leaves: the last commit before it, and the headers on it.
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Move } from '../commit/write.js';
import type { SessionRecord } from '../core/contract.js';
import { hasCode } from '../core/errors.js';
import { expiryAt, isTouchDue, lastSeenAt } from '../core/expiry.js';
import type { Engine } from './engine.js';
import { sessionMissing, type SessionView } from './session-view.js';

/**
 * For how long requests with the old id of a session that was renewed are served: those that were under way, and those
 * of a client that has not had the new one yet. It ends as soon as a request brings the new id.
 */
const FOLLOW_MS = 300_000;
/** After so long without a request that brings the new id, it was lost on its way: the session gets another one. */
const LOST_MS = 30_000;

/** Stores what the handler changed on `req.session`, or keeps the session from expiring. */
export function settle(engine: Engine, view: SessionView): Promise<void> | undefined {
  if (view.unreadable !== null) return undefined;
  const text = view.mayDiffer ? view.pending() : null;
  const work = text === null ? keepAlive(engine, view) : commit(engine, view, text);
  return work === undefined ? renewIfDue(engine, view) : work.then(() => renewIfDue(engine, view));
}

/** Adds the cookie, and what caches must know. */
export function decorate(engine: Engine, view: SessionView, req: IncomingMessage, res: ServerResponse): void {
  engine.transports.vary(res);
  if (view.degradedBy !== null) {
    res.setHeader('X-Session-Degraded', 'true');
    return;
  }
  const { record, session } = view;
  if (view.cookieDue && record !== null && session !== null) {
    const remaining = record.expiresAt === null ? null : record.expiresAt - engine.config.clock.now();
    if (remaining === null || remaining > 0) engine.transports.set(req, res, session.id, remaining, view.via);
  } else if (view.state === 'absent' && view.clearDue) {
    engine.transports.clear(req, res);
  }
}

function renewIfDue(engine: Engine, view: SessionView): Promise<void> | undefined {
  const { record } = view;
  return record !== null && isRenewalDue(engine, view, record) ? renew(engine, view, record) : undefined;
}

/** Gives a session whose id is old another one. A fault harms no response: the next one tries again. */
async function renew(engine: Engine, view: SessionView, record: SessionRecord): Promise<void> {
  try {
    await view.renew(FOLLOW_MS);
  } catch (error) {
    // Another request was first: that one's response carries the new id.
    if (hasCode(error, 'ERR_SESSION_ENDED')) view.cookieDue = false;
    else engine.fault({ error, reason: 'store', handle: engine.handleOf(record.key) });
  }
}

function isRenewalDue({ config }: Engine, view: SessionView, { meta, createdAt }: SessionRecord): boolean {
  const { renewEvery, clock } = config;
  if (renewEvery === null || !view.isLoaded) return false;
  const age = clock.now() - (meta?.issuedAt ?? createdAt);
  return age >= (view.session?.isFollowed === true ? LOST_MS : renewEvery);
}

/** A change of a session that was ended elsewhere is dropped: it brings nothing back and harms no response (P2). */
async function commit(engine: Engine, view: SessionView, text: string): Promise<void> {
  try {
    // Not even in a request that came after the end: only what is asked for by name begins a new session then.
    if (view.state === 'temporary') throw sessionMissing();
    view.makeWritable('allowed');
    await view.commit({ kind: 'text', ...view.changeTo(text) }, factsOf(engine, view));
  } catch (error) {
    if (!hasCode(error, 'ERR_SESSION_ENDED')) throw error;
    const key = view.session?.key;
    if (key !== undefined)
      engine.emit('interrupted', () => ({ handle: engine.handleOf(key), reason: 'ended' }));
  }
}

/**
 * Touches the session if that is due, and looks whether it lives if the response carries its cookie: a slow response
 * must not overwrite the cookie of a newer login.
 *
 *   A: set(), its expiry moved, so the cookie is due · the client logs out and in again · A: res.end()
 *
 * A fault harms no response; it only carries no cookie.
 */
function keepAlive(engine: Engine, view: SessionView): Promise<void> | undefined {
  const { record } = view;
  if (record === null || view.touchFailed) return undefined;
  const { clock, touchAfter } = engine.config;
  const facts = factsOf(engine, view);
  if (facts !== undefined) return note(engine, view, record, facts);
  const isDue = view.isStale || isTouchDue(engine.touches.upToDate(record), clock.now(), touchAfter);
  // Nobody else holds the id of a session that this response begins; but a user's can be ended without it.
  const isDoubtful = view.cookieDue && (view.session?.isNew === false || record.owner !== undefined);
  return isDue || isDoubtful ? proveAlive(engine, view, record, isDue) : undefined;
}

/** @param isDue Whether its expiry moves too. */
async function proveAlive(
  engine: Engine,
  view: SessionView,
  record: SessionRecord,
  isDue: boolean,
): Promise<void> {
  view.cookieDue = false;
  try {
    // A touch says itself whether its cookie may go.
    if (isDue) await view.extend(record);
    else view.cookieDue = await view.look(false);
  } catch (error) {
    engine.fault({ error, reason: 'touch', handle: engine.handleOf(record.key) });
  }
}

/** What a use of the session changes beside its data: the first one under a new id, one that no expiry tells of. */
function factsOf({ config }: Engine, view: SessionView): Move['meta'] | undefined {
  const { record, session } = view;
  if (record === null) return undefined;
  const { owner, meta, idleMs, deadlineAt } = record;
  const now = config.clock.now();
  const isFirst = meta?.from !== undefined && view.isLoaded && session?.isFollowed !== true;
  // The expiry stands still at the absolute end. Who lists a user's sessions wants to know all the same.
  const isSilent =
    owner !== undefined && deadlineAt !== null && expiryAt(now, idleMs, deadlineAt) === deadlineAt;
  const isOld = isSilent && now - lastSeenAt(record) >= config.touchAfter;
  // Data that migrate() found as it should be.
  const { version } = config.schema ?? {};
  const isOutdated = version !== undefined && version !== (meta?.schema ?? 0);
  if (!isFirst && !isOld && !isOutdated) return undefined;
  return {
    ...(isFirst ? { from: undefined } : null),
    ...(isOld ? { seenAt: now } : null),
    ...(isOutdated ? { schema: version } : null),
  };
}

/** Stores facts alone. A fault harms no response. */
async function note(
  engine: Engine,
  view: SessionView,
  { key }: SessionRecord,
  facts: Move['meta'],
): Promise<void> {
  try {
    await view.note(facts);
  } catch (error) {
    view.cookieDue = false;
    if (!hasCode(error, 'ERR_SESSION_ENDED'))
      engine.fault({ error, reason: 'touch', handle: engine.handleOf(key) });
  }
}

// What a session does to the response that leaves: the last commit before it, and the headers on it.
import type { IncomingMessage, ServerResponse } from 'node:http';

import { hasCode } from '../core/errors.js';
import { isTouchDue } from '../core/expiry.js';
import type { Engine } from './engine.js';
import { varyOnCookie } from './session-cookie.js';
import { sessionMissing, type SessionView } from './session-view.js';

/** Stores what the handler changed on `req.session`, or keeps the session from expiring. */
export async function settle(engine: Engine, view: SessionView): Promise<void> {
  const text = view.pending();
  if (text === null) await keepAlive(engine, view);
  else await commit(engine, view, text);
}

/** Adds the cookie, and what caches must know. */
export function decorate(engine: Engine, view: SessionView, req: IncomingMessage, res: ServerResponse): void {
  varyOnCookie(res);
  const { record, session } = view;
  if (view.cookieDue && record !== null && session !== null) {
    const remaining = record.expiresAt === null ? null : record.expiresAt - engine.config.clock.now();
    if (remaining === null || remaining > 0) engine.cookie.set(req, res, session.id, remaining);
  } else if (view.state === 'absent' && view.clearDue) {
    engine.cookie.clear(req, res);
  }
}

/** A change of a session that was ended elsewhere is dropped: it brings nothing back and harms no response (P2). */
async function commit(engine: Engine, view: SessionView, text: string): Promise<void> {
  try {
    // Not even in a request that came after the end: only what is asked for by name begins a new session then.
    if (view.state === 'temporary') throw sessionMissing();
    view.makeWritable('allowed');
    await view.commit({ kind: 'text', ...view.changeTo(text) });
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
async function keepAlive(engine: Engine, view: SessionView): Promise<void> {
  const { record } = view;
  if (record === null || view.touchFailed) return;
  const { clock, touchAfter } = engine.config;
  const isDue = view.isStale || isTouchDue(record, clock.now(), touchAfter);
  // Nobody else holds the id of a session that this response begins.
  const isDoubtful = view.cookieDue && view.session?.isNew === false;
  if (!isDue && !isDoubtful) return;
  view.cookieDue = false;
  try {
    view.cookieDue = await (isDue ? view.extend(record) : view.look(false));
  } catch (error) {
    engine.fault({ error, reason: 'touch', handle: engine.handleOf(record.key) });
  }
}

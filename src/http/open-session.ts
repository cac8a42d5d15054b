// A session outside of the middleware: on the request of a WebSocket's upgrade, or any other without a response.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import { SessionError } from '../core/errors.js';
import type { EndReason } from './ends.js';
import type { Engine } from './engine.js';
import type { RequestSession } from './request-session.js';

export interface OpenOptions {
  /** Origins besides the request's own host from which browsers may open the session, as `https://app.example`. */
  origins?: readonly string[];
}

/** A session that was opened: `sessions.get(req, ...)` and its siblings work on its request. */
export interface OpenSession {
  /** `sha256:` and 64 hex digits. */
  readonly handle: string;
  /**
   * Calls back once when the session ends: at once if this process ends it, within half a minute if another one does or
   * its time is over. Never after the request's socket has closed. The returned function cancels.
   */
  onEnd(listener: (reason: EndReason) => void): () => void;
}

/** How often a session that somebody watches is looked for, ms. It is not extended by that. */
const LOOK_MS = 30_000;

/**
 * Browsers send cookies with a WebSocket's upgrade from any page, and no same-origin policy stops them: what opens a
 * session there must come from our own host (CWE-1385, cross-site WebSocket hijacking). Clients that are no browsers
 * send no Origin.
 * @throws {SessionError} ERR_SESSION_ORIGIN
 */
export function assertOwnOrigin(req: IncomingMessage, { origins = [] }: OpenOptions): void {
  const { origin, host } = req.headers;
  if (origin === undefined || origins.includes(origin)) return;
  const authority = req.headers[':authority'] ?? host;
  if (URL.canParse(origin)) {
    const { protocol, host: theirs } = new URL(origin);
    const ours = `${protocol}//${String(authority)}`;
    if (URL.canParse(ours) && new URL(ours).host === theirs) return;
  }
  throw new SessionError(
    'ERR_SESSION_ORIGIN',
    'The request comes from a page of another origin. If that page is yours, name it in open(req, { origins }).',
  );
}

export function openSession(
  engine: Engine,
  req: IncomingMessage,
  session: RequestSession,
): OpenSession | null {
  const { key } = session;
  if (key === undefined) return null;
  const handle = engine.handleOf(key);
  return {
    handle,
    onEnd(listener) {
      const { clock } = engine.config;
      // A request that was made by hand has none.
      const socket = req.socket as Socket | null;
      let isOver = false;
      let current = key;
      let cancelLook = (): void => undefined;
      const stop = (): void => {
        isOver = true;
        unwatch();
        cancelLook();
        socket?.off('close', stop);
      };
      const unwatch = engine.ends.watch(handle, (reason) => {
        stop();
        listener(reason);
      });
      const look = async (): Promise<void> => {
        try {
          const record = await engine.findLiving(current);
          if (record === null) {
            // Not by its name, which may be another one by now.
            if (!isOver) queueMicrotask(() => listener('ended'));
            stop();
            return;
          }
          if (record.key !== current) {
            engine.ends.move(engine.handleOf(current), engine.handleOf(record.key));
            // The old id leads there for some minutes only.
            session.follow(record);
          }
          current = record.key;
          lookLater();
        } catch (error) {
          // Not to be reached is not ended (P5).
          engine.fault({ error, reason: 'store', handle });
          lookLater();
        }
      };
      const lookLater = (): void => {
        if (isOver || engine.isClosed) return;
        cancelLook = clock.after(LOOK_MS, () => void look());
      };
      lookLater();
      socket?.once('close', stop);
      return stop;
    },
  };
}

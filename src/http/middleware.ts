// The middleware: puts a request's view of its session on the request, and a gate before its response.
import type { IncomingMessage, ServerResponse } from 'node:http';

import { SessionError } from '../core/errors.js';
import type { Engine } from './engine.js';
import { expressAppOf } from './gate-levels.js';
import { RequestSession } from './request-session.js';
import { ResponseGate, type Next } from './response-gate.js';

export type Middleware = (req: IncomingMessage, res: ServerResponse, next: Next) => void;

const OUTSIDE = Symbol('session-store-js.outside');

/** The views on a request that did not pass a middleware: one for each manager. Those of the others stand behind its gate. */
type Outside = IncomingMessage & { [OUTSIDE]?: RequestSession[] };

/** The view of one manager. @throws {SessionError} ERR_SESSION_NO_MIDDLEWARE */
export function requestSession(req: IncomingMessage, engine: Engine): RequestSession {
  const found = find(req, (session) => session.isOf(engine));
  if (found !== undefined) return found;
  throw new SessionError(
    'ERR_SESSION_NO_MIDDLEWARE',
    'This request did not pass sessions.middleware(); mount it with app.use() before the routes that use sessions.',
  );
}

/** The view of one manager on a request that has no response, or has not passed the middleware. */
export function requestSessionOutside(req: IncomingMessage, engine: Engine): RequestSession {
  if (engine.isClosed) throw managerClosed();
  return find(req, (session) => session.isOf(engine)) ?? addOutside(req, engine);
}

function addOutside(req: IncomingMessage, engine: Engine): RequestSession {
  const session = new RequestSession(engine, req, null);
  const others = (req as Outside)[OUTSIDE];
  if (others === undefined) (req as Outside)[OUTSIDE] = [session];
  else others.push(session);
  return session;
}

export function createMiddleware(engine: Engine): Middleware {
  const { property, load } = engine.config;
  const isOurs = (session: RequestSession): boolean => session.isOf(engine);
  let offeredOn: object | undefined;
  return (req, res, next) => {
    if (engine.isClosed) {
      next(managerClosed());
      return;
    }
    engine.warnOfMemory();
    if (engine.store.isPatched)
      engine.warn(
        'WARN_SESSION_PATCHED',
        'A method of the session store was replaced (get, set, touch or destroy). The manager does not call it: extend the store, or use the express-session drop-in.',
      );
    // Mounted twice: the first one has done everything.
    if (find(req, isOurs) !== undefined) {
      next();
      return;
    }
    if (property !== false) {
      // Once on the prototype of the outermost app's requests, because accessors on each request cost 4 us; outside
      // Express on the request itself.
      const shared = expressAppOf(req)?.request;
      if (shared === undefined || shared !== offeredOn) offer(shared ?? req, property);
      offeredOn = shared;
    }
    let session: RequestSession;
    if (typeof (res as Partial<ServerResponse>).end === 'function') {
      session = new RequestSession(engine, req, res);
      ResponseGate.join(req, res, next, session);
    } else {
      session = addOutside(req, engine);
    }
    if (!load(req)) {
      next();
      return;
    }
    session.load().then(() => {
      next();
    }, next);
  };
}

const managerClosed = (): SessionError =>
  new SessionError('ERR_SESSION_CLOSED', 'The session manager is closed: the server is shutting down.');

function find(req: IncomingMessage, test: (session: RequestSession) => boolean): RequestSession | undefined {
  for (const party of ResponseGate.partiesOf(req))
    if (party instanceof RequestSession && test(party)) return party;
  return (req as Outside)[OUTSIDE]?.find(test);
}

/** Defines `req.session`, `req.sessionID` and `req.sessionStore`, on a request or on a prototype of requests. */
function offer(target: object, property: string): void {
  // Under another name the session stands beside that of another package, whose these are.
  const names = property === 'session' ? [property, 'sessionID', 'sessionStore'] : [property];
  const isOffered = (session: RequestSession): boolean => session.property === property;
  for (const name of names) {
    if (Object.hasOwn(target, name)) continue;
    Object.defineProperty(target, name, {
      configurable: true,
      enumerable: false,
      get(this: IncomingMessage): unknown {
        const session = find(this, isOffered);
        if (session === undefined) return undefined;
        if (name === property) return session.object;
        return name === 'sessionID' ? session.id : session.store;
      },
      set(this: IncomingMessage, value: unknown) {
        if (find(this, isOffered) !== undefined) {
          throw new SessionError(
            'ERR_SESSION_ASSIGN',
            `req.${name} cannot be replaced. Change its keys; regenerate() or destroy() begin anew.`,
          );
        }
        // A request of the same app that did not pass this middleware, but another session package's.
        Object.defineProperty(this, name, { configurable: true, enumerable: true, writable: true, value });
      },
    });
  }
}

// The drop-in for express-session: its options, its `req.session`, its cookie and its stored JSON, and our commit.
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { Breaker } from '../commit/breaker.js';
import { Lanes } from '../commit/lanes.js';
import { Touches } from '../commit/touches.js';
import type { Clock } from '../core/clock.js';
import { SessionError } from '../core/errors.js';
import { ResponseGate } from '../http/response-gate.js';
import { adaptedStoreOf, type AdaptedStore } from '../stores/adapted-store.js';
import { Session, type SessionRequest } from '../stores/session.js';
import { RecordStore } from '../stores/store.js';
import { causeOf } from './call-queue.js';
import { settingsOf, type SessionOptions, type Settings } from './options.js';
import { freshCookie } from './live-session.js';
import { isSecure, pathOf } from './request.js';
import { recordStoreIn } from './stores.js';
import type { Handler } from './types.js';
import { Visit, type Backend, type VisitRequest } from './visit.js';
import { SECRET_MISSING, warn, warnOf } from './warnings.js';
import { Wire } from './wire.js';

const NO_LIMITS = { bytes: Infinity, depth: Infinity, keys: Infinity };
const NOTHING_HAPPENED = { created: () => undefined, committed: () => undefined, conflict: () => undefined };

/** Those of requests without a response, and of those that failed; the others stand behind the response's gate. */
const visits = new WeakMap<IncomingMessage, Visit>();

const visitOf = (req: IncomingMessage): Visit | undefined =>
  ResponseGate.partiesOf(req).findLast((party) => party instanceof Visit) ?? visits.get(req);

/**
 * Sessions as express-session offers them, on `req.session`.
 * @throws {SessionError} ERR_SESSION_OPTIONS
 *
 * @example
 * app.use(session({ secret: process.env.SESSION_SECRET, resave: false, saveUninitialized: false }));
 */
export function session(options: SessionOptions | null = null): Handler {
  const settings = settingsOf(options);
  const { store } = settings;
  warnOf(options ?? {}, store);
  const backends = new Backends(settings);
  const wire = settings.secrets === null ? null : new Wire(settings.name, settings.secrets, settings.proxy);
  const parsedWire = new ParsedWire(settings);
  (store as { generate?: unknown }).generate = (req: VisitRequest): void => {
    const visit = visitOf(req);
    if (visit === undefined) generate(settings, req);
    else visit.generate();
  };
  return (req: VisitRequest, res, next) => {
    // Another session is there already.
    if (req.session) {
      next();
      return;
    }
    let path: string;
    try {
      path = settings.cookie(req).path ?? '/';
    } catch (error) {
      next(error);
      return;
    }
    if (!pathOf(req).startsWith(path)) {
      next();
      return;
    }
    const own = wire ?? parsedWire.of(req);
    if (own === null) {
      next(new SessionError('ERR_SESSION_OPTIONS', SECRET_MISSING));
      return;
    }
    req.sessionStore = store as SessionRequest['sessionStore'];
    // A WebSocket server has none for an upgrade, and passes `{}`.
    const hasResponse = typeof (res as Partial<ServerResponse>).end === 'function';
    const visit = new Visit(settings, backends.now(), own, req, hasResponse ? res : null, next);
    if (!hasResponse) visits.set(req, visit);
    const goOn = (): void => {
      if (hasResponse) ResponseGate.join(req, res, next, visit);
      next();
    };
    const fail = (error: unknown): void => {
      visits.set(req, visit);
      next(causeOf(error));
    };
    if (!settings.load(req)) {
      visit.loadLater();
      goOn();
    } else if (visit.isAtOnce) {
      try {
        visit.loadNow();
      } catch (error) {
        fail(error);
        return;
      }
      goOn();
    } else {
      visit.load().then(goOn, fail);
    }
  };
}

/** The store as it is now: with methods of somebody else's in place of ours, it is somebody else's store. */
class Backends {
  readonly #settings: Settings;
  #own: Backend | undefined;
  #adapted: Backend | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  now(): Backend {
    const { store, clock } = this.#settings;
    const own = recordStoreIn(store);
    if (own !== null) return (this.#own ??= this.#backend(own, false));
    return (this.#adapted ??= this.#backend(this.#adapt(store, clock), true));
  }

  #adapt(store: Settings['store'], clock: Clock): AdaptedStore {
    const adapted = adaptedStoreOf(store, clock);
    // Several middlewares on one store share it: one of them tells.
    if (adapted.listenerCount('error') > 0) return adapted;
    // Without a listener of the application's an EventEmitter would end the process.
    const { listenerCount } = store as Partial<EventEmitter>;
    adapted.on('error', () => {
      if ((listenerCount?.call(store, 'error') ?? 1) > 1) return;
      warn(
        'SessionWarning',
        'WARN_SESSION_FAULT',
        `${adapted.kind} failed in the background. Listen to its "error" event to see each time and why.`,
      );
    });
    return adapted;
  }

  #backend(store: RecordStore, isForeign: boolean): Backend {
    const { clock, breaker: limits } = this.#settings;
    const breaker = limits === false ? undefined : new Breaker(clock, limits);
    const lanes = new Lanes({ ...this.#settings, store, breaker, limits: NO_LIMITS }, NOTHING_HAPPENED);
    return { store, lanes, breaker, touches: new Touches(clock), isForeign };
  }
}

/** The cookie under the secret that cookie-parser was given: it tells it with each request. */
class ParsedWire {
  readonly #settings: Settings;
  #secret = '';
  #wire: Wire | null = null;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  of(req: IncomingMessage): Wire | null {
    const { secret } = req as { secret?: unknown };
    if (typeof secret !== 'string' || secret === '') return null;
    if (this.#wire !== null && this.#secret === secret) return this.#wire;
    const { name, proxy } = this.#settings;
    this.#secret = secret;
    return (this.#wire = new Wire(name, [secret], proxy));
  }
}

/** Puts a fresh session on a request that is another middleware's: of the real express-session, on the same store. */
function generate({ newId, cookie, proxy }: Settings, req: VisitRequest): void {
  req.sessionID = newId(req);
  const fresh = new Session(req as SessionRequest);
  fresh.cookie = freshCookie(cookie(req), isSecure(req, proxy));
  req.session = fresh;
}

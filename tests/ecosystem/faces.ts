// The ways to have a session: under our manager, under our drop-in, and, to see what the tests are worth, under
// express-session itself. Each as its documentation says.
import type { RequestHandler, Request } from 'express';

import session from '../../src/express-session/index.js';
import { SessionManager } from '../../src/index.js';
import type { ExpressStore } from '../../src/stores/express-store.js';
import { SECRET } from '../support/secret.js';
import { expressSession, type SessionModule } from './packages.js';

export const HOUR_MS = 3_600_000;

/** Sessions in an app, over one store. */
export interface Sessions {
  readonly middleware: RequestHandler;
  /** A new id; what the session held before goes. */
  login(req: Request, user: string): Promise<void>;
  logout(req: Request): Promise<void>;
  read(req: Request): Promise<Record<string, unknown>>;
  write(req: Request, key: string, value: unknown): Promise<void>;
  close(): Promise<void>;
  /** Under our manager only. */
  readonly manager?: SessionManager<Record<string, unknown>>;
}

export interface FaceOptions {
  /** `null`: the cookie ends with the browser. */
  maxAge?: number | null;
}

export interface Face {
  readonly title: string;
  /** What a store package is handed. */
  readonly module: () => SessionModule;
  readonly start: (store: ExpressStore, options?: FaceOptions) => Sessions;
}

export const MANAGER: Face = {
  title: 'under SessionManager',
  module: expressSession,
  start: (store) => {
    const sessions = new SessionManager<Record<string, unknown>>({
      secret: SECRET,
      store,
      maxAge: HOUR_MS,
      // As the drop-in and express-session do: each use moves the expiry.
      touchAfter: 0,
      logger: { warn: () => undefined, error: () => undefined },
    });
    return {
      manager: sessions,
      middleware: sessions.middleware(),
      async login(req, user) {
        await sessions.regenerate(req);
        await sessions.set(req, 'user', user);
      },
      async logout(req) {
        await sessions.destroy(req);
      },
      read: (req) => sessions.all(req),
      write: (req, key, value) => sessions.set(req, key, value),
      close: () => sessions.close(),
    };
  },
};

export const DROP_IN: Face = {
  title: 'under the drop-in',
  module: () => session as unknown as SessionModule,
  start: (store, options) => expressSessions(session as unknown as SessionModule, store, options),
};

export const EXPRESS_SESSION: Face = {
  title: 'under express-session',
  module: expressSession,
  start: (store, options) => expressSessions(expressSession(), store, options),
};

interface LiveSession extends Record<string, unknown> {
  regenerate(callback: (error?: unknown) => void): void;
  destroy(callback: (error?: unknown) => void): void;
}

/** The same code for express-session and for what stands in for it. */
function expressSessions(
  module: SessionModule,
  store: ExpressStore,
  { maxAge = HOUR_MS }: FaceOptions = {},
): Sessions {
  const cookie = maxAge === null ? {} : { maxAge };
  const sessionOf = (req: Request): LiveSession => req.session as unknown as LiveSession;
  const done = (call: (callback: (error?: unknown) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      call((error) => {
        const isFault = Boolean(error);
        if (isFault) reject(error);
        else resolve();
      });
    });
  return {
    middleware: module({ secret: SECRET, resave: false, saveUninitialized: false, store, cookie }),
    async login(req, user) {
      await done((callback) => sessionOf(req).regenerate(callback));
      sessionOf(req)['user'] = user;
    },
    logout: (req) => done((callback) => sessionOf(req).destroy(callback)),
    async read(req) {
      const { cookie: _, ...data } = sessionOf(req);
      return data;
    },
    async write(req, key, value) {
      sessionOf(req)[key] = value;
    },
    close: async () => undefined,
  };
}

// Sessions for the packages that use them: our manager and our drop-in, on the store they have of themselves and on a
// package's, which answers with a callback.
import type { RequestHandler } from 'express';

import session from '../../src/express-session/index.js';
import { SessionManager } from '../../src/index.js';
import type { ExpressStore } from '../../src/stores/express-store.js';
import { SECRET } from '../support/secret.js';
import { DROP_IN, MANAGER, type Face } from './faces.js';
import { load, type StoreFactory } from './packages.js';

export interface Mounted {
  readonly middleware: RequestHandler;
  /** Null under the drop-in. */
  readonly sessions: SessionManager | null;
  close(): Promise<void>;
}

/** What applications and packages know of `req.session`. */
export interface LiveSession extends Record<string, unknown> {
  readonly id: string;
  save(callback?: (error?: unknown) => void): Promise<void>;
  reload(callback?: (error?: unknown) => void): Promise<void>;
  destroy(callback?: (error?: unknown) => void): Promise<unknown>;
}

export const sessionOf = (req: object): LiveSession => (req as { session: LiveSession }).session;

/** Runs tests under manager and drop-in, on both kinds of store. */
export function mountedCells(name: string, tests: (mount: () => Mounted, face: Face) => void): void {
  describe.each([MANAGER, DROP_IN])(`${name} $title`, (face) => {
    describe.each(['its own memory store', 'memorystore'])('on %s', (where) => {
      tests(() => mounted(face, where === 'memorystore'), face);
    });
  });
}

function mounted(face: Face, onPackage: boolean): Mounted {
  const store = onPackage ? packageStore(face) : null;
  const own = store === null ? {} : { store };
  if (face === DROP_IN)
    return {
      middleware: session({ secret: SECRET, resave: false, saveUninitialized: false, ...own } as never),
      sessions: null,
      close: async () => store?.stopInterval(),
    };
  const logger = { warn: () => undefined, error: () => undefined };
  // A store that is asked with a promise: `req.session` is read before the handlers.
  const eager = store === null ? {} : { load: 'eager' as const };
  const sessions = new SessionManager({ secret: SECRET, logger, ...own, ...eager });
  return {
    middleware: sessions.middleware(),
    sessions,
    async close() {
      await sessions.close();
      store?.stopInterval();
    },
  };
}

interface PackageStore extends ExpressStore {
  stopInterval(): void;
}

function packageStore(face: Face): PackageStore {
  const factory = load('memorystore') as StoreFactory<{ checkPeriod: number }, PackageStore>;
  return new (factory(face.module()))({ checkPeriod: 86_400_000 });
}

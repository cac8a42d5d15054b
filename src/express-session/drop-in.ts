// The function with what express-session has on it, typed as express-session is. The two entries give it its names.
import { Cookie, Session } from '../stores/session.js';
import { session as createSession } from './session.js';
import { MemoryStore, Store } from './stores.js';
import type * as types from './types.js';

/** The middleware, with what express-session has on it. */
export interface SessionMiddleware {
  (options?: types.SessionOptions): types.Handler;
  readonly Cookie: types.CookieClass;
  readonly MemoryStore: types.MemoryStoreClass;
  readonly Session: types.SessionClass;
  readonly Store: types.StoreClass;
}

export const session: SessionMiddleware = Object.assign(
  (options?: types.SessionOptions) => createSession(options as Parameters<typeof createSession>[0]),
  {
    Cookie: Cookie as unknown as types.CookieClass,
    MemoryStore: MemoryStore as unknown as types.MemoryStoreClass,
    Session: Session as unknown as types.SessionClass,
    Store: Store as unknown as types.StoreClass,
  },
);

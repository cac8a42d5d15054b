// `session-store-js/express-session`: `import session from`, in place of express-session. For `require` see index.cts.
import { session as dropIn, type SessionMiddleware } from './drop-in.js';
import type * as types from './types.js';

/** What sessions hold. Add to it: `declare module 'session-store-js/express-session' { interface SessionData { ... } }`. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- what an augmentation merges with
export interface SessionData extends types.BaseData {}
type Data = SessionData;

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- where Express's types are augmented
  namespace Express {
    interface Request {
      session: types.RequestSession<SessionData>;
      sessionID: string;
      sessionStore: types.RequestStore;
    }
  }
}

// eslint-disable-next-line @typescript-eslint/no-namespace -- types only (erased): it merges with the constant below
namespace session {
  export type Cookie = types.Cookie;
  export type CookieOptions = types.CookieOptions;
  export type MemoryStore = types.MemoryStore;
  export type Session = types.Session;
  export type SessionData = Data;
  export type SessionOptions = types.SessionOptions;
  export type Store = types.Store;
}

const session: SessionMiddleware = dropIn;

export default session;
export { session };
export type { SessionMiddleware };
export type Cookie = types.Cookie;
export type CookieOptions = types.CookieOptions;
export type MemoryStore = types.MemoryStore;
export type Session = types.Session;
export type SessionOptions = types.SessionOptions;
export type Store = types.Store;
// Each with its type: the compiler would write out that of express-session, which may be missing.
export const Cookie: SessionMiddleware['Cookie'] = dropIn.Cookie;
export const MemoryStore: SessionMiddleware['MemoryStore'] = dropIn.MemoryStore;
export const Session: SessionMiddleware['Session'] = dropIn.Session;
export const Store: SessionMiddleware['Store'] = dropIn.Store;

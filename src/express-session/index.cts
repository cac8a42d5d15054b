// CommonJS entry: `require('session-store-js/express-session')` is the function itself, as with express-session.
import api = require('./drop-in.js');
import type * as types from './types.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- where Express's types are augmented
  namespace Express {
    interface Request {
      session: types.RequestSession<session.SessionData>;
      sessionID: string;
      sessionStore: types.RequestStore;
    }
  }
}

// eslint-disable-next-line @typescript-eslint/no-namespace -- types only (erased): it merges with the constant below
namespace session {
  // An interface of its own, not an alias: `declare module 'session-store-js/express-session'` can add to it.
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- what an augmentation merges with
  export interface SessionData extends types.BaseData {}
  export type Cookie = types.Cookie;
  export type CookieOptions = types.CookieOptions;
  export type MemoryStore = types.MemoryStore;
  export type Session = types.Session;
  export type SessionMiddleware = api.SessionMiddleware;
  export type SessionOptions = types.SessionOptions;
  export type Store = types.Store;
}

const session: api.SessionMiddleware = api.session;

export = session;

// CommonJS entry: `require('session-store-js')` is the SessionManager class itself, with every named export on it.
import api = require('./index.js');

type SessionManager<AppSession extends object = api.SessionData> = api.SessionManager<AppSession>;

// Types only (erased), so that it may merge with the constant below.
// eslint-disable-next-line @typescript-eslint/no-namespace
namespace SessionManager {
  export type SessionData = api.SessionData;
  export type BrokenRecord = api.BrokenRecord;
  export type Callback<T = void> = api.Callback<T>;
  export type CallOptions = api.CallOptions;
  export type Capability = api.Capability;
  export type Clock = api.Clock;
  export type Closed = api.Closed;
  export type CookieData = api.CookieData;
  export type CookieOptions = api.CookieOptions;
  export type DataLimits = api.DataLimits;
  export type FindOptions = api.FindOptions;
  export type Logger = api.Logger;
  export type MemoryStore = api.MemoryStore;
  export type MemoryStoreOptions = api.MemoryStoreOptions;
  export type Middleware = api.Middleware;
  export type OptionalPrimitives = api.OptionalPrimitives;
  export type Page = api.Page;
  export type PageOptions = api.PageOptions;
  export type RecordStore = api.RecordStore;
  export type RecordStoreOptions = api.RecordStoreOptions;
  export type RegenerateOptions = api.RegenerateOptions;
  export type RequiredPrimitives = api.RequiredPrimitives;
  export type ScanOptions = api.ScanOptions;
  export type SessionCookieView = api.SessionCookieView;
  export type SessionError = api.SessionError;
  export type SessionErrorCode = api.SessionErrorCode;
  export type SessionEvents = api.SessionEvents;
  export type SessionHandle = api.SessionHandle;
  export type SessionId = api.SessionId;
  export type SessionKey = api.SessionKey;
  export type SessionManagerOptions<AppSession extends object = SessionData> =
    api.SessionManagerOptions<AppSession>;
  export type SessionMethods = api.SessionMethods;
  export type SessionPage<AppSession extends object = SessionData> = api.SessionPage<AppSession>;
  export type SessionRecord = api.SessionRecord;
  export type SessionSummary<AppSession extends object = SessionData> = api.SessionSummary<AppSession>;
  export type Store = api.Store;
  export type StoreContract = api.StoreContract;
  export type StoredSession = api.StoredSession;
}

const SessionManager = Object.assign(api.SessionManager, api);

export = SessionManager;

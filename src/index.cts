// CommonJS entry: `require('session-store-js')` is the SessionManager class itself, with every named export on it.
import api = require('./index.js');

type SessionManager<AppSession extends object = SessionManager.SessionData> = api.SessionManager<AppSession>;

/** The class as `require` gives it. Its default session is the `SessionData` below, where augmentations go. */
interface SessionManagerClass {
  readonly prototype: api.SessionManager;
  new <AppSession extends object = SessionManager.SessionData>(
    options: api.SessionManagerOptions<AppSession>,
  ): api.SessionManager<AppSession>;
}

/** The named exports. Spelled out: tsc 6.0 crashes on a named import of a property of `typeof api` under Omit. */
interface Exports {
  readonly SessionManager: SessionManagerClass;
  readonly FileStore: typeof api.FileStore;
  readonly MemoryStore: typeof api.MemoryStore;
  readonly RecordStore: typeof api.RecordStore;
  readonly SessionError: typeof api.SessionError;
  readonly Store: typeof api.Store;
  readonly closedRecord: typeof api.closedRecord;
  readonly fromExpressStore: typeof api.fromExpressStore;
  readonly hasCode: typeof api.hasCode;
  readonly isBroken: typeof api.isBroken;
  readonly newVersion: typeof api.newVersion;
  readonly systemClock: typeof api.systemClock;
}

// Types only (erased), so that it may merge with the constant below.
// eslint-disable-next-line @typescript-eslint/no-namespace
namespace SessionManager {
  // An interface of its own, not an alias: `declare module 'session-store-js'` can add to it.
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- what an augmentation merges with
  export interface SessionData extends api.SessionData {}
  export type BrokenRecord = api.BrokenRecord;
  export type Callback<T = void> = api.Callback<T>;
  export type CallOptions = api.CallOptions;
  export type Capability = api.Capability;
  export type Clock = api.Clock;
  export type Closed = api.Closed;
  export type CookieData = api.CookieData;
  export type CookieOptions = api.CookieOptions;
  export type CreationLimit = api.CreationLimit;
  export type DataLimits = api.DataLimits;
  export type Duration = api.Duration;
  export type EndReason = api.EndReason;
  export type ExpressStore = api.ExpressStore;
  export type FileStore = api.FileStore;
  export type FileStoreOptions = api.FileStoreOptions;
  export type FileStoreReport = api.FileStoreReport;
  export type FileSystem = api.FileSystem;
  export type FindOptions = api.FindOptions;
  export type HeaderOption = api.HeaderOption;
  export type Logger = api.Logger;
  export type LoginOptions = api.LoginOptions;
  export type MemoryStore = api.MemoryStore;
  export type MemoryStoreOptions = api.MemoryStoreOptions;
  export type Middleware = api.Middleware;
  export type OpenOptions = api.OpenOptions;
  export type OpenSession = api.OpenSession;
  export type OptionalPrimitives = api.OptionalPrimitives;
  export type Page = api.Page;
  export type PageOptions = api.PageOptions;
  export type RecordStore = api.RecordStore;
  export type RecordStoreOptions = api.RecordStoreOptions;
  export type RegenerateOptions = api.RegenerateOptions;
  export type RequiredPrimitives = api.RequiredPrimitives;
  export type ScanOptions = api.ScanOptions;
  export type Secret = api.Secret;
  export type SessionCookieView = api.SessionCookieView;
  export type SessionError = api.SessionError;
  export type SessionErrorCode = api.SessionErrorCode;
  export type SessionEvents = api.SessionEvents;
  export type SessionHandle = api.SessionHandle;
  export type SessionId = api.SessionId;
  export type SessionKey = api.SessionKey;
  export type SessionManager<AppSession extends object = SessionData> = api.SessionManager<AppSession>;
  export type SessionManagerOptions<AppSession extends object = SessionData> =
    api.SessionManagerOptions<AppSession>;
  export type SessionMeta = api.SessionMeta;
  export type SessionMethods = api.SessionMethods;
  export type SessionPage<AppSession extends object = SessionData> = api.SessionPage<AppSession>;
  export type SessionRecord = api.SessionRecord;
  export type SessionSummary<AppSession extends object = SessionData> = api.SessionSummary<AppSession>;
  export type SigningKey = api.SigningKey;
  export type StandardSchema = api.StandardSchema;
  export type Store = api.Store;
  export type StoreContract = api.StoreContract;
  export type StoredSession = api.StoredSession;
  export type TransportOption = api.TransportOption;
  export type UserSession = api.UserSession;
  export type UserSessions = api.UserSessions;
}

const SessionManager: SessionManagerClass & Exports = Object.assign(api.SessionManager, api);

export = SessionManager;

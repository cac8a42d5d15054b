// The public face. `import SessionManager, { MemoryStore } from 'session-store-js'`; for `require` see index.cts.
export { SessionManager, SessionManager as default } from './session-manager.js';
export type { SessionPage, SessionSummary } from './session-manager.js';
export * from './session-data.js';
export type { CookieOptions } from './http/cookie-options.js';
export type { Logger, Secret, SessionManagerOptions } from './http/options.js';
export type { CreationLimit } from './http/creation-limit.js';
export type { LoginOptions } from './http/login.js';
export type { HeaderOption, TransportOption } from './http/transport.js';
export type { UserSession, UserSessionsOf as UserSessions } from './http/user-sessions.js';
export type { EndReason } from './http/ends.js';
export type { SessionEvents } from './http/engine.js';
export type { Middleware } from './http/middleware.js';
export type { OpenOptions, OpenSession } from './http/open-session.js';
export type { RegenerateOptions } from './http/request-session.js';
export type { SessionCookieView, SessionMethods } from './http/session-object.js';
export { MemoryStore, type MemoryStoreOptions } from './stores/memory-store.js';
export {
  FileStore,
  type FileStoreOptions,
  type FileStoreReport,
  type FileSystem,
} from './stores/file-store.js';
export { fromExpressStore } from './stores/adapted-store.js';
export type { ExpressStore } from './stores/express-store.js';
export { RecordStore, Store, type RecordStoreOptions, type ScanOptions } from './stores/store.js';
export type { CookieData, StoredSession } from './stores/session.js';
export { closedRecord, newVersion } from './core/record.js';
export { isBroken } from './core/contract.js';
export type {
  BrokenRecord,
  CallOptions,
  Capability,
  Closed,
  FindOptions,
  OptionalPrimitives,
  Page,
  PageOptions,
  RequiredPrimitives,
  SessionHandle,
  SessionId,
  SessionKey,
  SessionMeta,
  SessionRecord,
  StoreContract,
} from './core/contract.js';
export { systemClock, type Clock } from './core/clock.js';
export { SessionError, hasCode, type SessionErrorCode } from './core/errors.js';
export type { Duration } from './core/duration.js';
export type { DataLimits } from './core/json.js';
export type { StandardSchema } from './core/schema.js';
export type { SigningKey } from './core/signing.js';
export type { Callback } from './core/callback.js';

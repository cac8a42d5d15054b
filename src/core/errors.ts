// The one error class of the package. Messages name sessions by handle at most: never an id, a cookie or a value.

/** Every code this package throws or rejects with. */
export type SessionErrorCode =
  | 'ERR_SESSION_OPTIONS'
  | 'ERR_SESSION_NO_MIDDLEWARE'
  | 'ERR_SESSION_NOT_LOADED'
  | 'ERR_SESSION_KEY'
  | 'ERR_SESSION_VALUE'
  | 'ERR_SESSION_TOO_LARGE'
  | 'ERR_SESSION_TOO_DEEP'
  | 'ERR_SESSION_TOO_MANY_KEYS'
  | 'ERR_SESSION_UPDATE_ASYNC'
  | 'ERR_SESSION_ENDED'
  | 'ERR_SESSION_CONFLICT'
  | 'ERR_SESSION_HEADERS_SENT'
  | 'ERR_SESSION_NO_RESPONSE'
  | 'ERR_SESSION_ASSIGN'
  | 'ERR_SESSION_COOKIE'
  | 'ERR_SESSION_ID'
  | 'ERR_SESSION_CURSOR'
  | 'ERR_SESSION_CORRUPT'
  | 'ERR_SESSION_STORE'
  | 'ERR_SESSION_DIRECTORY'
  | 'ERR_SESSION_STORE_TIMEOUT'
  | 'ERR_SESSION_STORE_DOWN'
  | 'ERR_SESSION_STORE_CONTRACT'
  | 'ERR_SESSION_UNSUPPORTED'
  | 'ERR_SESSION_ORIGIN'
  | 'ERR_SESSION_CLOSED'
  | 'ERR_SESSION_SCHEMA'
  | 'ERR_SESSION_USER'
  | 'ERR_SESSION_NOT_FRESH'
  | 'ERR_SESSION_TOO_MANY_SESSIONS'
  | 'ERR_SESSION_FLOOD';

/** Faults of the store or of the moment: a client may try again, so they answer 503 instead of 500. */
const TEMPORARY: ReadonlySet<SessionErrorCode> = new Set<SessionErrorCode>([
  'ERR_SESSION_CONFLICT',
  'ERR_SESSION_STORE',
  'ERR_SESSION_DIRECTORY',
  'ERR_SESSION_STORE_TIMEOUT',
  'ERR_SESSION_STORE_DOWN',
  'ERR_SESSION_CLOSED',
]);

/** What the client did, or has to do. */
const STATUS: Partial<Readonly<Record<SessionErrorCode, number>>> = {
  ERR_SESSION_NOT_FRESH: 401,
  ERR_SESSION_ORIGIN: 403,
  ERR_SESSION_TOO_MANY_SESSIONS: 403,
  ERR_SESSION_FLOOD: 429,
};

const statusOf = (code: SessionErrorCode): number => STATUS[code] ?? (TEMPORARY.has(code) ? 503 : 500);

/**
 * What went wrong, with a stable `code` to branch on and, for Express, the HTTP `status` to answer with
 * (503 where trying again may help, 401, 403 or 429 for what is the client's to mend, else 500). The store's own error is the `cause`.
 */
export class SessionError extends Error {
  override readonly name = 'SessionError';
  readonly code: SessionErrorCode;
  readonly status: number;
  readonly statusCode: number;

  constructor(code: SessionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = statusOf(code);
    this.statusCode = this.status;
  }
}

/** Whether a thrown thing is a `SessionError` with this code; works across the two builds of the package. */
export function hasCode(error: unknown, code: SessionErrorCode): error is SessionError {
  return error instanceof Error && (error as Partial<SessionError>).code === code;
}

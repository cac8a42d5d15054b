// The default type of a session's data.

/**
 * What a session holds where `SessionManager` is given no type of its own. Augment it:
 * `declare module 'session-store-js' { interface SessionData { userId: string } }`.
 */
export interface SessionData {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the documented default: any key, any value
  [key: string]: any;
}

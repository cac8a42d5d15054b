// How one session lies in Redis.
import type { Clock } from '../../core/clock.js';
import type { SessionKey, SessionRecord } from '../../core/contract.js';
import type { StoredSession } from '../session.js';
import type { Connection } from './client.js';
import type { End, Stored } from './record-text.js';

/** How session data becomes text. */
export interface Serializer {
  parse(text: string): StoredSession | Promise<StoredSession>;
  stringify(session: StoredSession): string;
}

/** The calls on one session, each of them one atomic step. Ends are kept, not enforced: who reads looks at the clock. */
export interface Format {
  /** @throws {SessionError} ERR_SESSION_CORRUPT */
  read(key: SessionKey): Promise<Stored | null>;
  /** @param expectedVersion The one that must be there; `null`: nothing may be there. */
  put(record: SessionRecord, end: End, expectedVersion: string | null): Promise<boolean>;
  /** As the contract's, with the end that is wanted. */
  extend(key: SessionKey, end: End): Promise<boolean>;
  remove(key: SessionKey): Promise<boolean>;
  /** The names of what it keeps for a session, on one master. */
  namesOf(key: SessionKey): readonly [string, ...string[]];
}

export interface FormatOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  /** The name of a session's key in Redis. */
  readonly nameOf: (key: SessionKey) => string;
  readonly serializer: Serializer | undefined;
  /** How long a session lives that brings no expiry of its own, ms. */
  readonly lifeOf: (session: StoredSession) => number;
  /** Whether Redis is told the ends of living sessions. */
  readonly expires: boolean;
}

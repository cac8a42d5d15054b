// Reading a request's session: which of its cookies names one that lives.
import type { IncomingMessage } from 'node:http';

import { asStoreError, checkedRecord } from '../commit/store-calls.js';
import type { Clock } from '../core/clock.js';
import type { SessionId, SessionKey, SessionRecord } from '../core/contract.js';
import { SessionError } from '../core/errors.js';
import type { Verified } from '../core/signing.js';
import { isLiving } from '../core/record.js';
import type { RecordStore } from '../stores/store.js';
import type { Engine } from './engine.js';
import { SessionTarget } from './session-target.js';

/** What a request's cookies came to. */
export interface Reading {
  /** The ids that the request brought under good signatures. */
  readonly brought: readonly SessionId[];
  /** The living session; or one that has just ended, if no cookie names a living one; or null. */
  readonly session: SessionTarget | null;
  /** Its cookie is under an old secret. */
  readonly isStale: boolean;
}

/** Asks the store with a promise. A fault rejects: it is never taken for "no session" (P5). */
export async function readSession(engine: Engine, req: IncomingMessage): Promise<Reading> {
  const cookies = engine.cookie.read(req);
  const choice = new Choice(engine.store, cookies);
  const calls = engine.calls();
  for (const verified of cookies)
    if (choice.offer(verified, await calls.find(engine.store.keyOf(verified.id)))) break;
  return choice.made;
}

/** Asks a store that answers at once. @throws {SessionError} ERR_SESSION_NOT_LOADED for one that does not */
export function readSessionNow(engine: Engine, req: IncomingMessage): Reading {
  const cookies = engine.cookie.read(req);
  const choice = new Choice(engine.store, cookies);
  const { store, config } = engine;
  for (const verified of cookies)
    if (choice.offer(verified, findNow(store, config.clock, store.keyOf(verified.id)))) break;
  return choice.made;
}

/** A record, or `null`, at once. @throws {SessionError} ERR_SESSION_NOT_LOADED where the store needs a promise to be asked */
export function findNow(store: RecordStore, clock: Clock, key: SessionKey): SessionRecord | null {
  if (!store.capabilities.has('findSync')) {
    throw new SessionError(
      'ERR_SESSION_NOT_LOADED',
      'req.session was used before the session of this request was read, and this store is read with a promise: ' +
        '`await sessions.load(req)` first, or set load: "eager". Requests without a cookie work without it.',
    );
  }
  try {
    return checkedRecord(store.capable('findSync').findSync(key), clock.now());
  } catch (error) {
    throw asStoreError('findSync', error);
  }
}

/** Several cookies may have our name: the first that names a living session counts, wherever it stands. */
class Choice {
  made: Reading;
  readonly #store: RecordStore;

  constructor(store: RecordStore, cookies: readonly Verified[]) {
    this.#store = store;
    this.made = { brought: cookies.map(({ id }) => id), session: null, isStale: false };
  }

  /** True if there is no need to go on. */
  offer({ id, stale }: Verified, record: SessionRecord | null): boolean {
    if (record === null) return false;
    this.made = { ...this.made, session: new SessionTarget(this.#store, id, record), isStale: stale };
    return isLiving(record);
  }
}

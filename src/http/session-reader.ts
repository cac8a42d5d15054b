// Reading a request's session: which of its cookies names one that lives.
import type { IncomingMessage } from 'node:http';

import { MAX_HOPS } from '../commit/endings.js';
import { asStoreError, checkedRecord } from '../commit/store-calls.js';
import type { Clock } from '../core/clock.js';
import type { Closed, SessionId, SessionKey, SessionRecord } from '../core/contract.js';
import { SessionError } from '../core/errors.js';
import { isLiving } from '../core/record.js';
import type { RecordStore } from '../stores/store.js';
import type { Engine } from './engine.js';
import { SessionTarget } from './session-target.js';
import type { Transport } from './transport.js';

/** What a request's cookies came to. */
export interface Reading {
  /** The ids that the request brought under good signatures. */
  readonly brought: readonly SessionId[];
  /** Those of them that may lead to a living session besides: behind its own, or the old id of one that was renewed. */
  readonly others: readonly SessionId[];
  /** The living session; or one that has just ended, if no cookie names a living one; or null. */
  readonly session: SessionTarget | null;
  /** Its cookie is under an old secret. */
  readonly isStale: boolean;
  /** How the living session came. */
  readonly via?: Transport;
}

/** Asks the store with a promise. A fault rejects: it is never taken for "no session" (P5). */
export async function readSession(engine: Engine, req: IncomingMessage): Promise<Reading> {
  const calls = engine.calls();
  const steps = read(engine, req);
  let step = steps.next();
  while (step.done !== true) step = steps.next(await calls.find(step.value));
  return step.value;
}

/** Asks a store that answers at once. @throws {SessionError} ERR_SESSION_NOT_LOADED for one that does not */
export function readSessionNow(engine: Engine, req: IncomingMessage): Reading {
  const { store, config } = engine;
  const steps = read(engine, req);
  let step = steps.next();
  while (step.done !== true) step = steps.next(findNow(store, config.clock, step.value));
  return step.value;
}

type Steps<T> = Generator<SessionKey, T, SessionRecord | null>;

/** Which keys to look up, one after the other, and what comes of it. */
function* read(engine: Engine, req: IncomingMessage): Steps<Reading> {
  const { store, config } = engine;
  const { verified, refused } = engine.transports.read(req);
  const brought = verified.map(({ id }) => id);
  const renewed: SessionId[] = [];
  let ended: SessionTarget | null = null;
  let reused: SessionKey | undefined;
  for (const { id, stale, via } of verified) {
    const key = store.keyOf(id);
    const found = yield key;
    if (found === null) continue;
    const record = isLiving(found) ? found : yield* followed(found, config.clock.now());
    if (isLiving(record)) {
      const others = [...renewed, ...brought.slice(brought.indexOf(id) + 1)].filter((other) => other !== id);
      return { brought, others, session: new SessionTarget(store, id, key, record), isStale: stale, via };
    }
    ended = new SessionTarget(store, id, key, found);
    if (found.closed?.followUntil !== undefined) renewed.push(id);
    if (found.closed?.movedTo !== undefined) reused = found.key;
  }
  if (reused !== undefined) engine.suspect(req, 'reused-old-id', reused);
  if (ended === null && brought[0] !== undefined) engine.suspect(req, 'unknown-id', store.keyOf(brought[0]));
  if (brought.length === 0 && refused > 0) engine.suspect(req, 'bad-signature');
  return { brought, others: renewed, session: ended, isStale: false };
}

/**
 * The session that a scheduled renewal put in the place of a closed one, as long as no request has brought its id: then
 * the client has it, and whoever still comes with the old one is somebody else.
 */
function* followed(found: SessionRecord, now: number): Steps<SessionRecord | null> {
  let record: SessionRecord | null = found;
  for (let hop = 0; hop < MAX_HOPS; hop++) {
    const closed: Closed | undefined = record?.closed;
    // A: renewed to B, which was seen · B: renewed to C, which was not: A leads nowhere, and B to C.
    if (hop > 0 && closed?.wasSeen === true) return null;
    if (closed?.movedTo === undefined || (closed.followUntil ?? 0) <= now) break;
    record = yield closed.movedTo;
    if (isLiving(record)) return record.meta?.from === undefined ? null : record;
  }
  return record;
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

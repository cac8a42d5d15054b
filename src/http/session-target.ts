// The session that a request writes to, as the lanes of the commit know it.
import type { IncomingMessage } from 'node:http';

import type { Target } from '../commit/write.js';
import type { SessionId, SessionKey, SessionMeta, SessionRecord } from '../core/contract.js';
import { SessionError } from '../core/errors.js';
import { expiryAt } from '../core/expiry.js';
import { checkedId, randomId } from '../core/ids.js';
import { newVersion } from '../core/record.js';
import type { RecordStore } from '../stores/store.js';
import type { Engine } from './engine.js';

/** Ids that are tried for one new session: two collisions of 256 random bits mean a broken `generateId`. */
const MAX_IDS = 3;

/** How a session that is not stored yet begins. */
export interface Beginning {
  newId(): SessionId;
  record(key: SessionKey): SessionRecord;
}

export class SessionTarget implements Target {
  id: SessionId;
  key: SessionKey;
  record: SessionRecord | null;
  readonly #store: RecordStore;
  readonly #beginning: Beginning | undefined;
  #ownKey: SessionKey;
  #ids = 1;

  /** @param ownKey Of the id. */
  constructor(
    store: RecordStore,
    id: SessionId,
    ownKey: SessionKey,
    record: SessionRecord | null,
    beginning?: Beginning,
  ) {
    this.#store = store;
    this.#beginning = beginning;
    this.#ownKey = ownKey;
    this.id = id;
    this.key = record?.key ?? this.#ownKey;
    this.record = record;
  }

  /** The session was renewed since the client got this id: no cookie may tell it again. */
  get isFollowed(): boolean {
    return this.key !== this.#ownKey;
  }

  /** Begun by the request that has it. */
  get isNew(): boolean {
    return this.#beginning !== undefined;
  }

  first(): SessionRecord {
    return this.#begin().record(this.key);
  }

  renew(): void {
    if (++this.#ids > MAX_IDS)
      throw new SessionError(
        'ERR_SESSION_ID',
        'The generator of ids keeps returning ids that are in use; it must return unique ones.',
      );
    this.id = this.#begin().newId();
    this.key = this.#ownKey = this.#store.keyOf(this.id);
  }

  #begin(): Beginning {
    if (this.#beginning === undefined)
      throw new SessionError(
        'ERR_SESSION_ENDED',
        'The session has ended; it is not begun again under its id.',
      );
    return this.#beginning;
  }
}

/** What a session begins with, where that is not for the options to say. */
export interface Begun {
  readonly owner?: string;
  readonly idleMs?: number;
  /** The absolute end, epoch ms: of the session that this one follows, because regenerating does not move it. */
  readonly deadlineAt?: number | null | undefined;
  readonly meta?: SessionMeta;
  readonly data?: string;
}

/**
 * A session that is stored with its first commit.
 * @throws {SessionError} ERR_SESSION_ID if `generateId` returned no id
 */
export function beginSession(engine: Engine, req: IncomingMessage, begun: Begun = {}): SessionTarget {
  const { store, config } = engine;
  const { generateId, absoluteTimeout, maxAge, clock, schema } = config;
  const { idleMs = maxAge, deadlineAt: deadline, data = '{}', owner, meta } = begun;
  const newId = (): SessionId => (generateId === undefined ? randomId() : checkedId(generateId(req)));
  const record = (key: SessionKey): SessionRecord => {
    const createdAt = clock.now();
    const own = absoluteTimeout === null ? null : createdAt + absoluteTimeout;
    const deadlineAt = deadline === undefined ? own : deadline;
    const expiresAt = expiryAt(createdAt, idleMs, deadlineAt);
    const facts = schema === undefined ? meta : { ...meta, schema: schema.version };
    return {
      ...{ v: 1, key, data, version: newVersion(), createdAt, deadlineAt, idleMs, expiresAt },
      ...(owner === undefined ? null : { owner }),
      ...(facts === undefined ? null : { meta: facts }),
    };
  };
  const id = newId();
  return new SessionTarget(store, id, store.keyOf(id), null, { newId, record });
}

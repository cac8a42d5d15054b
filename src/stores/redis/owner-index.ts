// Which sessions are a user's: for each user a sorted set of keys, scored by when they came into it. On a cluster it lies
// on another master than the sessions. So a session is in it before it is stored: the set may name one that is not there,
// and never misses one that is.
import { hash } from 'node:crypto';

import type { Clock } from '../../core/clock.js';
import type { SessionKey } from '../../core/contract.js';
import type { Connection } from './client.js';
import { pairsOf } from './replies.js';
import { run, script } from './script.js';

/** A session that is named and not there after so long has ended: its insert cannot be under way any more, ms. */
const SETTLED_MS = 600_000;

/** How many of a user's other sessions are named with each that is added. */
const SAMPLE = 4;
/** now, the session, how long it can live at most, ms ('' for ever). Returns some of the others, to be looked at. */
const ADD = script(`
local key, life = KEYS[1], tonumber(ARGV[3])
local isNew = redis.call('EXISTS', key) == 0
redis.call('ZADD', key, ARGV[1], ARGV[2])
local left = redis.call('PTTL', key)
if not life then redis.call('PERSIST', key)
elseif isNew or (left >= 0 and left < life) then redis.call('PEXPIRE', key, ARGV[3]) end
return redis.call('ZRANDMEMBER', key, ${String(SAMPLE)}, 'WITHSCORES')`);

export class OwnerIndex {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #prefix: string;

  /** @param prefix Of the keys of its sets. */
  constructor(connection: Connection, clock: Clock, prefix: string) {
    this.#connection = connection;
    this.#clock = clock;
    this.#prefix = prefix;
  }

  keyOf(owner: string): string {
    return `${this.#prefix}${ownerName(owner)}`;
  }

  /**
   * Names a session as the user's, before it is stored.
   * @param lifeMs How long it can live at most; `null`: for ever.
   * @returns Some others that came long ago: whoever logs in again and again has old ones looked at.
   */
  async add(owner: string, key: SessionKey, lifeMs: number | null): Promise<SessionKey[]> {
    const now = Math.floor(this.#clock.now());
    const life = lifeMs === null ? '' : String(Math.max(Math.ceil(lifeMs), 1));
    const found = await run(this.#connection, ADD, [this.keyOf(owner)], String(now), key, life);
    return this.settled(pairsOf(found)).filter((other) => other !== key);
  }

  /** Those of the entries whose sessions are there, unless they have ended. */
  settled(entries: readonly (readonly [string, number])[]): SessionKey[] {
    const before = this.#clock.now() - SETTLED_MS;
    return entries.filter(([, at]) => at < before).map(([key]) => key as SessionKey);
  }

  async drop(owner: string, keys: readonly SessionKey[]): Promise<void> {
    const index = this.keyOf(owner);
    if (keys.length > 0) await this.#connection.send(index, ['ZREM', index, ...keys]);
  }
}

/** How a user is called in names of keys: no user's name is in them, and none can break out of them. */
export const ownerName = (owner: string): string => hash('sha256', owner, 'base64url');

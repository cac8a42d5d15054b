// Sessions that are revoked by the time they began: a hash of moments, by user, with a name for its last change. A process
// asks for that once a second at most, together with a session, so that what another one revokes is refused a second
// later. No number: one that was lost with its server, or in a failover, would be given to another change.
import type { Clock } from '../../core/clock.js';
import type { SessionRecord } from '../../core/contract.js';
import { newVersion } from '../../core/record.js';
import type { Connection } from './client.js';
import { ownerName, type OwnerIndex } from './owner-index.js';
import { pairsOf } from './replies.js';
import { run, script } from './script.js';

const LOOK_MS = 1_000;
const EVERYBODY = '*';
/** The field that names the last change. */
const LAST_CHANGE = '#';
/** Moments of users without a session are kept so long: one of theirs may be on its way to another id. */
const KEPT_MS = 24 * 3_600_000;
/** How many moments of others are looked at with each that is added. */
const SAMPLE = 4;

/** the field, the moment, a name for this change */
const REVOKE = script(`
local before = tonumber(redis.call('HGET', KEYS[1], ARGV[1]))
if before and before >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], '${LAST_CHANGE}', ARGV[3])
return 1`);

export class Revocations {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #owners: OwnerIndex;
  readonly #key: string;
  #moments: ReadonlyMap<string, number> = new Map();
  #lastChange: unknown = null;
  #lookedAt = -Infinity;
  #looking: Promise<void> | undefined;

  constructor(connection: Connection, clock: Clock, owners: OwnerIndex, key: string) {
    this.#connection = connection;
    this.#clock = clock;
    this.#owners = owners;
    this.#key = key;
  }

  /** Whether the last look was so long ago that another process may have revoked something since. */
  get isDue(): boolean {
    return this.#clock.now() - this.#lookedAt >= LOOK_MS;
  }

  get isEmpty(): boolean {
    return this.#moments.size === 0;
  }

  /** By what was known when `look` was last called. */
  isRevoked({ createdAt, owner }: Pick<SessionRecord, 'createdAt' | 'owner'>): boolean {
    if (this.isEmpty) return false;
    if (createdAt < (this.#moments.get(EVERYBODY) ?? -Infinity)) return true;
    return owner !== undefined && createdAt < (this.#moments.get(ownerName(owner)) ?? -Infinity);
  }

  /** Those who ask at the same time share one look. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const now = this.#clock.now();
    const lastChange = await this.#connection.send(this.#key, ['HGET', this.#key, LAST_CHANGE]);
    if (lastChange !== this.#lastChange) {
      const found = pairsOf(await this.#connection.send(this.#key, ['HGETALL', this.#key]));
      const moments = new Map(this.#moments);
      // On top of what is known: a slow look must not take back what was revoked meanwhile.
      for (const [field, moment] of found)
        if (field !== LAST_CHANGE) moments.set(field, Math.max(moments.get(field) ?? -Infinity, moment));
      this.#moments = moments;
      this.#lastChange = lastChange;
    }
    this.#lookedAt = now;
  }

  /** Says it to every process. */
  async revoke(before: number, owner?: string): Promise<void> {
    const field = owner === undefined ? EVERYBODY : ownerName(owner);
    await run(this.#connection, REVOKE, [this.#key], field, String(before), newVersion());
    // Not one that began before.
    await this.#look();
    await this.#tend();
  }

  /** Forgets moments of users who have had no session since. */
  async #tend(): Promise<void> {
    const args = ['HRANDFIELD', this.#key, String(SAMPLE), 'WITHVALUES'];
    const before = this.#clock.now() - KEPT_MS;
    for (const [field, moment] of pairsOf(await this.#connection.send(this.#key, args))) {
      if (field === LAST_CHANGE || field === EVERYBODY || moment >= before) continue;
      const index = this.#owners.nameOf(field);
      if (Number(await this.#connection.send(index, ['EXISTS', index])) === 0)
        await this.#connection.send(this.#key, ['HDEL', this.#key, field]);
    }
  }
}

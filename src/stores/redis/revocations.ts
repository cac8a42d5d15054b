// Sessions that are revoked by the time they began: a hash of moments, by user, with a counter of its changes. A process
// asks for the counter once a second at most, together with a session, so that what another one revokes is refused a
// second later.
import type { Clock } from '../../core/clock.js';
import type { SessionRecord } from '../../core/contract.js';
import type { Connection } from './client.js';
import { ownerName, type OwnerIndex } from './owner-index.js';
import { pairsOf } from './replies.js';
import { run } from './scripts.js';

const LOOK_MS = 1_000;
const COUNTER = '#';
const EVERYBODY = '*';
/** Moments of users without a session are kept so long: one of theirs may be on its way to another id. */
const KEPT_MS = 24 * 3_600_000;
/** How many moments of others are looked at with each that is added. */
const SAMPLE = 4;

export class Revocations {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #owners: OwnerIndex;
  readonly #key: string;
  #moments: ReadonlyMap<string, number> = new Map();
  #changes = 0;
  #lookedAt = -Infinity;
  #looking: Promise<void> | undefined;

  constructor(connection: Connection, clock: Clock, owners: OwnerIndex, key: string) {
    this.#connection = connection;
    this.#clock = clock;
    this.#owners = owners;
    this.#key = key;
  }

  /** Whether nobody was told of before, or could be by now. */
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
    const changes = Number(await this.#connection.send(this.#key, ['HGET', this.#key, COUNTER]));
    if (changes !== this.#changes) {
      const found = pairsOf(await this.#connection.send(this.#key, ['HGETALL', this.#key]));
      const moments = new Map(this.#moments);
      // On top of what is known: a slow look must not take back what was revoked meanwhile.
      for (const [field, moment] of found)
        if (field !== COUNTER) moments.set(field, Math.max(moments.get(field) ?? -Infinity, moment));
      this.#moments = moments;
      this.#changes = changes;
    }
    this.#lookedAt = now;
  }

  /** Says it to every process. */
  async revoke(before: number, owner?: string): Promise<void> {
    const field = owner === undefined ? EVERYBODY : ownerName(owner);
    await run(this.#connection, 'revoke', this.#key, field, String(before));
    // Not one that began before.
    await this.#look();
    await this.#tend();
  }

  /** Forgets moments of users who have had no session since. */
  async #tend(): Promise<void> {
    const args = ['HRANDFIELD', this.#key, String(SAMPLE), 'WITHVALUES'];
    const before = this.#clock.now() - KEPT_MS;
    for (const [field, moment] of pairsOf(await this.#connection.send(this.#key, args))) {
      if (field === COUNTER || field === EVERYBODY || moment >= before) continue;
      const index = this.#owners.nameOf(field);
      if (Number(await this.#connection.send(index, ['EXISTS', index])) === 0)
        await this.#connection.send(this.#key, ['HDEL', this.#key, field]);
    }
  }
}

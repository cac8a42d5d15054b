// Sessions that are revoked by the time they began: a sorted set of moments, each with its user and for how long it counts,
// in the order in which they came. A process asks for the latest once a second at most, together with a session, so that
// what another one revokes is refused a second later.
import type { Clock } from '../../core/clock.js';
import type { SessionRecord } from '../../core/contract.js';
import type { Connection } from './client.js';
import { ownerName, type OwnerIndex } from './owner-index.js';
import { NEVER } from './record-text.js';
import { pairsOf } from './replies.js';
import { run, script } from './script.js';

const LOOK_MS = 1_000;
const EVERYBODY = '*';
/** A moment counts so much longer than the user's sessions live: one of theirs may be on its way to another id, ms. */
const MARGIN_MS = 24 * 3_600_000;
/** How far the clock of a server that takes over may be behind that of the one before it, ms. */
const OVERLAP_MS = 10_000;
/** How many are read in one go. */
const MANY = 10_000;
const SWEEP_MS = 3_600_000;
/** How many others are looked at with each that is added. */
const SAMPLE = 4;

/** now, what is revoked. Of the others those go that count no more. */
const REVOKE = script(`
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), ARGV[2])
for _, other in ipairs(redis.call('ZRANDMEMBER', KEYS[1], ${String(SAMPLE)})) do
  local till = tonumber(string.match(other, ' (%d+)$'))
  if till and till < tonumber(ARGV[1]) then redis.call('ZREM', KEYS[1], other) end
end
return 1`);

interface Moment {
  readonly before: number;
  /** Until when it counts: then none of the sessions that it is about can be left. */
  readonly till: number;
}

export class Revocations {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #owners: OwnerIndex;
  readonly #key: string;
  readonly #moments = new Map<string, Moment>();
  /** When the last one came that was read, by the server's clock. */
  #newest = -Infinity;
  /** When that was, by the own clock. */
  #learnedAt = 0;
  #lookedAt = -Infinity;
  #sweptAt = -Infinity;
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
    const isBefore = (name: string): boolean => createdAt < (this.#moments.get(name)?.before ?? -Infinity);
    return isBefore(EVERYBODY) || (owner !== undefined && isBefore(ownerName(owner)));
  }

  /** Those who ask at the same time share one look. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Says it to every process. */
  async revoke(before: number, owner?: string): Promise<void> {
    const name = owner === undefined ? EVERYBODY : ownerName(owner);
    const now = this.#clock.now();
    const till = owner === undefined || before > now ? NEVER : await this.#endOf(owner);
    const moment = `${name} ${String(before)} ${String(till)}`;
    await run(this.#connection, REVOKE, [this.#key], String(now), moment);
    this.#learn(moment);
  }

  /** When the last session of a user has ended that is there now. */
  async #endOf(owner: string): Promise<number> {
    const index = this.#owners.keyOf(owner);
    const left = Number(await this.#connection.send(index, ['PTTL', index]));
    return left === -1 ? NEVER : this.#clock.now() + Math.max(left, 0) + MARGIN_MS;
  }

  async #look(): Promise<void> {
    const now = this.#clock.now();
    // Since the newest came a while has passed, and what comes now is later, by a clock that is behind too.
    const overlap = Math.max(OVERLAP_MS - (this.#lookedAt - this.#learnedAt), 0);
    let from = Math.max(this.#newest + 1 - overlap, 0);
    for (let skip = 0; ;) {
      const limit = ['LIMIT', String(skip), String(MANY)];
      const args = ['ZRANGEBYSCORE', this.#key, String(from), '+inf', 'WITHSCORES', ...limit];
      const found = pairsOf(await this.#connection.send(this.#key, args));
      for (const [moment] of found) this.#learn(moment);
      const [, last] = found.at(-1) ?? [];
      if (last !== undefined && last !== this.#newest) {
        this.#newest = last;
        this.#learnedAt = now;
      }
      if (last === undefined || found.length < MANY) break;
      // On with those that came in the same moment as the last one.
      const isLast = ([, at]: [string, number]): boolean => at === last;
      skip = found.filter(isLast).length + (last === from ? skip : 0);
      from = last;
    }
    this.#lookedAt = now;
    this.#sweep(now);
  }

  /** A moment is never taken back. */
  #learn(moment: string): void {
    const [name = '', before, till] = moment.split(' ');
    const known = this.#moments.get(name);
    this.#moments.set(name, {
      before: Math.max(Number(before), known?.before ?? -Infinity),
      till: Math.max(Number(till), known?.till ?? -Infinity),
    });
  }

  #sweep(now: number): void {
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    for (const [name, { till }] of this.#moments) if (till < now) this.#moments.delete(name);
  }
}

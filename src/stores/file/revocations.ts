// Sessions that are revoked by the time they began: an empty file for each moment, whose name says everything. A process
// looks at their directory once a second at most, so what another one revokes is refused a second later.
import type { Clock } from '../../core/clock.js';
import type { SessionRecord } from '../../core/contract.js';
import { attempt, createEmpty, flush, mkdir, readdir, stat, unless, unlink, type Steps } from './calls.js';
import { momentOf, type Layout, type Moment } from './layout.js';

const LOOK_MS = 1_000;
/** A directory that changed so lately may change again at what its file system takes for the same time. */
const SETTLED_MS = 2_000;
/** Moments of users without a session are kept so long: one of theirs may be on its way to another id. */
const KEPT_MS = 24 * 3_600_000;

export interface RevocationsOptions {
  readonly layout: Layout;
  readonly clock: Clock;
  readonly durable: boolean;
}

export class Revocations {
  readonly #options: RevocationsOptions;
  /** By user, as its directory is called; the empty text is everybody. */
  #moments: ReadonlyMap<string, number> = new Map();
  #lookedAt = -Infinity;
  #changedAt = -Infinity;

  constructor(options: RevocationsOptions) {
    this.#options = options;
  }

  *isRevoked(record: SessionRecord): Steps<boolean> {
    const { clock, layout } = this.#options;
    const now = clock.now();
    // A session that began within the last second cannot have been revoked for longer than that.
    if (now - this.#lookedAt >= LOOK_MS && now - record.createdAt >= LOOK_MS) yield* this.#look();
    const { createdAt, owner } = record;
    if (createdAt < (this.#moments.get('') ?? -Infinity)) return true;
    if (owner === undefined || this.#moments.size === 0) return false;
    return createdAt < (this.#moments.get(layout.ownerName(owner)) ?? -Infinity);
  }

  /** Says it to every process, and takes away what it said of this user before. */
  *revoke(before: number, owner?: string): Steps<void> {
    const { layout, durable } = this.#options;
    const moment = { before, owner: owner === undefined ? '' : layout.ownerName(owner) };
    yield* mkdir(layout.revoked);
    yield* unless('EEXIST', createEmpty(layout.moment(moment)));
    if (durable) for (const path of [layout.revoked, layout.root]) yield* flush(path);
    yield* this.#look(true);
    for (const old of yield* this.#all())
      if (old.owner === moment.owner && old.before < before) yield* attempt(unlink(layout.moment(old)));
  }

  /** Removes the moments of users who have had no session since. */
  *tend(): Steps<void> {
    const { layout, clock } = this.#options;
    for (const moment of yield* this.#all()) {
      const { owner, before } = moment;
      if (owner === '' || clock.now() - before < KEPT_MS) continue;
      if ((yield* stat(layout.ownerNamed(owner))) === undefined)
        yield* unless('ENOENT', unlink(layout.moment(moment)));
    }
  }

  *#look(mustRead = false): Steps<void> {
    const now = this.#options.clock.now();
    const changedAt = (yield* stat(this.#options.layout.revoked))?.mtimeMs ?? -Infinity;
    const isKnown = changedAt === this.#changedAt && now - changedAt > SETTLED_MS;
    if (mustRead || !isKnown) {
      // On top of what is known: a slow look must not take back what was revoked meanwhile.
      const moments = new Map(this.#moments);
      for (const { owner, before } of yield* this.#all())
        moments.set(owner, Math.max(moments.get(owner) ?? -Infinity, before));
      this.#moments = moments;
    }
    this.#changedAt = changedAt;
    this.#lookedAt = now;
  }

  *#all(): Steps<Moment[]> {
    return (yield* readdir(this.#options.layout.revoked)).map(momentOf).filter((moment) => moment !== null);
  }
}

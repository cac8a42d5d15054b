// Sessions that are revoked by the time they began: an empty file for each moment, whose name says everything, in as many
// folders as sessions have. A process looks at a folder that it needs once a second at most, so what another one revokes
// is refused a second later.
import { sep } from 'node:path';

import type { Clock } from '../../core/clock.js';
import type { SessionRecord } from '../../core/contract.js';
import {
  attempt,
  createEmpty,
  flush,
  mkdir,
  readdir,
  stat,
  subdirectories,
  turn,
  unless,
  unlink,
  type Steps,
} from './calls.js';
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

/** A folder as it was when somebody looked. */
interface Seen {
  /** By user, as its directory is called; the empty text is everybody. */
  readonly moments: ReadonlyMap<string, number>;
  readonly lookedAt: number;
  readonly changedAt: number;
}

export class Revocations {
  readonly #options: RevocationsOptions;
  readonly #seen = new Map<string, Seen>();
  /** Whether anything was ever revoked, by the last look. */
  #isUsed = false;
  #lookedAt = -Infinity;

  constructor(options: RevocationsOptions) {
    this.#options = options;
  }

  *isRevoked({ createdAt, owner }: Pick<SessionRecord, 'createdAt' | 'owner'>): Steps<boolean> {
    const { clock, layout } = this.#options;
    // A session that began within the last second cannot have been revoked for longer than that.
    const mayLook = clock.now() - createdAt >= LOOK_MS;
    if (!this.#isUsed && mayLook && clock.now() - this.#lookedAt >= LOOK_MS) {
      this.#lookedAt = clock.now();
      this.#isUsed = (yield* stat(layout.revoked)) !== undefined;
    }
    if (!this.#isUsed) return false;
    const names = owner === undefined ? [''] : ['', layout.ownerName(owner)];
    for (const name of names) if (createdAt < (yield* this.#momentOf(name, mayLook))) return true;
    return false;
  }

  /** Says it to every process, and takes away what it said of this user before. */
  *revoke(before: number, owner?: string): Steps<void> {
    const { layout, durable } = this.#options;
    const moment = { before, owner: owner === undefined ? '' : layout.ownerName(owner) };
    const folder = layout.moments(moment.owner);
    for (const path of [layout.revoked, folder]) yield* mkdir(path);
    yield* unless('EEXIST', createEmpty(layout.moment(moment)));
    if (durable) for (const path of [folder, layout.revoked, layout.root]) yield* flush(path);
    this.#isUsed = true;
    yield* this.#look(folder, true);
    for (const old of yield* momentsIn(folder))
      if (old.owner === moment.owner && old.before < before) yield* attempt(unlink(layout.moment(old)));
  }

  /** Removes the moments of users who have had no session since. */
  *tend(): Steps<void> {
    const { layout, clock } = this.#options;
    if ((yield* stat(layout.revoked)) === undefined) return;
    for (const folder of yield* subdirectories(layout.revoked))
      for (const moment of yield* momentsIn(layout.revoked + sep + folder)) {
        yield* turn();
        const { owner, before } = moment;
        if (owner === '' || clock.now() - before < KEPT_MS) continue;
        if ((yield* stat(layout.ownerNamed(owner))) === undefined)
          yield* unless('ENOENT', unlink(layout.moment(moment)));
      }
  }

  *#momentOf(owner: string, mayLook: boolean): Steps<number> {
    const folder = this.#options.layout.moments(owner);
    const isDue = this.#options.clock.now() - (this.#seen.get(folder)?.lookedAt ?? -Infinity) >= LOOK_MS;
    if (mayLook && isDue) yield* this.#look(folder);
    return this.#seen.get(folder)?.moments.get(owner) ?? -Infinity;
  }

  *#look(folder: string, mustRead = false): Steps<void> {
    const now = this.#options.clock.now();
    const changedAt = (yield* stat(folder))?.mtimeMs ?? -Infinity;
    const known = this.#seen.get(folder);
    const isSettled = now - changedAt > SETTLED_MS;
    if (!mustRead && isSettled && changedAt === known?.changedAt) {
      this.#seen.set(folder, { ...known, lookedAt: now });
      return;
    }
    const found = changedAt === -Infinity ? [] : yield* momentsIn(folder);
    const moments = new Map<string, number>();
    // What came while this look went on, and what a folder that changes may not have shown, stays.
    for (const [owner, before] of this.#seen.get(folder)?.moments ?? [])
      if (!isSettled || known?.moments.get(owner) !== before) moments.set(owner, before);
    for (const { owner, before } of found)
      moments.set(owner, Math.max(moments.get(owner) ?? -Infinity, before));
    this.#seen.set(folder, { moments, lookedAt: now, changedAt });
  }
}

function* momentsIn(folder: string): Steps<Moment[]> {
  return (yield* readdir(folder)).map(momentOf).filter((moment) => moment !== null);
}

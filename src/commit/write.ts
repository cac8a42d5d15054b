// One write: the changes that wait for it are put on top of each other and stored as one version; where another writer was
// first, again, on top of what is found.
import type { SessionKey, SessionMeta, SessionRecord } from '../core/contract.js';
import { Draft } from '../core/draft.js';
import { expiryAt, isTouchDue } from '../core/expiry.js';
import { isLiving, newVersion } from '../core/record.js';
import { mayTry, sessionEnded, tooManyAttempts } from './attempts.js';
import { successorOf } from './endings.js';
import type { LaneEvents, LaneOptions } from './lanes.js';
import { put } from './put.js';
import type { StoreCalls } from './store-calls.js';

/** A session that a request writes to. Shared by that request's jobs, and kept up to date by the lane. */
export interface Target {
  /** What was last read or stored; `null`: not stored yet. */
  record: SessionRecord | null;
  key: SessionKey;
  /** The first record of a session that is not stored yet. */
  first(): SessionRecord;
  /** Takes another id, because the one it had is in use. @throws where there is none left to take */
  renew(): void;
}

/** A session's text before and after what a request did to it. */
export interface TextChange {
  readonly base: string;
  readonly mine: string;
}

/** What a request wants written. */
export type Change =
  | ({ readonly kind: 'text' } & TextChange)
  | {
      readonly kind: 'update';
      readonly key: string;
      readonly fn: (value: unknown) => unknown;
      /** What the request changed before; it lands with the update or not at all. */
      readonly before?: TextChange;
    };

export interface Move {
  /** Another idle time for the session, ms; `null`: the store's own. */
  readonly idleMs?: number | null;
  /** When the session ends, epoch ms, where that is not for the commit to say. */
  readonly expiresAt?: number | null;
  /** A use: the session ends no earlier than this, and an end that another request set stays. */
  readonly atLeast?: number | null;
  /** Facts that change with the data; undefined ones go. */
  readonly meta?: { readonly [fact in keyof SessionMeta]: SessionMeta[fact] | undefined };
}

export interface Committed {
  readonly record: SessionRecord;
  /** The expiry moved, so the cookie goes with it. */
  readonly moved: boolean;
  /** What an update's function returned. */
  readonly value?: unknown;
}

/** A change that waits to be written. */
export interface WriteJob {
  readonly target: Target;
  readonly change: Change;
  readonly move: Move;
  /** When it was asked for: from then on it has storeTimeout, the time in the queue included. */
  readonly since: number;
  resolve(committed: Committed): void;
  reject(error: unknown): void;
}

/** A change that goes into the text, and what an update's function returned. */
interface Landing {
  readonly job: WriteJob;
  readonly value: unknown;
}

/** A change that cannot go into it. */
interface Failed {
  readonly job: WriteJob;
  readonly error: unknown;
}

interface Folded {
  readonly draft: Draft;
  readonly landing: readonly Landing[];
  readonly failed: readonly Failed[];
}

export class Write {
  readonly #options: LaneOptions;
  readonly #events: LaneEvents;
  readonly #jobs: WriteJob[];
  /** Of the oldest. */
  readonly #target: Target;
  readonly #calls: StoreCalls;
  readonly #onLanded: (record: SessionRecord, isFirst: boolean) => void;
  /** The version that it goes on top of; `null`: none is stored yet. */
  #current: SessionRecord | null;

  /**
   * @param jobs Of one session, oldest first, one at least. One that is refused alone is taken out.
   * @param current The latest version, as far as this process knows it; `null`: none is stored yet.
   * @param onLanded Told what was stored, before anybody else is.
   */
  constructor(
    options: LaneOptions,
    events: LaneEvents,
    jobs: WriteJob[],
    calls: StoreCalls,
    current: SessionRecord | null,
    onLanded: (record: SessionRecord, isFirst: boolean) => void,
  ) {
    this.#options = options;
    this.#events = events;
    this.#jobs = jobs;
    this.#target = (jobs[0] as WriteJob).target;
    this.#calls = calls;
    this.#current = current;
    this.#onLanded = onLanded;
  }

  /**
   * True, and no promise, where the store answers at once: most of a write in memory would be waiting for nothing.
   * @throws {SessionError} what refuses the jobs that are left
   */
  run(): true | Promise<void> {
    const isDone = this.#attempt();
    return isDone === true ? true : this.#goOn(isDone);
  }

  async #goOn(first: Promise<boolean>): Promise<void> {
    if (await first) return;
    for (let attempt = 1; await mayTry(attempt, this.#calls); attempt++) if (await this.#attempt()) return;
    throw tooManyAttempts();
  }

  /** False if it takes another one, on top of what was found. */
  #attempt(): true | Promise<boolean> {
    const folded = this.#fold();
    return folded.failed.length > 0 ? this.#refuse(folded) : this.#store(folded);
  }

  async #refuse(folded: Folded): Promise<boolean> {
    const current = this.#current;
    // What was read may be old. A success is proved by the compare-and-set; a refusal by a fresh look:
    //   A: reads stock 0 · B: stores 5 · A: update(throws at 0) must not say "sold out"
    const found = current === null ? null : await this.#living(await this.#calls.find(current.key, true));
    if (current !== null && found === null) throw sessionEnded();
    if (found !== null && found.version !== current?.version) {
      this.#current = found;
      return false;
    }
    for (const { job, error } of folded.failed) {
      job.reject(error);
      this.#jobs.splice(this.#jobs.indexOf(job), 1);
    }
    return folded.landing.length === 0 || this.#store(folded);
  }

  #store(folded: Folded): true | Promise<boolean> {
    const record = this.#next(folded.draft.text, folded.landing);
    const outcome = put(this.#calls, record, this.#current);
    if (outcome !== 'landed') return this.#look(folded, record, outcome);
    this.#land(folded, record);
    return true;
  }

  async #look(folded: Folded, record: SessionRecord, outcome: ReturnType<typeof put>): Promise<boolean> {
    const found = await outcome;
    if (found === 'landed') {
      this.#land(folded, record);
      return true;
    }
    if (this.#current === null) {
      this.#target.renew();
    } else {
      this.#current = await this.#living(found);
      if (this.#current === null) throw sessionEnded();
    }
    return false;
  }

  #land({ draft, landing }: Folded, record: SessionRecord): void {
    const before = this.#current;
    this.#onLanded(record, before === null);
    const moved = record.expiresAt !== before?.expiresAt;
    for (const { job, value } of landing) {
      job.target.record = record;
      // Another one, if the session was renewed meanwhile.
      job.target.key = record.key;
      job.resolve({ record, moved, value });
    }
    if (before === null) this.#events.created(record);
    this.#events.committed(record, before);
    if (draft.overwritten.size > 0) this.#events.conflict(record, [...draft.overwritten]);
  }

  /**
   * What was found, or the session that a scheduled renewal put in its place:
   *
   *   A: reads v0 under the old id · B: renews it · A: replace(v1) -> false, closed, moved -> goes on top of the new one
   */
  async #living(found: SessionRecord | null): Promise<SessionRecord | null> {
    return isLiving(found) ? found : successorOf(this.#calls, this.#options.clock, found);
  }

  /** Puts the changes on top of each other. One that throws or breaks a limit fails alone. */
  #fold(): Folded {
    const draft = new Draft(this.#current?.data ?? '{}', this.#options.limits, this.#options.schema);
    const landing: Landing[] = [];
    const failed: Failed[] = [];
    for (const job of this.#jobs) {
      const { change } = job;
      try {
        landing.push({ job, value: apply(change, draft) });
      } catch (error) {
        failed.push({ job, error });
      }
    }
    return { draft, landing, failed };
  }

  #next(data: string, landing: readonly Landing[]): SessionRecord {
    const record = this.#current ?? this.#target.first();
    const now = this.#options.clock.now();
    const move =
      landing.length === 1
        ? (landing[0] as Landing).job.move
        : (Object.assign({}, ...landing.map(({ job }) => job.move)) as Move);
    const { idleMs = record.idleMs } = move;
    // One that is new brings its end.
    const isTouched = this.#current !== null && isTouchDue(record, now, this.#options.touchAfter);
    const isDue = isTouched || idleMs !== record.idleMs;
    const next = isDue ? expiryAt(now, idleMs, record.deadlineAt) : record.expiresAt;
    const meta = this.#metaOf(record, landing);
    return {
      ...record,
      data,
      idleMs,
      expiresAt: endOf(record, move, next),
      version: newVersion(),
      ...(meta === undefined ? null : { meta }),
    };
  }

  #metaOf({ meta }: SessionRecord, landing: readonly Landing[]): SessionMeta | undefined {
    const { schema } = this.#options;
    if (schema === undefined && !landing.some(({ job }) => job.move.meta !== undefined)) return meta;
    const facts = landing.flatMap(({ job }) => job.move.meta ?? []);
    if (schema !== undefined && meta?.schema !== schema.version) facts.push({ schema: schema.version });
    if (facts.length === 0) return meta;
    const all = Object.entries(Object.assign({ ...meta }, ...facts) as object);
    return Object.fromEntries(all.filter(([, fact]) => fact !== undefined));
  }
}

/** @param next What the commit would say. */
function endOf(
  { expiresAt: end }: SessionRecord,
  { expiresAt, atLeast }: Move,
  next: number | null,
): number | null {
  if (expiresAt !== undefined) return expiresAt;
  if (atLeast === undefined) return next;
  return atLeast === null || end === null ? end : Math.max(end, atLeast);
}

function apply(change: Change, draft: Draft): unknown {
  if (change.kind === 'text') {
    draft.change(change.base, change.mine);
    return undefined;
  }
  const { key, fn, before } = change;
  return before === undefined
    ? draft.update(key, fn)
    : draft.changeAndUpdate(before.base, before.mine, key, fn);
}

// The commit: how requests' changes become stored versions, so that no update is lost (P1) and no ended session
// comes back (P2). Knows stores and records, not requests.
//
// All writes of one session in this process go through one lane, a queue. Those that wait are put on top of each
// other and written as one:
//
//   R1..R1000: read version 0, each changes its key · R1 commits: replace(v1, expecting v0) ·
//   R2..R1000: wait meanwhile, then one merged replace(v2, expecting v1)          2 writes, not 500,500 attempts
//
// Other processes are met by compare-and-set: a replace that says false is followed by a fresh find, which tells
// whether the session ended (every writer loses) or changed (the changes go on top of the new text, and again).
// Ending a session goes through the same lane, so every write behind it finds the session ended:
//
//   slow: reads v0 · logout: replace(closed, expecting v0) · slow: replace(v1, expecting v0) -> false -> ended
import type { Clock } from '../core/clock.js';
import type { SessionKey, SessionMeta, SessionRecord } from '../core/contract.js';
import { Draft } from '../core/draft.js';
import { expiryAt, isTouchDue } from '../core/expiry.js';
import type { DataLimits } from '../core/json.js';
import { isLiving, newVersion } from '../core/record.js';
import type { DataSchema } from '../core/schema.js';
import type { RecordStore } from '../stores/store.js';
import { mayTry, sessionEnded, tooManyAttempts } from './attempts.js';
import type { Breaker } from './breaker.js';
import { close, moveTo, successorOf, type Inheritance } from './endings.js';
import { put } from './put.js';
import { StoreCalls } from './store-calls.js';

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

export interface LaneEvents {
  created(record: SessionRecord): void;
  committed(record: SessionRecord, before: SessionRecord | null): void;
  conflict(record: SessionRecord, keys: string[]): void;
}

export interface LaneOptions {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly storeTimeout: number;
  readonly touchAfter: number;
  readonly limits: DataLimits;
  readonly schema?: DataSchema | undefined;
  readonly breaker?: Breaker | undefined;
}

/** What a `regenerate` with data takes along. */
const WHOLE: Inheritance = { data: true, identity: true };

interface WriteJob {
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

interface EndJob {
  run(lane: Lane): Promise<void>;
}

interface Lane {
  /** Where it is found: under its session's key, or under a session that is not stored yet. */
  place: SessionKey | Target;
  readonly jobs: (WriteJob | EndJob)[];
  /** The latest version as this process knows it. */
  latest: SessionRecord | null;
  done: Promise<void>;
}

export class Lanes {
  readonly #options: LaneOptions;
  readonly #events: LaneEvents;
  readonly #lanes = new Map<SessionKey | Target, Lane>();

  constructor(options: LaneOptions, events: LaneEvents) {
    this.#options = options;
    this.#events = events;
  }

  /**
   * Stores a change, together with those of other requests that wait.
   * @throws {SessionError} ERR_SESSION_ENDED, ERR_SESSION_CONFLICT, or what breaks this change alone
   */
  write(target: Target, change: Change, move: Move = {}): Promise<Committed> {
    return new Promise((resolve, reject) => {
      // A session that is not stored yet has a lane of its own: should its id be in use, the lane of that key is
      // another session's, and nothing of the two may mix.
      const since = this.#options.clock.now();
      const job = { target, change, move, since, resolve, reject };
      this.#enqueue(target.record === null ? target : target.key, job);
    });
  }

  /**
   * Ends a session for good. False if it had ended already.
   * @param onEnd Told under which key it ended: another one, if it was renewed meanwhile.
   */
  end(key: SessionKey, record: SessionRecord | null, onEnd?: (key: SessionKey) => void): Promise<boolean> {
    const { clock } = this.#options;
    const since = clock.now();
    return this.#exclusive(key, (latest) => close(this.#calls(since), clock, key, latest ?? record, onEnd));
  }

  /**
   * Continues a session under the key of `successor`, with what the store holds of it when it ends.
   * @param onEnd Told under which key it ended: another one, if it was renewed meanwhile.
   * @throws {SessionError} ERR_SESSION_ENDED if it ended meanwhile; then the successor is gone too
   */
  move(
    from: Target,
    successor: Target,
    inheritance = WHOLE,
    onEnd?: (key: SessionKey) => void,
  ): Promise<SessionRecord> {
    const { clock } = this.#options;
    const since = clock.now();
    return this.#exclusive(from.key, async (latest) => {
      const calls = this.#calls(since);
      let ended = from.key;
      successor.record = await moveTo(
        calls,
        clock,
        from.key,
        latest ?? from.record,
        successor,
        inheritance,
        (key) => (ended = key),
      );
      this.#events.created(successor.record);
      onEnd?.(ended);
      return successor.record;
    });
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    while (this.#lanes.size > 0) await Promise.all([...this.#lanes.values()].map(({ done }) => done));
  }

  /** Runs work between the writes of a session. */
  #exclusive<T>(key: SessionKey, work: (latest: SessionRecord | null) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = async (lane: Lane): Promise<void> => {
        const { latest } = lane;
        lane.latest = null;
        await work(latest).then(resolve, reject);
      };
      this.#enqueue(key, { run });
    });
  }

  #enqueue(place: SessionKey | Target, job: WriteJob | EndJob): void {
    const lane = this.#lanes.get(place);
    if (lane !== undefined) {
      lane.jobs.push(job);
      return;
    }
    const opened: Lane = { place, jobs: [job], latest: null, done: Promise.resolve() };
    this.#lanes.set(place, opened);
    opened.done = this.#run(opened);
  }

  async #run(lane: Lane): Promise<void> {
    // Calls of one tick share one write.
    await Promise.resolve();
    for (let first = lane.jobs[0]; first !== undefined; first = lane.jobs[0]) {
      if ('run' in first) {
        lane.jobs.shift();
        await first.run(lane);
      } else {
        const end = lane.jobs.findIndex((job) => 'run' in job);
        const batch = lane.jobs.splice(0, end < 0 ? lane.jobs.length : end) as WriteJob[];
        await this.#write(lane, batch).catch((error: unknown) => {
          lane.latest = null;
          for (const job of batch) job.reject(error);
        });
      }
    }
    if (this.#lanes.get(lane.place) === lane) this.#lanes.delete(lane.place);
  }

  async #write(lane: Lane, batch: WriteJob[]): Promise<void> {
    // The oldest.
    const [{ target, since }] = batch as [WriteJob];
    const calls = this.#calls(since);
    let current = lane.latest ?? batch[batch.length - 1]?.target.record ?? null;
    for (let attempt = 0; await mayTry(attempt, calls); attempt++) {
      const { draft, landing, failed } = this.#fold(current, batch);
      if (failed.length > 0) {
        // What was read may be old. A success is proved by the compare-and-set; a refusal by a fresh look:
        //   A: reads stock 0 · B: stores 5 · A: update(throws at 0) must not say "sold out"
        const found =
          current === null ? null : await this.#living(calls, await calls.find(current.key, true));
        if (current !== null && found === null) throw sessionEnded();
        if (found !== null && found.version !== current?.version) {
          current = found;
          continue;
        }
        for (const { job, error } of failed) {
          job.reject(error);
          batch.splice(batch.indexOf(job), 1);
        }
        if (landing.length === 0) return;
      }
      const record = this.#next(current ?? target.first(), current !== null, draft.text, landing);
      const found = await put(calls, record, current);
      if (found === 'landed') {
        lane.latest = record;
        if (current === null) this.#settle(lane, record.key);
        const moved = record.expiresAt !== current?.expiresAt;
        for (const { job, value } of landing) {
          job.target.record = record;
          // Another one, if the session was renewed meanwhile.
          job.target.key = record.key;
          job.resolve({ record, moved, value });
        }
        if (current === null) this.#events.created(record);
        this.#events.committed(record, current);
        if (draft.overwritten.size > 0) this.#events.conflict(record, [...draft.overwritten]);
        return;
      }
      if (current === null) {
        target.renew();
      } else {
        current = await this.#living(calls, found);
        if (current === null) throw sessionEnded();
      }
    }
    throw tooManyAttempts();
  }

  /** What was found, or the session that a scheduled renewal put in its place:
   *
   *   A: reads v0 under the old id · B: renews it · A: replace(v1) -> false, closed, moved -> goes on top of the new one
   */
  async #living(calls: StoreCalls, found: SessionRecord | null): Promise<SessionRecord | null> {
    return isLiving(found) ? found : successorOf(calls, this.#options.clock, found);
  }

  /** A session is stored for the first time: its lane is found under its key from here on. */
  #settle(lane: Lane, key: SessionKey): void {
    this.#lanes.delete(lane.place);
    this.#lanes.set(key, lane);
    lane.place = key;
  }

  /** Puts the changes on top of each other. One that throws or breaks a limit fails alone. */
  #fold(current: SessionRecord | null, batch: WriteJob[]) {
    const draft = new Draft(current?.data ?? '{}', this.#options.limits, this.#options.schema);
    const landing: Landing[] = [];
    const failed: { job: WriteJob; error: unknown }[] = [];
    for (const job of batch) {
      const { change } = job;
      try {
        landing.push({ job, value: apply(change, draft) });
      } catch (error) {
        failed.push({ job, error });
      }
    }
    return { draft, landing, failed };
  }

  #next(record: SessionRecord, exists: boolean, data: string, landing: readonly Landing[]): SessionRecord {
    const now = this.#options.clock.now();
    const move =
      landing.length === 1
        ? (landing[0] as Landing).job.move
        : (Object.assign({}, ...landing.map(({ job }) => job.move)) as Move);
    const { idleMs = record.idleMs } = move;
    // One that is new brings its end.
    const isTouched = exists && isTouchDue(record, now, this.#options.touchAfter);
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

  #calls(since: number): StoreCalls {
    const { store, clock, storeTimeout, breaker } = this.#options;
    return new StoreCalls(store, clock, storeTimeout, breaker, since);
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

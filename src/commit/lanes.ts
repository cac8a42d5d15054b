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
import type { SessionKey, SessionRecord } from '../core/contract.js';
import type { DataLimits } from '../core/json.js';
import type { DataSchema } from '../core/schema.js';
import type { RecordStore } from '../stores/store.js';
import type { Breaker } from './breaker.js';
import { close, moveTo, type Inheritance } from './endings.js';
import { StoreCalls } from './store-calls.js';
import { Write, type Change, type Committed, type Move, type Target, type WriteJob } from './write.js';

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
        try {
          const isDone = this.#writeOf(lane, batch).run();
          if (isDone !== true) await isDone;
        } catch (error) {
          lane.latest = null;
          for (const job of batch) job.reject(error);
        }
      }
    }
    if (this.#lanes.get(lane.place) === lane) this.#lanes.delete(lane.place);
  }

  #writeOf(lane: Lane, batch: WriteJob[]): Write {
    const calls = this.#calls((batch[0] as WriteJob).since);
    const latest = lane.latest ?? batch[batch.length - 1]?.target.record ?? null;
    return new Write(this.#options, this.#events, batch, calls, latest, (record, isFirst) => {
      lane.latest = record;
      if (isFirst) this.#settle(lane, record.key);
    });
  }

  /** A session is stored for the first time: its lane is found under its key from here on. */
  #settle(lane: Lane, key: SessionKey): void {
    this.#lanes.delete(lane.place);
    this.#lanes.set(key, lane);
    lane.place = key;
  }

  #calls(since: number): StoreCalls {
    const { store, clock, storeTimeout, breaker } = this.#options;
    return new StoreCalls(store, clock, storeTimeout, breaker, since);
  }
}

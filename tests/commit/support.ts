// What tests of the commit need: a store whose every call can be watched and bent, targets, and lanes on both.
import { Lanes, type LaneEvents, type LaneOptions } from '../../src/commit/lanes.js';
import type { Target } from '../../src/commit/write.js';
import type { Clock } from '../../src/core/clock.js';
import type { SessionKey, SessionRecord } from '../../src/core/contract.js';
import { randomId } from '../../src/core/ids.js';
import { DEFAULT_LIMITS } from '../../src/core/json.js';
import { newVersion } from '../../src/core/record.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { TestClock } from '../support/clock.js';

export type CallName = 'find' | 'insert' | 'replace' | 'extend' | 'remove';
export interface StoreCall {
  readonly name: CallName;
  readonly key: SessionKey;
  /** The first call of this name is 1. */
  readonly nth: number;
  readonly fresh: boolean;
  readonly signal: () => AbortSignal | undefined;
}
/** Stands in front of the store: `go()` does the call. */
export type Bend = (call: StoreCall, go: () => Promise<unknown>) => unknown;

/** A memory store whose calls are counted, and bent on request. */
export class BentStore extends MemoryStore {
  calls: CallName[] = [];
  bend: Bend = (_call, go) => go();

  override find(
    key: SessionKey,
    options?: { fresh?: boolean; signal?: AbortSignal },
  ): Promise<SessionRecord | null> {
    return this.#pass('find', key, () => super.find(key), options);
  }
  override insert(record: SessionRecord, options?: { signal?: AbortSignal }): Promise<boolean> {
    return this.#pass('insert', record.key, () => super.insert(record), options);
  }
  override replace(
    record: SessionRecord,
    expected: string,
    options?: { signal?: AbortSignal },
  ): Promise<boolean> {
    return this.#pass('replace', record.key, () => super.replace(record, expected), options);
  }
  override extend(
    key: SessionKey,
    expiresAt: number | null,
    _record?: SessionRecord,
    options?: { signal?: AbortSignal },
  ): Promise<boolean> {
    return this.#pass('extend', key, () => super.extend(key, expiresAt), options);
  }
  override remove(key: SessionKey, options?: { signal?: AbortSignal }): Promise<boolean> {
    return this.#pass('remove', key, () => super.remove(key), options);
  }

  countOf(name: CallName): number {
    return this.calls.filter((call) => call === name).length;
  }

  #pass<T>(
    name: CallName,
    key: SessionKey,
    go: () => Promise<T>,
    options?: { fresh?: boolean; signal?: AbortSignal },
  ): Promise<T> {
    this.calls.push(name);
    const call = {
      name,
      key,
      nth: this.countOf(name),
      fresh: options?.fresh === true,
      signal: () => options?.signal,
    };
    return this.bend(call, go) as Promise<T>;
  }
}

export const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
export const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

/** Every call takes a turn of the event loop, as one over a network does. */
export const slowly: Bend = async (_call, go) => {
  await later();
  const result = await go();
  await later();
  return result;
};

export const IDLE_MS = 3_600_000;
export const keyOf = (name: string): SessionKey => name as SessionKey;

export interface TestTarget extends Target {
  renewals: number;
}

export interface World {
  readonly store: BentStore;
  readonly clock: TestClock;
  readonly lanes: Lanes;
  readonly events: { name: string; key: string; keys?: string[] }[];
  /** Lanes of another process on the same store. */
  other(): Lanes;
  /** A session that is not stored yet; `names` are the keys it takes, one after the other. */
  fresh(...names: string[]): TestTarget;
  /** The session that is stored under a key, as another request read it. */
  reader(key: SessionKey): Promise<Target>;
  /** A session that is stored with this data. */
  stored(data: object, extra?: Partial<SessionRecord>): Promise<Target & { record: SessionRecord }>;
  dataOf(key: SessionKey): Promise<unknown>;
}

export function world(options: Partial<LaneOptions> = {}): World {
  const clock = new TestClock();
  const store = new BentStore({ cleanupInterval: 0, clock });
  const laneOptions: LaneOptions = {
    store,
    clock,
    storeTimeout: 1_000,
    touchAfter: 60_000,
    limits: DEFAULT_LIMITS,
    ...options,
  };
  const events: World['events'] = [];
  const sink: LaneEvents = {
    created: ({ key }) => events.push({ name: 'created', key }),
    committed: ({ key }, before) =>
      events.push({ name: before === null ? 'committed new' : 'committed', key }),
    conflict: ({ key }, keys) => events.push({ name: 'conflict', key, keys }),
  };
  const first = (key: SessionKey): SessionRecord => ({
    v: 1,
    key,
    data: '{}',
    version: newVersion(),
    createdAt: clock.now(),
    deadlineAt: null,
    idleMs: IDLE_MS,
    expiresAt: clock.now() + IDLE_MS,
  });
  const read = (key: SessionKey, record: SessionRecord | null): Target => ({
    record,
    key,
    first: () => first(key),
    renew: () => {
      throw new Error('A stored session keeps its key.');
    },
  });
  return {
    store,
    clock,
    events,
    lanes: new Lanes(laneOptions, sink),
    other: () => new Lanes(laneOptions, sink),
    fresh(...names) {
      const next = (): SessionKey => keyOf(names.shift() ?? randomId());
      const target: TestTarget = {
        record: null,
        key: next(),
        renewals: 0,
        first: () => first(target.key),
        renew() {
          target.renewals++;
          target.key = next();
        },
      };
      return target;
    },
    reader: async (key) => read(key, await store.find(key)),
    async stored(data, extra = {}) {
      const record = { ...first(keyOf(randomId())), ...extra, data: JSON.stringify(data) };
      await MemoryStore.prototype.insert.call(store, record);
      return { ...read(record.key, record), record };
    },
    async dataOf(key) {
      const record = store.findSync(key);
      await later();
      return record === null || record.closed !== undefined ? null : (JSON.parse(record.data) as unknown);
    },
  };
}

/** A request's change from what it read to `mine`. */
export const from = (base: object, mine: object) =>
  ({ kind: 'text', base: JSON.stringify(base), mine: JSON.stringify(mine) }) as const;

export const increment = (key: string) =>
  ({ kind: 'update', key, fn: (value: unknown) => ((value as number | undefined) ?? 0) + 1 }) as const;

/** What another process stores meanwhile: these keys, under a version of its own. */
export async function writeElsewhere(store: MemoryStore, key: SessionKey, data: object): Promise<void> {
  const now = store.findSync(key);
  if (now === null || now.closed !== undefined) throw new Error('There is no such session to write to.');
  const merged = JSON.stringify({ ...(JSON.parse(now.data) as object), ...data });
  const isStored = await MemoryStore.prototype.replace.call(
    store,
    { ...now, data: merged, version: newVersion() },
    now.version,
  );
  if (!isStored) throw new Error('The write was meant to land.');
}

/** Runs before the first `times` calls of one name, as another process would. */
export const beforeCalls =
  (name: CallName, times: number, work: (call: StoreCall) => Promise<void>): Bend =>
  async (call, go) => {
    if (call.name === name && call.nth <= times) await work(call);
    return go();
  };

/** The outcome of a promise and the time of the clock at which it came, or `null` while there is none. */
export function watch<T>(promise: Promise<T>, clock: Clock) {
  const seen: { value?: T; error?: unknown; at: number | null } = { at: null };
  promise.then(
    (value) => Object.assign(seen, { value, at: clock.now() }),
    (error: unknown) => Object.assign(seen, { error, at: clock.now() }),
  );
  return seen;
}

/** Waits until something has come about, a hundred turns of the event loop at most. */
export async function until(isReached: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100 && !isReached(); turn++) await later();
}

/** The outcome of work, while the clock goes on as it needs: pauses between attempts are those of the clock. */
export async function driven<T>(clock: TestClock, work: Promise<T>): Promise<T> {
  const seen = watch(work, clock);
  for (let ms = 0; ms < 10_000 && seen.at === null; ms++) await clock.advance(1);
  return seen.at === null ? Promise.reject(new Error('It never ended.')) : work;
}

// What a file store is asked to do while calls fail, and what must be true afterwards. Knows no test.
import { existsSync, readdirSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

import { isBroken, type Page, type SessionKey, type SessionRecord } from '../../src/core/contract.js';
import { SessionError } from '../../src/core/errors.js';
import { closedRecord, newVersion } from '../../src/core/record.js';
import { handleOf } from '../../src/core/ids.js';
import type { SessionId } from '../../src/core/contract.js';
import { FileStore, type FileStoreOptions, type FileStoreReport } from '../../src/stores/file-store.js';
import { FailingFs, HurriedClock, type Fault } from './failing-fs.js';

export const HOUR = 3_600_000;
const MINUTE = 60_000;
const OWNER = 'ann';

export type Mode = Required<Pick<FileStoreOptions, 'io' | 'durability'>>;
type State = SessionRecord | null;
type Names = 'one' | 'two' | 'old' | 'fresh' | 'later';

export interface FileWorld {
  readonly path: string;
  readonly clock: HurriedClock;
  readonly failing: FailingFs;
  /** The store whose calls fail. */
  readonly store: FileStore;
  /** Another one, whose calls do not. */
  readonly sound: FileStore;
  /** `one` and `two` are there; `old` has expired; `fresh` and `later` are not there. */
  readonly records: Readonly<Record<Names, SessionRecord>>;
}

export interface Scenario {
  readonly name: string;
  /** The directory is not there yet. Otherwise it holds sessions, and the store has used it. */
  readonly isFirstUse?: true;
  /** The store has read the session. */
  readonly isRead?: true;
  readonly io?: 'sync';
  run(world: FileWorld): Promise<unknown>;
  /** Whether what a success says is so. */
  isTrue(result: unknown, world: FileWorld): boolean;
  /** The one session that it changes. */
  change?(world: FileWorld): { readonly from: State; readonly to: State; readonly key: SessionKey };
}

export const keyFor = (name: string): SessionKey => handleOf(name as SessionId) as string as SessionKey;

export function recordFor(name: string, now: number, extra: Partial<SessionRecord> = {}): SessionRecord {
  return {
    v: 1,
    key: keyFor(name),
    data: JSON.stringify({ name, filling: 'x'.repeat(40) }),
    version: newVersion(),
    createdAt: now,
    deadlineAt: null,
    idleMs: HOUR,
    expiresAt: now + HOUR,
    ...extra,
  };
}

export async function createFileWorld(
  path: string,
  mode: Mode,
  { isFirstUse = false, isRead = false }: { isFirstUse?: boolean; isRead?: boolean } = {},
): Promise<FileWorld> {
  // Ahead of the times that files get: what expired a minute ago has not been created just now.
  const clock = new HurriedClock(Date.now() + 5_000);
  const failing = new FailingFs();
  const now = clock.now();
  const records = {
    one: recordFor('one', now, { owner: OWNER }),
    two: recordFor('two', now, { owner: OWNER }),
    old: recordFor('old', now, { owner: OWNER, expiresAt: now - MINUTE }),
    fresh: recordFor('fresh', now),
    later: recordFor('later', now),
  };
  const sound = new FileStore({ path, clock, cleanupInterval: 0 });
  const store = new FileStore({ path, clock, cleanupInterval: 0, fs: failing.fs, ...mode });
  if (!isFirstUse) {
    for (const record of [records.one, records.two, records.old]) await sound.insert(record);
    await store.ensureDirectory();
  }
  if (isRead) await store.find(records.one.key);
  return { path, clock, failing, store, sound, records };
}

const isAll = (page: Page, { one, two }: FileWorld['records']): boolean =>
  [one, two].every((record) =>
    page.records.some(
      (entry) => entry.key === record.key && (isBroken(entry) || isDeepStrictEqual(entry, record)),
    ),
  );

const replacing = (
  name: string,
  next: (one: SessionRecord, now: number) => SessionRecord,
  isRead?: true,
): Scenario => {
  const made = new WeakMap<FileWorld, SessionRecord>();
  const of = (world: FileWorld): SessionRecord => {
    const found = made.get(world) ?? next(world.records.one, world.clock.now());
    made.set(world, found);
    return found;
  };
  return {
    name,
    ...(isRead === undefined ? null : { isRead }),
    run: (world) => world.store.replace(of(world), world.records.one.version),
    isTrue: (result) => result === true,
    change: (world) => ({ key: world.records.one.key, from: world.records.one, to: of(world) }),
  };
};

const extending = (name: string, ms: number): Scenario => {
  const to = ({ records: { one } }: FileWorld): SessionRecord => ({
    ...one,
    expiresAt: (one.expiresAt ?? 0) + ms,
  });
  return {
    name,
    run: (world) => world.store.extend(world.records.one.key, to(world).expiresAt),
    isTrue: (result) => result === true,
    change: (world) => ({ key: world.records.one.key, from: world.records.one, to: to(world) }),
  };
};

const inserting = (name: string, extra: Partial<SessionRecord>, isFirstUse?: true): Scenario => ({
  name,
  ...(isFirstUse === undefined ? null : { isFirstUse }),
  run: ({ store, records: { fresh } }) => store.insert({ ...fresh, ...extra }),
  isTrue: (result) => result === true,
  change: ({ records: { fresh } }) => ({ key: fresh.key, from: null, to: { ...fresh, ...extra } }),
});

export const SCENARIOS: readonly Scenario[] = [
  inserting('insert', {}),
  inserting('insert with an owner', { owner: 'bob' }),
  inserting('the first use of a directory', { owner: 'bob' }, true),
  replacing('replace', (one) => ({ ...one, version: newVersion(), data: '{"new":true}' })),
  replacing(
    'replace of what was read',
    (one) => ({ ...one, version: newVersion(), data: '{"new":true}' }),
    true,
  ),
  replacing('replace that closes', (one, now) => closedRecord(one, now)),
  extending('extend', 20 * MINUTE),
  extending('extend that rewrites', 50 * MINUTE),
  {
    name: 'remove',
    run: ({ store, records: { one } }) => store.remove(one.key),
    isTrue: (result) => result === true,
    change: ({ records: { one } }) => ({ key: one.key, from: one, to: null }),
  },
  {
    name: 'find',
    run: ({ store, records: { one } }) => store.find(one.key),
    isTrue: (result, { records: { one } }) => isDeepStrictEqual(result, one),
  },
  {
    name: 'findSync',
    io: 'sync',
    run: async ({ store, records: { one } }) => Promise.resolve(store.findSync(one.key)),
    isTrue: (result, { records: { one } }) => isDeepStrictEqual(result, one),
  },
  {
    name: 'page',
    run: ({ store }) => store.page({ limit: 10 }),
    isTrue: (result, { records }) => isAll(result as Page, records),
  },
  {
    name: 'page of a user',
    run: ({ store }) => store.page({ limit: 10, owner: OWNER }),
    isTrue: (result, { records }) => isAll(result as Page, records),
  },
  { name: 'count', run: ({ store }) => store.count(), isTrue: (result) => result === 3 },
  {
    name: 'removeExpired',
    run: ({ store }) => store.removeExpired(10),
    // None if an attempt that failed half-way has removed it.
    isTrue: (result, { store, records: { old } }) =>
      result === 1 || (result === 0 && !existsSync(store._getFilePath(old.key))),
  },
  {
    name: 'verify',
    run: ({ store }) => store.verify(),
    isTrue: (result) => {
      const { sessions, broken, foreign } = result as FileStoreReport;
      return sessions === 2 && broken === 0 && foreign === 0;
    },
  },
  { name: 'ensureDirectory', run: ({ store }) => store.ensureDirectory(), isTrue: () => true },
];

export interface Outcome {
  readonly error?: unknown;
  readonly result?: unknown;
}

export async function outcomeOf(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { result: await work() };
  } catch (error) {
    return { error };
  }
}

/** Does a scenario while calls fail, then without; says what was not as it must be. */
export async function faultsOf(world: FileWorld, scenario: Scenario, fault: Fault): Promise<string[]> {
  const { failing, store, sound, records } = world;
  const wrong: string[] = [];
  const demand = (isSo: boolean, what: string): void => {
    if (!isSo) wrong.push(what);
  };
  const events: unknown[] = [];
  for (const each of [store, sound]) each.on('error', (event: unknown) => events.push(event));

  failing.set(fault);
  const outcome = await outcomeOf(() => scenario.run(world));
  const { failed } = failing;
  failing.set(null);
  const isRejected = 'error' in outcome;
  if (isRejected) demand(isTyped(outcome.error), `not typed: ${String(outcome.error)}`);
  else demand(scenario.isTrue(outcome.result, world), `not true: ${JSON.stringify(outcome.result)}`);
  if (failed.includes('fsync')) demand(isRejected, 'acknowledged what was not flushed');
  demand(failing.descriptors.size === 0, 'a descriptor was not closed');

  const changed = scenario.change?.(world);
  const all: [SessionKey, readonly State[]][] = scenario.isFirstUse
    ? []
    : [records.one, records.two].filter(({ key }) => key !== changed?.key).map((each) => [each.key, [each]]);
  if (changed !== undefined) all.push([changed.key, isRejected ? [changed.from, changed.to] : [changed.to]]);
  for (const [key, states] of all) {
    const seen = await outcomeOf(() => sound.find(key));
    demand(
      states.some((state) => isDeepStrictEqual(state, seen.result)),
      `another store found ${told(seen)}`,
    );
    const again = await outcomeOf(() => store.find(key));
    demand(isDeepStrictEqual(again, seen), `the store itself found ${told(again)}, another ${told(seen)}`);
  }
  // What failed is done when it is asked for again.
  if (isRejected) {
    const second = await outcomeOf(() => scenario.run(world));
    demand(!('error' in second), `failed again without a fault: ${String(second.error)}`);
    if (changed !== undefined)
      demand(isDeepStrictEqual(await sound.find(changed.key), changed.to), 'not done the second time');
    else demand(scenario.isTrue(second.result, world), `not true: ${JSON.stringify(second.result)}`);
  }
  await demandService(world, demand);
  await demandOrder(world, changed, demand);
  demand(events.length === 0, `reported ${String(events[0])}`);
  demand(failing.descriptors.size === 0, 'a descriptor was not closed later on');
  return wrong;
}

const isTyped = (error: unknown): boolean =>
  error instanceof SessionError &&
  ['ERR_SESSION_STORE', 'ERR_SESSION_DIRECTORY'].includes(error.code) &&
  error.cause !== undefined &&
  error.status === 503;

const told = ({ error, result }: Outcome): string =>
  error === undefined ? JSON.stringify(result) : (error as Error).message;

async function demandService(
  { store, sound, records: { later } }: FileWorld,
  demand: (isSo: boolean, what: string) => void,
): Promise<void> {
  const next = { ...later, version: newVersion(), data: '{"next":1}' };
  const { error, result } = await outcomeOf(async () => [
    await store.insert(later),
    await sound.find(later.key),
    await store.replace(next, later.version),
    await sound.find(later.key),
    await store.remove(later.key),
    await sound.find(later.key),
  ]);
  const isServed = isDeepStrictEqual(result, [true, later, true, next, true, null]);
  demand(isServed, `does not work afterwards: ${told({ error, result })}`);
}

/** Two minutes later a check of the directory leaves the files of the living sessions, and no others. */
async function demandOrder(
  { path, clock, sound, records }: FileWorld,
  changed: { readonly key: SessionKey; readonly to: State } | undefined,
  demand: (isSo: boolean, what: string) => void,
): Promise<void> {
  const keeper = new FileStore({
    path,
    cleanupInterval: 0,
    clock: new HurriedClock(clock.now() + 2 * MINUTE),
  });
  await keeper.verify();
  const again = await keeper.verify();
  demand(again.litter + again.broken + again.strayOwners === 0, `left litter: ${JSON.stringify(again)}`);
  const living: SessionRecord[] = [];
  for (const key of new Set([records.one.key, records.two.key, ...(changed ? [changed.key] : [])])) {
    const found = await keeper.find(key);
    if (found !== null) living.push(found);
    if (key !== changed?.key) continue;
    const isThere = changed.to !== null && changed.to.closed === undefined;
    demand((found !== null) === isThere, `is ${told({ result: found })} after the check`);
    demand(isThere || (await sound.find(key)) === null, 'came back');
  }
  const files = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name.replace(/@.*/, '@'));
  const expected = ['.session-store-js'];
  for (const { key, owner } of living) {
    const name = key.slice('sha256:'.length);
    expected.push(name, `${name}@`, ...(owner === undefined ? [] : [name]));
  }
  const found = files.sort().join(' ');
  demand(found === expected.sort().join(' '), `files: ${found}`);
}

// What the tests of scheduled renewal share: managers that renew every hour, on our own stores behind faults, on a
// clock that stands still. Knows no test.
import type { SessionManagerOptions } from '../../src/http/options.js';
import type { SessionData } from '../../src/session-data.js';
import { FileStore, type FileStoreOptions } from '../../src/stores/file-store.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { systemClock, type Clock } from '../../src/core/clock.js';
import { isBroken, type SessionRecord } from '../../src/core/contract.js';
import type { RecordStore } from '../../src/stores/store.js';
import { faultyStore, type FaultyStore } from '../../src/testing/faulty-store.js';
import { TestClock } from '../support/clock.js';
import { freshPath } from '../support/directory.js';
import { createGate, createWorld, query, type World } from './world.js';
import type { Client } from '../support/http.js';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

export interface MovableClock extends Clock {
  advance(ms: number): Promise<void>;
}

/** Runs as the real one does, for what waits between two attempts, and can be set forward. */
export function runningClock(): MovableClock {
  let leap = 0;
  return {
    now: () => systemClock.now() + leap,
    after: (ms, callback) => systemClock.after(ms, callback),
    advance(ms) {
      leap += ms;
      return Promise.resolve();
    },
  };
}

export interface Backing {
  /** Where the sessions are, for stores that several processes can open. */
  readonly files?: FileStoreOptions;
}

export const STORES: readonly (readonly [string, () => Backing])[] = [
  ['memory', () => ({})],
  ['files', () => ({ files: { path: freshPath() } })],
  ['files, through the thread pool', () => ({ files: { path: freshPath(), io: 'async' } })],
];

/** Stores that another manager can open too. */
export const SHARED_STORES = STORES.filter(([name]) => name !== 'memory');

interface Renewed {
  readonly handle: string;
  readonly reason: string;
  readonly from: string;
}
interface Suspect {
  readonly reason: string;
  readonly handle?: string;
}

export interface RenewingWorld
  extends
    Omit<World, 'clock' | 'memory' | 'store' | 'faults' | 'calls'>,
    Pick<FaultyStore<RecordStore>, 'faults' | 'calls'> {
  readonly clock: MovableClock;
  /** The store behind the faults. */
  readonly store: RecordStore;
  readonly backing: Backing;
  readonly renewed: Renewed[];
  readonly suspects: Suspect[];
  /** The records that are not closed. */
  living(): Promise<SessionRecord[]>;
  /** A request that has read its session and waits in its handler until `go`. */
  begin(client: Client, work: Parameters<World['on']>[1]): Promise<{ finish(): ReturnType<Client['get']> }>;
}

export type Options = Partial<SessionManagerOptions<SessionData>>;

/** Renews every hour. Answers `/login?user=`, `/set?key=`, `/assign?key=`, `/all`, `/logout`, `/destroy`, `/unused`. */
export async function createRenewing(
  backing: Backing = {},
  options: Options = {},
  clock: MovableClock = new TestClock(Date.now()),
): Promise<RenewingWorld> {
  const store =
    backing.files === undefined
      ? new MemoryStore({ clock, cleanupInterval: 0 })
      : new FileStore({ clock, cleanupInterval: 0, ...backing.files });
  const faulty = faultyStore<RecordStore>(store);
  const world = await createWorld({
    ...{ clock, store: faulty.store, renewEvery: '1h', maxAge: '4h', absoluteTimeout: '24h' },
    // Many calls time out where the clock is set forward, and a breaker opens for a time that is not this clock's.
    breaker: false,
    ...options,
  });
  const { on, sessions } = world;
  const renewed: Renewed[] = [];
  const suspects: Suspect[] = [];
  sessions.on('renewed', (facts) => renewed.push(facts));
  sessions.on('suspicious', ({ reason, handle }) =>
    suspects.push({ reason, ...(handle === undefined ? null : { handle }) }),
  );
  on('/login', async (req, res) => {
    await sessions.login(req, query(req, 'user') || 'ada', { keepData: true });
    res.end();
  });
  on('/set', async (req, res) => {
    await sessions.set(req, query(req, 'key'), true);
    res.end();
  });
  on('/assign', async (req, res) => {
    await sessions.load(req);
    sessions.session(req)[query(req, 'key')] = true;
    res.end();
  });
  on('/all', async (req, res) => {
    res.json(await sessions.all(req));
  });
  on('/logout', async (req, res) => {
    res.json(await sessions.logout(req));
  });
  on('/unused', (_req, res) => {
    res.end();
  });
  let paths = 0;
  return {
    ...world,
    faults: faulty.faults,
    calls: faulty.calls,
    ...{ clock, store, backing, renewed, suspects },
    async living() {
      const records: SessionRecord[] = [];
      for await (const entry of store.scan())
        if (!isBroken(entry) && entry.closed === undefined) records.push(entry);
      return records;
    },
    async begin(client, work) {
      const [arrived, go] = [createGate(), createGate()];
      const path = `/waiting${String(paths++)}`;
      on(path, async (req, res) => {
        await sessions.load(req);
        arrived.open();
        await go.opened;
        await work(req, res);
      });
      const answer = client.get(path);
      await arrived.opened;
      return {
        finish() {
          go.open();
          return answer;
        },
      };
    },
  };
}

/** Another process: a manager of its own on the same files and with the same time. */
export const elsewhere = (world: RenewingWorld, options: Options = {}): Promise<RenewingWorld> =>
  createRenewing(world.backing, options, world.clock);

/** A browser of another server of the same site. */
export function movedTo(client: Client, world: RenewingWorld): Client {
  const other = world.browser();
  other.cookie = client.cookie;
  return other;
}

/** Events are told a moment later. */
export const told = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

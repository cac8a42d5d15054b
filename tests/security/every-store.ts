// One small app on every store, for rules that hold whatever the store is. Knows no test.
import session from 'express-session';

import type { Clock } from '../../src/core/clock.js';
import type { SessionId, SessionRecord } from '../../src/core/contract.js';
import { newVersion } from '../../src/core/record.js';
import type { SessionManagerOptions } from '../../src/http/options.js';
import { Signer } from '../../src/core/signing.js';
import type { SessionData } from '../../src/session-data.js';
import { fromExpressStore } from '../../src/stores/adapted-store.js';
import { FileStore } from '../../src/stores/file-store.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import type { RecordStore } from '../../src/stores/store.js';
import { codeOf, createGate, createWorld, type World } from '../session-manager/world.js';
import { TestClock } from '../support/clock.js';
import { freshPath } from '../support/directory.js';
import { SECRET } from '../support/secret.js';

export const HOUR = 3_600_000;

type MakeStore = (clock: Clock) => RecordStore;

/** The store of express-session itself looks at the real time: tests of expiry leave it out. */
export const OWN_STORES: readonly (readonly [string, MakeStore])[] = [
  ['memory', (clock) => new MemoryStore({ clock, cleanupInterval: 0 })],
  ['memory, plain ids', (clock) => new MemoryStore({ clock, cleanupInterval: 0, idAtRest: 'plain' })],
  ['files', (clock) => new FileStore({ clock, cleanupInterval: 0, path: freshPath() })],
  [
    'files, through the thread pool',
    (clock) => new FileStore({ clock, cleanupInterval: 0, path: freshPath(), io: 'async' }),
  ],
];

export const STORES: typeof OWN_STORES = [
  ...OWN_STORES,
  ['adapted', (clock) => fromExpressStore(new session.MemoryStore(), { clock })],
];

export interface App extends Pick<World, 'browser' | 'client' | 'errors' | 'on' | 'sessions' | 'warnings'> {
  readonly store: RecordStore;
  readonly testClock: TestClock;
  /** A request that reads its session, waits while `meanwhile` runs, and then does `work`: gives its codes. */
  late(work: (req: LateRequest) => Promise<unknown>[], meanwhile: () => Promise<unknown>): Promise<unknown>;
}

export type LateRequest = Parameters<Parameters<World['on']>[1]>[0];

/** Answers `/set`, `/get`, `/destroy` and `/regenerate`. */
export async function openApp(
  make: MakeStore,
  options: Partial<SessionManagerOptions<SessionData>> = {},
): Promise<App> {
  const testClock = new TestClock(Date.now());
  const store = make(testClock);
  const world = await createWorld({ store, clock: testClock, ...options });
  const { client, on, sessions } = world;
  on('/set', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  on('/get', async (req, res) => {
    res.json((await sessions.get(req, 'a')) ?? null);
  });
  on('/destroy', async (req, res) => {
    res.json(await sessions.destroy(req));
  });
  on('/regenerate', async (req, res) => {
    await sessions.regenerate(req, { keepData: true });
    res.end();
  });
  let count = 0;
  return {
    ...world,
    store,
    testClock,
    async late(work, meanwhile) {
      const [arrived, go] = [createGate(), createGate()];
      const path = `/late${count++}`;
      on(path, async (req, res) => {
        await sessions.load(req);
        arrived.open();
        await go.opened;
        res.json(await Promise.all(work(req).map(codeOf)));
      });
      const answer = client.clone().get(path);
      await arrived.opened;
      await meanwhile();
      go.open();
      return JSON.parse((await answer).body) as unknown;
    },
  };
}

export const signed = (id: string, name = 'sid', secret = SECRET): string =>
  `${name}=${new Signer(name, [secret]).sign(id as SessionId)}`;

/** Puts a session into a store, as if it had been there. */
export async function plant(
  { store, testClock }: Pick<App, 'store' | 'testClock'>,
  id: string,
  extra: Partial<SessionRecord> = {},
): Promise<SessionRecord> {
  const record: SessionRecord = {
    v: 1,
    key: store.keyOf(id as SessionId),
    data: '{"a":1}',
    version: newVersion(),
    createdAt: testClock.now(),
    deadlineAt: null,
    idleMs: HOUR,
    expiresAt: testClock.now() + HOUR,
    ...extra,
  };
  if (!(await store.insert(record))) throw new Error('There is one already.');
  return record;
}

// What the tests of logins and users share: an app with an account page on every kind of store, each behind faults that
// a test can arm. Knows no test.
import type { Request } from 'express';
import session from 'express-session';

import type { Clock } from '../../src/core/clock.js';
import { isBroken, type SessionRecord } from '../../src/core/contract.js';
import { handleOf } from '../../src/core/ids.js';
import type { SessionId } from '../../src/core/contract.js';
import type { SessionManagerOptions } from '../../src/http/options.js';
import type { UserSession } from '../../src/http/user-sessions.js';
import type { SessionData } from '../../src/session-data.js';
import { fromExpressStore } from '../../src/stores/adapted-store.js';
import { FileStore } from '../../src/stores/file-store.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import type { RecordStore } from '../../src/stores/store.js';
import { createFakeClock, type FakeClock } from '../../src/testing/fake-clock.js';
import { faultyStore, type FaultyStore } from '../../src/testing/faulty-store.js';
import { freshPath } from '../support/directory.js';
import type { Client } from '../support/http.js';
import { createGate, createWorld, query, type Handler, type World } from './world.js';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

type RequestOptions = Parameters<Client['get']>[1];
type MakeStore = (clock: Clock) => RecordStore;

/** Those that can refuse sessions by the time they began. */
export const OWN_STORES: readonly (readonly [string, MakeStore])[] = [
  ['memory', (clock) => new MemoryStore({ clock, cleanupInterval: 0 })],
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

export interface Users
  extends Pick<World, 'app' | 'browser' | 'client' | 'errors' | 'on' | 'sessions'>, FaultyStore<RecordStore> {
  readonly clock: FakeClock;
  /** The store behind the faults. */
  readonly behind: RecordStore;
  /** A browser in which this user has logged in. */
  device(user: string, as?: string): Promise<Client>;
  /** Whose session a browser has; null without. */
  userIn(client: Client): Promise<string | null>;
  list(user: string): Promise<UserSession[]>;
  /** The living sessions of a user as the store has them. */
  records(user?: string): Promise<SessionRecord[]>;
  /** Starts a request that reads its session and waits; `go` lets it do its work, and gives the answer. */
  slow(client: Client, work: Handler, options?: RequestOptions): Promise<{ go(): Promise<string> }>;
}

/**
 * Answers `/login?user&keep&remember`, `/logout`, `/me`, `/set?cart`, `/all`. The clock starts now, because the store of
 * express-session looks at the real time.
 */
export async function openUsers(
  make: MakeStore = (clock) => new MemoryStore({ clock, cleanupInterval: 0 }),
  options: Partial<SessionManagerOptions<SessionData>> & { realClock?: Clock } = {},
): Promise<Users> {
  const { realClock, ...rest } = options;
  const fake = createFakeClock(Date.now());
  const clock = realClock ?? fake;
  const behind = make(clock);
  const faulty = faultyStore(behind, { clock });
  const world = await createWorld({ clock, ...rest, store: faulty.store });
  const { sessions, on, browser } = world;
  on('/login', async (req, res) => {
    const [keepData, remember] = ['keep', 'remember'].map((name) => query(req, name) !== '');
    await sessions.login(req, query(req, 'user'), {
      keepData: keepData === true,
      remember: remember === true,
    });
    res.send('in');
  });
  on('/logout', async (req, res) => {
    res.json(await sessions.logout(req));
  });
  on('/me', async (req, res) => {
    res.json((await sessions.userOf(req)) ?? null);
  });
  on('/set', async (req, res) => {
    await sessions.set(req, 'cart', query(req, 'cart'));
    res.end();
  });
  on('/all', async (req, res) => {
    res.json(await sessions.all(req));
  });
  const records = async (user?: string): Promise<SessionRecord[]> => {
    const found: SessionRecord[] = [];
    for await (const entry of behind.scan(user === undefined ? {} : { owner: user }))
      if (!isBroken(entry)) found.push(entry);
    return found;
  };
  let slows = 0;
  return {
    ...world,
    ...faulty,
    clock: fake,
    behind,
    records,
    async device(user, as = '') {
      const client = browser();
      await client.get(`/login?user=${user}`, { headers: { 'user-agent': as } });
      return client;
    },
    userIn: async (client) => JSON.parse((await client.get('/me')).body) as string | null,
    list: (user) => sessions.ofUser(user).list(),
    async slow(client, work, options) {
      const [arrived, opened] = [createGate(), createGate()];
      const path = `/slow${String(slows++)}`;
      on(path, async (req, res) => {
        await sessions.load(req);
        arrived.open();
        await opened.opened;
        await work(req, res);
      });
      const answer = client.get(path, options);
      await arrived.opened;
      return {
        async go() {
          opened.open();
          return (await answer).body;
        },
      };
    },
  };
}

/** The secret in a browser's cookie. */
export function idIn(client: Client): SessionId {
  const [id = ''] = (client.jar.get('sid') ?? '').split('.');
  return id as SessionId;
}

/** The only name of a browser's session that may be shown. */
export const handleIn = (client: Client): string => handleOf(idIn(client));

/** What a browser says it is. */
export const agentOf = (req: Pick<Request, 'headers'>): object => ({
  agent: req.headers['user-agent'] ?? '',
});

// What the tests of the Redis store share: stores on a real server with a clock that stands still, records for them, and
// what the server says of itself. Knows no test.
import type { SessionId, SessionKey, SessionRecord } from '../../src/core/contract.js';
import { newVersion } from '../../src/core/record.js';
import { RedisStore, type RedisStoreOptions } from '../../src/stores/redis-store.js';
import { createFakeClock, type FakeClock } from '../../src/testing/fake-clock.js';
import { CLIENTS, type Connect, type ConnectedClient } from './redis-clients.js';

export const HOUR = 3_600_000;

export interface RedisWorld {
  readonly store: RedisStore;
  readonly clock: FakeClock;
  readonly connection: ConnectedClient;
  /** What the store calls the session with this id. */
  keyOf(id: string): SessionKey;
  /** Its name in Redis. */
  nameOf(id: string): string;
  /** As the manager makes them. */
  record(id: string, extra?: Partial<SessionRecord>): SessionRecord;
  add(id: string, extra?: Partial<SessionRecord>): Promise<SessionRecord>;
  /** The ids of these keys' sessions, in order. */
  idsOf(records: Iterable<{ readonly key: SessionKey }>): string[];
}

const endings: (() => unknown)[] = [];

/** Ends every connection of a test; for `afterEach`. */
export async function closeRedisWorlds(): Promise<void> {
  for (const end of endings.splice(0)) await end();
}

export async function connected(connect: Connect, port: number): Promise<ConnectedClient> {
  const connection = await connect(port);
  endings.push(() => connection.close());
  return connection;
}

export async function redisWorld(
  connect: Connect,
  port: number,
  options: Partial<RedisStoreOptions> = {},
  clock = createFakeClock(Date.now()),
): Promise<RedisWorld> {
  const connection = await connected(connect, port);
  const store = new RedisStore({ clock, client: connection.client, ...options });
  const ids = new Map<SessionKey, string>();
  const keyOf = (id: string): SessionKey => {
    const key = store.keyOf(id as SessionId);
    ids.set(key, id);
    return key;
  };
  const record = (id: string, extra: Partial<SessionRecord> = {}): SessionRecord => ({
    v: 1,
    key: keyOf(id),
    data: JSON.stringify({ name: id }),
    version: newVersion(),
    createdAt: clock.now(),
    deadlineAt: null,
    idleMs: HOUR,
    expiresAt: clock.now() + HOUR,
    ...extra,
  });
  return {
    store,
    clock,
    connection,
    keyOf,
    nameOf: (id) => `${options.prefix ?? 'sess:'}${keyOf(id)}`,
    record,
    async add(id, extra) {
      const added = record(id, extra);
      if (!(await store.insert(added))) throw new Error(`${id} is there already.`);
      return added;
    },
    idsOf: (records) => [...records].map(({ key }) => ids.get(key) ?? key),
  };
}

/** A server's answers as texts, whatever the client makes of numbers. */
export type Ask = (command: string, ...args: string[]) => Promise<unknown>;

/** Speaks with the server past every store; not ended by `closeRedisWorlds`. */
export async function administrator(port: number): Promise<{ ask: Ask; close(): void }> {
  const [[, connect]] = CLIENTS as [(typeof CLIENTS)[number]];
  const { ask, close } = await connect(port);
  return { ask: (command, ...args) => ask('', command, ...args), close };
}

/** A number in what INFO says. */
export async function infoOf(ask: Ask, section: string, name: string): Promise<number> {
  const found = new RegExp(`^${name}:(\\d+)`, 'm').exec(String(await ask('INFO', section)));
  return Number(found?.[1]);
}

/** How often each command came since `CONFIG RESETSTAT`, those in scripts included; the administrator's own left out. */
export async function commandsOf(ask: Ask): Promise<Record<string, number>> {
  const lines = String(await ask('INFO', 'commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
  const counts = [...lines].map(([, name = '', calls]) => [name, Number(calls)] as const);
  return Object.fromEntries(counts.filter(([name]) => !/^(info|config\b)/.test(name)));
}

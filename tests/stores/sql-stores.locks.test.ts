// Rows that other transactions have locked: a deadlock is tried again, and who waited decides by what was left.
import type { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { onSql, type SqlWorld } from '../support/on-sql.js';
import type { OpenDatabase } from '../support/sql-drivers.js';
import { HOUR, storeWorld } from '../support/sql-world.js';

/** What a transaction has changed besides: the database gives way to the one that did more. */
const MANY = 100;
/** The server answers with what it knew before, if it is asked again sooner. */
const LOOK_MS = 150;

interface Connection {
  query(sql: string): Promise<unknown>;
  release(): void;
}

const WAITING: Readonly<Record<string, string>> = {
  PostgreSQL: "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
  MariaDB: "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
};

async function connectionOf({ engine }: SqlWorld, { client, ask }: OpenDatabase): Promise<Connection> {
  if (engine === 'SQLite') return { query: ask, release: () => undefined };
  const { getConnection, connect } = client as Record<string, (() => Promise<Connection>) | undefined>;
  return (getConnection ?? connect)?.call(client) as Promise<Connection>;
}

/** Works in a transaction, which is undone unless `work` commits. */
async function inTransaction(
  world: SqlWorld,
  work: (query: Connection['query'], somebodyWaits: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const [mine, other] = [await world.open(), await world.open()];
  // A server that stops right after them still tells its clients so; no store listens for these.
  for (const { client } of [mine, other]) (client as Partial<EventEmitter>).on?.('error', () => undefined);
  const connection = await connectionOf(world, mine);
  let isOver = false;
  try {
    await connection.query(world.engine === 'SQLite' ? 'BEGIN IMMEDIATE' : 'BEGIN');
    await work(
      (sql) => connection.query(sql),
      async () => {
        while (!isOver && (await other.ask(WAITING[world.engine] ?? '')).length === 0) await sleep(LOOK_MS);
      },
    );
  } finally {
    isOver = true;
    await connection.query('ROLLBACK');
    connection.release();
  }
}

onSql((world) => {
  it('reads what another transaction has locked, as it was', async () => {
    const { store, add, table, idsOn } = await storeWorld(world);
    const added = await add('x');
    await inTransaction(world, async (query) => {
      await query(`UPDATE ${table} SET version = 'theirs', data = '{}'`);
      expect(await store.find(added.key)).toEqual(added);
      expect(idsOn(await store.page({ limit: 10 }))).toEqual(['x']);
      expect(await store.count()).toBe(1);
    });
  });

  // It has one lock for everything; sql-stores.busy-file.test.ts is about that one.
  if (world.engine === 'SQLite') return;

  it('tries again what the database took back because of a deadlock', async () => {
    const { store, add, table, keyOf } = await storeWorld(world);
    const [first, last] = [await add('first', { owner: 'ada' }), await add('last', { owner: 'ada' })];
    const changed = (key: string): string => `UPDATE ${table} SET meta = '{}' WHERE session_key = '${key}'`;
    await inTransaction(world, async (query, somebodyWaits) => {
      const rows = Array.from({ length: MANY }, (_, at) => `('user ${String(at)}', 1)`);
      await query(`INSERT INTO ${table}_revoked (owner, before_at) VALUES ${rows.join(', ')}`);
      await query(changed(last.key));
      const cleared = store.clear().then(
        () => null,
        (error: unknown) => error,
      );
      await somebodyWaits();
      // The store has the first one and waits for the last one: from here on each waits for the other.
      await query(changed(first.key));
      await query('COMMIT');
      expect(await cleared).toBeNull();
    });
    expect(await store.count()).toBe(0);
    expect(await store.find(keyOf('last'))).toBeNull();
  });

  it('waits for a row that another transaction has, and decides by what that one left', async () => {
    const { store, add, table } = await storeWorld(world);
    const added = await add('x');
    await inTransaction(world, async (query, somebodyWaits) => {
      await query(`UPDATE ${table} SET version = 'theirs' WHERE session_key = '${added.key}'`);
      const replaced = store.replace({ ...added, version: 'mine' }, added.version);
      await somebodyWaits();
      await query('COMMIT');
      expect(await replaced).toBe(false);
    });
    expect(await store.find(added.key)).toMatchObject({ version: 'theirs' });
  });

  it('sweeps what nobody has locked, or waits, and misses nothing', async () => {
    const { store, add, table, clock } = await storeWorld(world);
    const locked = await add('locked');
    for (let at = 0; at < 5; at++) await add(`x${String(at)}`);
    clock.advance(HOUR);
    let swept: Promise<number> | undefined;
    await inTransaction(world, async (query, somebodyWaits) => {
      await query(`UPDATE ${table} SET meta = '{}' WHERE session_key = '${locked.key}'`);
      swept = store.removeExpired(10);
      await Promise.race([swept, somebodyWaits()]);
    });
    expect((await swept) ?? 0).toBeGreaterThanOrEqual(5);
    await store.removeExpired(10);
    expect(await store.count()).toBe(0);
  });
});

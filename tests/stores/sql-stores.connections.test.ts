// Connections that the server cuts while nobody uses them: no process ends, the store tells of it, and a pool goes on.
import type { EventEmitter } from 'node:events';

import { withCode } from '../support/failures.js';
import { onSql } from '../support/on-sql.js';
import type { Engine, OpenDatabase } from '../support/sql-drivers.js';
import { failureOf, storeWorld } from '../support/sql-world.js';

const LISTED: Readonly<Record<Exclude<Engine, 'SQLite'>, string>> = {
  PostgreSQL:
    "SELECT pid AS id FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
  MariaDB: "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user = 'root'",
};

/** Cuts all connections but this one, and waits until the server has none of them. */
async function cutOthers(engine: Exclude<Engine, 'SQLite'>, { ask }: OpenDatabase): Promise<number> {
  const others = (await ask(LISTED[engine])).map(({ id }) => String(id));
  for (const id of others)
    await ask(engine === 'PostgreSQL' ? `SELECT pg_terminate_backend(${id})` : `KILL ${id}`);
  while ((await ask(LISTED[engine])).some(({ id }) => others.includes(String(id))))
    await new Promise(setImmediate);
  return others.length;
}

const isPool = (driver: string): boolean => driver.startsWith('a pool') || driver.startsWith('a Pool');

onSql(
  (world) => {
    const { engine, driver } = world;

    it('leaves nothing on the client of a store that is closed, however often, and the client open', async () => {
      const { store, database, add, clock, table } = await storeWorld(world);
      const emitter = database.client as Partial<EventEmitter>;
      const listeners = (): number => emitter.listenerCount?.('error') ?? 0;
      const before = listeners();
      const others = [database.store({ clock, table }), database.store({ clock, table })];
      expect(clock.pending).toBe(2);
      if (engine === 'PostgreSQL') expect(listeners()).toBe(before + 2);
      for (const other of [...others, ...others]) await other.close();
      expect(listeners()).toBe(before);
      expect(clock.pending).toBe(0);
      const added = await add('x');
      expect(await store.find(added.key)).toEqual(added);
    });

    if (engine === 'SQLite') return;

    it('outlives it when the server cuts idle connections, whoever listens', async () => {
      const { store, add, table } = await storeWorld(world);
      const added = await add('x');
      // More than one, so that a pool has several that nobody uses.
      await Promise.all([1, 2, 3].map(() => store.find(added.key)));
      const administrator = await world.open();
      await administrator.ask('SELECT 1');
      expect(await cutOthers(engine, administrator)).toBeGreaterThan(0);
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (isPool(driver)) expect(await store.find(added.key)).toEqual(added);
      else {
        const error = await failureOf(store.find(added.key));
        expect(error).toEqual(withCode('ERR_SESSION_STORE'));
        expect(error.message).toMatch(/the server cannot be reached|client is closed/);
      }
      expect(await administrator.ask(`SELECT 1 FROM ${table}`)).toHaveLength(1);
    });

    if (engine === 'PostgreSQL' || !isPool(driver))
      it('tells of it as an error event, without the names of what it was asked', async () => {
        const { store, add } = await storeWorld(world);
        const added = await add('id-of-a-session', { owner: 'user-of-the-session' });
        const administrator = await world.open();
        await administrator.ask('SELECT 1');
        const told = new Promise<Error>((resolve) => store.once('error', resolve));
        await cutOthers(engine, administrator);
        const error = await told;
        expect(error).toBeInstanceOf(Error);
        expect(error.message).toMatch(/terminat|closed|lost|ECONN/i);
        expect(error.message).not.toContain(added.key);
        expect(error).not.toHaveProperty('client');
      });
  },
  { drivers: 'all' },
);

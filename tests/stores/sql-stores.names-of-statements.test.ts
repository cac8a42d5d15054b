// PostgreSQL plans a named statement once for a connection. Where the connection does not know the name any more, as behind
// a pooler, or the plan became useless, the store goes on without names, and nobody notices.
import { Pool } from 'pg';

import type { SessionId } from '../../src/core/contract.js';
import { newVersion } from '../../src/core/record.js';
import { PostgresStore } from '../../src/stores/postgres-store.js';
import { POSTGRES, startPostgres } from '../support/services/postgres.js';
import { whereThereIs } from '../support/services/where.js';

whereThereIs(POSTGRES, () => {
  it.each([
    ['forgets the names', 'DEALLOCATE ALL'],
    ['finds a column of another type', 'ALTER TABLE sessions ALTER COLUMN data TYPE VARCHAR(1000)'],
  ])('a connection that %s still serves every call', async (_what, change) => {
    const server = await startPostgres();
    // One connection, so that it is this one that forgets.
    const pool = new Pool({ connectionString: server.url, max: 1 }).on('error', () => undefined);
    const namesKnown = async (): Promise<number> =>
      (await pool.query('SELECT FROM pg_prepared_statements')).rowCount ?? 0;
    const store = new PostgresStore({ client: pool, sweepInterval: 0 });
    const key = store.keyOf('an id of this test' as SessionId);
    const facts = { v: 1, data: '{"n":1}', createdAt: Date.now(), deadlineAt: null, idleMs: null } as const;
    const record = { ...facts, key, version: newVersion(), expiresAt: Date.now() + 60_000 };
    expect(await store.insert(record)).toBe(true);
    expect(await store.find(key)).toEqual(record);
    expect(await namesKnown()).toBe(2);
    await pool.query(change);
    expect(await store.find(key)).toEqual(record);
    const next = { ...record, data: '{"n":2}', version: newVersion() };
    expect(await store.replace(next, record.version)).toBe(true);
    expect(await store.find(key)).toEqual(next);
    expect(await store.remove(key)).toBe(true);
    expect(await store.find(key)).toBeNull();
    await store.close();
    await pool.end();
    await server.stop();
  });
});

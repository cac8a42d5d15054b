// A process of its own with an app on a file of SQLite that others use too. Its parent, sql-faults-processes.ts, tells it
// first which file and which port, and then what to do to its database.
import type { SqliteDatabase } from '../../src/stores/sqlite/client.js';
import { BETTER_SQLITE, DRIVERS, type OpenDriver } from './sql-drivers.js';
import { serveSessions } from './sql-load.js';

async function open(file: string, port: number): Promise<void> {
  if (!BETTER_SQLITE.isThere()) throw new Error(BETTER_SQLITE.advice);
  const database = await (DRIVERS.SQLite['better-sqlite3'] as OpenDriver)(file);
  const app = await serveSessions(database.store(), port);
  process.on('message', (sql: string) => {
    (database.client as SqliteDatabase).exec(sql);
    process.send?.('done');
  });
  process.send?.({ port: app.port });
}

// Its end is its parent's.
process.on('disconnect', () => process.exit());
process.once('message', ({ file, port }: { file: string; port: number }) => void open(file, port));
process.send?.('loaded');

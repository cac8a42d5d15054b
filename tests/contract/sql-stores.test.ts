// The SQL stores keep the contract on real databases. `SQL_CONTRACT=full` runs it under each driver and with each variant
// of the table; without it, under the driver that most applications use.
import { storeContract } from '../../src/testing/index.js';
import type { SqlStore } from '../../src/stores/sql/sql-store.js';
import type { SqlStoreOptions } from '../../src/stores/sql/options.js';
import { onSql } from '../support/on-sql.js';
import type { Engine, OpenDatabase } from '../support/sql-drivers.js';

const VARIANTS: readonly [string, SqlStoreOptions][] = [
  ['as it is', {}],
  ['ids plain at rest', { idAtRest: 'plain' }],
  ['columns with names of their own', { columns: { key: 'sid', data: 'sess', expiresAt: 'expire' } }],
];
/** The tables of other stores. */
const FORMATS: Partial<Readonly<Record<Engine, string>>> = {
  PostgreSQL: 'connect-pg-simple',
  MariaDB: 'express-mysql-session',
};
const isFull = process.env['SQL_CONTRACT'] === 'full';
const SHARED = ['page', 'removeExpired', 'count', 'revokeBefore', 'ping', 'close'] as const;

onSql(
  ({ engine, open, freshTable }) => {
    const format = FORMATS[engine];
    const variants: [string, object][] = isFull ? [...VARIANTS] : VARIANTS.slice(0, 1);
    if (format !== undefined) variants.push([`in the table of ${format}`, { format }]);
    describe.each(variants)('%s', (_variant, options) => {
      const databases = new Map<SqlStore, OpenDatabase>();
      const table = freshTable();
      const cases = storeContract<SqlStore>({
        create: async (clock) => {
          const database = await open();
          const store = database.store({ clock, table, sweepInterval: 0, ...options });
          databases.set(store, database);
          return store;
        },
        capabilities: engine === 'SQLite' ? [...SHARED, 'findSync'] : SHARED,
        breakReads: async (store) => {
          await databases.get(store)?.ask(`DROP TABLE ${table}`);
        },
        dispose: async (store) => {
          await store.close();
          // What is missing is made by then.
          await store.ping().catch(() => store.ping());
          for (const name of [table, `${table}_revoked`])
            await databases.get(store)?.ask(`DELETE FROM ${name}`);
        },
      });
      it.each(cases)('$name', ({ run }) => run());
    });
  },
  { drivers: isFull ? 'all' : 'first' },
);

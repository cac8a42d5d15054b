import type { ExpressStore } from '../../src/stores/express-store.js';
import { POSTGRES, startPostgres } from '../support/services/postgres.js';
import { storeCells } from './cells.js';
import { load, type StoreFactory } from './packages.js';

interface Pool {
  on(event: 'error', listener: () => void): void;
  end(): Promise<void>;
}

interface PgStore extends ExpressStore {
  close(): Promise<void>;
}

storeCells({
  name: 'connect-pg-simple',
  needs: POSTGRES,
  async make(session) {
    const { Pool } = load('pg') as { Pool: new (options: { connectionString: string }) => Pool };
    const factory = load('connect-pg-simple') as StoreFactory<
      { pool: Pool; createTableIfMissing: boolean },
      PgStore
    >;
    const PgStore = factory(session);
    const postgres = await startPostgres();
    const pool = new Pool({ connectionString: postgres.url });
    // The server may go before its last connections are closed.
    pool.on('error', () => undefined);
    const store = new PgStore({ pool, createTableIfMissing: true });
    return {
      store,
      async close() {
        await store.close();
        await pool.end();
        await postgres.stop();
      },
    };
  },
});

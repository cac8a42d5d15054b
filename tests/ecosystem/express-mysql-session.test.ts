import type { ExpressStore } from '../../src/stores/express-store.js';
import { MARIADB, startMariaDb } from '../support/services/mariadb.js';
import { storeCells } from './cells.js';
import { load, type SessionModule } from './packages.js';

interface Pool {
  end(): Promise<void>;
}

interface MySqlStore extends ExpressStore {
  onReady(): Promise<void>;
  close(): Promise<void>;
}

type Factory = (session: SessionModule) => new (options: object, pool: Pool) => MySqlStore;

storeCells({
  name: 'express-mysql-session',
  lists: true,
  needs: MARIADB,
  async make(session) {
    const { createPool } = load('mysql2/promise') as { createPool(url: string): Pool };
    const MySqlStore = (load('express-mysql-session') as Factory)(session);
    const mariadb = await startMariaDb();
    const pool = createPool(mariadb.url);
    const store = new MySqlStore({}, pool);
    await store.onReady();
    return {
      store,
      async close() {
        await store.close();
        await pool.end();
        await mariadb.stop();
      },
    };
  },
});

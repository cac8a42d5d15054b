import { once, type EventEmitter } from 'node:events';
import { promisify } from 'node:util';

import type { ExpressStore } from '../../src/stores/express-store.js';
import { storeCells } from './cells.js';
import { freshDirectory } from './directory.js';
import { load, type StoreFactory } from './packages.js';

interface SqliteStore extends ExpressStore {
  /** Says `connect` when the table is there. */
  readonly client: EventEmitter;
  readonly db: { close(callback: (error: Error | null) => void): void };
}

storeCells({
  name: 'connect-sqlite3',
  async make(session) {
    const factory = load('connect-sqlite3') as StoreFactory<{ dir: string; db: string }, SqliteStore>;
    const SqliteStore = factory(session);
    const store = new SqliteStore({ dir: freshDirectory(), db: 'sessions.db' });
    await once(store.client, 'connect');
    return { store, close: () => promisify(store.db.close.bind(store.db))() };
  },
});

import { join } from 'node:path';

import { storeCells } from './cells.js';
import { freshDirectory } from './directory.js';
import { load, type StoreFactory } from './packages.js';

interface Database {
  close(): void;
}

storeCells({
  name: 'better-sqlite3-session-store',
  make(session) {
    const Database = load('better-sqlite3') as new (path: string) => Database;
    const factory = load('better-sqlite3-session-store') as StoreFactory<{ client: Database }>;
    const SqliteStore = factory(session);
    const client = new Database(join(freshDirectory(), 'sessions.db'));
    // It starts a timer that nothing stops, and that keeps the process alive.
    const timers = jest.spyOn(globalThis, 'setInterval');
    const store = new SqliteStore({ client });
    const started = timers.mock.results.map(({ value }) => value as NodeJS.Timeout);
    timers.mockRestore();
    return {
      store,
      close() {
        for (const timer of started) clearInterval(timer);
        client.close();
      },
    };
  },
});

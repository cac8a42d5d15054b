import { join } from 'node:path';

import type { ExpressStore } from '../../src/stores/express-store.js';
import { freshDirectory } from './directory.js';
import { storeCells } from './cells.js';
import { load, type SessionModule } from './packages.js';

interface Database {
  close(): Promise<void>;
}

interface SequelizeStore extends ExpressStore {
  sync(): Promise<unknown>;
  stopExpiringSessions(): void;
}

type Factory = (Store: SessionModule['Store']) => new (options: { db: Database }) => SequelizeStore;

storeCells({
  name: 'connect-session-sequelize',
  async make(session) {
    const { Sequelize } = load('sequelize') as {
      Sequelize: new (options: { dialect: string; storage: string; logging: false }) => Database;
    };
    const SequelizeStore = (load('connect-session-sequelize') as Factory)(session.Store);
    const db = new Sequelize({
      dialect: 'sqlite',
      storage: join(freshDirectory(), 'session.sqlite'),
      logging: false,
    });
    const store = new SequelizeStore({ db });
    await store.sync();
    return {
      store,
      async close() {
        store.stopExpiringSessions();
        await db.close();
      },
    };
  },
});

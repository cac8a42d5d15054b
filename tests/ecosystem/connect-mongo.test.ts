import { randomBytes } from 'node:crypto';

import type { ExpressStore } from '../../src/stores/express-store.js';
import { storeCells } from './cells.js';
import { load } from './packages.js';

interface MongoStore extends ExpressStore {
  clear(): Promise<unknown>;
  close(): Promise<void>;
}

interface MongoStoreClass {
  create(options: { mongoUrl: string; collectionName: string }): MongoStore;
}

storeCells({
  name: 'connect-mongo',
  needs: {
    isThere: () => process.env['MONGODB_URI'] !== undefined,
    advice: 'set MONGODB_URI to a MongoDB server',
    isOptional: true,
  },
  make() {
    const { MongoStore } = load('connect-mongo') as { MongoStore: MongoStoreClass };
    const store = MongoStore.create({
      mongoUrl: process.env['MONGODB_URI'] ?? '',
      collectionName: `sessions-${randomBytes(6).toString('hex')}`,
    });
    return {
      store,
      async close() {
        await store.clear();
        await store.close();
      },
    };
  },
});

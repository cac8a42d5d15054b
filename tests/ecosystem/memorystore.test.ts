import { storeCells } from './cells.js';
import { load, type StoreFactory } from './packages.js';
import type { ExpressStore } from '../../src/stores/express-store.js';

interface MemoryStore extends ExpressStore {
  stopInterval(): void;
}

storeCells({
  name: 'memorystore',
  lists: true,
  make(session) {
    const MemoryStore = (load('memorystore') as StoreFactory<{ checkPeriod: number }, MemoryStore>)(session);
    const store = new MemoryStore({ checkPeriod: 86_400_000 });
    return { store, close: () => store.stopInterval() };
  },
});

import type { ExpressStore } from '../../src/stores/express-store.js';
import { freshPath } from '../support/directory.js';
import { storeCells } from './cells.js';
import { load, type StoreFactory } from './packages.js';

interface FileStore extends ExpressStore {
  readonly options: { reapIntervalObject: NodeJS.Timeout };
}

storeCells({
  name: 'session-file-store',
  adds: '__lastAccess',
  make(session) {
    const FileStore = (
      load('session-file-store') as StoreFactory<{ path: string; logFn: () => void }, FileStore>
    )(session);
    const store = new FileStore({ path: freshPath(), logFn: () => undefined });
    return { store, close: () => clearInterval(store.options.reapIntervalObject) };
  },
});

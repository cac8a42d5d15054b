// The file store keeps the contract: with ids hashed and plain, with calls at once and through the thread pool, and with
// every write flushed.
import { rmSync } from 'node:fs';

import { FileStore, type FileStoreOptions } from '../../src/index.js';
import { storeContract } from '../../src/testing/index.js';
import { freshPath } from '../support/directory.js';

const VARIANTS: FileStoreOptions[] = [
  {},
  { idAtRest: 'plain' },
  { io: 'async' },
  { durability: 'power' },
  { io: 'async', durability: 'power' },
];

describe.each(VARIANTS)('FileStore %j', (variant) => {
  const paths = new WeakMap<FileStore, string>();
  const cases = storeContract({
    create: (clock) => {
      const path = freshPath();
      // Without its own sweeping: the cases count what they sweep.
      const store = new FileStore({ clock, path, cleanupInterval: 0, ...variant });
      paths.set(store, path);
      return store;
    },
    capabilities: [
      ...(['page', 'removeExpired', 'count', 'revokeBefore', 'ping', 'close'] as const),
      ...(variant.io === 'async' ? [] : (['findSync'] as const)),
    ],
    breakReads: (store) => {
      rmSync(paths.get(store) as string, { recursive: true });
    },
  });
  // With room for a disk that is busy: some cases flush hundreds of files.
  it.each(cases)('$name', ({ run }) => run(), 60_000);
});

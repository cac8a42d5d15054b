// The memory store keeps the contract, with ids hashed at rest and with plain ones.
import { MemoryStore } from '../../src/index.js';
import { storeContract } from '../../src/testing/index.js';

describe.each(['sha256', 'plain'] as const)('MemoryStore, ids %s at rest', (idAtRest) => {
  const cases = storeContract({
    create: (clock) => new MemoryStore({ clock, idAtRest }),
    capabilities: ['page', 'removeExpired', 'count', 'findSync', 'revokeBefore', 'close'],
  });
  it.each(cases)('$name', ({ run }) => run());
});

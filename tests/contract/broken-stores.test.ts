// The proof of the kit: every deliberately broken store fails the very case that names its fault, and a sound one fails none.
import { MemoryStore, type Clock, type SessionKey, type SessionRecord } from '../../src/index.js';
import { storeContract, type ContractCase } from '../../src/testing/index.js';
import { Deliberate } from './broken-stores/broken-store.js';
import { brokenStores } from './broken-stores/index.js';
import { FaultAsNull } from './broken-stores/broken-reads.js';

/** A sound store with an engine that can be made to fail. */
class Breakable extends MemoryStore {
  engineFails = false;

  override async find(key: SessionKey): Promise<SessionRecord | null> {
    if (this.engineFails) throw new Error('The engine is gone.');
    return super.find(key);
  }
}

function casesOf(create: (clock: Clock) => MemoryStore): ContractCase[] {
  return storeContract({
    create,
    capabilities: ['page', 'removeExpired', 'count', 'findSync', 'revokeBefore', 'close'],
    breakReads: (store) => {
      if (store instanceof FaultAsNull || store instanceof Breakable) store.engineFails = true;
    },
    // What is proved here is the verdict of a case; a store whose `close` is what is broken cannot be cleared away.
    dispose: () => undefined,
  });
}

async function failure({ run }: ContractCase): Promise<unknown> {
  try {
    await run();
    return null;
  } catch (error) {
    return error;
  }
}

const sound = casesOf((clock) => new Breakable({ clock, cleanupInterval: 0 }));

describe('the contract kit', () => {
  it('has a name of its own for every case', () => {
    expect(new Set(sound.map(({ name }) => name)).size).toBe(sound.length);
  });

  it('passes a sound store in every case', async () => {
    const failed: string[] = [];
    for (const contractCase of sound)
      if ((await failure(contractCase)) !== null) failed.push(contractCase.name);
    expect(failed).toEqual([]);
  });

  it('is put to the proof by at least 25 broken stores', () => {
    expect(brokenStores.length).toBeGreaterThanOrEqual(25);
    expect(new Set(brokenStores.map(({ name }) => name)).size).toBe(brokenStores.length);
  });

  it.each(brokenStores)('kills "$name" by the case: $killedBy', async ({ create, killedBy }) => {
    const contractCase = casesOf(create).find(({ name }) => name === killedBy);
    if (contractCase === undefined) throw new Error(`The kit has no case "${killedBy}".`);
    const error = await failure(contractCase);
    if (!(error instanceof Deliberate)) expect(error).toMatchObject({ code: 'ERR_ASSERTION' });
  });
});

// Express-session stores under the adapter keep the contract but for the sentences listed here. What is listed must
// fail, so that the list says no less than the store does.
import session from 'express-session';

import { fromExpressStore } from '../../src/stores/adapted-store.js';
import type { ExpressStore } from '../../src/stores/express-store.js';
import type { RecordStore } from '../../src/stores/store.js';
import { storeContract } from '../../src/testing/index.js';

/** Promises only, and objects instead of text: what was set is what is got. It can neither touch nor list. */
class PromiseStore {
  readonly #sessions = new Map<string, unknown>();

  async get(sid: string): Promise<unknown> {
    return this.#sessions.get(sid);
  }
  async set(sid: string, stored: unknown): Promise<void> {
    this.#sessions.set(sid, stored);
  }
  async destroy(sid: string): Promise<void> {
    this.#sessions.delete(sid);
  }
}

/** A new id is written without asking: a look costs a call, and some stores never answer for what is not there. */
const INSERTS = [
  'insert says false and changes nothing if the key exists',
  'one of many parallel inserts of one key says true, and its record is the one that is stored',
  'one of many parallel inserts of an expired key says true',
];

/** A touch that is told what was read asks the store nothing else, and no store says whether there was anything. */
const BLIND_TOUCHES = ['extend says false and creates nothing if the record is gone'];

interface Kind {
  readonly make: () => ExpressStore;
  readonly capabilities: readonly 'page'[];
  /** The sentences that cannot hold. */
  readonly broken: readonly string[];
}

const KINDS: [string, Kind][] = [
  [
    "express-session's MemoryStore",
    { make: () => new session.MemoryStore(), capabilities: ['page'], broken: [...INSERTS, ...BLIND_TOUCHES] },
  ],
  ['a store of promises', { make: () => new PromiseStore(), capabilities: [], broken: INSERTS }],
];

describe.each(KINDS)('%s, adapted', (_name, { make, capabilities, broken }) => {
  const stores = new WeakMap<RecordStore, ExpressStore>();
  const cases = storeContract({
    create: (clock) => {
      const store = make();
      const adapted = fromExpressStore(store, { clock });
      stores.set(adapted, store);
      return adapted;
    },
    capabilities,
    breakReads: (adapted) => {
      (stores.get(adapted) as ExpressStore).get = () => {
        throw new Error('The engine is gone.');
      };
    },
  });
  const isBroken = ({ name }: { name: string }): boolean => broken.includes(name);

  it('is listed with sentences of the contract only', () => {
    expect(cases.filter(isBroken)).toHaveLength(broken.length);
  });

  it.each(cases.filter((sentence) => !isBroken(sentence)))('$name', ({ run }) => run());

  it.each(cases.filter(isBroken))('cannot promise: $name', async ({ run }) => {
    await expect(run()).rejects.toMatchObject({ code: 'ERR_ASSERTION' });
  });
});

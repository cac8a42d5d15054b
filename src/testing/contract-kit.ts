// The store contract as test cases, for any store and any test runner. Knows no store and no runner.
import { deepEqual, equal } from 'node:assert/strict';

import { systemClock, type Clock } from '../core/clock.js';
import type { Capability, StoreContract } from '../core/contract.js';
import { extendCases } from './cases/extend-cases.js';
import { faceCases, listingFaceCases } from './cases/face-cases.js';
import { findCases } from './cases/find-cases.js';
import { insertCases } from './cases/insert-cases.js';
import { optionalCases } from './cases/optional-cases.js';
import { pageCases } from './cases/page-cases.js';
import { removeCases } from './cases/remove-cases.js';
import { replaceCases } from './cases/replace-cases.js';
import { Subject, type Sentences } from './cases/subject.js';
import { valueCases } from './cases/value-cases.js';
import { createFakeClock } from './fake-clock.js';

export interface ContractOptions<Store extends StoreContract> {
  /** Makes an empty store that takes its time from `clock`. Called anew for each case, and twice in one of them. */
  create(clock: Clock): Store | Promise<Store>;
  /** The optional primitives that the store is expected to declare; their cases are returned too. Default: none. */
  capabilities?: readonly Capability[];
  /**
   * Lets at least `ms` pass. Default: moves a fake clock. For a store whose server has a time of its own give a real
   * wait; the cases then run on the system clock, and each that needs an end waits 1 to 3 seconds for it.
   */
  advance?(ms: number): Promise<void>;
  /** Makes the engine under the store fail from now on: the case that a fault is never reported as absence needs it. */
  breakReads?(store: Store): void | Promise<void>;
  /** Clears away after a case, also after one that failed. Default: `close()` where the store declares it. */
  dispose?(store: Store): void | Promise<void>;
}

/** One sentence of the contract. */
export interface ContractCase {
  readonly name: string;
  /** Proves it on a fresh store; rejects with an AssertionError if it does not hold. */
  run(): Promise<void>;
}

const BREAKS_READS = 'find throws on a fault and never reports it as null';

/**
 * The contract of a session store as test cases, each named by the sentence it proves. They run in any order, one at
 * a time where stores share an engine, under any runner.
 *
 * @example
 * const cases = storeContract({
 *   create: (clock) => new MemoryStore({ clock }),
 *   capabilities: ['page', 'removeExpired', 'count', 'findSync', 'revokeBefore', 'close'],
 * });
 * for (const { name, run } of cases) test(name, run);
 */
export function storeContract<Store extends StoreContract>(options: ContractOptions<Store>): ContractCase[] {
  const { capabilities = [] } = options;
  const sentences: Sentences = {
    'the store declares the optional primitives that it is said to have, no others, and has them': (
      subject,
    ) => {
      deepEqual([...subject.store.capabilities].sort(), [...capabilities].sort());
      for (const name of capabilities)
        equal(typeof subject.store[name], 'function', `"${name}" is not there`);
      return Promise.resolve();
    },
    ...findCases,
    ...insertCases,
    ...replaceCases,
    ...extendCases,
    ...removeCases,
    ...valueCases,
    ...faceCases,
  };
  const chosen: Sentences[] = [sentences];
  for (const name of capabilities)
    chosen.push(name === 'page' ? { ...pageCases, ...listingFaceCases } : optionalCases[name]);
  return chosen
    .flatMap((theme) => Object.entries(theme))
    .filter(([name]) => name !== BREAKS_READS || options.breakReads !== undefined)
    .map(([name, prove]) => ({ name, run: () => runCase(options, prove) }));
}

async function runCase<Store extends StoreContract>(
  options: ContractOptions<Store>,
  prove: (subject: Subject) => Promise<void>,
): Promise<void> {
  // From the present, for engines that look at the time of records themselves.
  const fake = createFakeClock(Date.now());
  const clock: Clock = options.advance === undefined ? fake : systemClock;
  const made: Store[] = [];
  const create = async (): Promise<Store> => {
    const store = await options.create(clock);
    made.push(store);
    return store;
  };
  try {
    const store = await create();
    const subject = new Subject({
      store,
      clock,
      another: create,
      advance: async (ms) => {
        if (options.advance === undefined) fake.advance(ms);
        else await options.advance(ms);
      },
      breakReads: async () => options.breakReads?.(store),
    });
    await prove(subject);
  } finally {
    for (const store of made) await dispose(options, store);
  }
}

async function dispose<Store extends StoreContract>(
  options: ContractOptions<Store>,
  store: Store,
): Promise<void> {
  if (options.dispose !== undefined) await options.dispose(store);
  else if (store.capabilities.has('close')) await store.close?.();
}

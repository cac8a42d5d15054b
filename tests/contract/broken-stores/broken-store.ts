// What the broken stores have in common: each is the memory store with one promise of the contract broken.
import { MemoryStore, type Clock, type MemoryStoreOptions, type SessionRecord } from '../../../src/index.js';

export interface BrokenStore {
  /** What is wrong with it. */
  readonly name: string;
  readonly create: (clock: Clock) => MemoryStore;
  /** The case of the kit that finds it out. */
  readonly killedBy: string;
}

type Broken = new (options: MemoryStoreOptions) => MemoryStore;

export function broken(
  name: string,
  Store: Broken,
  killedBy: string,
  options: MemoryStoreOptions = {},
): BrokenStore {
  return { name, killedBy, create: (clock) => new Store({ ...options, clock }) };
}

/** What a broken store itself throws: a kill as good as a failed assertion, and not a slip in the store's own code. */
export class Deliberate extends Error {}

/** Lets other calls go first: the gap between looking and acting. */
export async function gap(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

/** A copy that lacks one thing. */
export function without<T extends object>(value: T, name: keyof T): T {
  const copy = { ...value };
  Reflect.deleteProperty(copy, name);
  return copy;
}

/** A memory store that can be made to write whatever is wanted. */
export class Forcible extends MemoryStore {
  protected force(record: SessionRecord): Promise<boolean> {
    // At once, without a gap of its own: the memory store acts before it returns.
    void super.remove(record.key);
    return super.insert(record);
  }
}

// A store that misbehaves on demand, around any store: ours, an express-session one, a stranger's.
import { systemClock, type Clock } from '../core/clock.js';
import type { Capability, Page, StoreContract } from '../core/contract.js';
import { SessionError } from '../core/errors.js';
import { Faults, OPERATIONS, type Behaviour, type Operation } from './faults.js';

export interface FaultyStoreOptions {
  /** For `faults.delay`. Default: the system clock. */
  clock?: Clock;
  /** Optional primitives the store shall seem not to have; `['findSync']` has it read through `find`. Default: none. */
  hide?: readonly Capability[];
}

/** The calls that arrived, whatever became of them. */
export class CallLog {
  /** In the order of their arrival. */
  readonly names: Operation[] = [];
  readonly #waiting: { operation: Operation; arrived: () => void }[] = [];

  /** How many calls arrived: of one operation, or of all. */
  count(operation?: Operation): number {
    return operation === undefined
      ? this.names.length
      : this.names.filter((name) => name === operation).length;
  }

  /** Resolves when this operation is called next. */
  arrival(operation: Operation): Promise<void> {
    return new Promise((arrived) => this.#waiting.push({ operation, arrived }));
  }

  clear(): void {
    this.names.length = 0;
  }

  /** Notes a call; the faulty store does. */
  note(operation: Operation): void {
    this.names.push(operation);
    for (const waiting of [...this.#waiting]) {
      if (waiting.operation !== operation) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.arrived();
    }
  }
}

export interface FaultyStore<Wrapped extends object> {
  /** What to hand to the code under test. */
  readonly store: Wrapped;
  readonly faults: Faults;
  readonly calls: CallLog;
}

type Method = (...args: unknown[]) => unknown;

/**
 * Puts faults between a store and its caller. The result is the store in every other respect: its class, its brand,
 * its capabilities, its private fields. A fault hits what is called from outside, not what the store calls inside:
 * `get` of a RecordStore does not suffer from a fault of `find` (`scan` does from one of `page`). The wrapped store
 * itself stays sound, so that a test can look at the truth.
 *
 * @example
 * const memory = new MemoryStore();
 * const { store, faults, calls } = faultyStore(memory, { hide: ['findSync'] });
 * const sessions = new SessionManager({ secret, store });
 * faults.fail('replace', { times: 1 });
 * faults.hang('find');
 * const release = faults.hold('insert');
 * calls.count('find');
 */
export function faultyStore<Wrapped extends object>(
  store: Wrapped,
  { clock = systemClock, hide = [] }: FaultyStoreOptions = {},
): FaultyStore<Wrapped> {
  const hidden: ReadonlySet<unknown> = new Set(hide);
  const calls = new CallLog();
  const faults = new Faults(clock, 'findSync' in store && !hidden.has('findSync'));
  // By name and function: `store.find === store.find`, and a method replaced on the instance is the one that is called.
  const wrapped = new Map<string | symbol, { from: Method; to: Method }>();
  // The store's methods run on the store itself: a proxy has no private fields. What returns the store returns the proxy.
  const outward = (result: unknown): unknown => (result === store ? proxy : result);

  const wrap = (name: string | symbol, method: Method): Method => {
    if (name === 'capable')
      return (capability) => {
        if (!hidden.has(capability)) return outward(method.call(store, capability));
        throw new SessionError('ERR_SESSION_UNSUPPORTED', `The faulty store hides "${String(capability)}".`);
      };
    if (name === 'scan') return (options) => scanPages(proxy as StoreContract, options as object | undefined);
    if (!isOperation(name)) return (...args) => outward(method.apply(store, args));
    return (...args) => {
      calls.note(name);
      const behaviour = faults.next(name);
      if (behaviour === undefined) return outward(method.apply(store, args));
      if (name === 'findSync') return behaviour.sync?.(() => method.apply(store, args));
      return misbehave(behaviour, (given) => method.apply(store, given), args);
    };
  };

  const proxy: Wrapped = new Proxy(store, {
    get(target, name) {
      if (hidden.has(name)) return undefined;
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'capabilities' && value instanceof Set)
        return new Set([...(value as Set<Capability>)].filter((capability) => !hidden.has(capability)));
      if (typeof value !== 'function' || name === 'constructor') return value;
      const known = wrapped.get(name);
      if (known?.from === value) return known.to;
      const from = value as Method;
      const to = wrap(name, from);
      wrapped.set(name, { from, to });
      return to;
    },
    has: (target, name) => !hidden.has(name) && Reflect.has(target, name),
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
  return { store: proxy, faults, calls };
}

function isOperation(name: string | symbol): name is Operation {
  return (OPERATIONS as readonly (string | symbol)[]).includes(name);
}

/** One call under a fault, in either style: with a callback at the end, or with a promise. */
function misbehave(
  behaviour: Behaviour,
  method: (args: unknown[]) => unknown,
  args: unknown[],
): Promise<unknown> {
  const callback = args.at(-1);
  if (typeof callback !== 'function') return behaviour.run(async () => method(args));
  const outcome = behaviour.run(
    () =>
      new Promise((resolve, reject) => {
        const done = (error: unknown, result: unknown): void => {
          if ((error ?? null) === null) resolve(result);
          else reject(error);
        };
        method([...args.slice(0, -1), done]);
      }),
  );
  // Outside the promise, so that what a callback throws is an uncaught exception as with any callback.
  const call = (...result: unknown[]): void => {
    for (let i = 0; i < behaviour.answers; i++) process.nextTick(callback, ...result);
  };
  outcome.then(
    (result) => call(null, result),
    (error: unknown) => (error === undefined ? call() : call(error)),
  );
  return outcome;
}

/** `scan` as every RecordStore derives it, over the pages of the faulty store. */
async function* scanPages(
  store: StoreContract,
  options: object = {},
): AsyncGenerator<Page['records'][number], void> {
  if (store.page === undefined || !store.capabilities.has('page'))
    throw new SessionError('ERR_SESSION_UNSUPPORTED', 'The faulty store does not declare "page".');
  let cursor: string | null = null;
  do {
    const page: Page = await store.page({ ...options, limit: 200, ...(cursor === null ? {} : { cursor }) });
    yield* page.records;
    cursor = page.cursor;
  } while (cursor !== null);
}

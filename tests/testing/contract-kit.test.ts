// The kit itself: which cases it gives, how it treats the stores it is given, and that a stranger's store can pass it.
import {
  type Capability,
  type Clock,
  type SessionId,
  type SessionKey,
  type SessionRecord,
  type StoreContract,
} from '../../src/index.js';
import { createFakeClock, storeContract, type ContractOptions } from '../../src/testing/index.js';

/** A store with nothing of ours: the shape of the contract over a map, every call answered some turns later. */
class StrangersStore implements StoreContract {
  readonly capabilities: ReadonlySet<Capability> = new Set(['ping'] as const);
  readonly #rows = new Map<SessionKey, string>();

  constructor(private readonly clock: Clock) {}

  keyOf(id: SessionId): SessionKey {
    return `s:${id}` as SessionKey;
  }

  find(key: SessionKey) {
    return this.#later(() => this.#living(key));
  }

  insert(record: SessionRecord) {
    return this.#later(() => this.#living(record.key) === null && this.#put(record));
  }

  replace(record: SessionRecord, expectedVersion: string) {
    return this.#later(() => this.#open(record.key)?.version === expectedVersion && this.#put(record));
  }

  extend(key: SessionKey, expiresAt: number | null) {
    return this.#later(() => {
      const found = this.#open(key);
      if (found === null) return false;
      const end = Math.min(Math.max(expiresAt ?? 0, found.expiresAt ?? 0), found.deadlineAt ?? Infinity);
      return found.expiresAt === null || this.#put({ ...found, expiresAt: end });
    });
  }

  remove(key: SessionKey) {
    return this.#later(() => this.#living(key) !== null && this.#rows.delete(key));
  }

  ping() {
    return this.#later(() => undefined);
  }

  #living(key: SessionKey): SessionRecord | null {
    const record = JSON.parse(this.#rows.get(key) ?? 'null') as SessionRecord | null;
    const end = Math.min(record?.expiresAt ?? Infinity, record?.deadlineAt ?? Infinity);
    return end > this.clock.now() ? record : null;
  }

  #open(key: SessionKey): SessionRecord | null {
    const record = this.#living(key);
    return record?.closed === undefined ? record : null;
  }

  #put(record: SessionRecord): boolean {
    this.#rows.set(record.key, JSON.stringify(record));
    return true;
  }

  /** As over a network: calls overtake each other. */
  async #later<T>(act: () => T): Promise<T> {
    for (let turns = Math.floor(Math.random() * 3); turns >= 0; turns--)
      await new Promise((resolve) => setImmediate(resolve));
    return act();
  }
}

const create = (clock: Clock): StrangersStore => new StrangersStore(clock);

function namesFor(options: Partial<ContractOptions<StoreContract>> = {}): string[] {
  return storeContract<StoreContract>({ create, ...options }).map(({ name }) => name);
}

function caseNamed(name: string, options: ContractOptions<StrangersStore>): () => Promise<void> {
  const found = storeContract(options).find((contractCase) => contractCase.name === name);
  if (found === undefined) throw new Error(`No case "${name}".`);
  return found.run;
}

describe("a stranger's store that answers later", () => {
  it.each(storeContract({ create, capabilities: ['ping'] }))('$name', ({ run }) => run());
});

describe('storeContract', () => {
  it('gives the cases of an optional primitive only where it is named', () => {
    const base = namesFor();
    for (const name of ['page', 'removeExpired', 'count', 'findSync', 'ping', 'close'] as const) {
      const added = namesFor({ capabilities: [name] }).filter((sentence) => !base.includes(sentence));
      expect(added.length).toBeGreaterThan(0);
      expect(added.some((sentence) => sentence.startsWith(name))).toBe(true);
    }
  });

  it('gives the case of a fault only where a fault can be made', () => {
    const added = namesFor({ breakReads: () => undefined }).filter((name) => !namesFor().includes(name));
    expect(added).toEqual(['find throws on a fault and never reports it as null']);
  });

  it('has at least one case for each required primitive', () => {
    for (const primitive of ['find', 'insert', 'replace', 'extend', 'remove'])
      expect(namesFor().filter((name) => name.startsWith(primitive)).length).toBeGreaterThan(2);
  });

  it('lets time pass by the function it is given, on the system clock', async () => {
    // The engine has a time of its own: what the kit hands to `create` does not move it.
    const engine = createFakeClock(Date.now());
    const clocks: Clock[] = [];
    const run = caseNamed('find never returns a record whose expiresAt has come', {
      create: (clock) => {
        clocks.push(clock);
        return new StrangersStore(engine);
      },
      advance: async (ms) => engine.advance(ms + 100),
    });
    await run();
    expect(Math.abs((clocks[0]?.now() ?? 0) - Date.now())).toBeLessThan(100);
  });

  it('makes a store for each run and disposes of it, also after a case that failed', async () => {
    const made: StrangersStore[] = [];
    const disposed: StrangersStore[] = [];
    const options: ContractOptions<StrangersStore> = {
      create: (clock) => {
        const store = create(clock);
        made.push(store);
        return store;
      },
      dispose: (store) => void disposed.push(store),
    };
    await caseNamed('insert stores a new record and says true', options)();
    await expect(
      caseNamed(
        'the store declares the optional primitives that it is said to have, no others, and has them',
        options,
      )(),
    ).rejects.toMatchObject({ code: 'ERR_ASSERTION' });
    expect(made).toHaveLength(2);
    expect(disposed).toEqual(made);
  });

  it('closes a store that can be closed, where nothing else is said', async () => {
    const close = jest.fn(() => Promise.resolve());
    const closing = (clock: Clock): StoreContract =>
      Object.assign(create(clock), { capabilities: new Set(['close'] as const), close });
    const [first] = storeContract({ create: closing, capabilities: ['close'] });
    await first?.run();
    expect(close).toHaveBeenCalledTimes(1);
  });
});

// The store that misbehaves on demand: every fault does what its name says, and nothing else changes.
import { MemoryStore, RecordStore, newVersion, type SessionId, type SessionRecord } from '../../src/index.js';
import {
  createFakeClock,
  faultyStore,
  storeContract,
  type FaultyStoreOptions,
} from '../../src/testing/index.js';

const ID = 'a'.repeat(43) as SessionId;

function setUp(options: FaultyStoreOptions = {}) {
  const clock = createFakeClock();
  const memory = new MemoryStore({ clock, cleanupInterval: 0 });
  const record: SessionRecord = {
    v: 1,
    key: memory.keyOf(ID),
    data: '{"n":1}',
    version: newVersion(),
    createdAt: clock.now(),
    deadlineAt: null,
    idleMs: 60_000,
    expiresAt: clock.now() + 60_000,
  };
  return {
    clock,
    memory,
    record,
    next: { ...record, data: '{"n":2}', version: newVersion() },
    ...faultyStore(memory, { clock, ...options }),
  };
}

/** Whether a promise has been settled after everything that is due has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe('a faulty store without faults', () => {
  const cases = storeContract({
    create: (clock) => faultyStore(new MemoryStore({ clock })).store,
    capabilities: ['page', 'removeExpired', 'count', 'findSync', 'revokeBefore', 'close'],
  });
  // The same verdicts as for the store inside: it is that store.
  const plain = storeContract({
    create: (clock) => new MemoryStore({ clock }),
    capabilities: ['page', 'removeExpired', 'count', 'findSync', 'revokeBefore', 'close'],
  });
  const verdict = (run: () => Promise<void>): Promise<string> =>
    run().then(
      () => 'holds',
      () => 'fails',
    );

  it.each(cases.map(({ name, run }, n) => ({ name, run, runPlain: plain[n]?.run ?? run })))(
    'keeps the contract as the wrapped store does: $name',
    async ({ run, runPlain }) => {
      expect(await verdict(run)).toBe(await verdict(runPlain));
    },
  );

  it('is a RecordStore by brand and by class, with the capabilities of the wrapped one', () => {
    const { store, memory } = setUp();
    expect(RecordStore.is(store)).toBe(true);
    expect(store).toBeInstanceOf(MemoryStore);
    expect([...store.capabilities]).toEqual([...memory.capabilities]);
    expect(store.idAtRest).toBe('sha256');
  });

  it('has methods that stay the same, and that may be replaced on the instance', async () => {
    const { store } = setUp();
    expect(store.find).toBe(store.find);
    store.find = () => Promise.reject(new Error('replaced'));
    await expect(store.find(store.keyOf(ID))).rejects.toThrow('replaced');
  });

  it('never lets the sound store slip out', () => {
    const { store, memory } = setUp();
    expect(store.capable('page')).toBe(store);
    expect(store.on('error', () => undefined)).toBe(store);
    expect(store).not.toBe(memory);
  });

  it('says what reached it', async () => {
    const { store, calls, record, next } = setUp();
    expect(calls.count()).toBe(0);
    const arrival = calls.arrival('replace');
    expect(await isSettled(arrival)).toBe(false);
    await store.insert(record);
    await store.find(record.key);
    await store.find(record.key);
    store.findSync(record.key);
    await store.replace(next, record.version);
    await arrival;
    expect(calls.names).toEqual(['insert', 'find', 'find', 'findSync', 'replace']);
    expect(calls.count('find')).toBe(2);
    calls.clear();
    expect(calls.count()).toBe(0);
  });
});

describe('a fault', () => {
  it('fail: rejects, and the store never sees the call', async () => {
    const { store, memory, faults, calls, record } = setUp();
    faults.fail('insert');
    await expect(store.insert(record)).rejects.toThrow('as it was told to');
    expect(await memory.count()).toBe(0);
    expect(calls.count('insert')).toBe(1);
    expect(await store.find(record.key)).toBeNull();
  });

  it('fail: rejects with the error it is given', async () => {
    const { store, faults, record } = setUp();
    const error = new Error('boom!');
    faults.fail('find', { error });
    await expect(store.find(record.key)).rejects.toBe(error);
  });

  it('hits as many calls as it is told, and an operation of its own before all', async () => {
    const { store, faults, record } = setUp();
    faults.fail('*', { error: new Error('any') });
    faults.fail('find', { error: new Error('find'), times: 2 });
    await expect(store.find(record.key)).rejects.toThrow('find');
    await expect(store.find(record.key)).rejects.toThrow('find');
    await expect(store.find(record.key)).rejects.toThrow('any');
    await expect(store.remove(record.key)).rejects.toThrow('any');
    await expect(store.get(ID)).rejects.toThrow('any');
    expect(() => store.findSync(record.key)).toThrow('any');
    faults.clear('*');
    expect(await store.find(record.key)).toBeNull();
  });

  it('is over after clear', async () => {
    const { store, faults, record } = setUp();
    faults.fail('*');
    faults.fail('find');
    faults.clear();
    expect(await store.find(record.key)).toBeNull();
    expect(await store.insert(record)).toBe(true);
  });

  it('rejectWithNothing: rejects with undefined', async () => {
    const { store, faults, record } = setUp();
    faults.rejectWithNothing('find');
    await expect(store.find(record.key)).rejects.toBeUndefined();
  });

  it('throwAtOnce: throws before there is a promise', () => {
    const { store, faults, record } = setUp();
    faults.throwAtOnce('*', { error: new Error('at once') });
    expect(() => store.find(record.key)).toThrow('at once');
    expect(() => store.findSync(record.key)).toThrow('at once');
    expect(() => store.get(ID, () => undefined)).toThrow('at once');
  });

  it('hang: never answers, and the store never sees the call', async () => {
    const { store, memory, faults, record } = setUp();
    faults.hang('insert', { times: 1 });
    expect(await isSettled(store.insert(record))).toBe(false);
    expect(await memory.count()).toBe(0);
    expect(await store.insert(record)).toBe(true);
  });

  it('delay: performs after its time, on the clock it is given', async () => {
    const { store, memory, clock, faults, record } = setUp();
    faults.delay('insert', 100);
    const inserted = store.insert(record);
    clock.advance(99);
    expect(await isSettled(inserted)).toBe(false);
    expect(await memory.count()).toBe(0);
    clock.advance(1);
    expect(await inserted).toBe(true);
  });

  it('hold: performs only when it is released, and others overtake it', async () => {
    const { store, memory, faults, record, next } = setUp();
    await memory.insert(record);
    const release = faults.hold('replace', { times: 1 });
    const late = store.replace({ ...next, data: '{"late":true}' }, record.version);
    expect(await store.replace(next, record.version)).toBe(true);
    expect(await isSettled(late)).toBe(false);
    release();
    expect(await late).toBe(false);
    expect((await memory.find(record.key))?.data).toBe('{"n":2}');
  });

  it('landLate: performs at once, and answers only when it is released', async () => {
    const { store, memory, faults, record } = setUp();
    const release = faults.landLate('insert');
    const late = store.insert(record);
    expect(await isSettled(late)).toBe(false);
    expect(await memory.find(record.key)).not.toBeNull();
    release();
    expect(await late).toBe(true);
  });

  it('landLate: tells of a failure only when it is released', async () => {
    const { store, memory, faults, record } = setUp();
    memory.insert = () => Promise.reject(new Error('full'));
    const release = faults.landLate('insert');
    const late = store.insert(record);
    expect(await isSettled(late)).toBe(false);
    release();
    await expect(late).rejects.toThrow('full');
  });

  it('loseAnswer: performs, and then rejects', async () => {
    const { store, memory, faults, record } = setUp();
    faults.loseAnswer('insert', { error: new Error('socket hang up') });
    await expect(store.insert(record)).rejects.toThrow('socket hang up');
    expect(await memory.find(record.key)).not.toBeNull();
    faults.loseAnswer('findSync');
    expect(() => store.findSync(record.key)).toThrow('as it was told to');
  });

  it('twice: delivers the call twice and gives the second answer', async () => {
    const { store, memory, faults, record } = setUp();
    faults.twice('insert');
    expect(await store.insert(record)).toBe(false);
    expect(await memory.count()).toBe(1);
    faults.twice('findSync');
    expect(store.findSync(record.key)?.version).toBe(record.version);
  });
});

describe('a fault of a method with a callback', () => {
  const session = { n: 1, cookie: { originalMaxAge: 60_000, expires: null } };

  it('fail: calls back with the error', async () => {
    const { store, faults } = setUp();
    const error = new Error('boom!');
    faults.fail('get', { error });
    expect(await new Promise((resolve) => void store.get(ID, resolve))).toBe(error);
  });

  it('rejectWithNothing: calls back with nothing at all', async () => {
    const { store, faults } = setUp();
    faults.rejectWithNothing('get');
    const args = await new Promise((resolve) => void store.get(ID, (...given: unknown[]) => resolve(given)));
    expect(args).toEqual([]);
  });

  it('hold: calls back only when it is released', async () => {
    const { store, memory, faults } = setUp();
    const release = faults.hold('set');
    const called = new Promise((resolve) => void store.set(ID, session, resolve));
    expect(await isSettled(called)).toBe(false);
    expect(await memory.get(ID)).toBeNull();
    release();
    expect(await called).toBeNull();
    expect(await memory.get(ID)).toMatchObject({ n: 1 });
  });

  it('twice: calls back twice', async () => {
    const { store, memory, faults } = setUp();
    await memory.set(ID, session);
    faults.twice('get');
    const callback = jest.fn();
    await store.get(ID, callback);
    await new Promise((resolve) => setImmediate(resolve));
    expect(callback).toHaveBeenCalledTimes(2);
    expect(callback).toHaveBeenLastCalledWith(null, expect.objectContaining({ n: 1 }));
  });

  it('hits a store that knows callbacks only', async () => {
    const sessions = new Map<string, unknown>([['apple', { n: 1 }]]);
    const foreign = {
      get(sid: string, callback: (error: unknown, session?: unknown) => void): void {
        if (sid === 'broken') callback(new Error('its own fault'));
        else callback(null, sessions.get(sid));
      },
    };
    const { store, faults, calls } = faultyStore(foreign);
    faults.loseAnswer('get', { error: new Error('lost'), times: 1 });
    expect(await new Promise((resolve) => store.get('apple', resolve))).toMatchObject({ message: 'lost' });
    faults.twice('get', { times: 1 });
    expect(await new Promise((resolve) => store.get('broken', resolve))).toMatchObject({
      message: 'its own fault',
    });
    expect(await new Promise((resolve) => store.get('apple', (_error, found) => resolve(found)))).toEqual({
      n: 1,
    });
    expect(calls.count('get')).toBe(3);
  });
});

describe('a hidden primitive', () => {
  it('is neither declared nor there', () => {
    const { store, memory } = setUp({ hide: ['findSync', 'page'] });
    expect([...store.capabilities].sort()).toEqual(['close', 'count', 'removeExpired', 'revokeBefore']);
    expect('findSync' in store).toBe(false);
    expect(store.findSync as unknown).toBeUndefined();
    expect(() => store.capable('findSync')).toThrow('hides "findSync"');
    expect(store.capable('count')).toBe(store);
    expect(memory.capabilities.has('findSync')).toBe(true);
  });

  it('makes room for faults that wait: findSync cannot', async () => {
    const { store, faults } = setUp();
    expect(() => faults.hang('findSync')).toThrow(TypeError);
    expect(() => faults.hold('*')).toThrow("hide: ['findSync']");
    const hidden = setUp({ hide: ['findSync'] });
    hidden.faults.hang('*');
    expect(await isSettled(hidden.store.find(hidden.record.key))).toBe(false);
    expect(store.findSync(hidden.record.key)).toBeNull();
  });

  it('cannot be scanned where page is hidden', async () => {
    const { store } = setUp({ hide: ['page'] });
    await expect(store.scan().next()).rejects.toMatchObject({ code: 'ERR_SESSION_UNSUPPORTED' });
  });

  it('scan suffers from a fault of page, get not from one of find', async () => {
    const { store, faults, memory, record } = setUp();
    await memory.insert(record);
    faults.fail('find');
    expect(await store.get(ID)).toMatchObject({ n: 1 });
    faults.fail('page');
    await expect(store.scan().next()).rejects.toThrow('as it was told to');
  });
});

// The face that express-session knows, as every RecordStore derives it from five methods.
import { EventEmitter } from 'node:events';

import type { Capability, SessionId, SessionKey, SessionRecord } from '../../src/core/contract.js';
import { handleOf } from '../../src/core/ids.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { RecordStore, Store } from '../../src/stores/store.js';
import type { SessionRequest, StoredSession } from '../../src/stores/session.js';
import { TestClock } from '../support/clock.js';
import { withCode } from '../support/failures.js';

const HOUR = 3_600_000;
const clock = new TestClock();
const storeOf = (options = {}): MemoryStore => new MemoryStore({ clock, cleanupInterval: 0, ...options });
const SID = 'A-session-id-of-this-test-000000';
const handle = (sid: string): string => handleOf(sid as SessionId);
const inMs = (ms: number): string => new Date(clock.now() + ms).toISOString();
const session = (data: object = {}, cookie: StoredSession['cookie'] = {}): StoredSession => ({
  cookie,
  ...data,
});

/** A store of the five required methods and nothing else, as a stranger writes one. */
class FiveMethods extends RecordStore {
  readonly records = new Map<SessionKey, SessionRecord>();
  override async find(key: SessionKey) {
    return this.records.get(key) ?? null;
  }
  override async insert(record: SessionRecord) {
    if (this.records.has(record.key)) return false;
    this.records.set(record.key, record);
    return true;
  }
  override async replace(record: SessionRecord, expectedVersion: string) {
    const found = this.records.get(record.key);
    if (found === undefined || found.closed !== undefined || found.version !== expectedVersion) return false;
    this.records.set(record.key, record);
    return true;
  }
  override async extend(key: SessionKey, expiresAt: number | null) {
    const found = this.records.get(key);
    if (found === undefined || found.closed !== undefined) return false;
    this.records.set(key, { ...found, expiresAt });
    return true;
  }
  override async remove(key: SessionKey) {
    return this.records.delete(key);
  }
}

/** The outcome of a callback method. */
const called = <T>(
  method: (callback: (error: unknown, result?: T) => void) => unknown,
): Promise<[unknown, T?]> =>
  new Promise((resolve) => {
    method((...outcome) => resolve(outcome as [unknown, T?]));
  });

describe('RecordStore', () => {
  it('is known by its brand, not by its class or its methods', () => {
    const store = storeOf();
    expect([store, new FiveMethods()].every((value) => RecordStore.is(value))).toBe(true);
    expect(RecordStore.is({ [Symbol.for('session-store-js.RecordStore')]: 1 })).toBe(true);
    for (const value of [
      null,
      undefined,
      5,
      'x',
      {},
      { get() {}, set() {}, destroy() {} },
      new EventEmitter(),
    ])
      expect(RecordStore.is(value)).toBe(false);
    expect(store).toBeInstanceOf(Store);
    expect(store).toBeInstanceOf(EventEmitter);
  });

  it('names sessions by handle, or by id where ids are plain at rest; handles are the same either way', () => {
    const [hashed, plain] = [storeOf(), storeOf({ idAtRest: 'plain' })];
    const id = SID as SessionId;
    expect([hashed.keyOf(id), plain.keyOf(id)]).toEqual([handle(SID), SID]);
    expect(hashed.handleOf(hashed.keyOf(id))).toBe(handle(SID));
    expect(plain.handleOf(plain.keyOf(id))).toBe(handle(SID));
    expect(new FiveMethods().idAtRest).toBe('sha256');
  });

  it('says which capability is missing instead of calling nothing', async () => {
    const store = new FiveMethods();
    expect(() => store.capable('page')).toThrow(
      'FiveMethods cannot list its sessions: it does not declare "page".',
    );
    await expect(store.all()).rejects.toEqual(withCode('ERR_SESSION_UNSUPPORTED'));
    await expect(store.length()).rejects.toEqual(withCode('ERR_SESSION_UNSUPPORTED'));
    const memory = storeOf();
    expect(memory.capable('count')).toBe(memory);
  });

  it('has nothing to start where it cannot sweep', () => {
    const store = new FiveMethods({ clock });
    const waiting = clock.waiting;
    store.startCleanup();
    store.startIndexRebuild();
    store.stopCleanup();
    store.stopIndexRebuild();
    expect(clock.waiting).toBe(waiting);
  });

  it('sweeps in the background where it can, reports a fault as an event, and goes on', async () => {
    class Sweeping extends FiveMethods {
      override readonly capabilities: ReadonlySet<Capability> = this.declares('removeExpired');
      sweeps: number[] = [];
      left = 3;
      async removeExpired(limit: number): Promise<number> {
        this.sweeps.push(limit);
        if (this.sweeps.length === 1) throw new Error('down');
        return this.left-- > 0 ? 1 : 0;
      }
    }
    const store = new Sweeping({ clock });
    const errors: unknown[] = [];
    store.startCleanup();
    store.startCleanup();
    // Without a listener an `error` event would end the process.
    await clock.advance(60_000);
    store.on('error', (error) => errors.push(error));
    expect(store.sweeps).toEqual([500]);
    await clock.advance(60_000);
    expect(store.sweeps).toHaveLength(5);
    store.stopCleanup();
    await clock.advance(600_000);
    expect([store.sweeps.length, errors]).toEqual([5, []]);
    store.sweeps = [];
    store.startCleanup();
    await clock.advance(60_000);
    expect(errors).toEqual([new Error('down')]);
    store.stopCleanup();
  });

  it('serves the whole face from five methods', async () => {
    const store = new FiveMethods({ clock });
    await store.set(SID, session({ n: 1 }));
    await store.touch(SID, session({ n: 2 }, { expires: inMs(HOUR), originalMaxAge: HOUR }));
    expect(await store.get(SID)).toMatchObject({ n: 1, cookie: { expires: inMs(HOUR) } });
    await store.destroy(SID);
    expect(await store.get(SID)).toBeNull();
  });
});

describe.each(['sha256', 'plain'] as const)('the express-session face, ids %s at rest', (idAtRest) => {
  const nameOf = (sid: string): string => (idAtRest === 'plain' ? sid : handle(sid));

  it('gives back what was set, the cookie and its expiry included', async () => {
    const store = storeOf({ idAtRest });
    const cookie = {
      originalMaxAge: HOUR,
      expires: inMs(HOUR),
      httpOnly: true,
      path: '/',
      sameSite: 'lax',
    } as const;
    await store.set(SID, session({ user: { name: 'ada' } }, cookie));
    expect(await store.get(SID)).toEqual({ user: { name: 'ada' }, cookie });
    expect(await store.get('another-session-id-000000000000')).toBeNull();
  });

  it('keeps the expiry in the record and never in its data', async () => {
    const store = storeOf({ idAtRest });
    await store.set(SID, session({ a: 1 }, { originalMaxAge: HOUR, expires: inMs(HOUR), path: '/' }));
    const record = store.findSync(store.keyOf(SID as SessionId));
    expect(record).toMatchObject({
      idleMs: HOUR,
      expiresAt: clock.now() + HOUR,
      deadlineAt: null,
      createdAt: clock.now(),
    });
    expect(JSON.parse(record?.data ?? '')).toEqual({ cookie: { originalMaxAge: HOUR, path: '/' }, a: 1 });
  });

  it('takes an id or a handle for a session’s name, where ids are hashed', async () => {
    const store = storeOf({ idAtRest });
    await store.set(SID, session({ a: 1 }));
    if (idAtRest === 'sha256') expect(await store.get(handle(SID))).toMatchObject({ a: 1 });
    for (const name of await store.ids()) await store.destroy(name);
    expect([await store.get(SID), await store.ids()]).toEqual([null, []]);
  });

  it('lists all with their names, counts, and clears', async () => {
    const store = storeOf({ idAtRest });
    const sids = [SID, `${SID}2`, `${SID}3`];
    for (const sid of sids) await store.set(sid, session({ sid }));
    expect(await store.length()).toBe(3);
    expect((await store.ids()).sort()).toEqual(sids.map(nameOf).sort());
    expect((await store.all()).map(({ id, ['sid']: sid }) => [id, sid]).sort()).toEqual(
      sids.map((sid) => [nameOf(sid), sid]).sort(),
    );
    await store.clear();
    expect([await store.length(), await store.all(), await store.ids()]).toEqual([0, [], []]);
  });

  it('updates a session that is there, under a new version', async () => {
    const store = storeOf({ idAtRest });
    await store.set(SID, session({ a: 1 }));
    const first = store.findSync(store.keyOf(SID as SessionId));
    await clock.advance(5);
    await store.set(SID, session({ b: 2 }, { expires: inMs(HOUR), originalMaxAge: HOUR }));
    const second = store.findSync(store.keyOf(SID as SessionId));
    expect(second).toMatchObject({
      createdAt: first?.createdAt,
      idleMs: HOUR,
      expiresAt: clock.now() + HOUR,
    });
    expect(second?.version).not.toBe(first?.version);
    expect(await store.get(SID)).not.toHaveProperty('a');
    expect(await store.length()).toBe(1);
  });

  it('moves the expiry by touch, and nothing else; a touch of nothing creates nothing (S29)', async () => {
    const store = storeOf({ idAtRest });
    await store.set(SID, session({ a: 1 }, { expires: inMs(HOUR), originalMaxAge: HOUR }));
    await store.touch(SID, session({ a: 2 }, { expires: inMs(2 * HOUR), originalMaxAge: HOUR }));
    expect(await store.get(SID)).toMatchObject({ a: 1, cookie: { expires: inMs(2 * HOUR) } });
    await store.touch('another-session-id-000000000000', session());
    expect(await store.length()).toBe(1);
  });

  it('keeps a destroyed session destroyed: a late set, touch or second destroy changes nothing (S29)', async () => {
    const store = storeOf({ idAtRest });
    await store.set(SID, session({ a: 1 }));
    await store.destroy(SID);
    await store.set(SID, session({ a: 2 }));
    await store.touch(SID, session({ a: 2 }, { expires: inMs(HOUR) }));
    await store.destroy(SID);
    expect([await store.get(SID), await store.length(), await store.all()]).toEqual([null, 0, []]);
  });

  it('destroys what is not there without a fault', async () => {
    await expect(storeOf({ idAtRest }).destroy(SID)).resolves.toBeUndefined();
  });
});

describe('set', () => {
  it('never moves an end past the record’s deadline', async () => {
    const store = storeOf();
    const key = store.keyOf(SID as SessionId);
    const deadlineAt = clock.now() + HOUR;
    await store.insert({
      v: 1,
      key,
      data: '{}',
      version: 'v',
      createdAt: 0,
      deadlineAt,
      idleMs: null,
      expiresAt: null,
    });
    await store.set(SID, session({}, { expires: inMs(9 * HOUR) }));
    expect(store.findSync(key)?.expiresAt).toBe(deadlineAt);
    await store.set(SID, session({}));
    expect(store.findSync(key)?.expiresAt).toBe(deadlineAt);
    await store.set(SID, session({}, { expires: inMs(1_000), originalMaxAge: 1_000 }));
    expect(store.findSync(key)?.expiresAt).toBe(clock.now() + 1_000);
  });

  it('goes on against other writers, and gives up after sixteen losses with a code', async () => {
    const store = storeOf();
    await store.set(SID, session({ n: 0 }));
    const replace = jest.spyOn(store, 'replace').mockResolvedValueOnce(false).mockResolvedValueOnce(false);
    await store.set(SID, session({ n: 1 }));
    expect([replace.mock.calls.length, (await store.get(SID))?.['n']]).toEqual([3, 1]);
    replace.mockClear().mockResolvedValue(false);
    await expect(store.set(SID, session({ n: 2 }))).rejects.toEqual(withCode('ERR_SESSION_CONFLICT'));
    expect(replace).toHaveBeenCalledTimes(16);
  });

  it('becomes an update where another insert is quicker', async () => {
    const store = storeOf();
    const insert = jest.spyOn(store, 'insert').mockImplementationOnce(async (record) => {
      await MemoryStore.prototype.insert.call(store, { ...record, data: '{"theirs":1}' });
      return false;
    });
    await store.set(SID, session({ mine: 1 }));
    expect(insert).toHaveBeenCalledTimes(1);
    expect(await store.get(SID)).toMatchObject({ mine: 1 });
  });

  it('refuses an expiry that is no date, and stores nothing', async () => {
    const store = storeOf();
    await expect(store.set(SID, session({}, { expires: 'soon' }))).rejects.toEqual(
      withCode('ERR_SESSION_VALUE'),
    );
    expect(await store.length()).toBe(0);
  });
});

describe('destroy', () => {
  it('removes the record in the end where every closing loses to a writer', async () => {
    const store = storeOf();
    await store.set(SID, session({ n: 0 }));
    const replace = jest.spyOn(store, 'replace').mockResolvedValue(false);
    await store.destroy(SID);
    expect(replace).toHaveBeenCalledTimes(16);
    expect(await store.get(SID)).toBeNull();
  });
});

describe('names that are none', () => {
  it.each(['', undefined, null, 5, {}, ['a']])(
    'S57 %p is refused by every method, with a code (S33)',
    async (name) => {
      const store = storeOf();
      const sid = name as string;
      const calls: (() => Promise<unknown>)[] = [
        () => store.get(sid),
        () => store.set(sid, session()),
        () => store.touch(sid, session()),
        () => store.destroy(sid),
        () => store.load(sid),
      ];
      for (const call of calls)
        await expect(Promise.resolve().then(call)).rejects.toEqual(withCode('ERR_SESSION_ID'));
      expect(await store.length()).toBe(0);
    },
  );
});

describe('callbacks', () => {
  it('are served by every method, beside the promise', async () => {
    const store = storeOf();
    expect(await called((done) => store.set(SID, session({ a: 1 }), done))).toEqual([null, undefined]);
    expect(await called((done) => store.touch(SID, session(), done))).toEqual([null, undefined]);
    expect(await called((done) => store.get(SID, done))).toEqual([null, expect.objectContaining({ a: 1 })]);
    expect(await called((done) => store.get('nobody', done))).toEqual([null, null]);
    expect(await called((done) => store.load(SID, done))).toEqual([null, expect.objectContaining({ a: 1 })]);
    expect(await called((done) => store.all(done))).toEqual([
      null,
      [expect.objectContaining({ id: handle(SID) })],
    ]);
    expect(await called((done) => store.ids(done))).toEqual([null, [handle(SID)]]);
    expect(await called((done) => store.length(done))).toEqual([null, 1]);
    expect(await called((done) => store.destroy(SID, done))).toEqual([null, undefined]);
    expect(await called((done) => store.clear(done))).toEqual([null, undefined]);
  });

  it('are told a fault of the store', async () => {
    const store = storeOf();
    const down = new Error('down');
    jest.spyOn(store, 'find').mockRejectedValue(down);
    for (const method of [
      (done: (error: unknown) => void) => store.get(SID, done),
      (done: (error: unknown) => void) => store.set(SID, session(), done),
      (done: (error: unknown) => void) => store.destroy(SID, done),
      (done: (error: unknown) => void) => store.load(SID, done),
    ]) {
      const [error] = await called(method);
      expect(error).toBe(down);
    }
  });
});

describe('load, createSession and regenerate', () => {
  const requestOf = (store: Store): SessionRequest => ({ sessionID: SID, sessionStore: store });

  it('load gives a session with methods, or null', async () => {
    const store = storeOf();
    await store.set(SID, session({ a: 1 }));
    const loaded = await store.load(SID);
    expect([loaded?.id, (loaded as unknown as { a: number }).a]).toEqual([SID, 1]);
    expect(typeof loaded?.save).toBe('function');
    expect(await store.load('nobody')).toBeNull();
  });

  it('createSession puts a stored session on the request', () => {
    const store = storeOf();
    const req = requestOf(store);
    const created = store.createSession(
      req,
      session({ a: 1 }, { expires: inMs(HOUR), originalMaxAge: HOUR }),
    );
    expect(req.session).toBe(created);
    expect(created.cookie.expires).toEqual(new Date(clock.now() + HOUR));
    expect(created.cookie.originalMaxAge).toBe(HOUR);
  });

  it('regenerate ends the session and has the middleware generate another', async () => {
    const store = storeOf();
    await store.set(SID, session({ a: 1 }));
    const req = requestOf(store);
    store.generate = (request) => {
      request.session = 'fresh';
    };
    await store.regenerate(req);
    expect([await store.get(SID), req.session]).toEqual([null, 'fresh']);
  });

  it('regenerate says what it needs where there is no middleware', async () => {
    const store = storeOf();
    await expect(store.regenerate(requestOf(store))).rejects.toEqual(withCode('ERR_SESSION_UNSUPPORTED'));
  });
});

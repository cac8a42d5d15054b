// A store of the express-session ecosystem works under the adapter, whichever way it is written.
import type { SessionId, SessionRecord } from '../../src/core/contract.js';
import { handleOf } from '../../src/core/ids.js';
import { closedRecord, newVersion } from '../../src/core/record.js';
import { fromExpressStore } from '../../src/stores/adapted-store.js';
import type { RecordStore } from '../../src/stores/store.js';
import { TestClock } from '../support/clock.js';
import { Rows, storeWith, WAYS } from '../support/express-stores.js';
import { withCode } from '../support/failures.js';
import { HOUR, keyOf } from './support.js';

const clock = new TestClock(Date.now());
const SID = 'a';
const record: SessionRecord = {
  v: 1,
  key: keyOf(SID),
  data: '{"visits":1}',
  version: 'first',
  createdAt: clock.now() - 5,
  deadlineAt: clock.now() + 3 * HOUR,
  idleMs: HOUR,
  expiresAt: clock.now() + HOUR,
  owner: 'ada',
  meta: { device: 'a phone' },
};

async function listed(store: RecordStore): Promise<SessionRecord[]> {
  const entries: SessionRecord[] = [];
  for await (const entry of store.scan()) entries.push(entry as SessionRecord);
  return entries;
}

describe.each(WAYS)('%s', (_way, make) => {
  const rows = new Rows();
  const store = fromExpressStore(make(rows), { clock });

  beforeEach(() => {
    rows.clear();
  });

  it('is given sessions and gives them back, whole', async () => {
    expect(await store.find(record.key)).toBeNull();
    expect(await store.insert(record)).toBe(true);
    expect(await store.find(record.key)).toEqual(record);
    const next = { ...record, data: '{"visits":2}', version: newVersion() };
    expect(await store.replace(next, record.version)).toBe(true);
    expect(await store.replace(next, record.version)).toBe(false);
    expect(await store.find(record.key)).toEqual(next);
    expect(rows.read(SID)).toMatchObject({
      visits: 2,
      cookie: { expires: new Date(record.expiresAt ?? 0).toISOString(), originalMaxAge: HOUR },
    });
  });

  it('keeps sessions for longer, and forgets them', async () => {
    await store.insert(record);
    expect(await store.extend(record.key, clock.now() + 2 * HOUR)).toBe(true);
    expect(await store.extend(record.key, clock.now() + 2 * HOUR + 1, record)).toBe(true);
    expect(await store.find(record.key)).toEqual({ ...record, expiresAt: clock.now() + 2 * HOUR + 1 });
    expect(await store.remove(record.key)).toBe(true);
    expect(await store.remove(record.key)).toBe(false);
    expect([await store.find(record.key), rows.size]).toEqual([null, 0]);
  });

  it('ends sessions', async () => {
    await store.insert({ ...record, key: keyOf('b') });
    const closed = closedRecord({ ...record, key: keyOf('b') }, clock.now());
    expect(await store.replace(closed, record.version)).toBe(true);
    expect([rows.size, (await store.find(keyOf('b')))?.closed]).toEqual([0, { at: clock.now() }]);
  });
});

describe('what a store may lack', () => {
  it.each([
    ['undefined', undefined],
    ['null', null],
    ['false', false],
  ])('says %s for what is not there', async (_name, answer) => {
    const store = fromExpressStore({ ...storeWith(new Rows()), get: async () => answer }, { clock });
    expect(await store.find(record.key)).toBeNull();
    expect(await store.replace(record, 'any')).toBe(false);
    expect(await store.remove(record.key)).toBe(false);
  });

  it('says ENOENT for what is not there, by a callback, by a promise and by throwing', async () => {
    const missing = Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
    const gets = [
      (_sid: string, answer: (error: Error) => void): void => {
        answer(missing);
      },
      () => Promise.reject(missing),
      () => {
        throw missing;
      },
    ];
    for (const get of gets)
      expect(await fromExpressStore(storeWith(new Rows(), { get })).find(record.key)).toBeNull();
  });

  it('is written to anew where it cannot touch', async () => {
    const rows = new Rows();
    const store = fromExpressStore(storeWith(rows, { touch: undefined }), { clock });
    await store.insert(record);
    expect(await store.extend(record.key, clock.now() + 2 * HOUR, record)).toBe(true);
    expect(await store.find(record.key)).toEqual({ ...record, expiresAt: clock.now() + 2 * HOUR });
    expect(await store.extend(keyOf('nobody'), clock.now() + HOUR, { ...record, key: keyOf('nobody') })).toBe(
      false,
    );
    expect([...rows.keys()]).toEqual([SID]);
  });

  it('lists nothing where it has no all()', async () => {
    const store = fromExpressStore(storeWith(new Rows(), { all: undefined }));
    expect([...store.capabilities]).toEqual([]);
    await expect(store.all()).rejects.toEqual(withCode('ERR_SESSION_UNSUPPORTED'));
    await expect(store.clear()).rejects.toEqual(withCode('ERR_SESSION_UNSUPPORTED'));
    await expect(store.length()).rejects.toEqual(withCode('ERR_SESSION_UNSUPPORTED'));
  });

  it.each([
    ['an object by id', (rows: Rows): unknown => rows.everything()],
    [
      'an array with ids',
      (rows: Rows): unknown => Object.entries(rows.everything()).map(([id, rest]) => ({ ...rest, id })),
    ],
  ])('lists %s', async (_name, all) => {
    const rows = new Rows();
    const store = fromExpressStore(storeWith(rows, { all: async () => all(rows) }), { clock });
    for (const name of ['a', 'b', 'c']) await store.insert({ ...record, key: keyOf(name) });
    await store.insert({ ...record, key: keyOf('over'), expiresAt: clock.now() });
    expect((await listed(store)).map(({ key }) => key).sort()).toEqual(['a', 'b', 'c']);
    expect(await listed(store)).toContainEqual(record);
    expect(await store.length()).toBe(3);
    await store.clear();
    expect([...rows.keys()]).toEqual(['over']);
  });

  it('lists nothing where it lists nothing', async () => {
    const store = fromExpressStore(storeWith(new Rows(), { all: async () => null }));
    expect(await listed(store)).toEqual([]);
  });

  it('says so where all() does not say which session is which', async () => {
    const store = fromExpressStore(storeWith(new Rows(), { all: async () => [{ cookie: {} }] }));
    const failure = withCode('ERR_SESSION_UNSUPPORTED');
    await expect(store.ids()).rejects.toEqual(failure);
    const withNull = fromExpressStore(storeWith(new Rows(), { all: async () => [null] }));
    await expect(withNull.ids()).rejects.toEqual(failure);
  });

  it('names the broken session of a list in its place', async () => {
    const rows = new Rows([['broken', '[1]']]);
    const store = fromExpressStore(storeWith(rows), { clock });
    await store.insert(record);
    const names = new Map<string, string | undefined>();
    for await (const entry of store.scan())
      names.set(entry.key, 'error' in entry ? (entry.error as { code?: string }).code : 'sound');
    expect([...names].sort()).toEqual([
      [SID, 'sound'],
      ['broken', 'ERR_SESSION_CORRUPT'],
    ]);
  });

  it('refuses a cursor that is not one of its own', async () => {
    const store = fromExpressStore(storeWith(new Rows())).capable('page');
    await expect(store.page({ limit: 1, cursor: 'x' })).rejects.toEqual(withCode('ERR_SESSION_CURSOR'));
    const after = handleOf('z' as SessionId);
    expect(await store.page({ limit: 1, cursor: after })).toEqual({ records: [], cursor: null });
  });
});

describe('what is no store', () => {
  it.each([
    [undefined, 'get, set, destroy'],
    [null, 'get, set, destroy'],
    [{ get: noStore, set: noStore }, 'destroy'],
    [{ get: noStore, set: 5, destroy: noStore }, 'set'],
  ])('%j is refused, by what it lacks', (store, lacking) => {
    expect(() => fromExpressStore(store as never)).toThrow(`no method ${lacking}:`);
    expect(() => fromExpressStore(store as never)).toThrow(withCode('ERR_SESSION_OPTIONS') as Error);
  });

  it('a store of our own stays as it is', () => {
    const adapted = fromExpressStore(storeWith(new Rows()));
    expect(fromExpressStore(adapted)).toBe(adapted);
  });
});

function noStore(): void {
  // Not called.
}

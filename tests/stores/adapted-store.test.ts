// What the adapter promises over stores that promise little: facts survive, foreign writers are noticed, and what is
// broken is an error and not a session.
import type { SessionRecord } from '../../src/core/contract.js';
import type { ExpressStore } from '../../src/stores/express-store.js';
import { Cookie, type StoredSession } from '../../src/stores/session.js';
import { adapted, next, SID } from '../support/adapted.js';
import { withCode } from '../support/failures.js';
import { HOUR, keyOf } from './support.js';

describe('another writer of the same store', () => {
  const changed = (stored: StoredSession): StoredSession => ({ ...stored, visits: 100 });
  const withoutFacts = ({ cookie, ...data }: StoredSession): StoredSession => ({
    ...data,
    cookie: new Cookie(cookie).data,
  });

  it.each<[string, (stored: StoredSession) => StoredSession]>([
    ['kept the facts', changed],
    ['dropped them, as express-session does', (stored) => withoutFacts(changed(stored))],
  ])('is noticed, also if it %s', async (_how, write) => {
    const { rows, record, store } = adapted();
    await store.insert(record);
    rows.write(SID, write(rows.read(SID) ?? {}));
    expect(await store.replace(next(record, '{"mine":true}'), record.version)).toBe(false);
    const theirs = (await store.find(record.key)) as SessionRecord;
    expect(JSON.parse(theirs.data)).toMatchObject({ visits: 100 });
    const merged = next(theirs, '{"visits":100,"mine":true}');
    expect(await store.replace(merged, theirs.version)).toBe(true);
    expect(JSON.parse((await store.find(record.key))?.data ?? '')).toEqual({ visits: 100, mine: true });
  });

  it('changes no version by moving the expiry', async () => {
    const { rows, record, store } = adapted();
    await store.insert(record);
    const stored = rows.read(SID) as StoredSession;
    const expires = new Date((record.expiresAt ?? 0) + 5).toISOString();
    rows.write(SID, { ...stored, cookie: { ...stored.cookie, expires } });
    expect(await store.find(record.key)).toEqual({ ...record, expiresAt: (record.expiresAt ?? 0) + 5 });
  });

  it('reads a session of the drop-in as its own: no facts are in it', async () => {
    const { rows, clock, record, store } = adapted();
    const cookie = new Cookie({ maxAge: HOUR });
    const { expires, ...attributes } = cookie.data;
    const { owner, meta, ...plain } = record;
    const data = JSON.stringify({ cookie: attributes, visits: 1 });
    const dropIns = { ...plain, data, deadlineAt: null, createdAt: clock.now(), expiresAt: Number(expires) };
    await store.insert(dropIns);
    expect(rows.get(SID)).toBe(JSON.stringify({ cookie, visits: 1 }));
    // Nobody else can know when it began.
    expect(await store.find(record.key)).toEqual({ ...dropIns, createdAt: 0 });
  });

  it('may have left sessions without a cookie', async () => {
    const { rows, record, store } = adapted();
    rows.set(SID, '{"visits":7}');
    const found = (await store.find(record.key)) as SessionRecord;
    expect(found).toMatchObject({ data: '{"visits":7}', expiresAt: null, deadlineAt: null, idleMs: null });
    expect(await store.replace(next(found, '{"visits":8}'), found.version)).toBe(true);
    expect((await store.find(record.key))?.data).toBe('{"visits":8}');
  });
});

describe('the end of a session', () => {
  it('S26 S27 is its expiry or its deadline, whatever the store still has', async () => {
    const { rows, clock, record, store } = adapted();
    await store.insert(record);
    await store.insert({ ...record, key: keyOf('b'), expiresAt: null, deadlineAt: clock.now() + 2 * HOUR });
    await clock.advance(HOUR);
    expect([await store.find(record.key), (await store.find(keyOf('b')))?.expiresAt]).toEqual([null, null]);
    await clock.advance(HOUR);
    expect([await store.find(keyOf('b')), rows.size]).toEqual([null, 2]);
    expect(await store.replace(next(record, '{}'), record.version)).toBe(false);
    expect(await store.extend(record.key, clock.now() + HOUR)).toBe(false);
    expect(await store.ids()).toEqual([]);
  });

  it('moves up to the deadline and never back', async () => {
    const { record, store } = adapted();
    await store.insert(record);
    expect(await store.extend(record.key, 5, record)).toBe(true);
    expect((await store.find(record.key))?.expiresAt).toBe(record.expiresAt);
    expect(await store.extend(record.key, (record.deadlineAt ?? 0) + 1, record)).toBe(true);
    expect((await store.find(record.key))?.expiresAt).toBe(record.deadlineAt);
  });
});

describe('what is broken', () => {
  it.each(['text', 5, true, [1], 0n])('%p instead of a session is an error', async (answer) => {
    const { record, store } = adapted(() => ({ get: async () => answer }));
    await expect(store.find(record.key)).rejects.toEqual(withCode('ERR_SESSION_CORRUPT'));
    await expect(store.get(SID)).rejects.toEqual(withCode('ERR_SESSION_CORRUPT'));
  });

  it('a session that ends at no date is an error', async () => {
    const { rows, record, store } = adapted();
    rows.set(SID, '{"cookie":{"expires":"never"}}');
    await expect(store.find(record.key)).rejects.toMatchObject({ name: 'SessionError' });
  });

  it('can be removed', async () => {
    const { rows, record, store } = adapted();
    rows.set(SID, '[1]');
    expect(await store.remove(record.key)).toBe(true);
    expect(rows.size).toBe(0);
  });

  it.each<[string, unknown]>([
    ['an Error', new Error('boom')],
    ['a text', 'boom'],
    ['an object', { code: 500 }],
    ['a number', 7],
  ])('%s is handed on: by a callback, a promise, and thrown', async (_what, failure) => {
    const failing: ExpressStore['get'][] = [
      (_sid: string, answer: (error: unknown) => void) => {
        answer(failure);
      },
      () => Promise.reject(failure),
      () => {
        throw failure;
      },
    ];
    for (const get of failing) {
      const { record, store } = adapted(() => ({ get }));
      await expect(store.find(record.key)).rejects.toBe(failure);
      await expect(store.replace(record, 'any')).rejects.toBe(failure);
    }
  });

  it('a store that fails by an event ends no process', () => {
    const listeners: ((error: Error) => void)[] = [];
    const on = (event: string, listener: (error: Error) => void): void => {
      if (event === 'error') listeners.push(listener);
    };
    const { store } = adapted(() => ({ on: on }));
    const seen: Error[] = [];
    for (const listener of listeners) listener(new Error('unheard'));
    store.on('error', (error: Error) => seen.push(error));
    for (const listener of listeners) listener(new Error('heard'));
    expect([listeners.length, seen.map(({ message }) => message)]).toEqual([1, ['heard']]);
  });
});

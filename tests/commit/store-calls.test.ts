// Calls to a store that always end: in their time, with the right kind of answer or one kind of error.
import { asStoreError, checkedRecord, StoreCalls } from '../../src/commit/store-calls.js';
import type { SessionRecord } from '../../src/core/contract.js';
import { SessionError } from '../../src/core/errors.js';
import { thrownBy, withCode } from '../support/failures.js';
import { keyOf, never, watch, world, type StoreCall } from './support.js';

const callsOf = (each: ReturnType<typeof world>): StoreCalls => new StoreCalls(each.store, each.clock, 1_000);

it('hands arguments on and answers with what the store says', async () => {
  const each = world();
  const calls = callsOf(each);
  const { record, key } = await each.stored({ a: 1 });
  const other = { ...record, key: keyOf('other') };
  expect(await calls.find(key)).toEqual(record);
  expect(await calls.find(keyOf('none'))).toBeNull();
  expect([await calls.insert(other), await calls.insert(other)]).toEqual([true, false]);
  expect(await calls.replace({ ...record, data: '{}', version: 'x' }, record.version)).toBe(true);
  expect(await calls.replace(record, record.version)).toBe(false);
  expect(await calls.extend(key, record.createdAt + 9_999_999, record)).toBe(true);
  expect(each.store.findSync(key)?.expiresAt).toBe(record.createdAt + 9_999_999);
  expect([await calls.remove(key), await calls.remove(key)]).toEqual([true, false]);
  expect(each.clock.waiting).toBe(0);
});

it('asks for a fresh read only where one is wanted', async () => {
  const each = world();
  const fresh: boolean[] = [];
  each.store.bend = (call, go) => (fresh.push(call.fresh), go());
  await callsOf(each).find(keyOf('k'));
  await callsOf(each).find(keyOf('k'), true);
  expect(fresh).toEqual([false, true]);
});

it('gives a read all of the time that is left, and a write a fifth less', async () => {
  const each = world();
  each.store.bend = () => never();
  const calls = callsOf(each);
  const { record, key } = await each.stored({});
  const started = each.clock.now();
  const seen = {
    find: watch(calls.find(key), each.clock),
    insert: watch(calls.insert(record), each.clock),
    replace: watch(calls.replace(record, 'v'), each.clock),
    extend: watch(calls.extend(key, 1, record), each.clock),
    remove: watch(calls.remove(key), each.clock),
  };
  await each.clock.advance(2_000);
  for (const [name, { at, error }] of Object.entries(seen)) {
    expect([name, (at ?? 0) - started]).toEqual([name, name === 'find' ? 1_000 : expect.closeTo(800, 5)]);
    expect(error).toMatchObject({
      code: 'ERR_SESSION_STORE_TIMEOUT',
      message: `The store did not answer ${name}() in time.`,
    });
  }
});

it('counts one span of time for all its calls', async () => {
  const each = world();
  const calls = callsOf(each);
  await each.clock.advance(700);
  each.store.bend = () => never();
  const read = watch(calls.find(keyOf('k')), each.clock);
  await each.clock.advance(299);
  expect(read.at).toBeNull();
  await each.clock.advance(1);
  expect(read.error).toEqual(withCode('ERR_SESSION_STORE_TIMEOUT'));
});

describe('the signal', () => {
  const signalled = async (ask: 'before' | 'after' | 'both') => {
    const each = world();
    const calls: StoreCall[] = [];
    let signal: AbortSignal | undefined;
    each.store.bend = (call) => {
      calls.push(call);
      if (ask !== 'after') signal = call.signal();
      return never();
    };
    const seen = watch(callsOf(each).find(keyOf('k')), each.clock);
    const before = signal?.aborted;
    await each.clock.advance(1_001);
    expect(seen.error).toEqual(withCode('ERR_SESSION_STORE_TIMEOUT'));
    return {
      before,
      held: signal?.aborted,
      asked: calls[0]?.signal()?.aborted,
      same: calls[0]?.signal() === calls[0]?.signal(),
    };
  };

  it('is aborted when the time is over, for a store that holds it and for one that asks late', async () => {
    expect(await signalled('before')).toEqual({ before: false, held: true, asked: true, same: true });
    expect(await signalled('after')).toEqual({ before: undefined, held: undefined, asked: true, same: true });
  });

  it('is not aborted where the answer came in time, nor by what comes later', async () => {
    const each = world();
    let signal: AbortSignal | undefined;
    each.store.bend = (call, go) => ((signal = call.signal()), go());
    await callsOf(each).find(keyOf('k'));
    await each.clock.advance(5_000);
    expect(signal?.aborted).toBe(false);
  });

  it('goes to every primitive', async () => {
    const each = world();
    const signals: unknown[] = [];
    each.store.bend = (call, go) => (signals.push(call.signal()), go());
    const { record, key } = await each.stored({});
    const calls = callsOf(each);
    await calls.find(key);
    await calls.find(key, true);
    await calls.insert(record);
    await calls.replace(record, record.version);
    await calls.extend(key, 1, record);
    await calls.remove(key);
    expect(signals).toHaveLength(6);
    for (const signal of signals) expect(signal).toBeInstanceOf(AbortSignal);
  });
});

describe('checkedRecord', () => {
  const record = {
    v: 1,
    key: 'k',
    data: '{}',
    version: 'v',
    createdAt: 0,
    deadlineAt: null,
    idleMs: null,
    expiresAt: null,
  } as SessionRecord;

  it('is the record itself, or null for null', () => {
    expect(checkedRecord(record, 5)).toBe(record);
    expect(checkedRecord(null, 5)).toBeNull();
  });

  it.each([
    ['expired', { expiresAt: 5 }],
    ['expired long ago', { expiresAt: 0 }],
    ['past its deadline', { deadlineAt: 5, expiresAt: 99 }],
  ])('is null for one that has %s, whatever the store says (P7)', (_how, times) => {
    expect(checkedRecord({ ...record, ...times }, 5)).toBeNull();
    expect(checkedRecord({ ...record, expiresAt: 6, deadlineAt: 6 }, 5)).not.toBeNull();
  });

  it.each([
    undefined,
    5,
    '',
    'text',
    true,
    {},
    [],
    { ...record, key: 5 },
    { ...record, data: { a: 1 } },
    { ...record, version: undefined },
  ])('refuses %p', (answer) => {
    expect(thrownBy(() => checkedRecord(answer, 5))).toMatchObject({
      code: 'ERR_SESSION_STORE_CONTRACT',
      message: "The store's find() must resolve to a record or to null.",
    });
  });
});

describe('asStoreError', () => {
  it('wraps whatever a store throws, and keeps it as the cause', () => {
    for (const cause of [new Error('x'), 'text', null, undefined, { code: 'E' }]) {
      const error = asStoreError('find', cause);
      expect(error).toMatchObject({
        code: 'ERR_SESSION_STORE',
        message: 'The session store failed in find().',
      });
      expect(error.cause).toBe(cause);
    }
  });

  it('leaves an error that has a code of ours as it is', () => {
    const error = new SessionError('ERR_SESSION_CORRUPT', 'x');
    expect(asStoreError('find', error)).toBe(error);
  });
});

// Calls to a store that always end: in their time, with the right kind of answer or one kind of error.
import { asStoreError, checkedRecord, StoreCalls } from '../../src/commit/store-calls.js';
import { NO, YES } from '../../src/core/answers.js';
import type { SessionRecord } from '../../src/core/contract.js';
import { SessionError } from '../../src/core/errors.js';
import { thrownBy, withCode } from '../support/failures.js';
import { keyOf, never, watch, world, type Bend, type StoreCall } from './support.js';

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

describe('a store that has its answer at once', () => {
  const CALLS = ['insert', 'replace', 'extend', 'remove'] as const;

  async function asked(bend?: Bend) {
    const each = world();
    const { record, key } = await each.stored({ a: 1 });
    if (bend !== undefined) each.store.bend = bend;
    const after = jest.spyOn(each.clock, 'after');
    const calls = callsOf(each);
    const go = {
      insert: (of: SessionRecord) => calls.insert(of),
      replace: (of: SessionRecord) => calls.replace(of, record.version),
      extend: (of: SessionRecord) => calls.extend(of.key, of.createdAt + 9_999_999, of),
      remove: (of: SessionRecord) => calls.remove(of.key),
    };
    return { ...each, after, calls, go, record, key, absent: { ...record, key: keyOf('absent') } };
  }

  it.each(CALLS)('sets no timer for the yes or no of %s, and hands it on as it is', async (name) => {
    const { after, go, record, absent } = await asked();
    const [yes, no] = name === 'insert' ? [absent, record] : [record, absent];
    const answers = [go[name](no), go[name](yes)];
    expect(answers[0]).toBe(NO);
    expect(answers[1]).toBe(YES);
    expect(await Promise.all(answers)).toEqual([false, true]);
    expect(after).not.toHaveBeenCalled();
  });

  it.each(CALLS)('has a timer for any other promise of %s, the same answer in it or not', async (name) => {
    for (const promise of [Promise.resolve(true), Promise.resolve(false), YES.then((yes) => yes)]) {
      const { after, clock, go, record } = await asked(() => promise);
      const expected = await promise;
      const answer = go[name](record);
      expect([after.mock.calls.length, clock.waiting]).toEqual([1, 1]);
      expect(await answer).toBe(expected);
      expect(clock.waiting).toBe(0);
    }
  });

  it.each(CALLS)('has to be asked in time all the same, where it does not answer %s', async (name) => {
    const { after, clock, go, record } = await asked(() => never());
    const seen = watch(go[name](record), clock);
    await clock.advance(1_000);
    expect(after).toHaveBeenCalledTimes(1);
    expect(seen.error).toEqual(withCode('ERR_SESSION_STORE_TIMEOUT'));
  });

  it('has a timer for what it finds, and for what else is asked', async () => {
    const { after, calls, clock, key } = await asked();
    expect(await calls.find(key)).not.toBeNull();
    expect(after).toHaveBeenCalledTimes(1);
    expect(await calls.ask('count', {}, () => Promise.resolve(7))).toBe(7);
    expect(after).toHaveBeenCalledTimes(2);
    expect(clock.waiting).toBe(0);
  });

  it('has a timer for an answer that is neither yes nor no, which is refused', async () => {
    const { after, go, record } = await asked(() => Promise.resolve('yes'));
    await expect(go.replace(record)).rejects.toEqual(withCode('ERR_SESSION_STORE_CONTRACT'));
    expect(after).toHaveBeenCalledTimes(1);
  });
});

describe('a call that does not even start', () => {
  const STARTS: [string, (calls: StoreCalls, record: SessionRecord) => Promise<unknown>][] = [
    ['find', (calls, { key }) => calls.find(key)],
    ['insert', (calls, record) => calls.insert(record)],
    ['replace', (calls, record) => calls.replace(record, record.version)],
    ['extend', (calls, record) => calls.extend(record.key, null, record)],
    ['remove', (calls, { key }) => calls.remove(key)],
  ];

  it.each(STARTS)('rejects, and does not throw: %s', async (name, start) => {
    for (const cause of [new Error('broken'), 'a text', undefined] as unknown[]) {
      const each = world();
      const { record } = await each.stored({});
      each.store.bend = () => {
        throw cause;
      };
      const answers: Promise<unknown>[] = [];
      expect(() => answers.push(start(callsOf(each), record))).not.toThrow();
      const error: unknown = await (answers[0] as Promise<unknown>).catch((fault: unknown) => fault);
      expect(error).toMatchObject({
        code: 'ERR_SESSION_STORE',
        message: `The session store failed in ${name}().`,
      });
      expect((error as Error).cause).toBe(cause);
      expect(each.clock.waiting).toBe(0);
    }
  });

  it('rejects with an error of ours as it is', async () => {
    const error = new SessionError('ERR_SESSION_CORRUPT', 'x');
    const refused = callsOf(world()).ask('page', {}, () => {
      throw error;
    });
    await expect(refused).rejects.toBe(error);
  });

  it.each([5, undefined, null, {}, 'text'])(
    'rejects where %p stands in the place of a promise',
    async (answer) => {
      const each = world();
      const { record, key } = await each.stored({});
      each.store.bend = () => answer;
      for (const call of [() => callsOf(each).find(key), () => callsOf(each).replace(record, 'v')])
        await expect(call()).rejects.toEqual(withCode('ERR_SESSION_STORE'));
      expect(each.clock.waiting).toBe(0);
    },
  );
});

describe('the time since the operation was asked for', () => {
  const since = (each: ReturnType<typeof world>, ago: number): StoreCalls =>
    new StoreCalls(each.store, each.clock, 1_000, undefined, each.clock.now() - ago);

  it('is not there for its calls any more', async () => {
    const each = world();
    const { record, key } = await each.stored({});
    each.store.bend = () => never();
    const started = each.clock.now();
    const read = watch(since(each, 700).find(key), each.clock);
    const write = watch(since(each, 700).replace(record, 'v'), each.clock);
    await each.clock.advance(1_000);
    expect([(read.at ?? 0) - started, (write.at ?? 0) - started]).toEqual([300, expect.closeTo(240, 5)]);
    for (const { error } of [read, write]) expect(error).toEqual(withCode('ERR_SESSION_STORE_TIMEOUT'));
  });

  it('leaves none for another write when four fifths of what was left have passed', async () => {
    const each = world();
    expect([0, 700, 999, 1_000, 5_000].map((ago) => since(each, ago).hasTime())).toEqual([
      ...[true, true, true],
      ...[false, false],
    ]);
    const calls = since(each, 500);
    await each.clock.advance(390);
    expect(calls.hasTime()).toBe(true);
    await each.clock.advance(20);
    expect(calls.hasTime()).toBe(false);
  });

  it('is over at once where all of it has passed, but for an answer that is there at once', async () => {
    const each = world();
    const { record, key } = await each.stored({});
    const calls = since(each, 5_000);
    expect(await calls.remove(key)).toBe(true);
    each.store.bend = () => never();
    const seen = [watch(calls.find(key), each.clock), watch(calls.insert(record), each.clock)];
    await each.clock.advance(0);
    for (const { error } of seen) expect(error).toEqual(withCode('ERR_SESSION_STORE_TIMEOUT'));
  });
});

// Ending a session goes through its lane: whatever is behind it or late finds the session ended (P2).
import { withCode } from '../support/failures.js';
import {
  beforeCalls,
  driven,
  from,
  increment,
  later,
  never,
  slowly,
  world,
  writeElsewhere,
} from './support.js';

it('closes the record: no data, recognisable for a minute, true the first time only', async () => {
  const { lanes, store, clock, stored } = world();
  const target = await stored({ secret: 1 });
  expect(await lanes.end(target.key, target.record)).toBe(true);
  expect(store.calls).toEqual(['replace']);
  expect(store.findSync(target.key)).toMatchObject({
    data: '{}',
    closed: { at: clock.now() },
    expiresAt: clock.now() + 60_000,
  });
  expect(await lanes.end(target.key, target.record)).toBe(false);
  expect(await lanes.end(target.key, null)).toBe(false);
});

it('finds the record itself where none is at hand, and is false where there is none', async () => {
  const { lanes, store, stored } = world();
  const target = await stored({});
  const fresh: boolean[] = [];
  store.bend = (call, go) => {
    if (call.name === 'find') fresh.push(call.fresh);
    return go();
  };
  expect(await lanes.end(target.key, null)).toBe(true);
  expect(fresh).toEqual([true]);
  expect(store.calls).toEqual(['find', 'replace']);
  expect(await lanes.end('unknown' as typeof target.key, null)).toBe(false);
  await store.remove(target.key);
  expect(await lanes.end(target.key, target.record)).toBe(false);
});

it('stores the writes before it, and rejects those behind it', async () => {
  const { lanes, store, stored, reader } = world();
  store.bend = slowly;
  const { key } = await stored({ n: 0 });
  const [a, b, c] = [await reader(key), await reader(key), await reader(key)];
  const before = lanes.write(a, increment('n'));
  const end = lanes.end(key, b.record);
  const behind = lanes.write(c, increment('n'));
  const alsoBehind = lanes.write(a, from({ n: 0 }, { n: 5 }));
  const results = await Promise.allSettled([before, end, behind, alsoBehind]);
  expect(results[0]).toMatchObject({ status: 'fulfilled', value: { value: 1 } });
  expect(results[1]).toEqual({ status: 'fulfilled', value: true });
  for (const result of results.slice(2))
    expect(result).toEqual({ status: 'rejected', reason: withCode('ERR_SESSION_ENDED') });
  expect(store.findSync(key)?.closed).toBeDefined();
});

it('waits its turn behind the writes of a session that was only just begun', async () => {
  const { lanes, store, fresh } = world();
  store.bend = slowly;
  const target = fresh();
  const first = lanes.write(target, from({}, { a: 1 }));
  await later();
  // In the lane of a session that is not stored yet; it goes on under the session's key.
  const second = lanes.write(target, increment('n'));
  await first;
  const third = lanes.write(target, increment('n'));
  const end = lanes.end(target.key, null);
  const behind = lanes.write(target, increment('n'));
  await expect(behind).rejects.toEqual(withCode('ERR_SESSION_ENDED'));
  expect([(await second).value, (await third).value, await end]).toEqual([1, 2, true]);
  expect(store.countOf('find')).toBe(1);
  expect(store.findSync(target.key)?.closed).toBeDefined();
});

it('is not undone by a slow write of another process that read the session before', async () => {
  const { lanes, other, store, stored, reader } = world();
  const { key, record } = await stored({ n: 0 });
  const late = await reader(key);
  await lanes.end(key, record);
  await expect(other().write(late, from({ n: 0 }, { n: 1 }))).rejects.toEqual(withCode('ERR_SESSION_ENDED'));
  await expect(other().write(late, increment('n'))).rejects.toMatchObject({
    message: 'The session was ended by another request (a logout, a revocation); nothing was stored.',
  });
  expect(store.findSync(key)).toMatchObject({ data: '{}', closed: {} });
});

it('is not undone where the record is gone altogether', async () => {
  const { lanes, store, stored } = world();
  const target = await stored({ n: 0 });
  await store.remove(target.key);
  await expect(lanes.write(target, increment('n'))).rejects.toEqual(withCode('ERR_SESSION_ENDED'));
  expect(store.countOf('insert')).toBe(0);
});

it('ends a session that another process goes on writing to', async () => {
  const { lanes, store, stored, clock } = world();
  const { key, record } = await stored({ n: 0 });
  store.bend = beforeCalls('replace', 3, ({ nth }) => writeElsewhere(store, key, { n: nth }));
  expect(await driven(clock, lanes.end(key, record))).toBe(true);
  expect(store.countOf('replace')).toBe(4);
  expect(store.findSync(key)?.closed).toBeDefined();
});

it('removes a session that always conflicts: what is gone cannot be replaced', async () => {
  const { lanes, store, stored, clock } = world();
  const { key, record } = await stored({ n: 0 });
  store.bend = (call, go) => (call.name === 'replace' ? Promise.resolve(false) : go());
  const random = jest.spyOn(Math, 'random').mockReturnValue(0);
  expect(await driven(clock, lanes.end(key, record))).toBe(true);
  random.mockRestore();
  expect(store.countOf('replace')).toBe(100);
  expect(store.calls.at(-1)).toBe('remove');
  expect(store.findSync(key)).toBeNull();
});

it('is false where another process ends the session first', async () => {
  const { lanes, other, store, stored } = world();
  store.bend = slowly;
  const { key, record } = await stored({});
  const results = await Promise.all([lanes.end(key, record), other().end(key, record)]);
  expect(results.sort()).toEqual([false, true]);
});

it('is true where its write landed and the answer was lost', async () => {
  const { lanes, store, stored } = world();
  const { key, record } = await stored({});
  store.bend = async (call, go) => {
    const result = await go();
    if (call.name === 'replace') throw new Error('connection reset');
    return result;
  };
  expect(await lanes.end(key, record)).toBe(true);
});

it('rejects where the store fails, and leaves the session alive and the lane free', async () => {
  const { lanes, store, stored, dataOf } = world();
  const target = await stored({ n: 0 });
  store.bend = () => Promise.reject(new Error('down'));
  await expect(lanes.end(target.key, target.record)).rejects.toEqual(withCode('ERR_SESSION_STORE'));
  await expect(lanes.end(target.key, null)).rejects.toEqual(withCode('ERR_SESSION_STORE'));
  store.bend = (_call, go) => go();
  await lanes.write(target, increment('n'));
  expect(await dataOf(target.key)).toEqual({ n: 1 });
  await lanes.idle();
});

it('does not take the lane’s memory of the session for the truth after it was ended and begun anew', async () => {
  const { lanes, store, stored, dataOf } = world();
  const target = await stored({ n: 0 });
  store.bend = slowly;
  const write = lanes.write(target, increment('n'));
  const end = lanes.end(target.key, null);
  await Promise.all([write, end]);
  await store.remove(target.key);
  await store.insert({ ...target.record, version: 'new', data: '{"n":50}' });
  await lanes.write({ ...target, record: store.findSync(target.key) }, increment('n'));
  expect(await dataOf(target.key)).toEqual({ n: 51 });
});

it('holds no write of another session up', async () => {
  const { lanes, store, stored } = world();
  const [a, b] = [await stored({}), await stored({})];
  store.bend = (call, go) => (call.key === a.key ? never() : go());
  void lanes.end(a.key, a.record).catch(() => undefined);
  await later();
  expect((await lanes.write(b, increment('n'))).value).toBe(1);
});

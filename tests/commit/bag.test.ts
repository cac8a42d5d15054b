// One request's live data: what of it is pending, and what a commit's end does to it.
import { Bag, dataEncoding } from '../../src/commit/bag.js';
import { DEFAULT_LIMITS } from '../../src/core/json.js';
import { withCode } from '../support/failures.js';

const bagOf = (data: Record<string, unknown>): Bag =>
  new Bag(data, JSON.stringify(data), dataEncoding(DEFAULT_LIMITS));
/** Hands what is pending to a commit. */
const send = (bag: Bag): { base: string; mine: string } => {
  const mine = bag.encode();
  return { base: bag.send(mine), mine };
};

it('has nothing pending until something changes, inside a value too', () => {
  const bag = bagOf({ n: 1, cart: [1] });
  expect(bag.pending()).toBeNull();
  (bag.live['cart'] as number[]).push(2);
  expect(bag.pending()).toBe('{"n":1,"cart":[1,2]}');
  (bag.live['cart'] as number[]).pop();
  expect(bag.pending()).toBeNull();
});

it('takes a deletion for a change', () => {
  const bag = bagOf({ n: 1 });
  delete bag.live['n'];
  expect(bag.pending()).toBe('{}');
});

it('says what is wrong with data that cannot be stored, and only when it has changed', () => {
  const ring: Record<string, unknown> = {};
  ring['self'] = ring;
  const bag = bagOf({ n: 1 });
  bag.live['ring'] = ring;
  expect(() => bag.pending()).toThrow(withCode('ERR_SESSION_TOO_DEEP') as Error);
  bag.live['ring'] = 1n;
  expect(() => bag.pending()).toThrow(withCode('ERR_SESSION_VALUE') as Error);
  bag.live['ring'] = new Map();
  expect(() => bag.pending()).toThrow(withCode('ERR_SESSION_VALUE') as Error);
  delete bag.live['ring'];
  expect(bag.pending()).toBeNull();
});

it('keeps within the limits it was given', () => {
  const bag = new Bag({}, '{}', dataEncoding({ bytes: 20, depth: 9, keys: 9 }));
  bag.live['a'] = 'x'.repeat(20);
  expect(() => bag.encode()).toThrow(withCode('ERR_SESSION_TOO_LARGE') as Error);
});

it('hands each commit the text before it, so that each carries its own change only', () => {
  const bag = bagOf({ n: 0 });
  bag.live['n'] = 1;
  expect(send(bag)).toEqual({ base: '{"n":0}', mine: '{"n":1}' });
  expect(bag.pending()).toBeNull();
  bag.live['m'] = 2;
  expect(bag.pending()).toBe('{"n":1,"m":2}');
  expect(send(bag)).toEqual({ base: '{"n":1}', mine: '{"n":1,"m":2}' });
});

it('takes over what was stored, and keeps what changed in flight pending', () => {
  const bag = bagOf({ n: 0 });
  bag.live['n'] = 1;
  send(bag);
  bag.live['late'] = true;
  bag.settle('{"n":1,"theirs":2}');
  expect(bag.live).toEqual({ n: 1, late: true, theirs: 2 });
  expect(JSON.parse(bag.pending() ?? '')).toEqual({ n: 1, theirs: 2, late: true });
  expect(bag.send(bag.encode())).toBe('{"n":1,"theirs":2}');
});

it('keeps a key that was set in flight to what it was before, pending', () => {
  const bag = bagOf({ n: 0 });
  bag.live['n'] = 1;
  send(bag);
  bag.live['n'] = 0;
  bag.settle('{"n":1}');
  expect(bag.live['n']).toBe(0);
  expect(bag.pending()).toBe('{"n":0}');
});

it('keeps an object that the handler holds live', () => {
  const cart = [1];
  const bag = bagOf({ cart });
  bag.live['n'] = 1;
  send(bag);
  bag.settle('{"cart":[1,2],"n":1}');
  expect(bag.live['cart']).toBe(cart);
  cart.push(3);
  expect(bag.pending()).toBe('{"cart":[1,2,3],"n":1}');
});

it('has everything pending again after a commit that failed', () => {
  const bag = bagOf({ n: 0 });
  bag.live['n'] = 1;
  send(bag);
  bag.fail();
  bag.settle(null);
  expect(bag.pending()).toBe('{"n":1}');
  expect(send(bag)).toEqual({ base: '{"n":0}', mine: '{"n":1}' });
});

it('has only what the failed one of two commits carried pending again', () => {
  const bag = bagOf({ a: 0, b: 0, c: 0 });
  bag.live['a'] = 1;
  send(bag);
  bag.live['b'] = 1;
  send(bag);
  bag.fail();
  // The first landed, together with another request's `c`.
  bag.settle('{"a":1,"b":0,"c":9}');
  expect(bag.live).toEqual({ a: 1, b: 1, c: 9 });
  expect(bag.send(bag.encode())).toBe('{"a":1,"b":0,"c":9}');
});

it('shows a function or a symbol in the data, which its text does not', () => {
  for (const value of [() => 1, Symbol('s')]) {
    const bag = bagOf({ n: 1 });
    bag.live['hidden'] = value;
    expect(() => bag.pending()).toThrow(withCode('ERR_SESSION_VALUE') as Error);
    delete bag.live['hidden'];
    expect(bag.pending()).toBeNull();
  }
});

it('tells what is stored of a key, as a copy', () => {
  const bag = bagOf({ list: [1] });
  (bag.live['list'] as number[]).push(2);
  expect([bag.stored('list'), bag.stored('none')]).toEqual([[1], undefined]);
  send(bag);
  bag.settle('{"list":[1,2]}');
  (bag.stored('list') as number[]).push(3);
  expect(bag.stored('list')).toEqual([1, 2]);
  expect(bag.pending()).toBeNull();
});

it('forgets a failure once it is settled', () => {
  const bag = bagOf({ a: 0 });
  bag.live['a'] = 1;
  send(bag);
  bag.fail();
  bag.settle(null);
  send(bag);
  bag.live['a'] = 0;
  bag.settle('{"a":1,"b":1}');
  // Compared with the base {"a":0} instead of what was sent, `a` would seem untouched, and the change in flight be lost.
  expect(bag.live).toEqual({ a: 0, b: 1 });
  expect(JSON.parse(bag.pending() ?? '')).toEqual({ a: 0, b: 1 });
});

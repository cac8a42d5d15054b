// What the handler holds of the data, and whether it may have changed it unseen.
import { Bag, dataEncoding } from '../../src/commit/bag.js';
import { DEFAULT_LIMITS } from '../../src/core/json.js';

function bagOf(data: Record<string, unknown>) {
  const bag = new Bag(data, JSON.stringify(data), dataEncoding(DEFAULT_LIMITS));
  return { bag, cart: data['cart'] as unknown[] };
}

it('is sure as long as nothing was handed out, and whatever happens to a value that is no object', () => {
  const { bag } = bagOf({ n: 1, none: null, cart: [1] });
  expect(bag.mayDiffer).toBe(false);
  for (const key of ['n', 'none', 'other']) bag.share(key);
  expect(bag.mayDiffer).toBe(false);
});

it('compares a value with what it was when it was handed out first', () => {
  const { bag, cart } = bagOf({ cart: [1] });
  bag.share('cart');
  expect(bag.mayDiffer).toBe(false);
  cart.push(2);
  expect(bag.mayDiffer).toBe(true);
  bag.share('cart');
  expect(bag.mayDiffer).toBe(true);
  cart.pop();
  expect(bag.mayDiffer).toBe(false);
});

it('is not sure where the handler has all, or a value that has no text any more', () => {
  const all = bagOf({ cart: [1] });
  all.bag.shareAll();
  all.bag.share('cart');
  expect(all.bag.mayDiffer).toBe(true);
  const { bag, cart } = bagOf({ cart: [1] });
  bag.share('cart');
  cart.push(1n);
  expect(bag.mayDiffer).toBe(true);
});

it('knows no text of a value once one was handed to a commit: what is taken back meanwhile is a change', () => {
  const { bag, cart } = bagOf({ cart: [1] });
  bag.share('cart');
  cart.push(2);
  bag.send(bag.encode());
  cart.pop();
  expect(bag.mayDiffer).toBe(true);
  expect(bag.pending()).toBe('{"cart":[1]}');
});

it('knows none once another text was stored', () => {
  const { bag, cart } = bagOf({ cart: [1] });
  bag.share('cart');
  bag.settle('{"cart":[1,2]}');
  expect(cart).toEqual([1, 2]);
  cart.pop();
  expect(bag.mayDiffer).toBe(true);
  expect(bag.pending()).toBe('{"cart":[1]}');
});

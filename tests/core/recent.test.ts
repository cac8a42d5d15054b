// A bounded memory: what it keeps, what it forgets, and when.
import { Recent } from '../../src/core/recent.js';

it('keeps what was used within the last generation, and forgets what was not within two', () => {
  const recent = new Recent<string>(10);
  recent.set('used', 'a');
  recent.set('unused', 'b');
  for (let round = 0; round < 5; round++) {
    for (let n = 0; n < 9; n++) recent.set(`${round}, ${n}`, 'x');
    expect(recent.get('used')).toBe('a');
  }
  expect(recent.get('unused')).toBeUndefined();
});

it('keeps as many as weigh so much together', () => {
  const recent = new Recent<string>(10, (value) => value.length);
  recent.set('first', 'x'.repeat(10));
  recent.set('second', 'x'.repeat(10));
  expect(recent.get('first')).toBe('x'.repeat(10));
  // `first` is young again and fills its generation: the next one drops what is older.
  recent.set('third', 'x');
  expect(recent.get('second')).toBeUndefined();
  expect(recent.get('third')).toBe('x');
});

it('weighs a key once, by what it holds last', () => {
  const recent = new Recent<string>(10, (value) => value.length);
  recent.set('kept', 'x');
  for (let n = 0; n < 100; n++) recent.set('changed', 'x'.repeat(5));
  // 6 of 10, then 9, then 10: the next one begins a generation, in which `kept` is the one before and not forgotten.
  recent.set('another', 'xxx');
  recent.set('one more', 'x');
  recent.set('in the next generation', 'x');
  expect(recent.get('kept')).toBe('x');
});

it('holds no more when what it holds grows', () => {
  const recent = new Recent<string>(1_000, (value) => value.length);
  for (let n = 0; n < 500; n++) recent.set(String(n), 'x');
  for (let n = 0; n < 500; n++) recent.set(String(n), 'x'.repeat(1_000));
  let kept = 0;
  for (let n = 0; n < 500; n++) kept += recent.get(String(n))?.length ?? 0;
  expect(kept).toBeLessThanOrEqual(4_000);
});

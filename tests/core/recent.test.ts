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
  recent.set('changed', 'x');
  recent.set('another', 'x'.repeat(7));
  // Nine of ten: no generation has ended, or what is not asked for would be two behind.
  recent.set('one more', 'x');
  recent.set('next generation', 'x');
  expect(recent.get('kept')).toBe('x');
});

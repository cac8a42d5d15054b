// Durations as options take them: what they come to, and what is none.
import { isDuration, toMs } from '../../src/core/duration.js';

it.each([
  [1, 1],
  [0.5, 0.5],
  [1_000, 1_000],
  ['1ms', 1],
  ['90s', 90_000],
  ['15m', 900_000],
  ['12h', 43_200_000],
  ['30d', 2_592_000_000],
  ['400d', 34_560_000_000],
  ['0.5s', 500],
  ['1.125s', 1_125],
  ['007m', 420_000],
])('%p is %p ms', (duration, ms) => {
  expect(toMs(duration)).toBe(ms);
  expect(isDuration(duration)).toBe(true);
});

it.each([0, -0, '0s', '0.0h', '0ms'])('%p is no time, and no duration', (duration) => {
  expect(Math.abs(toMs(duration))).toBe(0);
  expect(isDuration(duration)).toBe(false);
});

const OTHERS: readonly unknown[] = [
  ...[-1, NaN, Infinity, -Infinity],
  ...['', ' ', '1', '1.5', 's', '-1s', '+1s', '1 s', ' 1s', '1s ', '1s\n', '1S', '1M', '1w', '1y', '1sec'],
  ...[
    '1.s',
    '.5s',
    '1.2345s',
    '1,5s',
    '1e3s',
    '0x10s',
    '1_000s',
    '1s2s',
    '1h30m',
    'Infinitys',
    'NaNms',
    '１s',
  ],
  ...['an hour', `${'9'.repeat(16)}d`, '1constructor', '1__proto__'],
  ...[null, undefined, true, [], ['1s'], {}, { valueOf: () => 5 }, 5n, Symbol('1s'), new Date(5), () => 5],
  ...[new Number(5), new String('1s')],
];

it.each(OTHERS.map((value) => [value] as const))('S20 %p is no duration', (duration) => {
  expect(toMs(duration)).toBeNaN();
  expect(isDuration(duration)).toBe(false);
});

it('is finite whatever text it takes', () => {
  for (const unit of ['ms', 's', 'm', 'h', 'd'])
    expect(Number.isFinite(toMs(`${'9'.repeat(15)}.999${unit}`))).toBe(true);
});

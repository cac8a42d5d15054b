// Laws of durations: what is read as one is finite and above nought, and whatever is none never means "no expiry" (S20).
import fc from 'fast-check';

import { isDuration, toMs } from '../../src/core/duration.js';

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };
const unit = fc.constantFrom('ms', 's', 'm', 'h', 'd');

it('a whole number and its unit are so many milliseconds', () => {
  fc.assert(
    fc.property(fc.nat(), unit, (count, name) => {
      expect(toMs(`${String(count)}${name}`)).toBe(count * (MS[name] ?? NaN));
      expect(toMs(count)).toBe(count);
    }),
  );
});

it('S20 whatever it is, a duration is finite and above nought', () => {
  const anything = fc.oneof(
    fc.anything(),
    fc.double(),
    fc.constantFrom<unknown>(-1, -0, 0, NaN, Infinity, -Infinity, Number.MAX_VALUE, Number.MIN_VALUE),
    fc
      .tuple(fc.string({ maxLength: 3 }), fc.nat(), fc.string({ maxLength: 3 }))
      .map((parts) => parts.join('')),
    fc.tuple(fc.double(), unit).map(([count, name]) => `${String(count)}${name}`),
  );
  fc.assert(
    fc.property(anything, (value) => {
      const ms = toMs(value);
      expect(isDuration(value)).toBe(ms > 0);
      expect(Number.isNaN(ms) || (Number.isFinite(ms) && ms >= 0)).toBe(true);
      if (typeof value !== 'number' && typeof value !== 'string') expect(ms).toBeNaN();
    }),
    { numRuns: 3_000 },
  );
});

it('S20 a sign, a space, an exponent or anything else around the number makes it none', () => {
  const around = fc.constantFrom(
    '-',
    '+',
    ' ',
    '\n',
    '\0',
    '_',
    ',',
    'e3',
    'x',
    '0x',
    '.',
    '--',
    '٣',
    'Infinity',
  );
  fc.assert(
    fc.property(around, fc.nat(999), unit, fc.boolean(), (mark, count, name, isBefore) => {
      const text = `${String(count)}${name}`;
      expect(toMs(isBefore ? mark + text : text + mark)).toBeNaN();
      expect(isDuration(isBefore ? mark + text : text + mark)).toBe(false);
    }),
    { numRuns: 500 },
  );
});

it.each([
  '',
  '5',
  'm',
  '5 m',
  '5M',
  '5min',
  '1h30m',
  '-5m',
  '5e3ms',
  'NaNms',
  'Infinityd',
  '.5h',
  '5.h',
  '1.2345s',
])('S20 %j is no duration', (text) => {
  expect(toMs(text)).toBeNaN();
});

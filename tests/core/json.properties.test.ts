// Laws of session data as text: what is stored comes back as it was, nothing pollutes, and whatever cannot come back is
// refused with a code at once.
import fc from 'fast-check';

import { decodeData, encodeData, isReserved, parseData } from '../../src/core/json.js';

const HOSTILE = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'toJSON',
  'then',
  'id',
];
const key = fc.oneof(
  { weight: 3, arbitrary: fc.string({ minLength: 1, maxLength: 5 }) },
  fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
  fc.constantFrom(...HOSTILE),
  fc.constantFrom('0', '10', '-1', 'a.b', 'a b', '\ud800'),
);
/** Those of I11 among them. JSON writes -0 as 0. */
const leaf = fc.oneof(
  fc.constantFrom<unknown>(0, '', null, false, true, 'null', '__proto__', '{"__proto__":1}'),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
  fc.maxSafeInteger(),
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(
      key.filter((name) => name !== '__proto__' && name !== 'toJSON'),
      tie('tree'),
      { maxKeys: 4 },
    ),
  ),
}));
const data = fc.dictionary(
  key.filter((name) => !isReserved(name)),
  tree,
  { maxKeys: 6 },
);

/** Own `__proto__` keys at any level, as `JSON.parse` of a request's body has them. */
const polluted: fc.Arbitrary<string> = fc
  .tuple(
    data,
    fc.constantFrom(
      '__proto__',
      '\\u005f_proto__',
      '__\\u0070roto__',
      '_\\u005fproto_\\u005F',
      'constructor',
    ),
    fc.constantFrom('{"isAdmin":true}', '{"prototype":{"isAdmin":true}}', '1', 'null', '[]', '"x"'),
  )
  .map(([own, name, value]) => {
    const pair = `"${name}":${value}`;
    const objects = (inner: unknown): string => {
      if (Array.isArray(inner)) return `[${inner.map(objects).join(',')}]`;
      if (typeof inner !== 'object' || inner === null) return JSON.stringify(inner);
      const pairs = Object.entries(inner).map(([key, each]) => `${JSON.stringify(key)}:${objects(each)}`);
      return `{${[pair, ...pairs].join(',')}}`;
    };
    return objects({ ...own, a: { b: [{}] } });
  });

/** Own keys called `__proto__`, at any level. */
const pollutingKeys = (value: unknown): number =>
  typeof value !== 'object' || value === null
    ? 0
    : Object.keys(value).filter((name) => name === '__proto__').length +
      Object.values(value).reduce((sum: number, inner) => sum + pollutingKeys(inner), 0);
const isPlainThroughout = (value: unknown): boolean =>
  typeof value !== 'object' ||
  value === null ||
  ([Object.prototype, Array.prototype, null].includes(Object.getPrototypeOf(value) as null) &&
    Object.values(value).every(isPlainThroughout));

it('I11 what is stored comes back equal, whatever it is', () => {
  fc.assert(
    fc.property(data, (own) => {
      expect(decodeData(encodeData(own))).toEqual({ ...own });
    }),
    { numRuns: 1_000 },
  );
});

it.each([{}, 0, '', null, false, []])('I11 %j comes back as it was', (value) => {
  expect(decodeData(encodeData({ value }))).toEqual({ value });
});

it('text that was read is written the same', () => {
  fc.assert(
    fc.property(data, (own) => {
      const text = encodeData(own);
      expect(encodeData(decodeData(text))).toBe(text);
    }),
  );
});

it('S34 stored text pollutes no prototype, however a key is spelled', () => {
  const before = Object.getOwnPropertyNames(Object.prototype);
  fc.assert(
    fc.property(polluted, (text) => {
      for (const read of [decodeData(text), parseData(text)]) {
        expect(pollutingKeys(read)).toBe(0);
        expect(isPlainThroughout(read)).toBe(true);
        expect((read as { isAdmin?: unknown }).isAdmin).toBeUndefined();
      }
      expect(Object.keys(decodeData(text)).some(isReserved)).toBe(false);
    }),
    { numRuns: 1_000 },
  );
  expect(({} as { isAdmin?: unknown }).isAdmin).toBeUndefined();
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
});

it('S34 data from a hostile body is refused or stored without a key that pollutes', () => {
  fc.assert(
    fc.property(polluted, (text) => {
      const body = JSON.parse(text) as object;
      let stored: string;
      try {
        stored = encodeData({ body });
      } catch (error) {
        expect(error).toMatchObject({ name: 'SessionError', code: 'ERR_SESSION_KEY' });
        return;
      }
      expect(stored).not.toContain('"__proto__":');
    }),
  );
});

it('S35 whatever it is given, data is stored or refused with a code', () => {
  const anything = fc.anything({
    maxDepth: 4,
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withObjectString: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
    withUnboxedValue: true,
  } as fc.ObjectConstraints);
  fc.assert(
    fc.property(fc.dictionary(key, anything, { maxKeys: 4 }), (own) => {
      try {
        const text = encodeData(own);
        expect(JSON.parse(text)).toBeInstanceOf(Object);
      } catch (error) {
        expect(error).toMatchObject({
          name: 'SessionError',
          code: expect.stringMatching(/^ERR_SESSION_/) as unknown,
        });
      }
    }),
    { numRuns: 2_000 },
  );
});

it('S36 whatever stands in a store, it becomes plain data or is called corrupt', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.json(),
    fc.tuple(polluted, fc.nat()).map(([whole, at]) => whole.slice(0, at % whole.length)),
    polluted,
  );
  fc.assert(
    fc.property(text, (stored) => {
      try {
        expect(isPlainThroughout(decodeData(stored))).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ name: 'SessionError', code: 'ERR_SESSION_CORRUPT' });
      }
    }),
    { numRuns: 1_000 },
  );
});

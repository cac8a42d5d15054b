// Laws of ids and handles: which texts are ids, and that no text is both an id and a handle.
import fc from 'fast-check';

import type { SessionId } from '../../src/core/contract.js';
import { checkedId, handleOf, isHandle, isId, randomId } from '../../src/core/ids.js';

const ALPHABET = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
const good = fc
  .string({ unit: fc.constantFrom(...ALPHABET), minLength: 22, maxLength: 256 })
  .map((text) => text as SessionId);
/** What stands in an id's place: nearly one, or nothing like it. */
const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSet: true }),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: fc.constantFrom(...ALPHABET), maxLength: 300 }),
  fc.tuple(good, fc.string({ minLength: 1, maxLength: 3 }), fc.nat()).map(([text, mark, at]) => {
    const index = at % (text.length + 1);
    return text.slice(0, index) + mark + text.slice(index);
  }),
  fc
    .tuple(fc.constantFrom(21, 22, 256, 257), fc.constantFrom(...ALPHABET))
    .map(([length, character]) => character.repeat(length)),
  good.map((text) => [text]),
  good.map((text) => ({ toString: () => text, length: text.length })),
  good.map((text) => new String(text)),
  good.map((text) => Buffer.from(text)),
);

/** The alphabet, one character at a time. */
const isIdPlainly = (value: unknown): boolean =>
  typeof value === 'string' &&
  value.length >= 22 &&
  value.length <= 256 &&
  Array.from(value).every((character) => ALPHABET.includes(character));

it('S9 a text is an id if all its characters may stand in one, 22 to 256 of them, and nothing else is', () => {
  fc.assert(
    fc.property(anything, (value) => {
      expect(isId(value)).toBe(isIdPlainly(value));
    }),
    { numRuns: 3_000 },
  );
});

it('S3 what generateId returned is taken as it is or refused with a code, whatever it is', () => {
  const refused = expect.objectContaining({ name: 'SessionError', code: 'ERR_SESSION_ID' }) as Error;
  fc.assert(
    fc.property(fc.oneof(good, anything), (value) => {
      if (isIdPlainly(value)) expect(checkedId(value)).toBe(value);
      else expect(() => checkedId(value)).toThrow(refused);
    }),
    { numRuns: 2_000 },
  );
});

it('S41 the refusal of an id does not say what it was', () => {
  const shouted = fc.string({ unit: fc.constantFrom(...Array.from('#§$&(')), minLength: 3 });
  fc.assert(
    fc.property(shouted, (value) => {
      expect(() => checkedId(value)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining(value) as unknown }) as Error,
      );
    }),
  );
});

it('S1 S3 random bytes become ids, and different bytes different ids', () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      const [one, other] = [a, b].map((own) => randomId(() => Buffer.from(own)));
      expect(isIdPlainly(one)).toBe(true);
      expect(one === other).toBe(Buffer.compare(a, b) === 0);
    }),
  );
});

it('S11 a handle is known as a handle, never passes for an id, and says nothing of the id', () => {
  fc.assert(
    fc.property(good, (own) => {
      const handle = handleOf(own);
      expect([isHandle(handle), isId(handle), isHandle(own)]).toEqual([true, false, false]);
      expect(handle).not.toContain(own);
      expect(handleOf(own)).toBe(handle);
    }),
  );
});

it('S33 no text is both, and different ids have different handles', () => {
  fc.assert(
    fc.property(anything, (value) => {
      expect(isId(value) && isHandle(value)).toBe(false);
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(good, good, (a, b) => {
      expect(handleOf(a) === handleOf(b)).toBe(a === b);
    }),
  );
});

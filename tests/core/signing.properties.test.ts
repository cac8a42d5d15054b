// Laws of signed values: one spelling of each is good, under its own secret and in its own cookie, and no other text is.
import fc from 'fast-check';

import type { SessionId } from '../../src/core/contract.js';
import { Signer } from '../../src/core/signing.js';

const ALPHABET = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
const id = fc
  .string({ unit: fc.constantFrom(...ALPHABET), minLength: 22, maxLength: 256 })
  .map((text) => text as SessionId);
const secret = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
const cookie = fc.constantFrom('sid', '__Host-sid', 'connect.sid', 'a', 'b', 'ab', 'admin.sid');
const signer = new Signer('sid', ['one', 'two']);

/** What an attacker would put between or in place of characters: those of the format first. */
const character = fc.oneof(
  fc.constantFrom(
    ...ALPHABET,
    '.',
    '=',
    '+',
    '/',
    ' ',
    '"',
    '%',
    '\0',
    '\n',
    ';',
    'ä',
    'é',
    '\ud800',
    '\u{1f600}',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
);

it('S4 what is signed is verified, and gives back its id', () => {
  fc.assert(
    fc.property(cookie, secret, id, (name, key, own) => {
      const one = new Signer(name, [key]);
      expect(one.verify(one.sign(own))).toEqual({ id: own, stale: false });
    }),
  );
});

it('S6 every secret of a list verifies, and only the first signs', () => {
  const secrets = fc.uniqueArray(secret, { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(secrets, fc.nat(4), id, (keys, at, own) => {
      const index = at % keys.length;
      const signed = new Signer('sid', [keys[index] ?? '']).sign(own);
      expect(new Signer('sid', keys).verify(signed)).toEqual({ id: own, stale: index > 0 });
      expect(new Signer('sid', keys.slice(0, index)).verify(signed)).toBeNull();
    }),
  );
});

it('S5 what is signed for one cookie, or under one secret, is refused in every other', () => {
  fc.assert(
    fc.property(cookie, cookie, secret, secret, id, (mine, theirs, key, otherKey, own) => {
      const signed = new Signer(mine, [key]).sign(own);
      if (mine !== theirs) expect(new Signer(theirs, [key]).verify(signed)).toBeNull();
      if (key !== otherKey) expect(new Signer(mine, [otherKey]).verify(signed)).toBeNull();
    }),
  );
});

describe('S4 a signed value is refused', () => {
  it('with any character replaced', () => {
    fc.assert(
      fc.property(id, fc.nat(), character, (own, at, other) => {
        const signed = signer.sign(own);
        const index = at % signed.length;
        fc.pre(signed.charAt(index) !== other);
        expect(signer.verify(signed.slice(0, index) + other + signed.slice(index + 1))).toBeNull();
      }),
      { numRuns: 1_000 },
    );
  });

  it('with any character added', () => {
    fc.assert(
      fc.property(id, fc.nat(), character, (own, at, other) => {
        const signed = signer.sign(own);
        const index = at % (signed.length + 1);
        expect(signer.verify(signed.slice(0, index) + other + signed.slice(index))).toBeNull();
      }),
      { numRuns: 1_000 },
    );
  });

  it.each(['.', '=', ' '])('with %j added anywhere', (mark) => {
    const signed = signer.sign('x'.repeat(43) as SessionId);
    for (let at = 0; at <= signed.length; at++)
      expect(signer.verify(signed.slice(0, at) + mark + signed.slice(at))).toBeNull();
  });

  it('with any part of it taken out, or put twice', () => {
    fc.assert(
      fc.property(id, fc.nat(), fc.integer({ min: 1, max: 60 }), (own, at, length) => {
        const signed = signer.sign(own);
        const from = at % signed.length;
        const [head, part, tail] = [
          signed.slice(0, from),
          signed.slice(from, from + length),
          signed.slice(from + length),
        ];
        expect(signer.verify(head + tail)).toBeNull();
        expect(signer.verify(head + part + part + tail)).toBeNull();
      }),
      { numRuns: 1_000 },
    );
  });

  it('with the signature of another id', () => {
    fc.assert(
      fc.property(id, id, (own, theirs) => {
        fc.pre(own !== theirs);
        const signature = signer.sign(theirs).slice(theirs.length);
        expect(signer.verify(own + signature)).toBeNull();
      }),
    );
  });

  it('as the id of another signed value, however often', () => {
    fc.assert(
      fc.property(id, fc.integer({ min: 1, max: 3 }), (own, times) => {
        let nested: string = signer.sign(own);
        for (let time = 0; time < times; time++) nested = signer.sign(nested as SessionId);
        expect(signer.verify(nested)).toBeNull();
      }),
    );
  });
});

it('S9 a text that is no id is refused, even under a good signature', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.constantFrom('', '.', '..', '__proto__', `sha256:${'a'.repeat(64)}`, 'x'.repeat(21), 'x'.repeat(257)),
    fc.tuple(id, fc.constantFrom('\0', '/', '%2f', '\n', ' ')).map(([own, mark]) => own + mark),
  );
  fc.assert(
    fc.property(
      hostile.filter((text) => !/^[A-Za-z0-9_-]{22,256}$/.test(text)),
      (text) => {
        expect(signer.verify(signer.sign(text as SessionId))).toBeNull();
      },
    ),
    { numRuns: 1_000 },
  );
});

describe('S6 a value under a key with a name', () => {
  const keyId = fc.string({ unit: fc.constantFrom(...ALPHABET), minLength: 1, maxLength: 32 });
  const keys = fc.uniqueArray(fc.tuple(keyId, secret), {
    minLength: 2,
    maxLength: 4,
    selector: ([name]) => name,
  });

  it('is good as long as that key is in the list, and refused without it', () => {
    fc.assert(
      fc.property(keys, fc.nat(3), id, (pairs, at, own) => {
        const list = pairs.map(([name, key]) => ({ id: name, secret: key }));
        const index = at % list.length;
        const signed = new Signer('sid', list.slice(index)).sign(own);
        expect(new Signer('sid', list).verify(signed)).toEqual({ id: own, stale: index > 0 });
        expect(new Signer('sid', list.toSpliced(index, 1)).verify(signed)).toBeNull();
      }),
    );
  });

  it('is refused under the name of another key, a name that nobody has, and no name', () => {
    const one = { id: 'one', secret: 'first secret' };
    const named = new Signer('sid', [one, { id: 'two', secret: 'second secret' }, 'a secret without a name']);
    fc.assert(
      fc.property(
        id,
        fc.oneof(keyId, fc.constantFrom('two', '', 'One', 'one ', '__proto__')),
        (own, name) => {
          fc.pre(name !== 'one');
          const [, , mac = ''] = named.sign(own).split('.');
          expect(named.verify(`${own}.${name}.${mac}`)).toBeNull();
          expect(named.verify(`${own}.${mac}`)).toBeNull();
        },
      ),
    );
  });
});

// Signed cookie values: what verifies, what is stale, and that nothing else does.
import fc from 'fast-check';

import { randomId } from '../../src/core/ids.js';
import { Signer } from '../../src/core/signing.js';

const id = randomId();

/** Another spelling of a base64url text that decodes to the same bytes. */
function respelled(signature: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(signature.slice(-1));
  return signature.slice(0, -1) + alphabet.charAt(last ^ 1);
}

it('gives back the id it signed', () => {
  const signer = new Signer('sid', ['one']);
  const signed = signer.sign(id);
  expect(signed).toMatch(new RegExp(`^${id}\\.[A-Za-z0-9_-]{43}$`));
  expect(signer.verify(signed)).toEqual({ id, stale: false });
});

it('signs with the first of several secrets and verifies with all of them, telling which are stale (S6)', () => {
  const rotated = new Signer('sid', ['new', 'old', 'older']);
  expect(rotated.sign(id)).toBe(new Signer('sid', ['new']).sign(id));
  expect(rotated.verify(new Signer('sid', ['new']).sign(id))).toEqual({ id, stale: false });
  expect(rotated.verify(new Signer('sid', ['old']).sign(id))).toEqual({ id, stale: true });
  expect(rotated.verify(new Signer('sid', ['older']).sign(id))).toEqual({ id, stale: true });
  expect(rotated.verify(new Signer('sid', ['gone']).sign(id))).toBeNull();
});

it('calls a value fresh where one secret stands in the list twice', () => {
  const signer = new Signer('sid', ['same', 'same']);
  expect(signer.verify(signer.sign(id))).toEqual({ id, stale: false });
});

it('refuses in cookie B what was signed for cookie A (S5)', () => {
  expect(new Signer('b', ['one']).verify(new Signer('a', ['one']).sign(id))).toBeNull();
  // The border between name and id cannot be shifted either: "a=" + "bX" is not "a=b" + "X".
  expect(new Signer('a', ['one']).verify(`b${new Signer('ab', ['one']).sign(id)}`)).toBeNull();
});

it('S4 refuses every other spelling of a good signature', () => {
  const signer = new Signer('sid', ['one']);
  const [, signature = ''] = signer.sign(id).split('.');
  expect(Buffer.from(respelled(signature), 'base64url')).toEqual(Buffer.from(signature, 'base64url'));
  for (const spelling of [
    respelled(signature),
    `${signature}=`,
    signature.replaceAll('-', '+').replaceAll('_', '/') + '=',
    ` ${signature}`,
    signature.slice(0, -1),
    signature.toUpperCase(),
    '',
  ])
    expect(signer.verify(`${id}.${spelling}`)).toBeNull();
});

it('S4 refuses an id without a signature, a bare dot, and an id that is none under a good signature', () => {
  const signer = new Signer('sid', ['one']);
  const short = 'short' as typeof id;
  for (const value of ['', '.', id, `${id}.`, `.${id}`, signer.sign(short)])
    expect(signer.verify(value)).toBeNull();
});

it('verifies the longest id there can be, and looks at nothing longer', () => {
  const signer = new Signer('sid', ['one']);
  const longest = 'x'.repeat(256) as typeof id;
  expect(signer.verify(signer.sign(longest))).toEqual({ id: longest, stale: false });
  const started = performance.now();
  for (let round = 0; round < 1_000; round++) expect(signer.verify(`${'x'.repeat(1_000_000)}.x`)).toBeNull();
  // A thousand regular expressions over a megabyte each would take over a second.
  expect(performance.now() - started).toBeLessThan(500);
});

it('needs a secret to sign, and verifies nothing without one', () => {
  const signer = new Signer('sid', []);
  expect(() => signer.sign(id)).toThrow('A signer needs a secret.');
  expect(signer.verify(new Signer('sid', ['one']).sign(id))).toBeNull();
});

it('S4 never throws and never verifies, whatever the text is', () => {
  const signer = new Signer('sid', ['one', 'two']);
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.string({ unit: 'grapheme' }),
    fc.string().map((tail) => `${id}.${tail}`),
    fc.tuple(fc.base64String(), fc.base64String()).map(([a, b]) => `${a}.${b}`),
    fc.constantFrom('\ud800', `${id}.\ud800`, `${id}.${'\udfff'.repeat(43)}`, '__proto__', `__proto__.${id}`),
  );
  fc.assert(fc.property(text, (value) => signer.verify(value) === null));
});

it('S4 never verifies a signed value with one character changed', () => {
  const signer = new Signer('sid', ['one']);
  const signed = signer.sign(id);
  fc.assert(
    fc.property(fc.nat(signed.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
      fc.pre(signed.charAt(at) !== character);
      return signer.verify(signed.slice(0, at) + character + signed.slice(at + 1)) === null;
    }),
  );
});

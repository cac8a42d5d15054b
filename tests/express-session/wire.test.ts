// The cookie's value: what express-session signs is read, what is signed is what express-session would have signed, and
// nothing else is ever taken for an id.
import { createSecretKey, type CipherKey } from 'node:crypto';
import { createRequire } from 'node:module';

import fc from 'fast-check';

import { Wire } from '../../src/express-session/wire.js';
import { createRequest } from '../session-manager/world.js';

/** The package that express-session itself signs with. */
const signature = createRequire(require.resolve('express-session'))('cookie-signature') as {
  sign(value: string, secret: CipherKey): string;
  unsign(value: string, secret: CipherKey): string | false;
};

const NAME = 'connect.sid';
const ID = 'R3Yk7ZzJ-0x_an-id-as-express-session-makes';
const SECRETS: [string, CipherKey][] = [
  ['a string', 'keyboard cat'],
  ['a string beyond ASCII', 'Schlüssel 鍵'],
  ['a Buffer', Buffer.from([0, 255, 1, 254])],
  ['a Uint8Array', new Uint8Array([1, 2, 3])],
  ['a KeyObject', createSecretKey(Buffer.from('a key of some bytes'))],
];
const signed = (id: string, secret: CipherKey = 'cat'): string => `s:${signature.sign(id, secret)}`;
const wire = new Wire(NAME, ['cat']);
const read = (cookie: string, from = wire): string[] => from.read(createRequest(cookie));

describe('the signature', () => {
  it.each(SECRETS)("with %s is cookie-signature's", (_what, secret) => {
    const mine = new Wire(NAME, [secret]);
    for (const id of [ID, 'apple', '%', '/foo', 'a.b.c', 'ä ö', '']) {
      expect(mine.sign(id)).toBe(signed(id, secret));
      expect(signature.unsign(mine.sign(id).slice(2), secret)).toBe(id);
    }
    expect(read(`${NAME}=${encodeURIComponent(mine.sign(ID))}`, mine)).toEqual([ID]);
  });

  it("is cookie-signature's for every id", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.string({ minLength: 1 }),
        (id, secret) => {
          const mine = new Wire(NAME, [secret]);
          expect(mine.sign(id)).toBe(signed(id, secret));
          expect(read(`${NAME}=${encodeURIComponent(mine.sign(id))}`, mine)).toEqual([id]);
        },
      ),
    );
  });

  it('that was good once makes no other good, of the same id or of another', () => {
    const mine = new Wire(NAME, ['cat']);
    const cookieOf = (value: string): string => `${NAME}=${encodeURIComponent(value)}`;
    const good = mine.sign(ID);
    for (let time = 0; time < 2; time++) {
      expect(read(cookieOf(good), mine)).toEqual([ID]);
      expect(read(cookieOf(signed(ID, 'dog')), mine)).toEqual([]);
      expect(read(cookieOf(good.replace(ID, `${ID}x`)), mine)).toEqual([]);
      expect(read(cookieOf(good), new Wire(NAME, ['dog']))).toEqual([]);
    }
  });

  it('is made with the first secret and read with all', () => {
    const old = createSecretKey(Buffer.from('old'));
    const rotated = new Wire(NAME, ['new', old]);
    expect(rotated.sign(ID)).toBe(signed(ID, 'new'));
    expect(read(`${NAME}=${encodeURIComponent(signed(ID, old))}`, rotated)).toEqual([ID]);
    expect(read(`${NAME}=${encodeURIComponent(signed(ID, 'older'))}`, rotated)).toEqual([]);
  });

  it('is good for no other id and in no other form', () => {
    const character = fc.constantFrom(...Array.from('ABCxyz0189+/=._-:é'));
    const [, mac = ''] = /\.([^.]*)$/.exec(signed(ID)) ?? [];
    const spoilt = fc
      .record({ at: fc.nat(mac.length), cut: fc.nat(3), by: fc.string({ unit: character, maxLength: 3 }) })
      .map(({ at, cut, by }) => mac.slice(0, at) + by + mac.slice(at + cut))
      .filter((other) => other !== mac);
    fc.assert(
      fc.property(spoilt, fc.boolean(), (other, isEncoded) => {
        const value = `s:${ID}.${other}`;
        expect(read(`${NAME}=${isEncoded ? encodeURIComponent(value) : value}`)).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(fc.string({ unit: character, minLength: 1 }), (id) => {
        fc.pre(id !== ID);
        expect(read(`${NAME}=${encodeURIComponent(`s:${id}.${mac}`)}`)).toEqual([]);
      }),
    );
  });
});

describe('what a request brings', () => {
  it.each([
    ['encoded, as browsers send it back', encodeURIComponent(signed(ID))],
    ['not encoded', signed(ID)],
    ['encoded more than it needs to be', signed(ID).replace(/./g, (c) => `%${c.charCodeAt(0).toString(16)}`)],
    ['in quotes', `"${encodeURIComponent(signed(ID))}"`],
    ['with spaces around it', `  ${signed(ID)}  `],
  ])('is read %s', (_how, value) => {
    expect(read(`a=1; ${NAME}=${value}; z=2`)).toEqual([ID]);
    expect(read(`${NAME}=${value}`)).toEqual([ID]);
  });

  it('is every good one of several, in their order', () => {
    const good = ['one', 'two'].map((id) => `${NAME}=${encodeURIComponent(signed(id))}`);
    expect(read([`${NAME}=junk`, good[0], `${NAME}=s:x.y`, good[1]].join('; '))).toEqual(['one', 'two']);
    expect(read([...good].reverse().join(';'))).toEqual(['two', 'one']);
  });

  it.each([
    '',
    NAME,
    `${NAME}=`,
    `${NAME}="`,
    `${NAME}=""`,
    `${NAME}=%`,
    `${NAME}=%E0%A4%A`,
    `${NAME}=s:`,
    `${NAME}=s:.`,
    `${NAME}=s:${ID}`,
    `${NAME}=s:${ID}.`,
    `${NAME}=${signed(ID).slice(2)}`,
    `${NAME}=${signed('')}`,
    `${NAME}=j:${JSON.stringify({ id: ID })}`,
    `x${NAME}=${signed(ID)}`,
    `${NAME}x=${signed(ID)}`,
    `CONNECT.SID=${signed(ID)}`,
    `other=${NAME}=${signed(ID)}`,
  ])('is nothing in %j', (header) => {
    expect(read(header)).toEqual([]);
  });

  it('is nothing without a header', () => {
    const req = createRequest();
    delete req.headers.cookie;
    expect(wire.read(req)).toEqual([]);
  });

  it('is nothing, and never an error, in any header', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(NAME, '=', ';', '; ', '"', '%', '%25', 's:', '.', signed(ID), signed(ID).slice(0, -1)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        for (const id of read(pieces.join(''))) expect(id).toBe(ID);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('what cookie-parser found', () => {
  const parsed = (signedCookies: unknown, cookies: unknown, header?: string): string[] => {
    const req = createRequest(header ?? '');
    return wire.read(Object.assign(req, { signedCookies, cookies }) as never);
  };

  it('counts where the header has nothing', () => {
    expect(parsed({ [NAME]: ID }, undefined)).toEqual([ID]);
    expect(parsed({}, { [NAME]: signed(ID) })).toEqual([ID]);
    expect(parsed({ [NAME]: 'first' }, { [NAME]: signed(ID) })).toEqual(['first']);
    expect(parsed({ [NAME]: false }, { [NAME]: signed(ID) })).toEqual([ID]);
    expect(parsed({ [NAME]: 'other' }, undefined, `${NAME}=${signed(ID)}`)).toEqual([ID]);
  });

  it.each([
    [undefined, { [NAME]: ID }],
    [undefined, { [NAME]: `${signed(ID)}x` }],
    [null, null],
    [{ [NAME]: '' }, {}],
    [{ [NAME]: { id: ID } }, { [NAME]: [signed(ID)] }],
    ['text', 5],
    [Object.create({ [NAME]: ID }), Object.create({ [NAME]: signed(ID) })],
  ])('is nothing in %j and %j', (signedCookies: unknown, cookies: unknown) => {
    expect(parsed(signedCookies, cookies)).toEqual([]);
  });
});

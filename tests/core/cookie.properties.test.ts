// Laws of cookies as text, over hostile headers: what is found, in which time, and what a line that was written reads as.
import fc from 'fast-check';

import {
  attributeText,
  clearCookieLine,
  cookieValues,
  isCookieAttribute,
  isCookieName,
  setCookieLine,
  type CookieAttributes,
} from '../../src/core/cookie.js';

const name: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    'sid',
    '__Host-sid',
    'connect.sid',
    's',
    '__proto__',
    'constructor',
    'toString',
    '$&',
    '.*',
  ),
  fc.string({ unit: fc.constantFrom(...Array.from("!#$%&'*+-.^_`|~09AZaz")), minLength: 1, maxLength: 4 }),
);

/** Headers that speak of a name in every way: half of it, twice, in values, in quotes, among anything else. */
const headerFor = (own: string): fc.Arbitrary<string> => {
  const piece = fc.oneof(
    fc.constantFrom(own, `${own}=`, `; ${own}=`, ` ${own} =`, `"${own}"=`, own.slice(1), own.slice(0, -1)),
    fc.constantFrom(';', '; ', '=', ' ', '"', '%', '%3B', '%3D', '\0', '\r\n', '\t', '\u00a0', '\ufeff', ','),
    fc.constantFrom('__proto__=p', 'constructor=c', '\ud800', '\u{1f600}', 'ä', 'x=1; '),
    fc.string({ unit: 'binary', maxLength: 6 }),
  );
  return fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
};
const asked: fc.Arbitrary<{ own: string; header: string }> = name.chain((own) =>
  headerFor(own).map((header) => ({ own, header })),
);

/** One character at a time, as RFC 6265 says it: pairs end at semicolons, names at the first equals sign. */
function slowly(header: string, own: string): string[] {
  const found: string[] = [];
  let key = '';
  let value: string | null = null;
  for (const character of [...Array.from(header), ';']) {
    if (character === ';') {
      if (value !== null && key.trim() === own) found.push(value.trim());
      key = '';
      value = null;
    } else if (value !== null) value += character;
    else if (character === '=') value = '';
    else key += character;
  }
  return found.slice(0, 4);
}

it('S22 S24 S25 finds in any header, under any name, what a reader of single characters finds', () => {
  fc.assert(
    fc.property(asked, ({ own, header }) => {
      expect(cookieValues(header, own)).toEqual(slowly(header, own));
    }),
    { numRuns: 2_000 },
  );
});

it('S22 finds a good cookie among strangers, wherever it stands', () => {
  const stranger = fc
    .tuple(name, fc.string({ unit: fc.constantFrom(...Array.from('aZ09=._"%')), maxLength: 8 }))
    .filter(([other]) => other !== 'sid')
    .map(([other, value]) => `${other}=${value}`);
  fc.assert(
    fc.property(
      fc.array(stranger, { maxLength: 20 }),
      fc.array(stranger, { maxLength: 20 }),
      (before, after) => {
        expect(cookieValues([...before, 'sid=good', ...after].join('; '), 'sid')).toEqual(['good']);
      },
    ),
    { numRuns: 1_000 },
  );
});

it('S24 leaves the prototypes of objects alone', () => {
  const before = Object.getOwnPropertyNames(Object.prototype);
  fc.assert(
    fc.property(asked, ({ header }) => {
      for (const own of ['__proto__', 'constructor', 'prototype']) cookieValues(header, own);
    }),
  );
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
});

it('S23 reads 16 KB of a thousand pairs in under a millisecond, by the median', () => {
  const pair = fc.string({ unit: fc.constantFrom(...Array.from('sid=x0 ')), minLength: 14, maxLength: 14 });
  const times: number[] = [];
  fc.assert(
    fc.property(fc.array(pair, { minLength: 1_000, maxLength: 1_000 }), (pairs) => {
      const header = pairs.join('; ');
      const started = performance.now();
      cookieValues(header, 'sid');
      times.push(performance.now() - started);
    }),
    { numRuns: 101 },
  );
  expect(times.sort((a, b) => a - b)[50]).toBeLessThan(1);
});

describe('S19 a line that is written', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 6 }),
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.constantFrom('/', '/;x', '/\r\nSet-Cookie: a=b', '/\0', '/; Domain=x', 'example.com', 'a,b'),
  );
  const attributes: fc.Arbitrary<CookieAttributes> = fc.record(
    {
      path: text.filter(isCookieAttribute),
      domain: text.filter(isCookieAttribute),
      httpOnly: fc.boolean(),
      secure: fc.boolean(),
      sameSite: fc.constantFrom('lax' as const, 'strict' as const, 'none' as const, false as const),
      priority: fc.constantFrom('low' as const, 'medium' as const, 'high' as const),
      partitioned: fc.boolean(),
    },
    { requiredKeys: ['path', 'httpOnly', 'secure', 'sameSite', 'partitioned'] },
  );

  /** As a browser reads it. */
  const readBack = (line: string): Map<string, string> =>
    new Map(
      line
        .split('; ')
        .slice(1)
        .map((part) => [part.replace(/=.*/s, ''), part.replace(/^[^=]*=?/s, '')]),
    );

  it('says what was asked and nothing else, whatever passes the checks of names and attributes', () => {
    fc.assert(
      fc.property(text.filter(isCookieName), attributes, fc.option(fc.nat(9e7)), (own, given, maxAge) => {
        const line = setCookieLine(own, 'v', attributeText(given), maxAge);
        expect(line).toMatch(/^[\x20-\x7e]*$/);
        const parts = readBack(line);
        const wanted = new Map<string, string>([['Path', given.path]]);
        if (maxAge !== null) wanted.set('Max-Age', String(maxAge));
        if (given.domain !== undefined) wanted.set('Domain', given.domain);
        if (given.httpOnly) wanted.set('HttpOnly', '');
        if (given.secure) wanted.set('Secure', '');
        if (given.partitioned) wanted.set('Partitioned', '');
        expect(parts.get('SameSite')?.toLowerCase() ?? false).toBe(given.sameSite);
        expect(parts.get('Priority')?.toLowerCase()).toBe(given.priority);
        parts.delete('SameSite');
        parts.delete('Priority');
        expect(Object.fromEntries(parts)).toEqual(Object.fromEntries(wanted));
      }),
      { numRuns: 1_000 },
    );
  });

  it('S21 is taken away by a line with the same attributes', () => {
    fc.assert(
      fc.property(attributes, (given) => {
        const gone = readBack(clearCookieLine('sid', attributeText(given)));
        const kept = readBack(setCookieLine('sid', 'v', attributeText(given), null));
        for (const [attribute, value] of kept) expect(gone.get(attribute)).toBe(value);
        expect(gone.get('Max-Age')).toBe('0');
      }),
    );
  });

  it('has a name and value of 4,096 bytes at most (S18)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 0, max: 5_000 }), (a, b) => {
        const write = (): string => setCookieLine('n'.repeat(a), 'v'.repeat(b), '', null);
        if (a + b <= 4_096) expect(write()).toHaveLength(a + 1 + b);
        else expect(write).toThrow(expect.objectContaining({ code: 'ERR_SESSION_COOKIE' }) as Error);
      }),
    );
  });
});

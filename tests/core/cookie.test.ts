// Cookies as text: which values are found in a Cookie header, and what a Set-Cookie line looks like.
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
import { thrownBy } from '../support/failures.js';

const PLAIN: CookieAttributes = {
  path: '/',
  httpOnly: false,
  secure: false,
  sameSite: false,
  partitioned: false,
};

describe('cookieValues', () => {
  it.each([
    ['alone', 'sid=a', ['a']],
    ['among others', 'x=1; sid=a; y=2', ['a']],
    ['without spaces', 'x=1;sid=a;y=2', ['a']],
    ['with more spaces', ' x=1 ;  sid = a  ; y', ['a']],
    ['behind names that contain it', 'xsid=1; sidx=2; sid.x=3; sid=a', ['a']],
    ['behind a value that contains it', 'x=sid; y=sid=b; sid=a', ['a']],
    ['with an equals sign in its value', 'sid=a=b==', ['a=b==']],
    ['empty', 'sid=', ['']],
    ['quoted, as it stands', 'sid="a"', ['"a"']],
    ['escaped, as it stands', 'sid=%41', ['%41']],
    ['behind empty pairs', ';;; ;sid=a;;', ['a']],
  ])('finds the cookie %s', (_where, header, values) => {
    expect(cookieValues(header, 'sid')).toEqual(values);
  });

  it.each([
    ['an empty header', ''],
    ['another cookie', 'x=1'],
    ['a nameless cookie that looks like ours', '=sid=a'],
    ['a pair that is only a name', 'sid; x=1'],
    ['a pair that is only a name, at the end', 'x=1; sid'],
    ['a quoted name', '"sid"=a'],
    ['another case', 'SID=a'],
    ['our name inside a quoted value', 'x="; y; sid'],
    ['nothing but separators', ';=;=;=;'],
  ])('finds nothing in %s (S25)', (_what, header) => {
    expect(cookieValues(header, 'sid')).toEqual([]);
  });

  it('gives duplicates in the order of the header, four at most (S22)', () => {
    expect(cookieValues('sid=1; x=0; sid=2; sid=3', 'sid')).toEqual(['1', '2', '3']);
    expect(cookieValues('sid=1; sid=2; sid=3; sid=4; sid=5', 'sid')).toEqual(['1', '2', '3', '4']);
  });

  it('treats names of object properties as names like any other (S24)', () => {
    const header = '__proto__=p; constructor=c; toString=t; sid=a';
    expect(cookieValues(header, 'sid')).toEqual(['a']);
    expect(cookieValues(header, '__proto__')).toEqual(['p']);
    expect(cookieValues('x=1', 'constructor')).toEqual([]);
  });

  it('never throws, and finds exactly what splitting at every separator finds', () => {
    const fragment = fc.oneof(
      fc.constantFrom('sid', 'sid=', ' sid =', ';', '; ', '=', ' ', 'x=', '"', '%', 'si', 'd', '\0', '\n'),
      fc.string({ maxLength: 5 }),
      fc.string({ unit: 'binary', maxLength: 3 }),
    );
    const plainly = (header: string): string[] =>
      header
        .split(';')
        .filter((pair) => pair.includes('=') && pair.slice(0, pair.indexOf('=')).trim() === 'sid')
        .map((pair) => pair.slice(pair.indexOf('=') + 1).trim())
        .slice(0, 4);
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 30 }), (fragments) => {
        const header = fragments.join('');
        expect(cookieValues(header, 'sid')).toEqual(plainly(header));
      }),
      { numRuns: 1_000 },
    );
  });

  // How long it takes is measured by `npm run fuzz`; here it counts how that grows.
  describe('costs a time that is linear in the length, whatever is in them (S23)', () => {
    const shapes: [string, (size: number) => string][] = [
      [
        'a thousand pairs',
        (size) =>
          Array.from({ length: size / 16 }, (_, at) => `name${String(at).padStart(5)}=val`).join('; '),
      ],
      ['our name as a prefix', (size) => 'sidx=1; '.repeat(size / 8)],
      ['our name in values', (size) => 'x=sid; '.repeat(size / 7)],
      ['our name without a value', (size) => 'sid;'.repeat(size / 4)],
      ['nothing but separators', (size) => ';'.repeat(size)],
      ['one endless pair', (size) => 'sid'.repeat(size / 3)],
    ];
    // The shortest of up to 15 times; what takes a second does not take it by chance.
    const millisecondsFor = (header: string): number => {
      const times: number[] = [];
      const end = performance.now() + 1_000;
      do {
        const started = performance.now();
        cookieValues(header, 'sid');
        times.push(performance.now() - started);
      } while (times.length < 15 && performance.now() < end);
      return Math.min(...times);
    };

    it.each(shapes)('%s', (_what, shape) => {
      // Sixteen times the header: 16 times the time if it is linear, 256 times if it is quadratic. The long one is four
      // times what Node accepts as a whole head, and short enough for a quadratic one to come to an end.
      const ratio = millisecondsFor(shape(16 * 4_096)) / Math.max(millisecondsFor(shape(4_096)), 0.01);
      expect(ratio).toBeLessThan(80);
    });
  });
});

describe('Set-Cookie', () => {
  it('writes every attribute in one order', () => {
    expect(attributeText(PLAIN)).toBe('; Path=/');
    expect(
      attributeText({
        path: '/app',
        domain: 'example.com',
        httpOnly: true,
        secure: true,
        sameSite: 'none',
        priority: 'high',
        partitioned: true,
      }),
    ).toBe('; Path=/app; Domain=example.com; HttpOnly; Secure; SameSite=None; Priority=High; Partitioned');
    expect(attributeText({ ...PLAIN, httpOnly: true, sameSite: 'lax' })).toBe(
      '; Path=/; HttpOnly; SameSite=Lax',
    );
    expect(attributeText({ ...PLAIN, sameSite: 'strict', priority: 'low' })).toBe(
      '; Path=/; SameSite=Strict; Priority=Low',
    );
  });

  it('writes Max-Age unless the cookie lives as long as the browser', () => {
    expect(setCookieLine('sid', 'v', '; Path=/', 60)).toBe('sid=v; Max-Age=60; Path=/');
    expect(setCookieLine('sid', 'v', '; Path=/', 0)).toBe('sid=v; Max-Age=0; Path=/');
    expect(setCookieLine('sid', 'v', '; Path=/', null)).toBe('sid=v; Path=/');
  });

  it('refuses a name and value beyond the 4,096 bytes that browsers keep (S18)', () => {
    expect(setCookieLine('sid', 'v'.repeat(4093), '', null)).toHaveLength(4097);
    const error = thrownBy(() => setCookieLine('sid', 'v'.repeat(4094), '', null));
    expect(error).toMatchObject({ code: 'ERR_SESSION_COOKIE' });
    expect(error.message).toContain('4096 bytes');
    expect(error.message).not.toContain('vvv');
  });

  it('takes a cookie away with the same attributes (S21)', () => {
    expect(clearCookieLine('sid', '; Path=/app; Secure')).toBe(
      'sid=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/app; Secure',
    );
  });
});

describe('what may stand in a cookie (S19)', () => {
  it.each(['sid', '__Host-sid', "a.b_c~d!#$%&'*+-^`|", '0'])('%p may be a name', (name) => {
    expect(isCookieName(name)).toBe(true);
  });

  it.each(['', 'a b', 'a;b', 'a=b', 'a\r\nb', 'a\0', 'ä', '(a)', '"a"', 'a,b', 'a\n'])(
    '%p may not',
    (name) => {
      expect(isCookieName(name)).toBe(false);
    },
  );

  it.each(['/', '/a b', 'example.com', '', '/~x:9'])('%p may be a path or domain', (value) => {
    expect(isCookieAttribute(value)).toBe(true);
  });

  it.each(['/;', '/\r', '/\n', '/\0', '/\u007f', '/ä', '/; Domain=x'])('%p may not', (value) => {
    expect(isCookieAttribute(value)).toBe(false);
  });
});

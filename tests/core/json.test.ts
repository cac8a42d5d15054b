// Session data as text: what is stored comes back as it was, and everything else is refused at once, with a code.
import fc from 'fast-check';

import {
  checkKey,
  decodeData,
  DEFAULT_LIMITS,
  encodeData,
  isReserved,
  largestKeys,
} from '../../src/core/json.js';
import { thrownBy, withCode } from '../support/failures.js';

const nested = (levels: number): unknown => (levels === 0 ? 1 : { in: nested(levels - 1) });
const RESERVED =
  '__proto__ constructor prototype id cookie touch save reload destroy regenerate resetMaxAge req'.split(' ');
const refuses = (data: object, code: Parameters<typeof withCode>[0]): void => {
  expect(() => encodeData(data)).toThrow(withCode(code) as Error);
};

describe('encodeData', () => {
  it('keeps 64 KiB, 64 levels and 10,000 keys by default', () => {
    expect(DEFAULT_LIMITS).toEqual({ bytes: 65_536, depth: 64, keys: 10_000 });
  });

  it('is the JSON text, key order and small values included (I11)', () => {
    const data = { b: 0, a: '', n: null, f: false, l: [], o: {}, neg: -1.5e-7, deep: [{ x: [1, 'ä€😀'] }] };
    expect(encodeData(data)).toBe(JSON.stringify(data));
    expect(encodeData({})).toBe('{}');
  });

  it('brings back whatever JSON can hold', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue({ maxDepth: 5 })), (data) => {
        fc.pre(Object.keys(data).every((key) => !isReserved(key)));
        const plain = JSON.parse(JSON.stringify(data)) as object;
        fc.pre(!JSON.stringify(data).includes('__proto__'));
        expect(decodeData(encodeData(plain))).toEqual(plain);
      }),
    );
  });

  it('leaves out optional properties that are undefined', () => {
    expect(encodeData({ a: undefined, b: { c: undefined, d: 1 } })).toBe('{"b":{"d":1}}');
  });

  it('stores dates, buffers and other objects as their toJSON says, with the object as this', () => {
    class Money {
      readonly #cents = 250;
      toJSON(): unknown {
        return { cents: this.#cents };
      }
    }
    const data = { at: new Date(0), bytes: Buffer.from('a'), money: new Money(), list: [new Date(0)] };
    expect(encodeData(data)).toBe(JSON.stringify(data));
    const itself = { a: 1, toJSON: (): unknown => itself };
    expect(() => encodeData({ itself })).not.toThrow();
  });

  it('stores instances of an application’s own classes as plain objects', () => {
    class Point {
      x = 1;
    }
    const bare = Object.assign(Object.create(null) as object, { y: 2 });
    expect(encodeData({ point: new Point(), bare })).toBe('{"point":{"x":1},"bare":{"y":2}}');
  });

  it.each([
    ['a BigInt', { a: 1n }, 'a bigint at "a"'],
    ['a function', { a: () => 1 }, 'a function at "a"'],
    ['a symbol', { a: Symbol('s') }, 'a symbol at "a"'],
    ['NaN', { a: NaN }, 'NaN at "a"'],
    ['Infinity', { a: { b: -Infinity } }, '-Infinity at "a.b"'],
    ['a Map', { a: new Map() }, 'a Map at "a"'],
    ['a Set', { a: [new Set()] }, 'a Set at "a"'],
    ['a WeakMap', { a: new WeakMap() }, 'a WeakMap at "a"'],
    ['a WeakSet', { a: new WeakSet() }, 'a WeakSet at "a"'],
    ['a promise', { a: Promise.resolve() }, 'a Promise at "a"'],
    ['a regular expression', { a: /x/ }, 'a RegExp at "a"'],
    ['an error', { a: new TypeError('x') }, 'a Error at "a"'],
    ['a typed array', { a: new Uint8Array(2) }, 'a buffer at "a"'],
    ['an ArrayBuffer', { a: new ArrayBuffer(2) }, 'a buffer at "a"'],
    ['a DataView', { a: new DataView(new ArrayBuffer(2)) }, 'a buffer at "a"'],
    ['undefined in an array', { a: { b: [1, undefined] } }, 'undefined in an array at "a.b[1]"'],
    ['a hole in an array', { a: Array(3) }, 'undefined in an array at "a[0]"'],
    [
      'what toJSON made nothing of',
      { a: { toJSON: () => undefined } },
      'what a toJSON() leaves undefined at "a"',
    ],
    ['what toJSON made of it', { a: { toJSON: () => 1n } }, 'a bigint at "a"'],
  ])('refuses %s and says where it is (S35)', (_what, data, where) => {
    const error = thrownBy(() => encodeData(data));
    expect(error.code).toBe('ERR_SESSION_VALUE');
    expect(error.message).toBe(
      `The session cannot hold ${where}: it would not come back from JSON as it is. Store a plain value.`,
    );
  });

  it('refuses subclasses of what it refuses', () => {
    class Cart extends Map<string, number> {}
    refuses({ cart: new Cart() }, 'ERR_SESSION_VALUE');
  });

  it('refuses a huge array with holes without looking at all of it', () => {
    refuses({ a: Array(2 ** 32 - 1) }, 'ERR_SESSION_VALUE');
  });

  it.each(RESERVED)('refuses the reserved key %s', (key) => {
    const data = Object.defineProperty({}, key, { value: 1, enumerable: true });
    refuses(data, 'ERR_SESSION_KEY');
    expect(() => encodeData({ nested: { [`not_${key}`]: 1 } })).not.toThrow();
  });

  it('refuses a nested __proto__ key, and keeps other reserved names inside values', () => {
    const hostile = JSON.parse('{"a":{"b":{"__proto__":{"admin":true}}}}') as object;
    expect(thrownBy(() => encodeData(hostile))).toMatchObject({
      code: 'ERR_SESSION_KEY',
      message: 'The session key "a" holds a "__proto__" key.',
    });
    expect(encodeData({ a: { id: 1, cookie: 2, constructor: 3 } })).toBe(
      '{"a":{"id":1,"cookie":2,"constructor":3}}',
    );
  });

  it('takes getters for their value, and says which key a throwing one is in', () => {
    expect(encodeData({ get a() { return 1; } })).toBe('{"a":1}'); // prettier-ignore
    const cause = new Error('boom');
    const throwing = {
      get x(): number {
        throw cause;
      },
    };
    expect(thrownBy(() => encodeData({ b: { c: throwing } }))).toMatchObject({
      code: 'ERR_SESSION_VALUE',
      message: 'The session key "b" cannot be read: a getter or toJSON threw.',
      cause,
    });
    const toJSON = (): never => {
      throw cause;
    };
    expect(thrownBy(() => encodeData({ b: [{ toJSON }] }))).toMatchObject({
      code: 'ERR_SESSION_VALUE',
      cause,
    });
  });

  it('reports what fails only while the text is made', () => {
    let reads = 0;
    const cause = new Error('second time');
    const moody = {
      get a(): number {
        if (++reads > 1) throw cause;
        return 1;
      },
    };
    expect(thrownBy(() => encodeData({ moody }))).toMatchObject({
      code: 'ERR_SESSION_VALUE',
      message: 'The session cannot be read: a getter or toJSON threw.',
      cause,
    });
  });

  it('hands on a coded error that a getter throws', () => {
    const data = {
      get a(): never {
        checkKey('');
        throw new Error('not reached');
      },
    };
    refuses({ data }, 'ERR_SESSION_KEY');
  });

  it('holds 64 levels, itself included, and refuses the 65th', () => {
    expect(() => encodeData({ a: nested(62) })).not.toThrow();
    expect(() => encodeData({ a: nested(63) })).not.toThrow();
    refuses({ a: nested(64) }, 'ERR_SESSION_TOO_DEEP');
    const shallow = { bytes: 999, depth: 2, keys: 99 };
    expect(encodeData({ a: { b: 1 } }, shallow)).toBe('{"a":{"b":1}}');
    expect(encodeData({ a: [1] }, shallow)).toBe('{"a":[1]}');
    expect(() => encodeData({ a: { b: {} } }, shallow)).toThrow(withCode('ERR_SESSION_TOO_DEEP') as Error);
    expect(() => encodeData({ a: [[]] }, shallow)).toThrow(withCode('ERR_SESSION_TOO_DEEP') as Error);
    expect(() => encodeData({ a: { b: null } }, shallow)).not.toThrow();
    expect(() => encodeData({ a: { toJSON: () => ({ x: 1 }) } }, shallow)).toThrow(
      withCode('ERR_SESSION_TOO_DEEP') as Error,
    );
  });

  it('takes something circular for too deep, and names the key it is in', () => {
    const ring: Record<string, unknown> = {};
    ring['self'] = ring;
    const list: unknown[] = [];
    list.push(list);
    const toJSON = (): unknown => ({ toJSON });
    for (const value of [ring, list, { toJSON }]) refuses({ a: value }, 'ERR_SESSION_TOO_DEEP');
    expect(thrownBy(() => encodeData({ ok: 1, bad: [ring] })).message).toBe(
      'The session key "bad" is circular or nested deeper than 64 levels.',
    );
  });

  it('counts keys, nested ones included, and names the key that passes the limit', () => {
    const limits = { bytes: 9_999, depth: 9, keys: 3 };
    expect(encodeData({ a: { b: 1, c: 2 } }, limits)).toBe('{"a":{"b":1,"c":2}}');
    expect(encodeData({ a: 1, b: 2, c: [1, 2, 3, 4] }, limits)).toBeTruthy();
    expect(() => encodeData({ a: 1, b: 2, c: 3, d: 4 }, limits)).toThrow(
      'more than 3 keys; the one that passed the limit is in "d"',
    );
    const error = thrownBy(() => encodeData({ a: 1, b: { c: [{ d: 1 }] } }, limits));
    expect(error.code).toBe('ERR_SESSION_TOO_MANY_KEYS');
    expect(error.message).toBe('The session has more than 3 keys; the one that passed the limit is in "b".');
  });

  it('refuses text beyond the limit, counted in bytes of UTF-8', () => {
    expect(encodeData({ a: 1 }, { bytes: 7, depth: 2, keys: 1 })).toBe('{"a":1}');
    expect(() => encodeData({ a: 1 }, { bytes: 6, depth: 2, keys: 1 })).toThrow(
      withCode('ERR_SESSION_TOO_LARGE') as Error,
    );
    const limits = { bytes: 40, depth: 9, keys: 99 };
    expect(encodeData({ a: 'x'.repeat(32) }, limits)).toHaveLength(40);
    expect(() => encodeData({ a: 'x'.repeat(33) }, limits)).toThrow(
      withCode('ERR_SESSION_TOO_LARGE') as Error,
    );
    expect(encodeData({ a: 'ä'.repeat(16) }, limits)).toHaveLength(24);
    expect(() => encodeData({ a: 'ä'.repeat(16) + 'x' }, limits)).toThrow(
      withCode('ERR_SESSION_TOO_LARGE') as Error,
    );
    expect(() => encodeData({ a: '€'.repeat(11) }, limits)).toThrow(
      withCode('ERR_SESSION_TOO_LARGE') as Error,
    );
  });

  it('names the five largest keys, largest first, and no value (S41)', () => {
    const data = {
      a: 'x'.repeat(50),
      b: 'hunter2',
      c: [1, 2, 3, 4],
      d: 'ä'.repeat(30),
      e: null,
      f: { g: 'y'.repeat(9) },
    };
    const error = thrownBy(() => encodeData(data, { bytes: 100, depth: 9, keys: 99 }));
    expect(error.code).toBe('ERR_SESSION_TOO_LARGE');
    expect(error.message).toBe(
      `The session would take ${String(Buffer.byteLength(JSON.stringify(data)))} bytes, more than the limit of 100. ` +
        'Keep large things in a database and their ids in the session. ' +
        'Largest keys: "d" (62), "a" (52), "f" (17), "b" (9), "c" (9).',
    );
    expect(error.message).not.toContain('hunter2');
  });

  it('ends at once, whatever the data is: a megabyte of keys, a million levels', () => {
    const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`k${String(at)}`, at]));
    let deep: unknown = 1;
    for (let level = 0; level < 1_000_000; level++) deep = [deep];
    const started = performance.now();
    refuses(wide, 'ERR_SESSION_TOO_MANY_KEYS');
    refuses({ deep }, 'ERR_SESSION_TOO_DEEP');
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe('largestKeys', () => {
  it('list fewer keys where there are fewer', () => {
    expect(largestKeys('{}')).toEqual([]);
    expect(largestKeys('{"a":1,"b":"é"}')).toEqual([
      { key: 'b', bytes: 4 },
      { key: 'a', bytes: 1 },
    ]);
  });
});

describe('checkKey', () => {
  it.each(['a', 'a b', 'toString', 'hasOwnProperty', '0', 'ä', '_', 'Id'])('accepts %p', (key) => {
    expect(() => {
      checkKey(key);
    }).not.toThrow();
    expect(isReserved(key)).toBe(false);
  });

  it.each(['', 5, undefined, null, {}, Symbol('s')])('refuses %p, which is no key', (key) => {
    expect(() => {
      checkKey(key);
    }).toThrow('A session key must be a string that is not empty.');
  });

  it.each(RESERVED)('refuses %p, which has a meaning (S34)', (key) => {
    expect(isReserved(key)).toBe(true);
    expect(() => {
      checkKey(key);
    }).toThrow(`"${key}" is reserved in a session; choose another key.`);
  });
});

describe('decodeData', () => {
  it.each([
    ['nothing', ''],
    ['half a text', '{"a":'],
    ['binary', '\0\u0001'],
  ])('calls %s corrupt, and quotes nothing of it (S41)', (_what, text) => {
    const error = thrownBy(() => decodeData(text));
    expect(error).toMatchObject({
      code: 'ERR_SESSION_CORRUPT',
      message: 'The stored session is not JSON text.',
    });
    // The message of the JSON parser quotes what it was given.
    expect(error.cause).toBeUndefined();
  });

  it.each(['null', '[]', '[1]', '5', '"x"', 'true'])('calls %s corrupt: it is no object', (text) => {
    expect(thrownBy(() => decodeData(text))).toMatchObject({
      code: 'ERR_SESSION_CORRUPT',
      message: 'The stored session is not a JSON object.',
    });
  });

  it('drops reserved names that a foreign writer stored, at the top', () => {
    const foreign = Object.fromEntries(RESERVED.map((key) => [key, { admin: true }]));
    const data = decodeData(
      JSON.stringify({ ...foreign, a: { id: 1 } }).replace('{', '{"__proto__":{"admin":true},'),
    );
    expect(Object.getOwnPropertyNames(data)).toEqual(['a']);
    expect(data).toEqual({ a: { id: 1 } });
    expect((data as { admin?: boolean }).admin).toBeUndefined();
  });

  it('drops __proto__ at every level, and pollutes nothing (S34)', () => {
    const data = decodeData('{"a":{"__proto__":{"admin":true},"b":[{"__proto__":1,"c":2}]}}');
    expect(JSON.stringify(data)).toBe('{"a":{"b":[{"c":2}]}}');
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('drops a __proto__ key at every level however it is spelled: JSON knows escapes', () => {
    for (const spelling of ['\\u005f_proto__', '__\\u0070roto__', '\\u005F\\u005Fproto\\u005f\\u005f']) {
      const data = decodeData(`{"${spelling}":{"x":1},"a":{"b":{"${spelling}":{"admin":true}}}}`);
      expect(JSON.stringify(data)).toBe('{"a":{"b":{}}}');
    }
  });

  it('keeps text that only speaks of __proto__', () => {
    expect(decodeData('{"a":"__proto__","b":{"x__proto__":1}}')).toEqual({
      a: '__proto__',
      b: { x__proto__: 1 },
    });
  });
});

// A session's cookie, as express-session's is: each sentence is shown on that one too.
import genuine from 'express-session';

import { Cookie } from '../../src/stores/session.js';

const Theirs = genuine.Cookie as unknown as typeof Cookie;

describe.each<[string, typeof Cookie]>([
  ['Cookie of express-session', Theirs],
  ['Cookie of ours', Cookie],
])('%s', (_name, Each) => {
  beforeEach(() => {
    jest.useFakeTimers({ now: 1_000_000, doNotFake: ['nextTick', 'setImmediate'] });
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  it.each(['path=/', 5, true, Symbol('cookie'), () => undefined])('is not made of %p', (options) => {
    expect(() => new Each(options as never)).toThrow(/options/);
  });

  it.each([undefined, null, false, 0, ''])('is made of nothing by %p', (options) => {
    expect(new Each(options as never).data).toEqual(new Each().data);
  });

  it.each([{}, [], '5', true, () => 5, Symbol('ms')])('takes no maxAge like %p', (maxAge) => {
    expect(() => new Each({ maxAge: maxAge as never })).toThrow(/maxAge/);
    const cookie = new Each({ maxAge: 5_000 });
    expect(() => {
      cookie.maxAge = maxAge as never;
    }).toThrow(/maxAge/);
    expect([cookie.maxAge, cookie.originalMaxAge]).toEqual([5_000, 5_000]);
  });

  it('gives back the very date that it was given', () => {
    const expires = new Date(1_060_000);
    const cookie = new Each({ expires });
    expect(cookie.expires).toBe(expires);
    cookie.expires = null;
    expect(cookie.expires).toBeNull();
    cookie.expires = expires;
    expect([cookie.expires === expires, cookie.data.expires === expires]).toEqual([true, true]);
    cookie.maxAge = expires;
    expect([cookie.expires === expires, cookie.originalMaxAge]).toEqual([true, 60_000]);
  });

  it.each([null, undefined, false, ''])('dies with the browser by %p', (nothing) => {
    for (const name of ['expires', 'maxAge'] as const) {
      const cookie = new Each({ maxAge: 5_000 });
      cookie[name] = nothing as never;
      expect([cookie.expires, cookie.maxAge, cookie.originalMaxAge].map(Boolean)).toEqual([
        false,
        false,
        false,
      ]);
      expect(cookie.serialize('a', 'b')).toBe('a=b; Path=/; HttpOnly');
      expect(new Each({ [name]: nothing as never }).serialize('a', 'b')).toBe('a=b; Path=/; HttpOnly');
    }
  });

  it('is over at once by 0', () => {
    const cookie = new Each({ maxAge: 0 });
    expect([cookie.maxAge, cookie.originalMaxAge, cookie.expires?.valueOf()]).toEqual([0, 0, 1_000_000]);
  });

  it.each([
    {},
    { maxAge: 5_000 },
    { maxAge: 5_000, path: '/app', httpOnly: false, secure: true, sameSite: 'lax', domain: 'example.com' },
    { sameSite: true, priority: 'high', partitioned: true, expires: new Date(9_000_000) },
    { httpOnly: undefined, sameSite: 'none', secure: 'auto', signed: true, encode: encodeURIComponent },
  ] as object[])('is stored in the same order of fields, and sent by the same line: %j', (options) => {
    const cookie = new Each(options);
    const theirs = new Theirs(options);
    expect(JSON.stringify(cookie)).toBe(JSON.stringify(theirs));
    expect(Object.keys(cookie.data)).toEqual(Object.keys(theirs.data));
    expect(cookie.serialize('sid', 's:a.b/=')).toBe(theirs.serialize('sid', 's:a.b/='));
  });

  it('cannot be sent with what no cookie has', () => {
    expect(() => new Each({ domain: 'a;b' }).serialize('a', 'b')).toThrow(TypeError);
    expect(() => new Each({ expires: new Date(NaN) }).serialize('a', 'b')).toThrow(TypeError);
    expect(() => new Each().serialize('a b', 'c')).toThrow(TypeError);
  });
});

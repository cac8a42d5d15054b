// A session's text while several writers' changes are put on top of it, one after the other, within limits.
import { Draft } from '../../src/core/draft.js';
import type { SessionErrorCode } from '../../src/core/errors.js';
import { DEFAULT_LIMITS, encodeData } from '../../src/core/json.js';
import { thrownBy, withCode } from '../support/failures.js';

const draftOf = (data: object, limits = DEFAULT_LIMITS): Draft => new Draft(JSON.stringify(data), limits);
const text = JSON.stringify;

describe('change', () => {
  it('takes the whole text of a writer who saw the latest one', () => {
    const draft = draftOf({ a: 1 });
    expect(draft.text).toBe('{"a":1}');
    draft.change('{"a":1}', '{"b":2}');
    draft.change('{"b":2}', '{"b":2,"c":3}');
    expect(draft.text).toBe('{"b":2,"c":3}');
    expect(draft.overwritten.size).toBe(0);
  });

  it('puts the changes of writers who saw an older one on top, deletions too', () => {
    const base = { a: 1, b: 1, gone: 1 };
    const draft = draftOf(base);
    draft.change(text(base), text({ ...base, a: 2 }));
    draft.change(text(base), text({ a: 1, b: 1, c: 3 }));
    expect(draft.text).toBe('{"a":2,"b":1,"c":3}');
    expect([...draft.overwritten]).toEqual([]);
  });

  it('works the same once it is in parts', () => {
    const draft = draftOf({ a: 1 });
    draft.update('n', () => 1);
    draft.change('{"a":1,"n":1}', '{"a":1,"n":2}');
    expect(draft.text).toBe('{"a":1,"n":2}');
  });

  it('does not take the text it began with for its text once it is in parts', () => {
    const draft = draftOf({ a: 1 });
    draft.update('n', () => 1);
    draft.change('{"a":1}', '{"a":2}');
    expect(draft.text).toBe('{"a":2,"n":1}');
  });

  it('lets the later commit win where both changed one key, and says which keys', () => {
    const draft = draftOf({ a: 'theirs', same: 2, gone: 'theirs', mine: 1, dead: 1 });
    draft.change(
      text({ a: 'base', same: 1, gone: 'base', mine: 1, dead: 1, away: 1 }),
      text({ a: 'mine', same: 2, mine: 2, away: 2 }),
    );
    expect(JSON.parse(draft.text)).toEqual({ a: 'mine', same: 2, mine: 2, away: 2 });
    // Both made `same` what it is; nobody else touched `mine` or `dead`; `away` another writer had deleted.
    expect([...draft.overwritten].sort()).toEqual(['a', 'away', 'gone']);
  });

  it('leaves the draft as it was when the sum would be too large, and names the largest keys', () => {
    const limits = { bytes: 60, depth: 9, keys: 99 };
    const draft = draftOf({ old: 'x'.repeat(30) }, limits);
    const error = thrownBy(() => {
      draft.change('{"seen":1}', text({ seen: 1, new: 'y'.repeat(30), old: 'z' }).replace(',"old":"z"', ''));
    });
    expect(error.code).toBe('ERR_SESSION_TOO_LARGE');
    expect(error.message).toContain('"old" (32), "new" (32)');
    expect(draft.text).toBe(text({ old: 'x'.repeat(30) }));
    expect(draft.overwritten.size).toBe(0);
    draft.change('{}', '{"s":1}');
    expect(draft.text).toBe(text({ old: 'x'.repeat(30), s: 1 }));
  });

  it('counts bytes exactly: the limit fits, one more does not', () => {
    const limits = { bytes: 40, depth: 9, keys: 99 };
    // {"a":1,"ä":"€"} takes 19 bytes; ,"k":"..." takes 7 and its characters.
    const fits = draftOf({ a: 1, ä: '€' }, limits);
    const size = Buffer.byteLength(fits.text);
    const filler = (room: number): string => text({ k: 'x'.repeat(40 - size - 7 + room) });
    fits.change('{}', filler(0));
    expect(Buffer.byteLength(fits.text)).toBe(40);
    const over = draftOf({ a: 1, ä: '€' }, limits);
    expect(() => {
      over.change('{}', filler(1));
    }).toThrow(withCode('ERR_SESSION_TOO_LARGE') as Error);
    // What is taken out makes room again.
    over.change('{"ä":"€"}', '{}');
    over.change('{}', filler(1));
    expect(Buffer.byteLength(over.text)).toBeLessThan(40);
  });

  it('goes on counting after a change was refused', () => {
    const limits = { bytes: 40, depth: 9, keys: 99 };
    const draft = draftOf({ a: 'x'.repeat(10) }, limits);
    for (let round = 0; round < 20; round++)
      expect(() => {
        draft.change('{}', text({ b: 'y'.repeat(40) }));
      }).toThrow(withCode('ERR_SESSION_TOO_LARGE') as Error);
    draft.change('{}', text({ a: 'z'.repeat(32) }));
    expect(Buffer.byteLength(draft.text)).toBe(40);
    expect(() => {
      draft.change('{}', text({ a: 'z'.repeat(33) }));
    }).toThrow(withCode('ERR_SESSION_TOO_LARGE') as Error);
    expect(draft.text).toBe(text({ a: 'z'.repeat(32) }));
  });

  it('refuses more keys than the limit in the sum, and takes as many as the limit', () => {
    const limits = { bytes: 9_999, depth: 9, keys: 3 };
    const draft = draftOf({ a: 1, b: 2 }, limits);
    draft.change('{}', '{"c":3}');
    const error = thrownBy(() => {
      draft.change('{}', '{"d":4}');
    });
    expect(error).toMatchObject({ code: 'ERR_SESSION_TOO_MANY_KEYS' });
    expect(error.message).toBe('The session has more than 3 keys; the one that passed the limit is in "d".');
    expect(draft.text).toBe('{"a":1,"b":2,"c":3}');
  });

  it('counts nested keys in the sum too: otherwise what it makes could never be saved again', () => {
    const limits = { bytes: 9_999, depth: 9, keys: 6 };
    const draft = draftOf({ a: { b: 1, c: 2 } }, limits);
    expect(() => {
      draft.change('{}', '{"d":{"e":1,"f":2,"g":3}}');
    }).toThrow(withCode('ERR_SESSION_TOO_MANY_KEYS') as Error);
    expect(() => encodeData(JSON.parse(draft.text) as object, limits)).not.toThrow();
  });
});

describe('update', () => {
  it('hands the function the value, or undefined, and returns what it made', () => {
    const draft = draftOf({ n: 1, list: [1] });
    const seen: unknown[] = [];
    expect(draft.update('n', (n) => (seen.push(n), (n as number) + 1))).toBe(2);
    expect(draft.update('new', (value) => (seen.push(value), 'x'))).toBe('x');
    const made = { deep: true };
    expect(draft.update('list', () => made)).toBe(made);
    expect(seen).toEqual([1, undefined]);
    expect(draft.text).toBe('{"n":2,"list":{"deep":true},"new":"x"}');
  });

  it('sees the changes before it', () => {
    const draft = draftOf({ n: 1 });
    draft.change('{"n":1}', '{"n":5}');
    draft.update('n', (n) => (n as number) + 1);
    draft.update('n', (n) => (n as number) + 1);
    expect(draft.text).toBe('{"n":7}');
  });

  it.each([null, 0, '', false, [], {}])('stores %p as a value', (value) => {
    const draft = draftOf({});
    draft.update('a"b', () => value);
    expect(draft.text).toBe(text({ 'a"b': value }));
  });

  it('refuses an async function with a code, and lets its failure pass in silence', async () => {
    const draft = draftOf({ a: 1 });
    const rejections: unknown[] = [];
    const listen = (error: unknown): void => void rejections.push(error);
    process.on('unhandledRejection', listen);
    const error = thrownBy(() => draft.update('a', () => Promise.reject(new Error('later'))));
    expect(error.code).toBe('ERR_SESSION_UPDATE_ASYNC');
    expect(error.message).toContain('must be synchronous');
    let isListenedTo = false;
    const thenable = {
      then(_done: unknown, failed: () => unknown) {
        isListenedTo = failed() === undefined;
      },
    };
    expect(() => draft.update('a', () => thenable)).toThrow(withCode('ERR_SESSION_UPDATE_ASYNC') as Error);
    expect(isListenedTo).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', listen);
    expect(rejections).toEqual([]);
    expect(draft.text).toBe('{"a":1}');
  });

  it('takes a value that has a `then` that is no function for a value', () => {
    const draft = draftOf({});
    draft.update('step', () => ({ then: 'next' }));
    expect(draft.text).toBe('{"step":{"then":"next"}}');
  });

  it('refuses undefined: to delete has a method of its own', () => {
    const draft = draftOf({ a: 1 });
    expect(thrownBy(() => draft.update('a', () => undefined))).toMatchObject({
      code: 'ERR_SESSION_VALUE',
      message: 'The function of update("a") returned undefined; use delete().',
    });
    expect(draft.text).toBe('{"a":1}');
  });

  it('throws what the function throws, as it is', () => {
    const draft = draftOf({ a: 1 });
    const mine = new Error('mine');
    expect(() =>
      draft.update('a', () => {
        throw mine;
      }),
    ).toThrow(mine);
    expect(draft.text).toBe('{"a":1}');
  });

  const manyKeys = Object.fromEntries(Array.from({ length: 101 }, (_, at) => [at, at]));
  it.each<[string, unknown, SessionErrorCode]>([
    ['what JSON cannot hold', 1n, 'ERR_SESSION_VALUE'],
    ['what is too large', 'x'.repeat(70_000), 'ERR_SESSION_TOO_LARGE'],
    ['what is too deep', [[[[]]]], 'ERR_SESSION_TOO_DEEP'],
    ['too many keys', manyKeys, 'ERR_SESSION_TOO_MANY_KEYS'],
  ])('refuses %s and leaves the draft as it was', (_what, value, code) => {
    const draft = draftOf({ a: 1 }, { bytes: 65_536, depth: 4, keys: 100 });
    expect(() => draft.update('a', () => value)).toThrow(withCode(code) as Error);
    expect(draft.text).toBe('{"a":1}');
  });

  it('refuses a reserved key', () => {
    const draft = draftOf({});
    expect(() => draft.update('__proto__', () => ({ admin: true }))).toThrow(
      withCode('ERR_SESSION_KEY') as Error,
    );
    expect(draft.text).toBe('{}');
  });

  it('refuses the value that would make the sum too large', () => {
    const draft = draftOf({ a: 'x'.repeat(20) }, { bytes: 40, depth: 9, keys: 9 });
    expect(() => draft.update('b', () => 'y'.repeat(20))).toThrow(withCode('ERR_SESSION_TOO_LARGE') as Error);
    draft.update('a', () => 'y');
    draft.update('b', () => 'y'.repeat(20));
    expect(draft.text).toBe(text({ a: 'y', b: 'y'.repeat(20) }));
  });

  it('never makes text that is not JSON, whatever toJSON says', () => {
    const draft = draftOf({ a: 1 });
    expect(() => draft.update('a', () => ({ toJSON: () => undefined }))).toThrow(
      withCode('ERR_SESSION_VALUE') as Error,
    );
    expect(draft.text).toBe('{"a":1}');
    let calls = 0;
    const moody = { toJSON: () => (calls++ === 0 ? 1 : undefined) };
    expect(thrownBy(() => draft.update('a', () => moody))).toMatchObject({
      code: 'ERR_SESSION_VALUE',
      message: 'The session cannot hold the value of "a".',
    });
    expect(draft.text).toBe('{"a":1}');
  });
});

describe('changeAndUpdate', () => {
  it('puts an update on top of a change, and returns what the update made', () => {
    const draft = draftOf({ a: 0, n: 0 });
    const value = draft.changeAndUpdate('{"a":0,"n":0}', '{"a":1,"n":10}', 'n', (n) => (n as number) + 1);
    expect([value, draft.text]).toEqual([11, '{"a":1,"n":11}']);
    expect(draft.overwritten.size).toBe(0);
  });

  it('keeps what others changed, and says what it overwrote', () => {
    const draft = draftOf({ a: 5, theirs: 1 });
    draft.changeAndUpdate('{"a":0}', '{"a":1}', 'n', () => 1);
    expect(draft.text).toBe('{"a":1,"theirs":1,"n":1}');
    expect([...draft.overwritten]).toEqual(['a']);
  });

  it('does both or neither', () => {
    const draft = draftOf({ a: 0 });
    expect(() => draft.changeAndUpdate('{"a":0}', '{"a":1}', 'n', () => undefined)).toThrow(
      withCode('ERR_SESSION_VALUE') as Error,
    );
    expect([draft.text, draft.overwritten.size]).toEqual(['{"a":0}', 0]);
  });
});

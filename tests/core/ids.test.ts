// Ids, handles, and what may pass for one.
import { createHash } from 'node:crypto';

import type { SessionId } from '../../src/core/contract.js';
import { checkedId, handleOf, isHandle, isId, randomId } from '../../src/core/ids.js';
import { thrownBy, withCode } from '../support/failures.js';

describe('randomId', () => {
  it('makes 256 bits into 43 characters of base64url, never the same twice (S1)', () => {
    const ids = new Set(Array.from({ length: 1_000 }, () => randomId()));
    expect(ids.size).toBe(1_000);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it('S1 asks the random source for 32 bytes and uses every one of them', () => {
    const bytes = Buffer.from(Array.from({ length: 32 }, (_, index) => 255 - index));
    const asked: number[] = [];
    const id = randomId((size) => {
      asked.push(size);
      return bytes;
    });
    expect(asked).toEqual([32]);
    expect(Buffer.from(id, 'base64url')).toEqual(bytes);
  });

  it('S1 fails when the random source fails: there is no weaker id to fall back to', () => {
    const broken = new Error('no entropy');
    expect(() =>
      randomId(() => {
        throw broken;
      }),
    ).toThrow(broken);
  });

  it.each([
    ['too few bytes', Buffer.alloc(31)],
    ['too many bytes', Buffer.alloc(33)],
    ['a string', 'x'.repeat(32) as unknown as Buffer],
    ['a plain array', Array.from({ length: 32 }, () => 0) as unknown as Buffer],
    ['nothing', undefined as unknown as Buffer],
  ])('S1 refuses a random source that returns %s', (_what, bytes) => {
    const error = thrownBy(() => randomId(() => bytes));
    expect(error).toMatchObject({ code: 'ERR_SESSION_ID' });
    expect(error.message).toBe('The random source must return a Buffer of 32 bytes.');
  });
});

describe('isId', () => {
  it.each([22, 43, 256])('accepts %i characters', (length) => {
    expect(isId('aA0_-'.repeat(52).slice(0, length))).toBe(true);
  });

  it.each([
    ['21 characters', 'a'.repeat(21)],
    ['257 characters', 'a'.repeat(257)],
    ['a megabyte', 'a'.repeat(1_000_000)],
    ['an empty string', ''],
    ['a path', `../${'a'.repeat(30)}`],
    ['a percent escape', `%2f${'a'.repeat(30)}`],
    ['a NUL in front', `\0${'a'.repeat(30)}`],
    ['a NUL at the end', `${'a'.repeat(30)}\0`],
    ['a line feed at the end', `${'a'.repeat(30)}\n`],
    ['a handle', handleOf('a'.repeat(43) as SessionId)],
    ['an array', ['a'.repeat(30)]],
    ['an object', { toString: () => 'a'.repeat(30) }],
    ['undefined', undefined],
    ['null', null],
    ['a number', 1e30],
  ])('refuses %s (S9)', (_what, value) => {
    expect(isId(value)).toBe(false);
  });
});

describe('handles', () => {
  it('are sha256: and the hex SHA-256 of the id (S11)', () => {
    const id = randomId();
    expect(handleOf(id)).toBe(`sha256:${createHash('sha256').update(id).digest('hex')}`);
  });

  it('are known by their form, which no id has', () => {
    const id = randomId();
    expect([isHandle(handleOf(id)), isId(handleOf(id)), isHandle(id)]).toEqual([true, false, false]);
  });

  it.each([
    ['upper case', `sha256:${'A'.repeat(64)}`],
    ['a digit short', `sha256:${'a'.repeat(63)}`],
    ['a digit long', `sha256:${'a'.repeat(65)}`],
    ['something in front', ` sha256:${'a'.repeat(64)}`],
    ['another hash', `sha512:${'a'.repeat(64)}`],
    ['no string', [`sha256:${'a'.repeat(64)}`]],
  ])('are not recognised with %s', (_what, value) => {
    expect(isHandle(value)).toBe(false);
  });
});

describe('checkedId', () => {
  it('returns what is an id', () => {
    expect(checkedId('x'.repeat(22))).toBe('x'.repeat(22));
  });

  it.each([['short'], [undefined], [42], [Promise.resolve('x'.repeat(30))], ['ä'.repeat(30)]])(
    'refuses %p and says what an id is (S3)',
    (generated) => {
      expect(() => checkedId(generated)).toThrow(withCode('ERR_SESSION_ID') as Error);
      expect(() => checkedId(generated)).toThrow('generateId must return a string of 22 to 256 characters');
    },
  );
});

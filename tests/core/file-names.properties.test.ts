// Laws of the names of session files: no text leaves the directory, and every name is one of ours. They touch no disk.
import { dirname, join, relative, sep } from 'node:path';

import fc from 'fast-check';

import type { SessionId, SessionKey } from '../../src/core/contract.js';
import { handleOf, isHandle } from '../../src/core/ids.js';
import { FileStore } from '../../src/stores/file-store.js';
import { entryOf, Layout, nameOf, Nonces } from '../../src/stores/file/layout.js';

import { freshPath } from '../support/directory.js';

const root = freshPath();
const store = new FileStore({ path: root, cleanupInterval: 0 });
afterAll(() => store.close());

const piece = fc.constantFrom(
  ...[
    '..',
    '.',
    '/',
    '\\',
    '\0',
    '%2e',
    '%2f',
    '%00',
    ':',
    '~',
    '-',
    '@',
    '@1-',
    '.s-1-',
    ' ',
    '\n',
    'sha256:',
  ],
  ...['quarantine', 'owners', '.session-store-js', 'etc/passwd', '__proto__', 'CON', 'NUL', 'C:', '\ud800'],
  ...[
    '\u202e',
    '\uff0f',
    '\uff0e',
    'é',
    'e\u0301',
    '\u{1f600}',
    'a',
    'Z',
    '0',
    '0'.repeat(64),
    'f'.repeat(64),
  ],
);
const text = fc.oneof(
  fc.array(piece, { minLength: 1, maxLength: 12 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 100 }),
  fc.string({ minLength: 1, maxLength: 100 }).map((own) => handleOf(own as SessionId)),
  fc.string({ minLength: 1, maxLength: 100 }).map((own) => `${handleOf(own as SessionId)}/../..`),
);

it('S53 the file of any text is in the directory, in a folder of three digits, under a name of 64', () => {
  fc.assert(
    fc.property(text, (own) => {
      const path = store._getFilePath(own);
      const name = nameOf(own as SessionKey);
      expect(path).toBe(join(root, name.slice(0, 3), name));
      expect(relative(root, path)).toMatch(/^[0-9a-f]{3}[/\\][0-9a-f]{64}$/);
      expect(dirname(dirname(path))).toBe(root);
      expect(entryOf(name)).toEqual({ kind: 'record', name });
    }),
    { numRuns: 3_000 },
  );
});

it('S53 different texts have different files, but for an id and its own handle', () => {
  const pathOf = (own: string): string => store._getFilePath(own);
  const asUtf8 = (own: string): string => Buffer.from(own).toString();
  const handle = (own: string): string => (isHandle(own) ? own : handleOf(own as SessionId));
  fc.assert(
    fc.property(text, text, (a, b) => {
      // SHA-256 sees UTF-8, in which a lone half of a pair is the replacement character.
      expect(pathOf(a) === pathOf(b)).toBe(handle(asUtf8(a)) === handle(asUtf8(b)));
      expect(pathOf(handle(a))).toBe(pathOf(a));
    }),
    { numRuns: 1_000 },
  );
});

it('S53 what is no text, or an empty one, is refused with a code', () => {
  const none = fc.oneof(
    fc.anything().filter((value) => typeof value !== 'string'),
    fc.constantFrom<unknown>(
      '',
      undefined,
      null,
      Symbol('x'),
      { toString: () => '../x' },
      new String('../x'),
    ),
  );
  fc.assert(
    fc.property(none, (value) => {
      expect(() => store._getFilePath(value as string)).toThrow(
        expect.objectContaining({ name: 'SessionError', code: 'ERR_SESSION_ID' }) as Error,
      );
    }),
  );
});

it('S53 the files of a user are in the folder of owners, whatever the user is called', () => {
  const layout = new Layout(root);
  fc.assert(
    fc.property(text, (owner) => {
      expect(relative(layout.owners, layout.owner(owner)).split(sep)).toEqual([
        expect.stringMatching(/^[0-9a-f]{3}$/) as unknown,
        expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
      ]);
    }),
  );
});

it('S56 every name that is made is known again, with what it says, and no other name is', () => {
  const layout = new Layout(root);
  const nonces = new Nonces();
  const seq = fc.integer({ min: 1, max: 999_999_999_999 });
  fc.assert(
    fc.property(text, seq, fc.nat(4e12), fc.boolean(), (own, number, dueAt, isClosed) => {
      const name = nameOf(own as SessionKey);
      const version = { seq: number, nonce: nonces.next(dueAt, isClosed) };
      const base = (path: string): string => relative(layout.shard(name), path);
      expect(entryOf(base(layout.token(name, version)))).toEqual({ kind: 'token', name, ...version });
      expect(entryOf(base(layout.staged(name, version)))).toEqual({ kind: 'staged', name, ...version });
    }),
  );
  const spoilt = fc.tuple(seq, fc.nat(63), fc.constantFrom('g', 'A', '.', '-', '@', ' ', '\0', '/', 'ä'));
  fc.assert(
    fc.property(text, spoilt, (own, [number, at, by]) => {
      const name = nameOf(own as SessionKey);
      const tail = `-${nonces.next(0, false)}`;
      for (const good of [name, `${name}@${String(number)}${tail}`, `${name}.s-${String(number)}${tail}`]) {
        expect(entryOf(good)).not.toBeNull();
        expect(entryOf(good.slice(0, at) + by + good.slice(at + 1))).toBeNull();
      }
    }),
  );
  fc.assert(
    fc.property(text, (foreign) => {
      fc.pre(!/^[0-9a-f]{64}(@|\.s-|$)/.test(foreign));
      expect(entryOf(foreign)).toBeNull();
    }),
    { numRuns: 1_000 },
  );
});

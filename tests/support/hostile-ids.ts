// Texts that are no ids, and things that are no texts, in the place of a session's id.
import { digitsOf, keyOf } from './file-world.js';

/** The id of a session that some of them are made to reach. */
export const VICTIM = 'the-session-of-somebody-else';

/** Forms that have left a directory, crashed a store or met another's session somewhere. */
export const HOSTILE_IDS: readonly unknown[] = [
  ...[
    '.',
    '..',
    '../',
    '../canary',
    '../../etc/passwd',
    '/etc/passwd',
    './canary',
    'canary',
    '..\\..\\canary',
  ],
  ...[
    '....//canary',
    '..;/canary',
    '%2e%2e%2fcanary',
    '..%2fcanary',
    '%252e%252e%252fcanary',
    '..%c0%afcanary',
  ],
  ...[
    '\0',
    'a\0b',
    '../canary\0.json',
    '%00',
    '\n',
    'a\r\nb',
    '\x1b[2J',
    ' ',
    '\t',
    '~',
    '~root',
    '$HOME',
    '$(id)',
  ],
  ...[
    '`id`',
    '; rm -rf /',
    '| cat',
    '*',
    '?',
    '[a-z]*',
    '{a,b}',
    "'",
    '"',
    '<script>',
    'a/b/c',
    'a\\b',
    '-rf',
  ],
  ...[
    'CON',
    'PRN',
    'AUX',
    'NUL',
    'COM1',
    'LPT1',
    'con.json',
    'C:\\canary',
    '\\\\server\\share',
    'file:///etc/passwd',
  ],
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'then',
    'undefined',
    'null',
  ],
  ...['quarantine', 'owners', '.session-store-js', 'quarantine/canary', '../sessions/canary', '.git/config'],
  ...[
    '\u202e',
    '\u0000',
    '\ud800',
    '\udfff\ud800',
    '\uff0e\uff0e\uff0fcanary',
    'é',
    'e\u0301',
    '\u{1f600}',
    '\ufeff',
  ],
  ...['sha256:', 'sha256:..', 'sha256:../../../canary', 'SHA256:', `sha256:${'g'.repeat(64)}`],
  ...[`sha256:${'0'.repeat(63)}`, `sha256:${'0'.repeat(65)}`, `sha256:${'A'.repeat(64)}`],
  ...[`sha256:${'0'.repeat(64)}\n`, `sha256:${'0'.repeat(64)}/../canary`, 'a'.repeat(255), 'a'.repeat(4_097)],
  ...[
    '../'.repeat(10_000),
    'a'.repeat(1_000_000),
    '\u{1f600}'.repeat(100_000),
    VICTIM.toUpperCase(),
    `${VICTIM} `,
  ],
  ...[
    digitsOf(VICTIM),
    `${digitsOf(VICTIM)}@1-x`,
    `${digitsOf(VICTIM)}.s-1-x`,
    `x${keyOf(VICTIM)}`,
    `${VICTIM}\0`,
  ],
  ...[undefined, null, '', 0, 1, -1, NaN, 1n, true, false, Symbol('x'), [], ['../canary'], {}, () => 'x'],
  ...[
    { toString: () => '../canary' },
    { length: 5 },
    Object.create(null) as unknown,
    Buffer.from('../canary'),
  ],
  // A string object is no string, and a path that changes between two looks.
  ...[
    new String('../canary'),
    { toString: (() => (((n) => () => `../${n++}`) as (n: number) => () => string)(0))() },
  ],
];

const PIECES = [
  ...[
    '..',
    '/',
    '\\',
    '.',
    '\0',
    '%2f',
    '%2e',
    '%00',
    ':',
    '~',
    '-',
    '_',
    '@',
    '@1-',
    '.s-1-',
    ' ',
    '\n',
    'sha256:',
  ],
  ...[
    'canary',
    'sessions',
    'quarantine',
    'owners',
    '.session-store-js',
    'etc',
    'passwd',
    '__proto__',
    'CON',
    'NUL',
  ],
  ...[
    '\ud800',
    '\udc00',
    '\u202e',
    '\uff0f',
    'é',
    '\u{1f600}',
    'a',
    'Z',
    '0',
    digitsOf(VICTIM),
    '0'.repeat(64),
  ],
];

/** The same ids in every run. */
export function createGenerator(seed: number): () => string {
  let state = seed;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return () => {
    const length = next(50) === 0 ? 200 + next(2_000) : 1 + next(8);
    let id = '';
    for (let at = 0; at < length; at++)
      id += next(8) === 0 ? String.fromCharCode(next(0x1_0000)) : (PIECES[next(PIECES.length)] ?? '');
    return id;
  };
}

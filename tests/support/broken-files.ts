// What may lie at the place of a session's file and be none: each entry spoils the file of a whole session.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';

import { digitsOf, keyOf, parsed } from './file-world.js';

/** A session that must be there, for files that are copied. */
export const NEIGHBOUR = 'neighbour-1';

/** The bytes of a file that is whole: its checksum is right, whatever it says. */
export function wholeFile(
  path: string,
  body: string | Buffer,
  header: { format?: string; length?: number } = {},
): void {
  const { seq, nonce, dueAt } = parsed(path);
  const bytes = Buffer.from(body);
  const first = `session-store-js ${header.format ?? '1'} ${seq} ${nonce} ${dueAt} ${header.length ?? bytes.length} `;
  const checksum = crc32(bytes, crc32(first)).toString(16).padStart(8, '0');
  writeFileSync(path, Buffer.concat([Buffer.from(`${first}${checksum}\n`), bytes]));
}

const withFacts = (change: (facts: Record<string, unknown>) => unknown) => (path: string) => {
  const { facts, data } = parsed(path);
  wholeFile(path, `${JSON.stringify(change(JSON.parse(facts) as Record<string, unknown>))}\n${data}\n`);
};
const withField = (name: string, value: unknown) => withFacts((facts) => ({ ...facts, [name]: value }));
export const withData = (data: string) => (path: string) =>
  wholeFile(path, `${parsed(path).facts}\n${data}\n`);
const withBody = (body: string) => (path: string) => wholeFile(path, body);
const withBytes = (bytes: string | Buffer) => (path: string) => writeFileSync(path, bytes);
const inItsPlace = (make: (path: string) => void) => (path: string) => {
  rmSync(path);
  make(path);
};

const servers: Server[] = [];

afterAll(() => {
  for (const server of servers.splice(0)) server.close();
});

const SHAPES: Record<string, (path: string) => void> = {
  'facts that are null': withFacts(() => null),
  'facts that are a list': withFacts(() => []),
  'facts that are a number': withFacts(() => 5),
  'facts that are a text': withFacts(() => 'x'),
  'facts that are empty': withFacts(() => ({})),
  'facts that are no JSON': (path) => wholeFile(path, `{oops\n${parsed(path).data}\n`),
  ...Object.fromEntries(
    ['key', 'version', 'createdAt', 'deadlineAt', 'idleMs', 'expiresAt'].flatMap((name) => [
      [`no ${name}`, withField(name, undefined)],
      [`${name} a list`, withField(name, [])],
      [`${name} true`, withField(name, true)],
      [`${name} an object`, withField(name, {})],
    ]),
  ),
  'key of another session': withField('key', keyOf('somebody')),
  'key that is empty': withField('key', ''),
  'key that is a path': withField('key', '../../etc/passwd'),
  'owner a number': withField('owner', 5),
  'owner null': withField('owner', null),
  'meta a text': withField('meta', 'x'),
  'meta null': withField('meta', null),
  'closed null': withField('closed', null),
  'closed true': withField('closed', true),
  'closed without a time': withField('closed', {}),
  'data that is a list': withData('[]'),
  'data that is null': withData('null'),
  'data that is empty': withData(''),
  'data that is half': withData('{"a":'),
  'no data': (path) => wholeFile(path, `${parsed(path).facts}\n`),
  'one line, no data': (path) => wholeFile(path, parsed(path).facts),
  'an empty body': withBody(''),
  'an empty body of lines': withBody('\n\n'),
  'a body of zeros': withBody('\0'.repeat(200)),
};

const BYTES: Record<string, (path: string) => void> = {
  'an empty file': withBytes(''),
  'a file of zeros': withBytes(Buffer.alloc(300)),
  'somebody’s JSON': withBytes('{"cookie":{"originalMaxAge":null},"views":1}'),
  'random bytes': withBytes(Buffer.from(Array.from({ length: 500 }, (_, at) => (at * 7919) % 256))),
  'a header alone': (path) => writeFileSync(path, `${readFileSync(path, 'utf8').split('\n')[0] ?? ''}\n`),
  'a header without its end': withBytes(`session-store-js 1 ${'9'.repeat(100_000)}`),
  'bytes after the end': (path) => writeFileSync(path, 'x', { flag: 'a' }),
  'itself twice': (path) => writeFileSync(path, readFileSync(path), { flag: 'a' }),
  'a length that is a lie': (path) => wholeFile(path, 'x', { length: 999_999_999 }),
  'another session’s file': (path) => copyFileSync(neighbourOf(path), path),
  '100 MB of nothing': (path) => truncateSync(path, 100 * 1024 * 1024),
};

const SPECIAL: Record<string, (path: string) => void> = {
  'a pipe': inItsPlace((path) => execFileSync('mkfifo', [path])),
  'a directory': inItsPlace((path) => mkdirSync(path)),
  'a full directory': inItsPlace((path) => mkdirSync(join(path, 'full'), { recursive: true })),
  'a link to a secret': inItsPlace((path) => symlinkSync(secretOf(path), path)),
  'a link to a whole session elsewhere': (path) => {
    renameSync(path, `${rootOf(path)}.elsewhere`);
    symlinkSync(`${rootOf(path)}.elsewhere`, path);
  },
  'a link to nothing': inItsPlace((path) => symlinkSync(`${path}.nothing`, path)),
  'a link to itself': inItsPlace((path) => symlinkSync(path, path)),
  'a socket': inItsPlace((path) => {
    const short = join(dirname(rootOf(path)), 's');
    servers.push(createServer().listen(short));
    renameSync(short, path);
  }),
};

export const BROKEN_FILES: Readonly<Record<string, (path: string) => void>> = {
  ...BYTES,
  ...SHAPES,
  ...SPECIAL,
};

const rootOf = (path: string): string => dirname(dirname(path));
export const secretOf = (path: string): string => join(dirname(rootOf(path)), 'secret');
export const neighbourOf = (path: string): string => {
  const name = digitsOf(NEIGHBOUR);
  return join(rootOf(path), name.slice(0, 3), name);
};

// The file store's system calls as values. What it does is written once, as generators of calls; `disk.ts` makes them,
// at once or through the thread pool, and a model checker tries every order of the calls of several processes.
import { constants, type Dirent, type Stats } from 'node:fs';
import type * as NodeFs from 'node:fs';
import { dirname } from 'node:path';

type FileCall =
  | ('open' | 'close' | 'read' | 'write' | 'fstat' | 'fchmod' | 'futimes' | 'fsync')
  | ('lstat' | 'access' | 'utimes' | 'chmod' | 'link' | 'rename' | 'unlink')
  | ('mkdir' | 'rmdir' | 'readdir');

/** The functions of `node:fs` that the store uses: each that answers at once and the one with a callback. */
export type FileSystem = Pick<typeof NodeFs, FileCall | `${FileCall}Sync`>;

/** `turn`: a place where a long job may let the event loop turn. */
export interface Call {
  readonly name: FileCall | 'turn';
  readonly args: readonly unknown[];
}

/** A job: yields the calls it needs and is given their results, or has their errors thrown at it. */
export type Steps<T> = Generator<Call, T, unknown>;

function* call(name: Call['name'], ...args: readonly unknown[]): Steps<unknown> {
  return yield { name, args };
}

/** Never follows a link, and never waits for the other end of a pipe. On Windows these flags do not exist. */
const SAFELY =
  ((constants.O_NOFOLLOW as number | undefined) ?? 0) | ((constants.O_NONBLOCK as number | undefined) ?? 0);
export const READ = constants.O_RDONLY | SAFELY;
export const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | SAFELY;

type Code = 'ENOENT' | 'EEXIST';

export const codeOf = (error: unknown): unknown => (error as NodeJS.ErrnoException | null)?.code;

export const open = (path: string, flags: number) => call('open', path, flags, 0o600) as Steps<number>;
export const close = (fd: number) => call('close', fd) as Steps<undefined>;
export const fstat = (fd: number) => call('fstat', fd) as Steps<Stats>;
export const fchmod = (fd: number, mode: number) => call('fchmod', fd, mode) as Steps<undefined>;
export const futimes = (fd: number, seconds: number) =>
  call('futimes', fd, seconds, seconds) as Steps<undefined>;
export const fsync = (fd: number) => call('fsync', fd) as Steps<undefined>;
export const lstat = (path: string) => call('lstat', path) as Steps<Stats>;
export const access = (path: string, mode: number) => call('access', path, mode) as Steps<undefined>;
export const utimes = (path: string, seconds: number) =>
  call('utimes', path, seconds, seconds) as Steps<undefined>;
export const chmod = (path: string, mode: number) => call('chmod', path, mode) as Steps<undefined>;
export const link = (from: string, to: string) => call('link', from, to) as Steps<undefined>;
export const rename = (from: string, to: string) => call('rename', from, to) as Steps<undefined>;
export const unlink = (path: string) => call('unlink', path) as Steps<undefined>;
export const rmdir = (path: string) => call('rmdir', path) as Steps<undefined>;
export const turn = () => call('turn') as Steps<undefined>;

/** True unless the job fails with one of these codes. */
export function* unless(codes: Code | readonly Code[], job: Steps<unknown>): Steps<boolean> {
  try {
    yield* job;
    return true;
  } catch (error) {
    if (([codes].flat() as unknown[]).includes(codeOf(error))) return false;
    throw error;
  }
}

/** Does a job that may fail: what is left over is found by the next sweep. */
export function* attempt(job: Steps<unknown>): Steps<void> {
  try {
    yield* job;
  } catch {
    // The failure that matters, if there is one, is the one that led here.
  }
}

/** What is at a path, a link as such, or undefined. Where the answer comes at once, a missing file costs no exception. */
export function* stat(path: string): Steps<Stats | undefined> {
  try {
    return (yield { name: 'lstat', args: [path, { throwIfNoEntry: false }] }) as Stats | undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The names in a directory; none if it is not there. */
export const readdir = (path: string) => entriesOf(path) as Steps<string[]>;

/** The directories in a directory, links not among them; none if it is not there. */
export function* subdirectories(path: string): Steps<string[]> {
  const entries = (yield* entriesOf(path, { withFileTypes: true })) as Dirent[];
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

function* entriesOf(path: string, ...options: readonly unknown[]): Steps<unknown[]> {
  try {
    return (yield* call('readdir', path, ...options)) as unknown[];
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** True if the directory was created now. 0700 under any umask. */
export function* mkdir(path: string): Steps<boolean> {
  if (!(yield* unless('EEXIST', call('mkdir', path, { mode: 0o700 })))) return false;
  // Empty, it may be taken away again at once: whoever needs it finds that out.
  yield* unless('ENOENT', chmod(path, 0o700));
  return true;
}

/** Creates a directory and those above it; gives those that are new, topmost first. */
export function* mkdirs(path: string): Steps<string[]> {
  try {
    return (yield* mkdir(path)) ? [path] : [];
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    const above = yield* mkdirs(dirname(path));
    return [...above, ...(yield* mkdirs(path))];
  }
}

/** Creates a file that must not exist yet, for this user only under any umask, and gives its descriptor. */
export function* create(path: string): Steps<number> {
  const fd = yield* open(path, CREATE);
  try {
    yield* fchmod(fd, 0o600);
    return fd;
  } catch (error) {
    yield* attempt(close(fd));
    yield* attempt(unlink(path));
    throw error;
  }
}

/** Creates an empty file that must not exist yet. */
export function* createEmpty(path: string): Steps<void> {
  yield* close(yield* create(path));
}

/** The bytes of an open file, up to `limit`. */
export function* readAll(fd: number, limit: number): Steps<Buffer> {
  const buffer = Buffer.allocUnsafe(limit);
  let length = 0;
  while (length < limit) {
    const count = (yield { name: 'read', args: [fd, buffer, length, limit - length, null] }) as number;
    if (count === 0) break;
    length += count;
  }
  return buffer.subarray(0, length);
}

export function* writeAll(fd: number, bytes: Buffer): Steps<void> {
  for (let done = 0; done < bytes.length;)
    done += (yield { name: 'write', args: [fd, bytes, done, bytes.length - done, null] }) as number;
}

/** Makes the names in a directory, or a file's time, survive a power cut. Windows cannot; NTFS keeps a log of names. */
export function* flush(path: string): Steps<void> {
  if (process.platform === 'win32') return;
  const fd = yield* open(path, READ);
  try {
    yield* fsync(fd);
  } finally {
    yield* close(fd);
  }
}

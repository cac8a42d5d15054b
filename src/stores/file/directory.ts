// The store's directory: created, checked, and known again at each use. Knows no sessions.
import { constants, type Stats } from 'node:fs';
import { dirname } from 'node:path';

import { SessionError } from '../../core/errors.js';
import {
  READ,
  access,
  attempt,
  close,
  codeOf,
  create,
  flush,
  fstat,
  fsync,
  link,
  lstat,
  mkdirs,
  open,
  readAll,
  stat,
  unless,
  unlink,
  writeAll,
  type Steps,
} from './calls.js';
import type { Layout } from './layout.js';

/** What stands in the marker. The first line stays as it is in every format to come. */
const MARKER = Buffer.from(
  `session-store-js file store, format 1

Each session is a file named after the SHA-256 of its id, in the folder of its first three digits. "name@..." says
which version of it is the current one; without it the session counts as removed. Files end in ".s-..." while they are
written. Reading is safe at any time. To end a session, remove its "name@..." and nothing else.
`,
);
const FORMAT = /^session-store-js file store, format (\d+)\n/;
const NO_LINKS: ReadonlySet<unknown> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);
const WRITABLE_BY_OTHERS = 0o022;

export class Directory {
  readonly #layout: Layout;
  readonly #durable: boolean;
  /** The directory as it was when it was last found good. */
  #known: Stats | null = null;

  constructor(layout: Layout, durable: boolean) {
    this.#layout = layout;
    this.#durable = durable;
  }

  /**
   * Creates the directory if it is not there, and checks it.
   * @throws {SessionError} ERR_SESSION_DIRECTORY
   */
  *ensure(): Steps<void> {
    const { root, marker } = this.#layout;
    try {
      if (!(yield* this.isThere())) {
        const made = yield* mkdirs(root);
        if (this.#durable) for (const path of made) yield* flush(dirname(path));
      }
      const found = yield* this.#examine();
      yield* access(root, constants.R_OK | constants.W_OK | constants.X_OK);
      if ((yield* stat(marker)) === undefined) yield* this.#mark();
      yield* this.#checkFormat();
      this.#known = found;
    } catch (error) {
      throw this.#wrong(error);
    }
  }

  /**
   * Whether it can serve. Creates it only if this store has never used it: what went away is not begun anew.
   * @throws {SessionError} ERR_SESSION_DIRECTORY
   */
  *ping(): Steps<void> {
    yield* this.check();
    try {
      yield* access(this.#layout.root, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (error) {
      throw this.#wrong(error);
    }
  }

  /** Whether anything is at the path. */
  *isThere(): Steps<boolean> {
    return (yield* stat(this.#layout.root)) !== undefined;
  }

  /**
   * Before each use: one call while all is well.
   * @throws {SessionError} ERR_SESSION_DIRECTORY. A directory that went away, or an empty one where a disk is not mounted,
   * is a fault and never an empty store.
   */
  *check(): Steps<void> {
    if (this.#known === null) return yield* this.ensure();
    let found: Stats;
    try {
      found = yield* lstat(this.#layout.root);
      if (found.ino === this.#known.ino && found.dev === this.#known.dev && found.mode === this.#known.mode)
        return;
      // Another one: right if it is a store's (mounted again, moved), wrong if it is anything else.
      found = yield* this.#examine();
      yield* this.#checkFormat();
    } catch (error) {
      throw this.#wrong(error);
    }
    this.#known = found;
  }

  /** Whole from its first moment: another process may read it at any time. */
  *#mark(): Steps<void> {
    const { root, marker } = this.#layout;
    const temporary = this.#layout.draft();
    try {
      const fd = yield* create(temporary);
      try {
        yield* writeAll(fd, MARKER);
        if (this.#durable) yield* fsync(fd);
      } finally {
        yield* attempt(close(fd));
      }
      yield* unless('EEXIST', link(temporary, marker));
    } finally {
      yield* attempt(unlink(temporary));
    }
    if (this.#durable) yield* flush(root);
  }

  *#examine(): Steps<Stats> {
    const found = yield* lstat(this.#layout.root);
    if (found.isSymbolicLink())
      throw this.#fault('is a symbolic link', 'Give the directory that it points to');
    if (!found.isDirectory()) throw this.#fault('is not a directory', 'Give another path');
    if (process.platform !== 'win32' && (found.mode & WRITABLE_BY_OTHERS) !== 0)
      throw this.#fault('can be written by others than its owner', `Run: chmod go-w '${this.#layout.root}'`);
    return found;
  }

  /** The marker tells a store from an empty mount point, and the formats apart. */
  *#checkFormat(): Steps<void> {
    const fd = yield* open(this.#layout.marker, READ);
    let bytes: Buffer;
    try {
      bytes = yield* readAll(fd, Math.min((yield* fstat(fd)).size, MARKER.length));
    } finally {
      yield* attempt(close(fd));
    }
    const format = FORMAT.exec(bytes.toString())?.[1];
    if (format === '1') return;
    if (format === undefined)
      throw this.#fault("has a file .session-store-js that is not the store's", 'Remove that file');
    throw this.#fault(`was written by a later version (format ${format})`, 'Update session-store-js');
  }

  #wrong(error: unknown): SessionError {
    if (error instanceof SessionError) return error;
    if ((error as NodeJS.ErrnoException).syscall === 'link' && NO_LINKS.has(codeOf(error)))
      return this.#fault('is on a file system without hard links', 'Give a path on another one', error);
    switch (codeOf(error)) {
      case 'ENOENT':
        return this.#fault('is gone, or has no file .session-store-js', MISSING, error);
      case 'EEXIST':
      case 'ENOTDIR':
        return this.#fault('is not a directory', 'Give another path', error);
      case 'ELOOP':
        return this.#fault('is a symbolic link', 'Give the directory that it points to', error);
      case 'EACCES':
      case 'EPERM':
      case 'EROFS':
        return this.#fault(
          'cannot be written by this process',
          'Give this user read, write and search permission, or another path',
          error,
        );
      default:
        return this.#fault('cannot be used', 'The cause says why', error);
    }
  }

  #fault(what: string, advice: string, cause?: unknown): SessionError {
    return new SessionError(
      'ERR_SESSION_DIRECTORY',
      `The session directory '${this.#layout.root}' ${what}. ${advice}.`,
      cause === undefined ? undefined : { cause },
    );
  }
}

const MISSING =
  'Mount it again if it lies on a disk that went away; to begin with an empty one, call ensureDirectory() or restart';

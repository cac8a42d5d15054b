// One session in a directory that several processes share: compare-and-set without locks. Knows names, versions and
// files, no expiry rules and no keys.
//
//   <name>                    the record, with its version in its header. Its file is never written twice.
//   <name>@<seq>-<nonce>      the token: an empty file. ITS NAME IS THE STATE: it says which version is the current one.
//   <name>.s-<seq>-<nonce>    a staged record, for the time of a write.
//
//   insert    write staged 1; create token 1; link(staged 1, record), which fails if there is a record
//   look      read the record: version v; the token of v is there -> v is the current version
//             it is not, but a token of v + 1 is: a write has been committed -> publish it and look again
//             neither, and the record is still the same -> the session has been removed
//   look again   the record is the file that was read, and the token of v is there -> v is the current version
//   replace   look: v; write staged v + 1; COMMIT rename(token v, token v + 1); PUBLISH rename(staged v + 1, record)
//   touch     look: v; set the time of token v
//   remove    look: v; COMMIT unlink(token v); unlink(record)
//
// The commit is one call whose source exists once: of all who saw v one succeeds, the others get ENOENT. Whoever is
// stopped, for however long, and goes on finds that out from its next call:
//
//   two writers        A: look v     B: look v   B: rename(token v)   A: rename(token v) ENOENT -> A says false
//   a writer killed    A: rename(token v, v + 1)  A dies   B: look: record v, token v + 1 -> B publishes for A
//   a late publisher   A: commit v + 1   B: publishes v + 1, writes v + 2   A: rename(staged v + 1) ENOENT: it is done
//   a late writer      A: look v   B: remove   A: rename(token v) ENOENT -> false: nothing comes back
//   a remover killed   A: unlink(token v)  A dies   B: look: record v, no token at all -> absent
//   a late touch       A: look v   B: commits v + 1   A: utimes(token v) ENOENT -> look again
//   a half listing     A: record v, no token v; lists the directory while B renames a token from v + 1 to v + 2, and sees
//                      neither. B could do so only after v + 1 was published -> A reads the record again: it has changed
//
// What must not be dropped:
//   1. nobody commits away from v without having seen the record at v, however long ago: otherwise v + 1 is overwritten
//      unpublished
//   2. a staged file is complete (and flushed, where asked) before the name of its token can exist
//   3. no name is used twice (`Nonces`): a name that comes again is how late calls do harm
//   4. publishing consumes a source that exists once, so it happens once, whoever does it
//   5. a record without its token, and without a successor's, has been removed for good
//
// A touch does not write the file again. The token's time, in microseconds, is the new end in ms and the tag of the
// version: a token keeps its time when it is renamed, and the tag of another version does not count. Two touches at the
// same moment may land in either order; the caller keeps the record's own end close behind, and that one always counts.
//
// Proven with every order of calls of several processes and crashes (`npm run model`), creation, touch, re-creation and
// cleaning included. A name whose record still lies there without a token is not created anew: the remover may be about
// to unlink it. One thing can go wrong, on the safe side: a remover is stopped between its two calls, a sweep meanwhile
// takes the record away for it, the same name is created anew, the remover goes on and unlinks that one. Names come from
// random ids, so none is created anew.
import type { Stats } from 'node:fs';

import type { SessionRecord } from '../../core/contract.js';
import { SessionError } from '../../core/errors.js';
import {
  READ,
  attempt,
  close,
  codeOf,
  create,
  flush,
  fstat,
  fsync,
  futimes,
  link,
  lstat,
  mkdir,
  open,
  readAll,
  readdir,
  rename,
  stat,
  unless,
  unlink,
  utimes,
  writeAll,
  type Steps,
} from './calls.js';
import {
  isSame,
  nameOf,
  successorPrefix,
  tagOf,
  wholeMs,
  type Layout,
  type Name,
  type Nonces,
  type Version,
} from './layout.js';
import { CorruptFile, MAX_BYTES, decode, encode, type Stored } from './record-file.js';

type FileFacts = Pick<Stats, 'ino' | 'size' | 'mtimeMs'>;

/** A version, and its file as it was when it was read. */
interface Read extends Stored {
  readonly file: FileFacts;
}

/** The current version of a session. */
export interface Current extends Read {
  /** When it ends, epoch ms: by its record or by the last touch, whichever is later. */
  readonly endsAt: number;
  /** The tag that the token's time carries, whichever version it was meant for. */
  readonly touchTag: number;
}

/** `'dead'`: a record is there, and its session has been removed. */
export type Look = Current | 'dead' | null;

export interface ProtocolOptions {
  readonly layout: Layout;
  readonly nonces: Nonces;
  /** What was acknowledged survives a power cut. */
  readonly durable: boolean;
}

/** Each try that fails means that another process succeeded meanwhile. */
const TRIES = 1_000;
/** A publisher that runs needs a few microseconds: looking again is cheaper than listing the directory. */
const LOOKS_BEFORE_LISTING = 2;

export class Protocol {
  readonly #layout: Layout;
  readonly #nonces: Nonces;
  readonly #durable: boolean;
  /** The folders that this process has written to. */
  readonly #prepared = new Set<string>();

  constructor({ layout, nonces, durable }: ProtocolOptions) {
    this.#layout = layout;
    this.#nonces = nonces;
    this.#durable = durable;
  }

  /** @throws {CorruptFile} if what is there is not a session */
  *look(name: Name): Steps<Look> {
    let looks = 0;
    let last: Read | null = null;
    for (let tries = 0; tries < TRIES; tries++) {
      const stored = yield* this.#read(name);
      if (stored === null) return null;
      const token = yield* stat(this.#layout.token(name, stored));
      if (token !== undefined) return withTouch(stored, token);
      if (last === null || !isSame(last, stored)) looks = 0;
      last = stored;
      if (++looks <= LOOKS_BEFORE_LISTING) continue;
      const next = yield* this.#successor(name, stored);
      const isPublished = next !== null && (yield* this.#publish(name, next));
      const again = yield* this.#read(name);
      if (again === null) return null;
      if (isPublished || !isSame(again, stored)) continue;
      if (next === null) return 'dead';
      // Committed, and its staged file is nowhere: a backup was taken in between, or a power cut lost an unflushed name.
      // The version before it is the last whole one.
      yield* this.replace(name, next, stored.record, stored.dueAt);
    }
    throw new SessionError('ERR_SESSION_STORE', `A session's file changed ${TRIES} times while it was read.`);
  }

  /**
   * The version that was seen, as it is now; `null`: look. Its file is not read: no name is used twice, so the token stands for
   * the same bytes as then. But the file must still lie there: somebody may have removed it by hand, or put another one there.
   */
  *lookAgain(name: Name, seen: Current): Steps<Current | null> {
    const file = yield* stat(this.#layout.record(name));
    if (file === undefined || !isSameFile(file, seen.file)) return null;
    const token = yield* stat(this.#layout.token(name, seen));
    return token === undefined ? null : withTouch(seen, token);
  }

  /** Creates the session. `null`: done; otherwise what stands in the way. */
  *insert(name: Name, record: SessionRecord, dueAt: number): Steps<Look> {
    for (let tries = 0; tries < TRIES; tries++) {
      const version = { seq: 1, nonce: this.#nonces.next(dueAt, record.closed !== undefined) };
      yield* this.#stage(name, { ...version, record, dueAt });
      const [staged, token] = [this.#layout.staged(name, version), this.#layout.token(name, version)];
      let isInserted = false;
      try {
        yield* this.#createToken(token, dueAt);
        isInserted = yield* unless(['ENOENT', 'EEXIST'], link(staged, this.#layout.record(name)));
      } finally {
        // In this order: without the staged file nobody can insert this version, and then its token means nothing.
        yield* attempt(unlink(staged));
        if (!isInserted) yield* attempt(unlink(token));
      }
      if (isInserted) {
        if (this.#durable) yield* flush(this.#layout.shard(name));
        return null;
      }
      // Nothing there: it went meanwhile, or somebody took the staged file for litter.
      const there = yield* this.look(name);
      if (there !== null) return there;
    }
    throw new SessionError(
      'ERR_SESSION_STORE',
      `A session's file changed ${TRIES} times while it was created.`,
    );
  }

  /** Replaces the version that was seen; false if it is not the current one any more. */
  *replace(
    name: Name,
    seen: Version & { readonly touchTag?: number },
    record: SessionRecord,
    dueAt: number,
  ): Steps<boolean> {
    // The token keeps its time, which must not pass for a touch of this version: neither the time that was seen nor one
    // that a touch of the version before sets meanwhile.
    const old = [tagOf(seen), seen.touchTag];
    return yield* this.#succeed(name, seen, record, dueAt, (tag) => !old.includes(tag));
  }

  /** Writes the same session once more, with an end that is not nearer: touches of the version that was seen go on counting. */
  *renew(name: Name, seen: Current, record: SessionRecord, dueAt: number): Steps<boolean> {
    return yield* this.#succeed(name, seen, record, dueAt, (tag) => tag === tagOf(seen));
  }

  *#succeed(
    name: Name,
    seen: Version,
    record: SessionRecord,
    dueAt: number,
    accepts: (tag: number) => boolean,
  ): Steps<boolean> {
    const nonce = this.#nonces.next(dueAt, record.closed !== undefined, accepts);
    const version = { seq: seen.seq + 1, nonce };
    yield* this.#stage(name, { ...version, record, dueAt });
    let isCommitted = false;
    try {
      isCommitted = yield* unless(
        'ENOENT',
        rename(this.#layout.token(name, seen), this.#layout.token(name, version)),
      );
    } finally {
      if (!isCommitted) yield* attempt(unlink(this.#layout.staged(name, version)));
    }
    if (!isCommitted) return false;
    yield* this.#publish(name, version);
    if (this.#durable) yield* flush(this.#layout.shard(name));
    return true;
  }

  /**
   * Moves the end of the version that was seen.
   * `'gone'`: it is not the current one any more; `'inexact'`: the file system does not keep times that fine.
   */
  *touch(name: Name, seen: Current, endsAt: number): Steps<'moved' | 'gone' | 'inexact'> {
    const token = this.#layout.token(name, seen);
    if (!(yield* unless('ENOENT', utimes(token, secondsOf(endsAt, tagOf(seen)))))) return 'gone';
    const after = yield* stat(token);
    if (after === undefined) return 'gone';
    if (this.#durable && !(yield* unless('ENOENT', flush(token)))) return 'gone';
    return withTouch(seen, after).endsAt >= endsAt ? 'moved' : 'inexact';
  }

  /** Removes the version that was seen; false if it is not the current one any more. */
  *remove(name: Name, seen: Version): Steps<boolean> {
    if (!(yield* unless('ENOENT', unlink(this.#layout.token(name, seen))))) return false;
    yield* this.bury(name);
    return true;
  }

  /** Takes away the record of a removed session. */
  *bury(name: Name): Steps<void> {
    yield* unless('ENOENT', unlink(this.#layout.record(name)));
    if (this.#durable) yield* flush(this.#layout.shard(name));
  }

  /** Whether a file that was moved away may be a session's all the same: what cannot be read now is not known to be broken. */
  *mayBeSound(path: string, name: Name): Steps<boolean> {
    try {
      return (yield* this.#read(name, path)) !== null;
    } catch (error) {
      return !(error instanceof CorruptFile);
    }
  }

  /** @throws {CorruptFile} */
  *#read(name: Name, path = this.#layout.record(name)): Steps<Read | null> {
    let fd: number;
    try {
      fd = yield* open(path, READ);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      // A link; a socket; on Windows a directory.
      if (['ELOOP', 'ENXIO', 'EISDIR'].includes(String(codeOf(error))))
        throw new CorruptFile('it is no file');
      throw error;
    }
    try {
      const found = yield* fstat(fd);
      if (!found.isFile()) throw new CorruptFile('it is no file');
      if (found.size > MAX_BYTES) throw new CorruptFile(`it has ${found.size} bytes`);
      const stored = decode(yield* readAll(fd, found.size));
      if (nameOf(stored.record.key) !== name) throw new CorruptFile('it is of another session');
      const { ino, size, mtimeMs } = found;
      return { ...stored, file: { ino, size, mtimeMs } };
    } finally {
      yield* close(fd);
    }
  }

  *#stage(name: Name, stored: Stored): Steps<void> {
    const bytes = encode(stored);
    const path = this.#layout.staged(name, stored);
    yield* this.#prepare(this.#layout.shard(name));
    let fd: number;
    try {
      fd = yield* create(path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      this.#prepared.delete(this.#layout.shard(name));
      yield* this.#prepare(this.#layout.shard(name));
      fd = yield* create(path);
    }
    let isWritten = false;
    try {
      yield* writeAll(fd, bytes);
      if (this.#durable) yield* fsync(fd);
      isWritten = true;
    } finally {
      yield* attempt(close(fd));
      if (!isWritten) yield* attempt(unlink(path));
    }
  }

  /** Each process for itself: another one may have made the folder and not have flushed its name yet. */
  *#prepare(shard: string): Steps<void> {
    if (this.#prepared.has(shard)) return;
    yield* mkdir(shard);
    if ((yield* lstat(shard)).isSymbolicLink())
      throw new SessionError('ERR_SESSION_DIRECTORY', `'${shard}' is a symbolic link. Remove it.`);
    if (this.#durable) yield* flush(this.#layout.root);
    this.#prepared.add(shard);
  }

  *#createToken(path: string, dueAt: number): Steps<void> {
    const fd = yield* create(path);
    try {
      // With the tag of no version: the time of its creation might pass for a touch.
      yield* futimes(fd, secondsOf(wholeMs(dueAt), 0));
    } finally {
      yield* close(fd);
    }
  }

  /** False if somebody else has published it. */
  *#publish(name: Name, version: Version): Steps<boolean> {
    return yield* unless('ENOENT', rename(this.#layout.staged(name, version), this.#layout.record(name)));
  }

  *#successor(name: Name, version: Version): Steps<Version | null> {
    const prefix = successorPrefix(name, version);
    const found = (yield* readdir(this.#layout.shard(name))).find((file) => file.startsWith(prefix));
    return found === undefined ? null : { seq: version.seq + 1, nonce: found.slice(prefix.length) };
  }
}

const isSameFile = (one: FileFacts, other: FileFacts): boolean =>
  one.ino === other.ino && one.size === other.size && one.mtimeMs === other.mtimeMs;

/** A time in seconds that holds an end in ms and a tag, and half a microsecond for the rounding on its way. */
const secondsOf = (ms: number, tag: number): number => (ms * 1_000 + tag + 0.5) / 1e6;

function withTouch(stored: Read, { mtimeMs }: Stats): Current {
  const micros = Math.floor(mtimeMs * 1_000);
  const touchTag = micros % 1_000;
  const touchedTo = touchTag === tagOf(stored) ? (micros - touchTag) / 1_000 : 0;
  return { ...stored, endsAt: Math.max(stored.dueAt, touchedTo), touchTag };
}

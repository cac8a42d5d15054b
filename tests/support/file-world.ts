// File stores for tests: with a clock that stands still, records at hand, and a look at every file that is there.
import { hash } from 'node:crypto';
import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import type { SessionId, SessionKey, SessionRecord } from '../../src/core/contract.js';
import { handleOf } from '../../src/core/ids.js';
import { newVersion } from '../../src/core/record.js';
import { FileStore, type FileStoreOptions } from '../../src/stores/file-store.js';
import { entryOf, type Entry } from '../../src/stores/file/layout.js';
import { encode, type Stored } from '../../src/stores/file/record-file.js';
import { TestClock } from './clock.js';
import { freshPath } from './directory.js';

export const HOUR = 3_600_000;

/** 64 hex digits, from which everything about a session on the disk is named. */
export const digitsOf = (id: string): string => hash('sha256', id);
export const keyOf = (id: string): SessionKey => handleOf(id as SessionId) as string as SessionKey;

export interface FileWorld {
  /** Close to the time of the file system, which stamps what is written. */
  readonly clock: TestClock;
  readonly path: string;
  readonly store: FileStore;
  /** What the store reported, oldest first. */
  readonly errors: { readonly code: string; readonly message: string }[];
  /** The handles of `expired`. */
  readonly expired: string[];
  /** Another store on the same directory, as another process has it. */
  open(options?: FileStoreOptions): FileStore;
  record(id: string, extra?: Partial<SessionRecord>): SessionRecord;
  add(id: string, extra?: Partial<SessionRecord>): Promise<SessionRecord>;
  /** The path of a session's record. */
  fileOf(id: string): string;
  /** The names of all files of a session. */
  filesOf(id: string): string[];
  /** The path of its token, whose name is the state. */
  tokenOf(id: string): string;
}

export function fileWorld(options: FileStoreOptions = {}): FileWorld {
  const clock = new TestClock(Date.now());
  const path = options.path ?? freshPath();
  const errors: FileWorld['errors'] = [];
  const expired: string[] = [];
  const open = (own: FileStoreOptions = {}): FileStore => {
    const store = new FileStore({ clock, path, cleanupInterval: 0, ...options, ...own });
    store.on('error', (error: FileWorld['errors'][number]) => errors.push(error));
    store.on('expired', (handle: string) => expired.push(handle));
    return store;
  };
  const store = open();
  const record = (id: string, extra: Partial<SessionRecord> = {}): SessionRecord => ({
    v: 1,
    key: store.keyOf(id as SessionId),
    data: '{"visits":3}',
    version: newVersion(),
    createdAt: clock.now(),
    deadlineAt: null,
    idleMs: HOUR,
    expiresAt: clock.now() + HOUR,
    ...extra,
  });
  const shardOf = (id: string): string => join(path, digitsOf(id).slice(0, 3));
  const filesOf = (id: string): string[] =>
    readdirSync(shardOf(id)).filter((file) => file.startsWith(digitsOf(id)));
  return {
    clock,
    path,
    store,
    errors,
    expired,
    open,
    record,
    add: async (id, extra) => {
      const added = record(id, extra);
      if (!(await store.insert(added))) throw new Error(`${id} is there already.`);
      return added;
    },
    fileOf: (id) => join(shardOf(id), digitsOf(id)),
    filesOf,
    tokenOf: (id) => join(shardOf(id), filesOf(id).find((file) => file.includes('@')) ?? 'no token'),
  };
}

/** What the bytes of a session's file say. */
export function parsed(path: string) {
  const [header = '', facts = '', data = ''] = readFileSync(path, 'utf8').split('\n');
  const [, format, seq, nonce = '', dueAt, length, checksum] = header.split(' ');
  return { format, seq: Number(seq), nonce, dueAt: Number(dueAt), length, checksum, facts, data };
}

/** Puts a version of a session on the disk as a writer would, under the name it has at that stage. */
export function put(path: string, stored: Stored, kind: 'record' | 'token' | 'staged'): string {
  const mark = { record: '', token: '@', staged: '.s-' }[kind];
  const file = path + (kind === 'record' ? '' : `${mark}${stored.seq}-${stored.nonce}`);
  writeFileSync(file, kind === 'token' ? '' : encode(stored), { mode: 0o600 });
  return file;
}

/** What a file of a shard is. */
export const entriesIn = (shard: string): (Entry | null)[] => readdirSync(shard).sort().map(entryOf);

export interface Snapshot {
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  readonly mode: number;
  readonly ino: bigint;
  /** Nanoseconds: the last change of the content, of the entry, and the last read. */
  readonly times: readonly bigint[];
  readonly content: string;
}

/** Everything below a path as it is, by the path below it; looking changes nothing, not even the time of the last read. */
export function snapshot(root: string, below = ''): Map<string, Snapshot> {
  const found = new Map<string, Snapshot>();
  const path = join(root, below);
  const stats = lstatSync(path, { bigint: true });
  const kind = stats.isFile()
    ? 'file'
    : stats.isDirectory()
      ? 'directory'
      : stats.isSymbolicLink()
        ? 'link'
        : 'other';
  let content = '';
  if (kind === 'file') {
    // Nobody but Linux has it; there the times of reading are not compared.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOATIME);
    content = readFileSync(fd, 'latin1');
    closeSync(fd);
  } else if (kind === 'link') content = readlinkSync(path);
  found.set(below, {
    kind,
    mode: Number(stats.mode) & 0o7777,
    ino: stats.ino,
    // A directory is read by listing it, which is how foreign files are found.
    times:
      kind === 'directory'
        ? [stats.mtimeNs]
        : kind === 'link'
          ? [stats.mtimeNs, stats.ctimeNs]
          : [stats.mtimeNs, stats.ctimeNs, stats.atimeNs],
    content,
  });
  if (kind === 'directory')
    for (const name of readdirSync(path).sort())
      for (const entry of snapshot(root, join(below, name))) found.set(...entry);
  return found;
}

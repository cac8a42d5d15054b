// Sessions as files in a directory, which the processes of one host may share. This class is the contract's face; what
// makes it safe is in `file/protocol.ts`.
import * as nodeFs from 'node:fs';
import { resolve } from 'node:path';

import type {
  CallOptions,
  Capability,
  Page,
  PageOptions,
  SessionKey,
  SessionRecord,
} from '../core/contract.js';
import { SessionError } from '../core/errors.js';
import { isHandle } from '../core/ids.js';
import { checkOptions, type Fields } from '../core/options.js';
import type { FileSystem, Steps } from './file/calls.js';
import { emptyReport, type FileStoreReport } from './file/caretaker.js';
import { Directory } from './file/directory.js';
import { Disk } from './file/disk.js';
import { asStoreError } from './file/faults.js';
import { jobsOf, type Jobs } from './file/jobs.js';
import { Layout, Nonces, nameOf, type Name } from './file/layout.js';
import { Rounds } from './file/rounds.js';
import { recordStoreFields, timerFields } from './store-options.js';
import { RecordStore, type RecordStoreOptions } from './store.js';

export type { FileStoreReport, FileSystem };

export interface FileStoreOptions extends RecordStoreOptions {
  /** The directory. It is created at the first use. Default `./sessions`. */
  path?: string;
  /** Life of a session that brings no expiry of its own, seconds. Default one day. */
  ttl?: number;
  /** The time for one round of sweeping the whole directory, ms. Above 0 it starts by itself. Default five minutes. */
  cleanupInterval?: number;
  /** The time for one round of rebuilding the owner index, ms. Above 0 it starts by itself. Default 0. */
  indexInterval?: number;
  /**
   * What an acknowledged write survives. `'process'` (default): that the process is killed. `'power'`: that the machine
   * loses power, at the cost of at least two flushes to the disk for each write.
   */
  durability?: 'process' | 'power';
  /**
   * `'sync'` (default): files are read and written at once, which takes microseconds on a local disk. `'async'`: through
   * the thread pool, at several times the CPU; for disks that can be slow. `req.session` then needs `load` first.
   */
  io?: 'sync' | 'async';
  /** What has the functions of `node:fs`; for tests that make it fail. */
  fs?: FileSystem;
}

const DAY_SECONDS = 86_400;
const DEFAULT_CLEANUP_INTERVAL_MS = 300_000;
const DEFAULT_INDEX_INTERVAL_MS = 300_000;

/** What a listener throws is not the session's. */
const afterwards = (tell: () => void): void => queueMicrotask(tell);

/** For whoever hands the options on: one error then names the faults of both. */
export const fileStoreSchema = (fields: Fields) => {
  const { z, field } = fields;
  return z.strictObject({
    ...recordStoreFields(fields),
    ...timerFields(fields),
    path: field(
      z
        .string()
        .min(1)
        .refine((path) => !path.includes('\0')),
      'the path of a directory',
    ),
    ttl: field(z.number().positive(), 'a number of seconds above 0'),
    durability: field(z.enum(['process', 'power']), "'process' or 'power'"),
    io: field(z.enum(['sync', 'async']), "'sync' or 'async'"),
    fs: field(z.looseObject({ openSync: z.any(), open: z.any() }), 'what has the functions of node:fs'),
  });
};

/**
 * The store of `storeType: 'file'`: every session in a file of its own, named after its handle. Several processes of one
 * host may use the directory at the same time; several hosts (a network file system) may not.
 *
 * Emits `error` with ERR_SESSION_CORRUPT for a file that is broken: the session counts as absent and its file is kept in
 * the folder `quarantine`, which holds the last hundred.
 *
 * @example
 * const store = new FileStore({ path: '/var/lib/app/sessions', durability: 'power' });
 */
export class FileStore extends RecordStore {
  override readonly capabilities: ReadonlySet<Capability>;
  readonly #layout: Layout;
  readonly #directory: Directory;
  readonly #disk: Disk;
  readonly #jobs: Jobs;
  readonly #sweep: Rounds;
  readonly #rebuild: Rounds;
  /** Whether jobs overlap in this process; then those on one session go one after the other. */
  readonly #waits: boolean;
  readonly #queues = new Map<Name, Promise<void>>();
  /** Where `removeExpired` goes on. */
  #sweptUpTo = '';

  /** @throws {SessionError} ERR_SESSION_OPTIONS */
  constructor(options: FileStoreOptions = {}) {
    checkOptions('FileStore', fileStoreSchema, options);
    super(options);
    const { path = './sessions', ttl = DAY_SECONDS, durability = 'process', io = 'sync' } = options;
    const { cleanupInterval = DEFAULT_CLEANUP_INTERVAL_MS, indexInterval = 0, fs = nodeFs } = options;
    const { clock } = this;
    const durable = durability === 'power';
    this.#waits = durable || io === 'async';
    this.capabilities =
      io === 'async'
        ? this.declares('page', 'removeExpired', 'count', 'revokeBefore', 'ping', 'close')
        : this.declares('page', 'removeExpired', 'count', 'findSync', 'revokeBefore', 'ping', 'close');
    this.#layout = new Layout(resolve(path));
    this.#directory = new Directory(this.#layout, durable);
    this.#disk = new Disk({ fs, clock, async: io === 'async' });
    const report = (error: SessionError): void => afterwards(() => this.report(error));
    this.#jobs = jobsOf({
      layout: this.#layout,
      nonces: new Nonces(),
      durable,
      clock,
      ttlMs: ttl * 1_000,
      check: () => this.#directory.check(),
      onCorrupt: report,
      onUnreadable: report,
      onExpired: (key) => {
        afterwards(() => {
          if (this.listenerCount('expired') > 0) this.emit('expired', this.handleOf(key));
        });
      },
    });
    this.#sweep = this.#rounds(cleanupInterval || DEFAULT_CLEANUP_INTERVAL_MS, false);
    this.#rebuild = this.#rounds(indexInterval || DEFAULT_INDEX_INTERVAL_MS, true);
    if (cleanupInterval > 0) this.startCleanup();
    if (indexInterval > 0) this.startIndexRebuild();
  }

  /**
   * Creates the directory, with permissions for this user only, or checks the one that is there. The first use does so
   * too.
   * @throws {SessionError} ERR_SESSION_DIRECTORY if it is a file or a link, is not writable, or others may write to it
   */
  ensureDirectory(): Promise<void> {
    return this.#run(this.#directory.ensure());
  }

  /** Where the file of a session is or would be, given its id or its handle. @throws {SessionError} ERR_SESSION_ID */
  _getFilePath(sessionId: string): string {
    return this.#layout.record(this.#nameOf(sessionId as SessionKey));
  }

  findSync(key: SessionKey): SessionRecord | null {
    if (!this.#isKey(key)) return null;
    try {
      return this.#disk.now(this.#jobs.sessions.find(key));
    } catch (error) {
      throw asStoreError(error);
    }
  }

  override async find(key: SessionKey, options?: CallOptions): Promise<SessionRecord | null> {
    return this.#isKey(key) ? this.#run(this.#jobs.sessions.find(key), options) : null;
  }

  override async insert(record: SessionRecord, options?: CallOptions): Promise<boolean> {
    if (!this.#isKey(record.key))
      throw new SessionError(
        'ERR_SESSION_ID',
        'A store that keeps handles was given something else: use keyOf(id).',
      );
    return this.#inTurn(record.key, () => this.#jobs.sessions.insert(record), options);
  }

  override async replace(
    record: SessionRecord,
    expectedVersion: string,
    options?: CallOptions,
  ): Promise<boolean> {
    if (!this.#isKey(record.key)) return false;
    return this.#inTurn(record.key, () => this.#jobs.sessions.replace(record, expectedVersion), options);
  }

  override async extend(
    key: SessionKey,
    expiresAt: number | null,
    _record?: SessionRecord,
    options?: CallOptions,
  ): Promise<boolean> {
    return this.#isKey(key) && this.#inTurn(key, () => this.#jobs.sessions.extend(key, expiresAt), options);
  }

  override async remove(key: SessionKey, options?: CallOptions): Promise<boolean> {
    return this.#isKey(key) && this.#inTurn(key, () => this.#jobs.sessions.remove(key), options);
  }

  /** @throws {SessionError} ERR_SESSION_CURSOR */
  page(options: PageOptions): Promise<Page> {
    return this.#run(this.#jobs.listing.page(options), options);
  }

  /** Lists the directory and reads no session. Those that have expired and await the sweep are counted. */
  count(options?: CallOptions): Promise<number> {
    return this.#run(this.#jobs.listing.count(), options);
  }

  /** Goes round the directory once at most. */
  async removeExpired(limit: number, options?: CallOptions): Promise<number> {
    const report = emptyReport();
    await this.#run(this.#directory.check(), options);
    const shards = await this.#run(this.#jobs.listing.shards(), options);
    const start = Math.max(
      shards.findIndex((shard) => shard > this.#sweptUpTo),
      0,
    );
    const round = [...shards.slice(start), ...shards.slice(0, start)];
    const onVisit = (shard: string): void => {
      this.#sweptUpTo = shard;
    };
    await this.#run(this.#jobs.caretaker.sweep(round, report, limit, onVisit), options);
    if (report.expired < limit) await this.#run(this.#jobs.revocations.tend(), options);
    await this.#run(this.#directory.check(), options);
    return report.expired;
  }

  async revokeBefore(before: number, owner?: string, options?: CallOptions): Promise<void> {
    await this.#run(this.#directory.check(), options);
    await this.#run(this.#jobs.revocations.revoke(before, owner), options);
  }

  /** Resolves if the directory is there and can be written to. @throws {SessionError} ERR_SESSION_DIRECTORY */
  ping(): Promise<void> {
    return this.#run(this.#directory.ping());
  }

  /**
   * Reads every session, moves broken files to the quarantine, removes what expired and what killed writers left, and
   * makes the owner index true. In slices; the store can be used meanwhile.
   */
  async verify(): Promise<FileStoreReport> {
    const report = emptyReport();
    await this.#run(this.#jobs.caretaker.verify(report));
    return report;
  }

  /** Starts sweeping in the background: one folder at a time, the whole directory within `cleanupInterval`. Idempotent. */
  override startCleanup(): void {
    this.#sweep.start();
  }

  override stopCleanup(): void {
    this.#sweep.stop();
  }

  /** Starts making the owner index true in the background, the whole of it within `indexInterval`. Idempotent. */
  override startIndexRebuild(): void {
    this.#rebuild.start();
  }

  override stopIndexRebuild(): void {
    this.#rebuild.stop();
  }

  /** Stops the timers and waits for what is under way. The files stay, and so does the store if it is used again. */
  async close(): Promise<void> {
    this.stopCleanup();
    this.stopIndexRebuild();
    await Promise.all(this.#queues.values());
    await this.#disk.idle();
  }

  #rounds(intervalMs: number, thorough: boolean): Rounds {
    const { caretaker, revocations } = this.#jobs;
    const finish = async (): Promise<void> =>
      this.#run(thorough ? caretaker.tendOwners(emptyReport()) : revocations.tend());
    return new Rounds({
      clock: this.clock,
      intervalMs,
      list: async () => {
        // In the background nothing is created: a store that is not used leaves no directory.
        if (!(await this.#run(this.#directory.isThere()))) return [];
        await this.#run(this.#directory.check());
        return this.#run(this.#jobs.listing.shards());
      },
      visit: (shard) => this.#run(this.#jobs.caretaker.tend(shard, emptyReport(), { thorough })),
      finish,
      onError: (error) => this.report(error),
    });
  }

  /** A store that keeps handles takes nothing else for a key: an id in its place must find nothing. */
  #isKey(key: SessionKey): boolean {
    this.#nameOf(key);
    return this.idAtRest === 'plain' || isHandle(key);
  }

  #nameOf(key: SessionKey): Name {
    if (typeof key !== 'string' || (key as string) === '')
      throw new SessionError(
        'ERR_SESSION_ID',
        'A session is named by its id or its handle: a string that is not empty.',
      );
    return nameOf(key);
  }

  #inTurn<T>(key: SessionKey, job: () => Steps<T>, options?: CallOptions): Promise<T> {
    if (!this.#waits) return this.#run(job(), options);
    const name = nameOf(key);
    const run = (this.#queues.get(name) ?? Promise.resolve()).then(() => this.#run(job(), options));
    const settled = run.then(
      () => undefined,
      () => undefined,
    );
    this.#queues.set(name, settled);
    void settled.then(() => {
      if (this.#queues.get(name) === settled) this.#queues.delete(name);
    });
    return run;
  }

  async #run<T>(steps: Steps<T>, options?: CallOptions): Promise<T> {
    try {
      return await this.#disk.run(steps, options);
    } catch (error) {
      throw asStoreError(error);
    }
  }
}

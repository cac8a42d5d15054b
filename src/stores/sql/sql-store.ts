// What the SQL stores share: the contract as statements. A write is one statement, atomic by itself, so that processes
// never overwrite each other unseen.
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

import { answer, type Callback } from '../../core/callback.js';
import { MAX_TIMER_MS } from '../../core/clock.js';
import type {
  BrokenRecord,
  CallOptions,
  Capability,
  Page,
  PageOptions,
  SessionKey,
  SessionRecord,
} from '../../core/contract.js';
import { SessionError } from '../../core/errors.js';
import { RecordStore } from '../store.js';
import type { Database, Dialect } from './dialect.js';
import { storeFault } from './faults.js';
import type { Format } from './format.js';
import type { SqlStoreOptions } from './options.js';
import type { Row, Statement, Value, Values } from './statement.js';
import { BATCH, BATCHED, statementsOf, type Statements } from './statements.js';
import { assertFits, tablesOf, type Limits, type Tables } from './tables.js';

const DAY_MS = 86_400_000;
const DEFAULT_SWEEP_MS = 60_000;
/** Sweeps of many processes must not come at the same moment: this share of the time between two is left to chance. */
const JITTER = 0.2;
/** Before what gave way to others is tried again: soon at first. */
const LONGEST_WAIT_MS = 20;
/** UTF-8, and so every database, has no half of a pair; PostgreSQL has no NUL either. */
const UNSTORABLE = /[\0\p{Surrogate}]/u;

export abstract class SqlStore extends RecordStore {
  override readonly capabilities: ReadonlySet<Capability> = this.declares(
    'page',
    'removeExpired',
    'count',
    'revokeBefore',
    'ping',
    'close',
  );
  protected override readonly cleanupIntervalMs: number;
  protected readonly statements: Statements;
  readonly #tables: Tables;
  readonly #format: Format;
  readonly #database: Database;
  readonly #lifeMs: number;
  readonly #createsTable: boolean;
  readonly #engine: string;
  readonly #unlisten: () => void;
  #limits: Limits | Promise<Limits> | undefined;

  /** @throws {SessionError} ERR_SESSION_OPTIONS */
  protected constructor(database: Database, dialect: Dialect, format: Format, options: SqlStoreOptions) {
    const { table, columns, createTable = true, ttl = DAY_MS / 1_000 } = options;
    const { sweepInterval = DEFAULT_SWEEP_MS } = options;
    super(format.isShared ? { ...options, idAtRest: 'plain' } : options);
    this.#database = database;
    this.#engine = dialect.engine;
    this.#tables = tablesOf(dialect, format, this.kind, table, columns);
    this.#format = format;
    this.statements = statementsOf(dialect, this.#tables);
    this.#lifeMs = ttl * 1_000;
    this.#createsTable = createTable;
    const betweenMs = (sweepInterval || DEFAULT_SWEEP_MS) * (1 - JITTER / 2 + JITTER * Math.random());
    this.cleanupIntervalMs = Math.min(Math.ceil(betweenMs), MAX_TIMER_MS);
    if (sweepInterval > 0) this.startCleanup();
    // Without a listener, a connection that breaks while nobody uses it ends the process.
    const { client } = database;
    const listener = (error: Error): void => this.report(new Error(database.told(error)));
    client.on?.('error', listener);
    this.#unlisten = () => client.off?.('error', listener);
  }

  /** The statements that make the tables, for those who make them themselves. */
  ddl(): string {
    return this.#tables.steps.map(({ sql }) => `${sql};\n`).join('');
  }

  override async find(key: SessionKey): Promise<SessionRecord | null> {
    const [row] = await this.#rows(this.statements.find, this.findValues(key));
    return row === undefined ? null : this.current(key, row);
  }

  /** The record of a row that was found. */
  protected current(key: SessionKey, row: Row): SessionRecord | null {
    const record = this.#format.recordOf(key, row, this.clock.now(), this.#lifeMs);
    // Of a session that another program began, only the record knows when.
    return record.createdAt < Number(row['revokedBefore'] ?? 0) ? null : record;
  }

  /** @throws {SessionError} ERR_SESSION_ID for what is no text: it may be what a client sent (S57) */
  protected findValues(key: SessionKey): { key: string; now: number } {
    if (typeof key === 'string' && (key as string) !== '' && !UNSTORABLE.test(key))
      return { key, now: this.clock.now() };
    throw new SessionError(
      'ERR_SESSION_ID',
      'A session is named by its id or its handle: a string that is not empty, in well-formed Unicode without NUL.',
    );
  }

  override async insert(record: SessionRecord, options?: CallOptions): Promise<boolean> {
    const values = this.#written(record);
    const inserted = await this.#do((limits) => {
      assertFits(values, limits);
      return this.#insert(values);
    }, options);
    return inserted > 0;
  }

  /**
   * Where an insert writes over nothing, what has ended is written over by a second statement:
   *
   *   insert: there is one, ended · a sweep takes it away · overwrite: there is none · insert, once more
   */
  async #insert(values: Values): Promise<number> {
    const { insert, overwrite } = this.statements;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#database.run(insert, values);
      } catch (error) {
        if (!this.#database.isDuplicate(error)) throw error;
      }
      const overwritten = await this.#database.run(overwrite, values);
      if (overwritten > 0 || attempt === 2) return overwritten;
    }
  }

  override async replace(
    record: SessionRecord,
    expectedVersion: string,
    options?: CallOptions,
  ): Promise<boolean> {
    const values = { ...this.#written(record), expected: expectedVersion };
    const { replace, close } = this.statements;
    return this.#writes(record.closed === undefined ? replace : close, values, options);
  }

  override async extend(
    key: SessionKey,
    expiresAt: number | null,
    _record?: SessionRecord,
    options?: CallOptions,
  ): Promise<boolean> {
    const values = this.findValues(key);
    const end = Math.floor(expiresAt ?? this.clock.now() + this.#lifeMs);
    return this.#writes(
      this.statements.extend,
      { ...values, end, isOwnEnd: expiresAt === null ? 0 : 1 },
      options,
    );
  }

  override async remove(key: SessionKey, options?: CallOptions): Promise<boolean> {
    return this.#writes(this.statements.remove, this.findValues(key), options);
  }

  /** @throws {SessionError} ERR_SESSION_CURSOR */
  async page({ owner, cursor, limit, withData = true }: PageOptions): Promise<Page> {
    assertUser(owner);
    const { page, pageOfOwner, names, namesOfOwner } = this.statements;
    const values = { after: this.#placeOf(cursor), now: this.clock.now(), limit };
    const rows = await (owner === undefined
      ? this.#rows(withData ? page : names, values)
      : this.#rows(withData ? pageOfOwner : namesOfOwner, { ...values, owner }));
    const last = rows.length < limit ? undefined : rows.at(-1);
    const records = rows.map((row) => this.#entry(row)).filter((entry) => entry !== null);
    return { records, cursor: last === undefined ? null : String(last['place']) };
  }

  async count(): Promise<number> {
    const [row] = await this.#rows(this.statements.count, {});
    return Number(row?.['total']);
  }

  override clear(callback?: Callback): Promise<void> {
    const clear = async (): Promise<void> => {
      await this.#writes(this.statements.clear, {});
    };
    return answer(clear(), callback);
  }

  /** In batches, so that no request waits for more than one of them; any number of processes may sweep. */
  async removeExpired(limit: number): Promise<number> {
    const now = this.clock.now();
    const expired = await this.#rows(this.statements.expired, { now, limit });
    const tells = ['expired', 'revoked'].some((event) => this.listenerCount(event) > 0);
    // One at a time, where somebody wants to know which ones this process took away.
    const size = tells ? 1 : BATCH;
    let removed = 0;
    for (let at = 0; at < expired.length; at += size) {
      const batch = expired.slice(at, at + size);
      const taken = await this.#count(this.statements.sweep, { ...rowsOf(batch), now });
      removed += taken;
      if (tells && taken > 0) batch.forEach((row) => this.#tell(row));
      // A database that answers at once lets nobody else do anything meanwhile.
      await nextTurn();
    }
    if (expired.length === 0) await this.#forget(now, limit);
    return removed;
  }

  /** Each goes when its time is over; until then it is counted. */
  async revokeBefore(before: number, owner = '', options?: CallOptions): Promise<void> {
    assertUser(owner);
    await this.#writes(this.statements.revoke, { owner, before: Math.ceil(before) }, options);
    // The other program goes on serving them. Nobody waits for it.
    if (this.#format.isShared) this.#removeRevoked(owner).catch((error: unknown) => this.report(error));
  }

  async ping(): Promise<void> {
    await this.#rows(this.statements.ping, {});
  }

  /** Sweeps no more, and listens to the client no longer. The client is yours. */
  close(): Promise<void> {
    this.stopCleanup();
    this.#unlisten();
    return Promise.resolve();
  }

  async #removeRevoked(owner: string): Promise<void> {
    const { revoked, revokedOfOwner, removeRevoked, page } = this.statements;
    const ours = owner === '' ? revoked : revokedOfOwner;
    for await (const rows of this.#pages(ours, { owner })) await this.#writes(removeRevoked, rowsOf(rows));
    if (owner !== '') return;
    // When the other program began a session, only the record knows.
    for await (const rows of this.#pages(page, { now: this.clock.now(), limit: BATCH }))
      for (const row of rows) if (this.#entry(row) === null) await this.remove(row['key'] as SessionKey);
  }

  async *#pages(statement: Statement, values: Values): AsyncGenerator<readonly Row[], void> {
    for (let after: Value | undefined = this.#format.first; after !== undefined;) {
      const rows: readonly Row[] = await this.#rows(statement, { ...values, after });
      if (rows.length > 0) yield rows;
      after = rows.at(-1)?.['place'] as Value | undefined;
    }
  }

  /** Moments of revocation with nobody left to revoke. */
  async #forget(now: number, limit: number): Promise<void> {
    const dayAgo = now - DAY_MS;
    const { outlived, forget } = this.statements;
    for (const { owner } of await this.#rows(outlived, { dayAgo, limit }))
      await this.#writes(forget, { owner: String(owner), dayAgo });
  }

  #entry(row: Row): SessionRecord | BrokenRecord | null {
    const key = String(row['key']) as SessionKey;
    try {
      return this.current(key, row);
    } catch (error) {
      return { key, error: error as Error };
    }
  }

  /** @throws {SessionError} ERR_SESSION_CURSOR */
  #placeOf(cursor: string | undefined): Value {
    const place = cursor === undefined ? this.#format.first : this.#format.placeOf(cursor);
    if (place !== undefined) return place;
    throw new SessionError('ERR_SESSION_CURSOR', 'The cursor is not one that a page returned.');
  }

  #tell(row: Row): void {
    if (row['closed'] !== null) return;
    this.emit(Number(row['revoked']) === 1 ? 'revoked' : 'expired', this.handleOf(row['key'] as SessionKey));
  }

  /** @throws {SessionError} ERR_SESSION_VALUE */
  #written(record: SessionRecord): Values {
    const { now } = this.findValues(record.key);
    assertUser(record.owner);
    return { ...this.#format.valuesOf(record, now, this.#lifeMs), now };
  }

  #rows(statement: Statement, values: Values): Promise<readonly Row[]> {
    return this.#do(() => this.#database.rows(statement, values));
  }

  async #writes(statement: Statement, values: Values, options?: CallOptions): Promise<boolean> {
    return (await this.#count(statement, values, options)) > 0;
  }

  #count(statement: Statement, values: Values, options?: CallOptions): Promise<number> {
    return this.#do((limits) => {
      assertFits(values, limits);
      return this.#database.run(statement, values);
    }, options);
  }

  /** Works on tables that are there. What gave way to others is tried again: nothing came of it. */
  async #do<T>(work: (limits: Limits) => T | Promise<T>, { signal }: CallOptions = {}): Promise<T> {
    let firstAt: number | undefined;
    for (let waitMs = 1; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      try {
        const limits = await this.prepared();
        // The caller has been told that it failed.
        signal?.throwIfAborted();
        return await work(limits);
      } catch (error) {
        if (error instanceof SessionError || signal?.aborted === true) throw error;
        const { patienceMs } = this.#database;
        // A server may need its time to see that two wait for each other.
        firstAt ??= performance.now();
        if (!this.#database.isCollision(error) || performance.now() - firstAt > patienceMs)
          throw this.#failed(error);
      }
      await sleep(Math.random() * waitMs);
    }
  }

  #failed(error: unknown): Error {
    // The next one who asks looks for them, and makes them.
    if (this.#database.isMissing(error)) this.#limits = undefined;
    return this.fault(error);
  }

  protected fault(error: unknown): SessionError {
    const { advice } = this.#database;
    return storeFault(this.#engine, advice, this.#database.told(error));
  }

  /** What the tables take, which are there by then. */
  protected prepared(): Limits | Promise<Limits> {
    if (this.#limits === undefined) {
      const limits = this.#database.prepare(this.#tables, this.#createsTable);
      this.#limits = limits;
      if (limits instanceof Promise)
        limits.then(
          (found) => (this.#limits = found),
          () => (this.#limits = undefined),
        );
    }
    return this.#limits;
  }
}

/** @throws {SessionError} ERR_SESSION_VALUE */
function assertUser(name = ''): void {
  if (UNSTORABLE.test(name))
    throw new SessionError('ERR_SESSION_VALUE', 'The name of a user holds NUL or half of a character.');
}

/** Of a batch, which the last row fills up. */
function rowsOf(batch: readonly Row[]): Values {
  const rows = batch.map(({ row }) => row as Value);
  return Object.fromEntries(BATCHED.map((name, at) => [name, rows[at] ?? rows.at(-1) ?? null]));
}

// PostgresStore and MysqlStore beside connect-pg-simple and express-mysql-session on one row, step by step: what they write
// between two calls of ours is never overwritten unseen, what ended at either side stays so for us, and our facts survive.
import { promisify } from 'node:util';

import { CLOSED_FOR_MS, type SessionRecord } from '../../src/core/contract.js';
import { closedRecord, newVersion } from '../../src/core/record.js';
import { callStore, type ExpressStore } from '../../src/stores/express-store.js';
import { onSql } from '../support/on-sql.js';
import { DAY, HOUR, storeWorld, type Options } from '../support/sql-world.js';
import { expressSession, load, type SessionModule } from './packages.js';

interface TheirStore extends ExpressStore {
  onReady?(): Promise<void>;
  pruneSessions(callback: (error: unknown) => void): void;
  clearExpiredSessions(): Promise<unknown>;
}
type Factory = (session: SessionModule) => new (options: object, pool?: unknown) => TheirStore;

const COOKIE = { originalMaxAge: HOUR, httpOnly: true, path: '/' };
const FACTS = { owner: 'ada', meta: { device: 'phone' } };
const SECOND = 1_000;

onSql((world) => {
  const { engine } = world;
  if (engine === 'SQLite') {
    it('has no format of another store', async () => {
      const { store } = await world.open();
      expect(() => store({ format: 'connect-sqlite3' } as Options)).toThrow('format');
    });
    return;
  }
  const isPg = engine === 'PostgreSQL';

  const open = async () => {
    const place = world.freshTable();
    const format = isPg ? 'connect-pg-simple' : 'express-mysql-session';
    const shared: object = { format };
    const table = isPg ? `${place}.session` : place;
    const ours = await storeWorld(world, { table, ...shared });
    const { store, clock, keyOf, database } = ours;
    if (isPg) await database.ask(`CREATE SCHEMA ${place}`);
    const Store = (load(format) as Factory)(expressSession());
    const options = isPg
      ? { pool: database.client, schemaName: place, createTableIfMissing: true, pruneSessionInterval: false }
      : { schema: { tableName: place }, clearExpired: false };
    const their = new Store(options, database.client);
    await (isPg ? callStore(their, 'get', 'nobody') : their.onReady?.());
    const key = keyOf('x');
    const session = (data: object, expires: number | null = clock.now() + HOUR) => ({
      cookie: { ...COOKIE, expires: expires === null ? null : new Date(expires).toISOString() },
      ...data,
    });
    return {
      ...ours,
      key,
      set: (data: object, expires?: number | null) => callStore(their, 'set', 'x', session(data, expires)),
      touch: (expires: number) => callStore(their, 'touch', 'x', session({}, expires)),
      get: async () => ((await callStore(their, 'get', 'x')) ?? null) as Record<string, unknown> | null,
      destroy: () => callStore(their, 'destroy', 'x'),
      prune: (): Promise<unknown> =>
        isPg ? promisify(their.pruneSessions.bind(their))() : their.clearExpiredSessions(),
      found: async (): Promise<SessionRecord> => {
        const record = await store.find(key);
        if (record === null) throw new Error('There is no session.');
        return record;
      },
      change: (record: SessionRecord, data: object): Promise<boolean> =>
        store.replace({ ...record, version: newVersion(), data: JSON.stringify(data) }, record.version),
      rows: async () => (await database.ask(`SELECT 1 AS one FROM ${table}`)).length,
      ask: database.ask,
    };
  };
  const near = (actual: number | null, expected: number): void =>
    expect(Math.abs((actual ?? 0) - expected)).toBeLessThanOrEqual(SECOND);

  describe('a session that they made', () => {
    it('is found with its end, and changed by compare-and-set once for one reading, so that they read it', async () => {
      const { set, get, found, change } = await open();
      await set({ user: 'ada' });
      const before = await found();
      expect(before).toMatchObject({ idleMs: HOUR, deadlineAt: null });
      expect(JSON.parse(before.data)).toEqual({ cookie: COOKIE, user: 'ada' });
      expect(await change(before, { cookie: COOKIE, n: 1 })).toBe(true);
      expect(await change(before, { cookie: COOKIE, n: 2 })).toBe(false);
      expect(await get()).toMatchObject({ cookie: COOKIE, n: 1 });
    });

    it('ends with the browser where they say so', async () => {
      const { set, get, found, change, store } = await open();
      await set({ n: 1 }, null);
      const before = await found();
      expect(before).toMatchObject({ expiresAt: null, idleMs: null });
      expect(await change(before, { cookie: { originalMaxAge: null }, n: 2 })).toBe(true);
      expect(await get()).toMatchObject({ cookie: { originalMaxAge: null, expires: null }, n: 2 });
      expect(await store.extend(before.key, null)).toBe(true);
    });

    it('is in the way of a new one, and ends with a logout of ours: they find nothing and do not fail', async () => {
      const { set, get, found, store, record, clock, key, rows } = await open();
      await set({ user: 'ada' });
      expect(await store.insert(record('x'))).toBe(false);
      const before = await found();
      expect(await store.replace(closedRecord(before, clock.now()), before.version)).toBe(true);
      expect(await get()).toBeNull();
      expect(await store.remove(key)).toBe(true);
      expect(await rows()).toBe(0);
    });

    it('is revoked with everybody, for them too, and not when it began later', async () => {
      const { set, get, store, key, clock, rows } = await open();
      await set({ user: 'ada' });
      clock.advance(2 * SECOND);
      await store.revokeBefore(clock.now());
      expect(await store.find(key)).toBeNull();
      while ((await rows()) > 0) await store.ping();
      expect(await get()).toBeNull();
      clock.advance(2 * SECOND);
      await set({ user: 'bob' });
      expect(await store.find(key)).not.toBeNull();
    });

    it('is revoked though it began in the second before', async () => {
      const { set, store, key, clock } = await open();
      // Their end is rounded to whole seconds: from here on, up.
      clock.jump(700 - (clock.now() % SECOND));
      await set({ user: 'ada' });
      clock.advance(100);
      await store.revokeBefore(clock.now());
      expect(await store.find(key)).toBeNull();
    });

    it('stays revoked when they use it on, after the process that revoked it died', async () => {
      const { set, touch, store, key, clock, ask, table } = await open();
      await set({ user: 'ada' });
      clock.advance(60 * SECOND);
      await store.ping();
      await ask(`INSERT INTO ${table}_revoked (owner, before_at) VALUES ('', ${String(clock.now())})`);
      expect(await store.find(key)).toBeNull();
      clock.advance(60 * SECOND);
      await touch(clock.now() + HOUR);
      expect(await store.find(key)).toBeNull();
    });
  });

  describe('a session of ours', () => {
    it('that they rewrote after each reading is never overwritten, and keeps its facts', async () => {
      const { add, set, get, found, change, clock } = await open();
      const deadlineAt = clock.now() + 5 * HOUR;
      const first = await add('x', { ...FACTS, deadlineAt, data: JSON.stringify({ cookie: COOKIE, n: 0 }) });
      for (let n = 1; n <= 10; n++) {
        const before = await found();
        await set({ n });
        expect(await change(before, { cookie: COOKIE, n: 'ours' })).toBe(false);
        expect(await get()).toMatchObject({ n });
        expect(await found()).toMatchObject({ ...FACTS, deadlineAt, createdAt: first.createdAt });
      }
      expect(await change(await found(), { cookie: COOKIE, n: 'last' })).toBe(true);
      expect(await found()).toMatchObject({ ...FACTS, deadlineAt, createdAt: first.createdAt });
    });

    it('without a cookie in its data comes back without theirs', async () => {
      const { add, set, get, found, change } = await open();
      await add('x', { data: '{"n":1}' });
      expect(await get()).toMatchObject({ n: 1, cookie: { originalMaxAge: HOUR } });
      await set({ n: 2 });
      expect((await found()).data).toBe('{"n":2}');
      expect(await change(await found(), { n: 3 })).toBe(true);
      expect((await found()).data).toBe('{"n":3}');
    });

    it('ends later or earlier by their touch, with the same version, and never past its absolute end', async () => {
      const { add, touch, set, found, clock, store, key } = await open();
      const deadlineAt = clock.now() + 4 * HOUR;
      const { version } = await add('x', { ...FACTS, deadlineAt });
      for (const ms of [3 * HOUR, HOUR / 2]) {
        await touch(clock.now() + ms);
        near((await found()).expiresAt, clock.now() + ms);
        expect((await found()).version).toBe(version);
      }
      await touch(clock.now() + DAY);
      expect(await found()).toMatchObject({ expiresAt: deadlineAt });
      await set({}, clock.now() + DAY);
      expect(await found()).toMatchObject({ expiresAt: deadlineAt, deadlineAt });
      clock.advance(4 * HOUR);
      expect(await store.find(key)).toBeNull();
    });

    it('that they destroyed is gone: no write and no touch revives it, and a new one has nothing of it', async () => {
      const { add, destroy, set, found, change, store, key, clock, rows } = await open();
      const before = await add('x', FACTS);
      await destroy();
      expect(await store.find(key)).toBeNull();
      expect(await change(before, { n: 1 })).toBe(false);
      expect(await store.extend(key, clock.now() + DAY)).toBe(false);
      expect(await store.replace(closedRecord(before, clock.now()), before.version)).toBe(false);
      expect(await rows()).toBe(0);
      await set({ n: 1 });
      expect(await found()).not.toHaveProperty('owner');
    });

    it('that has ended stays so for us when they write it late, whatever they do then', async () => {
      const { add, set, get, touch, change, store, key, clock, record } = await open();
      const before = await add('x', FACTS);
      await store.replace(closedRecord(before, clock.now()), before.version);
      expect(await get()).toBeNull();
      await touch(clock.now() + HOUR);
      expect(await get()).toBeNull();
      await set({ late: true });
      // What they do; without it this test would show nothing.
      expect(await get()).toMatchObject({ late: true });
      for (const passed of [1, CLOSED_FOR_MS]) {
        clock.advance(passed);
        const after = await store.find(key);
        expect(after).toMatchObject({ closed: { at: before.createdAt }, data: '{}' });
        expect(await store.get('x')).toBeNull();
        expect((await store.page({ limit: 10 })).records).toEqual([]);
        expect(await change({ ...before, version: after?.version ?? '' }, { n: 1 })).toBe(false);
        expect(await store.extend(key, clock.now() + DAY)).toBe(false);
        expect(await store.insert(record('x'))).toBe(false);
      }
    });

    it('goes with its user after their write, for them too, and nobody else does', async () => {
      const { add, set, get, store, key, keyOf, clock, rows } = await open();
      await add('x', FACTS);
      await add('y', { owner: 'bob' });
      await set({ n: 2 });
      expect((await store.page({ owner: 'ada', limit: 10 })).records).toMatchObject([{ key, owner: 'ada' }]);
      await store.revokeBefore(clock.now() + 1, 'ada');
      expect(await store.find(key)).toBeNull();
      while ((await rows()) > 1) await store.ping();
      expect(await get()).toBeNull();
      expect(await store.find(keyOf('y'))).not.toBeNull();
    });
  });

  it('both sweep at once: what has ended goes, nothing else, and nobody fails', async () => {
    const { add, prune, store, clock, keyOf, beside, rows } = await open();
    const now = clock.now();
    for (let at = 0; at < 60; at++) {
      const ends = at % 2 === 0 ? now - HOUR : now + HOUR;
      await add(`s${String(at)}`, { expiresAt: ends, createdAt: now - DAY });
    }
    const other = await beside();
    await Promise.all([prune(), store.removeExpired(100), prune(), other.store.removeExpired(100), prune()]);
    expect(await rows()).toBe(30);
    for (let at = 1; at < 60; at += 2) expect(await store.find(keyOf(`s${String(at)}`))).not.toBeNull();
  });
});

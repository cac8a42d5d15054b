// Sweeps: what has ended goes in batches, once however many stores sweep, told by handle; and moments of revocation go when
// nobody is left whom they end.
import { once } from 'node:events';

import { handleOf } from '../../src/core/ids.js';
import { closedRecord } from '../../src/core/record.js';
import type { SessionId } from '../../src/core/contract.js';
import type { Clock } from '../../src/core/clock.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { onSql } from '../support/on-sql.js';
import { DAY, HOUR, storeWorld, type StoreWorld } from '../support/sql-world.js';

const handle = (id: string): string => handleOf(id as SessionId);

/** Events of a store: which, and of whom. */
function toldBy({ store }: StoreWorld): string[] {
  const told: string[] = [];
  for (const event of ['expired', 'revoked', 'evicted'])
    store.on(event, (name: string) => told.push(`${event} ${name}`));
  return told;
}

/** Until there is nothing left, and what each step returned. */
async function sweep({ store }: StoreWorld, limit: number): Promise<number[]> {
  const steps: number[] = [];
  for (let at = 0; at < 100; at++) {
    const removed = await store.removeExpired(limit);
    if (removed === 0) return steps;
    steps.push(removed);
  }
  throw new Error('There is no end.');
}

onSql((world) => {
  const filled = async (many: number): Promise<StoreWorld> => {
    const opened = await storeWorld(world);
    for (let at = 0; at < many; at++) await opened.add(`x${String(at)}`);
    opened.clock.advance(HOUR);
    return opened;
  };
  const rowsIn = async ({ database, table }: StoreWorld): Promise<number> =>
    (await database.ask(`SELECT session_key FROM ${table}`)).length;

  it.each([false, true])('go in steps of the limit and no more (somebody listens: %p)', async (listens) => {
    const opened = await filled(250);
    const living = await opened.add('living');
    const told = listens ? toldBy(opened) : [];
    expect(await sweep(opened, 120)).toEqual([120, 120, 10]);
    expect(told).toHaveLength(listens ? 250 : 0);
    expect(await rowsIn(opened)).toBe(1);
    expect(await opened.store.find(living.key)).toEqual(living);
  });

  it('take what ended first, first, and nothing that lives for one more ms', async () => {
    const opened = await storeWorld(world);
    const { store, add, clock } = opened;
    const told = toldBy(opened);
    for (const [id, lifeMs] of [
      ['c', 300],
      ['a', 100],
      ['b', 200],
      ['d', 301],
    ] as const)
      await add(id, { expiresAt: clock.now() + lifeMs });
    clock.advance(300);
    expect([
      await store.removeExpired(2),
      await store.removeExpired(2),
      await store.removeExpired(2),
    ]).toEqual([2, 1, 0]);
    expect(told).toEqual(['a', 'b', 'c'].map((id) => `expired ${handle(id)}`));
  });

  it.each([false, true])(
    'remove each once where many sweep at one moment (somebody listens: %p)',
    async (listens) => {
      const first = await filled(300);
      const all = [first, ...(await Promise.all([1, 2, 3, 4].map(() => first.beside())))];
      const told = listens ? all.map(toldBy) : [];
      const removed = await Promise.all(all.map((opened) => sweep(opened, 100)));
      expect(removed.flat().reduce((sum, next) => sum + next, 0)).toBe(300);
      expect(await rowsIn(first)).toBe(0);
      if (!listens) return;
      const names = Array.from({ length: 300 }, (_, at) => `expired ${handle(`x${String(at)}`)}`);
      expect(told.flat().sort()).toEqual(names.sort());
    },
  );

  it('leave alone, and do not tell of, what another process extends while they are under way', async () => {
    const opened = await filled(30);
    const { store, clock, keyOf, table } = opened;
    const told = toldBy(opened);
    // Its clock is a little behind: for it they all live.
    const behind = await storeWorld(world, { table }, createFakeClock(clock.now() - 10));
    await behind.store.ping();
    const ids = Array.from({ length: 30 }, (_, at) => `x${String(at)}`);
    const extended = once(store, 'expired').then(() =>
      Promise.all(ids.map((id) => behind.store.extend(keyOf(id), clock.now() + HOUR))),
    );
    const removed = await store.removeExpired(100);
    const isExtended = await extended;
    const kept = ids.filter((_, at) => isExtended[at]);
    expect(kept.length).toBeGreaterThan(0);
    expect(removed).toBe(30 - kept.length);
    for (const id of ids) {
      expect((await store.find(keyOf(id))) !== null).toBe(kept.includes(id));
      expect(told.includes(`expired ${handle(id)}`)).toBe(!kept.includes(id));
    }
  });

  it.each(['sha256', 'plain'] as const)(
    'name sessions by handle only, ended ones not at all (%s)',
    async (idAtRest) => {
      const opened = await storeWorld(world, { idAtRest });
      const { store, add, clock } = opened;
      const told = toldBy(opened);
      await add('expired', { owner: 'bob' });
      await add('revoked', { owner: 'ada', createdAt: clock.now() - 1 });
      for (const id of ['closed', 'destroyed']) await add(id, { owner: 'ada' });
      const [closed] = (await store.page({ owner: 'ada', limit: 10 })).records.slice(-1) as [never];
      await store.replace(closedRecord(closed, clock.now()), (closed as { version: string }).version);
      await store.destroy('closed');
      await store.revokeBefore(clock.now(), 'ada');
      clock.advance(HOUR);
      expect(await store.removeExpired(10)).toBe(4);
      expect(told.sort()).toEqual([`expired ${handle('expired')}`, `revoked ${handle('revoked')}`]);
    },
  );

  describe('by themselves', () => {
    it('come after the interval, again and again, until the store is closed', async () => {
      const opened = await storeWorld(world, { sweepInterval: 1_000 });
      const { store, add, clock } = opened;
      for (let round = 0; round < 3; round++) {
        const gone = once(store, 'expired');
        await add(`x${String(round)}`, { expiresAt: clock.now() + 1 });
        while (clock.pending === 0) await new Promise(setImmediate);
        clock.advance(1_100);
        expect(await gone).toEqual([handle(`x${String(round)}`)]);
      }
      await add('last', { expiresAt: clock.now() + 1 });
      await store.close();
      expect(clock.pending).toBe(0);
      clock.advance(DAY);
      expect(await rowsIn(opened)).toBe(1);
      // The client is not the store's.
      expect(await store.find((await add('new')).key)).not.toBeNull();
    });

    it('come at moments of their own: within a tenth of the interval, and not two stores alike', async () => {
      const waits: number[] = [];
      const real = createFakeClock();
      const clock: Clock = {
        now: () => real.now(),
        after: (ms, callback) => {
          waits.push(ms);
          return real.after(ms, callback);
        },
      };
      const { database, table } = await storeWorld(world);
      const stores = Array.from({ length: 8 }, () => database.store({ clock, table, sweepInterval: 10_000 }));
      expect(new Set(waits).size).toBe(8);
      for (const ms of waits) expect(Math.abs(ms - 10_000)).toBeLessThanOrEqual(1_000);
      for (const store of stores) await store.close();
    });

    it('do not come with an interval of 0', async () => {
      expect((await storeWorld(world, { sweepInterval: 0 })).clock.pending).toBe(0);
    });

    it('tell of a failure as an error event, and come again', async () => {
      const opened = await storeWorld(world, { sweepInterval: 1_000 });
      const { store, add, clock, database, table } = opened;
      await add('x');
      await database.ask(`DROP TABLE ${table}`);
      const failed = new Promise((resolve) => store.once('error', resolve));
      clock.advance(1_100);
      expect(await failed).toHaveProperty('code', 'ERR_SESSION_STORE');
      await add('y', { expiresAt: clock.now() + 1 });
      const gone = once(store, 'expired');
      while (clock.pending === 0) await new Promise(setImmediate);
      clock.advance(1_100);
      expect(await gone).toEqual([handle('y')]);
    });
  });

  it('forget a revocation after a day, when nobody is left whom it ends; that of everybody never', async () => {
    const opened = await storeWorld(world);
    const { store, add, clock, database, table } = opened;
    const owners = async (): Promise<string[]> =>
      (await database.ask(`SELECT owner FROM ${table}_revoked ORDER BY owner`)).map(({ owner }) =>
        String(owner),
      );
    await add('long', { owner: 'ada', expiresAt: clock.now() + 30 * DAY });
    clock.advance(1);
    for (const owner of [undefined, 'ada', 'bob']) await store.revokeBefore(clock.now(), owner);
    await add('after', { owner: 'bob', expiresAt: clock.now() + 30 * DAY });
    const told = toldBy(opened);
    clock.advance(DAY);
    await sweep(opened, 10);
    expect(await owners()).toEqual(['', 'ada', 'bob']);
    clock.advance(1);
    await sweep(opened, 10);
    expect(await owners()).toEqual(['', 'ada']);
    clock.advance(30 * DAY);
    await sweep(opened, 10);
    expect(told.sort()).toEqual([`expired ${handle('after')}`, `revoked ${handle('long')}`]);
    expect(await owners()).toEqual(['']);
    await add('late', { createdAt: clock.now() - 40 * DAY });
    expect((await store.page({ limit: 10 })).records).toEqual([]);
  });
});

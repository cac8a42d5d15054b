// Writers beside each other, each over a connection of its own: one of them wins, and nothing comes back.
import { closedRecord } from '../../src/core/record.js';
import { onSql } from '../support/on-sql.js';
import { HOUR, storeWorld, type StoreWorld } from '../support/sql-world.js';

const WRITERS = 20;
const CONNECTIONS = 4;
const ROUNDS = 5;

onSql((world) => {
  const opened = async (): Promise<StoreWorld[]> => {
    const first = await storeWorld(world);
    await first.store.ping();
    return [first, ...(await Promise.all(Array.from({ length: CONNECTIONS - 1 }, () => first.beside())))];
  };
  /** By all writers, spread over the connections. */
  const atOnce = <T>(all: StoreWorld[], write: (one: StoreWorld, at: number) => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: WRITERS }, (_, at) => write(all[at % all.length] as StoreWorld, at)));
  const winnerOf = (results: boolean[]): number => {
    expect(results.filter(Boolean)).toEqual([true]);
    return results.indexOf(true);
  };

  it(`lets one of ${String(WRITERS)} replace the same version, and keeps what that one wrote`, async () => {
    const all = await opened();
    const [{ store, add }] = all as [StoreWorld];
    let current = await add('x', { owner: 'ada' });
    for (let round = 0; round < ROUNDS; round++) {
      const { version } = current;
      const next = Array.from({ length: WRITERS }, (_, at) => ({
        ...current,
        version: `${String(round)}-${String(at)}`,
        data: JSON.stringify({ round, at }),
      }));
      const results = await atOnce(all, (one, at) => one.store.replace(next[at] as typeof current, version));
      current = next[winnerOf(results)] as typeof current;
      for (const one of all) expect(await one.store.find(current.key)).toEqual(current);
    }
    expect(await store.count()).toBe(1);
  });

  it.each<[string, (one: StoreWorld) => Promise<unknown>]>([
    ['nothing was', () => Promise.resolve()],
    [
      'one has expired',
      ({ clock }) => {
        clock.advance(HOUR);
        return Promise.resolve();
      },
    ],
    ['one was revoked', ({ store, clock }) => store.revokeBefore(clock.now() + 1, 'ada')],
    [
      'one was closed a minute ago',
      async ({ store, add, clock }) => {
        const added = await add('closed');
        await store.replace(closedRecord(added, clock.now()), added.version);
        clock.advance(60_000);
      },
    ],
  ])(`lets one of ${String(WRITERS)} insert under a key where %s`, async (what, prepare) => {
    const all = await opened();
    const [first] = all as [StoreWorld];
    for (let round = 0; round < ROUNDS; round++) {
      const id = what === 'one was closed a minute ago' ? 'closed' : 'x';
      if (['one has expired', 'one was revoked'].includes(what)) await first.add(id, { owner: 'ada' });
      await prepare(first);
      const records = Array.from({ length: WRITERS }, (_, at) =>
        first.record(id, { data: `{"at":${String(at)}}` }),
      );
      const results = await atOnce(all, (one, at) =>
        one.store.insert(records[at] as (typeof records)[number]),
      );
      const stored = records[winnerOf(results)];
      const key = first.keyOf(id);
      expect(await first.store.find(key)).toEqual(stored);
      expect(await first.store.remove(key)).toBe(true);
      first.clock.advance(1);
    }
  });

  it('ends a session once, whoever removes, closes or extends it at that moment', async () => {
    const all = await opened();
    const [{ store, add, clock }] = all as [StoreWorld];
    for (let round = 0; round < ROUNDS; round++) {
      const added = await add(`x${String(round)}`);
      const removed = await atOnce(all, async (one, at) => {
        if (at % 3 === 0) return one.store.remove(added.key);
        if (at % 3 === 1) await one.store.extend(added.key, clock.now() + 2 * HOUR);
        else await one.store.replace({ ...added, version: `v${String(at)}` }, added.version);
        return false;
      });
      winnerOf(removed);
      expect(await store.find(added.key)).toBeNull();
    }
    expect(await store.count()).toBe(0);
  });

  it('extends to the latest end, in whichever order the calls arrive', async () => {
    const all = await opened();
    const [{ store, add, clock }] = all as [StoreWorld];
    const { key } = await add('x', { deadlineAt: clock.now() + 3 * HOUR });
    const ends = await atOnce(all, async (one, at) => {
      const end = clock.now() + HOUR + ((at * 7) % WRITERS) * 1_000;
      expect(await one.store.extend(key, end)).toBe(true);
      return end;
    });
    expect(await store.find(key)).toMatchObject({ expiresAt: Math.max(...ends) });
  });

  it('leaves no living session of before a moment of revocation, however it was written', async () => {
    const all = await opened();
    const [{ store, add, record, clock }] = all as [StoreWorld];
    for (let round = 0; round < ROUNDS; round++) {
      const owner = `ada ${String(round)}`;
      const there = await Promise.all([1, 2, 3].map((at) => add(`${owner} ${String(at)}`, { owner })));
      const late = record(`${owner} late`, { owner });
      clock.advance(1);
      await atOnce(all, async ({ store: one }, at) => {
        const [a, b, c] = there as [typeof late, typeof late, typeof late];
        if (at === 7) await one.revokeBefore(clock.now(), owner);
        else if (at % 4 === 0) await one.extend(a.key, clock.now() + 2 * HOUR);
        else if (at % 4 === 1) await one.replace({ ...b, version: `${owner} ${String(at)}` }, b.version);
        else if (at % 4 === 2) await one.insert(late);
        else await one.find(c.key);
      });
      for (const { key } of [...there, late])
        for (const one of all) {
          expect(await one.store.find(key)).toBeNull();
          expect(await one.store.extend(key, clock.now() + 3 * HOUR)).toBe(false);
        }
      expect((await store.page({ owner, limit: 10 })).records).toEqual([]);
      const after = await add(`${owner} after`, { owner });
      expect(await store.find(after.key)).toEqual(after);
    }
  });

  it('keeps the latest of many moments of revocation', async () => {
    const all = await opened();
    const [{ store, add, clock }] = all as [StoreWorld];
    const start = clock.now();
    await atOnce(all, (one, at) => one.store.revokeBefore(start + ((at * 7) % WRITERS), 'ada'));
    const created = await Promise.all(
      [-2, -1].map((at) => add(`x${String(at)}`, { owner: 'ada', createdAt: start + WRITERS + at })),
    );
    expect(await store.find(created[0]?.key as never)).toBeNull();
    expect(await store.find(created[1]?.key as never)).toEqual(created[1]);
  });
});

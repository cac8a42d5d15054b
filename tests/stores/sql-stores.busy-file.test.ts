// A database file that another process writes to: writes wait for it, for so long and no longer, while the event loop goes on;
// reads wait for nobody.
import { setTimeout as sleep } from 'node:timers/promises';

import { coreWait } from '../support/core-wait.js';
import { withCode } from '../support/failures.js';
import { failureOf, HOUR, onSqlite, storeWorld, type StoreWorld } from '../support/sql-world.js';

const HELD_MS = 300;
/** A request that waits for nobody may wait so long for its turn, besides what other processes have of the cores. */
const TURN_MS = 100;

/** The longest time between two turns of the event loop meanwhile. */
async function longestTurn(work: Promise<unknown>): Promise<number> {
  const waited = coreWait();
  let [longest, last] = [0, performance.now()];
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  await work;
  clearInterval(timer);
  return Math.max(longest, performance.now() - last) - waited();
}

onSqlite((world) => {
  const locked = async ({ beside }: StoreWorld): Promise<() => Promise<void>> => {
    const { database, table } = await beside();
    await database.ask('BEGIN IMMEDIATE');
    await database.ask(`UPDATE ${table} SET meta = '{"theirs":true}'`);
    return async () => {
      await database.ask('COMMIT');
    };
  };
  const CALLS: readonly (readonly [string, (one: StoreWorld) => Promise<unknown>])[] = [
    ['insert', ({ store, record }) => store.insert(record('new'))],
    ['remove', ({ store, keyOf }) => store.remove(keyOf('x'))],
    ['extend', ({ store, keyOf, clock }) => store.extend(keyOf('x'), clock.now() + 2 * HOUR)],
    ['revokeBefore', ({ store, clock }) => store.revokeBefore(clock.now())],
    ['clear', ({ store }) => store.clear()],
  ];

  it.each(CALLS)('%s waits for the write of another process, and the loop goes on', async (_name, call) => {
    const opened = await storeWorld(world);
    await opened.add('x');
    const unlock = await locked(opened);
    let isDone = false;
    const done = call(opened).then(() => (isDone = true));
    const turn = longestTurn(done);
    await sleep(HELD_MS);
    expect(isDone).toBe(false);
    await unlock();
    await done;
    expect(await turn).toBeLessThan(TURN_MS);
  });

  it('20 writes that wait together do not block the loop longer than one', async () => {
    const opened = await storeWorld(world);
    await opened.add('x');
    const unlock = await locked(opened);
    const writes = Array.from({ length: 20 }, (_, at) =>
      opened.store.insert(opened.record(`new ${String(at)}`)),
    );
    const turn = longestTurn(Promise.all(writes));
    await sleep(HELD_MS);
    await unlock();
    expect(await Promise.all(writes)).toEqual(writes.map(() => true));
    expect(await turn).toBeLessThan(TURN_MS);
  });

  it.each(CALLS)('%s fails after busyTimeout and says so', async (_name, call) => {
    const opened = await storeWorld(world, { busyTimeout: 200 });
    const { store, keyOf } = opened;
    await opened.add('x');
    const unlock = await locked(opened);
    const began = performance.now();
    const error = await failureOf(call(opened));
    expect(performance.now() - began).toBeGreaterThanOrEqual(200);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(error).toEqual(withCode('ERR_SESSION_STORE'));
    expect(error.message).toMatch(/another process held the database for longer than busyTimeout/);
    await unlock();
    expect(await store.find(keyOf('x'))).toMatchObject({ meta: { theirs: true } });
    expect(await store.find(keyOf('new'))).toBeNull();
    await call(opened);
  });

  it('those who read never wait: they see what was there before', async () => {
    const opened = await storeWorld(world);
    const { store, idsOn } = opened;
    const added = await opened.add('x');
    const unlock = await locked(opened);
    const waited = coreWait();
    const began = performance.now();
    expect(await store.find(added.key)).toEqual(added);
    expect(store.capable('findSync').findSync(added.key)).toEqual(added);
    expect(idsOn(await store.page({ limit: 10 }))).toEqual(['x']);
    expect(await store.count()).toBe(1);
    await store.ping();
    // Nor does one that comes later, in a process of its own.
    expect(await (await opened.beside()).store.find(added.key)).toEqual(added);
    expect(performance.now() - began - waited()).toBeLessThan(TURN_MS);
    await unlock();
    expect(await store.find(added.key)).toMatchObject({ meta: { theirs: true } });
  });

  it('a first use waits too, where the tables have to be made', async () => {
    const [there, first] = [await storeWorld(world), await storeWorld(world)];
    await there.add('x');
    const unlock = await locked(there);
    const inserted = first.store.insert(first.record('x'));
    await sleep(HELD_MS);
    await unlock();
    expect(await inserted).toBe(true);
  });
});

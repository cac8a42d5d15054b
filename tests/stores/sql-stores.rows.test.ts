// Rows that are no records, and tables that come and go: each fault is told in its place, and the rest stays readable.
import { isBroken } from '../../src/core/contract.js';
import { closedRecord } from '../../src/core/record.js';
import { leaksIn, textOf } from '../security/leaks.js';
import { withCode } from '../support/failures.js';
import { onSql } from '../support/on-sql.js';
import { expectWorks, failureOf, HOUR, storeWorld } from '../support/sql-world.js';

const STORES = 8;
const ROUNDS = 5;

onSql((world) => {
  const { engine } = world;

  describe('a row that is no record', () => {
    const BROKEN: readonly (readonly [string, string])[] = [
      ['cut facts', `meta = '{"device":"phone-of-ada'`],
      ['facts that are a number', `meta = '7'`],
      ['facts that are null', `meta = 'null'`],
      ['empty facts', `meta = ''`],
      ['no data', `data = ''`],
      ['no version', `version = ''`],
    ];
    const CLOSED: readonly (readonly [string, string])[] = [
      ['an end that is cut', `closed = '{"at":1'`],
      ['an end that is a text', `closed = '"phone-of-ada"'`],
      ['an empty end', `closed = ''`],
    ];
    // Only SQLite takes any value in any column.
    const NO_NUMBERS: readonly (readonly [string, string])[] = [
      ['no number where it began', `created_at = 'phone-of-ada'`],
      ['no number where it ends', `expires_at = 'phone-of-ada'`],
      ['no number where it ends at last', `deadline_at = 'phone-of-ada'`],
      ['bytes for data', `data = X'00ff'`],
    ];
    const inPlace = engine === 'SQLite' ? [...BROKEN, ...NO_NUMBERS] : BROKEN;

    it.each(inPlace)('is told of in its place, the others are there: %s', async (_what, change) => {
      const { store, add, keyOf, database, table, idsOn } = await storeWorld(world);
      for (const id of ['before', 'broken', 'after']) await add(id, { owner: 'ada' });
      const key = keyOf('broken');
      await database.ask(`UPDATE ${table} SET ${change} WHERE session_key = '${key}'`);
      const error = await failureOf(store.find(key));
      expect(error).toEqual(withCode('ERR_SESSION_CORRUPT'));
      expect(leaksIn(textOf(error), { facts: ['phone-of-ada'] })).toEqual([]);
      for (const owner of [undefined, 'ada']) {
        const page = await store.page({ limit: 10, ...(owner === undefined ? null : { owner }) });
        expect(idsOn(page)).toEqual(['before', 'broken broken', 'after']);
        const [found] = page.records.filter(isBroken);
        expect(found).toEqual({ key, error: withCode('ERR_SESSION_CORRUPT') });
      }
      expect(await store.find(keyOf('after'))).toMatchObject({ owner: 'ada' });
      expect(await store.count()).toBe(3);
      expect(await store.remove(key)).toBe(true);
      expect(await store.find(key)).toBeNull();
    });

    it.each(CLOSED)('is no ended session either: %s', async (_what, change) => {
      const { store, add, keyOf, database, table, idsOn } = await storeWorld(world);
      await add('living');
      const added = await add('broken');
      expect(await store.replace(closedRecord(added, added.createdAt), added.version)).toBe(true);
      await database.ask(`UPDATE ${table} SET ${change} WHERE session_key = '${keyOf('broken')}'`);
      const error = await failureOf(store.find(keyOf('broken')));
      expect(error).toEqual(withCode('ERR_SESSION_CORRUPT'));
      expect(leaksIn(textOf(error), { facts: ['phone-of-ada'] })).toEqual([]);
      expect(idsOn(await store.page({ limit: 10 }))).toEqual(['living']);
      expect(await store.insert(added)).toBe(false);
    });

    it('is swept when its time is over', async () => {
      const { store, add, clock, database, table } = await storeWorld(world);
      await add('broken');
      await database.ask(`UPDATE ${table} SET meta = '{', version = ''`);
      clock.advance(HOUR + 1);
      expect(await store.removeExpired(10)).toBe(1);
      expect(await database.ask(`SELECT 1 FROM ${table}`)).toEqual([]);
    });

    it('does not hinder a new session under its key once its time is over', async () => {
      const { add, clock, store, database, table } = await storeWorld(world);
      await add('x');
      await database.ask(`UPDATE ${table} SET meta = '{', data = ''`);
      clock.advance(HOUR + 1);
      const added = await add('x');
      expect(await store.find(added.key)).toEqual(added);
    });
  });

  describe('tables that are not there', () => {
    it(`are made once by ${String(STORES)} stores that begin at one moment, and none of them fails`, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const first = await storeWorld(world);
        const others = Array.from({ length: STORES - 1 }, () => first.beside());
        const all = [first, ...(await Promise.all(others))];
        const inserts = all.map(({ store, record }, at) => store.insert(record(`of ${String(at)}`)));
        expect(await Promise.all(inserts)).toEqual(all.map(() => true));
        expect(await first.store.count()).toBe(STORES);
        await first.store.clear();
        await expectWorks(first);
      }
    });

    it('are made once by one store whose first calls come together', async () => {
      const { store, keyOf, record } = await storeWorld(world);
      const calls = Array.from({ length: 20 }, (_, at) =>
        at % 2 === 0 ? store.find(keyOf('none')) : store.insert(record(`of ${String(at)}`)),
      );
      expect(await Promise.all(calls)).toEqual(calls.map((_, at) => (at % 2 === 0 ? null : true)));
    });

    it.each([
      ['both', (table: string) => [table, `${table}_revoked`]],
      ['that of the sessions', (table: string) => [table]],
      ['that of the revocations', (table: string) => [`${table}_revoked`]],
    ])('are made again by the next call but one: %s', async (_which, dropped) => {
      const opened = await storeWorld(world);
      const { store, add, keyOf, database, table } = opened;
      await add('x');
      for (const name of dropped(table)) await database.ask(`DROP TABLE ${name}`);
      const error = await failureOf(store.find(keyOf('x')));
      expect(error).toEqual(withCode('ERR_SESSION_STORE'));
      expect(error.message).toContain('store.ddl()');
      // One of the two was lost, not both.
      const isKept = dropped(table).length === 1 && dropped(table)[0] !== table;
      expect((await store.find(keyOf('x'))) !== null).toBe(isKept);
      await store.clear();
      await expectWorks(opened);
    });

    it('fail every call that comes meanwhile, and none is taken for a session that is gone', async () => {
      const { store, add, keyOf, clock, database, table } = await storeWorld(world, { createTable: false });
      const { beside } = await storeWorld(world, { table });
      const maker = await beside({ createTable: true });
      await maker.store.ping();
      const there = await add('x');
      await database.ask(`DROP TABLE ${table}`);
      const calls = [
        () => store.find(there.key),
        () => store.insert(there),
        () => store.replace(there, there.version),
        () => store.extend(there.key, clock.now() + 2 * HOUR),
        () => store.remove(there.key),
        () => store.page({ limit: 10 }),
        () => store.count(),
        () => store.clear(),
        () => store.removeExpired(10),
        () => store.ping(),
      ];
      for (const call of calls) expect(await failureOf(call())).toEqual(withCode('ERR_SESSION_STORE'));
      await maker.store.ping().catch(() => maker.store.ping());
      expect(await store.find(keyOf('x'))).toBeNull();
    });
  });
});

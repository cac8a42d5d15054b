// Values under the keys of sessions that are no records: those of other programs, of which nothing is changed or deleted,
// and records of ours that were cut or garbled. None logs anybody out in silence: a fault is told, with advice.
import { isBroken } from '../../src/core/contract.js';
import { CLIENTS } from '../support/redis-clients.js';
import { ALL, FACTS, failureOf, ID, OTHER_ID, OWNER } from '../support/redis-faults.js';
import { redisWorld } from '../support/redis-world.js';
import { onRedis } from '../support/on-redis.js';

const FOREIGN: readonly [string, (name: string) => [string, ...string[]]][] = [
  ['a list', (name) => ['RPUSH', name, 'one', 'two']],
  ['a set', (name) => ['SADD', name, 'one', 'two']],
  ['a sorted set', (name) => ['ZADD', name, '1', 'one']],
  ['a text', (name) => ['SET', name, 'the page of a cache']],
  ['a text without a character', (name) => ['SET', name, '']],
  ['a number', (name) => ['SET', name, '42']],
  [
    'a session of another program',
    (name) => ['SET', name, '{"cookie":{"originalMaxAge":null},"user":"bob"}'],
  ],
  ['a text that begins as ours do', (name) => ['SET', name, 's1 is the first of the sections']],
  ['a text with a number where ours have their end', (name) => ['SET', name, 'v2 9000000000000000 things']],
  ['a hash', (name) => ['HSET', name, 'user', 'bob', 'cart', '7']],
  [
    'a hash with a date that it calls due',
    (name) => ['HSET', name, 'due', '1763754000', 'title', 'pay the rent'],
  ],
];

/** What comes of a record of ours. */
const SPOILT: readonly [string, (text: string) => string][] = [
  ['cut in its times', (text) => text.slice(0, 20)],
  ['cut behind its times', (text) => text.split('\n', 1).join('\n')],
  ['cut in its facts', (text) => text.slice(0, text.indexOf('createdAt') + 5)],
  ['cut in its data', (text) => text.slice(0, -5)],
  ['without its data', (text) => text.split('\n', 3).join('\n')],
  ['with letters for digits', (text) => text.replace(/\d{16}/, 'o'.repeat(16))],
  ['with a version that cannot be read', (text) => text.replace(/\n.*\n/, '\n%E0%A4%A\n')],
  ['with other facts', (text) => text.replace(/"createdAt":\d+/, '"createdAt":"yesterday"')],
];

onRedis((redis) => {
  describe.each(CLIENTS)('with %s', (_client, connect) => {
    const open = () => redisWorld(connect, redis.port, { idAtRest: 'plain' });
    const calls = ['find', 'insert', 'replace', 'extend', 'remove'].map((name) => [name, ALL[name]] as const);

    describe.each(FOREIGN)('%s in place of a session', (_what, command) => {
      it.each(calls)('fails %s and is left as it was', async (_name, call) => {
        const { store, nameOf, record } = await open();
        await redis.ask(...command(nameOf(ID)));
        const before = await redis.ask('DUMP', nameOf(ID));
        const mine = record(ID, FACTS);
        const error = await failureOf(call?.(store, mine, mine) ?? Promise.resolve());
        expect(error).toMatchObject({
          name: 'SessionError',
          code: expect.stringMatching(/^ERR_SESSION_(STORE|CORRUPT)$/) as string,
          message: expect.stringMatching(
            /none of ours: give the store a prefix of its own|another program/,
          ) as string,
        });
        expect(await redis.ask('DUMP', nameOf(ID))).toEqual(before);
        expect(await redis.ask('PTTL', nameOf(ID))).toBe(-1);
      });

      it('fails no page of the user whose session was there', async () => {
        const { store, nameOf, add } = await open();
        await add(ID, FACTS);
        const other = await add(OTHER_ID, FACTS);
        await redis.ask('DEL', nameOf(ID));
        await redis.ask(...command(nameOf(ID)));
        const { records } = await store.page({ owner: OWNER, limit: 10 });
        expect(records.filter((entry) => !isBroken(entry))).toEqual([other]);
      });

      it('fails no page of all sessions', async () => {
        const { store, nameOf, add } = await open();
        await redis.ask(...command(nameOf(ID)));
        const other = await add(OTHER_ID);
        const { records } = await store.page({ limit: 10 });
        expect(records.filter((entry) => !isBroken(entry))).toEqual([other]);
      });
    });

    describe.each(SPOILT)('a record %s', (_what, spoil) => {
      const spoilt = async () => {
        const world = await open();
        const record = await world.add(ID, FACTS);
        const text = spoil(String(await redis.ask('GET', world.nameOf(ID))));
        await redis.ask('SET', world.nameOf(ID), text);
        return { ...world, spoilt: record };
      };
      const corrupt = { name: 'SessionError', code: 'ERR_SESSION_CORRUPT' };

      it('is a fault when it is read, not a missing session', async () => {
        const { store, spoilt: record } = await spoilt();
        expect(await failureOf(store.find(record.key))).toMatchObject(corrupt);
        expect(await failureOf(store.get(ID))).toMatchObject(corrupt);
      });

      it('is reported in its place by a page', async () => {
        const { store, spoilt: record } = await spoilt();
        const { records } = await store.page({ limit: 10 });
        const [entry] = records;
        if (entry === undefined || !isBroken(entry)) throw new Error('It is not told as broken.');
        expect(entry.key).toBe(record.key);
        expect(await failureOf(Promise.reject(entry.error))).toMatchObject(corrupt);
      });
    });

    it('takes no text that its serializer cannot read for a session', async () => {
      const parse = (text: string): never => {
        throw new SyntaxError(`Not ours: ${text}`);
      };
      const serializer = { stringify: JSON.stringify, parse };
      const { store, add } = await redisWorld(connect, redis.port, { idAtRest: 'plain', serializer });
      const record = await add(ID, FACTS);
      expect(await failureOf(store.find(record.key))).toMatchObject({ code: 'ERR_SESSION_CORRUPT' });
      expect((await store.page({ limit: 10 })).records).toHaveLength(1);
    });
  });

  it.each([[{ $ne: null }], [['a']], [7], [null], [undefined], [''], [Symbol('a')], [() => 'a']])(
    'S57 refuses %p in the place of a key, and asks Redis for nothing',
    async (key) => {
      for (const [, connect] of CLIENTS) {
        const { store, record } = await redisWorld(connect, redis.port);
        const wrong = key as never;
        const calls = [
          () => store.find(wrong),
          () => store.insert({ ...record(ID), key: wrong }),
          () => store.replace({ ...record(ID), key: wrong }, 'v'),
          () => store.extend(wrong, 1),
          () => store.remove(wrong),
        ];
        for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'ERR_SESSION_ID' });
      }
      expect(await redis.ask('KEYS', '*')).toEqual([]);
    },
  );
});

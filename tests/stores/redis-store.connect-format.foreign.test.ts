// Format 'connect-redis' over values that are no sessions: a fault is told and nobody's value is overwritten.
import { isBroken } from '../../src/core/contract.js';
import { CLIENTS } from '../support/redis-clients.js';
import { ALL, FACTS, failureOf, ID, OTHER_ID, OWNER } from '../support/redis-faults.js';
import { redisWorld } from '../support/redis-world.js';
import { onRedis } from '../support/on-redis.js';

const NO_SESSIONS: readonly [string, string][] = [
  ['a list', '[]'],
  ['a list of sessions', '[{"cookie":{}}]'],
  ['a number', '42'],
  ['a text', '"x"'],
  ['null', 'null'],
  ['true', 'true'],
  ['nothing', ''],
  ['half a session', '{"cookie":{"originalMaxAge":null,"expi'],
  ['no JSON', 'the page of a cache'],
  ['a record of ours', 's1 0001763754000000 9000000000000000 +\nv\n{"createdAt":1}\n{}'],
  ['a session that ends at no time', '{"cookie":{"expires":"soon"}}'],
];

const OTHER_TYPES: readonly [string, (name: string) => [string, ...string[]]][] = [
  ['a list', (name) => ['RPUSH', name, 'one']],
  ['a set', (name) => ['SADD', name, 'one']],
  ['a sorted set', (name) => ['ZADD', name, '1', 'one']],
  ['a hash', (name) => ['HSET', name, 'due', '1763754000']],
];

/** What the key beside a session may hold that we did not write so. */
const SPOILT: readonly [string, (text: string) => string][] = [
  ['cut in their times', (text) => text.slice(0, 20)],
  ['cut in their facts', (text) => text.slice(0, text.indexOf('createdAt') + 5)],
  ['with letters for digits', (text) => text.replace(/\d{16}/, 'o'.repeat(16))],
  ['that are JSON', () => '{"owner":"bob"}'],
];

const foreign = {
  name: 'SessionError',
  code: expect.stringMatching(/^ERR_SESSION_(STORE|CORRUPT)$/) as string,
  message: expect.stringMatching(
    /none of ours: give the store a prefix of its own|another program/,
  ) as string,
};
const corrupt = { name: 'SessionError', code: 'ERR_SESSION_CORRUPT' };

onRedis((redis) => {
  describe.each(CLIENTS)('with %s', (_client, connect) => {
    const open = () => redisWorld(connect, redis.port, { format: 'connect-redis' });

    describe.each(NO_SESSIONS)('%s in place of a session', (_what, value) => {
      const laid = async () => {
        const world = await open();
        await redis.ask('SET', world.nameOf(ID), value);
        return world;
      };

      it('is a fault when it is read, not a missing session, and does not tell what it is', async () => {
        const { store, keyOf } = await laid();
        for (const call of [() => store.find(keyOf(ID)), () => store.get(ID)]) {
          const error = await failureOf(call());
          expect(error).toMatchObject(corrupt);
          if (value.length > 4) expect(`${error.message}${String(error.cause)}`).not.toContain(value);
        }
        expect(await redis.ask('GET', `sess:${ID}`)).toBe(value);
      });

      it('is never written over', async () => {
        const { store, record } = await laid();
        expect(await store.insert(record(ID, FACTS))).toBe(false);
        expect(await store.replace(record(ID, FACTS), record(ID).version)).toBe(false);
        expect(await redis.ask('GET', `sess:${ID}`)).toBe(value);
        expect(await redis.ask('PTTL', `sess:${ID}`)).toBe(-1);
      });

      it('is listed as broken beside the others', async () => {
        const { store, add, keyOf } = await laid();
        const other = await add(OTHER_ID);
        const { records } = await store.page({ limit: 10 });
        expect(records.filter((entry) => !isBroken(entry))).toEqual([other]);
        const [broken] = records.filter(isBroken);
        expect(broken).toMatchObject({ key: keyOf(ID), error: corrupt });
      });

      it('goes when it is removed', async () => {
        const { store, keyOf, add } = await laid();
        expect(await store.remove(keyOf(ID))).toBe(true);
        await add(ID);
        expect(await store.find(keyOf(ID))).not.toBeNull();
      });
    });

    const calls = ['find', 'insert', 'replace', 'extend', 'remove'].map((name) => [name, ALL[name]] as const);
    describe.each(OTHER_TYPES)('%s', (_what, command) => {
      it.each(calls)('in place of a session fails %s and is left as it was', async (_name, call) => {
        const { store, nameOf, record } = await open();
        await redis.ask(...command(nameOf(ID)));
        const mine = record(ID, FACTS);
        expect(await failureOf(call?.(store, mine, mine) ?? Promise.resolve())).toMatchObject(foreign);
        expect(await redis.ask('TYPE', nameOf(ID))).not.toBe('string');
        expect(await redis.ask('PTTL', nameOf(ID))).toBe(-1);
        expect(await redis.ask('EXISTS', `{${nameOf(ID)}}`)).toBe(0);
      });

      it.each(calls)('in place of its facts fails %s and leaves the session', async (_name, call) => {
        const { store, nameOf, add } = await open();
        const mine = await add(ID, FACTS);
        const before = await redis.ask('GET', nameOf(ID));
        await redis.ask('DEL', `{${nameOf(ID)}}`);
        await redis.ask(...command(`{${nameOf(ID)}}`));
        expect(await failureOf(call?.(store, mine, mine) ?? Promise.resolve())).toMatchObject(foreign);
        expect(await redis.ask('GET', nameOf(ID))).toBe(before);
        expect(await redis.ask('TYPE', `{${nameOf(ID)}}`)).not.toBe('string');
      });

      it.each([
        ['a session', (name: string) => name],
        ['its facts', (name: string) => `{${name}}`],
      ])('in place of %s fails no page', async (_where, placeOf) => {
        const { store, nameOf, add } = await open();
        await add(ID, FACTS);
        const other = await add(OTHER_ID, FACTS);
        const place = placeOf(nameOf(ID));
        await redis.ask('DEL', place);
        await redis.ask(...command(place));
        for (const options of [{}, { owner: OWNER }]) {
          const { records } = await store.page({ limit: 10, ...options });
          expect(records.filter((entry) => !isBroken(entry))).toEqual([other]);
        }
      });
    });

    it.each<[string, (text: string) => Promise<never>]>([
      ['fails', (text) => Promise.reject(new SyntaxError(`Not ours: ${text}`))],
      ['finds a list', () => Promise.resolve([] as never)],
      [
        'finds a session that ends at no time',
        () => Promise.resolve({ cookie: { expires: 'soon' } } as never),
      ],
    ])('takes no text for a session of which its serializer, later, %s', async (_what, parse) => {
      const serializer = { stringify: JSON.stringify, parse };
      const { store, add } = await redisWorld(connect, redis.port, { format: 'connect-redis', serializer });
      const { key } = await add(ID, FACTS);
      expect(await failureOf(store.find(key))).toMatchObject(corrupt);
      expect((await store.page({ limit: 10 })).records).toMatchObject([{ key, error: corrupt }]);
    });

    it.each(SPOILT)(
      'takes no facts %s for those of a session: its user would be nobody',
      async (_how, spoil) => {
        const { store, add } = await open();
        const { key } = await add(ID, FACTS);
        const facts = String(await redis.ask('GET', `{sess:${ID}}`));
        await redis.ask('SET', `{sess:${ID}}`, spoil(facts));
        expect(await failureOf(store.find(key))).toMatchObject(corrupt);
      },
    );
  });
});

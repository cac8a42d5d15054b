// Moments of revocation: they count as long as a session that they are about can live, and go from Redis then; a process
// reads what is new and no more; also where Redis has lost some of them, after a restart without its data or a failover.
import { ownerName } from '../../src/stores/redis/owner-index.js';
import { CLIENTS, type ConnectedClient } from '../support/redis-clients.js';
import { HOUR, redisWorld, type RedisWorld } from '../support/redis-world.js';
import { onRedis } from '../support/on-redis.js';

const ID = 'a-session-of-this-test-of-43-characters-xyz';
const DAY = 24 * HOUR;
const KEY = 'sess:@revoked';
const STORED = 30_000;
const USERS = Array.from({ length: STORED }, (_, at) => `user ${String(at)}`);
/** Around what a process reads in one go, and at both ends. */
const PLACES = [0, 1, 9_999, 10_000, 10_001, 19_999, 20_000, 20_001, 29_998, 29_999];

/** What a client is answered from here on, in characters. */
function answersOf({ client }: ConnectedClient): () => Promise<number> {
  const sender = client as unknown as Record<'call' | 'sendCommand', () => Promise<unknown>>;
  const { mock } = jest.spyOn(sender, 'status' in client ? 'call' : 'sendCommand');
  return async () => {
    const answers = await Promise.all(mock.results.map(({ value }) => value as unknown));
    return JSON.stringify(answers).length;
  };
}

onRedis((redis) => {
  const named = async (): Promise<string[]> => {
    const moments = (await redis.ask('ZRANGE', KEY, '0', '-1')) as string[];
    return moments.map((moment) => moment.split(' ')[0] ?? '').sort();
  };
  const names = (...users: string[]): string[] => users.map(ownerName).sort();
  /** Each user's moment, as if it had come so long ago. */
  const addMoments = async (users: readonly string[], before: number, agoOf: (at: number) => number) => {
    const [seconds] = (await redis.ask('TIME')) as [string];
    const now = Number(seconds) * 1_000;
    const entries = users.map((user, at) => [
      String(now - agoOf(at)),
      `${ownerName(user)} ${String(before)} ${String(before + DAY)}`,
    ]);
    for (let at = 0; at < STORED; at += 5_000)
      await redis.ask('ZADD', KEY, ...entries.slice(at, at + 5_000).flat());
  };

  describe.each(CLIENTS)('with %s', (_client, connect) => {
    const open = (clock?: RedisWorld['clock']): Promise<RedisWorld> =>
      redisWorld(connect, redis.port, {}, clock);

    it('a change is seen by another process although as many were lost before it', async () => {
      const here = await open();
      const there = await open(here.clock);
      const now = here.clock.now();
      const record = await here.add(ID, { owner: 'ada', createdAt: now - HOUR });
      await here.store.revokeBefore(now - HOUR / 2, 'bob');
      here.clock.advance(1_100);
      expect(await there.store.find(record.key)).not.toBeNull();
      await redis.ask('DEL', KEY);
      await here.store.revokeBefore(now - HOUR / 2, 'ada');
      here.clock.advance(1_100);
      expect(await there.store.find(record.key)).toBeNull();
    });

    it.each([
      ['others are', ['bob']],
      ['others are, and the same again,', ['bob', 'ada']],
    ])(
      'a session stays refused though a listing forgot it, and %s revoked days later',
      async (_who, users) => {
        const { store, clock, add } = await open();
        const end = clock.now() + 30 * DAY;
        const { key } = await add(ID, { owner: 'ada', expiresAt: end, deadlineAt: end });
        const revoked = clock.now() + 1;
        await store.revokeBefore(revoked, 'ada');
        clock.advance(HOUR);
        expect(await store.page({ owner: 'ada', limit: 10 })).toEqual({ records: [], cursor: null });
        // It goes from the user's set while nobody waits.
        while (Number(await redis.ask('EXISTS', `sess:@owner:${ownerName('ada')}`)) === 1);
        for (let day = 0; day < 3; day++) {
          clock.advance(DAY + HOUR);
          for (const user of users) await store.revokeBefore(revoked, user);
        }
        clock.advance(1_100);
        expect(await store.find(key)).toBeNull();
        const fresh = await open(clock);
        expect(await fresh.store.find(key)).toBeNull();
      },
    );

    it('a moment goes a day after the last session that it may be about, and not before', async () => {
      const { store, clock, add } = await open();
      const now = clock.now();
      await add('short', { owner: 'ada', deadlineAt: now + 2 * HOUR });
      await add('long', { owner: 'cat', deadlineAt: now + 30 * DAY });
      await add('shorter', { owner: 'cat', deadlineAt: now + HOUR });
      for (const owner of ['ada', 'cat']) await store.revokeBefore(now, owner);
      clock.advance(DAY + 2 * HOUR - 60_000);
      await store.revokeBefore(now, 'bob');
      expect(await named()).toEqual(names('ada', 'bob', 'cat'));
      clock.advance(120_000);
      await store.revokeBefore(now, 'dan');
      expect(await named()).toEqual(names('bob', 'cat', 'dan'));
      clock.advance(31 * DAY);
      await store.revokeBefore(now, 'eve');
      expect(await named()).toEqual(names('eve'));
    });

    it.each<[string, string | undefined]>([
      ['of a user with a session without an absolute end', 'ada'],
      ['of everybody', undefined],
    ])('a moment %s never goes', async (_whose, owner) => {
      const { store, clock, add } = await open();
      const now = clock.now();
      await add('bounded', { owner: 'ada', deadlineAt: now + HOUR });
      await add('unbounded', { owner: 'ada' });
      await add('bounded too', { owner: 'ada', deadlineAt: now + HOUR });
      await store.revokeBefore(now, owner);
      for (let year = 0; year < 5; year++) {
        clock.advance(365 * DAY);
        await store.revokeBefore(now, 'bob');
      }
      expect(await named()).toEqual([owner === undefined ? '*' : ownerName(owner), ownerName('bob')].sort());
    });

    it('a moment that is to come counts for the sessions that begin until then', async () => {
      const { store, clock, add } = await open();
      await store.revokeBefore(clock.now() + 5 * DAY, 'ada');
      clock.advance(2 * DAY);
      await store.revokeBefore(clock.now(), 'bob');
      const fresh = await open(clock);
      const { key } = await add(ID, { owner: 'ada', createdAt: clock.now() });
      expect(await fresh.store.find(key)).toBeNull();
    });

    it('the first moment of all is kept, as often as it is said', async () => {
      const { store, clock } = await open();
      for (let time = 0; time < 3; time++) await store.revokeBefore(clock.now(), 'ada');
      expect(await named()).toEqual(names('ada'));
    });

    it(`one more after ${STORED} others costs a process no more than itself`, async () => {
      const here = await open();
      const there = await open(here.clock);
      const now = here.clock.now();
      await addMoments(USERS, now, (at) => HOUR + (STORED - at) * 1_000);
      const { key } = await here.add(ID, { owner: 'ada', createdAt: now - HOUR });
      expect(await there.store.find(key)).not.toBeNull();
      const answered = answersOf(there.connection);
      await here.store.revokeBefore(now, 'ada');
      here.clock.advance(1_100);
      expect(await there.store.find(key)).toBeNull();
      const size = await answered();
      expect(size).toBeGreaterThan(0);
      expect(size).toBeLessThan(3_000);
    });

    it('many that came at once are not read again and again for ever', async () => {
      const { store, clock, connection, keyOf } = await open();
      await addMoments(USERS, clock.now(), () => HOUR);
      const lookFor = async (ms: number): Promise<void> => {
        for (let passed = 0; passed < ms; passed += 1_100) {
          clock.advance(1_100);
          await store.find(keyOf(ID));
        }
      };
      // The clock of a server that takes over may be behind, so it may be for a while.
      await lookFor(15_000);
      const answered = answersOf(connection);
      await lookFor(3_000);
      expect(await answered()).toBeLessThan(3_000);
    });

    it.each<[string, (at: number) => number]>([
      ['one after the other', (at) => HOUR - at],
      ['in the same millisecond', () => HOUR],
      ['many in each millisecond', (at) => HOUR - Math.floor(at / 7_000)],
    ])(`a fresh process learns all of ${STORED} that came %s`, async (_when, agoOf) => {
      const here = await open();
      const now = here.clock.now();
      await addMoments(USERS, now, agoOf);
      // In the order in which Redis has them.
      const moments = (await redis.ask('ZRANGE', KEY, '0', '-1')) as string[];
      const userOf = new Map(USERS.map((user) => [ownerName(user), user]));
      const owners = PLACES.map((at) => userOf.get(moments[at]?.split(' ')[0] ?? '') ?? '');
      const records = await Promise.all(
        owners.map((owner) => here.add(`of ${owner}`, { owner, createdAt: now - 1 })),
      );
      const fresh = await open(here.clock);
      const found = await Promise.all(records.map(({ key }) => fresh.store.find(key)));
      expect(found).toEqual(PLACES.map(() => null));
    });
  });
});

// What goes wrong on the server: each fault rejects with a code and with what to do, shows no id, key, data or password,
// and leaves nothing behind once it is over.
import { withCode } from '../support/failures.js';
import { CLIENTS } from '../support/redis-clients.js';
import {
  ALL,
  FACTS,
  failureOf,
  GROWING,
  ID,
  OTHER_ID,
  PASSWORD,
  READS,
  some,
  WRITES,
} from '../support/redis-faults.js';
import { administrator, commandsOf, infoOf, redisWorld, type Ask } from '../support/redis-world.js';
import { onRedis } from '../support/on-redis.js';

interface Fault {
  readonly name: string;
  readonly begin: (ask: Ask, mine: Ask) => Promise<unknown>;
  readonly end: (ask: Ask, mine: Ask) => Promise<unknown>;
  readonly fails: typeof READS;
  readonly works: typeof READS;
  readonly advice: RegExp;
}

const FAULTS: readonly Fault[] = [
  {
    name: 'a replica',
    begin: (ask) => ask('REPLICAOF', '127.0.0.1', '1'),
    end: (ask) => ask('REPLICAOF', 'NO', 'ONE'),
    fails: WRITES,
    works: READS,
    advice: /is a replica: connect to the master/,
  },
  {
    name: 'a replica without its master',
    begin: async (ask) => {
      await ask('CONFIG', 'SET', 'replica-serve-stale-data', 'no');
      await ask('REPLICAOF', '127.0.0.1', '1');
    },
    end: async (ask) => {
      await ask('REPLICAOF', 'NO', 'ONE');
      await ask('CONFIG', 'SET', 'replica-serve-stale-data', 'yes');
    },
    fails: READS,
    works: {},
    advice: /is a replica: connect to the master/,
  },
  {
    name: 'no memory left',
    begin: (ask) => ask('CONFIG', 'SET', 'maxmemory', '1'),
    end: (ask) => ask('CONFIG', 'SET', 'maxmemory', '0'),
    fails: GROWING,
    works: { ...READS, ...some('remove', 'clear', 'ping') },
    advice: /is out of memory: raise maxmemory/,
  },
  {
    name: 'a password that the client did not bring',
    begin: async (ask, mine) => {
      await ask('CONFIG', 'SET', 'requirepass', PASSWORD);
      // As a new connection has it.
      await mine('RESET');
    },
    end: (ask) => ask('CONFIG', 'SET', 'requirepass', ''),
    fails: ALL,
    works: {},
    advice: /refuses the client's user: look at its password/,
  },
  {
    name: 'a user without rights for these keys',
    begin: (ask) => ask('ACL', 'SETUSER', 'default', 'resetkeys', '~theirs:*'),
    end: (ask) => ask('ACL', 'SETUSER', 'default', 'allkeys'),
    fails: some('find', 'page of a user', 'insert', 'replace', 'extend', 'remove', 'revokeBefore', 'clear'),
    works: some('ping'),
    advice: /refuses the client's user: .*rights \(ACL\)/,
  },
  {
    name: 'a user without rights for scripts',
    begin: (ask) => ask('ACL', 'SETUSER', 'default', '-@scripting'),
    end: (ask) => ask('ACL', 'SETUSER', 'default', '+@all'),
    fails: some('insert', 'replace', 'extend', 'remove', 'revokeBefore', 'count'),
    works: Object.fromEntries(Object.entries(READS).filter(([name]) => name !== 'count')),
    advice: /refuses the client's user: .*rights \(ACL\)/,
  },
  {
    name: 'a user without rights for what scripts do',
    begin: (ask) => ask('ACL', 'SETUSER', 'default', '-set', '-setrange', '-unlink', '-zadd', '-hset'),
    end: (ask) => ask('ACL', 'SETUSER', 'default', '+@all'),
    fails: some('insert', 'replace', 'extend', 'remove', 'revokeBefore'),
    works: READS,
    advice: /refuses the client's user: .*rights \(ACL\)/,
  },
];

onRedis(
  (redis) => {
    describe.each(CLIENTS)('with %s', (_client, connect) => {
      const open = async () => {
        const world = await redisWorld(connect, redis.port, { idAtRest: 'plain' });
        const record = await world.add(ID, FACTS);
        return { ...world, stored: record, other: world.record(OTHER_ID, FACTS) };
      };

      describe.each(FAULTS)('$name', ({ begin, end, fails, works, advice }) => {
        const during = async (check: (world: Awaited<ReturnType<typeof open>>) => Promise<void>) => {
          const world = await open();
          const mine: Ask = (command, ...args) => world.connection.ask('', command, ...args);
          await begin(redis.ask, mine);
          try {
            await check(world);
          } finally {
            await end(redis.ask, mine);
          }
          return world;
        };

        it.each(Object.entries(fails))(
          'fails %s with advice, and is forgotten afterwards',
          async (_name, call) => {
            const { store, stored } = await during(async (world) => {
              // Of another moment, so that the store asks for revocations too.
              world.clock.advance(2_000);
              const error = await failureOf(call(world.store, world.stored, world.other));
              expect(error).toEqual(withCode('ERR_SESSION_STORE'));
              expect(error.message).toMatch(advice);
              expect(error).toMatchObject({ status: 503 });
            });
            expect(await store.find(stored.key)).toEqual(stored);
          },
        );

        if (Object.keys(works).length > 0)
          it.each(Object.entries(works))('does not hinder %s', async (_name, call) => {
            await during(async ({ store, stored, other }) => {
              await expect(call(store, stored, other)).resolves.not.toBe(false);
            });
          });
      });

      it('ends sessions although no memory is left', async () => {
        const { store, stored } = await open();
        await redis.ask('CONFIG', 'SET', 'maxmemory', '1');
        try {
          await store.destroy(ID);
          expect(await store.find(stored.key)).toMatchObject({
            closed: { at: expect.any(Number) as number },
          });
        } finally {
          await redis.ask('CONFIG', 'SET', 'maxmemory', '0');
        }
      });

      it('says that a server is reading its data, and goes on when it has', async () => {
        const { store, stored, other } = await open();
        await redis.ask('DEBUG', 'POPULATE', '1000', 'theirs');
        await redis.ask('CONFIG', 'SET', 'key-load-delay', '1000');
        await redis.ask('CONFIG', 'SET', 'loading-process-events-interval-bytes', '1024');
        const another = await administrator(redis.port);
        const reloaded = another.ask('DEBUG', 'RELOAD');
        while ((await infoOf(redis.ask, 'persistence', 'loading')) !== 1);
        const errors = [await failureOf(store.find(stored.key)), await failureOf(store.insert(other))];
        for (const error of errors) {
          expect(error).toEqual(withCode('ERR_SESSION_STORE'));
          expect(error.message).toMatch(/is reading its data from the disk; it will answer soon/);
        }
        await redis.ask('CONFIG', 'SET', 'key-load-delay', '0');
        await reloaded;
        another.close();
        expect(await store.find(stored.key)).toEqual(stored);
        expect(await store.insert(other)).toBe(true);
      });

      it('loads its scripts again where a server forgot them', async () => {
        const { store, stored, other } = await open();
        const calls = Object.values({ ...GROWING, ...some('remove') });
        for (const call of calls) {
          await redis.ask('SCRIPT', 'FLUSH');
          await expect(call(store, stored, other)).resolves.not.toBe(false);
        }
        await redis.ask('CONFIG', 'RESETSTAT');
        await store.remove(other.key);
        expect(await commandsOf(redis.ask)).not.toHaveProperty('eval');
      });
    });
  },
  { args: ['--enable-debug-command', 'yes'] },
);

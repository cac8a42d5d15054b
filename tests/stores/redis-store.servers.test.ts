// Servers that are not what a client was made for: restarted ones, such that are too old, nodes of a cluster.
import { withCode } from '../support/failures.js';
import { CLIENTS } from '../support/redis-clients.js';
import { FACTS, failureOf, ID, OTHER_ID, some } from '../support/redis-faults.js';
import { administrator, closeRedisWorlds, redisWorld, type Ask } from '../support/redis-world.js';
import { REDIS, startRedis, type Redis } from '../support/services/redis.js';
import { whereThereIs } from '../support/services/where.js';

afterEach(closeRedisWorlds);

whereThereIs(REDIS, () => {
  describe.each(CLIENTS)('a server that %s finds restarted', (_client, connect) => {
    it('is given the scripts again', async () => {
      const first = await startRedis();
      const { store, add, record } = await redisWorld(connect, first.port);
      await add('before');
      await first.stop();
      const second = await startRedis({ port: first.port });
      const after = record('after');
      expect(await store.insert(after)).toBe(true);
      expect(await store.replace({ ...after, data: '{"n":1}' }, after.version)).toBe(true);
      expect(await store.find(after.key)).toMatchObject({ data: '{"n":1}' });
      await second.stop();
    });
  });

  describe.each(CLIENTS)('a server without commands that %s needs', (_client, connect) => {
    const renamed = ['EVALSHA', 'GET', 'SCAN', 'UNLINK'];
    let old: Redis;
    beforeAll(async () => {
      old = await startRedis({ args: renamed.flatMap((name) => ['--rename-command', name, '']) });
    });
    afterAll(() => old.stop());

    it.each(Object.entries(some('find', 'insert', 'replace', 'extend', 'remove', 'page', 'count', 'clear')))(
      'is too old for %s',
      async (_name, call) => {
        const { store, record } = await redisWorld(connect, old.port, { idAtRest: 'plain' });
        const error = await failureOf(call(store, record(ID, FACTS), record(OTHER_ID, FACTS)));
        expect(error).toEqual(withCode('ERR_SESSION_STORE'));
        expect(error.message).toMatch(/is too old: Redis 6.2 or later is needed/);
      },
    );
  });

  describe.each(CLIENTS)('a client of %s for one server, on a node of a cluster', (_client, connect) => {
    let nodes: readonly Redis[];
    beforeAll(async () => {
      const args = ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'];
      nodes = await Promise.all([startRedis({ args }), startRedis({ args })]);
    });
    afterAll(() => Promise.all(nodes.map((node) => node.stop())));

    it('is told to be a client for clusters, whether the slots are elsewhere or nowhere', async () => {
      const [here, there] = (await Promise.all(nodes.map(({ port }) => administrator(port)))) as [
        { ask: Ask; close(): void },
        { ask: Ask; close(): void },
      ];
      const { store, record } = await redisWorld(connect, nodes[0]?.port ?? 0, { idAtRest: 'plain' });
      const calls = Object.entries(
        some('find', 'insert', 'replace', 'remove', 'revokeBefore', 'page of a user'),
      );
      const errors = async (): Promise<Error[]> =>
        Promise.all(
          calls.map(async ([, call]) => failureOf(call(store, record(ID), record(OTHER_ID, FACTS)))),
        );
      for (const error of await errors()) expect(error.message).toMatch(/cluster has no master for some/);
      await there.ask('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
      await here.ask('CLUSTER', 'MEET', '127.0.0.1', String(nodes[1]?.port));
      while (!String(await here.ask('CLUSTER', 'INFO')).includes('cluster_state:ok'));
      for (const error of await errors()) {
        expect(error).toEqual(withCode('ERR_SESSION_STORE'));
        expect(error.message).toMatch(/is a node of a cluster: use a cluster client/);
      }
      for (const { close } of [here, there]) close();
    });
  });
});

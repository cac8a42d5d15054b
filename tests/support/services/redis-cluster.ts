// A Redis cluster of the test's own: three masters with a replica each, or more; and the moving of slots between them.
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { startRedis, type Redis } from './redis.js';

const run = promisify(execFile);
/** How long a master may be silent before its replica takes over, ms. */
const NODE_TIMEOUT_MS = 2_000;

export interface RedisCluster {
  readonly nodes: readonly Redis[];
  /** Of one of its nodes. */
  readonly port: number;
  /** A command to one node, which answers as redis-cli prints it. */
  ask(port: number, ...args: string[]): Promise<string>;
  /** The ports of the masters that are there. */
  masters(): Promise<number[]>;
  /** Adds an empty master and moves its share of the slots to it, beside whatever else goes on. */
  grow(): Promise<Redis>;
  stop(): Promise<void>;
}

const startNode = (port?: number): Promise<Redis> =>
  startRedis({
    ...(port === undefined ? null : { port }),
    args: [
      ...['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'],
      ...['--cluster-node-timeout', String(NODE_TIMEOUT_MS)],
      // A replica is given its master's data at once.
      ...['--repl-diskless-sync-delay', '0'],
    ],
  });

const cli = async (...args: string[]): Promise<string> =>
  (await run('redis-cli', args, { timeout: 120_000, maxBuffer: 2 ** 26 })).stdout;

export async function startRedisCluster(): Promise<RedisCluster> {
  const nodes = await Promise.all(Array.from({ length: 6 }, () => startNode()));
  const addresses = nodes.map(({ port }) => `127.0.0.1:${String(port)}`);
  await cli('--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes');
  const [{ port }] = nodes as [Redis];
  const ask = (to: number, ...args: string[]): Promise<string> => cli('-p', String(to), ...args);
  const cluster: RedisCluster = {
    nodes,
    port,
    ask,
    async masters() {
      const lines = (await ask(port, 'CLUSTER', 'NODES')).split('\n');
      return lines
        .filter((line) => /\bmaster\b/.test(line) && !/\bfail\b/.test(line))
        .map((line) => Number(/:(\d+)@/.exec(line)?.[1]));
    },
    async grow() {
      const node = await startNode();
      nodes.push(node);
      const [to, from] = [`127.0.0.1:${String(node.port)}`, `127.0.0.1:${String(port)}`];
      await cli('--cluster', 'add-node', to, from);
      await everybodyKnows(nodes, ask);
      await cli('--cluster', 'rebalance', from, '--cluster-use-empty-masters');
      return node;
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.kill()));
    },
  };
  await everybodyKnows(nodes, ask);
  await replicasFollow(nodes, ask);
  return cluster;
}

/** Waits until half of the nodes are replicas that have what their masters have. */
async function replicasFollow(nodes: readonly Redis[], ask: RedisCluster['ask']): Promise<void> {
  for (let following = 0; following < nodes.length / 2;) {
    const infos = await Promise.all(nodes.map(({ port }) => ask(port, 'INFO', 'replication')));
    following = infos.filter((info) => info.includes('master_link_status:up')).length;
    await sleep(50);
  }
}

/** Waits until each node says that the cluster is whole. */
async function everybodyKnows(nodes: readonly Redis[], ask: RedisCluster['ask']): Promise<void> {
  for (const { port } of nodes)
    for (let isWhole = false; !isWhole;) {
      const info = await ask(port, 'CLUSTER', 'INFO');
      isWhole =
        info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${String(nodes.length)}`);
      if (!isWhole) await sleep(50);
    }
}

// What the store asks of a Redis client: commands, sent as they are to the master that has their key. The clients of the
// field differ in how they are told; here they become one. They are handed in, never imported.
import { SessionError } from '../../core/errors.js';
import { CLOSED, explained } from './replies.js';

/** A client of node-redis (`createClient`, `createClientPool`), 4 or later. */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  sendCommand(args: string[], options?: object): Promise<unknown>;
}

/** A sentinel client of node-redis (`createSentinel`). */
export interface NodeRedisSentinel {
  readonly isOpen: boolean;
  acquire(): Promise<unknown>;
  sendCommand(isReadonly: boolean | undefined, args: string[], options?: object): Promise<unknown>;
}

/** A cluster client of node-redis (`createCluster`). */
export interface NodeRedisCluster {
  readonly masters: readonly unknown[];
  nodeClient(node: never): unknown;
  sendCommand(
    key: string | undefined,
    isReadonly: boolean | undefined,
    args: string[],
    options?: object,
  ): Promise<unknown>;
}

/** A client of ioredis, 5 or later, Sentinel included. */
export interface IoRedisClient {
  readonly status: string;
  readonly isCluster: boolean;
  call(command: string, args: string[]): unknown;
}

/** A cluster client of ioredis. */
export interface IoRedisCluster extends IoRedisClient {
  nodes(role: 'master'): unknown[];
}

export type RedisClient =
  NodeRedisClient | NodeRedisSentinel | NodeRedisCluster | IoRedisClient | IoRedisCluster;

/** Replies as Redis gives them, whatever the application has its own turned into. */
const PLAIN = { typeMapping: {} };

export interface Master {
  readonly send: (args: string[]) => Promise<unknown>;
}

export interface Connection {
  /** Sends a command to the master that has the key. */
  readonly send: (key: string, args: string[]) => Promise<unknown>;
  /** All of them: one, or those of a cluster. */
  readonly masters: () => Promise<Master[]>;
}

/** @throws {SessionError} ERR_SESSION_OPTIONS */
export function connectionOf(client: unknown): Connection {
  assertNoPrefix(client);
  if (isIoRedis(client)) return client.isCluster ? ioRedisCluster(client) : ioRedis(client);
  if (has(client, 'sendCommand', 'nodeClient'))
    return nodeRedisCluster(client as unknown as NodeRedisCluster);
  if (has(client, 'sendCommand', 'acquire') && !('execute' in client))
    return nodeRedisSentinel(client as unknown as NodeRedisSentinel);
  if (has(client, 'sendCommand', 'on')) return nodeRedis(client as unknown as NodeRedisClient);
  throw wrongClient(client);
}

/** The methods that tell one client from another. */
function has(client: unknown, ...methods: string[]): client is Record<string, unknown> {
  return (
    typeof client === 'object' &&
    client !== null &&
    methods.every((name) => typeof (client as Record<string, unknown>)[name] === 'function')
  );
}

function isIoRedis(client: unknown): client is IoRedisClient & Partial<IoRedisCluster> {
  return has(client, 'call', 'on') && typeof client['status'] === 'string';
}

const alone = (send: Master['send']): Connection => ({
  send: (_key, args) => send(args),
  masters: () => Promise.resolve([{ send }]),
});

const nodeRedis = (client: NodeRedisClient): Connection =>
  alone((args) => client.sendCommand(args, PLAIN).catch(explained));

// Not as a command that only reads, which may be sent to a replica.
const nodeRedisSentinel = (client: NodeRedisSentinel): Connection =>
  // Before it is connected it fails with an error that says nothing.
  alone(async (args) =>
    client.isOpen ? client.sendCommand(false, args, PLAIN).catch(explained) : explained(CLOSED),
  );

const nodeRedisCluster = (client: NodeRedisCluster): Connection => ({
  send: (key, args) => client.sendCommand(key, false, args, PLAIN).catch(explained),
  masters: async () => {
    if (client.masters.length === 0) explained(CLOSED);
    return Promise.all(
      client.masters.map(async (master) => {
        const node = await Promise.resolve(client.nodeClient(master as never)).catch(explained);
        return {
          send: (args: string[]) => (node as NodeRedisClient).sendCommand(args, PLAIN).catch(explained),
        };
      }),
    );
  },
});

function ioRedis(client: IoRedisClient): Connection {
  assertMaster(client);
  return alone(callOf(client));
}

function ioRedisCluster(client: IoRedisClient & Partial<IoRedisCluster>): Connection {
  assertMaster(client);
  const send = callOf(client);
  const nodes = (): unknown[] => client.nodes?.('master') ?? [];
  return {
    send: (_key, args) => send(args),
    masters: async () => {
      // One that was told to connect when it is needed.
      if (nodes().length === 0) await send(['PING']);
      if (nodes().length === 0) explained(CLOSED);
      return nodes().map((node) => ({ send: callOf(node as IoRedisClient) }));
    },
  };
}

const callOf =
  (client: IoRedisClient): Master['send'] =>
  ([command = '', ...args]) =>
    Promise.resolve(client.call(command, args)).catch(explained);

/** What a replica says may be old: a session that ended would live there for a while. */
function assertMaster(client: object): void {
  const { options = {} } = client as {
    options?: { scaleReads?: unknown; role?: unknown; readOnly?: unknown };
  };
  const { scaleReads = 'master', role = 'master', readOnly = false } = options;
  if (scaleReads !== 'master' || role !== 'master' || readOnly !== false)
    throw new SessionError(
      'ERR_SESSION_OPTIONS',
      'Wrong options for RedisStore: "client" reads from replicas, where a session that has ended may still live; ' +
        "give it one with scaleReads: 'master', role: 'master' and without readOnly.",
    );
}

/** It would be put before some of our keys and not before others, nor before the pattern that finds them. */
function assertNoPrefix(client: unknown): void {
  const { _keyPrefix, options } = (client ?? {}) as {
    _keyPrefix?: string;
    options?: { keyPrefix?: string; redisOptions?: { keyPrefix?: string } };
  };
  if (_keyPrefix ?? options?.keyPrefix ?? options?.redisOptions?.keyPrefix)
    throw new SessionError(
      'ERR_SESSION_OPTIONS',
      'Wrong options for RedisStore: "client" has a keyPrefix; give the store a "prefix" and a client without one.',
    );
}

function wrongClient(client: unknown): SessionError {
  return new SessionError(
    'ERR_SESSION_OPTIONS',
    `Wrong options for RedisStore: "client" ${whatIsWrong(client)}.`,
  );
}

function whatIsWrong(client: unknown): string {
  const wanted =
    'must be a client: `createClient()`, `createCluster()` or `createSentinel()` of redis 4 or later, or `new Redis()` or ' +
    '`new Cluster()` of ioredis 5 or later';
  if (client === undefined || client === null) return `is missing; it ${wanted}`;
  if (client instanceof Promise || has(client, 'then'))
    return `is a promise; \`await\` it first. It ${wanted}`;
  if (has(client, 'send_command')) return `is one of redis 3 or older; it ${wanted}`;
  return wanted;
}

// What Redis and its clients say when something is wrong, and what to do about it.
import { SessionError } from '../../core/errors.js';

const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /(client|connection) is closed/i,
    'the client is not connected: `await client.connect()` before the first request, and close it after the last; ' +
      'redis closes it by itself after a socketTimeout, unless a reconnectStrategy says otherwise',
  ],
  [
    /^(NOAUTH|WRONGPASS|NOPERM)\b|user executing the script can't/,
    "the server refuses the client's user: look at its password and its rights (ACL)",
  ],
  [
    // Behind a dash in what scripts of Redis 6 fail with.
    /(^|-)(READONLY|MASTERDOWN)\b/,
    'the server is a replica: connect to the master, through Sentinel or as a cluster',
  ],
  [/^LOADING\b/, 'the server is reading its data from the disk; it will answer soon'],
  [
    /(^|-)OOM\b/,
    'the server is out of memory: raise maxmemory; an eviction policy other than noeviction logs users out',
  ],
  [/^(MOVED|ASK|CROSSSLOT)\b/, 'the server is a node of a cluster: use a cluster client'],
  [
    /ECONN|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|socket closed|disconnects client|connection timeout|client is offline|stream isn't writeable|cluster isn't ready|none of (startup nodes|the sentinels)|nodes are unavailable|refresh slots cache|sentinels are unreachable/i,
    'the server cannot be reached',
  ],
  [
    /max retries per request|(socket|command) timeout|timeout waiting|command timed out|CommandTimeout|TimeoutError/i,
    'the server does not answer',
  ],
  [/(^|-)(MISCONF|NOREPLICAS)\b/, 'the server takes no writes: its disk or its replicas are missing'],
  [/^CLUSTERDOWN\b/, 'the cluster has no master for some of its slots'],
  [
    /^WRONGTYPE\b|SESSION-FOREIGN/,
    'a value under the key of a session is none of ours: give the store a prefix of its own',
  ],
  [/unknown command|unknown subcommand|syntax error/i, 'the server is too old: Redis 6.2 or later is needed'],
];

/** For clients that do not say so themselves: a cluster without masters must not be taken for an empty one. */
export const CLOSED = new Error('The client is closed');

/** Whether the server does not know a script (any more). */
export const isScriptMissing = (error: unknown): boolean => messageOf(error).includes('NOSCRIPT');

/** Whether a value is of another type than the command is for. */
export const isWrongType = (error: unknown): boolean =>
  error instanceof Error && /^WRONGTYPE\b/.test(messageOf(error.cause));

/** Whether one of our scripts found what is none of ours. */
export const isForeign = (error: unknown): boolean =>
  error instanceof Error && messageOf(error.cause).includes('SESSION-FOREIGN');

/**
 * Rejects with an error that says what to do. The client's own error is no part of it: those of both clients can hold
 * the command, and with it keys and data.
 */
export function explained(error: unknown): never {
  const said = messageOf(error);
  const [, advice] = ADVICE.find(([sign]) => sign.test(said)) ?? [];
  if (advice === undefined && isScriptMissing(error)) throw new Error('NOSCRIPT');
  throw new SessionError(
    'ERR_SESSION_STORE',
    advice === undefined
      ? 'The session store failed: Redis did not do what it was asked.'
      : `The session store failed: ${advice}.`,
    { cause: toldOf(error) },
  );
}

/** An error of a client without the command, its keys, data and passwords. */
export const toldOf = (error: unknown): Error =>
  // Redis quotes the arguments of a command that it does not know.
  new Error(messageOf(error).replace(/, with args beginning with:.*$/s, ''));

function messageOf(error: unknown): string {
  // Some of node-redis have no message.
  return error instanceof Error ? error.message || error.constructor.name : String(error);
}

/** A reply of names and numbers: flat as RESP2 has it, in pairs or as an object as RESP3 has it. */
export function pairsOf(reply: unknown): [string, number][] {
  if (reply instanceof Map) return pairsOf([...(reply as Map<unknown, unknown>)]);
  if (!Array.isArray(reply)) return pairsOf(Object.entries(reply ?? {}));
  const flat = reply.flat().map(String);
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at] ?? '', Number(flat[2 * at + 1])]);
}

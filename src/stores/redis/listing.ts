// Going through the keys of a store, a page at a time: all of them by SCAN, one master after the other, or a user's in the
// order in which they came. What is there all the while is listed once at least. A page may find more than it has room for:
// then the next one asks from the same place again, and leaves out what was listed.
//
// A cursor of SCAN means something to the very process that gave it, and to no other: not to one that was restarted, nor to
// the replica that took over. So each is told by the id of its run. One that is not known begins anew, and may list again.
import { SessionError } from '../../core/errors.js';
import type { Connection, Master } from './client.js';
import { pairsOf } from './replies.js';
import { runOn, script } from './script.js';

export interface Place {
  /** Runs that are done, and the one that is gone through; `''`: none yet. For a user's keys there are none. */
  readonly done: readonly string[];
  readonly run: string;
  /** Redis's own cursor; of a user's keys, when the last one came. */
  readonly at: string;
  /** Marks of what was found there and listed already. */
  readonly seen: readonly string[];
}

export const START: Place = { done: [], run: '', at: '0', seen: [] };

/** Hex digits. */
export const MARK_LENGTH = 16;
const MARK = /^[0-9a-f]{16}$/;
/** So many hex digits of a run's id tell it from those of other masters. */
const RUN_LENGTH = 12;
const RUN = /^([0-9a-f]{12})?$/;

/** A handle: this, and 64 hex digits. */
export const SHA256 = 'sha256:';
const HANDLE_LENGTH = SHA256.length + 64;

/** Redis counts with 64 bits. */
const MAX_CURSOR = 2n ** 64n - 1n;
/** How many SCANs may find nothing before a page is returned without a session. */
const ROUNDS = 20;

/** What one step found, and where the next one begins; `null`: this was the last. */
export interface Found<Entry> {
  readonly entries: readonly Entry[];
  /** Where they were found. */
  readonly from: Place;
  readonly next: Place | null;
}

export interface ScanOptions {
  readonly pattern: string;
  /** Only values of this type. */
  readonly type: string;
  /** How many keys Redis looks at in one go. */
  readonly count: number;
}

/** The next keys of a whole store. */
export async function scan(
  connection: Connection,
  place: Place,
  { pattern, type, count }: ScanOptions,
): Promise<Found<string>> {
  const masters = await Promise.all(
    (await connection.masters()).map(async (master) => ({ master, run: await runOf(master) })),
  );
  let from = place;
  for (let round = 0; ; round++) {
    const left = masters.filter(({ run }) => !from.done.includes(run));
    const current = left.find(({ run }) => run === from.run) ?? left[0];
    if (current === undefined) return { entries: [], from, next: null };
    const { master, run } = current;
    if (run !== from.run) from = { done: from.done, run, at: '0', seen: [] };
    const args = ['SCAN', from.at, 'MATCH', pattern, 'COUNT', String(count), 'TYPE', type];
    const [cursor, keys] = (await master.send(args)) as [unknown, unknown[]];
    const at = String(cursor);
    const next =
      at === '0' ? { ...START, done: [...from.done, run] } : { done: from.done, run, at, seen: [] };
    if (keys.length > 0 || round >= ROUNDS)
      return { entries: keys.map(String), from, next: at === '0' && left.length === 1 ? null : next };
    from = next;
  }
}

/**
 * the cursor, the pattern, the type, how many keys to look at, the length of the prefix, the length of a name: where ids
 * have no fixed one it is 0, and what begins as no id does is left out
 */
const COUNT = script(`
local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'TYPE', ARGV[3], 'COUNT', ARGV[4])
local count, at, length = 0, tonumber(ARGV[5]) + 1, tonumber(ARGV[6])
for _, name in ipairs(found[2]) do
  if length > 0 and #name == length or length == 0 and not string.find(name, '^[@{]', at) then count = count + 1 end
end
return {found[1], count}`);

/** How many keys there are, counted by the masters: of a million names none is sent. */
export async function countKeys(
  connection: Connection,
  { pattern, type, count }: ScanOptions,
  { prefix, areHandles }: { readonly prefix: string; readonly areHandles: boolean },
): Promise<number> {
  const begin = Buffer.byteLength(prefix);
  // Handles are as long as each other: looking at each of their letters would take three times as long as finding them.
  const length = areHandles ? begin + HANDLE_LENGTH : 0;
  const rest = [pattern, type, ...[count, begin, length].map(String)];
  const counts = (await connection.masters()).map(async (master) => {
    let [cursor, sum] = ['0', 0];
    do {
      const [next, found] = (await runOn(master, COUNT, [], [cursor, ...rest])) as [unknown, unknown];
      [cursor, sum] = [String(next), sum + Number(found)];
    } while (cursor !== '0');
    return sum;
  });
  return (await Promise.all(counts)).reduce((sum, each) => sum + each, 0);
}

/** The id of a server's run: another one after each start. */
async function runOf({ send }: Master): Promise<string> {
  const [, id] = /^run_id:([0-9a-f]+)/m.exec(String(await send(['INFO', 'server']))) ?? [];
  if (id === undefined)
    throw new SessionError('ERR_SESSION_STORE', 'The session store failed: INFO of Redis has no run_id.');
  return id.slice(0, RUN_LENGTH);
}

/** The next members of a sorted set, with their scores, in order. */
export async function scanSet(
  connection: Connection,
  key: string,
  place: Place,
  { count, markOf }: { readonly count: number; readonly markOf: (member: string) => string },
): Promise<Found<[string, number]>> {
  // Those of one moment stand together.
  const limit = count + place.seen.length;
  const args = ['ZRANGEBYSCORE', key, place.at, '+inf', 'WITHSCORES', 'LIMIT', '0', String(limit)];
  const entries = pairsOf(await connection.send(key, args));
  const [, last] = entries.at(-1) ?? [];
  if (last === undefined || entries.length < limit) return { entries, from: place, next: null };
  const seen = entries.filter(([, score]) => score === last).map(([member]) => markOf(member));
  return { entries, from: place, next: { ...START, at: String(last), seen } };
}

export function cursorOf({ done, run, at, seen }: Place): string {
  return Buffer.from(JSON.stringify([done, run, at, ...seen])).toString('base64url');
}

/** @throws {SessionError} ERR_SESSION_CURSOR */
export function placeOf(cursor: string | undefined): Place {
  if (cursor === undefined) return START;
  try {
    const [done, run, at, ...seen] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    const isRun = (value: unknown): boolean => typeof value === 'string' && RUN.test(value);
    const isPlace = Array.isArray(done) && done.every(isRun) && isRun(run);
    const isAt = typeof at === 'string' && /^\d{1,20}$/.test(at) && BigInt(at) <= MAX_CURSOR;
    const isSeen = seen.every((mark) => typeof mark === 'string' && MARK.test(mark));
    if (isPlace && isAt && isSeen) return { done, run, at, seen } as Place;
  } catch {
    // As any other text that is none.
  }
  throw new SessionError('ERR_SESSION_CURSOR', 'The cursor is not one that a page returned.');
}

// Going through the keys of a store, a page at a time: all of them by SCAN, one master after the other, or a user's by
// ZSCAN. Both return each key that is there all the while, and may return more of them than a page holds: then the next
// page asks from the same place again, and leaves out what was listed.
import { SessionError } from '../../core/errors.js';
import type { Connection, Master } from './client.js';
import { pairsOf } from './replies.js';

export interface Place {
  /** The master that is gone through; before it come those with smaller names. */
  readonly master: string;
  /** Redis's own cursor. */
  readonly at: string;
  /** Marks of what was found there and listed already. */
  readonly seen: readonly string[];
}

export const START: Place = { master: '', at: '0', seen: [] };

/** Hex digits. */
export const MARK_LENGTH = 16;
const MARK = /^[0-9a-f]{16}$/;

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
  const masters = (await connection.masters()).sort(byName);
  let { at } = place;
  let master = masters.find(({ name }) => name >= place.master);
  if (master?.name !== place.master) at = '0';
  let from = place;
  for (let round = 0; master !== undefined; round++) {
    if (round > 0 || at !== place.at || master.name !== place.master)
      from = { master: master.name, at, seen: [] };
    const args = ['SCAN', at, 'MATCH', pattern, 'COUNT', String(count), 'TYPE', type];
    const [next, keys] = (await master.send(args)) as [unknown, unknown[]];
    at = String(next);
    const { name } = master;
    if (at === '0') master = masters.find((other) => other.name > name);
    if (keys.length > 0 || round >= ROUNDS)
      return {
        entries: keys.map(String),
        from,
        next: master === undefined ? null : { master: master.name, at, seen: [] },
      };
  }
  return { entries: [], from, next: null };
}

const byName = (a: Master, b: Master): number => (a.name < b.name ? -1 : Number(a.name > b.name));

/** The next members of a sorted set, with their scores. */
export async function scanSet(
  connection: Connection,
  key: string,
  place: Place,
  count: number,
): Promise<Found<[string, number]>> {
  const reply = await connection.send(key, ['ZSCAN', key, place.at, 'COUNT', String(count)]);
  const [next, members] = reply as [unknown, unknown];
  const at = String(next);
  return { entries: pairsOf(members), from: place, next: at === '0' ? null : { ...START, at } };
}

export function cursorOf(place: Place): string {
  return Buffer.from(JSON.stringify([place.master, place.at, ...place.seen])).toString('base64url');
}

/** @throws {SessionError} ERR_SESSION_CURSOR */
export function placeOf(cursor: string | undefined): Place {
  if (cursor === undefined) return START;
  try {
    const [master, at, ...seen] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    const isPlace = typeof master === 'string' && typeof at === 'string' && /^\d{1,20}$/.test(at);
    const isSeen = seen.every((mark) => typeof mark === 'string' && MARK.test(mark));
    if (isPlace && isSeen && BigInt(at) <= MAX_CURSOR) return { master, at, seen: seen as string[] };
  } catch {
    // As any other text that is none.
  }
  throw new SessionError('ERR_SESSION_CURSOR', 'The cursor is not one that a page returned.');
}

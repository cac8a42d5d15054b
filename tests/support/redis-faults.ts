// What the tests of a failing Redis share: a session full of secrets, every call of the store, and what an error may show.
// Knows no test.
import type { SessionRecord } from '../../src/core/contract.js';
import { newVersion } from '../../src/core/record.js';
import type { RedisStore } from '../../src/stores/redis-store.js';
import { leaksIn, textOf } from '../security/leaks.js';
import { HOUR } from './redis-world.js';

export const ID = 'raw-id-of-a-session-that-nobody-may-see';
export const OTHER_ID = 'raw-id-of-a-session-that-is-not-there-yet';
export const OWNER = 'ada.lovelace@example.org';
export const CARD = 'card-4111-1111-1111-1111';
export const PASSWORD = 'password-of-the-server';
/** What no error may show. */
const SECRETS = { id: [ID, OTHER_ID], owner: [OWNER], data: [CARD], password: [PASSWORD] };

export type Call = (store: RedisStore, record: SessionRecord, other: SessionRecord) => Promise<unknown>;
export const READS: Readonly<Record<string, Call>> = {
  find: (store, { key }) => store.find(key),
  page: (store) => store.page({ limit: 10 }),
  'page of a user': (store) => store.page({ owner: OWNER, limit: 10 }),
  count: (store) => store.count(),
};
/** Those that need memory. */
export const GROWING: Readonly<Record<string, Call>> = {
  insert: (store, _record, other) => store.insert(other),
  replace: (store, record) => store.replace({ ...record, version: newVersion() }, record.version),
  extend: (store, { key, expiresAt }) => store.extend(key, (expiresAt ?? 0) + HOUR),
  revokeBefore: (store) => store.revokeBefore(1, OWNER),
};
export const WRITES: typeof READS = {
  ...GROWING,
  remove: (store, { key }) => store.remove(key),
  clear: (store) => store.clear(),
};
export const ALL: typeof READS = { ...READS, ...WRITES, ping: (store) => store.ping() };
export const some = (...names: string[]): typeof READS =>
  Object.fromEntries(Object.entries(ALL).filter(([name]) => names.includes(name)));

/** What makes the records of such sessions. */
export const FACTS = { owner: OWNER, data: JSON.stringify({ card: CARD }) };

/** What a call fails with, which shows nothing that is secret. */
export async function failureOf(call: Promise<unknown>): Promise<Error> {
  const error: unknown = await call.then(
    () => new Error('It did not fail.'),
    (reason: unknown) => reason,
  );
  expect(leaksIn(textOf(error), SECRETS)).toEqual([]);
  return error as Error;
}

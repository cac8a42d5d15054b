// Versions and closed records.
import { CLOSED_FOR_MS, isBroken, type SessionKey, type SessionRecord } from '../../src/core/contract.js';
import { closedRecord, newVersion } from '../../src/core/record.js';

const record: SessionRecord = {
  v: 1,
  key: 'k' as SessionKey,
  data: '{"secret":1}',
  version: 'v',
  createdAt: 5,
  deadlineAt: 99_000,
  idleMs: 1_000,
  expiresAt: 2_000,
  owner: 'ada',
  meta: { agent: 'x' },
};

it('makes a version that no other write has', () => {
  expect(new Set(Array.from({ length: 10_000 }, newVersion)).size).toBe(10_000);
});

it('makes versions that differ from those of another process', async () => {
  const mine = newVersion();
  jest.resetModules();
  const other = await import('../../src/core/record.js');
  const theirs = other.newVersion();
  const writer = (version: string): string => version.slice(0, 12);
  expect(writer(mine)).toMatch(/^[\w-]{12}$/);
  expect(writer(theirs)).not.toBe(writer(mine));
  expect(writer(newVersion())).toBe(writer(mine));
});

it('closes a record: no data, no user, no facts, a version of its own, recognisable for a minute', () => {
  const closed = closedRecord(record, 1_500);
  expect(closed).toEqual({
    v: 1,
    key: 'k',
    data: '{}',
    version: expect.any(String) as string,
    createdAt: 5,
    deadlineAt: null,
    idleMs: null,
    expiresAt: 1_500 + 60_000,
    closed: { at: 1_500 },
  });
  expect(closed.version).not.toBe('v');
  expect(CLOSED_FOR_MS).toBe(60_000);
});

it('tells where a session that was renewed goes on', () => {
  expect(closedRecord(record, 1_500, 'next' as SessionKey).closed).toEqual({ at: 1_500, movedTo: 'next' });
  expect(closedRecord(record, 1_500).closed).not.toHaveProperty('movedTo');
});

it('tells a broken entry of a page from a record', () => {
  expect(isBroken({ key: record.key, error: new Error('unreadable') })).toBe(true);
  expect(isBroken(record)).toBe(false);
});

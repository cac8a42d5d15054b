// The sentences of the contract about `page`, for stores that can list.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';

import { isBroken, type PageOptions, type SessionKey, type SessionRecord } from '../../core/contract.js';
import { SHORT_MS, sameRecord, times, type Sentences, type Subject } from './subject.js';

const MANY = 25;
const LIMIT = 4;
/** More than any listing here needs, empty pages included. */
const MAX_PAGES = 1_000;

/** Every record of a listing, by key. Between two pages `meanwhile` happens. */
async function list(
  subject: Subject,
  options: Partial<PageOptions> = {},
  meanwhile: () => Promise<void> = () => Promise.resolve(),
): Promise<Map<SessionKey, SessionRecord>> {
  const store = subject.with('page');
  const listed = new Map<SessionKey, SessionRecord>();
  const { limit = LIMIT } = options;
  let cursor: string | null = null;
  for (let pages = 0; pages === 0 || cursor !== null; pages++) {
    ok(pages < MAX_PAGES, 'the cursor never comes to an end');
    const page = await store.page({ ...options, limit, ...(cursor === null ? {} : { cursor }) });
    ok(page.records.length <= limit, `a page of ${limit} holds ${page.records.length} records`);
    for (const entry of page.records) {
      ok(!isBroken(entry), 'a sound record is listed as broken');
      listed.set(entry.key, entry);
    }
    cursor = page.cursor;
    if (cursor !== null) await meanwhile();
  }
  return listed;
}

function sameKeys(listed: ReadonlyMap<SessionKey, SessionRecord>, expected: readonly SessionRecord[]): void {
  deepEqual([...listed.keys()].sort(), expected.map(({ key }) => key).sort());
}

async function insertMany(
  subject: Subject,
  count: number,
  parts: Partial<SessionRecord> = {},
): Promise<SessionRecord[]> {
  const records = times(count, (n) => subject.record({ data: JSON.stringify({ n }), ...parts }));
  for (const record of records) await subject.inserted(record);
  return records;
}

export const pageCases: Sentences = {
  'page of a store without sessions lists nothing': async (subject) => {
    equal((await list(subject)).size, 0);
    equal((await list(subject, { owner: 'nobody' })).size, 0);
  },

  'page by page every living session is listed, and no page holds more than its limit': async (subject) => {
    const records = await insertMany(subject, MANY);
    for (const limit of [1, LIMIT, MANY - 1, MANY, MANY + 1, 1_000])
      sameKeys(await list(subject, { limit }), records);
  },

  'page lists records whole': async (subject) => {
    const records = [await subject.inserted(subject.fullRecord()), await subject.inserted()];
    const listed = await list(subject);
    for (const record of records) sameRecord(listed.get(record.key) as SessionRecord, record);
  },

  'page with { withData: false } may leave out the data, and nothing else': async (subject) => {
    const record = await subject.inserted(subject.fullRecord());
    const listed = (await list(subject, { withData: false })).get(record.key);
    ok(listed);
    ok(listed.data === '{}' || listed.data === record.data);
    sameRecord({ ...listed, data: record.data }, record);
  },

  'page lists no closed session': async (subject) => {
    const living = [await subject.inserted(), await subject.inserted(subject.fullRecord())];
    await subject.closed();
    await subject.closed(subject.key());
    sameKeys(await list(subject), living);
    sameKeys(await list(subject, { owner: 'user-1' }), living.slice(1));
  },

  'page lists no expired session': async (subject) => {
    const living = await insertMany(subject, 3, { owner: 'user-1' });
    const { now } = subject;
    await insertMany(subject, 3, { owner: 'user-1', expiresAt: now + SHORT_MS });
    await insertMany(subject, 3, { owner: 'user-1', expiresAt: null, deadlineAt: now + SHORT_MS });
    await subject.advance(SHORT_MS);
    sameKeys(await list(subject), living);
    sameKeys(await list(subject, { owner: 'user-1' }), living);
  },

  'page lists no removed session': async (subject) => {
    const [gone, ...rest] = await insertMany(subject, LIMIT, { owner: 'user-1' });
    equal(await subject.store.remove((gone as SessionRecord).key), true);
    sameKeys(await list(subject), rest);
    sameKeys(await list(subject, { owner: 'user-1' }), rest);
  },

  'page by owner lists the sessions of this user, all of them and no others': async (subject) => {
    const owners = ['user-1', 'user-10', 'USER-1', 'user', 'user-%', 'user_1', '*', 'user-1 '];
    await insertMany(subject, 2);
    const byOwner = new Map<string, SessionRecord[]>();
    for (const owner of owners) byOwner.set(owner, await insertMany(subject, 2, { owner }));
    byOwner.get('user-1')?.push(...(await insertMany(subject, MANY, { owner: 'user-1' })));
    for (const [owner, records] of byOwner) sameKeys(await list(subject, { owner }), records);
    sameKeys(await list(subject, { owner: 'user-2' }), []);
  },

  'page misses no session that lives through the listing while others come and go': async (subject) => {
    const { store } = subject;
    for (const options of [{}, { owner: 'user-1' }]) {
      const owned = { owner: 'user-1' };
      const staying: SessionRecord[] = [];
      const leaving: SessionRecord[] = [];
      for (let n = 0; n < MANY; n++) {
        leaving.push(...(await insertMany(subject, 1, owned)));
        staying.push(...(await insertMany(subject, 1, owned)));
      }
      let turn = 0;
      const listed = await list(subject, options, async () => {
        const gone = leaving.shift();
        if (gone !== undefined) await store.remove(gone.key);
        if (turn < MANY) await insertMany(subject, 1, owned);
        const written = staying[turn % MANY] as SessionRecord;
        const next = subject.rewritten(written, JSON.stringify({ turn }));
        equal(await store.replace(next, written.version), true);
        equal(await store.extend(written.key, written.expiresAt), true);
        staying[turn++ % MANY] = next;
      });
      for (const { key } of staying)
        ok(listed.has(key), 'a session that lived through the listing was missed');
    }
  },

  'page rejects a cursor that no page returned': async (subject) => {
    await insertMany(subject, LIMIT);
    const store = subject.with('page');
    await rejects(async () => store.page({ limit: LIMIT, cursor: 'no such cursor' }));
  },

  'page reads without changing: a listed record is a value': async (subject) => {
    const record = await subject.inserted(subject.fullRecord());
    const truth = structuredClone(record);
    const listed = (await list(subject)).get(record.key) as SessionRecord;
    Reflect.set(listed, 'data', '"spoiled"');
    Reflect.set(listed.meta as object, 'spoiled', true);
    await subject.finds(truth);
  },
};

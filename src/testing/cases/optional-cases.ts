// The sentences of the contract about the optional primitives, `page` excepted.
import { equal, ok } from 'node:assert/strict';

import { CLOSED_FOR_MS, type Capability } from '../../core/contract.js';
import { revokeCases } from './revoke-cases.js';
import { LONG_MS, SHORT_MS, sameRecord, times, type Sentences, type Subject } from './subject.js';

/** "Those that ended within the last two seconds may wait for the next call." */
const MAY_WAIT_MS = 2_000;

/** Calls until nothing is left to remove, and says how many went. */
async function sweep(subject: Subject, limit = 1_000): Promise<number> {
  const store = subject.with('removeExpired');
  let sum = 0;
  for (let removed = -1; removed !== 0; sum += removed) {
    removed = await store.removeExpired(limit);
    ok(removed >= 0 && removed <= limit, `removeExpired(${limit}) says ${removed}`);
    ok(sum < 10_000, 'removeExpired never comes to an end');
  }
  return sum;
}

const removeExpired: Sentences = {
  'removeExpired removes what has expired and says how many went': async (subject) => {
    const { now } = subject;
    const idle = times(3, () => subject.record({ expiresAt: now + SHORT_MS }));
    const ended = times(2, () =>
      subject.record({ owner: 'user-1', expiresAt: null, deadlineAt: now + SHORT_MS }),
    );
    for (const record of [...idle, ...ended]) await subject.inserted(record);
    equal(await sweep(subject), 0, 'nothing has expired yet');
    await subject.advance(SHORT_MS + MAY_WAIT_MS);
    equal(await sweep(subject), 5);
    equal(await sweep(subject), 0);
    for (const { key } of [...idle, ...ended]) await subject.isFree(key);
  },

  'removeExpired leaves the living, those that were extended and those that are closed': async (subject) => {
    const { now, store } = subject;
    const living = [
      await subject.inserted(subject.fullRecord()),
      await subject.inserted(subject.record({ expiresAt: null, idleMs: null, deadlineAt: null })),
      await subject.closed(subject.key()),
    ];
    const short = await subject.inserted(subject.record({ expiresAt: now + SHORT_MS }));
    const expiresAt = now + LONG_MS;
    equal(await store.extend(short.key, expiresAt), true);
    const rewritten = await subject.inserted(subject.record({ expiresAt: now + SHORT_MS }));
    const next = { ...subject.rewritten(rewritten, '{}'), expiresAt };
    equal(await store.replace(next, rewritten.version), true);
    await subject.inserted(subject.record({ expiresAt: now + SHORT_MS }));
    await subject.advance(SHORT_MS + MAY_WAIT_MS);
    equal(await sweep(subject), 1);
    for (const record of [...living, { ...short, expiresAt }, next]) await subject.finds(record);
  },

  'removeExpired removes no more than its limit at once, and the rest when it is called again': async (
    subject,
  ) => {
    const expiresAt = subject.now + SHORT_MS;
    for (const record of times(7, () => subject.record({ expiresAt }))) await subject.inserted(record);
    await subject.advance(SHORT_MS + MAY_WAIT_MS);
    equal(await sweep(subject, 2), 7);
  },

  'removeExpired removes closed records that are outlived': async (subject) => {
    const closed = { data: '{}', closed: { at: subject.now + SHORT_MS - CLOSED_FOR_MS } };
    await subject.inserted(subject.record({ ...closed, expiresAt: subject.now + SHORT_MS }));
    await subject.advance(SHORT_MS + MAY_WAIT_MS);
    equal(await sweep(subject), 1);
  },

  'removeExpired removes a record whose end was brought nearer': async (subject) => {
    const record = await subject.inserted();
    const next = { ...subject.rewritten(record, '{}'), expiresAt: subject.now + SHORT_MS };
    equal(await subject.store.replace(next, record.version), true);
    await subject.advance(SHORT_MS + MAY_WAIT_MS);
    equal(await sweep(subject), 1);
  },
};

const count: Sentences = {
  'count is the number of sessions: writes, touches and closed ones add nothing to it': async (subject) => {
    const store = subject.with('count');
    equal(await store.count(), 0);
    const records = times(5, (n) => subject.record(n % 2 === 0 ? { owner: 'user-1' } : {}));
    for (const record of records) await subject.inserted(record);
    equal(await store.count(), 5);
    const [first, second] = records;
    ok(first && second);
    await store.insert(subject.record({ key: first.key }));
    await store.replace(subject.rewritten(first, '{}'), first.version);
    await store.extend(first.key, subject.now + LONG_MS);
    await store.extend(subject.key(), subject.now + LONG_MS);
    equal(await store.count(), 5);
    equal(await store.remove(second.key), true);
    equal(await store.remove(second.key), false);
    equal(await store.count(), 4);
    const closed = await subject.closed();
    equal(await store.count(), 4, 'a closed session is none');
    await store.remove(closed.key);
    equal(await store.count(), 4);
  },

  'count leaves out expired sessions once they are swept': async (subject) => {
    const store = subject.with('count');
    await subject.inserted();
    const expired = await subject.expired();
    await subject.advance(MAY_WAIT_MS);
    if (store.capabilities.has('removeExpired')) await sweep(subject);
    else await store.remove(expired.key);
    equal(await store.count(), 1);
  },
};

const findSync: Sentences = {
  'findSync answers as find does: living, absent, closed, expired': async (subject) => {
    const store = subject.with('findSync');
    const living = await subject.inserted(subject.fullRecord());
    const closed = await subject.closed(subject.key());
    for (const record of [living, closed]) {
      const found = store.findSync(record.key);
      ok(found);
      sameRecord(found, record);
      await subject.finds(record);
    }
    equal(store.findSync(subject.key()), null);
    const { key } = await subject.expired();
    equal(store.findSync(key), null);
    const ended = await subject.expired({ expiresAt: null, deadlineAt: subject.now + SHORT_MS });
    equal(store.findSync(ended.key), null);
    const next = subject.rewritten(living, '{"n":2}');
    equal(await store.replace(next, living.version), true);
    equal(store.findSync(living.key)?.version, next.version);
    equal(await store.remove(living.key), true);
    equal(store.findSync(living.key), null);
  },
};

const ping: Sentences = {
  'ping resolves if the store can serve': async (subject) => {
    await subject.with('ping').ping();
  },
};

const close: Sentences = {
  'close is idempotent': async (subject) => {
    const store = subject.with('close');
    await subject.inserted();
    await Promise.all([store.close(), store.close()]);
    await store.close();
  },

  'close lets go of what the store itself opened: another store goes on': async (subject) => {
    const other = await subject.another();
    const record = subject.record();
    equal(await other.insert(record), true);
    await subject.with('close').close();
    ok(await other.find(record.key));
    equal(await other.remove(record.key), true);
  },
};

/** `page` has a file of its own. */
export const optionalCases: Readonly<Record<Exclude<Capability, 'page'>, Sentences>> = {
  removeExpired,
  count,
  findSync,
  revokeBefore: revokeCases,
  ping,
  close,
};

// The sentences of the contract about `replace`: compare-and-set, and never a new record.
import { deepEqual, equal, ok } from 'node:assert/strict';

import type { SessionRecord } from '../../core/contract.js';
import { closedRecord, newVersion } from '../../core/record.js';
import { CALLERS, LONG_MS, SHORT_MS, times, type Sentences } from './subject.js';

export const replaceCases: Sentences = {
  'replace stores the record if the one under its key has the expected version': async (subject) => {
    const record = await subject.inserted(subject.fullRecord());
    const next = subject.rewritten(record, '{"visits":2}');
    equal(await subject.store.replace(next, record.version), true);
    await subject.finds(next);
    const after = subject.rewritten(next, '{"visits":3}');
    equal(await subject.store.replace(after, next.version), true);
    await subject.finds(after);
  },

  'replace says false and changes nothing if the record has changed': async (subject) => {
    const record = await subject.inserted();
    const theirs = subject.rewritten(record, '{"theirs":true}');
    equal(await subject.store.replace(theirs, record.version), true);
    equal(await subject.store.replace(subject.rewritten(record, '{"mine":true}'), record.version), false);
    await subject.finds(theirs);
    equal(await subject.store.replace(subject.rewritten(theirs, '{}'), newVersion()), false);
    await subject.finds(theirs);
  },

  'replace says false and creates nothing if the record is gone': async (subject) => {
    const never = subject.record();
    equal(await subject.store.replace(never, never.version), false);
    await subject.isFree(never.key);
    const removed = await subject.inserted();
    equal(await subject.store.remove(removed.key), true);
    equal(await subject.store.replace(subject.rewritten(removed, '{}'), removed.version), false);
    await subject.isFree(removed.key);
  },

  'replace says false and revives nothing if the record has expired': async (subject) => {
    const idle = await subject.expired();
    const ended = await subject.expired({ expiresAt: null, deadlineAt: subject.now + SHORT_MS });
    for (const record of [idle, ended]) {
      const late = {
        ...subject.rewritten(record, '{"late":true}'),
        expiresAt: subject.now + LONG_MS,
        deadlineAt: null,
      };
      equal(await subject.store.replace(late, record.version), false);
      await subject.isFree(record.key);
    }
  },

  'replace says false and changes nothing if the record is closed': async (subject) => {
    const closed = await subject.closed();
    const late = subject.record({ key: closed.key, data: '{"late":true}' });
    equal(await subject.store.replace(late, closed.version), false);
    await subject.finds(closed);
  },

  'replace closes a record: its data and its owner go, closed.at and closed.movedTo stay': async (
    subject,
  ) => {
    const record = await subject.inserted(subject.fullRecord());
    const closed = closedRecord(record, subject.now, subject.key());
    equal(await subject.store.replace(closed, record.version), true);
    await subject.finds(closed);
  },

  'replace keeps every field: owner, meta, createdAt, deadlineAt, idleMs, expiresAt': async (subject) => {
    const record = await subject.inserted(subject.fullRecord());
    const next: SessionRecord = {
      ...subject.rewritten(record, '{"visits":2}'),
      meta: { device: 'a desk', list: [1, null, { deep: '' }] },
      idleMs: LONG_MS - 1,
      expiresAt: subject.now + LONG_MS - 1,
    };
    equal(await subject.store.replace(next, record.version), true);
    await subject.finds(next);
  },

  'replace keeps what is null as null: deadlineAt, idleMs, expiresAt': async (subject) => {
    const record = await subject.inserted(subject.record({ deadlineAt: null }));
    const next = { ...subject.rewritten(record, '{}'), idleMs: null, expiresAt: null };
    equal(await subject.store.replace(next, record.version), true);
    await subject.finds(next);
  },

  'replace may bring the end nearer, and the record ends then': async (subject) => {
    const record = await subject.inserted();
    const next = { ...subject.rewritten(record, '{}'), expiresAt: subject.now + SHORT_MS };
    equal(await subject.store.replace(next, record.version), true);
    await subject.finds(next);
    await subject.advance(SHORT_MS);
    await subject.findsNothing(record.key);
  },

  'replace leaves other records alone': async (subject) => {
    const others = [await subject.inserted(), await subject.inserted(subject.fullRecord())];
    const record = await subject.inserted();
    equal(await subject.store.replace(subject.rewritten(record, '{}'), record.version), true);
    for (const other of others) await subject.finds(other);
  },

  'one of many parallel replaces against one version says true, and its record is the one that is stored':
    async (subject) => {
      const record = await subject.inserted();
      const writes = times(CALLERS, (n) => subject.rewritten(record, JSON.stringify({ n })));
      const answers = await Promise.all(writes.map((write) => subject.store.replace(write, record.version)));
      deepEqual([...answers].sort(), [...times(CALLERS - 1, () => false), true]);
      await subject.finds(writes[answers.indexOf(true)] as SessionRecord);
    },

  'writers that read and replace until they succeed lose no increment': async (subject) => {
    const { store } = subject;
    const { key } = await subject.inserted(subject.record({ data: '{"n":0}' }));
    const increment = async (): Promise<void> => {
      for (let stored = false; !stored;) {
        const found = await store.find(key, { fresh: true });
        ok(found);
        const { n } = JSON.parse(found.data) as { n: number };
        stored = await store.replace(subject.rewritten(found, JSON.stringify({ n: n + 1 })), found.version);
      }
    };
    await Promise.all(times(CALLERS, increment));
    equal((await store.find(key))?.data, JSON.stringify({ n: CALLERS }));
  },
};

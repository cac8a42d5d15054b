// The sentences of the contract about `insert`, and what data a store must carry unharmed.
import { deepEqual, equal, ok } from 'node:assert/strict';

import type { SessionId, SessionRecord } from '../../core/contract.js';
import { CALLERS, SHORT_MS, race, times, type Sentences, type Subject } from './subject.js';

/** Just under the default limit of 64 KiB. */
const LARGE = 60 * 1_024;

async function carries(subject: Subject, value: unknown): Promise<void> {
  const data = JSON.stringify(value);
  const record = await subject.inserted(subject.record({ data }));
  await subject.finds(record);
  const next = subject.rewritten(record, data);
  equal(await subject.store.replace(next, record.version), true);
  await subject.finds(next);
}

/** Tries to take over a key and proves that nothing came of it. */
async function refuses(subject: Subject, there: SessionRecord): Promise<void> {
  const intruder = subject.record({ key: there.key, data: '{"intruder":true}', owner: 'intruder' });
  equal(await subject.store.insert(intruder), false, 'insert must say false');
  await subject.finds(there, 'a refused insert must change nothing');
}

export const insertCases: Sentences = {
  'insert stores a new record and says true': async (subject) => {
    const record = subject.fullRecord();
    equal(await subject.store.insert(record), true);
    await subject.finds(record);
  },

  'insert says false and changes nothing if the key exists': async (subject) => {
    await refuses(subject, await subject.inserted(subject.fullRecord()));
  },

  'insert says false and changes nothing if the record is closed': async (subject) => {
    await refuses(subject, await subject.closed());
  },

  'insert may take the key of an expired record anew': async (subject) => {
    const { key } = await subject.expired();
    await subject.inserted(subject.record({ key }));
    const ended = await subject.expired({ expiresAt: null, deadlineAt: subject.now + SHORT_MS });
    await subject.finds(await subject.inserted(subject.fullRecord({ key: ended.key })));
  },

  'insert may take the key of a removed record anew': async (subject) => {
    const { key } = await subject.inserted();
    equal(await subject.store.remove(key), true);
    await subject.finds(await subject.inserted(subject.fullRecord({ key })));
  },

  'one of many parallel inserts of one key says true, and its record is the one that is stored': async (
    subject,
  ) => {
    const key = subject.key();
    const records = times(CALLERS, (n) => subject.record({ key, data: JSON.stringify({ n }) }));
    const answers = await Promise.all(records.map((record) => subject.store.insert(record)));
    deepEqual([...answers].sort(), [...times(CALLERS - 1, () => false), true]);
    await subject.finds(records[answers.indexOf(true)] as SessionRecord);
  },

  'one of many parallel inserts of an expired key says true': async (subject) => {
    const { key } = await subject.expired();
    equal(await race(times(CALLERS, () => () => subject.store.insert(subject.record({ key })))), 1);
  },

  'keys are told apart by every character, case included': async (subject) => {
    const ids = ['a'.repeat(43), 'A'.repeat(43), 'a'.repeat(42), `${'a'.repeat(42)}b`, `b${'a'.repeat(42)}`];
    const records = ids.map((id) =>
      subject.record({ key: subject.key(id as SessionId), data: JSON.stringify({ id }) }),
    );
    for (const record of records) await subject.inserted(record);
    for (const record of records) await subject.finds(record);
    equal(await subject.store.remove((records[0] as SessionRecord).key), true);
    for (const record of records.slice(1)) await subject.finds(record);
  },

  'empty data survives: {}': async (subject) => {
    await carries(subject, {});
  },

  "empty values survive: 0, '', null, false, [] and {}": async (subject) => {
    await carries(subject, { zero: 0, text: '', nothing: null, no: false, list: [], object: {} });
  },

  'text of every script survives, and so do control characters and the names of object methods': async (
    subject,
  ) => {
    await carries(subject, {
      text: 'Zoë, 東京, שלום, 👩‍👩‍👧, e\u0301, \u2028, \u0000, \\, ", \', `, %, _, $1, ${x}, {{y}}',
      '': 1,
      'a.b$c': 2,
      constructor: 3,
      toString: 4,
    });
  },

  'data of 60 KiB survives': async (subject) => {
    await carries(subject, { ascii: 'x'.repeat(LARGE / 2), wide: 'é'.repeat(LARGE / 4) });
  },

  'every required primitive takes a signal': async (subject) => {
    const { store } = subject;
    const options = { signal: new AbortController().signal };
    const record = subject.record();
    equal(await store.insert(record, options), true);
    const next = subject.rewritten(record, '{}');
    equal(await store.replace(next, record.version, options), true);
    equal(await store.extend(record.key, record.expiresAt, next, options), true);
    ok(await store.find(record.key, { ...options, fresh: true }));
    equal(await store.remove(record.key, options), true);
  },
};

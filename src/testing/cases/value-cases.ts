// Records are values: a store never changes one it has handed out, and nobody changes a stored one from outside.
import { equal, ok } from 'node:assert/strict';

import type { SessionRecord } from '../../core/contract.js';
import { DEADLINE_MS, sameRecord, type Sentences } from './subject.js';

/** Changes whatever can be changed; a frozen record stays as it is. */
function spoil(value: object): void {
  for (const [name, inner] of Object.entries(value) as [string, unknown][]) {
    if (typeof inner === 'object' && inner !== null) spoil(inner);
    else Reflect.set(value, name, typeof inner === 'number' ? inner - 1 : 'spoiled');
  }
  Reflect.set(value, 'spoiled', true);
}

export const valueCases: Sentences = {
  'a record that was handed in may change without changing the stored one': async (subject) => {
    const record = subject.fullRecord();
    const truth = structuredClone(record);
    await subject.inserted(record);
    spoil(record);
    await subject.finds(truth, 'insert kept a reference');
    const next = { ...subject.rewritten(truth, '{"n":2}'), meta: { n: { deep: 2 } } };
    const nextTruth = structuredClone(next);
    equal(await subject.store.replace(next, truth.version), true);
    spoil(next);
    await subject.finds(nextTruth, 'replace kept a reference');
  },

  'a record that was handed out may change without changing the stored one': async (subject) => {
    for (const record of [
      await subject.inserted(subject.fullRecord()),
      await subject.closed(subject.key()),
    ]) {
      const truth = structuredClone(record);
      const found = await subject.store.find(record.key);
      ok(found);
      spoil(found);
      await subject.finds(truth, 'find handed out a reference');
    }
  },

  'a record that was handed out stays as it is, whatever happens to the stored one': async (subject) => {
    const { store } = subject;
    const record = await subject.inserted(subject.fullRecord());
    const found = (await store.find(record.key)) as SessionRecord;
    const before = structuredClone(found);
    await store.extend(record.key, record.createdAt + DEADLINE_MS - 1);
    sameRecord(found, before, 'extend changed a record that was handed out');
    await store.replace({ ...subject.rewritten(record, '{"n":2}'), meta: { n: 2 } }, record.version);
    sameRecord(found, before, 'replace changed a record that was handed out');
    await store.remove(record.key);
    sameRecord(found, before, 'remove changed a record that was handed out');
  },
};

// The sentences of the contract about `extend`: it moves the end of a record, and nothing else.
import { equal, ok } from 'node:assert/strict';

import { CALLERS, DEADLINE_MS, LONG_MS, SHORT_MS, race, times, type Sentences } from './subject.js';

export const extendCases: Sentences = {
  'extend moves expiresAt, and the record lives until then': async (subject) => {
    const record = await subject.inserted(
      subject.record({ expiresAt: subject.now + SHORT_MS, deadlineAt: null }),
    );
    const expiresAt = subject.now + 3 * SHORT_MS;
    equal(await subject.store.extend(record.key, expiresAt), true);
    await subject.finds({ ...record, expiresAt });
    await subject.advance(2 * SHORT_MS);
    await subject.finds({ ...record, expiresAt });
    await subject.advance(SHORT_MS);
    await subject.findsNothing(record.key);
  },

  'extend never moves expiresAt backwards': async (subject) => {
    const record = await subject.inserted();
    equal(await subject.store.extend(record.key, subject.now + SHORT_MS), true);
    await subject.finds(record);
    await subject.advance(SHORT_MS);
    await subject.finds(record);
  },

  'extend never moves expiresAt past deadlineAt': async (subject) => {
    const deadlineAt = subject.now + 2 * SHORT_MS;
    const record = await subject.inserted(subject.record({ expiresAt: subject.now + SHORT_MS, deadlineAt }));
    equal(await subject.store.extend(record.key, deadlineAt + LONG_MS), true);
    const found = await subject.store.find(record.key);
    ok(found);
    ok(found.expiresAt !== null && found.expiresAt <= deadlineAt, 'expiresAt lies past deadlineAt');
    await subject.advance(2 * SHORT_MS);
    await subject.findsNothing(record.key);
  },

  'extend leaves data, version and every other field alone': async (subject) => {
    const record = await subject.inserted(subject.fullRecord());
    const expiresAt = record.createdAt + DEADLINE_MS - 1;
    equal(await subject.store.extend(record.key, expiresAt, record), true);
    await subject.finds({ ...record, expiresAt });
    const next = subject.rewritten({ ...record, expiresAt }, '{"after":true}');
    equal(
      await subject.store.replace(next, record.version),
      true,
      'the version is still the one that was read',
    );
  },

  'extend writes nothing of the record that it takes as a hint': async (subject) => {
    const read = await subject.inserted(subject.fullRecord());
    const next = { ...subject.rewritten(read, '{"newer":true}'), meta: { newer: true } };
    equal(await subject.store.replace(next, read.version), true);
    const expiresAt = read.createdAt + DEADLINE_MS - 1;
    equal(await subject.store.extend(read.key, expiresAt, read), true);
    await subject.finds({ ...next, expiresAt });
  },

  'extend with null leaves a record without an expiry as it is': async (subject) => {
    const record = await subject.inserted(subject.record({ expiresAt: null, idleMs: null }));
    equal(await subject.store.extend(record.key, null), true);
    await subject.finds(record);
  },

  'extend says false and creates nothing if the record is gone': async (subject) => {
    const never = subject.record();
    equal(await subject.store.extend(never.key, subject.now + LONG_MS, never), false);
    await subject.isFree(never.key);
    const removed = await subject.inserted();
    equal(await subject.store.remove(removed.key), true);
    equal(await subject.store.extend(removed.key, subject.now + LONG_MS, removed), false);
    await subject.isFree(removed.key);
  },

  'extend says false and revives nothing if the record has expired': async (subject) => {
    const idle = await subject.expired();
    const ended = await subject.expired({ deadlineAt: subject.now + SHORT_MS, expiresAt: null });
    for (const record of [idle, ended]) {
      equal(await subject.store.extend(record.key, subject.now + LONG_MS, record), false);
      await subject.isFree(record.key);
    }
  },

  'extend says false and changes nothing if the record is closed': async (subject) => {
    const closed = await subject.closed();
    equal(await subject.store.extend(closed.key, subject.now + LONG_MS), false);
    await subject.finds(closed);
  },

  'of many parallel extends the furthest stays': async (subject) => {
    const record = await subject.inserted();
    const ends = times(CALLERS, (n) => subject.now + LONG_MS + ((n * 7) % CALLERS) * SHORT_MS);
    const answers = await Promise.all(ends.map((end) => subject.store.extend(record.key, end)));
    ok(answers.every(Boolean));
    await subject.finds({ ...record, expiresAt: Math.max(...ends) });
  },

  'an extend undoes no replace that runs beside it': async (subject) => {
    const { store } = subject;
    let record = await subject.inserted();
    for (let n = 0; n < CALLERS; n++) {
      const next = subject.rewritten(record, JSON.stringify({ n }));
      const end = subject.now + LONG_MS + n;
      // One extend a round: a second one that reads late would hide that the first wrote old data back.
      const calls = [() => store.extend(record.key, end, record), () => store.replace(next, record.version)];
      if (n % 2 === 1) calls.reverse();
      equal(await race(calls), 2, 'an extend and a replace do not conflict');
      const found = await store.find(record.key);
      ok(found);
      equal(found.data, next.data);
      equal(found.version, next.version);
      record = found;
    }
  },
};

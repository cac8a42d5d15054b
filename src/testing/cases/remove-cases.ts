// The sentences of the contract about `remove`, and the promise that what is dead stays dead.
import { equal } from 'node:assert/strict';

import { CALLERS, LONG_MS, race, times, type Sentences } from './subject.js';

export const removeCases: Sentences = {
  'remove removes the record and says true': async (subject) => {
    const record = await subject.inserted();
    equal(await subject.store.remove(record.key), true);
    await subject.isFree(record.key);
  },

  'remove says false for what is not there, and removing twice is no fault': async (subject) => {
    equal(await subject.store.remove(subject.key()), false);
    const record = await subject.inserted();
    equal(await subject.store.remove(record.key), true);
    equal(await subject.store.remove(record.key), false);
    equal(await subject.store.remove(record.key), false);
    await subject.findsNothing(record.key);
  },

  'remove removes a closed record': async (subject) => {
    const closed = await subject.closed();
    equal(await subject.store.remove(closed.key), true);
    await subject.isFree(closed.key);
  },

  'remove leaves other records alone': async (subject) => {
    const others = [
      await subject.inserted(),
      await subject.inserted(subject.fullRecord()),
      await subject.closed(),
    ];
    const record = await subject.inserted();
    equal(await subject.store.remove(record.key), true);
    for (const other of others) await subject.finds(other);
  },

  'one of many parallel removes says true': async (subject) => {
    const { key } = await subject.inserted();
    equal(await race(times(CALLERS, () => () => subject.store.remove(key))), 1);
    await subject.findsNothing(key);
  },

  'a remove that races replaces and extends never leaves a record': async (subject) => {
    const { store } = subject;
    for (let round = 0; round < CALLERS; round++) {
      const record = await subject.inserted();
      const { key } = record;
      const write = (n: number) => () =>
        store.replace(subject.rewritten(record, JSON.stringify({ n })), record.version);
      const touch = (n: number) => () => store.extend(key, subject.now + LONG_MS + n, record);
      const calls = [write(1), touch(1), write(2), touch(2), write(3), touch(3)];
      calls.splice(round % (calls.length + 1), 0, () => store.remove(key));
      await race(calls);
      await subject.isFree(key, 'a late write brought a removed session back');
    }
  },
};

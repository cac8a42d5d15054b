// The sentences of the contract about `find`.
import { equal, ok, rejects } from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';

import type { SessionRecord } from '../../core/contract.js';
import { CLOSED_FOR_MS } from '../../core/contract.js';
import { LONG_MS, SHORT_MS, sameRecord, times, type Sentences } from './subject.js';

const READERS = 4;
const WRITES = 60;
/** Enough for a file or a row to be written in more than one piece. */
const FILLER = 'x'.repeat(8_192);

export const findCases: Sentences = {
  'find returns the record under a key as it was stored': async (subject) => {
    const record = await subject.inserted(subject.fullRecord());
    await subject.inserted(subject.fullRecord({ data: '{"other":true}' }));
    await subject.finds(record);
  },

  'find returns null, and nothing but null, for a key that is not there': async (subject) => {
    await subject.inserted();
    const found: unknown = await subject.store.find(subject.key());
    ok(found !== undefined, 'absent is null, never undefined');
    equal(found, null);
  },

  'find sees every acknowledged write, with and without { fresh: true }': async (subject) => {
    let record = await subject.inserted();
    for (const data of times(5, (n) => JSON.stringify({ n }))) {
      const next = subject.rewritten(record, data);
      equal(await subject.store.replace(next, record.version), true);
      await subject.finds(next);
      const fresh = await subject.store.find(record.key, { fresh: true });
      ok(fresh);
      sameRecord(fresh, next);
      record = next;
    }
    await subject.store.remove(record.key);
    equal(await subject.store.find(record.key, { fresh: true }), null);
    await subject.findsNothing(record.key);
  },

  'find never returns a record whose expiresAt has come': async (subject) => {
    const record = await subject.inserted(
      subject.record({ expiresAt: subject.now + SHORT_MS, deadlineAt: null }),
    );
    await subject.finds(record);
    await subject.advance(SHORT_MS);
    await subject.findsNothing(record.key);
    equal(await subject.store.find(record.key, { fresh: true }), null);
  },

  'find never returns a record whose deadlineAt has come, whatever its expiresAt': async (subject) => {
    const deadlineAt = subject.now + SHORT_MS;
    const open = await subject.inserted(subject.record({ deadlineAt, expiresAt: null, idleMs: null }));
    const later = await subject.inserted(subject.record({ deadlineAt, expiresAt: deadlineAt + LONG_MS }));
    await subject.advance(SHORT_MS);
    await subject.findsNothing(open.key, 'a deadline ends a record without an expiry');
    await subject.findsNothing(later.key, 'a deadline ends a record that would expire later');
  },

  'find returns a record without an expiry and without a deadline': async (subject) => {
    const endless = { deadlineAt: null, expiresAt: null, idleMs: null };
    const record = await subject.inserted(subject.record(endless));
    await subject.advance(SHORT_MS);
    await subject.finds(record);
  },

  'find returns a closed record as closed': async (subject) => {
    const closed = await subject.closed();
    const found = await subject.store.find(closed.key);
    ok(found, 'a closed record is not null');
    ok(found.closed !== undefined, 'a closed record says that it is closed');
    sameRecord(found, closed);
    await subject.finds(await subject.closed(subject.key()), 'closed.movedTo is kept');
  },

  'find never returns a closed record whose time is over': async (subject) => {
    const record = await subject.expired({ data: '{}', closed: { at: subject.now - CLOSED_FOR_MS } });
    await subject.findsNothing(record.key);
  },

  'find returns one whole version, whatever is written meanwhile': async (subject) => {
    const { store } = subject;
    const writes = new Map<string, SessionRecord>();
    const note = (record: SessionRecord, n: number): SessionRecord => {
      const next = { ...subject.rewritten(record, JSON.stringify({ n, FILLER })), meta: { n } };
      writes.set(next.version, next);
      return next;
    };
    let last = await subject.inserted(note(subject.record(), 0));
    let writing = true;
    const write = async (): Promise<void> => {
      for (let n = 1; n <= WRITES; n++) {
        const next = note(last, n);
        equal(await store.replace(next, last.version), true);
        last = next;
      }
    };
    const read = async (): Promise<void> => {
      while (writing) {
        const found = await store.find(last.key);
        ok(found, 'a session never disappears while it is written');
        const written = writes.get(found.version);
        ok(written, 'a read has a version that was written');
        sameRecord(found, written, 'a read mixes two versions');
        // A store that reads at once must not keep its own writes, which may have to wait, from going on.
        await nextTurn();
      }
    };
    const stop = (): void => {
      writing = false;
    };
    await Promise.all([write().finally(stop), ...times(READERS, () => read().finally(stop))]);
  },

  'find throws on a fault and never reports it as null': async (subject) => {
    const record = await subject.inserted();
    await subject.finds(record);
    await subject.breakReads();
    await rejects(async () => subject.store.find(record.key), 'a fault must reject, with an error');
  },
};

// What the contract says of `revokeBefore`, sentence by sentence.
import { deepEqual, equal, ok } from 'node:assert/strict';

import type { Page, SessionKey, SessionRecord } from '../../core/contract.js';
import { newVersion } from '../../core/record.js';
import { LONG_MS, type Sentences, type Subject } from './subject.js';

/** The longest that another process may go on with what was revoked, and a little. */
const A_SECOND_MS = 1_100;

/** A session that began some time ago, as seen by now: stores may wait a second before they look. */
async function old(subject: Subject, parts: Partial<SessionRecord> = {}): Promise<SessionRecord> {
  return subject.inserted(subject.record({ createdAt: subject.now - 60_000, ...parts }));
}

async function isGone(subject: Subject, record: SessionRecord): Promise<void> {
  const { store } = subject;
  await subject.findsNothing(record.key, 'find must not return what is revoked');
  equal(await store.replace({ ...record, version: newVersion() }, record.version), false);
  equal(await store.extend(record.key, subject.now + LONG_MS, record), false);
}

export const revokeCases: Sentences = {
  'revokeBefore ends every session that began before the moment, and no other': async (subject) => {
    const store = subject.with('revokeBefore');
    const moment = subject.now - 30_000;
    const revoked = [await old(subject), await old(subject, { owner: 'user-1' })];
    const kept = [
      await old(subject, { createdAt: moment }),
      await old(subject, { createdAt: moment, owner: 'user-1' }),
      await subject.inserted(),
    ];
    await store.revokeBefore(moment);
    for (const record of revoked) await isGone(subject, record);
    for (const record of kept) await subject.finds(record);
  },

  'revokeBefore with a user ends the sessions of that user alone': async (subject) => {
    const store = subject.with('revokeBefore');
    const mine = await old(subject, { owner: 'user-1' });
    const others = [await old(subject, { owner: 'user-2' }), await old(subject)];
    const newer = await subject.inserted(subject.record({ owner: 'user-1' }));
    await store.revokeBefore(subject.now - 30_000, 'user-1');
    await isGone(subject, mine);
    for (const record of [...others, newer]) await subject.finds(record);
  },

  'revokeBefore is not taken back: not by an earlier moment, not by what is inserted later': async (
    subject,
  ) => {
    const store = subject.with('revokeBefore');
    await subject.inserted(subject.record({ owner: 'user-1' }));
    for (const owner of [undefined, 'user-1']) {
      await store.revokeBefore(subject.now - 30_000, owner);
      await store.revokeBefore(subject.now - 90_000, owner);
      const record = await old(subject, { owner: 'user-1' });
      await isGone(subject, record);
    }
  },

  'revokeBefore leaves what is revoked out of lists': async (subject) => {
    const store = subject.with('revokeBefore');
    if (!store.capabilities.has('page')) return;
    const listing = subject.with('page');
    await old(subject, { owner: 'user-1' });
    const kept = await subject.inserted(subject.record({ owner: 'user-1' }));
    await store.revokeBefore(subject.now - 30_000, 'user-1');
    for (const owner of [{}, { owner: 'user-1' }]) {
      const keys = new Set<SessionKey>();
      let cursor: string | null = null;
      do {
        const page: Page = await listing.page({
          ...owner,
          limit: 100,
          ...(cursor === null ? null : { cursor }),
        });
        for (const { key } of page.records) keys.add(key);
        ({ cursor } = page);
      } while (cursor !== null);
      deepEqual([...keys], [kept.key]);
    }
  },

  'revokeBefore of another process is known within a second': async (subject) => {
    const other = await subject.another();
    const record = await old(subject, { owner: 'user-1' });
    const shared = await other.find(record.key);
    // A store in memory has no other process.
    if (shared === null) return;
    await subject.finds(record);
    ok(other.revokeBefore, 'another store over the same engine has what this one has');
    await other.revokeBefore(subject.now - 30_000, 'user-1');
    await subject.advance(A_SECOND_MS);
    await isGone(subject, record);
  },

  'revokeBefore frees the key: a session can be inserted under it': async (subject) => {
    const store = subject.with('revokeBefore');
    const record = await old(subject);
    await store.revokeBefore(subject.now - 30_000);
    await subject.isFree(record.key);
  },
};

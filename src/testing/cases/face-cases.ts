// The express-session methods that a RecordStore derives from the primitives. They run for stores that carry its brand.
import { deepEqual, equal, ok } from 'node:assert/strict';

import type {
  BrokenRecord,
  SessionId,
  SessionKey,
  SessionRecord,
  StoreContract,
} from '../../core/contract.js';
import { handleOf } from '../../core/ids.js';
import { LONG_MS, SHORT_MS, times, type Sentences, type Subject } from './subject.js';

/** The brand of `RecordStore`, the same in every copy of the package. */
const RECORD_STORE = Symbol.for('session-store-js.RecordStore');

interface FaceSession {
  cookie?: {
    originalMaxAge?: number | null;
    expires?: Date | string | null;
    httpOnly?: boolean;
    path?: string;
  };
  [key: string]: unknown;
}

type Callback<T> = (error: unknown, result?: T) => void;

interface ExpressFace {
  readonly idAtRest: 'sha256' | 'plain';
  get(sid: string, callback?: Callback<FaceSession | null>): Promise<FaceSession | null>;
  set(sid: string, session: FaceSession, callback?: Callback<void>): Promise<void>;
  touch(sid: string, session: FaceSession, callback?: Callback<void>): Promise<void>;
  destroy(sid: string, callback?: Callback<void>): Promise<void>;
  all(callback?: Callback<FaceSession[]>): Promise<FaceSession[]>;
  ids(callback?: Callback<string[]>): Promise<string[]>;
  length(callback?: Callback<number>): Promise<number>;
  clear(callback?: Callback<void>): Promise<void>;
  scan(options?: { withData?: boolean }): AsyncIterable<SessionRecord | BrokenRecord>;
}

type Proof = (store: StoreContract & ExpressFace, subject: Subject) => Promise<void>;

function hasFace(store: StoreContract): store is StoreContract & ExpressFace {
  return RECORD_STORE in store;
}

/** A store that only has the shape of the contract has no such face; there is nothing to prove then. */
const onFace =
  (prove: Proof) =>
  async (subject: Subject): Promise<void> => {
    if (hasFace(subject.store)) await prove(subject.store, subject);
  };

function sessionFor(
  ms: number,
  subject: Subject,
  data: Record<string, unknown> = { visits: 1 },
): FaceSession {
  const expires = new Date(subject.now + ms);
  return { ...data, cookie: { originalMaxAge: ms, expires, httpOnly: true, path: '/' } };
}

/** What a session says when it has been through JSON, as it has when a store gives it back. */
const stored = (session: FaceSession): unknown => JSON.parse(JSON.stringify(session));

function viaCallback<T>(start: (callback: Callback<T>) => unknown): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    start((error, result) => {
      if ((error ?? null) === null) resolve(result);
      else reject(error);
    });
  });
}

export const faceCases: Sentences = {
  'set then get gives the session back, with its cookie and its expiry': onFace(async (store, subject) => {
    const id = subject.id();
    const session = sessionFor(LONG_MS, subject, { visits: 0, name: '', user: null, cart: {} });
    await store.set(id, session);
    deepEqual(stored((await store.get(id)) as FaceSession), stored(session));
    const next = sessionFor(LONG_MS + SHORT_MS, subject, { visits: 1 });
    await store.set(id, next);
    deepEqual(stored((await store.get(id)) as FaceSession), stored(next));
  }),

  'set then get gives back a session that ends with the browser': onFace(async (store, subject) => {
    const id = subject.id();
    await store.set(id, { visits: 1, cookie: { originalMaxAge: null, expires: null } });
    const session = await store.get(id);
    equal(session?.['visits'], 1);
    equal(session.cookie?.expires, null);
  }),

  'get, set, touch and destroy take a callback as well': onFace(async (store, subject) => {
    const id = subject.id();
    equal(await viaCallback((callback) => store.get(id, callback)), null);
    const session = sessionFor(LONG_MS, subject);
    await viaCallback((callback) => store.set(id, session, callback));
    await viaCallback((callback) => store.touch(id, session, callback));
    const found = await viaCallback<FaceSession | null>((callback) => store.get(id, callback));
    deepEqual(stored(found as FaceSession), stored(session));
    await viaCallback((callback) => store.destroy(id, callback));
    equal(await viaCallback((callback) => store.get(id, callback)), null);
  }),

  'get gives null for what is not there and for what has expired': onFace(async (store, subject) => {
    equal(await store.get(subject.id()), null);
    const id = subject.id();
    await store.set(id, sessionFor(SHORT_MS, subject));
    ok(await store.get(id));
    await subject.advance(SHORT_MS);
    equal(await store.get(id), null);
  }),

  'a set after a destroy does not bring the session back': onFace(async (store, subject) => {
    const id = subject.id();
    await store.set(id, sessionFor(LONG_MS, subject));
    await store.destroy(id);
    equal(await store.get(id), null);
    await store.set(id, sessionFor(LONG_MS, subject, { late: true }));
    equal(await store.get(id), null);
    ok((await store.find(store.keyOf(id)))?.closed !== undefined, 'the session stays closed');
  }),

  'destroy of what is not there is no fault': onFace(async (store, subject) => {
    const id = subject.id();
    await store.destroy(id);
    await store.set(id, sessionFor(LONG_MS, subject));
    await store.destroy(id);
    await store.destroy(id);
    equal(await store.get(id), null);
  }),

  'touch moves the expiry, changes no data and never creates': onFace(async (store, subject) => {
    const id = subject.id();
    await store.set(id, sessionFor(SHORT_MS, subject, { visits: 1 }));
    const later = sessionFor(LONG_MS, subject, { visits: 'stale' });
    await store.touch(id, later);
    await subject.advance(SHORT_MS);
    const session = await store.get(id);
    equal(session?.['visits'], 1);
    equal(new Date(session.cookie?.expires ?? 0).valueOf(), new Date(later.cookie?.expires ?? 0).valueOf());
    await store.destroy(id);
    await store.touch(id, later);
    equal(await store.get(id), null);
    const unknown = subject.id();
    await store.touch(unknown, later);
    await subject.isFree(store.keyOf(unknown));
  }),

  'keyOf is the handle of an id, or the id itself where ids are plain at rest': onFace(
    async (store, subject) => {
      const id = subject.id();
      equal(store.keyOf(id), store.idAtRest === 'plain' ? id : handleOf(id));
      await store.set(id, sessionFor(LONG_MS, subject));
      ok(await store.find(store.keyOf(id)));
      ok(await store.get(store.keyOf(id)), 'the express face takes the key for a name too');
      if (store.idAtRest === 'sha256') equal(await store.find(id as string as SessionKey), null);
    },
  ),
};

/** For stores that can `page` as well. */
export const listingFaceCases: Sentences = {
  'destroy of each name of ids() empties the store': onFace(async (store, subject) => {
    for (const id of times(5, () => subject.id())) await store.set(id, sessionFor(LONG_MS, subject));
    const names = await store.ids();
    equal(names.length, 5);
    for (const name of names) await store.destroy(name);
    deepEqual(await store.ids(), []);
    deepEqual(await store.all(), []);
    equal(await store.length(), 0);
  }),

  'ids() shows no id of a store that keeps handles': onFace(async (store, subject) => {
    const id = subject.id();
    await store.set(id, sessionFor(LONG_MS, subject));
    deepEqual(await viaCallback((callback) => store.ids(callback)), [store.keyOf(id)]);
    const [session] = await store.all();
    equal(session?.['id'], store.keyOf(id));
  }),

  'all() and length() tell the living sessions': onFace(async (store, subject) => {
    const ids: SessionId[] = times(3, () => subject.id());
    for (const [n, id] of ids.entries()) await store.set(id, sessionFor(LONG_MS, subject, { n }));
    await store.destroy(ids[0] as SessionId);
    const sessions = await viaCallback<FaceSession[]>((callback) => store.all(callback));
    deepEqual(sessions?.map(({ n }) => n).sort(), [1, 2]);
    equal(await store.length(), 2);
    equal(await viaCallback((callback) => store.length(callback)), 2);
  }),

  'clear() empties the store': onFace(async (store, subject) => {
    for (const id of times(5, () => subject.id())) await store.set(id, sessionFor(LONG_MS, subject));
    await store.clear();
    equal(await store.length(), 0);
    await viaCallback((callback) => store.clear(callback));
    deepEqual(await store.all(), []);
  }),

  'scan() gives every living session, a page at a time': onFace(async (store, subject) => {
    const records = times(450, () => subject.record());
    for (const record of records) await subject.inserted(record);
    await subject.closed();
    const keys = new Set<SessionKey>();
    for await (const { key } of store.scan({ withData: false })) keys.add(key);
    deepEqual([...keys].sort(), records.map(({ key }) => key).sort());
  }),
};

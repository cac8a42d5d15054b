// `session.Store` and `session.MemoryStore`: constructors of the old kind, which the ecosystem extends with `class` and
// with `util.inherits` and calls without `new`. The memory store's sessions lie in ours, under their plain ids.
import { EventEmitter } from 'node:events';

import { answer, type Callback } from '../core/callback.js';
import { callStore, type ExpressStore } from '../stores/express-store.js';
import type { SessionId } from '../core/contract.js';
import { sessionOf } from '../stores/express-face.js';
import { MemoryStore as Memory } from '../stores/memory-store.js';
import { Session, type SessionRequest, type StoredSession } from '../stores/session.js';
import { RecordStore } from '../stores/store.js';

const INNER = Symbol.for('session-store-js.inner');
const METHODS = ['get', 'set', 'touch', 'destroy'] as const;
/** Sessions that end with the browser are kept so long after their last use, ms. */
const BROWSER_SESSION_MS = 30 * 24 * 3_600_000;

interface WithInner {
  [INNER]?: Memory;
}

/** The base of a custom store. Needs `get`, `set` and `destroy` with callbacks, or returning promises. */
export interface Store extends EventEmitter {
  generate(req: SessionRequest): void;
  regenerate(req: SessionRequest, callback?: Callback): Promise<void>;
  load(sid: string, callback?: Callback<Session | null>): Promise<Session | null>;
  createSession(req: SessionRequest, stored: StoredSession): Session;
}

/** Callable and constructible, as functions were. */
interface OldConstructor<T extends object> {
  new (): T;
  (this: T): void;
  readonly prototype: T;
}

export const Store = function Store(this: Store) {
  Reflect.apply(EventEmitter as unknown as () => void, this, []);
} as unknown as OldConstructor<Store>;
inherit(Store, EventEmitter);
define(
  Store.prototype,
  'regenerate',
  function (this: Store & ExpressStore, req: SessionRequest, callback?: Callback) {
    const regenerate = async (): Promise<void> => {
      try {
        await callStore(this, 'destroy', req.sessionID);
      } finally {
        this.generate(req);
      }
    };
    return answer(regenerate(), callback);
  },
);
define(
  Store.prototype,
  'load',
  function (this: Store & ExpressStore, sid: string, callback?: Callback<Session | null>) {
    const load = async (): Promise<Session | null> => {
      const stored = (await callStore(this, 'get', sid)) as StoredSession | null | undefined;
      return !stored ? null : this.createSession({ sessionID: sid, sessionStore: this }, stored);
    };
    return answer(load(), callback);
  },
);
define(Store.prototype, 'createSession', function (this: Store, req: SessionRequest, stored: StoredSession) {
  const session = new Session(req, stored);
  req.session = session;
  return session;
});

/** Sessions in the memory of this process, for development and tests. */
export interface MemoryStore extends Store {
  /** The stored sessions as JSON text, by id: a copy. */
  readonly sessions: Readonly<Record<string, string>>;
  get(sid: string, callback?: Callback<StoredSession | null>): Promise<StoredSession | null>;
  set(sid: string, session: StoredSession, callback?: Callback): Promise<void>;
  touch(sid: string, session: StoredSession, callback?: Callback): Promise<void>;
  destroy(sid: string, callback?: Callback): Promise<void>;
  clear(callback?: Callback): Promise<void>;
  length(callback?: Callback<number>): Promise<number>;
  /** By id. */
  all(callback?: Callback<Record<string, StoredSession>>): Promise<Record<string, StoredSession>>;
}

export const MemoryStore = function MemoryStore(this: MemoryStore) {
  Reflect.apply(Store, this, []);
} as unknown as OldConstructor<MemoryStore>;
inherit(MemoryStore, Store);
for (const name of [...METHODS, 'clear'] as const) {
  define(MemoryStore.prototype, name, function (this: MemoryStore, ...args: never[]): unknown {
    const inner = innerOf(this);
    return (inner[name] as (...args: never[]) => unknown).apply(inner, args);
  });
}
define(MemoryStore.prototype, 'length', function (this: MemoryStore, callback?: Callback<number>) {
  return answer(Promise.resolve(Object.keys(byId(innerOf(this))).length), callback);
});
define(
  MemoryStore.prototype,
  'all',
  function (this: MemoryStore, callback?: Callback<Record<string, StoredSession>>) {
    return answer(Promise.resolve(byId(innerOf(this))), callback);
  },
);
Object.defineProperty(MemoryStore.prototype, 'sessions', {
  get(this: MemoryStore): Record<string, string> {
    const texts = Object.entries(byId(innerOf(this))).map(
      ([id, session]) => [id, JSON.stringify(session)] as const,
    );
    return Object.assign(Object.create(null) as Record<string, string>, Object.fromEntries(texts));
  },
});

/**
 * The RecordStore that a store is, or has inside, unless somebody replaced one of its methods: then what they do counts.
 * It may be of another build of this package.
 */
export function recordStoreIn(store: object): RecordStore | null {
  if (RecordStore.is(store)) return store.isPatched ? null : store;
  let shell: unknown = store;
  while (shell !== null && !Object.hasOwn(shell as object, INNER)) shell = Object.getPrototypeOf(shell);
  if (shell === null || METHODS.some((name) => (store as MemoryStore)[name] !== (shell as MemoryStore)[name]))
    return null;
  return (store as WithInner)[INNER] ?? null;
}

Object.defineProperty(MemoryStore.prototype, INNER, {
  get(this: MemoryStore): Memory {
    return innerOf(this);
  },
});

class PlainMemory extends Memory {
  override readonly idAtRest = 'plain';
  protected override readonly maxAgeMs = BROWSER_SESSION_MS;
}

const inners = new WeakMap<object, Memory>();

/** Made at first use: `this` may be an object that no constructor of ours made. */
function innerOf(store: MemoryStore): Memory {
  let inner = inners.get(store);
  if (inner === undefined) {
    inner = new PlainMemory();
    inners.set(store, inner);
  }
  return inner;
}

function byId(inner: Memory): Record<string, StoredSession> {
  const sessions = Object.create(null) as Record<string, StoredSession>;
  for (const key of inner.keys()) {
    const record = inner.findSync(key);
    if (record !== null && record.closed === undefined)
      sessions[key as string as SessionId] = sessionOf(record);
  }
  return sessions;
}

function inherit(constructor: { readonly prototype: object }, parent: { readonly prototype: object }): void {
  Object.setPrototypeOf(constructor.prototype, parent.prototype);
  Object.setPrototypeOf(constructor, parent);
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, writable: true });
}

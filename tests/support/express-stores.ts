// Stores of the express-session ecosystem, written in every way that they are written in. All keep text, in `rows`.
import { EventEmitter } from 'node:events';
import { inherits } from 'node:util';

import session from 'express-session';

import type { ExpressStore } from '../../src/stores/express-store.js';
import type { StoredSession } from '../../src/stores/session.js';

type Answer = (error?: unknown, result?: unknown) => void;

/** What stands behind every store here: the sessions as JSON text. */
export class Rows extends Map<string, string> {
  read(sid: string): StoredSession | undefined {
    const text = this.get(sid);
    return text === undefined ? undefined : (JSON.parse(text) as StoredSession);
  }

  write(sid: string, stored: StoredSession): void {
    this.set(sid, JSON.stringify(stored));
  }

  /** As express-session's own: the cookie only, and only of what is there. */
  move(sid: string, { cookie }: StoredSession): void {
    const stored = this.read(sid);
    if (stored !== undefined) this.write(sid, { ...stored, ...(cookie === undefined ? null : { cookie }) });
  }

  everything(): Record<string, StoredSession | undefined> {
    return Object.fromEntries([...this.keys()].map((sid) => [sid, this.read(sid)]));
  }
}

/** The methods of a store that calls back through `later`. */
function callbackMethods(rows: Rows, later: (answer: () => void) => void) {
  return {
    get(sid: string, answer: Answer) {
      later(() => {
        answer(null, rows.read(sid));
      });
    },
    set(sid: string, stored: StoredSession, answer?: Answer) {
      rows.write(sid, stored);
      later(() => answer?.());
    },
    destroy(sid: string, answer?: Answer) {
      rows.delete(sid);
      later(() => answer?.());
    },
    touch(sid: string, stored: StoredSession, answer?: Answer) {
      rows.move(sid, stored);
      later(() => answer?.());
    },
    all(answer: Answer) {
      later(() => {
        answer(null, rows.everything());
      });
    },
  };
}

const atOnce = (answer: () => void): void => {
  answer();
};

/** Extends the class that express-session has for it. */
class ClassWithCallbacks extends session.Store {
  constructor(readonly rows: Rows) {
    super();
  }
  override get(sid: string, answer: (error: unknown, stored?: session.SessionData) => void): void {
    setImmediate(() => {
      answer(null, this.rows.read(sid) as session.SessionData | undefined);
    });
  }
  override set(sid: string, stored: session.SessionData, answer?: Answer): void {
    this.rows.write(sid, stored as unknown as StoredSession);
    setImmediate(() => answer?.());
  }
  override destroy(sid: string, answer?: Answer): void {
    this.rows.delete(sid);
    setImmediate(() => answer?.());
  }
}

function OldConstructor(this: object, rows: Rows): void {
  Reflect.apply(session.Store as unknown as () => void, this, []);
  Object.assign(this, { rows });
}
inherits(OldConstructor, session.Store);
Object.assign(OldConstructor.prototype as object, {
  get(this: { rows: Rows }, sid: string, answer: Answer) {
    callbackMethods(this.rows, setImmediate).get(sid, answer);
  },
  set(this: { rows: Rows }, sid: string, stored: StoredSession, answer: Answer) {
    callbackMethods(this.rows, setImmediate).set(sid, stored, answer);
  },
  destroy(this: { rows: Rows }, sid: string, answer: Answer) {
    callbackMethods(this.rows, setImmediate).destroy(sid, answer);
  },
});

class PromisesOnly {
  constructor(readonly rows: Rows) {}
  async get(sid: string): Promise<unknown> {
    return this.rows.read(sid) ?? null;
  }
  async set(sid: string, stored: StoredSession): Promise<void> {
    this.rows.write(sid, stored);
  }
  async destroy(sid: string): Promise<void> {
    this.rows.delete(sid);
  }
  async touch(sid: string, stored: StoredSession): Promise<void> {
    this.rows.move(sid, stored);
  }
  /** A list that says whose they are. */
  async all(): Promise<unknown[]> {
    return Object.entries(this.rows.everything()).map(([id, stored]) => ({ ...stored, id }));
  }
}

/** Answers twice: the promise has the result, and the callback too. */
class PromiseAndCallback {
  constructor(readonly rows: Rows) {}
  async get(sid: string, answer?: Answer): Promise<unknown> {
    const stored = this.rows.read(sid);
    answer?.(null, stored);
    return stored;
  }
  async set(sid: string, stored: StoredSession, answer?: Answer): Promise<void> {
    this.rows.write(sid, stored);
    answer?.(null);
  }
  async destroy(sid: string, answer?: Answer): Promise<void> {
    this.rows.delete(sid);
    answer?.(null);
  }
}

/** Its promises are over before its work is, and say nothing. */
class EmptyPromises {
  constructor(readonly rows: Rows) {}
  async get(sid: string, answer: Answer): Promise<void> {
    setImmediate(() => {
      answer(null, this.rows.read(sid));
    });
  }
  async set(sid: string, stored: StoredSession, answer: Answer): Promise<void> {
    setImmediate(() => {
      this.rows.write(sid, stored);
      answer();
    });
  }
  async destroy(sid: string, answer: Answer): Promise<void> {
    setImmediate(() => {
      this.rows.delete(sid);
      answer();
    });
  }
}

const noop: Answer = () => undefined;

/** As connect-redis is written: the callback has a default, so that it does not count as a parameter. */
class DefaultCallback {
  constructor(readonly rows: Rows) {}
  async get(sid: string, answer: Answer = noop): Promise<unknown> {
    await Promise.resolve();
    answer(null, this.rows.read(sid) ?? null);
    return undefined;
  }
  async set(sid: string, stored: StoredSession, answer: Answer = noop): Promise<void> {
    await Promise.resolve();
    this.rows.write(sid, stored);
    answer();
  }
  async destroy(sid: string, answer: Answer = noop): Promise<void> {
    await Promise.resolve();
    this.rows.delete(sid);
    answer();
  }
}

/** Its methods are replaced after it was made: those of the class never answer. */
class ReplacedMethods {
  get(): void {
    // Replaced.
  }
  set(): void {
    // Replaced.
  }
  destroy(): void {
    // Replaced.
  }
}

export const WAYS: [string, (rows: Rows) => ExpressStore][] = [
  ['a class with callbacks', (rows) => new ClassWithCallbacks(rows)],
  ['a function that inherits', (rows) => Reflect.construct(OldConstructor, [rows]) as ExpressStore],
  [
    'an EventEmitter with methods',
    (rows) => Object.assign(new EventEmitter(), callbackMethods(rows, setImmediate)),
  ],
  ['an object without events', (rows) => callbackMethods(rows, setImmediate)],
  [
    'an object without a prototype',
    (rows) => Object.assign(Object.create(null) as object, callbackMethods(rows, setImmediate)),
  ],
  ['callbacks that are called at once', (rows) => callbackMethods(rows, atOnce)],
  ['promises only', (rows) => new PromisesOnly(rows)],
  ['promises and callbacks', (rows) => new PromiseAndCallback(rows)],
  ['promises that say nothing, and callbacks', (rows) => new EmptyPromises(rows)],
  ['callbacks by default', (rows) => new DefaultCallback(rows)],
  [
    'methods replaced on the instance',
    (rows) => Object.assign(new ReplacedMethods(), callbackMethods(rows, setImmediate)),
  ],
];

/** A store that calls back at once, with whatever a test changes in it. */
export const storeWith = (rows: Rows, changes: Partial<ExpressStore> = {}): ExpressStore => ({
  ...callbackMethods(rows, atOnce),
  ...changes,
});

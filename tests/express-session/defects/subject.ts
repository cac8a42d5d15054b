// What is compared: express-session with the stores that people use it with, and the drop-in with ours.
import { join } from 'node:path';

import theirSession, { type SessionOptions, type Store } from 'express-session';
import type { RequestHandler } from 'express';
import theirFileStore from 'session-file-store';

import { recordStoreIn } from '../../../src/express-session/stores.js';
import { session as ourSession } from '../../../src/express-session/index.js';
import { FileStore as OurFileStore } from '../../../src/stores/file-store.js';
import type { EXPRESS } from '../../support/http.js';
import { SECRET } from '../../support/secret.js';

export type Express = (typeof EXPRESS)[number][1];

/** The options of express-session, and those of the drop-in that it does not know. */
export type Options = Partial<SessionOptions> & { touchAfter?: number; storeTimeout?: number };

/** A store with the methods that the scenarios replace or ask. */
export type AnyStore = Store & Required<Pick<Store, 'touch' | 'length'>>;

export interface Subject {
  readonly name: 'express-session' | 'drop-in';
  readonly express: Express;
  session(options: Options): RequestHandler;
  /** The base of custom stores. */
  readonly Store: abstract new () => Store;
  memoryStore(): AnyStore;
  /**
   * Sessions as files: session-file-store beside express-session, FileStore beside the drop-in.
   * @param secret What session-file-store encrypts with. FileStore keeps text.
   */
  fileStore(path: string, secret?: string): AnyStore;
  /** Where the file of a session lies. */
  fileOf(store: Store, path: string, id: string): string;
  /** Sessions that a memory store takes memory for, whether or not they have expired. */
  held(store: Store): Promise<number>;
  /** CommonJS that makes `session`, a file `store` on `path`, and `fileOf(id)`, for a process of its own. */
  readonly ownProcess: string;
}

/** Scenarios need no warnings about what they leave to the defaults. */
const withDefaults = (options: Options): SessionOptions & Options => ({
  secret: SECRET,
  resave: false,
  saveUninitialized: false,
  ...options,
});

export const expressSession = (express: Express): Subject => ({
  name: 'express-session',
  express,
  session: (options) => theirSession(withDefaults(options)),
  Store: theirSession.Store,
  memoryStore: () => new theirSession.MemoryStore(),
  fileStore: (path, secret) => new (theirFileStore(theirSession))({ ...QUIETLY, path, secret }) as AnyStore,
  fileOf: (_store, path, id) => join(path, `${id}.json`),
  // Its `length` and `all` remove what has expired as they go; nothing calls them by itself.
  held: (store) =>
    Promise.resolve(Object.keys((store as unknown as { sessions: Record<string, string> }).sessions).length),
  ownProcess: `
    const session = require('express-session');
    const store = new (require('session-file-store')(session))({ path, secret, logFn: () => undefined });
    const fileOf = (id) => join(path, id + '.json');
  `,
});

/** A retry is not worth a line on the console. */
const QUIETLY = { reapInterval: -1, logFn: () => undefined };

export const dropIn = (express: Express): Subject => ({
  name: 'drop-in',
  express,
  session: (options) => ourSession(withDefaults(options)),
  Store: ourSession.Store,
  memoryStore: () => new ourSession.MemoryStore(),
  fileStore: (path) => new OurFileStore({ path, cleanupInterval: 0 }) as unknown as AnyStore,
  fileOf: (store, _path, id) => (store as unknown as OurFileStore)._getFilePath(id),
  // Unlike the shell, the store inside counts what has expired and awaits the sweep.
  held: (store) => recordStoreIn(store)?.length() ?? Promise.reject(new Error('It is patched.')),
  ownProcess: `
    const { session } = src('express-session/index');
    const { FileStore } = src('stores/file-store');
    const store = new FileStore({ path });
    const fileOf = (id) => store._getFilePath(id);
  `,
});

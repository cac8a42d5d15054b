// The stores that a scenario is run with: what the subject brings, and one that a user wrote.
import type { EventEmitter } from 'node:events';

import type { SessionData } from 'express-session';

import { freshPath } from './paths.js';
import type { AnyStore, Subject } from './subject.js';

export const STORES: readonly [string, (subject: Subject) => AnyStore][] = [
  ['the memory store', (subject) => subject.memoryStore()],
  ['the file store', (subject) => subject.fileStore(freshPath())],
  ['a custom store', customStore],
];

/** As the documentation of express-session asks for it: texts by id, with callbacks. */
export function customStore({ Store }: Subject): AnyStore {
  class CustomStore extends Store {
    readonly #texts = new Map<string, string>();

    override get(sid: string, callback: (error: unknown, session?: SessionData | null) => void): void {
      const text = this.#texts.get(sid);
      setImmediate(callback, null, text === undefined ? null : JSON.parse(text));
    }

    override set(sid: string, session: SessionData, callback: (error?: unknown) => void): void {
      this.#texts.set(sid, JSON.stringify(session));
      setImmediate(callback);
    }

    override touch(sid: string, session: SessionData, callback: (error?: unknown) => void): void {
      if (this.#texts.has(sid)) this.set(sid, session, callback);
      else setImmediate(callback);
    }

    override destroy(sid: string, callback: (error?: unknown) => void): void {
      this.#texts.delete(sid);
      setImmediate(callback);
    }

    override length(callback: (error: unknown, length?: number) => void): void {
      setImmediate(callback, null, this.#texts.size);
    }
  }
  return new CustomStore();
}

/** As many are written today; express-session has only ever called back. */
export function promiseStore({ Store }: Subject): AnyStore {
  class PromiseStore extends (Store as abstract new () => EventEmitter) {
    readonly #texts = new Map<string, string>();

    async get(sid: string): Promise<unknown> {
      const text = this.#texts.get(sid);
      return text === undefined ? null : JSON.parse(text);
    }

    async set(sid: string, session: SessionData): Promise<void> {
      this.#texts.set(sid, JSON.stringify(session));
    }

    async destroy(sid: string): Promise<void> {
      this.#texts.delete(sid);
    }
  }
  return new PromiseStore() as unknown as AnyStore;
}

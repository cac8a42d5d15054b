// What a handler changes by name, each change stored when its call resolves, or taken back.
import type { Bag } from '../commit/bag.js';
import { SessionError } from '../core/errors.js';
import { checkKey } from '../core/json.js';
import { reorder } from '../core/merge.js';
import type { Beginning, SessionView } from './session-view.js';

export class Edits {
  readonly #view: SessionView;
  readonly #bag: () => Bag;

  /** @param bag The data of the session that the request has by then. @param view Says where it is stored. */
  constructor(view: SessionView, bag: () => Bag) {
    this.#view = view;
    this.#bag = bag;
  }

  /** Sets keys and stores them. On a rejection the old values are back. */
  set(values: Record<string, unknown>, beginning: Beginning): Promise<void> {
    const bag = this.#bag();
    const { live } = bag;
    const { isIdle } = this.#view;
    const before = { ...live };
    for (const key of Object.keys(values)) {
      checkKey(key);
      const value = values[key];
      if (value === undefined || typeof value === 'function' || typeof value === 'symbol')
        throw new SessionError(
          'ERR_SESSION_VALUE',
          `The session cannot hold ${typeof value} at "${key}"; use delete().`,
        );
      // The handler has it as well.
      if (typeof value === 'object' && value !== null) bag.shareAll();
    }
    Object.assign(live, values);
    return this.save(beginning, (isSent) => {
      for (const [key, value] of Object.entries(values)) {
        if (!Object.is(live[key], value)) continue;
        // An object that was changed in place and set again, or a value that was not stored yet: what was before
        // stands in a text only.
        const last = isSent ? bag.stored(key) : bag.sent(key);
        const first = Object.hasOwn(before, key) ? before[key] : undefined;
        const old = (isIdle || !isSent) && first !== value ? first : last;
        if (old === undefined) Reflect.deleteProperty(live, key);
        else live[key] = old;
      }
    });
  }

  /** False if there was no such key; then nothing is created. */
  async delete(key: string, beginning: Beginning): Promise<boolean> {
    const bag = this.#bag();
    const { live } = bag;
    if (!Object.hasOwn(live, key)) return false;
    const { isIdle } = this.#view;
    const keys = Object.keys(live);
    const value = live[key];
    Reflect.deleteProperty(live, key);
    await this.save(beginning, (isSent) => {
      const old = isIdle || !isSent ? value : bag.stored(key);
      if (Object.hasOwn(live, key) || old === undefined) return;
      live[key] = old;
      reorder(live, keys);
    });
    return true;
  }

  /** Sets a key to what `fn` makes of its value. */
  async update(key: string, fn: (value: unknown) => unknown, beginning: Beginning): Promise<unknown> {
    checkKey(key);
    const bag = this.#bag();
    // A new session begins with what the bag holds, its initial values included.
    const text = this.#view.state === 'live' ? bag.pending() : bag.encode();
    this.#view.makeWritable(beginning);
    const before = text === null ? null : { before: this.#view.changeTo(text) };
    return (await this.#view.commit({ kind: 'update', key, fn, ...before })).value;
  }

  /**
   * Stores what is pending.
   * @param undo For a change that was just made: it is stored even if it changes nothing, or taken back. Is told
   * whether a commit was handed it.
   */
  async save(beginning: Beginning, undo?: (isSent: boolean) => void): Promise<void> {
    let isSent = false;
    let text: string | null = null;
    try {
      const bag = this.#bag();
      const hasNewIdle = this.#view.newIdle !== undefined;
      text = undo !== undefined || hasNewIdle ? bag.encode() : bag.pending();
      if (text === null) return;
      this.#view.makeWritable(beginning);
      isSent = true;
      await this.#view.commit({ kind: 'text', ...this.#view.changeTo(text) });
    } catch (error) {
      if (undo === undefined) this.#view.refused = text;
      else undo(isSent);
      throw error;
    }
  }
}

// The live data of one request's session, with the texts that tell what of it is not stored yet.
import { decodeData, encodeData, type DataLimits } from '../core/json.js';
import { changesBetween, partsOf, rebase, textOf } from '../core/merge.js';
import type { DataSchema } from '../core/schema.js';

/** How live data becomes the text that is stored. */
export interface Encoding {
  /** @throws {SessionError} if the data cannot be stored */
  encode(live: Record<string, unknown>): string;
  /** Whether the data still is what this text says. */
  isText(live: Record<string, unknown>, text: string): boolean;
  /** The text of the data that takes over what was stored, where that is not what was sent. */
  takenOver(stored: string, sent: string): string;
}

/** Session data and nothing else, within limits and as the application's schema has it. */
export const dataEncoding = (limits: DataLimits, schema?: DataSchema): Encoding => ({
  encode(live) {
    const text = encodeData(live, limits);
    schema?.check(text);
    return text;
  },
  // Without what another writer reserves for itself: not to have it is no change of ours.
  takenOver: (stored) => JSON.stringify(decodeData(stored)),
  isText(live, text) {
    try {
      // Equal texts are the common case; the checks are for what is about to be stored.
      return JSON.stringify(live) === text && !hidesValues(live);
    } catch {
      // `encode` says what is wrong with it.
      return false;
    }
  },
});

/** JSON leaves functions and symbols out: a text that has not changed does not show them. */
function hidesValues(live: Record<string, unknown>): boolean {
  for (const key of Object.keys(live)) {
    const type = typeof live[key];
    if (type === 'function' || type === 'symbol') return true;
  }
  return false;
}

export class Bag {
  /** What the handler reads and changes: `req.session`. */
  readonly live: Record<string, unknown>;
  readonly #encoding: Encoding;
  /** What the store holds, as far as this request knows. */
  #base: string;
  /** What was last handed to a commit: the base, unless one is under way. */
  #sent: string;
  /** The text of the store, as long as nobody knows whether JSON.stringify() writes the same data so. */
  #raw: string | null = null;
  #failed = false;
  /** What of it the handler holds and may change unseen: nothing, all, or values of keys, each as its text was by then. */
  #shared: Map<string, string> | 'all' | null = null;
  /** What commits stored since the base, each as the texts before and after. */
  #landed: (readonly [base: string, mine: string])[] = [];

  /**
   * @param live Holds the data that `base` is the text of.
   * @param isRaw Whether it may be ordered or spaced as JSON.stringify() would not: looked into when it differs.
   */
  constructor(live: Record<string, unknown>, base: string, encoding: Encoding, isRaw = false) {
    this.live = live;
    this.#encoding = encoding;
    this.#base = this.#sent = base;
    if (isRaw) this.#raw = base;
  }

  /** The handler gets the value of a key. Its text costs less than that of all when the response leaves. */
  share(key: string): void {
    const value = this.live[key];
    if (typeof value !== 'object' || value === null || this.#shared === 'all') return;
    this.#shared ??= new Map();
    try {
      if (!this.#shared.has(key)) this.#shared.set(key, JSON.stringify(value));
    } catch {
      // Nested too deep, by a writer without limits: whoever stores it is told.
      this.#shared = 'all';
    }
  }

  /** The handler has the object itself, or what it has put into it. */
  shareAll(): void {
    this.#shared = 'all';
  }

  /** Whether the handler may have changed what it holds: where not, nothing is pending but what it was told of. */
  get mayDiffer(): boolean {
    if (this.#shared === null) return false;
    if (this.#shared === 'all') return true;
    try {
      for (const [key, text] of this.#shared) if (JSON.stringify(this.live[key]) !== text) return true;
      return false;
    } catch {
      // `encode` says what is wrong with it.
      return true;
    }
  }

  /** The data as text. @throws {SessionError} if it cannot be stored */
  encode(): string {
    return this.#encoding.encode(this.live);
  }

  /** The text of data that no commit has been handed yet, or `null`. @throws {SessionError} if it cannot be stored */
  pending(): string | null {
    return this.#isSent() ? null : this.encode();
  }

  /** Whether the data is what the last commit was handed, however that is written. */
  #isSent(): boolean {
    if (this.#encoding.isText(this.live, this.#sent)) return true;
    if (this.#sent !== this.#raw) return false;
    this.#base = this.#sent = JSON.stringify(decodeData(this.#raw));
    this.#raw = null;
    return this.#encoding.isText(this.live, this.#sent);
  }

  /** Whether this text is what a commit was handed last. */
  isSent(text: string): boolean {
    return text === this.#sent;
  }

  /** What the store holds of a key, as far as this request knows: a copy. */
  stored(key: string): unknown {
    return decodeData(this.#base)[key];
  }

  /** What the last commit was handed of a key: a copy. */
  sent(key: string): unknown {
    return decodeData(this.#sent)[key];
  }

  /** Marks a text as handed to a commit, and returns the one before: the two hold between them what changed. */
  send(text: string): string {
    const base = this.#sent;
    this.#sent = text;
    this.#forgetTexts();
    return base;
  }

  /** A commit landed: beside one that failed, only this is not pending any more. */
  land(base: string, mine: string): void {
    this.#landed.push([base, mine]);
  }

  /** A commit failed: what it was to store is pending again. */
  fail(): void {
    this.#failed = true;
  }

  /** Takes over what was stored when the last commit under way has ended; `null`: none of them stored anything. */
  settle(stored: string | null): void {
    if (stored !== null) {
      // What a commit stored is written as JSON.stringify() does.
      this.#raw = null;
      const sent = this.#failed ? this.#withLanded() : this.#sent;
      rebase(this.live, sent, stored);
      this.#forgetTexts();
      this.#base = stored === sent ? stored : this.#encoding.takenOver(stored, sent);
    }
    this.#sent = this.#base;
    this.#failed = false;
    this.#landed = [];
  }

  /** The texts of what is shared are not those of what was sent or stored any more. */
  #forgetTexts(): void {
    if (this.#shared !== null) this.#shared = 'all';
  }

  /** The base with what landed on top: what failed beside it stays pending. */
  #withLanded(): string {
    const parts = partsOf(this.#base);
    for (const [base, mine] of this.#landed)
      for (const [key, text] of changesBetween(partsOf(base), partsOf(mine)))
        if (text === undefined) parts.delete(key);
        else parts.set(key, text);
    return textOf(parts);
  }
}

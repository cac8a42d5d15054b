// The text of a session while several writers' changes are put on top of it, one after the other, within limits.
import { SessionError } from './errors.js';
import { encodeData, type DataLimits } from './json.js';
import { changesBetween, partsOf, textOf, type Changes, type Parts } from './merge.js';
import type { DataSchema } from './schema.js';

const NONE: ReadonlySet<string> = new Set();

export class Draft {
  readonly #limits: DataLimits;
  readonly #schema: DataSchema | undefined;
  #text: string;
  /** Made from the text when the first change meets another writer's; `null` while whole texts follow each other. */
  #parts: Parts | null = null;
  #bytes = 0;
  /** Made for the first of them: most changes meet nobody else's. */
  #overwritten: Set<string> | null = null;

  constructor(text: string, limits: DataLimits, schema?: DataSchema) {
    this.#text = text;
    this.#limits = limits;
    this.#schema = schema;
  }

  /** Keys that a change overwrote although another writer had changed them too: the later commit wins. */
  get overwritten(): ReadonlySet<string> {
    return this.#overwritten ?? NONE;
  }

  get text(): string {
    return this.#parts === null ? this.#text : textOf(this.#parts);
  }

  /**
   * Takes over what a writer changed between `base` and `mine`.
   * @throws {SessionError} and leaves the draft as it was, if the result would break a limit.
   */
  change(base: string, mine: string): void {
    if (this.#parts === null && this.#text === base) {
      this.#text = mine;
      return;
    }
    const before = partsOf(base);
    const changes = changesBetween(before, partsOf(mine));
    const overwritten = [...changes].filter(([key, text]) => {
      const theirs = this.#open().get(key);
      return theirs !== before.get(key) && theirs !== text;
    });
    this.#apply(changes);
    this.#overwrite(overwritten.map(([key]) => key));
  }

  /** A change and an update on top of it: both or neither. */
  changeAndUpdate(base: string, mine: string, key: string, fn: (value: unknown) => unknown): unknown {
    const before = this.text;
    const trial = new Draft(before, this.#limits, this.#schema);
    trial.change(base, mine);
    const value = trial.update(key, fn);
    this.change(before, trial.text);
    this.#overwrite(trial.overwritten);
    return value;
  }

  /**
   * Sets a key to what `fn` makes of its value, and returns it.
   * @throws {SessionError} and leaves the draft as it was: ERR_SESSION_UPDATE_ASYNC for a promise, or what the value
   * breaks. What `fn` throws is thrown as it is.
   */
  update(key: string, fn: (value: unknown) => unknown): unknown {
    const text = this.#open().get(key);
    const value = fn(text === undefined ? undefined : JSON.parse(text));
    if (isThenable(value)) {
      value.then(undefined, () => undefined);
      throw new SessionError(
        'ERR_SESSION_UPDATE_ASYNC',
        'The function of update() must be synchronous: it may run again when another request was quicker. Await first, then update.',
      );
    }
    if (value === undefined)
      throw new SessionError(
        'ERR_SESSION_VALUE',
        `The function of update("${key}") returned undefined; use delete().`,
      );
    const next = partsOf(encodeData({ [key]: value }, this.#limits));
    if (!next.has(key))
      throw new SessionError('ERR_SESSION_VALUE', `The session cannot hold the value of "${key}".`);
    this.#apply(next);
    return value;
  }

  #overwrite(keys: Iterable<string>): void {
    for (const key of keys) (this.#overwritten ??= new Set()).add(key);
  }

  #open(): Parts {
    if (this.#parts === null) {
      this.#parts = partsOf(this.#text);
      this.#bytes = 1;
      for (const [key, text] of this.#parts) this.#bytes += bytesOf(key, text);
    }
    return this.#parts;
  }

  #apply(changes: Changes): void {
    const parts = this.#open();
    const before = [...changes.keys()].map((key) => [key, parts.get(key)] as const);
    this.#put(changes);
    // A key takes five bytes at least, so a short text cannot have too many.
    const isShort = this.#bytes <= Math.min(this.#limits.bytes, 4 * this.#limits.keys);
    if (isShort && this.#schema === undefined) return;
    try {
      const text = textOf(parts);
      if (!isShort) encodeData(JSON.parse(text) as object, this.#limits);
      this.#schema?.check(text);
    } catch (error) {
      this.#put(before);
      throw error;
    }
  }

  #put(changes: Iterable<readonly [string, string | undefined]>): void {
    const parts = this.#open();
    for (const [key, text] of changes) {
      const old = parts.get(key);
      if (old !== undefined) this.#bytes -= bytesOf(key, old);
      if (text === undefined) {
        parts.delete(key);
      } else {
        parts.set(key, text);
        this.#bytes += bytesOf(key, text);
      }
    }
  }
}

/** `"key":value,`; the last comma stands for the closing brace. */
const bytesOf = (key: string, text: string): number =>
  Buffer.byteLength(JSON.stringify(key)) + Buffer.byteLength(text) + 2;

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

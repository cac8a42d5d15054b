// The three-way merge of sessions by top-level key, and the rebase of live data onto what was stored.
import { decodeData, parseData } from './json.js';

/** A session in parts: top-level key -> JSON text of its value. */
export type Parts = Map<string, string>;

/** What one side changed: key -> new JSON text, or `undefined` for a deletion. */
export type Changes = ReadonlyMap<string, string | undefined>;

/** All keys: those that a foreign writer reserves for itself (`cookie`) are kept for it. */
export function partsOf(text: string): Parts {
  return new Map(Object.entries(parseData(text)).map(([key, value]) => [key, JSON.stringify(value)]));
}

/** The text of parts, with the keys in the order in which an object made of it would list them. */
export function textOf(parts: Parts): string {
  const ordered = Object.entries(Object.fromEntries(parts));
  return `{${ordered.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`;
}

/** What lies between two texts of one session. A deletion is a change. */
export function changesBetween(base: Parts, mine: Parts): Changes {
  const changes = new Map<string, string | undefined>();
  for (const [key, text] of mine) if (base.get(key) !== text) changes.set(key, text);
  for (const key of base.keys()) if (!mine.has(key)) changes.set(key, undefined);
  return changes;
}

/**
 * Rebases live data after a commit: every key that still is what the commit sent takes what was stored, in place for
 * objects and arrays, so that a reference the handler holds stays live. A key that changed in flight stays as it is.
 *
 *   A: reads {cart:[1]}, holds the array · B: stores {cart:[1,2]} · A: commits {n:1}, stored {cart:[1,2], n:1}
 *   without rebase, A's next commit would see B's push as deleted by A; with a fresh array, A's held one would be lost.
 */
export function rebase(live: Record<string, unknown>, sent: string, stored: string): void {
  if (sent === stored) return;
  const before = partsOf(sent);
  const after = decodeData(stored);
  const shared = sharedObjects(live);
  for (const key of new Set([...Object.keys(live), ...Object.keys(after)])) {
    const now = textIfReadable(live[key]);
    if (now !== before.get(key)) continue;
    if (!Object.hasOwn(after, key)) Reflect.deleteProperty(live, key);
    else if (now !== JSON.stringify(after[key])) live[key] = renewed(live[key], after[key], shared);
  }
  reorder(live, Object.keys(after));
}

/** Text of a value, or a text that no JSON is: a value that became unreadable has changed. */
function textIfReadable(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return 'unreadable';
  }
}

/** Objects that stand in several places: in place they cannot take what is stored in one of them. */
function sharedObjects(root: object): ReadonlySet<unknown> {
  const seen = new Set<unknown>();
  const shared = new Set<unknown>();
  // Not recursive: what the handler put there in flight may be deeper than any stack.
  const stack: unknown[] = [root];
  while (stack.length > 0) {
    const value = stack.pop();
    if (typeof value !== 'object' || value === null) continue;
    if (seen.has(value)) {
      shared.add(value);
      continue;
    }
    seen.add(value);
    try {
      for (const inner of Object.values(value)) stack.push(inner);
    } catch {
      // A getter that throws: the value is unreadable, so it stays as it is.
    }
  }
  return shared;
}

/** The value `next`, inside the object or array that `held` is where both are of one kind. */
function renewed(held: unknown, next: unknown, shared: ReadonlySet<unknown>): unknown {
  if (!Object.isExtensible(held) || shared.has(held)) return next;
  if (Array.isArray(held) && Array.isArray(next)) {
    const items: unknown[] = next.map((item, index) => renewed(held[index], item, shared));
    held.splice(0, held.length, ...items);
    return held;
  }
  if (isPlain(held) && isPlain(next)) {
    for (const key of Object.keys(held)) if (!Object.hasOwn(next, key)) Reflect.deleteProperty(held, key);
    for (const key of Object.keys(next)) held[key] = renewed(held[key], next[key], shared);
    reorder(held, Object.keys(next));
    return held;
  }
  return next;
}

/** Lists these keys last and in this order: equal data must have equal text. */
export function reorder(object: Record<string, unknown>, keys: readonly string[]): void {
  for (const key of keys) {
    if (!Object.hasOwn(object, key)) continue;
    const value = object[key];
    Reflect.deleteProperty(object, key);
    object[key] = value;
  }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

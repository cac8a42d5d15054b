// Session data as JSON text: what may be stored, within which limits, and how stored text becomes data again.
import { types } from 'node:util';

import { SessionError } from './errors.js';

/** Limits of one session. */
export interface DataLimits {
  /** Bytes of JSON text. Default 65,536. */
  readonly bytes: number;
  /** Levels of nesting, the session itself included. Default 64. */
  readonly depth: number;
  /** Keys, those of nested objects included. Default 10,000. */
  readonly keys: number;
}

export const DEFAULT_LIMITS: DataLimits = { bytes: 64 * 1024, depth: 64, keys: 10_000 };

/** Methods and accessors of `req.session`, and names that pollute prototypes: never keys of data. */
const RESERVED: ReadonlySet<string> = new Set(
  '__proto__ constructor prototype id cookie touch save reload destroy regenerate resetMaxAge req'.split(' '),
);

/** Whether there may be a `__proto__` key, also one that is spelled with escapes: those of ASCII begin like this. */
const mayPollute = (text: string): boolean => text.includes('__proto__') || text.includes('\\u00');

export const isReserved = (key: string): boolean => RESERVED.has(key);

/** @throws {SessionError} ERR_SESSION_KEY unless the key may name a value of a session. */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== 'string' || key === '')
    throw new SessionError('ERR_SESSION_KEY', 'A session key must be a string that is not empty.');
  if (RESERVED.has(key))
    throw new SessionError('ERR_SESSION_KEY', `"${key}" is reserved in a session; choose another key.`);
}

/**
 * The JSON text of session data.
 * @throws {SessionError} ERR_SESSION_KEY, ERR_SESSION_VALUE, ERR_SESSION_TOO_DEEP, ERR_SESSION_TOO_MANY_KEYS or
 * ERR_SESSION_TOO_LARGE, at once, whatever the data is: circular, a BigInt, a getter that throws.
 */
export function encodeData(data: object, limits: DataLimits = DEFAULT_LIMITS): string {
  const budget = { keys: limits.keys, limits, top: '' };
  for (const key of Object.keys(data)) {
    checkKey(key);
    budget.top = key;
    spendKey(budget);
    try {
      checkValue((data as Record<string, unknown>)[key], key, null, 2, budget);
    } catch (error) {
      throw error instanceof SessionError ? error : unreadable(key, error);
    }
  }
  let text: string;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    throw unreadable('', error);
  }
  checkSize(text, limits);
  return text;
}

/** @throws {SessionError} ERR_SESSION_TOO_LARGE, naming the largest keys. */
function checkSize(text: string, limits: DataLimits): void {
  // A UTF-16 unit takes at most three bytes of UTF-8, so most texts need no count.
  if (text.length * 3 <= limits.bytes) return;
  const bytes = Buffer.byteLength(text);
  if (bytes <= limits.bytes) return;
  const largest = largestKeys(text)
    .map(({ key, bytes: size }) => `"${key}" (${String(size)})`)
    .join(', ');
  throw new SessionError(
    'ERR_SESSION_TOO_LARGE',
    `The session would take ${String(bytes)} bytes, more than the limit of ${String(limits.bytes)}. ` +
      `Keep large things in a database and their ids in the session. Largest keys: ${largest}.`,
  );
}

/** The five keys of a session that take most bytes, largest first. */
export function largestKeys(text: string): { key: string; bytes: number }[] {
  return Object.entries(JSON.parse(text) as object)
    .map(([key, value]) => ({ key, bytes: Buffer.byteLength(JSON.stringify(value)) }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, 5);
}

/**
 * What stands in stored text, without keys that pollute prototypes.
 * @throws {SessionError} ERR_SESSION_CORRUPT unless the text is a JSON object.
 */
export function parseData(text: string): Record<string, unknown> {
  let data: unknown;
  try {
    data = mayPollute(text)
      ? JSON.parse(text, (key, value: unknown) => (key === '__proto__' ? undefined : value))
      : JSON.parse(text);
  } catch {
    // Without the cause: its message quotes what is stored.
    throw new SessionError('ERR_SESSION_CORRUPT', 'The stored session is not JSON text.');
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw new SessionError('ERR_SESSION_CORRUPT', 'The stored session is not a JSON object.');
  return data as Record<string, unknown>;
}

/**
 * Data from stored text. Reserved names that a foreign writer stored are dropped.
 * @throws {SessionError} ERR_SESSION_CORRUPT unless the text is a JSON object.
 */
export function decodeData(text: string): Record<string, unknown> {
  return decoded(text).data;
}

/** The same, and whether that is all that the text says. @throws {SessionError} ERR_SESSION_CORRUPT */
export function decoded(text: string): { data: Record<string, unknown>; isWhole: boolean } {
  const data = parseData(text);
  let isWhole = !mayPollute(text);
  for (const key of Object.keys(data)) {
    if (!isReserved(key)) continue;
    Reflect.deleteProperty(data, key);
    isWhole = false;
  }
  return { data, isWhole };
}

interface Budget {
  keys: number;
  readonly limits: DataLimits;
  /** The key of the session that is looked at. */
  top: string;
}

/** Where an object stands in a session. Its path is made for a message only: it is half of what a check costs. */
interface Place {
  readonly key: string;
  readonly parent: Place | null;
}

const pathOf = (key: string, parent: Place | null): string =>
  parent === null ? key : `${pathOf(parent.key, parent.parent)}.${key}`;

/** Refuses what JSON would drop, change or choke on: what is stored must come back as it was. */
function checkValue(value: unknown, key: string, parent: Place | null, depth: number, budget: Budget): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined': // an optional property: JSON leaves it out and it reads back as undefined
      return;
    case 'number':
      if (Number.isFinite(value)) return;
      throw cannotHold(pathOf(key, parent), String(value));
    case 'object':
      break;
    default:
      throw cannotHold(pathOf(key, parent), `a ${typeof value}`);
  }
  if (value === null) return;
  if (depth > budget.limits.depth) {
    throw new SessionError(
      'ERR_SESSION_TOO_DEEP',
      `The session key "${budget.top}" is circular or nested deeper than ${String(budget.limits.depth)} levels.`,
    );
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const item: unknown = value[index];
      if (item === undefined)
        throw cannotHold(`${pathOf(key, parent)}[${String(index)}]`, 'undefined in an array');
      checkValue(item, key, parent, depth + 1, budget);
    }
    return;
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    const json: unknown = (value.toJSON as (key: string) => unknown)(key);
    if (json === undefined) throw cannotHold(pathOf(key, parent), 'what a toJSON() leaves undefined');
    if (json !== value) checkValue(json, key, parent, depth + 1, budget);
    return;
  }
  const lossy = lossyName(value);
  if (lossy !== undefined) throw cannotHold(pathOf(key, parent), `a ${lossy}`);
  const place = { key, parent };
  for (const name of Object.keys(value)) {
    if (name === '__proto__')
      throw new SessionError('ERR_SESSION_KEY', `The session key "${budget.top}" holds a "__proto__" key.`);
    spendKey(budget);
    checkValue((value as Record<string, unknown>)[name], name, place, depth + 1, budget);
  }
}

/** Objects whose content JSON does not see. Instances of an application's own classes become plain objects. */
function lossyName(value: object): string | undefined {
  if (Object.getPrototypeOf(value) === Object.prototype) return undefined;
  if (types.isMap(value)) return 'Map';
  if (types.isSet(value)) return 'Set';
  if (types.isWeakMap(value)) return 'WeakMap';
  if (types.isWeakSet(value)) return 'WeakSet';
  if (types.isPromise(value)) return 'Promise';
  if (types.isRegExp(value)) return 'RegExp';
  if (types.isNativeError(value)) return 'Error';
  if (types.isAnyArrayBuffer(value) || types.isArrayBufferView(value)) return 'buffer';
  return undefined;
}

function spendKey(budget: Budget): void {
  if (--budget.keys >= 0) return;
  throw new SessionError(
    'ERR_SESSION_TOO_MANY_KEYS',
    `The session has more than ${String(budget.limits.keys)} keys; the one that passed the limit is in "${budget.top}".`,
  );
}

function cannotHold(path: string, what: string): SessionError {
  return new SessionError(
    'ERR_SESSION_VALUE',
    `The session cannot hold ${what} at "${path}": it would not come back from JSON as it is. Store a plain value.`,
  );
}

function unreadable(key: string, cause: unknown): SessionError {
  const where = key === '' ? 'The session' : `The session key "${key}"`;
  return new SessionError('ERR_SESSION_VALUE', `${where} cannot be read: a getter or toJSON threw.`, {
    cause,
  });
}

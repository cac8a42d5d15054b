// Signed values: `id.signature`, or `id.keyId.signature` under a key with a name; bound to what carries them, under the
// first of several keys.
import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';

import type { SessionId } from './contract.js';
import { isId } from './ids.js';
import { Proved } from './proved.js';

/** A secret with a name: values say under which key they were signed, and taking the key away refuses them all. */
export interface SigningKey {
  /** 1 to 32 characters of A-Z a-z 0-9 _ -. Not a secret. */
  readonly id: string;
  readonly secret: string;
}

/** A signature that was found good. `stale`: made with a key that no longer signs, so the value is due for a new one. */
export interface Verified {
  readonly id: SessionId;
  readonly stale: boolean;
}

const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/;
/** No value that we made is longer: the longest id, a dot, a key's id, a dot, 43 characters of HMAC-SHA-256. */
const MAX_LENGTH = 256 + 1 + 32 + 1 + 43;

export const isKeyId = (id: unknown): id is string => typeof id === 'string' && KEY_ID.test(id);

export class Signer {
  readonly #name: string;
  readonly #keys: readonly { readonly id: string; readonly key: KeyObject }[];
  /** Whether what a signature has proved is stale: 3 us less for each request that brings it again. Junk does not get in. */
  readonly #proved = new Proved<boolean>();

  /** @param name What carries the value, a cookie's name: a value signed for one cookie is refused in another. */
  constructor(name: string, keys: readonly (string | SigningKey)[]) {
    this.#name = name;
    this.#keys = keys.map((key) => {
      const { id, secret } = typeof key === 'string' ? { id: '', secret: key } : key;
      return { id, key: createSecretKey(secret, 'utf8') };
    });
  }

  sign(id: SessionId): string {
    const [first] = this.#keys;
    if (first === undefined) throw new TypeError('A signer needs a secret.');
    return [id, ...(first.id === '' ? [] : [first.id]), this.#mac(first.key, id)].join('.');
  }

  /** The id inside a signed value, or `null` for anything else whatsoever. */
  verify(value: string): Verified | null {
    if (value.length > MAX_LENGTH) return null;
    const stale = this.#proved.get(value);
    if (stale !== undefined) return { id: value.slice(0, value.indexOf('.')) as SessionId, stale };
    const verified = this.#check(value);
    if (verified !== null) this.#proved.set(value, verified.stale);
    return verified;
  }

  #check(value: string): Verified | null {
    const parts = value.split('.');
    const [id = '', second = '', third] = parts;
    if (parts.length > 3 || !isId(id)) return null;
    // A key without an id is not named at all.
    if (third !== undefined && second === '') return null;
    const keyId = third === undefined ? '' : second;
    // Compared as text: a lenient base64 decoder would accept several spellings of one signature.
    const given = Buffer.from(third ?? second);
    let match = -1;
    this.#keys.forEach((key, index) => {
      if (key.id !== keyId) return;
      const wanted = Buffer.from(this.#mac(key.key, id));
      if (match < 0 && given.length === wanted.length && timingSafeEqual(given, wanted)) match = index;
    });
    return match < 0 ? null : { id, stale: match > 0 };
  }

  #mac(key: KeyObject, id: SessionId): string {
    return createHmac('sha256', key).update(`${this.#name}=${id}`).digest('base64url');
  }
}

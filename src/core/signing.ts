// Signed cookie values: `id.signature`, bound to the cookie's name, under the first of several secrets.
import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';

import type { SessionId } from './contract.js';
import { isId } from './ids.js';

/** A signature that was found good. `stale`: made with a secret that no longer signs, so the cookie is due for a new one. */
export interface Verified {
  readonly id: SessionId;
  readonly stale: boolean;
}

/** No cookie value that we made is longer: the longest id, a dot, 43 characters of HMAC-SHA-256. */
const MAX_LENGTH = 256 + 1 + 43;

export class Signer {
  readonly #name: string;
  readonly #keys: readonly KeyObject[];

  /** @param name The cookie's name: a value signed for one cookie is refused in another. */
  constructor(name: string, secrets: readonly string[]) {
    this.#name = name;
    this.#keys = secrets.map((secret) => createSecretKey(secret, 'utf8'));
  }

  sign(id: SessionId): string {
    const [first] = this.#keys;
    if (first === undefined) throw new TypeError('A signer needs a secret.');
    return `${id}.${this.#mac(first, id)}`;
  }

  /** The id inside a signed value, or `null` for anything else whatsoever. */
  verify(value: string): Verified | null {
    if (value.length > MAX_LENGTH) return null;
    const dot = value.lastIndexOf('.');
    const id = value.slice(0, Math.max(dot, 0));
    if (!isId(id)) return null;
    // Compared as text: a lenient base64 decoder would accept several spellings of one signature.
    const given = Buffer.from(value.slice(dot + 1));
    let match = -1;
    this.#keys.forEach((key, index) => {
      const wanted = Buffer.from(this.#mac(key, id));
      if (match < 0 && given.length === wanted.length && timingSafeEqual(given, wanted)) match = index;
    });
    return match < 0 ? null : { id, stale: match > 0 };
  }

  #mac(key: KeyObject, id: SessionId): string {
    return createHmac('sha256', key).update(`${this.#name}=${id}`).digest('base64url');
  }
}

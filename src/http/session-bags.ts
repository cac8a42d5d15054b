// How a session's data comes into the handler's hands: what a new session begins with, and what a stored one holds.
import type { IncomingMessage } from 'node:http';

import { Bag, type Encoding } from '../commit/bag.js';
import type { SessionRecord } from '../core/contract.js';
import { SessionError } from '../core/errors.js';
import { decodeData, decoded, encodeData } from '../core/json.js';
import type { Config } from './options.js';

export class SessionBags {
  readonly #config: Config;
  readonly #encoding: Encoding;
  readonly #req: IncomingMessage;
  readonly #present: (data: object) => object;

  /** @param present Makes `req.session` of data. */
  constructor(config: Config, encoding: Encoding, req: IncomingMessage, present: (data: object) => object) {
    this.#config = config;
    this.#encoding = encoding;
    this.#req = req;
    this.#present = present;
  }

  /** What a new session holds, as text. @throws {SessionError} ERR_SESSION_VALUE, or what the option `initial` throws */
  first(): string {
    const { initial, limits } = this.#config;
    if (initial === undefined) return '{}';
    const first: unknown = initial(this.#req);
    if (typeof first !== 'object' || first === null || first instanceof Promise)
      throw new SessionError(
        'ERR_SESSION_VALUE',
        'The option initial must return an object, and not a promise.',
      );
    return encodeData(first, limits);
  }

  /** @throws {SessionError} ERR_SESSION_SCHEMA where it is not what the schema says */
  check(text: string): void {
    this.#config.schema?.check(text);
  }

  of(text: string): Bag {
    const { data, isWhole } = decoded(text);
    // Names of other writers are dropped here: not to have them is no change of ours.
    return isWhole
      ? this.#bag(this.#present(data), text, true)
      : this.#bag(this.#present(data), JSON.stringify(data));
  }

  /** @throws {SessionError} ERR_SESSION_CORRUPT, ERR_SESSION_SCHEMA */
  ofRecord({ data, meta }: SessionRecord): Bag {
    const { schema } = this.#config;
    if (schema === undefined) return this.of(data);
    const stored = decodeData(data);
    const text = JSON.stringify(stored);
    // What the schema or migrate() makes of it is a change, which is stored with the response.
    const bag = this.#bag(this.#present(schema.read(stored, meta?.schema ?? 0)), text);
    bag.shareAll();
    return bag;
  }

  #bag(live: object, base: string, isRaw = false): Bag {
    return new Bag(live as Record<string, unknown>, base, this.#encoding, isRaw);
  }
}

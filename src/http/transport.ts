// How a session's id travels between client and server: in a cookie, in a header, or in either.
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { SessionId } from '../core/contract.js';
import { Signer, type SigningKey, type Verified } from '../core/signing.js';

/** What a request brought. */
export interface Credentials {
  /** The ids under good signatures. */
  readonly verified: readonly Verified[];
  /** How many values were none of ours. */
  readonly refused: number;
}

export interface Transport {
  /** The request header that the answer depends on. */
  readonly vary: string;
  /** Never throws, whatever the client sent. */
  read(req: IncomingMessage): Credentials;
  /** @param remaining How long the session lives, ms; `null`: as long as the client. */
  set(req: IncomingMessage, res: ServerResponse, id: SessionId, remaining: number | null): void;
  clear(req: IncomingMessage, res: ServerResponse): void;
}

/** The option `transport`: one way, or several in the order in which they are looked at. */
export type TransportOption = 'cookie' | HeaderOption;

/** For clients that keep no cookies. What the client got in this response header it sends in the request's. */
export interface HeaderOption {
  /** Such as `X-Session`. */
  readonly header: string;
}

/** An id, and how it came. */
export interface Brought extends Verified {
  readonly via: Transport;
}

const NO_CREDENTIALS: Credentials = { verified: [], refused: 0 };

/** A header of the same name on requests and responses; empty when the session has ended. */
export class SessionHeader implements Transport {
  readonly vary: string;
  readonly #signer: Signer;

  constructor({ header }: HeaderOption, keys: readonly (string | SigningKey)[]) {
    this.vary = header;
    // No cookie has this name: what was signed for the one is refused in the other.
    this.#signer = new Signer(`header ${header.toLowerCase()}`, keys);
  }

  read(req: IncomingMessage): Credentials {
    const value = req.headers[this.vary.toLowerCase()];
    // Sent twice, Node joins it to a text that no signature fits.
    return typeof value === 'string' && value !== '' ? verifiedOf(this.#signer, [value]) : NO_CREDENTIALS;
  }

  set(_req: IncomingMessage, res: ServerResponse, id: SessionId): void {
    res.setHeader(this.vary, this.#signer.sign(id));
    noStore(res);
  }

  clear(_req: IncomingMessage, res: ServerResponse): void {
    res.setHeader(this.vary, '');
    noStore(res);
  }
}

/** Several ways: a session answers on the one that it came by, a new one on the first. */
export class Transports {
  readonly #all: readonly Transport[];

  /** @param all One at least. */
  constructor(all: readonly Transport[]) {
    this.#all = all;
  }

  read(req: IncomingMessage): { verified: Brought[]; refused: number } {
    const all: Brought[] = [];
    let count = 0;
    for (const via of this.#all) {
      const { verified, refused } = via.read(req);
      for (const { id, stale } of verified) all.push({ id, stale, via });
      count += refused;
    }
    return { verified: all, refused: count };
  }

  /** @param via How the session came, if it was brought. */
  set(
    req: IncomingMessage,
    res: ServerResponse,
    id: SessionId,
    remaining: number | null,
    via: Transport | undefined = this.#used(req)[0] ?? this.#all[0],
  ): void {
    via?.set(req, res, id, remaining);
  }

  clear(req: IncomingMessage, res: ServerResponse): void {
    for (const transport of this.#used(req)) transport.clear(req, res);
  }

  /** Tells caches that the answer depends on who asks. */
  vary(res: ServerResponse): void {
    for (const { vary } of this.#all) varyOn(res, vary);
  }

  /** Those by which the request came. */
  #used(req: IncomingMessage): readonly Transport[] {
    if (this.#all.length === 1) return this.#all;
    return this.#all.filter((transport) => transport.read(req).verified.length > 0);
  }
}

/** Those of the values that a signature proves. */
export function verifiedOf(signer: Signer, values: readonly string[]): Credentials {
  const verified = values.map((value) => signer.verify(value)).filter((found) => found !== null);
  return { verified, refused: values.length - verified.length };
}

/** What sets a session must not be given to another user by a cache, whatever the app said (OWASP ASVS 5, V14). */
export function noStore(res: ServerResponse): void {
  const caching = res.getHeader('Cache-Control');
  if (typeof caching !== 'string' || !/(^|[\s,])no-store($|[\s,])/i.test(caching))
    res.setHeader('Cache-Control', 'no-store');
}

function varyOn(res: ServerResponse, name: string): void {
  if (!res.hasHeader('Vary')) {
    res.setHeader('Vary', name);
    return;
  }
  const vary = [res.getHeader('Vary') ?? []].flat().join(', ');
  const names = vary.split(',').map((entry) => entry.trim().toLowerCase());
  if (!names.includes('*') && !names.includes(name.toLowerCase()))
    res.setHeader('Vary', vary === '' ? name : `${vary}, ${name}`);
}

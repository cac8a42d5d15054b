// Where the file store keeps what: every name it makes, and the patterns by which it knows its own. Touches no disk.
import { hash, randomBytes } from 'node:crypto';
import { sep } from 'node:path';

import type { SessionId, SessionKey } from '../../core/contract.js';
import { handleOf, isHandle } from '../../core/ids.js';

/** One version of a session's file: the `seq`-th since it was created, named by the `nonce` of the write. */
export interface Version {
  readonly seq: number;
  readonly nonce: string;
}

/** 64 hex digits: the SHA-256 of a session's id. */
export type Name = string;

/** Before when sessions are revoked, epoch ms, and whose, as their directory is called; empty: everybody's. */
export interface Moment {
  readonly owner: string;
  readonly before: number;
}

/** What a file in a shard is. */
export type Entry =
  | { readonly kind: 'record'; readonly name: Name }
  | ({ readonly kind: 'token' | 'staged'; readonly name: Name } & Version);

const NAME = /^[0-9a-f]{64}$/;
const SHARD = /^[0-9a-f]{3}$/;
/** Characters of a name without anything after it. */
export const NAME_LENGTH = 64;
const OF_WRITER = /^[0-9a-f]{64}(@|\.s-)([1-9]\d{0,14})-([0-9a-z]{17,32}-[0-9a-z]{1,11}(?:-closed)?)$/;
/** Of the random part of a nonce: 64 bits. */
const RANDOM_LENGTH = 16;
const ASIDE = /^\d{4}-\d\d-\d\dT[\d.-]+Z-[0-9a-f]{64}-[0-9a-f]{8}$/;
const DRAFT = /^\.session-store-js\.[0-9a-f]{16}$/;
const CLOSED = '-closed';
const EVERYBODY = 'everybody';
const MOMENT = /^(everybody|[0-9a-f]{64})-(\d{1,16})$/;
const HANDLE_PREFIX = 'sha256:';

export class Layout {
  /** @param root An absolute path. */
  constructor(readonly root: string) {}

  /** Says what the directory is, and which format it has. */
  get marker(): string {
    return this.root + sep + '.session-store-js';
  }

  /** Where the marker is written before it has its name. */
  draft(): string {
    return `${this.marker}.${randomBytes(8).toString('hex')}`;
  }

  get quarantine(): string {
    return this.root + sep + 'quarantine';
  }

  get owners(): string {
    return this.root + sep + 'owners';
  }

  shard(name: Name): string {
    return this.root + sep + name.slice(0, 3);
  }

  /** The session as it was last stored. */
  record(name: Name): string {
    return this.shard(name) + sep + name;
  }

  /** An empty file whose name says which version is the current one. */
  token(name: Name, { seq, nonce }: Version): string {
    return `${this.record(name)}@${seq}-${nonce}`;
  }

  /** A version that is not published yet. */
  staged(name: Name, { seq, nonce }: Version): string {
    return `${this.record(name)}.s-${seq}-${nonce}`;
  }

  /** A place in the quarantine that no other file has. The names sort by time. */
  aside(name: Name, at: number): string {
    const time = new Date(at).toISOString().replaceAll(':', '-');
    return `${this.quarantine}${sep}${time}-${name}-${randomBytes(4).toString('hex')}`;
  }

  /** The directory of a user's sessions: an empty file for each. */
  owner(owner: string): string {
    return this.ownerNamed(this.ownerName(owner));
  }

  /** What the directory of a user is called. */
  ownerName(owner: string): string {
    return hash('sha256', owner);
  }

  ownerNamed(name: string): string {
    return this.owners + sep + name.slice(0, 3) + sep + name;
  }

  get revoked(): string {
    return this.root + sep + 'revoked';
  }

  /** The folder of the moments of a user and of some others, or of everybody's. */
  moments(owner: string): string {
    return this.revoked + sep + (owner === '' ? EVERYBODY : owner.slice(0, 3));
  }

  moment({ owner, before }: Moment): string {
    return `${this.moments(owner)}${sep}${owner === '' ? EVERYBODY : owner}-${wholeMs(before)}`;
  }
}

/** The name of a key: a handle's digits, or those that the handle of a plain id would have. */
export function nameOf(key: SessionKey): Name {
  const text: string = key;
  return (isHandle(text) ? text : handleOf(text as SessionId)).slice(HANDLE_PREFIX.length);
}

export const isName = (text: string): boolean => NAME.test(text);
/** A marker that was not finished. */
export const isDraft = (text: string): boolean => DRAFT.test(text);
export const isAside = (text: string): boolean => ASIDE.test(text);
export const isShard = (text: string): boolean => SHARD.test(text);

/** What a file in a shard is; null: not one of ours. */
export function entryOf(file: string): Entry | null {
  if (file.length === NAME_LENGTH) return isName(file) ? { kind: 'record', name: file } : null;
  const match = OF_WRITER.exec(file);
  if (match === null) return null;
  const [, mark, seq, nonce = ''] = match;
  const name = file.slice(0, NAME_LENGTH);
  return { kind: mark === '@' ? 'token' : 'staged', name, seq: Number(seq), nonce };
}

/** What a file among the moments says; null: not one of ours. */
export function momentOf(file: string): Moment | null {
  const [, owner, before] = MOMENT.exec(file) ?? [];
  return owner === undefined ? null : { owner: owner === EVERYBODY ? '' : owner, before: Number(before) };
}

/** What tokens of a version's successors are called: the beginning. */
export const successorPrefix = (name: Name, { seq }: Version): string => `${name}@${seq + 1}-`;

export const isSame = (a: Version, b: Version): boolean => a.seq === b.seq && a.nonce === b.nonce;

export const isClosed = ({ nonce }: Version): boolean => nonce.endsWith(CLOSED);

/** When a version ends unless it is touched, epoch ms: in its name, so that the sweep opens no file of the living. */
export const dueAtOf = ({ nonce }: Version): number =>
  Number.parseInt(nonce.slice(nonce.indexOf('-') + 1), 36);

/** Makes nonces: a part that no two writes of any process have in common, when the version ends, and whether it is closed. */
export class Nonces {
  readonly #process: string;
  #count = 0;

  /** @param process 16 characters of 0-9a-z that no other process has. */
  constructor(process = randomBytes(RANDOM_LENGTH / 2).toString('hex')) {
    this.#process = process;
  }

  /** @param accepts Which tags the nonce may have. */
  next(dueAt: number, isClosed: boolean, accepts: (tag: number) => boolean = () => true): string {
    let nonce: string;
    do nonce = this.#process + (this.#count++).toString(36);
    while (!accepts(tagOf({ nonce })));
    return `${nonce}-${wholeMs(dueAt).toString(36)}${isClosed ? CLOSED : ''}`;
  }
}

/** A time as files hold it. */
export const wholeMs = (ms: number): number => Math.max(Math.trunc(ms), 0);

/** A number from 1 to 999 that goes with a nonce: it tells for which version a token's time is meant. Rounded times have 0. */
export function tagOf({ nonce }: Pick<Version, 'nonce'>): number {
  return 1 + (Number.parseInt(nonce.slice(RANDOM_LENGTH), 36) % 999);
}

// The types of the drop-in. Beside @types/express-session they are that package's own, so that every augmentation of
// 'express-session' goes on working and `req.session` has one type; without it they are ours, of the same structure.
//
// An import of a package that may be missing is an error, which the comment before it takes away: the type is `any` then.
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Callback } from '../core/callback.js';
import type { Next } from '../http/response-gate.js';
import type { Cookie as OwnCookie } from '../stores/session.js';
import type { CookieAttributes, SessionOptions as OptionsOf } from './options.js';

// In tuples: a conditional type of what cannot be found is itself taken for what cannot be found.
type IsAny<T> = [0] extends [1 & T] ? true : false;
/** `Theirs` where it can be had, else `Ours`. */
type Either<Theirs, Ours> = IsAny<Theirs> extends true ? Ours : Theirs;

/* eslint-disable @typescript-eslint/ban-ts-comment -- not @ts-expect-error: where the packages are there, nothing is wrong */
/** @ts-ignore */
type TheirSession = import('express-session').Session;
/** @ts-ignore */
type TheirData = import('express-session').SessionData;
/** @ts-ignore */
type TheirStore = import('express-session').Store;
/** @ts-ignore */
type TheirMemoryStore = import('express-session').MemoryStore;
/** @ts-ignore */
type TheirStoreClass = typeof import('express-session').Store;
/** @ts-ignore */
type TheirCookie = import('express-session').Cookie;
/** @ts-ignore */
type TheirCookieClass = typeof import('express-session').Cookie;
/** @ts-ignore */
type TheirMemoryStoreClass = typeof import('express-session').MemoryStore;
/** @ts-ignore */
type TheirSessionClass = typeof import('express-session').Session;
/** @ts-ignore */
type ExpressRequest = import('express').Request;
/* eslint-enable */

export type Request = Either<ExpressRequest, IncomingMessage>;

/** Without @types/express-session: what `req.session` has besides its data. */
export interface OwnSession {
  /** The session's id: a secret. */
  id: string;
  cookie: OwnCookie;
  /** A new id and an empty session, at a change of privilege. */
  regenerate(callback?: Callback): Promise<void>;
  /** Ends the session and takes it off the request. */
  destroy(callback?: Callback): Promise<void>;
  /** Reads the session anew; `req.session` is another object then. */
  reload(callback?: Callback): Promise<void>;
  /** Stores the session now. */
  save(callback?: Callback): Promise<void>;
  touch(callback?: Callback<this>): Promise<this>;
  resetMaxAge(callback?: Callback<this>): Promise<this>;
}

export interface OwnData {
  cookie: OwnCookie;
}

/** Without @types/express-session: the base of a custom store. */
export declare abstract class OwnStore extends EventEmitter {
  generate(req: Request): void;
  regenerate(req: Request, callback: (err?: unknown) => unknown): void;
  load(sid: string, callback: (err: unknown, session?: OwnData) => unknown): void;
  createSession(req: Request, session: OwnData): OwnSession & OwnData;
  abstract get(sid: string, callback: (err: unknown, session?: OwnData | null) => void): void;
  abstract set(sid: string, session: OwnData, callback?: (err?: unknown) => void): void;
  abstract destroy(sid: string, callback?: (err?: unknown) => void): void;
  all?(callback: (err: unknown, obj?: OwnData[] | Record<string, OwnData> | null) => void): void;
  length?(callback: (err: unknown, length?: number) => void): void;
  clear?(callback?: (err?: unknown) => void): void;
  touch?(sid: string, session: OwnData, callback?: () => void): void;
}

/** Without @types/express-session: sessions in this process. */
export declare class OwnMemoryStore extends OwnStore {
  get(sid: string, callback: (err: unknown, session?: OwnData | null) => void): void;
  set(sid: string, session: OwnData, callback?: (err?: unknown) => void): void;
  destroy(sid: string, callback?: (err?: unknown) => void): void;
  all(callback: (err: unknown, obj?: Record<string, OwnData> | null) => void): void;
  length(callback: (err: unknown, length?: number) => void): void;
  clear(callback?: (err?: unknown) => void): void;
  touch(sid: string, session: OwnData, callback?: () => void): void;
}

export type Session = Either<TheirSession, OwnSession>;
export type BaseData = Either<TheirData, OwnData>;
export type CookieOptions = CookieAttributes;
export type Store = Either<TheirStore, OwnStore>;
export type MemoryStore = Either<TheirMemoryStore, OwnMemoryStore>;
export type Cookie = Either<TheirCookie, OwnCookie>;
// The classes as theirs: a store factory of the ecosystem may ask for `typeof import('express-session')`.
export type CookieClass = Either<TheirCookieClass, typeof OwnCookie>;
export type SessionClass = Either<TheirSessionClass, { readonly prototype: OwnSession }>;
export type MemoryStoreClass = Either<TheirMemoryStoreClass, typeof OwnMemoryStore>;
export type StoreClass = Either<TheirStoreClass, typeof OwnStore>;
/** The options of express-session, and ours besides. */
export type SessionOptions = OptionsOf<Request>;

/** What `req.session` is, with the data that an application says it holds. */
export type RequestSession<Data> = Either<TheirSession & Partial<TheirData>, OwnSession & Partial<Data>>;
export type RequestStore = Store & { generate: (req: Express.Request) => void };

export type Handler = (req: IncomingMessage, res: ServerResponse, next: Next) => void;

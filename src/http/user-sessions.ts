// All sessions of one user: which there are, and ending them.
import type { IncomingMessage } from 'node:http';

import { MAX_HOPS } from '../commit/endings.js';
import { systemClock } from '../core/clock.js';
import type { SessionKey, SessionRecord } from '../core/contract.js';
import { SessionError } from '../core/errors.js';
import { lastSeenAt } from '../core/expiry.js';
import { isHandle } from '../core/ids.js';
import type { Engine } from './engine.js';
import { requestSession } from './middleware.js';
import { OwnedSessions } from './owned-sessions.js';

/** A session as its user sees it in a list of devices. */
export interface UserSession {
  /** Its name: `sha256:` and 64 hex digits. */
  readonly handle: string;
  /** Of the login, epoch ms. */
  readonly createdAt: number;
  /** Epoch ms, `touchAfter` earlier at most. */
  readonly lastSeenAt: number;
  /** Epoch ms; `null`: when the store thinks fit. */
  readonly expiresAt: number | null;
  /** What `describe(req)` returned at the login. */
  readonly device: unknown;
  /** Whether it is that of the request which asks. */
  readonly current: boolean;
}

const MAX_USER_LENGTH = 255;
/** A session that moves to another id while they are listed can be missed: it is found in the next pass. */
const MAX_PASSES = 20;

export class UserSessions {
  readonly #engine: Engine;
  readonly #owner: string;
  readonly #owned: OwnedSessions;
  readonly #req: IncomingMessage | undefined;

  /** @throws {SessionError} ERR_SESSION_USER */
  constructor(engine: Engine, userId: string, req?: IncomingMessage) {
    this.#engine = engine;
    this.#owner = checkedUser(userId);
    this.#owned = new OwnedSessions(engine, this.#owner);
    this.#req = req;
  }

  /** The living sessions, the latest login first. @throws {SessionError} ERR_SESSION_UNSUPPORTED, ERR_SESSION_STORE */
  async list(): Promise<UserSession[]> {
    const current = await this.#current();
    const sessions: UserSession[] = [];
    for await (const record of this.#owned.records()) {
      const { createdAt, expiresAt, meta } = record;
      const handle = this.#engine.handleOf(record.key);
      const device = meta?.device ?? null;
      const isCurrent = record.key === current;
      sessions.push({
        ...{ handle, createdAt, expiresAt, device },
        lastSeenAt: lastSeenAt(record),
        current: isCurrent,
      });
    }
    return sessions.sort((a, b) => b.createdAt - a.createdAt);
  }

  /** Ends one. False if the user has no such session. */
  async revoke(handle: string): Promise<boolean> {
    if (!isHandle(handle)) return false;
    const { store } = this.#engine;
    if (store.idAtRest === 'sha256') {
      const record = await this.#engine.findLiving(handle as string as SessionKey);
      return record?.owner === this.#owner && this.#owned.end(record);
    }
    for await (const record of this.#owned.records())
      if (this.#engine.handleOf(record.key) === handle) return this.#owned.end(record);
    return false;
  }

  /**
   * Ends all but one: that of the request, or that of a handle. A login that comes meanwhile is in time, or it is newer
   * and lives.
   * @returns How many it ended.
   * @throws {SessionError} ERR_SESSION_USER if `except` is `'current'` without the request of a session of this user
   */
  async revokeAll({ except }: { except?: 'current' | (string & {}) } = {}): Promise<number> {
    const current = except === 'current' ? await this.#current() : undefined;
    if (except === 'current' && current === undefined)
      throw new SessionError(
        'ERR_SESSION_USER',
        'except: "current" needs ofUser(userId, req) with a request of that user.',
      );
    const kept = await this.#keptOf(current, except);
    const startedAt = this.#engine.config.clock.now();
    let ended = 0;
    for (let pass = 0, quiet = 0; pass < MAX_PASSES && quiet < 2; pass++) {
      let found = 0;
      for await (const record of this.#owned.records()) {
        const isNewer = pass > 0 && record.createdAt > startedAt;
        if (isNewer || (await this.#isHeir(record, kept))) continue;
        found++;
        if (await this.#owned.end(record)) ended++;
      }
      quiet = found === 0 ? quiet + 1 : 0;
    }
    return ended;
  }

  /**
   * Refuses every session of the user that began before a moment, with one write, however many there are. Other
   * processes know within a second.
   * @param date Default: now.
   */
  async invalidateBefore(date?: Date): Promise<void> {
    await revokeBefore(this.#engine, date, this.#owner);
  }

  /** The session that is kept, one that has moved on included. */
  async #keptOf(current: SessionKey | undefined, handle: string | undefined): Promise<SessionRecord | null> {
    const isKey = this.#engine.store.idAtRest === 'sha256' && isHandle(handle);
    const key = current ?? (isKey ? (handle as string as SessionKey) : undefined);
    if (key !== undefined) return this.#engine.calls().find(key, true);
    if (!isHandle(handle)) return null;
    for await (const record of this.#owned.records())
      if (this.#engine.handleOf(record.key) === handle) return record;
    return null;
  }

  /** Whether a record is this session, or what goes on under another id, or is about to. */
  async #isHeir({ key, createdAt, meta }: SessionRecord, of: SessionRecord | null): Promise<boolean> {
    if (createdAt !== of?.createdAt) return false;
    let next: SessionKey | undefined = of.key;
    for (let hop = 0; hop < MAX_HOPS && next !== undefined; hop++) {
      if (next === key || next === meta?.from || next === meta?.heirOf) return true;
      next = (await this.#engine.calls().find(next, true))?.closed?.movedTo;
    }
    return false;
  }

  /** The key of the request's session, if it is this user's. */
  async #current(): Promise<SessionKey | undefined> {
    if (this.#req === undefined) return undefined;
    const session = requestSession(this.#req, this.#engine);
    await session.load();
    if (session.owner !== this.#owner || session.key === undefined) return undefined;
    // Under the key that it has now: it may have been renewed since the request began.
    return (await this.#engine.findLiving(session.key))?.key;
  }
}

/** @throws {SessionError} ERR_SESSION_USER */
export function checkedUser(userId: unknown): string {
  if (typeof userId === 'string' && userId !== '' && userId.length <= MAX_USER_LENGTH) return userId;
  throw new SessionError(
    'ERR_SESSION_USER',
    `A user is named by a string of 1 to ${String(MAX_USER_LENGTH)} characters; of a number, give String(id).`,
  );
}

/**
 * Refuses what began before a moment: all sessions, or those of one user.
 * @throws {SessionError} ERR_SESSION_VALUE for a date in the future; ERR_SESSION_UNSUPPORTED where the store cannot
 */
export async function revokeBefore(engine: Engine, date: Date | undefined, owner?: string): Promise<void> {
  const store = engine.store.capable('revokeBefore');
  const { clock } = engine.config;
  const now = clock.now();
  // The moment that somebody names is the wall clock's. Ours goes on counting where that was set forward; and what begins
  // from here on begins by ours.
  const latest = clock === systemClock ? Math.max(now, Date.now()) : now;
  const named = date === undefined ? now : date instanceof Date ? date.valueOf() : NaN;
  if (!(named <= latest))
    throw new SessionError('ERR_SESSION_VALUE', 'The date must be a Date, and not in the future.');
  const before = Math.min(named, now);
  await engine.calls().ask('revokeBefore', {}, (options) => store.revokeBefore(before, owner, options));
}

/** What `ofUser` returns. The class itself is nobody's to construct. */
export type UserSessionsOf = UserSessions;

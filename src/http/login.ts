// A login and what comes with it: every secure step in one call.
import type { IncomingMessage } from 'node:http';

import type { SessionKey } from '../core/contract.js';
import { SessionError } from '../core/errors.js';
import { encodeData } from '../core/json.js';
import type { Engine } from './engine.js';
import { requestSession } from './middleware.js';
import type { Seats } from './request-session.js';
import { OwnedSessions } from './owned-sessions.js';
import { checkedUser } from './user-sessions.js';

export interface LoginOptions {
  /** Lives for `rememberFor` after its last use, instead of `maxAge`. Default false. */
  remember?: boolean;
  /** Takes along what the session holds, a cart say, unless it is another user's. Default false. */
  keepData?: boolean;
}

/** What `describe(req)` may return. */
const DEVICE_LIMITS = { bytes: 2_048, depth: 8, keys: 64 };

/**
 * Begins a session of a user: under a new id, in the place of the one that the request came with, which is dead when
 * this resolves; with an absolute end of its own; within the number of sessions that a user may have.
 */
export function login(
  engine: Engine,
  req: IncomingMessage,
  userId: string,
  { remember = false, keepData = false }: LoginOptions,
): Promise<void> {
  return requestSession(req, engine).login(() => {
    const { absoluteTimeout, rememberFor, maxAge, clock } = engine.config;
    const owner = checkedUser(userId);
    const device = deviceOf(engine, req);
    const longest =
      remember && absoluteTimeout !== null ? Math.max(absoluteTimeout, rememberFor) : absoluteTimeout;
    const begun = {
      owner,
      idleMs: remember ? rememberFor : maxAge,
      deadlineAt: longest === null ? null : clock.now() + longest,
      ...(device === undefined ? null : { meta: { device } }),
    };
    return { begun, seats: new UserSeats(engine, owner) };
  }, keepData);
}

class UserSeats implements Seats {
  readonly #sessions: OwnedSessions;
  readonly #max: number;
  readonly #refuses: boolean;

  constructor(engine: Engine, owner: string) {
    const { maxSessionsPerUser, refusesMoreSessions } = engine.config;
    this.#sessions = new OwnedSessions(engine, owner);
    this.#max = maxSessionsPerUser;
    this.#refuses = refusesMoreSessions;
  }

  async assertFree(leaving: readonly SessionKey[]): Promise<void> {
    if (this.#max === Infinity || !this.#refuses) return;
    const others = (await this.#sessions.living()).filter(({ key }) => !leaving.includes(key));
    if (others.length >= this.#max) throw this.#tooMany();
  }

  async take(): Promise<void> {
    if (this.#max === Infinity) return;
    const records = await this.#sessions.living();
    if (records.length <= this.#max) return;
    // Of two logins at once each sees the other, now that both are stored: too many are refused rather than let in.
    if (this.#refuses) throw this.#tooMany();
    // In one order for all, this login among them: two at once must not end each other.
    records.sort((a, b) => b.createdAt - a.createdAt || (a.key < b.key ? 1 : -1));
    for (const record of records.slice(this.#max)) await this.#sessions.end(record, 'evicted');
  }

  #tooMany(): SessionError {
    return new SessionError(
      'ERR_SESSION_TOO_MANY_SESSIONS',
      `The user has ${String(this.#max)} sessions, and may not have more: end one of them first.`,
    );
  }
}

function deviceOf(engine: Engine, req: IncomingMessage): unknown {
  const { describe } = engine.config;
  if (describe === undefined) return undefined;
  const device: unknown = describe(req);
  if (typeof device !== 'object' || device === null || device instanceof Promise)
    throw new SessionError(
      'ERR_SESSION_VALUE',
      'The option describe must return an object, and not a promise.',
    );
  return JSON.parse(encodeData(device, DEVICE_LIMITS));
}

// What a request knows of one session object: the record behind it, its text then and now, and how it is stored.
import { sessionEnded } from '../commit/attempts.js';
import { Bag } from '../commit/bag.js';
import type { Lanes } from '../commit/lanes.js';
import type { SessionKey, SessionRecord } from '../core/contract.js';
import { newVersion } from '../core/record.js';
import type { SessionTarget } from '../http/session-target.js';
import { cookieOf, dataText, wholeSession, wholeText, type LiveSession } from './live-session.js';

export class Hold {
  readonly target: SessionTarget;
  /** The data when the request came by the session: *modified* means another text than this. */
  readonly original: string;
  /** `save()` stored it: `resave` does not store it again. */
  isSaved = false;
  /** This request ended it. */
  isEnded = false;
  /** Of its cookie, as the store has it, ms. */
  #maxAge: number | null;
  readonly #session: LiveSession;
  readonly #bag: Bag;

  /** @param original Of the session that this one replaces: read again, it is no less modified. */
  constructor(session: LiveSession, target: SessionTarget, original?: string) {
    const data = dataText(session);
    const live = session as unknown as Record<string, unknown>;
    this.#session = session;
    this.#bag = new Bag(live, wholeText(session, data), wholeSession);
    this.#maxAge = cookieOf(session).originalMaxAge;
    this.target = target;
    this.original = original ?? data;
  }

  /** Not stored yet. */
  get isNew(): boolean {
    return this.target.record === null;
  }

  /**
   * Its text, whether its data was modified, and whether there is something to store.
   * @throws {SessionError} if it cannot be stored
   */
  look(): { text: string; isModified: boolean; isPending: boolean } {
    const data = dataText(this.#session);
    const text = wholeText(this.#session, data);
    return { text, isModified: data !== this.original, isPending: !this.#bag.isSent(text) };
  }

  /** When the session ends by its cookie, epoch ms; `null`: the store's word. */
  get expiresAt(): number | null {
    const { expires } = cookieOf(this.#session);
    const at = expires ? expires.valueOf() : NaN;
    return Number.isNaN(at) ? null : at;
  }

  /**
   * @param text Its text now, which is costly, from who has it.
   * @throws {SessionError} ERR_SESSION_ENDED, and whatever the commit says
   */
  async store(lanes: Lanes, text?: string): Promise<void> {
    const { expiresAt, isNew } = this;
    if (this.isEnded) throw sessionEnded();
    const mine = text ?? this.#bag.encode();
    const base = this.#bag.send(mine);
    const { originalMaxAge } = cookieOf(this.#session);
    // Its own end is imposed only where this request set one: another one may have given the session a longer life.
    const move =
      isNew || originalMaxAge !== this.#maxAge
        ? { idleMs: expiresAt === null ? null : originalMaxAge, expiresAt }
        : { atLeast: expiresAt };
    try {
      const change = { kind: 'text', base: isNew ? '{}' : base, mine } as const;
      const { record } = await lanes.write(this.target, change, move);
      this.#maxAge = originalMaxAge;
      this.#bag.settle(record.data);
    } catch (error) {
      this.#bag.settle(null);
      throw error;
    }
  }
}

/** Of a session that is stored for the first time. What it says is put on top. */
export function firstRecord(key: SessionKey, createdAt: number): SessionRecord {
  const times = { createdAt, deadlineAt: null, idleMs: null, expiresAt: null };
  return { v: 1, key, data: '{}', version: newVersion(), ...times };
}

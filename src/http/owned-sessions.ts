// The sessions that belong to one user, as the store has them: listed a page at a time, and ended wherever they move.
import { setImmediate as nextTurn } from 'node:timers/promises';

import { MAX_HOPS } from '../commit/endings.js';
import { asStoreError } from '../commit/store-calls.js';
import { isBroken, type Page, type SessionKey, type SessionRecord } from '../core/contract.js';
import { hasCode } from '../core/errors.js';
import { isLiving } from '../core/record.js';
import type { Engine } from './engine.js';

const PAGE_LIMIT = 100;
/** Between two turns of the event loop, ms. */
const SLICE_MS = 5;

export class OwnedSessions {
  readonly #engine: Engine;
  readonly #owner: string;
  #turnedAt = performance.now();

  constructor(engine: Engine, owner: string) {
    this.#engine = engine;
    this.#owner = owner;
  }

  /**
   * Those that live, a page at a time. Rejects at the end if one of them could not be read: it may live (P5). One that is
   * broken opens no session.
   */
  async *records(): AsyncGenerator<SessionRecord, void> {
    const pages = this.#engine.store.capable('page');
    let fault: Error | undefined;
    let cursor: string | null = null;
    do {
      const request = {
        ...{ owner: this.#owner, limit: PAGE_LIMIT, withData: false },
        ...(cursor === null ? null : { cursor }),
      };
      const page: Page = await this.#engine.calls().ask('page', request, (options) => pages.page(options));
      for (const entry of page.records) {
        if (!isBroken(entry)) yield entry;
        else if (!hasCode(entry.error, 'ERR_SESSION_CORRUPT')) fault ??= entry.error;
      }
      ({ cursor } = page);
      if (cursor !== null) await nextTurn();
    } while (cursor !== null);
    if (fault !== undefined) throw asStoreError('page', fault);
  }

  /** Those that live now. */
  async living(): Promise<SessionRecord[]> {
    const records: SessionRecord[] = [];
    for await (const record of this.records()) records.push(record);
    // While one is renewed there are two records of it.
    const keys = new Set<SessionKey | undefined>(records.map(({ key }) => key));
    return records.filter(({ meta }) => meta?.from === undefined || !keys.has(meta.from));
  }

  /**
   * Ends a session, and wherever it goes while it is ended:
   *
   *   us: list A · its request: regenerate A to B · us: end A -> it has ended; B is not in the page -> end B
   */
  async end(record: SessionRecord, reason: 'revoke' | 'evicted' = 'revoke'): Promise<boolean> {
    await this.#pause();
    const onEnd = (ended: SessionKey): void => {
      const handle = this.#engine.handleOf(ended);
      this.#engine.emit('destroyed', () => ({ handle, reason }));
    };
    let current: SessionRecord | null = record;
    for (let hop = 0; hop < MAX_HOPS && current !== null; hop++) {
      if (isLiving(current)) {
        // Another user has logged in there. What makes room is one login: the next one there has a place of its own.
        const isAnother = reason === 'evicted' && current.createdAt !== record.createdAt;
        if (current.owner !== this.#owner || isAnother) return false;
        if (await this.#engine.lanes.end(current.key, current, onEnd)) return true;
        current = await this.#engine.calls().find(current.key, true);
      }
      const next: SessionKey | undefined = current?.closed?.movedTo;
      current = next === undefined ? null : await this.#engine.calls().find(next, true);
    }
    return false;
  }

  /** Lets others have their turn. */
  async #pause(): Promise<void> {
    if (performance.now() - this.#turnedAt < SLICE_MS) return;
    await nextTurn();
    this.#turnedAt = performance.now();
  }
}

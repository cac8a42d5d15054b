// Records and stores for the tests of the stores.
import type { SessionKey, SessionRecord } from '../../src/core/contract.js';
import { newVersion } from '../../src/core/record.js';
import { MemoryStore, type MemoryStoreOptions } from '../../src/stores/memory-store.js';
import { TestClock } from '../support/clock.js';

export const HOUR = 3_600_000;
export const keyOf = (name: string): SessionKey => name as SessionKey;

export function storeOf(options: MemoryStoreOptions = {}) {
  const clock = new TestClock();
  const store = new MemoryStore({ clock, cleanupInterval: 0, idAtRest: 'plain', ...options });
  const events: [event: string, handle: string][] = [];
  for (const event of ['expired', 'evicted'])
    store.on(event, (handle: string) => events.push([event, handle]));
  const record = (name: string, extra: Partial<SessionRecord> = {}): SessionRecord => ({
    v: 1,
    key: keyOf(name),
    data: `{"name":"${name}"}`,
    version: newVersion(),
    createdAt: clock.now(),
    deadlineAt: null,
    idleMs: HOUR,
    expiresAt: clock.now() + HOUR,
    ...extra,
  });
  const add = async (name: string, extra?: Partial<SessionRecord>): Promise<SessionRecord> => {
    const added = record(name, extra);
    if (!(await store.insert(added))) throw new Error(`${name} is there already.`);
    return added;
  };
  const names = async (owner?: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const { key } of store.scan(owner === undefined ? {} : { owner })) found.push(key);
    return found;
  };
  return { clock, store, events, record, add, names };
}

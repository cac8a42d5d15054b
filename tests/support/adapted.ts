// An adapter on a clock that stands still, over a store that a test can look into. Knows no test.
import type { SessionKey, SessionRecord } from '../../src/core/contract.js';
import { closedRecord, newVersion } from '../../src/core/record.js';
import { fromExpressStore } from '../../src/stores/adapted-store.js';
import type { ExpressStore } from '../../src/stores/express-store.js';
import { TestClock } from './clock.js';
import { Rows, storeWith } from './express-stores.js';

const HOUR = 3_600_000;
export const SID = 'a';

/** An adapter over a store whose methods a test changes, with a record for it. */
export function adapted(changes: (rows: Rows) => Partial<ExpressStore> = () => ({})) {
  const rows = new Rows();
  const clock = new TestClock(Date.now());
  const record: SessionRecord = {
    v: 1,
    key: SID as SessionKey,
    data: '{"visits":1}',
    version: newVersion(),
    createdAt: clock.now() - 5,
    deadlineAt: clock.now() + 3 * HOUR,
    idleMs: HOUR,
    expiresAt: clock.now() + HOUR,
    owner: 'ada',
    meta: { device: 'a phone', at: { x: 1 } },
  };
  const store = fromExpressStore(storeWith(rows, changes(rows)), { clock });
  const end = () => store.replace(closedRecord(record, clock.now()), record.version);
  return { rows, clock, record, store, end };
}

/** What a write of data makes of a record. */
export const next = (record: SessionRecord, data: string): SessionRecord => ({
  ...record,
  data,
  version: newVersion(),
});

// A session that ended under the adapter does not come back within the minute, whatever was on its way to the store.
import { CLOSED_FOR_MS } from '../../src/core/contract.js';
import { closedRecord } from '../../src/core/record.js';
import type { ExpressStore } from '../../src/stores/express-store.js';
import type { StoredSession } from '../../src/stores/session.js';
import { createGate } from '../session-manager/world.js';
import { adapted, next, SID } from '../support/adapted.js';
import { settled } from '../support/clock.js';
import type { Rows } from '../support/express-stores.js';
import { HOUR } from './support.js';

describe('an ended session', () => {
  it('S29 stays ended for a minute, whatever is written and touched', async () => {
    const { rows, clock, record, store, end } = adapted();
    await store.insert(record);
    expect(await end()).toBe(true);
    for (const waited of [0, CLOSED_FOR_MS - 1]) {
      await clock.advance(waited);
      expect(await store.replace(next(record, '{"late":true}'), record.version)).toBe(false);
      expect(await store.insert(record)).toBe(false);
      expect(await store.extend(record.key, clock.now() + HOUR)).toBe(false);
      expect(await store.extend(record.key, clock.now() + HOUR, record)).toBe(false);
      await store.set(SID, { late: true, cookie: {} });
      await store.touch(SID, { late: true, cookie: { expires: new Date(clock.now() + HOUR) } });
      expect([rows.size, (await store.find(record.key))?.closed !== undefined]).toEqual([0, true]);
    }
    await clock.advance(1);
    expect(await store.find(record.key)).toBeNull();
    expect(await store.replace(next(record, '{"late":true}'), record.version)).toBe(false);
    expect(rows.size).toBe(0);
  });

  it('is ended after the write that was under way, and what waits behind it loses', async () => {
    const slow = createGate();
    const { rows, record, store, end } = adapted((rows) => ({
      async set(sid: string, stored: StoredSession) {
        if (rows.size > 0) await slow.opened;
        rows.write(sid, stored);
      },
    }));
    await store.insert(record);
    const second = next(record, '{"visits":2}');
    const written = store.replace(second, record.version);
    const ended = store.replace(closedRecord(second, 0), second.version);
    const late = store.replace(next(second, '{"visits":3}'), second.version);
    const touched = store.extend(record.key, record.deadlineAt);
    slow.open();
    expect(await Promise.all([written, ended, late, touched])).toEqual([true, true, false, false]);
    expect([rows.size, await end()]).toEqual([0, false]);
  });

  it('is ended for a reader that was on its way', async () => {
    const slow = createGate();
    let reads = 0;
    const { record, store, end } = adapted((rows) => ({
      async get(sid: string) {
        const stored = rows.read(sid);
        if (reads++ === 0) await slow.opened;
        return stored;
      },
    }));
    await store.insert(record);
    const reading = store.find(record.key);
    expect(await end()).toBe(true);
    slow.open();
    expect((await reading)?.closed).toBeDefined();
  });

  it('is not brought back by a write that its caller gave up, which lands at last', async () => {
    const slow = createGate();
    const { rows, clock, record, store } = adapted((rows) => ({
      async set(sid: string, stored: StoredSession) {
        if (rows.size > 0) await slow.opened;
        rows.write(sid, stored);
      },
    }));
    await store.insert(record);
    const caller = new AbortController();
    const written = store.replace(next(record, '{"late":true}'), record.version, caller);
    await settled();
    caller.abort();
    const ended = store.destroy(SID);
    await settled();
    slow.open();
    await Promise.allSettled([written, ended]);
    await settled();
    expect((await store.find(record.key))?.closed).toBeDefined();
    await clock.advance(CLOSED_FOR_MS);
    expect([await store.find(record.key), rows.size]).toEqual([null, 0]);
  });

  it('did not end where the store failed to destroy it', async () => {
    let isBroken = true;
    const { record, store, end } = adapted((rows) => ({
      async destroy(sid: string) {
        if (isBroken) throw new Error('It stays.');
        rows.delete(sid);
      },
    }));
    await store.insert(record);
    await expect(end()).rejects.toThrow('It stays.');
    expect(await store.find(record.key)).toEqual(record);
    isBroken = false;
    expect(await end()).toBe(true);
  });

  it('S29 is revived by no touch of somebody who read it in time', async () => {
    const { rows, clock, record, store } = adapted((rows) => ({
      // As some stores do: what they touch is there afterwards.
      async touch(sid: string, stored: StoredSession) {
        rows.write(sid, stored);
      },
    }));
    await store.insert(record);
    await clock.advance(HOUR);
    expect(await store.extend(record.key, clock.now() + HOUR, record)).toBe(false);
    expect(await store.find(record.key)).toBeNull();
    expect(rows.read(SID)?.cookie?.expires).toBe(new Date(record.expiresAt ?? 0).toISOString());
  });
});

describe('a write that its caller gave up', () => {
  it('does nothing after the answer that it was waiting for', async () => {
    const slow = createGate();
    let isSlow = true;
    const { record, store } = adapted((rows) => ({
      async get(sid: string) {
        const stored = rows.read(sid);
        if (isSlow) await slow.opened;
        return stored;
      },
    }));
    await store.insert(record);
    const caller = new AbortController();
    const late = store.replace(next(record, '{"late":true}'), record.version, caller);
    await settled();
    caller.abort();
    isSlow = false;
    const written = store.replace(next(record, '{"visits":2}'), record.version);
    await settled();
    slow.open();
    await Promise.allSettled([late, written]);
    expect(await written).toBe(true);
    expect((await store.find(record.key))?.data).toBe('{"visits":2}');
  });
});

describe('a touch that was under way', () => {
  it('undoes no write', async () => {
    const slow = createGate();
    const { clock, record, store } = adapted((rows) => readAndWrite(rows, slow.opened));
    await store.insert(record);
    const touched = store.extend(record.key, clock.now() + 2 * HOUR, record);
    const written = store.replace(next(record, '{"visits":2}'), record.version);
    await settled();
    slow.open();
    expect(await Promise.all([touched, written])).toEqual([true, true]);
    expect((await store.find(record.key))?.data).toBe('{"visits":2}');
  });

  it('S29 brings no ended session back, not even when its end is forgotten', async () => {
    const slow = createGate();
    const { rows, clock, record, store, end } = adapted((rows) => readAndWrite(rows, slow.opened));
    await store.insert(record);
    const touched = store.extend(record.key, clock.now() + 2 * HOUR, record);
    const ended = end();
    await settled();
    slow.open();
    await Promise.all([touched, ended]);
    expect((await store.find(record.key))?.closed).toBeDefined();
    await clock.advance(CLOSED_FOR_MS);
    expect([await store.find(record.key), rows.size]).toEqual([null, 0]);
  });

  /** As stores of files touch: what was read is written, whatever happened meanwhile. */
  function readAndWrite(rows: Rows, opened: Promise<void>): Partial<ExpressStore> {
    return {
      async touch(sid: string, { cookie }: StoredSession) {
        const stored = rows.read(sid);
        await opened;
        if (stored !== undefined)
          rows.write(sid, { ...stored, ...(cookie === undefined ? null : { cookie }) });
      },
    };
  }
});

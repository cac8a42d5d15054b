// Expiry arithmetic: when a session ends, and when a use of it moves that.
import fc from 'fast-check';

import { expiryAt, isExpired, isTouchDue } from '../../src/core/expiry.js';

describe('expiryAt', () => {
  it.each([
    ['the idle time from now', 1_000, 500, null, 1_500],
    ['the deadline where it comes first', 1_000, 500, 1_200, 1_200],
    ['the idle time where that comes first', 1_000, 500, 2_000, 1_500],
    ['the deadline alone without an idle time', 1_000, null, 2_000, 2_000],
    ['a deadline that has passed, as it is', 1_000, 500, 900, 900],
    ['nothing without either', 1_000, null, null, null],
  ])('is %s', (_what, now, idleMs, deadlineAt, end) => {
    expect(expiryAt(now, idleMs, deadlineAt)).toBe(end);
  });
});

describe('isExpired', () => {
  it.each([
    ['before its end', 999, 1_000, null, false],
    ['at its end', 1_000, 1_000, null, true],
    ['after its end', 1_001, 1_000, null, true],
    ['before its deadline', 999, 5_000, 1_000, false],
    ['at its deadline, whatever its end', 1_000, 5_000, 1_000, true],
    ['at its deadline without an end', 1_000, null, 1_000, true],
    ['before its deadline without an end', 999, null, 1_000, false],
    ['never, without either', Number.MAX_SAFE_INTEGER, null, null, false],
  ])('is, %s: at %i, ends %p, deadline %p: %p', (_when, now, expiresAt, deadlineAt, expired) => {
    expect(isExpired({ expiresAt, deadlineAt }, now)).toBe(expired);
  });

  it('counts an end at the epoch as an end', () => {
    expect(isExpired({ expiresAt: 0, deadlineAt: null }, 1)).toBe(true);
    expect(isExpired({ expiresAt: null, deadlineAt: 0 }, 1)).toBe(true);
  });
});

describe('isTouchDue', () => {
  const TOUCH_AFTER = 60;
  const record = { idleMs: 1_000, expiresAt: 2_000, deadlineAt: null };

  it('is once the last move is touchAfter ago, not before', () => {
    expect(isTouchDue(record, 1_059, TOUCH_AFTER)).toBe(false);
    expect(isTouchDue(record, 1_060, TOUCH_AFTER)).toBe(true);
    expect(isTouchDue(record, 1_061, TOUCH_AFTER)).toBe(true);
  });

  it('is at every later moment with a touchAfter of 0, but never for a move that moves nothing', () => {
    expect(isTouchDue(record, 1_001, 0)).toBe(true);
    expect(isTouchDue(record, 1_000, 0)).toBe(false);
    expect(isTouchDue(record, 999, 0)).toBe(false);
  });

  it('is after a tenth of an idle time that is no longer than touchAfter: it would never come otherwise', () => {
    const short = { idleMs: 1_000, expiresAt: 2_000, deadlineAt: null };
    expect([1_099, 1_100].map((now) => isTouchDue(short, now, 1_000))).toEqual([false, true]);
    expect([1_099, 1_100].map((now) => isTouchDue(short, now, 60_000))).toEqual([false, true]);
    expect([1_998, 1_999].map((now) => isTouchDue(short, now, 999))).toEqual([false, true]);
  });

  it('is for the last move, the one to the deadline, however small', () => {
    expect(isTouchDue({ ...record, deadlineAt: 2_010 }, 1_010, TOUCH_AFTER)).toBe(true);
    expect(isTouchDue({ ...record, deadlineAt: 2_010 }, 1_500, TOUCH_AFTER)).toBe(true);
    expect(isTouchDue({ ...record, deadlineAt: 2_010 }, 1_009, TOUCH_AFTER)).toBe(false);
  });

  it('is not once the deadline is reached by the expiry', () => {
    expect(isTouchDue({ ...record, deadlineAt: 2_000 }, 1_900, TOUCH_AFTER)).toBe(false);
  });

  it('is not for a record whose store decides', () => {
    expect(isTouchDue({ ...record, expiresAt: null }, 1_900, TOUCH_AFTER)).toBe(false);
    expect(isTouchDue({ ...record, expiresAt: null, deadlineAt: 5_000 }, 1_900, TOUCH_AFTER)).toBe(false);
    expect(isTouchDue({ ...record, idleMs: null }, 1_900, TOUCH_AFTER)).toBe(false);
  });

  it('never leaves a session that is used every touchAfter to expire before its idle time', () => {
    const ms = fc.integer({ min: 1, max: 1e9 });
    fc.assert(
      fc.property(
        ms,
        ms,
        ms,
        fc.array(fc.integer({ min: 0, max: 2e9 }), { maxLength: 20 }),
        (now, idle, after, steps) => {
          const touchAfter = Math.min(after, idle);
          let expiresAt = now + idle;
          let time = now;
          for (const step of steps) {
            time += step;
            if (isExpired({ expiresAt, deadlineAt: null }, time)) return;
            if (isTouchDue({ idleMs: idle, expiresAt, deadlineAt: null }, time, touchAfter))
              expiresAt = time + idle;
            expect(expiresAt).toBeGreaterThan(time + idle - touchAfter);
          }
        },
      ),
    );
  });
});

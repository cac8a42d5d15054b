// The clock in the hands of a test.
import { MAX_TIMER_MS } from '../../src/core/clock.js';
import { createFakeClock } from '../../src/testing/index.js';

describe('createFakeClock', () => {
  it('stands still, at a fixed time unless it is told another', () => {
    expect(createFakeClock().now()).toBe(Date.UTC(2026, 0, 1));
    expect(createFakeClock(1_000).now()).toBe(1_000);
  });

  it('moves by what it is advanced', () => {
    const clock = createFakeClock(0);
    clock.advance(5);
    clock.advance(0);
    clock.advance(7);
    expect(clock.now()).toBe(12);
  });

  it('runs due timers in the order of their times, each at its own time', () => {
    const clock = createFakeClock(0);
    const runs: [string, number][] = [];
    const note = (name: string) => () => runs.push([name, clock.now()]);
    clock.after(30, note('c'));
    clock.after(10, note('a'));
    clock.after(30, note('d'));
    clock.after(20, note('b'));
    clock.after(41, note('later'));
    clock.advance(40);
    expect(runs).toEqual([
      ['a', 10],
      ['b', 20],
      ['c', 30],
      ['d', 30],
    ]);
    expect(clock.now()).toBe(40);
    expect(clock.pending).toBe(1);
    clock.advance(1);
    expect(runs.at(-1)).toEqual(['later', 41]);
  });

  it('runs a timer once', () => {
    const clock = createFakeClock();
    const run = jest.fn();
    clock.after(10, run);
    clock.advance(10);
    clock.advance(100);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('runs the timers that a timer starts, if they come due in the same span', () => {
    const clock = createFakeClock(0);
    const at: number[] = [];
    const tick = (): void => {
      at.push(clock.now());
      clock.after(10, tick);
    };
    clock.after(10, tick);
    clock.advance(35);
    expect(at).toEqual([10, 20, 30]);
    expect(clock.pending).toBe(1);
  });

  it('never runs a timer that was cancelled, and cancelling twice is no fault', () => {
    const clock = createFakeClock();
    const run = jest.fn();
    const cancel = clock.after(10, run);
    clock.after(5, cancel);
    clock.advance(100);
    cancel();
    expect(run).not.toHaveBeenCalled();
    expect(clock.pending).toBe(0);
  });

  it('runs a timer of no or negative time at the next advance, and never at once', () => {
    const clock = createFakeClock(0);
    const run = jest.fn();
    clock.after(0, run);
    clock.after(-5, run);
    expect(run).not.toHaveBeenCalled();
    clock.advance(0);
    expect(run).toHaveBeenCalledTimes(2);
    expect(clock.now()).toBe(0);
  });

  it('waits no longer than a timer of Node can, as the system clock does', () => {
    const clock = createFakeClock(0);
    const at: number[] = [];
    clock.after(Infinity, () => at.push(clock.now()));
    clock.advance(2 * MAX_TIMER_MS);
    expect(at).toEqual([MAX_TIMER_MS]);
  });

  it('jumps without running timers, and they wait as long as before', () => {
    const clock = createFakeClock(0);
    const run = jest.fn();
    clock.after(10, run);
    clock.jump(86_400_000);
    expect(clock.now()).toBe(86_400_000);
    clock.advance(9);
    expect(run).not.toHaveBeenCalled();
    clock.jump(-2 * 86_400_000);
    expect(clock.now()).toBe(9 - 86_400_000);
    clock.advance(1);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('throws what a timer throws, at the time of that timer, and goes on from there', () => {
    const clock = createFakeClock(0);
    const run = jest.fn();
    clock.after(10, () => {
      throw new Error('boom');
    });
    clock.after(20, run);
    expect(() => clock.advance(50)).toThrow('boom');
    expect(clock.now()).toBe(10);
    clock.advance(10);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('may be advanced by a timer', () => {
    const clock = createFakeClock(0);
    const at: number[] = [];
    clock.after(10, () => clock.advance(100));
    clock.after(20, () => at.push(clock.now()));
    clock.advance(15);
    expect(at).toEqual([20]);
    expect(clock.now()).toBe(110);
  });

  it('refuses to run backwards and to wait for what is not a number', () => {
    const clock = createFakeClock(0);
    expect(() => clock.advance(-1)).toThrow(RangeError);
    expect(() => clock.advance(NaN)).toThrow(RangeError);
    expect(() => clock.jump(NaN)).toThrow(RangeError);
    expect(() => clock.after(NaN, () => undefined)).toThrow(RangeError);
    expect(clock.now()).toBe(0);
  });
});

// The default clock: it follows the wall clock's drift, and none of its jumps.
import { createSystemClock, MAX_TIMER_MS, systemClock } from '../../src/core/clock.js';

const DAY = 86_400_000;

/** A wall clock and a monotonic one that a test moves. */
function clocks(start = 1_000_000_000_000) {
  let wall = start;
  let monotonic = 17;
  const clock = createSystemClock(
    () => wall,
    () => monotonic,
  );
  return {
    clock,
    pass(ms: number, wallMs = ms) {
      monotonic += ms;
      wall += wallMs;
    },
    jump(ms: number) {
      wall += ms;
    },
  };
}

it('starts at the time of the wall clock and goes on with it, in whole milliseconds', () => {
  const { clock, pass } = clocks();
  expect(clock.now()).toBe(1_000_000_000_000);
  pass(1_234.6);
  expect(clock.now()).toBe(1_000_000_001_235);
});

it.each([
  ['forward by a day', DAY],
  ['backward by a day', -DAY],
  ['forward by a second', 1_000],
  ['backward by a second', -1_000],
])('does not follow a jump %s (F16)', (_what, jump) => {
  const { clock, pass, jump: move } = clocks();
  pass(500);
  move(jump);
  expect(clock.now()).toBe(1_000_000_000_500);
  pass(250);
  expect(clock.now()).toBe(1_000_000_000_750);
});

it('does not follow several jumps, nor the one that takes them back', () => {
  const { clock, pass, jump } = clocks();
  for (const ms of [DAY, DAY, -3 * DAY, 5_000, DAY - 5_000]) {
    jump(ms);
    pass(10);
    clock.now();
  }
  expect(clock.now()).toBe(1_000_000_000_050);
});

it.each([
  ['faster', 1.001],
  ['slower', 0.999],
])('follows a wall clock that runs a little %s', (_what, speed) => {
  const { clock, pass } = clocks();
  for (let second = 0; second < 10_000; second++) {
    pass(1_000, 1_000 * speed);
    clock.now();
  }
  expect(clock.now()).toBe(1_000_000_000_000 + 10_000_000 * speed);
});

it('goes on following drift after a jump', () => {
  const { clock, pass, jump } = clocks();
  jump(DAY);
  clock.now();
  for (let second = 0; second < 100; second++) {
    pass(1_000, 1_010);
    clock.now();
  }
  expect(clock.now()).toBe(1_000_000_101_000);
});

it('is the real time where nothing is handed in', () => {
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(50);
});

it('calls back once, after the time, and not at all when cancelled', async () => {
  const started = performance.now();
  let calls = 0;
  const cancel = systemClock.after(1, () => calls++);
  cancel();
  // Real time: what is tested is the real timer.
  await new Promise<void>((resolve) => {
    systemClock.after(20, resolve);
    setTimeout(() => undefined, 60);
  });
  expect(performance.now() - started).toBeGreaterThan(15);
  expect(calls).toBe(0);
});

it.each([24.8 * DAY + DAY, 2 ** 31, 365 * DAY, Infinity])(
  'hands Node no timer of %p ms, which would fire after one (F17)',
  (ms) => {
    const set = jest.spyOn(globalThis, 'setTimeout');
    systemClock.after(ms, () => undefined)();
    expect(set).toHaveBeenCalledWith(expect.any(Function), MAX_TIMER_MS);
    set.mockRestore();
    expect(MAX_TIMER_MS).toBe(2_147_483_647);
  },
);

it('takes a time that is over for "as soon as possible"', () => {
  const set = jest.spyOn(globalThis, 'setTimeout');
  systemClock.after(-5, () => undefined)();
  expect(set).toHaveBeenCalledWith(expect.any(Function), 0);
  set.mockRestore();
});

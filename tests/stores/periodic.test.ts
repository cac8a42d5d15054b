// Background work: started and stopped at will, never twice at once, never in the way.
import { Periodic, type Step } from '../../src/stores/periodic.js';
import { settled, TestClock } from '../support/clock.js';

const INTERVAL = 1_000;

function periodic(step: Step = () => false) {
  const clock = new TestClock();
  const seen = { begun: 0, steps: 0, errors: [] as unknown[] };
  const work = new Periodic(
    clock,
    INTERVAL,
    () => {
      seen.begun++;
      return () => {
        seen.steps++;
        return step();
      };
    },
    (error) => seen.errors.push(error),
  );
  return { clock, seen, work };
}

it('does nothing until it is started, then works once per interval', async () => {
  const { clock, seen, work } = periodic();
  await clock.advance(5 * INTERVAL);
  expect([seen.begun, work.running]).toEqual([0, false]);
  work.start();
  expect(work.running).toBe(true);
  await clock.advance(INTERVAL - 1);
  expect(seen.begun).toBe(0);
  await clock.advance(1);
  expect(seen.begun).toBe(1);
  await clock.advance(3 * INTERVAL);
  expect(seen).toEqual({ begun: 4, steps: 4, errors: [] });
});

it('starts once however often it is started, and stops for good however often it is stopped', async () => {
  const { clock, seen, work } = periodic();
  for (let time = 0; time < 3; time++) work.start();
  expect(clock.waiting).toBe(1);
  await clock.advance(INTERVAL);
  expect(seen.begun).toBe(1);
  for (let time = 0; time < 3; time++) work.stop();
  expect([clock.waiting, work.running]).toEqual([0, false]);
  await clock.advance(10 * INTERVAL);
  expect(seen.begun).toBe(1);
});

it('goes on step by step while there is more, and lets the event loop turn in between', async () => {
  let left = 3;
  let turns = 0;
  const { clock, seen, work } = periodic(() => --left > 0);
  const turn = setInterval(() => turns++, 0);
  work.start();
  const counting = (async () => {
    for (let at = 0; at < 20; at++) await new Promise((resolve) => setImmediate(resolve)).then(() => turns++);
  })();
  await clock.advance(INTERVAL);
  await counting;
  clearInterval(turn);
  expect(seen).toEqual({ begun: 1, steps: 3, errors: [] });
  expect(turns).toBeGreaterThan(2);
});

it('waits for the next interval only when the work is done: it never runs twice at once', async () => {
  let finish = (): void => undefined;
  const { clock, seen, work } = periodic(
    () => new Promise<boolean>((resolve) => (finish = () => resolve(false))),
  );
  work.start();
  await clock.advance(10 * INTERVAL);
  expect([seen.begun, clock.waiting]).toEqual([1, 0]);
  finish();
  await settled();
  expect(clock.waiting).toBe(1);
  await clock.advance(INTERVAL);
  expect(seen.begun).toBe(2);
});

it.each([
  ['throws', () => { throw new Error('boom'); }], // prettier-ignore
  ['rejects', () => Promise.reject(new Error('boom'))],
])('reports a step that %s, and works again after the interval', async (_how, step) => {
  const { clock, seen, work } = periodic(step);
  work.start();
  await clock.advance(2 * INTERVAL);
  expect(seen).toEqual({ begun: 2, steps: 2, errors: [new Error('boom'), new Error('boom')] });
});

it('ends work under way when it is stopped, and does not go on by itself', async () => {
  let left = 100;
  const { clock, seen, work } = periodic(() => {
    if (--left === 97) work.stop();
    return true;
  });
  work.start();
  await clock.advance(20 * INTERVAL);
  expect([seen.steps, clock.waiting, work.running]).toEqual([3, 0, false]);
});

it('keeps one rhythm when it is stopped and started anew while it works', async () => {
  const finishers: (() => void)[] = [];
  const { clock, seen, work } = periodic(
    () =>
      new Promise<boolean>((resolve) => {
        finishers.push(() => resolve(true));
      }),
  );
  work.start();
  await clock.advance(INTERVAL);
  work.stop();
  work.start();
  expect(clock.waiting).toBe(1);
  finishers.shift()?.();
  await settled();
  // The old work does not go on and does not start a second rhythm.
  expect([seen.steps, clock.waiting]).toEqual([1, 1]);
  await clock.advance(INTERVAL);
  expect(seen.begun).toBe(2);
});

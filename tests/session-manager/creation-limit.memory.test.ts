// What it costs to count a million callers. In a process of its own: in jest's, other tests' garbage goes meanwhile.
import { runInChild } from '../support/child.js';

const COUNTING = `
  const { setFlagsFromString } = require('node:v8');
  setFlagsFromString('--expose-gc');
  const collect = require('node:vm').runInNewContext('gc');
  const { CreationCounter } = src('http/creation-limit');
  const { createFakeClock } = src('testing/fake-clock');
  const MINUTE = 60_000;
  const clock = createFakeClock();
  const counts = new CreationCounter({ key: (req) => req.caller, max: 1, window: '1m' }, clock);
  const allows = (caller) => counts.allows({ caller });
  const from = (count) => { for (let n = 0; n < count; n++) allows('2001:db8::' + n.toString(16)); };
  const heap = () => { collect(); return process.memoryUsage().heapUsed / 2 ** 20; };
`;

const measured = async (script: string): Promise<unknown> => {
  const { output, errors } = await runInChild(`${COUNTING}\n(async () => {${script}})()`, 60_000);
  expect(errors).toBe('');
  return JSON.parse(output) as unknown;
};

it('lets a million callers go two windows later', async () => {
  const { full, refused, allowed, after } = (await measured(`
    const before = heap();
    from(1_000_000);
    const full = heap() - before;
    const refused = !allows('2001:db8::1');
    await clock.advance(2 * MINUTE);
    const allowed = allows('2001:db8::1');
    console.log(JSON.stringify({ full, refused, allowed, after: heap() - before }));
  `)) as Record<string, number | boolean>;
  expect(full).toBeGreaterThan(20);
  expect(full).toBeLessThan(250);
  expect([refused, allowed]).toEqual([true, true]);
  expect(after).toBeLessThan(2);
}, 60_000);

it('lets them go by and by, too: a window that nobody fills lets the one before the last go', async () => {
  const { full, after } = (await measured(`
    const before = heap();
    from(100_000);
    const full = heap() - before;
    for (let window = 0; window < 2; window++) {
      await clock.advance(MINUTE);
      allows('one');
    }
    console.log(JSON.stringify({ full, after: heap() - before }));
  `)) as Record<string, number>;
  expect(full).toBeGreaterThan(2);
  expect(after).toBeLessThan(2);
}, 60_000);

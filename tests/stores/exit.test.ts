// A process that builds a store ends by itself, whatever its intervals, and does nothing while it waits (F17, P11).
import { runInChild } from '../support/child.js';

const DAY = 86_400_000;

it.each([1_000, 24.8 * DAY, 2 ** 31, 365 * DAY, 'Infinity'])(
  'a process with a store of the interval %p ends by itself',
  async (interval) => {
    const { code, output, errors } = await runInChild(`
      const { MemoryStore } = src('stores/memory-store');
      const store = new MemoryStore({ cleanupInterval: ${String(interval)}, indexInterval: ${String(interval)}, maxAge: 60_000 });
      store.set('a', { cookie: {} }, () => console.log('stored'));
    `);
    expect({ code, output, errors }).toEqual({ code: 0, output: 'stored\n', errors: '' });
  },
);

it('timers of a year use no processor time and raise no warning', async () => {
  const { code, output, errors } = await runInChild(`
    const { MemoryStore } = src('stores/memory-store');
    new MemoryStore({ cleanupInterval: ${String(365 * DAY)}, indexInterval: Infinity });
    const before = process.cpuUsage();
    setTimeout(() => {
      const { user, system } = process.cpuUsage(before);
      console.log(Math.round((user + system) / 1_000));
    }, 500);
  `);
  expect([code, errors]).toEqual([0, '']);
  // A timer that fires each millisecond takes more than that.
  expect(Number(output)).toBeLessThan(100);
});

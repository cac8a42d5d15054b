// What is tried again: calls that other programs hold up, shortages of descriptors, and calls that do half of the work.
import { SessionError } from '../../src/core/errors.js';
import { runInChild } from '../support/child.js';
import { freshPath } from '../support/directory.js';
import type { Fault, FileCall } from '../support/failing-fs.js';
import {
  SCENARIOS,
  createFileWorld,
  faultsOf,
  outcomeOf,
  type FileWorld,
  type Mode,
} from '../support/file-scenarios.js';
import { reportFault } from '../support/faults.js';

// Processes and disks that others use too take their time.
jest.setTimeout(60_000);

const MODES: readonly Mode[] = [
  { io: 'sync', durability: 'process' },
  { io: 'async', durability: 'power' },
];
const MOVES: readonly FileCall[] = ['rename', 'link', 'unlink'];

/** The calls that move files fail so until that much time has passed. */
const heldFor =
  ({ clock }: FileWorld, code: string, ms: number): Fault =>
  (name) =>
    MOVES.includes(name) && clock.passed < ms ? code : null;

let kept = 0;

describe.each(MODES)('the file store, %j', (mode) => {
  const named = (...names: string[]) => SCENARIOS.filter(({ name }) => names.includes(name));
  const moving = named('insert', 'insert with an owner', 'replace', 'replace that closes', 'remove');

  describe.each(['EPERM', 'EBUSY'])('while a file is held by another program (%s)', (code) => {
    it.each(moving)('F3 $name succeeds when it is let go within a second', async (scenario) => {
      const world = await createFileWorld(freshPath(), mode);
      const wrong = await faultsOf(
        world,
        {
          ...scenario,
          run: async () => {
            const result = await scenario.run(world);
            expect(world.clock.passed).toBeGreaterThanOrEqual(900);
            return result;
          },
        },
        heldFor(world, code, 900),
      );
      expect(wrong).toEqual([]);
      kept++;
    });

    it.each(moving)('F3 $name fails with what to do when it is held for longer', async (scenario) => {
      const world = await createFileWorld(freshPath(), mode);
      let error: unknown;
      const wrong = await faultsOf(
        world,
        {
          ...scenario,
          run: async () => {
            const outcome = await outcomeOf(() => scenario.run(world));
            error ??= outcome.error;
            if ('error' in outcome) throw outcome.error;
            return outcome.result;
          },
        },
        heldFor(world, code, 60_000),
      );
      expect(wrong).toEqual([]);
      expect(error).toBeInstanceOf(SessionError);
      expect((error as SessionError).message).toContain(code);
      expect((error as SessionError).cause).toMatchObject({ code });
      // Each call has a second: the one that failed, and those that clear up after it.
      expect(world.clock.passed).toBeLessThanOrEqual(4_000);
      kept++;
    });
  });

  it.each(SCENARIOS.filter(({ io }) => io === undefined))(
    'F3 $name: reads and writes that transfer a few bytes at a time go on until all is there',
    async (scenario) => {
      for (const most of [1, 7, 100]) {
        const world = await createFileWorld(freshPath(), mode, scenario);
        world.failing.most = most;
        expect(await faultsOf(world, scenario, () => null)).toEqual([]);
        kept++;
      }
    },
  );

  it('F8 waits for descriptors as long as it says, and succeeds when there are some again', async () => {
    const world = await createFileWorld(freshPath(), mode);
    const { store, failing, clock, records } = world;
    failing.set((name) => (name === 'open' && clock.passed < 9_900 ? 'EMFILE' : null));
    expect(await store.insert(records.fresh)).toBe(true);
    expect(clock.passed).toBeGreaterThanOrEqual(9_900);
    failing.set((name) => (name === 'open' ? 'EMFILE' : null));
    await expect(store.find(records.fresh.key)).rejects.toThrow('ulimit -n');
    failing.set(null);
    expect(await store.find(records.fresh.key)).toEqual(records.fresh);
  });

  it('F8 stops waiting for a caller that has given up', async () => {
    const { store, failing, clock, records } = await createFileWorld(freshPath(), mode);
    const given = new AbortController();
    failing.set((name) => {
      if (clock.passed >= 500) given.abort();
      return name === 'open' ? 'EMFILE' : null;
    });
    await expect(store.find(records.one.key, { signal: given.signal })).rejects.toThrow('EMFILE');
    expect(clock.passed).toBeLessThan(600);
  });
});

it('F3 reports', () => {
  reportFault({
    fault: 'F3',
    recipe: 'EPERM and EBUSY for 0.9 s and for longer; reads and writes of 1, 7 and 100 bytes',
    rounds: MODES.length * (2 * 2 * 5 + 3 * SCENARIOS.length),
    result: `${kept} times done when tried again, or a typed error after a second; nothing torn`,
  });
});

// In real time: whether a process ends is what no clock can tell. The pause is a tenth of a second.
it('I5 a process does not end before a write that has to be tried again is done', async () => {
  const script = `
    const fs = require('node:fs');
    const { FileStore } = src('stores/file-store');
    let until = null;
    const held = { ...fs, linkSync: (...args) => {
      until ??= Date.now() + 100;
      if (Date.now() < until) throw Object.assign(new Error('held'), { code: 'EBUSY', syscall: 'link' });
      return fs.linkSync(...args);
    } };
    const store = new FileStore({ path: ${JSON.stringify(freshPath())}, cleanupInterval: 0, fs: held });
    const record = { v: 1, key: 'sha256:${'a'.repeat(64)}', data: '{}', version: '1', createdAt: 1, deadlineAt: null,
      idleMs: null, expiresAt: null };
    store.insert(record).then((isDone) => console.log(isDone), (error) => console.log(String(error)));
  `;
  expect(await runInChild(script)).toEqual({ code: 0, output: 'true\n', errors: '' });
});

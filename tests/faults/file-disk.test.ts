// F3: the n-th call to the file system fails, for every n and every operation, once, for ever, or every call of its kind.
import { SCENARIOS, createFileWorld, faultsOf, type Mode } from '../support/file-scenarios.js';
import type { Fault, FileCall } from '../support/failing-fs.js';
import { freshPath } from '../support/directory.js';
import { reportFault } from '../support/faults.js';

const MODES: readonly Mode[] = [
  { io: 'sync', durability: 'process' },
  { io: 'sync', durability: 'power' },
  { io: 'async', durability: 'process' },
  { io: 'async', durability: 'power' },
];
const CODES = ['EIO', 'ENOSPC', 'EACCES', 'EMFILE', 'EROFS'];
const LASTING = ['once', 'for this kind of call', 'for ever'] as const;
type Lasting = (typeof LASTING)[number];
/** Of the reduced matrix; no divisor of the number of codes or durations, so that all of them take their turn. */
const STRIDE = process.env['FAULTS'] === 'full' ? 1 : 29;
const SHORTAGE_MS = 10_000;

/** Other calls need no descriptor. */
const NEEDS_DESCRIPTOR: ReadonlySet<FileCall> = new Set<FileCall>(['open', 'readdir']);

function faultAt(at: number, kind: FileCall, code: string, lasting: Lasting): Fault {
  return (name, n) => {
    if (code === 'EMFILE' && !NEEDS_DESCRIPTOR.has(name)) return null;
    if (n === at) return code;
    return n > at && (lasting === 'for ever' || (lasting === 'for this kind of call' && name === kind))
      ? code
      : null;
  };
}

describe.each(MODES)('F3 %j', (mode) => {
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  beforeAll(() => process.on('unhandledRejection', onUnhandled));
  afterAll(() => process.off('unhandledRejection', onUnhandled));

  let index = 0;
  let done = 0;
  let broken = 0;
  let longest = 0;
  const scenarios = SCENARIOS.filter(({ io }) => io === undefined || io === mode.io);

  it.each(scenarios)(
    'F3 $name: any call that fails is a typed rejection that loses nothing',
    async (scenario) => {
      const path = freshPath();
      let number = 0;
      const open = (): ReturnType<typeof createFileWorld> =>
        createFileWorld(`${path}-${number++}`, mode, scenario);
      const calm = await open();
      expect(await faultsOf(calm, scenario, () => null)).toEqual([]);
      const probe = await open();
      probe.failing.set(null);
      await scenario.run(probe);
      const { calls } = probe.failing;
      expect(calls.length).toBeGreaterThan(0);

      const wrong: string[] = [];
      for (const [i, kind] of calls.entries())
        for (const code of CODES)
          for (const lasting of LASTING) {
            if (code === 'EMFILE' && !NEEDS_DESCRIPTOR.has(kind)) continue;
            if (index++ % STRIDE !== 0) continue;
            const world = await open();
            const faults = await faultsOf(world, scenario, faultAt(i + 1, kind, code, lasting));
            wrong.push(...faults.map((what) => `call ${i + 1} (${kind}) ${code} ${lasting}: ${what}`));
            longest = Math.max(longest, world.clock.passed);
            done++;
          }
      broken += wrong.length;
      expect(wrong).toEqual([]);
    },
    300_000,
  );

  it('F3 leaves no promise unhandled, and waits no longer than its patience', () => {
    expect(unhandled).toEqual([]);
    reportFault({
      fault: 'F3',
      recipe: `n-th call fails, ${mode.io}, ${mode.durability}`,
      rounds: done,
      result:
        broken === 0
          ? 'typed errors, nothing lost, nothing back, no litter, no descriptor left open'
          : `${broken} promises broken`,
    });
    expect(longest).toBeLessThanOrEqual(SHORTAGE_MS);
  });
});

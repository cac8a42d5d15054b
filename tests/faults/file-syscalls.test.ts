// F3, on a real process: strace makes single system calls of the file store fail.
import { SessionError, type SessionErrorCode } from '../../src/core/errors.js';
import { freshPath } from '../support/directory.js';
import {
  SCENARIOS,
  createFileWorld,
  faultsOf,
  type FileWorld,
  type Scenario,
} from '../support/file-scenarios.js';
import { reportFault } from '../support/faults.js';
import { build, trace, type Trace } from '../support/strace.js';
import { hasStrace } from '../support/tools.js';

beforeAll(build, 120_000);

interface Spot {
  readonly operation: string;
  readonly call: string;
  /** Which of the store's calls of that name in the operation. */
  readonly which: number;
  readonly code: string;
}

/** `operation: call#which=code`. */
const SPOTS: readonly Spot[] = `
  insert: openat#0=ENOSPC      insert: fchmod#0=EIO            insert: write#0=ENOSPC    insert: utimensat#0=EIO
  insert: openat#1=EACCES      insert: link#0=EIO              insert: unlink#0=EIO      insert: fsync#0=EIO
  replace: openat#0=EIO        replace: read#0=EIO             replace: write#0=EIO      replace: rename#0=EROFS
  replace: rename#1=EIO        extend: utimensat#0=EROFS       extend: statx#1=EIO       remove: unlink#0=EACCES
  remove: unlink#1=EIO         find: openat#0=EMFILE           find: read#0=EIO          page: getdents64#0=EIO
`
  .trim()
  .split(/\s{2,}/)
  .map((text) => {
    const [, operation = '', call = '', which, code = ''] = /^(\w+): (\w+)#(\d)=(\w+)$/.exec(text) ?? [];
    return { operation, call, which: Number(which), code };
  });

const EXPRESSIONS: Readonly<Record<string, string>> = {
  insert: 'store.insert(to)',
  replace: 'store.replace(to, one.version)',
  extend: 'store.extend(one.key, to.expiresAt)',
  remove: 'store.remove(one.key)',
  find: 'store.find(one.key)',
  page: 'store.page({ limit: 10 })',
};

function scriptFor({ path, records: { one, two } }: FileWorld, spot: Spot, to: unknown): string {
  // Without flushes all calls come from one thread, in an order that is always the same.
  const durability = spot.call === 'fsync' ? 'power' : 'process';
  return `
    const [one, two, to] = ${JSON.stringify([one, two, to ?? null])};
    const store = new FileStore({ path: ${JSON.stringify(path)}, durability: '${durability}', cleanupInterval: 0 });
    // Nothing keeps the process alive as a server does.
    const alive = setInterval(() => undefined, 1_000);
    (async () => {
      await store.ensureDirectory();
      store.findSync(two.key);
      begin();
      const outcome = await ${EXPRESSIONS[spot.operation] ?? ''}.then(
        (result) => ({ result }),
        ({ name, code, message, cause }) => ({ error: { name, code, message, cause: String(cause) } }),
      );
      say(JSON.stringify(outcome));
      say(JSON.stringify(await store.find(two.key)));
      clearInterval(alive);
    })();
  `;
}

/** The trace of a run in which that very call failed. */
async function traceWith(spot: Spot, open: () => Promise<[FileWorld, unknown]>): Promise<[FileWorld, Trace]> {
  let nth = 0;
  // What Node itself asks for before can differ by a call from run to run: then it is another one that failed.
  for (let tries = 0; tries < 6; tries++) {
    const [world, to] = await open();
    const inject = nth === 0 ? undefined : `${spot.call}:error=${spot.code}:when=${nth}`;
    const found = trace(scriptFor(world, spot, to), inject);
    const ours = found.calls.filter(({ name, text }) => name === spot.call && text.includes(world.path));
    if (ours[spot.which]?.isInjected === true) return [world, found];
    nth = ours[spot.which]?.nth ?? 0;
  }
  throw new Error(`${spot.call} never failed where it should.`);
}

const CHOSEN = process.env['FAULTS'] === 'full' ? SPOTS : SPOTS.filter((_spot, i) => i % 4 === 2);

let kept = 0;

it.each(CHOSEN)(
  'F3 $operation keeps its promises when system call $call ($which) fails with $code',
  async (spot) => {
    if (!hasStrace()) return;
    const scenario = SCENARIOS.find(({ name }) => name === spot.operation) as Scenario;
    const base = freshPath();
    let number = 0;
    const [world, { status, output, errors }] = await traceWith(spot, async () => {
      const made = await createFileWorld(`${base}-${number++}`, { io: 'sync', durability: 'process' });
      return [made, scenario.change?.(made).to];
    });
    expect({ status, errors }).toEqual({ status: 0, errors: '' });
    const [, first = '', second = ''] = output.split('\n');
    // The process goes on.
    expect(JSON.parse(second)).toEqual(world.records.two);
    let isFirst = true;
    const wrong = await faultsOf(
      world,
      {
        ...scenario,
        run: async () => {
          if (!isFirst) return scenario.run(world);
          isFirst = false;
          const outcome = JSON.parse(first) as {
            result?: unknown;
            error?: { name: string; code: SessionErrorCode; message: string; cause: string };
          };
          if (outcome.error === undefined) return outcome.result;
          const { name, code, message, cause } = outcome.error;
          expect([name, message]).toEqual(['SessionError', expect.stringContaining(spot.code)]);
          throw new SessionError(code, message, { cause });
        },
      },
      () => null,
    );
    expect(wrong).toEqual([]);
    kept++;
  },
  60_000,
);

it('F3 reports', () => {
  expect(SPOTS).toHaveLength(20);
  if (!hasStrace()) return;
  reportFault({
    fault: 'F3',
    recipe: 'single system calls of a process fail, by strace',
    rounds: CHOSEN.length,
    result: `${kept} times a typed error or a success that is true, nothing lost, the process goes on`,
  });
});

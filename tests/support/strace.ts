// Runs a script in a process of its own under strace: what it asks of the system, in order, and with calls made to fail.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '../..');
const CALLS =
  'openat,close,read,write,fsync,rename,link,unlink,rmdir,mkdir,chmod,fchmod,utimensat,statx,access,getdents64';

/** One call to the system. */
export interface Traced {
  readonly name: string;
  /** Arguments and result as strace shows them; descriptors with their paths. */
  readonly text: string;
  readonly isInjected: boolean;
  /** The how-many-th of its name it is in its thread, from 1. */
  readonly nth: number;
}

export interface Trace {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
  /** The calls since the script called `begin()`. */
  readonly calls: readonly Traced[];
}

/** For `beforeAll`: the processes run the package as it is built. */
export function build(): void {
  execFileSync(process.execPath, ['scripts/build.mjs', '--if-needed'], { cwd: ROOT });
}

const PRELUDE = `
  const { writeSync } = require('node:fs');
  const { FileStore } = require(${JSON.stringify(join(ROOT, 'dist/cjs/index.cjs'))});
  const begin = () => writeSync(1, 'BEGIN\\n');
  const say = (what) => writeSync(1, what + '\\n');
`;

/**
 * @param script CommonJS with `FileStore`; calls `begin()` where the trace is to begin, and `say(text)` for marks in it.
 * @param inject As strace's `-e inject=` takes it.
 */
export function trace(script: string, inject?: string): Trace {
  const directory = mkdtempSync(join(tmpdir(), 'session-store-js-strace-'));
  try {
    const log = join(directory, 'log');
    const { status, stdout, stderr } = spawnSync(
      'strace',
      [
        ...['-f', '-y', '-s', '80', '-o', log, '-e', `trace=${CALLS}`],
        ...(inject === undefined ? [] : ['-e', `inject=${inject}`]),
        ...[process.execPath, '-e', PRELUDE + script],
      ],
      { cwd: ROOT, timeout: 60_000, encoding: 'utf8' },
    );
    return { status, output: stdout, errors: stderr, calls: parsed(readFileSync(log, 'utf8')) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function parsed(log: string): Traced[] {
  const counts = new Map<string, number>();
  const open = new Map<string, string>();
  const calls: Traced[] = [];
  let hasBegun = false;
  for (const line of log.split('\n')) {
    const [, thread = '', event = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const started = /^(\w+)\((.*) <unfinished \.\.\.>$/.exec(event);
    if (started !== null) {
      open.set(thread, event.replace(/ <unfinished \.\.\.>$/, ''));
      count(counts, thread, started[1] ?? '');
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(event);
    const whole = resumed === null ? event : (open.get(thread) ?? '') + (resumed[1] ?? '');
    const [, name, text = ''] = /^(\w+)\((.*)$/.exec(whole) ?? [];
    if (name === undefined) continue;
    const nth = resumed === null ? count(counts, thread, name) : (counts.get(thread + name) ?? 0);
    if (hasBegun) calls.push({ name, text, nth, isInjected: text.includes('(INJECTED)') });
    hasBegun ||= name === 'write' && text.includes('"BEGIN\\n"');
  }
  return calls;
}

function count(counts: Map<string, number>, thread: string, name: string): number {
  const next = (counts.get(thread + name) ?? 0) + 1;
  counts.set(thread + name, next);
  return next;
}

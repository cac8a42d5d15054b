// An explicit-state model checker for jobs of the file store: it tries every order of the calls of several processes, with
// crashes, over a file system that is a Map. A stopped process is just an order of calls. The jobs are the product's own.
import { hash } from 'node:crypto';

import type { Call, Steps } from '../../src/stores/file/calls.js';

/** A file by name. Files with a name are complete: what a process writes before it makes another call is one step. */
interface File {
  readonly content: string;
  readonly mtimeMs: number;
}

export type Files = ReadonlyMap<string, File>;

/** What a call gave: a value, the bytes of a file, or an error code. */
interface Result {
  readonly value?: unknown;
  readonly bytes?: string;
  readonly code?: string;
}

type Outcome = { readonly value: unknown } | { readonly thrown: unknown };

/** A job that is about to run, and what it holds in mind besides what it has read last; null: not known. */
export interface Job {
  readonly steps: Steps<unknown>;
  readonly context: () => string | null;
}

interface Process {
  /** What its calls gave so far: its whole state, since a job is a function of that. */
  readonly results: readonly Result[];
  /** A digest of them. */
  readonly history: string;
  /** A digest of its state, the same for histories that come to the same. */
  readonly trail: string;
  /** What it has read last. */
  readonly bytes: string;
  readonly next: Call | null;
  readonly outcome: Outcome | null;
  readonly isDead: boolean;
  /** The processes that had ended when this one began. */
  readonly after: string;
}

interface State {
  readonly files: Files;
  readonly processes: readonly Process[];
  readonly crashes: number;
  /** Half of a listing that is under way, by process. A directory is not read in one step. */
  readonly listings: readonly (readonly string[] | null)[];
}

export interface Ended {
  readonly name: string;
  readonly outcome: Outcome | null;
  readonly isDead: boolean;
  /** Names of the processes that had ended before this one made its first call, separated by spaces. */
  readonly after: string;
}

export interface Model {
  readonly files: Files;
  /** Name -> the job that a process of that name does. Called anew for each replay: it must be deterministic. */
  readonly jobs: Readonly<Record<string, () => Job>>;
  readonly crashes: number;
  /** What is wrong with a step, or null. */
  checkStep?(before: Files, after: Files): string | null;
  /** What is wrong with an end, or null. */
  checkEnd(files: Files, ended: readonly Ended[]): string | null;
}

export interface Verdict {
  readonly states: number;
  readonly ends: number;
  /** What went wrong -> the first order of calls in which it did. */
  readonly violations: ReadonlyMap<string, string>;
}

/** Of a process: nobody else can see them, so that they need no orders of their own. */
const LOCAL: ReadonlySet<string> = new Set([
  'close',
  'read',
  'write',
  'fstat',
  'fchmod',
  'futimes',
  'fsync',
  'turn',
]);
/** What is in the root: folders, which are there. */
const isFolder = (path: unknown): boolean => String(path).lastIndexOf('/') <= 0;
const isLocal = ({ name, args }: Call): boolean =>
  LOCAL.has(name) || name === 'mkdir' || (name === 'lstat' && isFolder(args[0]));
const O_CREAT = 0o100;

class Errno extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

/** Does a job that is alone, and gives what it leaves. */
export function run(before: Files, steps: Steps<unknown>): { left: Files; outcome: Outcome } {
  const left = new Map(before);
  let opened = '';
  let isRead = false;
  try {
    let current = steps.next();
    while (current.done !== true) {
      const call = current.value;
      if (!isLocal(call)) [opened, isRead] = [String(call.args[0]), false];
      const { value, bytes, code } = isLocal(call)
        ? performLocally(left, call, opened, isRead)
        : perform(left, call, call.name === 'readdir' ? listed(left, call, 0) : []);
      isRead ||= call.name === 'read';
      if (bytes !== undefined) Buffer.from(bytes, 'latin1').copy(call.args[1] as Buffer);
      current = code === undefined ? steps.next(value) : steps.throw(new Errno(code));
    }
    return { left, outcome: { value: current.value } };
  } catch (thrown) {
    return { left, outcome: { thrown } };
  }
}

export function explore(model: Model): Verdict {
  const names = Object.keys(model.jobs);
  const known = new Map<string, Stretch>();
  const violations = new Map<string, string>();
  const seen = new Set<string>();
  let ends = 0;

  const begin = (name: string): Process => {
    const first = (model.jobs[name] as () => Job)().steps.next();
    if (first.done === true) throw new Error(`The job of ${name} makes no call.`);
    return {
      results: [],
      history: '',
      trail: '',
      bytes: '',
      next: first.value,
      outcome: null,
      isDead: false,
      after: '',
    };
  };

  const start: State = {
    files: model.files,
    processes: names.map(begin),
    crashes: model.crashes,
    listings: names.map(() => null),
  };

  let frontier: { readonly state: State; readonly order: string }[] = [{ state: start, order: '' }];
  const note = (what: string | null, order: string): void => {
    if (what !== null && !violations.has(what)) violations.set(what, order);
  };

  while (frontier.length > 0) {
    const later: typeof frontier = [];
    const reach = (state: State, order: string): void => {
      const digest = digestOf(state);
      if (seen.has(digest)) return;
      seen.add(digest);
      later.push({ state, order });
    };
    for (const { state, order } of frontier) {
      let isOver = true;
      for (const [index, name] of names.entries()) {
        const process = state.processes[index] as Process;
        if (process.next === null || process.isDead) continue;
        isOver = false;
        if (state.crashes > 0 && process.results.length > 0) {
          const processes = state.processes.with(index, { ...process, isDead: true, next: null });
          const listings = state.listings.with(index, null);
          reach({ ...state, processes, listings, crashes: state.crashes - 1 }, `${order} ${name}:dies`);
        }
        const next = step(state, index, model, names, known);
        const at = `${order} ${name}:${process.next.name}`;
        note(model.checkStep?.(state.files, next.files) ?? null, at);
        reach(next, at);
      }
      if (!isOver) continue;
      ends++;
      const ended = names.map((name, index) => {
        const { outcome, isDead, after } = state.processes[index] as Process;
        return { name, outcome, isDead, after };
      });
      note(model.checkEnd(state.files, ended), order);
    }
    frontier = later;
  }
  return { states: seen.size, ends, violations };
}

function digestOf({ crashes, files, processes, listings }: State): string {
  const parts = [
    crashes,
    ...[...files].map(([path, { content, mtimeMs }]) => `${path}=${content}@${mtimeMs}`).sort(),
    ...processes.map(({ trail, next, isDead, after }) =>
      isDead ? '' : `${trail} ${next?.name ?? ''} ${String(next?.args[0])} ${after}`,
    ),
    ...listings.map((half) => half?.join() ?? ''),
  ];
  return hash('sha1', parts.join('\n'), 'base64');
}

/** What a process does by itself after a call that others can see, up to its next such call. */
interface Stretch {
  readonly results: readonly Result[];
  readonly history: string;
  /** What it has read in it. */
  readonly bytes: string | undefined;
  readonly writes: ReadonlyMap<string, File>;
  readonly next: Call | null;
  readonly outcome: Outcome | null;
  readonly context: string | null;
}

/** One call of one process that others can see, and what it does by itself after it. */
function step(
  state: State,
  index: number,
  model: Model,
  names: readonly string[],
  known: Map<string, Stretch>,
): State {
  const process = state.processes[index] as Process;
  const call = process.next as Call;
  const name = names[index] as string;
  const half = state.listings[index] ?? null;
  const files = new Map(state.files);
  if (call.name === 'readdir' && half === null)
    return { ...state, listings: state.listings.with(index, listed(files, call, 0)) };

  const result = perform(files, call, half ?? []);
  const opened = files.get(String(call.args[0]))?.content ?? '';
  // The same process after the same history does the same: most stretches have been seen in another order.
  const memory = `${name} ${process.history} ${brief(result)} ${opened}`;
  let stretch = known.get(memory);
  if (stretch === undefined) {
    stretch = goOn(files, process, result, model.jobs[name] as () => Job);
    known.set(memory, stretch);
  }
  for (const [path, file] of stretch.writes) files.set(path, file);
  const { results, history, next, outcome, context, bytes = process.bytes } = stretch;
  // A job that reads another version than before begins anew with it: however it got there, it is in the same state.
  const past = bytes !== process.bytes && context !== null ? context : `${process.trail} ${history}`;
  const trail = hash('sha1', `${past}\n${bytes}`, 'base64');
  const after = process.results.length > 0 ? process.after : endedBefore(state, names);
  const processes = state.processes.with(index, {
    ...{ results, history, trail, bytes, next, outcome, after },
    isDead: false,
  });
  return { ...state, files, processes, listings: state.listings.with(index, null) };
}

function goOn(before: Files, process: Process, first: Result, job: () => Job): Stretch {
  const files = new Map(before);
  const results = [...process.results, first];
  const path = String(process.next?.args[0]);
  let isRead = false;
  for (;;) {
    const { next, outcome, context } = replay(job, results);
    if (next === null || !isLocal(next)) {
      const fresh = results.slice(process.results.length);
      const bytes = fresh.find((result) => result.bytes !== undefined)?.bytes;
      const history = hash('sha1', [process.history, ...fresh.map(brief)].join(' '), 'base64');
      const writes = new Map([...files].filter(([name, file]) => before.get(name) !== file));
      return { results, history, bytes, writes, next, outcome, context };
    }
    results.push(performLocally(files, next, path, isRead));
    isRead ||= next.name === 'read';
  }
}

function endedBefore({ processes }: State, names: readonly string[]): string {
  return names.filter((_, index) => (processes[index] as Process).outcome !== null).join(' ');
}

/** Runs a job on results that are known, up to its next call. */
function replay(
  job: () => Job,
  results: readonly Result[],
): { next: Call | null; outcome: Outcome | null; context: string | null } {
  const { steps, context } = job();
  try {
    let current = steps.next();
    for (const { value, bytes, code } of results) {
      if (current.done === true) throw new Error('A job that is not deterministic.');
      if (bytes !== undefined) Buffer.from(bytes, 'latin1').copy(current.value.args[1] as Buffer);
      current = code === undefined ? steps.next(value) : steps.throw(new Errno(code));
    }
    return current.done === true
      ? { next: null, outcome: { value: current.value }, context: context() }
      : { next: current.value, outcome: null, context: context() };
  } catch (thrown) {
    return { next: null, outcome: { thrown }, context: null };
  }
}

const brief = ({ value, bytes, code }: Result): string =>
  code ?? (bytes !== undefined ? `"${bytes}"` : value === undefined ? '' : JSON.stringify(value));

function perform(files: Map<string, File>, call: Call, half: readonly string[]): Result {
  const [path, second] = call.args as [string, unknown];
  const file = files.get(path);
  switch (call.name) {
    case 'open': {
      if (((second as number) & O_CREAT) === 0) return file === undefined ? { code: 'ENOENT' } : { value: 1 };
      if (file !== undefined) return { code: 'EEXIST' };
      files.set(path, { content: '', mtimeMs: 0 });
      return { value: 1 };
    }
    case 'lstat':
      return { value: file === undefined ? undefined : statOf(file) };
    case 'utimes':
      if (file === undefined) return { code: 'ENOENT' };
      files.set(path, { ...file, mtimeMs: (second as number) * 1_000 });
      return {};
    case 'link': {
      const to = second as string;
      if (file === undefined) return { code: 'ENOENT' };
      if (files.has(to)) return { code: 'EEXIST' };
      files.set(to, file);
      return {};
    }
    case 'rename':
      if (file === undefined) return { code: 'ENOENT' };
      files.delete(path);
      files.set(second as string, file);
      return {};
    case 'unlink':
      return files.delete(path) ? {} : { code: 'ENOENT' };
    case 'mkdir':
      return { code: 'EEXIST' };
    case 'readdir':
      return { value: [...half, ...listed(files, call, 1)].sort() };
    default:
      throw new Error(`The model has no ${call.name}.`);
  }
}

/** The names of one half of a directory. */
function listed(files: Files, call: Call, half: 0 | 1): string[] {
  const prefix = `${String(call.args[0])}/`;
  return [...files.keys()]
    .filter((path) => path.startsWith(prefix) && path.charCodeAt(path.length - 1) % 2 === half)
    .map((path) => path.slice(prefix.length));
}

const statOf = ({ content, mtimeMs }: File): object => ({
  mtimeMs,
  // Older than anything: cleaning takes all litter for old enough.
  ctimeMs: 0,
  size: content.length,
  isFile: () => true,
  isSymbolicLink: () => false,
});

/** A call on the file that the process has just opened or created. */
function performLocally(
  files: Map<string, File>,
  { name, args }: Call,
  path: string,
  isRead: boolean,
): Result {
  const file = files.get(path) ?? { content: '', mtimeMs: 0 };
  switch (name) {
    case 'mkdir':
      return { code: 'EEXIST' };
    case 'fstat':
    case 'lstat':
      return { value: statOf(file) };
    case 'read':
      return isRead ? { value: 0 } : { value: file.content.length, bytes: file.content };
    case 'write': {
      const [, bytes, offset, length] = args as [number, Buffer, number, number];
      files.set(path, { ...file, content: file.content + bytes.toString('latin1', offset, offset + length) });
      return { value: length };
    }
    case 'futimes':
      files.set(path, { ...file, mtimeMs: (args[1] as number) * 1_000 });
      return {};
    default:
      return {};
  }
}

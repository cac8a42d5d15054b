// The file store's protocol in a model checker: every order of the calls of several processes on one session, with crashes.
// The jobs are the product's own generators. All cases: `npm run model`; the quick ones otherwise.
import type { Clock } from '../../src/core/clock.js';
import type { SessionKey, SessionRecord } from '../../src/core/contract.js';
import { emptyReport } from '../../src/stores/file/caretaker.js';
import {
  CREATE,
  close,
  open,
  readdir,
  rename,
  stat,
  unless,
  unlink,
  writeAll,
  type Steps,
} from '../../src/stores/file/calls.js';
import { jobsOf, type Jobs } from '../../src/stores/file/jobs.js';
import { Layout, Nonces, entryOf, type Version } from '../../src/stores/file/layout.js';
import type { Current } from '../../src/stores/file/protocol.js';
import { decode, encode } from '../../src/stores/file/record-file.js';
import { explore, run, type Ended, type Files, type Job } from '../support/model-checker.js';

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const HALF = HOUR / 2;
const NAME = 'abc'.padEnd(64, '0');
const KEY = `sha256:${NAME}` as SessionKey;
const layout = new Layout('');
const clock: Clock = { now: () => NOW, after: () => () => undefined };
/** What a process does; a lower-case letter names it, the kind of its work follows. */
type Kind = 'get' | 'replace' | 'shorten' | 'remove' | 'insert' | 'touch' | 'far touch' | 'clean';

/** Counts the nonces that were made: what a process does next depends on it. */
class CountedNonces extends Nonces {
  count = 0;

  override next(...args: Parameters<Nonces['next']>): string {
    this.count++;
    return super.next(...args);
  }
}

interface World extends Jobs {
  readonly nonces: CountedNonces;
}

function worldOf(process: string): World {
  const nonces = new CountedNonces(process.padEnd(16, '0'));
  const check = function* (): Steps<void> {
    // The directory is there.
  };
  const fail = (error: Error): never => {
    throw error;
  };
  const jobs = jobsOf({
    layout,
    nonces,
    durable: false,
    clock,
    ttlMs: HOUR,
    check,
    onCorrupt: fail,
    onUnreadable: fail,
    onExpired: () => undefined,
  });
  return { nonces, ...jobs };
}

/** The data of a session is the history of its writers, in order. */
const recordWith = (history: string, expiresAt = NOW + HOUR): SessionRecord => ({
  v: 1,
  key: KEY,
  data: `{"by":"${history}"}`,
  version: `version-${history}`,
  createdAt: NOW,
  deadlineAt: null,
  idleMs: HOUR,
  expiresAt,
});

const historyOf = (record: SessionRecord): string => (JSON.parse(record.data) as { by: string }).by;

/** Within half an idle period of the record's own end, so that the token's time is set; each process another one. */
const touchedTo = (process: string): number => NOW + HOUR + process.charCodeAt(0) * 1_000;

type MakeJob = (process: string, world: World) => Job;

/** A read, and a write against what was read. */
const change =
  (next: (found: SessionRecord, process: string) => SessionRecord): MakeJob =>
  (process, { sessions, nonces }) => {
    let seen = '';
    const steps = function* (): Steps<boolean | null> {
      const found = yield* sessions.find(KEY);
      if (found === null) return null;
      seen = found.data;
      return yield* sessions.replace(next(found, process), found.version);
    };
    return { steps: steps(), context: () => `${nonces.count} ${seen}` };
  };

const simple =
  (steps: (process: string, world: World) => Steps<unknown>): MakeJob =>
  (process, world) => ({ steps: steps(process, world), context: () => String(world.nonces.count) });

const JOBS: Readonly<Record<Kind, MakeJob>> = {
  get: simple((_, { sessions }) => sessions.find(KEY)),
  replace: change((found, process) => ({
    ...recordWith(historyOf(found) + process),
    expiresAt: found.expiresAt,
  })),
  shorten: change((found, process) => recordWith(historyOf(found) + process, NOW + HALF)),
  remove: simple((_, { sessions }) => sessions.remove(KEY)),
  insert: simple((process, { sessions }) => sessions.insert(recordWith(process.toUpperCase()))),
  touch: simple((process, { sessions }) => sessions.extend(KEY, touchedTo(process))),
  'far touch': simple((process, { sessions }) => sessions.extend(KEY, touchedTo(process) + HOUR)),
  clean: (_, { caretaker }) => ({
    steps: caretaker.tend(NAME.slice(0, 3), emptyReport(), { thorough: true }),
    // It holds a listing in mind.
    context: () => null,
  }),
};

/** Writes a whole record beside the session's and says which version it would be. */
function* staged({ nonces }: World, seen: Version, record: SessionRecord): Steps<Version> {
  const version = { seq: seen.seq + 1, nonce: nonces.next(NOW + HOUR, false) };
  const fd = yield* open(layout.staged(NAME, version), CREATE);
  yield* writeAll(fd, encode({ ...version, record, dueAt: NOW + HOUR }));
  yield* close(fd);
  return version;
}

const grown = (found: SessionRecord, process: string): SessionRecord =>
  recordWith(historyOf(found) + process);

/** What loses data, each wrong in one place. What the checker finds in them is what it does not find in ours. */
const WRONG: Readonly<Record<string, (process: string, world: World) => Steps<unknown>>> = {
  *'a writer that looks, and renames whatever happened meanwhile'(process, world) {
    const found = yield* world.protocol.look(NAME);
    if (found === null || found === 'dead') return null;
    yield* rename(
      layout.staged(NAME, yield* staged(world, found, grown(found.record, process))),
      layout.record(NAME),
    );
    return true;
  },
  *'a writer that goes on from a commit that is not published'(process, world) {
    const found = yield* world.protocol.look(NAME);
    if (found === null || found === 'dead') return null;
    for (const file of yield* readdir(layout.shard(NAME))) {
      const entry = entryOf(file);
      if (entry?.kind === 'token')
        return yield* world.protocol.replace(NAME, entry, grown(found.record, process), NOW + HOUR);
    }
    return false;
  },
  *'a writer that commits before its record is complete'(process, world) {
    const found = yield* world.protocol.look(NAME);
    if (found === null || found === 'dead') return null;
    const version = { seq: found.seq + 1, nonce: world.nonces.next(NOW + HOUR, false) };
    if (!(yield* unless('ENOENT', rename(layout.token(NAME, found), layout.token(NAME, version)))))
      return false;
    const fd = yield* open(layout.staged(NAME, version), CREATE);
    yield* writeAll(fd, encode({ ...version, record: grown(found.record, process), dueAt: NOW + HOUR }));
    yield* close(fd);
    return yield* unless('ENOENT', rename(layout.staged(NAME, version), layout.record(NAME)));
  },
  *'a remover that unlinks the record and not its token'(_process, world) {
    const found = yield* world.protocol.look(NAME);
    if (found === null || found === 'dead') return false;
    return yield* unless('ENOENT', unlink(layout.record(NAME)));
  },
  *'a reader that remembers, and does not ask the token whether that still holds'(_process, world) {
    const { record } = done(filesBefore('present'), world.protocol.look(NAME)).value as Current;
    return (yield* stat(layout.record(NAME))) === undefined ? null : record;
  },
};

type Before = 'absent' | 'present' | 'touched' | 'expired';

/** What is there when the processes begin. */
const BEFORE: Readonly<Record<Before, readonly ((world: World) => Steps<unknown>)[]>> = {
  absent: [],
  present: [({ sessions }) => sessions.insert(recordWith('0'))],
  touched: [
    ({ sessions }) => sessions.insert(recordWith('0')),
    ({ sessions }) => sessions.extend(KEY, touchedTo('z')),
  ],
  expired: [({ sessions }) => sessions.insert(recordWith('0', NOW - HOUR))],
};

/** Does a job that is alone and must succeed. */
function done(before: Files, steps: Steps<unknown>): { left: Files; value: unknown } {
  const { left, outcome } = run(before, steps);
  if ('thrown' in outcome) throw outcome.thrown;
  return { left, value: outcome.value };
}

function filesBefore(before: Before): Files {
  let files: Files = new Map();
  for (const job of BEFORE[before]) files = done(files, job(worldOf('z'))).left;
  return files;
}

const valueOf = (ended: Ended): unknown =>
  ended.outcome !== null && 'value' in ended.outcome ? ended.outcome.value : undefined;

function historyIn(files: Files): string | null {
  const file = files.get(layout.record(NAME));
  return file === undefined ? null : historyOf(decode(Buffer.from(file.content, 'latin1')).record);
}

/** The record's file only ever moves forward, and comes into being by an insert only. */
function checkStep(before: Files, after: Files): string | null {
  const [was, is] = [historyIn(before), historyIn(after)];
  if (is === null || is === was) return null;
  if (was === null) return /^[A-Z]$/.test(is) ? null : 'a removed record came back';
  return is.startsWith(was) ? null : 'a version was overwritten by one that did not see it';
}

function checkEnd(kinds: readonly Kind[], before: Before) {
  return (files: Files, ended: readonly Ended[]): string | null => {
    const of = (kind: Kind): readonly Ended[] => ended.filter((_, index) => kinds[index] === kind);
    const succeeded = (kind: Kind): readonly Ended[] => of(kind).filter((one) => valueOf(one) === true);
    const died = (kind: Kind): boolean => of(kind).some(({ isDead }) => isDead);
    for (const { outcome } of ended)
      if (outcome !== null && 'thrown' in outcome) return `a job threw: ${String(outcome.thrown)}`;

    const { outcome: answer } = run(files, worldOf('y').sessions.find(KEY));
    if ('thrown' in answer) return `what is left cannot be read: ${String(answer.thrown)}`;
    const last = answer.value as SessionRecord | null;
    const history = last === null ? null : historyOf(last);

    const inserted = succeeded('insert');
    const removed = succeeded('remove');
    if (before === 'expired' && history?.startsWith('0') === true) return 'an expired session came back';
    if (inserted.length > 1 && removed.length === 0) return 'two processes inserted one key';
    if (
      before !== 'present' &&
      of('insert').length > 0 &&
      inserted.length === 0 &&
      !died('insert') &&
      of('remove').length === 0 &&
      of('clean').length === 0
    )
      return 'none of the inserts succeeded';
    if (inserted.length > 0) {
      if (
        of('remove').length <= (before === 'present' ? 1 : 0) &&
        history?.startsWith((inserted[0] as Ended).name.toUpperCase()) !== true
      )
        return 'an inserted session is not there';
    } else if (before === 'present' || before === 'touched') {
      if (removed.length > 0 && history !== null && !died('insert')) return 'a removed session is there';
      if (removed.length === 0 && history === null && !died('remove')) return 'a session is lost';
    }
    for (const one of of('replace')) {
      // Of a session that was created anew nobody promised anything.
      if (history?.startsWith('0') !== true) continue;
      if (valueOf(one) === true && !history.includes(one.name)) return 'an update is lost';
      if (valueOf(one) === false && history.includes(one.name))
        return 'an update was made though its writer was told no';
    }
    return checkReads(of('get'), kinds, before, ended) ?? checkExpiry(last, kinds, ended);
  };
}

function checkReads(
  reads: readonly Ended[],
  kinds: readonly Kind[],
  before: Before,
  ended: readonly Ended[],
): string | null {
  for (const read of reads) {
    if (read.isDead) continue;
    const found = valueOf(read) as SessionRecord | null;
    const history = found === null ? null : historyOf(found);
    if (before === 'expired' && history?.startsWith('0') === true) return 'an expired session was read';
    if (found?.expiresAt != null && !endsSaid(kinds, ended).includes(found.expiresAt))
      return 'a session was read to end when nobody said';
    if (history === null && (before === 'present' || before === 'touched') && !kinds.includes('remove'))
      return 'a session was not found though it was there';
    for (const earlier of ended.filter(({ name }) => read.after.split(' ').includes(name))) {
      const kind = kinds[ended.indexOf(earlier)];
      if (valueOf(earlier) !== true) continue;
      if (kind === 'remove' && history !== null && !kinds.includes('insert'))
        return 'a removed session was read';
      if (
        kind === 'replace' &&
        history !== null &&
        !kinds.includes('insert') &&
        !history.includes(earlier.name)
      )
        return 'a read was older than a write that had ended';
      if (kind === 'insert' && history === null && !kinds.includes('remove'))
        return 'an inserted session was not found';
    }
  }
  return null;
}

/** The ends that somebody said. */
function endsSaid(kinds: readonly Kind[], ended: readonly Ended[]): number[] {
  const touches = ended.flatMap(({ name }, index) => {
    if (kinds[index] === 'touch') return touchedTo(name);
    return kinds[index] === 'far touch' ? touchedTo(name) + HOUR : [];
  });
  return [NOW + HOUR, NOW + HALF, touchedTo('z'), ...touches];
}

/** When it ends is what somebody said, for the version that is there. */
function checkExpiry(
  last: SessionRecord | null,
  kinds: readonly Kind[],
  ended: readonly Ended[],
): string | null {
  if (last?.expiresAt == null) return null;
  const of = (kind: Kind): readonly Ended[] => ended.filter((_, index) => kinds[index] === kind);
  if (!endsSaid(kinds, ended).includes(last.expiresAt)) return 'a session ends when nobody said';
  const made = of('touch')
    .filter((one) => valueOf(one) === true)
    .map(({ name }) => touchedTo(name));
  const isUndisturbed = kinds.every((kind) => kind === 'touch' || kind === 'get' || kind === 'clean');
  // Two touches at the same moment may land in either order.
  if (isUndisturbed && made.length > 0 && last.expiresAt < Math.min(...made)) return 'a touch is lost';
  const shortened = of('shorten').filter((one) => valueOf(one) === true);
  if (
    shortened.length > 0 &&
    of('touch').length + of('far touch').length === 0 &&
    last.expiresAt !== NOW + HALF
  )
    return 'an end that was brought nearer was put off by a touch of an earlier version';
  return null;
}

interface Case {
  readonly before: Before;
  readonly kinds: readonly Kind[];
  readonly crashes: number;
  /** Each process has read the session before, and remembers it. Default: false. */
  readonly isKnown?: boolean;
}

/** @param first Takes the place of the first job. */
function check({ before, kinds, crashes, isKnown = false }: Case, first?: MakeJob) {
  const files = filesBefore(before);
  const begun = (name: string): World => {
    const world = worldOf(name);
    if (isKnown && done(files, world.sessions.find(KEY)).value === null) throw new Error('Nothing to know.');
    return world;
  };
  return explore({
    files,
    jobs: Object.fromEntries(
      kinds.map((kind, index) => {
        const name = String.fromCharCode('a'.charCodeAt(0) + index);
        const job = index === 0 && first !== undefined ? first : JOBS[kind];
        // What it remembers needs no place in its state: either it is what it has read last, or it was overtaken, and
        // then it makes no difference which version it is.
        return [name, () => job(name, begun(name))];
      }),
    ),
    crashes,
    checkStep,
    checkEnd: checkEnd(kinds, before),
  });
}

const QUICK: readonly Case[] = [
  { before: 'present', kinds: ['replace', 'replace', 'get'], crashes: 1 },
  { before: 'present', kinds: ['replace', 'remove', 'get'], crashes: 0 },
  { before: 'present', kinds: ['touch', 'replace'], crashes: 1 },
  { before: 'present', kinds: ['touch', 'remove'], crashes: 1 },
  { before: 'absent', kinds: ['insert', 'insert', 'get'], crashes: 1 },
  { before: 'present', kinds: ['remove', 'insert', 'get'], crashes: 1 },
  { before: 'expired', kinds: ['insert', 'insert'], crashes: 1 },
  { before: 'touched', kinds: ['shorten', 'touch'], crashes: 1 },
  { before: 'present', kinds: ['replace', 'clean'], crashes: 1 },
  { before: 'absent', kinds: ['insert', 'clean'], crashes: 1 },
  { before: 'present', kinds: ['replace', 'replace', 'get'], crashes: 1, isKnown: true },
  { before: 'present', kinds: ['replace', 'remove', 'get'], crashes: 0, isKnown: true },
  { before: 'present', kinds: ['remove', 'insert', 'get'], crashes: 1, isKnown: true },
  { before: 'touched', kinds: ['shorten', 'touch'], crashes: 1, isKnown: true },
];

const FULL: readonly Case[] = [
  { before: 'present', kinds: ['replace', 'replace', 'replace'], crashes: 2 },
  { before: 'present', kinds: ['replace', 'replace', 'remove'], crashes: 2 },
  { before: 'present', kinds: ['replace', 'replace', 'remove', 'get'], crashes: 1 },
  { before: 'present', kinds: ['replace', 'remove', 'remove'], crashes: 2 },
  { before: 'present', kinds: ['touch', 'touch', 'replace'], crashes: 1 },
  { before: 'present', kinds: ['touch', 'far touch', 'get'], crashes: 1 },
  { before: 'present', kinds: ['far touch', 'far touch', 'replace'], crashes: 1 },
  { before: 'present', kinds: ['touch', 'replace', 'remove', 'get'], crashes: 0 },
  { before: 'touched', kinds: ['shorten', 'replace', 'touch'], crashes: 1 },
  { before: 'touched', kinds: ['shorten', 'shorten', 'get'], crashes: 1 },
  { before: 'absent', kinds: ['insert', 'insert', 'insert'], crashes: 1 },
  { before: 'absent', kinds: ['insert', 'insert', 'remove', 'get'], crashes: 1 },
  { before: 'absent', kinds: ['insert', 'replace', 'remove'], crashes: 2 },
  { before: 'present', kinds: ['remove', 'insert', 'insert', 'get'], crashes: 0 },
  { before: 'present', kinds: ['remove', 'insert', 'replace'], crashes: 1 },
  { before: 'present', kinds: ['remove', 'insert', 'touch'], crashes: 1 },
  { before: 'expired', kinds: ['insert', 'insert', 'get'], crashes: 1 },
  { before: 'expired', kinds: ['insert', 'replace', 'touch'], crashes: 1 },
  { before: 'expired', kinds: ['clean', 'touch', 'replace'], crashes: 1 },
  { before: 'present', kinds: ['replace', 'replace', 'clean'], crashes: 1 },
  { before: 'present', kinds: ['replace', 'remove', 'clean'], crashes: 1 },
  { before: 'present', kinds: ['touch', 'replace', 'clean'], crashes: 1 },
  { before: 'absent', kinds: ['insert', 'insert', 'clean'], crashes: 1 },
  { before: 'absent', kinds: ['insert', 'clean', 'clean'], crashes: 1 },
  { before: 'present', kinds: ['replace', 'replace', 'remove', 'get'], crashes: 1, isKnown: true },
  { before: 'present', kinds: ['touch', 'touch', 'replace'], crashes: 1, isKnown: true },
  { before: 'present', kinds: ['touch', 'replace', 'remove', 'get'], crashes: 0, isKnown: true },
  { before: 'present', kinds: ['remove', 'insert', 'replace'], crashes: 1, isKnown: true },
  { before: 'touched', kinds: ['shorten', 'replace', 'touch'], crashes: 1, isKnown: true },
];

const isFull = process.env['MODEL'] === 'full';

describe('every order of the calls of', () => {
  const covered: string[] = [];

  it.each((isFull ? [...QUICK, ...FULL] : QUICK).map((one) => ({ isKnown: false, ...one })))(
    '$kinds, a session being $before (known to all: $isKnown), $crashes of them dying, keeps what the protocol promises',
    (one) => {
      const { states, ends, violations } = check(one);
      expect([...violations]).toEqual([]);
      expect(ends).toBeGreaterThan(1);
      covered.push(
        `${one.kinds.join(', ')} (${one.before}${one.isKnown ? ', known' : ''}, ${one.crashes} dying): ${states} states, ${ends} ends`,
      );
    },
    1_200_000,
  );

  afterAll(() => {
    if (isFull) process.stdout.write(`\n${covered.join('\n')}\n`);
  });
});

describe('the checker sees', () => {
  it.each([
    ['a writer that looks, and renames whatever happened meanwhile', 'replace', 'replace'],
    ['a writer that goes on from a commit that is not published', 'replace', 'replace'],
    ['a writer that commits before its record is complete', 'replace', 'replace'],
    ['a remover that unlinks the record and not its token', 'remove', 'replace'],
    ['a reader that remembers, and does not ask the token whether that still holds', 'get', 'replace'],
  ] as const)('%s', (what, kind, other) => {
    const wrong = WRONG[what] as (process: string, world: World) => Steps<unknown>;
    const { violations } = check({ before: 'present', kinds: [kind, other], crashes: 0 }, simple(wrong));
    expect([...violations.keys()]).not.toEqual([]);
  });
});

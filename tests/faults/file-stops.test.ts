// A process that is stopped before any of its system calls, for as long as you like: it holds up nobody, and when it goes
// on, or is killed instead, nothing newer is overwritten and nothing comes back.
import { unlinkSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { FileStore, type FileStoreReport, type SessionKey, type SessionRecord } from '../../src/index.js';
import { reportFault } from '../support/faults.js';
import { newRecord, oddities } from '../support/file-records.js';
import { clockOf, stormPath, timeSpec, Worker, type Once } from '../support/file-workers.js';
import { isInOneOrder, type Answered, type Shown, type Step } from '../support/one-order.js';

jest.setTimeout(20_000);

const MINUTE_MS = 60_000;
const OWNER = 'somebody';
const HALF_IDLE_MS = 30 * MINUTE_MS;
const IS_FULL = process.env['FAULTS'] === 'full';
/** Not every stop ends in a kill as well: a new process for each takes its time. */
const KILL_EVERY = IS_FULL ? 3 : 20;
/** What a request waits for a store at most. */
const STORE_TIMEOUT_MS = 5_000;

const time = timeSpec();
const [clock, later] = [clockOf(time), clockOf(time, 2 * MINUTE_MS)];
const path = stormPath();
const store = new FileStore({ path, clock, cleanupInterval: 0 });
/** For which everything here is old enough to be litter. */
const tidier = new FileStore({ path, clock: later, cleanupInterval: 0 });
const figures = { stops: 0, kills: 0, wait: 0 };

/** All in one folder and of one user, so that whoever goes round the directory makes few calls. */
function fresh(): SessionRecord {
  const record = newRecord();
  const key = `sha256:000${record.key.slice(-61)}` as SessionKey;
  return { ...record, key, expiresAt: in_(60), owner: OWNER };
}

const in_ = (minutes: number): number => Math.round(clock.now() / 1_000) * 1_000 + minutes * MINUTE_MS;
const to = ({ expiresAt }: SessionRecord): number => expiresAt ?? 0;

/** A call of the process that is stopped. */
interface Call {
  readonly method: string;
  readonly args: readonly unknown[];
  readonly step: Step;
}

/** What is called on a session, as it was stored if it was. */
const CALLS: Readonly<Record<string, (record: SessionRecord) => Call>> = {
  insert: (record) => ({
    method: 'insert',
    args: [record],
    step: { op: 'insert', version: record.version, to: to(record) },
  }),
  find: ({ key }) => ({ method: 'findSync', args: [key], step: { op: 'find' } }),
  replace: (record) => {
    const next = { ...record, version: `late ${record.version}`, expiresAt: in_(61) };
    return {
      method: 'replace',
      args: [next, record.version],
      step: { op: 'replace', from: record.version, version: next.version, to: to(next) },
    };
  },
  touch: ({ key }) => ({ method: 'extend', args: [key, in_(70)], step: { op: 'extend', to: in_(70) } }),
  renewal: ({ key }) => ({ method: 'extend', args: [key, in_(100)], step: { op: 'extend', to: in_(100) } }),
  remove: ({ key }) => ({ method: 'remove', args: [key], step: { op: 'remove' } }),
  verify: () => ({ method: 'verify', args: [], step: { op: 'nothing' } }),
};

type Other = (record: SessionRecord) => Promise<Answered>;

const find: Other = async ({ key }) => {
  const found = await store.find(key);
  return { step: { op: 'find' }, answer: found && { version: found.version, to: to(found) } };
};
/** Whatever the version is now. */
const replace: Other = async ({ key }) => {
  const found = await store.find(key);
  if (found === null) return { step: { op: 'nothing' }, answer: undefined };
  const next = { ...found, version: `${found.version}+`, expiresAt: in_(62) };
  const answer = await store.replace(next, found.version);
  return { step: { op: 'replace', from: found.version, version: next.version, to: to(next) }, answer };
};
const extend =
  (minutes: number): Other =>
  async ({ key }) => ({
    step: { op: 'extend', to: in_(minutes) },
    answer: await store.extend(key, in_(minutes)),
  });
const remove: Other = async ({ key }) => ({ step: { op: 'remove' }, answer: await store.remove(key) });
const tidy: Other = async () => {
  expect(await tidier.verify()).toMatchObject({ expired: 0, broken: 0 } satisfies Partial<FileStoreReport>);
  return { step: { op: 'nothing' }, answer: undefined };
};
const insert: Other = async (record) => {
  const mine = { ...record, version: `mine ${record.version}`, expiresAt: in_(63) };
  return { step: { op: 'insert', version: mine.version, to: to(mine) }, answer: await store.insert(mine) };
};

const PROGRAMS: Readonly<Record<string, readonly Other[]>> = {
  'others read': [find],
  'others write': [find, replace, find],
  'others write twice': [replace, replace, find],
  'others touch': [extend(65), find, extend(75), find],
  'others touch to the utmost': [extend(89), find],
  'others write and touch': [replace, extend(80), find],
  'others renew': [extend(110), find],
  'others write and remove': [find, replace, find, remove],
  'others remove': [remove, find, remove],
  'the directory is tidied up': [tidy, find],
  'others tidy up, write and tidy up': [tidy, replace, tidy, find],
};
/** Takes the user's directory in the owner index away with it. */
const comeAndGo: Other = async () => {
  const other = fresh();
  expect([await store.insert(other), await store.remove(other.key)]).toEqual([true, true]);
  return { step: { op: 'nothing' }, answer: undefined };
};

/** A name comes twice only here, where no removal is under way. */
const FOR_INSERT: Readonly<Record<string, readonly Other[]>> = {
  'another session of the same user comes and goes': [comeAndGo, find],
  'the same name is inserted': [insert, find],
  'the same name is inserted, written and tidied': [insert, replace, tidy, find],
};

/** What dead processes left: old versions, a removed session, one that was never there. */
async function litter(record: SessionRecord | null): Promise<void> {
  const [dead, never] = [fresh(), fresh()];
  await store.insert(dead);
  const shard = dirname(store._getFilePath(dead.key));
  const token = readdirSync(shard).find((file) => file.startsWith(`${dead.key.slice(7)}@`)) ?? '';
  unlinkSync(`${shard}/${token}`);
  const nonce = '0123456789abcdef0-0';
  for (const { key } of [never, ...(record === null ? [] : [record])])
    for (const seq of [1, 2])
      for (const mark of ['@', '.s-'])
        if (key === never.key || mark === '.s-' || seq === 1)
          writeFileSync(`${store._getFilePath(key)}${mark}${String(seq)}-${nonce}`, '');
}

let worker: Worker;
let isIdle: boolean;

async function begin(name: string): Promise<void> {
  worker = new Worker();
  isIdle = true;
  const base = time.base + (name === 'verify' ? 2 * MINUTE_MS : 0);
  await worker.ask('open', { path, stops: true, clock: { ...time, base } });
}

/** One stop: what is wrong afterwards, if anything is; `null` if the call makes fewer calls of the system. */
async function stopped(
  name: string,
  before: number,
  program: readonly Other[],
  fate: 'continued' | 'killed',
): Promise<string | null> {
  const record = fresh();
  const isNew = name === 'insert';
  if (!isNew) await store.insert(record);
  const initial: Shown | null = isNew ? null : { version: record.version, to: to(record) };
  if (name === 'verify') await litter(record);
  const { method, args, step } = CALLS[name]?.(record) as Call;
  const answer = worker.run<Once>('once', { method, args, stopBefore: before });
  if (!(await worker.isStopped(answer))) {
    await store.remove(record.key);
    await tidier.verify();
    return null;
  }
  figures.stops++;
  isIdle = false;
  const meanwhile: Answered[] = [];
  for (const other of program) {
    const start = performance.now();
    meanwhile.push(await other(record));
    figures.wait = Math.max(figures.wait, performance.now() - start);
  }
  let late: unknown;
  if (fate === 'killed') {
    await worker.kill();
    late = 'killed';
    figures.kills++;
    await begin(name);
  } else {
    worker.resume();
    late = ((await answer) as Once).result;
    if (step.op === 'nothing') late = undefined;
    if (step.op === 'find' && late !== null)
      late = { version: (late as SessionRecord).version, to: to(late as SessionRecord) };
  }
  isIdle = true;
  const after = [await find(record), await tidy(record), await find(record)];
  const fits = isInOneOrder(initial, { step, answer: late }, meanwhile, after, HALF_IDLE_MS);
  const left = oddities(path);
  const found = await store.find(record.key);
  // A user's list has what is there.
  const listed = (await store.page({ owner: OWNER, limit: 10 })).records.map(({ key }) => key);
  expect(listed).toEqual(found === null ? [] : [record.key]);
  await store.remove(record.key);
  await tidier.verify();
  if (fits && left.length === 0) return '';
  return `stopped before call ${String(before)}, ${fate}: ${JSON.stringify({ late, meanwhile, after, left })}`;
}

afterAll(() => {
  const { stops, kills, wait } = figures;
  reportFault({
    fault: 'F13',
    recipe: 'stopped before each system call of each operation',
    rounds: stops,
    result: `${String(kills)} killed, the others continued; longest wait of others ${wait.toFixed(1)} ms`,
  });
});

describe.each(Object.keys(CALLS))('F13 %s stopped before each of its system calls', (name) => {
  beforeAll(() => begin(name));
  afterAll(() => worker.kill());
  // A test that failed may have left it stopped.
  beforeEach(async () => {
    if (isIdle) return;
    await worker.kill();
    await begin(name);
  });
  const programs = { ...PROGRAMS, ...(name === 'insert' ? FOR_INSERT : null) };
  const list = Object.entries(programs).map(([does, program], at) => ({ does, program, at }));
  it.each(list)('while $does', async ({ program, at }) => {
    const wrong: string[] = [];
    // `verify` makes many calls: without full rounds some of them, others in each program.
    const step = IS_FULL || name !== 'verify' ? 1 : 4;
    for (let before = 1 + (at % step); ; before += step) {
      const fault = await stopped(name, before, program, 'continued');
      if (fault === null) {
        // Fewer would mean that nothing was stopped.
        expect(before).toBeGreaterThan(3);
        break;
      }
      if (fault !== '') wrong.push(fault);
      if ((before + at) % KILL_EVERY !== 0) continue;
      const afterKill = await stopped(name, before, program, 'killed');
      if (afterKill !== '') wrong.push(String(afterKill));
    }
    expect(wrong).toEqual([]);
    expect(figures.wait).toBeLessThan(STORE_TIMEOUT_MS / 2);
  });
});

// A fault of a database while an app on it is under load, and the row of the table that comes of it. Knows no engine and
// no test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import {
  isClearing,
  loadOn,
  STORE_TIMEOUT_MS,
  type Answered,
  type Load,
  type Outcome,
  type Serving,
} from './sql-load.js';

const isFull = process.env['FAULTS'] === 'full';
/** Each fault so often. */
export const ROUNDS = Array.from({ length: isFull ? 3 : 1 }, (_, at) => at + 1);
/** How long a fault lasts, where that can be said. */
export const LASTS_MS = isFull ? 2_000 : 700;
const WARM_UP_MS = isFull ? 700 : 300;
/** Good answers for so long: the fault is over. Longer than a store is left alone only where there is time for it. */
const CALM_MS = isFull ? 1_500 : 500;
const LONGEST_WAIT_MS = 15_000;
/** What a request may take beyond the store's timeout, besides what this process stood still. */
const MARGIN_MS = 100;
/** The store is left alone for a second after it has failed five times. */
const RECOVERY_MS = 2_000;

export interface Row extends Outcome {
  fault: string;
  engine: string;
  /** Of all requests; and without what this process stood still meanwhile. */
  longestMs: number;
  ownMs: number;
  /** What the longest of those asked for and was told. */
  longest: string;
  /** With the codes of the failures; 0: no answer. */
  statuses: Record<string, number>;
  /** Of answers that were no logout. */
  cleared: number;
  /** Set-Cookie of answers that were not 200. */
  cookiesOfFailures: number;
  recoveryMs: number;
  evidence: string;
}

export interface Fault<App extends Serving> {
  readonly fault: string;
  readonly engine: string;
  readonly open: () => Promise<App>;
  /** Resolves to the moment from which on the database can be used again. */
  readonly strike: (load: Load, app: App) => Promise<number>;
  /** What the database says of it afterwards. */
  readonly evidence: () => Promise<string>;
  /** Sessions that the fault itself takes away belong to a load of their own, of which nothing is expected. */
  readonly takesSessions?: boolean;
}

/** The app stays open for as long as this takes. */
export async function under<App extends Serving>(what: Fault<App>): Promise<Row> {
  const app = await what.open();
  const load = loadOn(app);
  const later = loadOn(app);
  try {
    await load.start();
    await pause(WARM_UP_MS);
    const isOverAt = await what.strike(load, app);
    if (what.takesSessions === true) await later.start();
    const recoveryMs = await recovered([load, later], isOverAt);
    await Promise.all([load.stop(), later.stop()]);
    const evidence = await what.evidence();
    const outcome = await (what.takesSessions === true ? later : load).outcome();
    return rowOf({ ...what, recoveryMs, evidence }, load.answers.concat(later.answers), outcome);
  } finally {
    await Promise.all([load.stop(), later.stop()]);
    await app.close();
  }
}

/** Its name, with the code of a failure. */
const statusOf = ({ status, body }: Answered): string =>
  `${String(status)} ${typeof body['code'] === 'string' ? body['code'] : ''}`.trim();

/** Waits until every answer is good again, and returns how long after that moment the last bad one came, ms. */
async function recovered(loads: readonly Load[], since: number): Promise<number> {
  for (;;) {
    await pause(20);
    const answers = loads.flatMap((load) => load.answers).filter(({ endedAt }) => endedAt >= since);
    const bad = answers.filter(({ status }) => status !== 200).map(({ endedAt }) => endedAt);
    const lastBad = Math.max(since, ...bad);
    const isGood = answers.some(({ status, endedAt }) => status === 200 && endedAt > lastBad);
    if (isGood && performance.now() - lastBad >= CALM_MS) return Math.round(lastBad - since);
    if (performance.now() - since > LONGEST_WAIT_MS) return Infinity;
  }
}

/** What holds whatever happens to the database. */
export function expectNothingLost(row: Row, answers = /^(200|503 ERR_SESSION_\w+)$/): void {
  expect(Object.keys(row.statuses).filter((name) => !answers.test(name))).toEqual([]);
  expect(row).toMatchObject({ cleared: 0, cookiesOfFailures: 0 });
  expect(row).toMatchObject({ lost: 0, wrong: 0, loggedOut: 0, cameBack: 0 });
  // It reads, and then it writes: each has its time.
  expect(row.ownMs).toBeLessThanOrEqual(2 * STORE_TIMEOUT_MS + MARGIN_MS);
  expect(row.recoveryMs).toBeLessThanOrEqual(RECOVERY_MS);
  expect(row.acknowledged).toBeGreaterThan(10);
}

export const failuresOf = ({ statuses }: Row): number =>
  Object.entries(statuses).reduce((sum, [name, times]) => sum + (name === '200' ? 0 : times), 0);

/** Fills the disk of a folder, and weighs sessions down until it is over. Returns how much was left meanwhile. */
export async function strikeFull(folder: string, load: Load): Promise<string> {
  const path = join(folder, 'filling');
  await once(spawn('dd', ['if=/dev/zero', `of=${path}`, 'bs=4k'], { stdio: 'ignore' }), 'exit');
  const weigh = async (): Promise<boolean> => {
    const { status, cookies } = await load.get('/login/heavy');
    const [line = ''] = cookies;
    if (status !== 200) return false;
    return (await load.get('/weigh/60', line.slice(0, line.indexOf(';')))).status === 200;
  };
  const beganAt = performance.now();
  let fits = true;
  // There may be room in what the database has already.
  while (performance.now() - beganAt < (fits ? LONGEST_WAIT_MS : LASTS_MS)) {
    const all = await Promise.all([weigh(), weigh(), weigh(), weigh()]);
    fits &&= all.every(Boolean);
    if (!fits) await pause(10);
  }
  const { bavail, bsize } = statfsSync(folder);
  rmSync(path);
  return `${String(bavail * bsize)} B left`;
}

/** What the answers and the sessions came to, for the table too. */
function rowOf(
  { fault, engine, recoveryMs, evidence }: Pick<Row, 'fault' | 'engine' | 'recoveryMs' | 'evidence'>,
  answers: readonly Answered[],
  outcome: Outcome,
): Row {
  const statuses: Record<string, number> = {};
  for (const answer of answers) statuses[statusOf(answer)] = (statuses[statusOf(answer)] ?? 0) + 1;
  const own = ({ ms, heldMs }: Answered): number => ms - heldMs;
  const longest = answers.reduce((one, other) => (own(other) > own(one) ? other : one));
  const row: Row = {
    ...{ fault, engine, recoveryMs, evidence, statuses, ...outcome },
    longestMs: Math.round(Math.max(...answers.map(({ ms }) => ms))),
    ownMs: Math.round(own(longest)),
    longest: `${longest.path} ${statusOf(longest)}`,
    cleared: answers.filter(({ path, cookies }) => path !== '/logout' && cookies.some(isClearing)).length,
    cookiesOfFailures: answers.filter(({ status, cookies }) => status !== 200 && cookies.length > 0).length,
  };
  mkdirSync('reports', { recursive: true });
  appendFileSync('reports/sql-faults.jsonl', `${JSON.stringify(row)}\n`);
  return row;
}

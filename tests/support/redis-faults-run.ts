// A fault on real servers while apps with each client are under load, and the row of the table that comes of it. Knows no
// test.
import { appendFileSync, mkdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

import type { Connect, ConnectedClient } from './redis-clients.js';
import {
  isClearing,
  Load,
  openApp,
  type Answered,
  type App,
  type AppOptions,
  type Outcome,
} from './redis-load.js';
import { administrator } from './redis-world.js';
import { startRedisCluster } from './services/redis-cluster.js';
import type { Redis } from './services/redis.js';

const WARM_UP_MS = 700;
/** How far behind the replicas are in the worst case that is made here. */
const BEHIND_MS = 300;

/** A gate that handlers wait at while it is shut. */
export class Gate {
  #waiting: (() => void)[] | undefined;

  get waiting(): number {
    return this.#waiting?.length ?? 0;
  }

  readonly pass = (): Promise<void> =>
    new Promise((resolve) => {
      if (this.#waiting === undefined) resolve();
      else this.#waiting.push(resolve);
    });

  shut(): void {
    this.#waiting = [];
  }

  open(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const resolve of waiting) resolve();
  }
}

/** What the server says of itself. */
export async function factsOf(port: number): Promise<{ uptime: number; run: string; role: string }> {
  const { ask, close } = await administrator(port);
  const info = `${String(await ask('INFO', 'server'))}\n${String(await ask('INFO', 'replication'))}`;
  close();
  const fact = (name: string): string => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1] ?? '?';
  return { uptime: Number(fact('uptime_in_seconds')), run: fact('run_id').slice(0, 8), role: fact('role') };
}

/** Waits until so many replicas have all that their master has; without them nobody could take over. */
export async function inSync(port: number, replicas: number): Promise<void> {
  const { ask, close } = await administrator(port);
  // It would wait for more of them, for 5 seconds.
  await ask('CONFIG', 'SET', 'repl-diskless-sync-delay', '0');
  const online = async () => String(await ask('INFO', 'replication')).match(/state=online/g)?.length ?? 0;
  while ((await online()) < replicas) await pause(20);
  close();
}

/** An answer waits until a replica has the write; what none has is no success. */
export async function replicated({ ask }: ConnectedClient): Promise<void> {
  const count = ask('', 'WAIT', '1', '100').catch(() => 0);
  if (Number(await Promise.race([count, pause(200, 0)])) > 0) return;
  throw Object.assign(new Error('No replica has it.'), { status: 503, code: 'ERR_SESSION_NOT_REPLICATED' });
}

/** Kills a master, whose replicas have heard nothing from it for a while if they are given. */
export async function killed(master: Redis, cutOff: readonly Redis[] = []): Promise<number> {
  for (const replica of cutOff) replica.pause();
  if (cutOff.length > 0) {
    // What is on the way to one that stands still would arrive all the same.
    const { ask, close } = await administrator(master.port);
    await ask('CLIENT', 'KILL', 'TYPE', 'replica');
    await pause(BEHIND_MS);
    close();
  }
  await master.kill();
  for (const replica of cutOff) replica.resume();
  return performance.now();
}

/** One whose replicas could take over at once. */
export async function readyCluster() {
  const cluster = await startRedisCluster();
  let before: number[] = [];
  // A replica is taken for a master until it has told everybody.
  while (before.length !== 3) before = await cluster.masters();
  for (const port of before) await inSync(port, 1);
  const isMaster = ({ port }: Redis): boolean => before.includes(port);
  const victim = cluster.nodes.find((node) => isMaster(node) && node.port !== cluster.port);
  const replicas = cluster.nodes.filter((node) => !isMaster(node));
  return { ...cluster, before, replicas, victim: victim as Redis };
}

export interface Row extends Outcome {
  fault: string;
  client: string;
  /** Of all requests; and without what this process stood still meanwhile. */
  longestMs: number;
  ownMs: number;
  /** What the longest of those asked for and was told. */
  longest: string;
  /** Of those that were refused while the store was left alone: 99 of 100 take no longer, and all. */
  refusedMs: number;
  longestRefusalMs: number;
  statuses: Record<string, number>;
  /** Of answers that were no logout. */
  cleared: number;
  /** Set-Cookie of answers that were not 200. */
  cookiesOfFailures: number;
  recoveryMs: number;
  evidence: string;
}

export interface Fault {
  readonly fault: string;
  readonly clients: readonly (readonly [string, Connect])[];
  readonly port: number;
  readonly options?: AppOptions;
  /** Resolves to the moment from which on the servers can be used. */
  readonly strike: (loads: readonly Load[], apps: readonly App[]) => Promise<number>;
  /** What the servers say of it afterwards. */
  readonly evidence: (apps: readonly App[]) => Promise<string>;
}

/** An app with each client at once, under load while the fault strikes. */
export async function under({
  fault,
  clients,
  port,
  options,
  strike,
  evidence: said,
}: Fault): Promise<Row[]> {
  const apps = await Promise.all(clients.map(([name, connect]) => openApp(name, connect, port, options)));
  const loads = apps.map((app) => new Load(app));
  try {
    await Promise.all(loads.map((load) => load.start()));
    await pause(WARM_UP_MS);
    const isOverAt = await strike(loads, apps);
    const recoveries = await Promise.all(loads.map((load) => load.recovered(isOverAt)));
    await Promise.all(loads.map((load) => load.stop()));
    const evidence = await said(apps);
    const rows: Row[] = [];
    for (const [at, load] of loads.entries()) {
      const [client, recoveryMs] = [apps[at]?.client ?? '', recoveries[at] ?? Infinity];
      const outcome = await load.outcome();
      rows.push(rowOf({ fault, client, recoveryMs, evidence }, load.answers, outcome));
    }
    return rows;
  } finally {
    await Promise.all(loads.map((load) => load.stop()));
    await Promise.all(apps.map((app) => app.close()));
  }
}

const codeOf = ({ body }: Answered): string => (typeof body['code'] === 'string' ? body['code'] : '');

/** What the answers and the sessions came to, for the table too. */
function rowOf(
  { fault, client, recoveryMs, evidence }: Pick<Row, 'fault' | 'client' | 'recoveryMs' | 'evidence'>,
  answers: readonly Answered[],
  outcome: Outcome,
): Row {
  const statuses: Record<string, number> = {};
  for (const answer of answers) {
    const name = `${String(answer.status)} ${codeOf(answer)}`.trim();
    statuses[name] = (statuses[name] ?? 0) + 1;
  }
  const own = ({ ms, heldMs }: Answered): number => ms - heldMs;
  const longest = answers.reduce((one, other) => (own(other) > own(one) ? other : one));
  const isDown = (answer: Answered): boolean => codeOf(answer) === 'ERR_SESSION_STORE_DOWN';
  const downSince = answers.find(isDown)?.endedAt ?? Infinity;
  const refused = answers.filter((answer) => isDown(answer) && answer.startedAt > downSince);
  const refusals = refused.map(own).sort((a, b) => a - b);
  const row: Row = {
    ...{ fault, client, recoveryMs, evidence, statuses, ...outcome },
    longestMs: Math.round(Math.max(...answers.map(({ ms }) => ms))),
    ownMs: Math.round(own(longest)),
    longest: `${longest.path} ${String(longest.status)} ${codeOf(longest)}`,
    refusedMs: Math.round(refusals[Math.floor(refusals.length * 0.99)] ?? 0),
    longestRefusalMs: Math.round(refusals.at(-1) ?? 0),
    cleared: answers.filter(({ path, cookies }) => path !== '/logout' && cookies.some(isClearing)).length,
    cookiesOfFailures: answers.filter(({ status, cookies }) => status !== 200 && cookies.length > 0).length,
  };
  mkdirSync('reports', { recursive: true });
  appendFileSync('reports/redis-faults.jsonl', `${JSON.stringify(row)}\n`);
  return row;
}

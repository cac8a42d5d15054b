// A Redis that dies, stands still or hands over while people use an app: over HTTP, with both clients side by side. The
// long version, with a table: scripts/redis-faults.mjs.
import { setTimeout as pause } from 'node:timers/promises';

import { newVersion } from '../../src/core/record.js';
import type { SessionId } from '../../src/core/contract.js';
import { CLIENTS, CLUSTER_CLIENTS, SENTINEL_CLIENTS } from '../support/redis-clients.js';
import {
  factsOf,
  Gate,
  inSync,
  killed,
  readyCluster,
  replicated,
  under,
  type Row,
} from '../support/redis-faults-run.js';
import { Load, openApp, STORE_TIMEOUT_MS, type App } from '../support/redis-load.js';
import { startRedisSentinel } from '../support/services/redis-sentinel.js';
import { REDIS, startRedis, type Redis } from '../support/services/redis.js';
import { whereThereIs } from '../support/services/where.js';

/** What a request may take beyond the store's timeout, besides what this process stood still. */
const MARGIN_MS = 100;
const REFUSAL_MS = 50;
const RECOVERY_MS = 2_000;
const FAILOVER_MS = 15_000;
const isLong = process.env['REDIS_FAULTS'] === 'long';
const rounds = Array.from({ length: isLong ? 5 : 1 }, (_, at) => at + 1);

/** What holds whatever happens to the servers. */
function expectGoodAnswers(row: Row, operations = 2): void {
  expect(Object.keys(row.statuses).filter((status) => !/^(200|503 ERR_SESSION_\w+)$/.test(status))).toEqual(
    [],
  );
  expect(row).toMatchObject({ cleared: 0, cookiesOfFailures: 0, wrong: 0 });
  // Each has its time: what reads late from a cluster that changes may also write late.
  expect(row.ownMs).toBeLessThanOrEqual(operations * STORE_TIMEOUT_MS + MARGIN_MS);
  expect(row.acknowledged).toBeGreaterThan(100);
}

function expectNothingLost(row: Row): void {
  expectGoodAnswers(row, 1);
  expect(row).toMatchObject({ lost: 0, loggedOut: 0, cameBack: 0 });
  expect(row.recoveryMs).toBeLessThanOrEqual(RECOVERY_MS);
}

whereThereIs(REDIS, () => {
  it.each(rounds)('loses nothing when its server is killed and comes back (F18, round %i)', async () => {
    const redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    const before = await factsOf(redis.port);
    const rows = await under({
      ...{ fault: 'F18 SIGKILL, back after 500 ms', clients: CLIENTS, port: redis.port },
      async strike() {
        await redis.crash();
        await pause(500);
        await redis.restart();
        return performance.now();
      },
      async evidence() {
        const after = await factsOf(redis.port);
        expect(after.run).not.toBe(before.run);
        return `run ${before.run} -> ${after.run}, up ${String(after.uptime)} s`;
      },
    });
    for (const row of rows) {
      expectNothingLost(row);
      expect(Object.keys(row.statuses).join()).toContain('503 ERR_SESSION_STORE');
    }
    await redis.stop();
  });

  it.each(rounds)('refuses at once while its server stands still (F19, round %i)', async () => {
    const redis = await startRedis();
    const before = await factsOf(redis.port);
    const gate = new Gate();
    const rows = await under({
      ...{ fault: 'F19 SIGSTOP for 3 s', clients: CLIENTS, port: redis.port },
      options: { beforeWrite: gate.pass },
      async strike() {
        // Some have read their session and send their write to a server that stands still.
        gate.shut();
        while (gate.waiting < 4) await pause(1);
        redis.pause();
        gate.open();
        await pause(3_000);
        redis.resume();
        return performance.now();
      },
      async evidence() {
        const after = await factsOf(redis.port);
        expect(after.run).toBe(before.run);
        return `run ${after.run}, up ${String(after.uptime)} s`;
      },
    });
    for (const row of rows) {
      expectNothingLost(row);
      expect(row.statuses['503 ERR_SESSION_STORE_DOWN']).toBeGreaterThan(50);
      expect(row.refusedMs).toBeLessThanOrEqual(REFUSAL_MS);
    }
    // What was written when nobody waited for it any more: once, and nothing rests on it.
    expect(rows.reduce((sum, { late }) => sum + late, 0)).toBeGreaterThan(0);
    await redis.stop();
  });

  it.each(CLIENTS)('recognises what landed while its server stood still (F19, %s)', async (name, connect) => {
    const redis = await startRedis();
    const gate = new Gate();
    const storeTimeout = 2_000;
    const app = await openApp(name, connect, redis.port, { storeTimeout, beforeWrite: gate.pass });
    const load = new Load(app);
    const cookies: string[] = [];
    for (const user of ['ada', 'bob', 'eve']) {
      const [line = ''] = (await load.get(`/login/${user}`)).cookies;
      cookies.push(line.slice(0, line.indexOf(';')));
    }
    gate.shut();
    const answers = cookies.map((cookie) => load.get('/count/one', cookie));
    while (gate.waiting < cookies.length) await pause(1);
    redis.pause();
    await pause(50);
    gate.open();
    // A write has four fifths of the time; then there is a look at what became of it.
    await pause(storeTimeout * 0.9);
    redis.resume();
    for (const { status, ms } of await Promise.all(answers)) {
      expect(status).toBe(200);
      expect(ms).toBeGreaterThan(storeTimeout * 0.8);
    }
    for (const cookie of cookies) expect((await load.get('/all', cookie)).body['counted']).toEqual(['one']);
    await load.stop();
    await app.close();
    await redis.stop();
  });

  const ways: readonly (readonly [string, { readonly behind?: true; readonly waits?: true }])[] = [
    ['', {}],
    [', WAIT 1', { waits: true }],
    [', replicas 300 ms behind', { behind: true }],
    [', replicas 300 ms behind, WAIT 1', { behind: true, waits: true }],
  ];
  const sentinel = isLong ? ways : ways.slice(0, 1);
  it.each(sentinel)('goes on when Sentinel makes another master (F21%s)', async (how, { behind, waits }) => {
    const { servers, sentinels, stop } = await startRedisSentinel();
    const [master, ...replicas] = servers as [Redis, ...Redis[]];
    await inSync(master.port, replicas.length);
    const rows = await under({
      ...{ fault: `F21 Sentinel, master killed${how}`, clients: SENTINEL_CLIENTS },
      port: sentinels[0]?.port ?? 0,
      ...(waits === true ? { options: { afterWrite: replicated } } : null),
      strike: () => killed(master, behind === true ? replicas : []),
      async evidence() {
        const roles = await Promise.all(replicas.map(async ({ port }) => (await factsOf(port)).role));
        expect(roles).toContain('master');
        return `${String(master.port)} dead, others ${roles.sort().join(' and ')}`;
      },
    });
    for (const row of rows) {
      expect(row.recoveryMs).toBeLessThanOrEqual(FAILOVER_MS);
      if (waits === true) expect(row).toMatchObject({ lost: 0, loggedOut: 0, cameBack: 0, wrong: 0 });
      else expectGoodAnswers(row);
    }
    // Redis answers before its replicas have it.
    const lost = rows.reduce((sum, row) => sum + row.lost, 0);
    if (behind === true && waits !== true) expect(lost).toBeGreaterThan(0);
    await stop();
  });

  it.each(['', ', replicas 300 ms behind'].slice(0, isLong ? 2 : 1))(
    'goes on when a cluster loses a master (F21%s)',
    async (how) => {
      const { before, victim, replicas, port, masters, ask, stop } = await readyCluster();
      const rows = await under({
        ...{ fault: `F21 cluster, a master killed${how}`, clients: CLUSTER_CLIENTS, port },
        strike: () => killed(victim, how === '' ? [] : replicas),
        async evidence() {
          const after = await masters();
          const [next] = after.filter((each) => !before.includes(each));
          expect(await ask(next ?? 0, 'ROLE')).toMatch(/^master/);
          return `${String(victim.port)} dead, ${String(next)} master`;
        },
      });
      for (const row of rows) {
        expect(row.recoveryMs).toBeLessThanOrEqual(FAILOVER_MS);
        expectGoodAnswers(row);
      }
      await stop();
    },
  );

  if (isLong) it('keeps all while a cluster grows, and then loses a master', growsAndLoses, 300_000);
});

const SESSIONS = 2_000;

async function growsAndLoses(): Promise<void> {
  const { victim, port, masters, grow, stop } = await readyCluster();
  const kept = new Map<App, readonly string[]>();
  const seen: string[] = [];
  const rows = await under({
    ...{ fault: '7 grows to 4 masters, then loses one', clients: CLUSTER_CLIENTS, port },
    async strike(loads, apps) {
      for (const app of apps) kept.set(app, await fill(app));
      const failures = (): number =>
        loads.flatMap(({ answers }) => answers).filter(({ status }) => status !== 200).length;
      const startedAt = performance.now();
      await grow();
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
      expect(await masters()).toHaveLength(4);
      seen.push(`grew in ${seconds} s, ${String(failures())} failed`, `found ${await countsOf(kept)}`);
      expect(failures()).toBe(0);
      return killed(victim);
    },
    async evidence() {
      const after = await masters();
      expect(after).not.toContain(victim.port);
      seen.push(
        `${String(victim.port)} dead, ${String(after.length)} masters, found ${await countsOf(kept)}`,
      );
      return seen.join('; ');
    },
  });
  for (const row of rows) {
    expect(row.recoveryMs).toBeLessThanOrEqual(FAILOVER_MS);
    expectGoodAnswers(row);
  }
  await stop();
}

/** Sessions that nobody uses, by their keys. */
async function fill({ store }: App): Promise<readonly string[]> {
  const now = Date.now();
  const records = Array.from({ length: SESSIONS }, (_, at) => ({
    ...{ v: 1 as const, key: store.keyOf(`nobody-uses-this-one-${String(at)}` as SessionId) },
    ...{ data: '{}', version: newVersion(), createdAt: now, deadlineAt: null },
    ...{ idleMs: 3_600_000, expiresAt: now + 3_600_000 },
  }));
  const inserted = await Promise.all(records.map((record) => store.insert(record)));
  expect(inserted).not.toContain(false);
  return records.map(({ key }) => key);
}

/** How many of them a listing names. */
async function countsOf(kept: ReadonlyMap<App, readonly string[]>): Promise<string> {
  const counts: number[] = [];
  for (const [{ store }, keys] of kept) {
    const listed = new Set<string>();
    let cursor: string | null = null;
    do {
      const page = await store.page({
        limit: 1_000,
        withData: false,
        ...(cursor === null ? null : { cursor }),
      });
      for (const { key } of page.records) listed.add(key);
      ({ cursor } = page as { cursor: string | null });
    } while (cursor !== null);
    counts.push(keys.filter((key) => listed.has(key)).length);
  }
  expect(counts).toEqual(counts.map(() => SESSIONS));
  return `${counts.join(' and ')} of ${String(SESSIONS)} each`;
}

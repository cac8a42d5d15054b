// What is measured on a million sessions in SQL. Each job in a process of its own, with --expose-gc, so that none finds
// what another left in its heap: `node sql-million-jobs.mjs <job> <engine> <place> <its JSON>`.
import { createRequire } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { plansOf } from './sql-million-plans.mjs';
import { analyze, insertRevoked, insertSessions, keyOf, openSite } from './sql-million-data.mjs';

const require = createRequire(import.meta.url);
const SECRET = 'a benchmark of databases, longer than thirty-two bytes';
const HOUR_MS = 3_600_000;
const MEGABYTE = 2 ** 20;
/** So often the garbage is collected during a scan, to see what it holds on to. */
const SAMPLES = 50;
/** Calls that are under way at a time. */
const WIDTH = 8;
const LIMIT = 500;

const managerOf = (store) => new (require('../../dist/cjs/index.cjs'))({ secret: SECRET, store });
const since = (startedAt) => performance.now() - startedAt;

const JOBS = {
  async fill({ engine, database }, { sessions, ofUser, user, revoked }) {
    const { ask } = database;
    const store = database.store({ sweepInterval: 0 });
    await store.ping();
    // Spread over all of them; the others have two each.
    const step = Math.floor(sessions / ofUser);
    const owner = ({ text, joined }) =>
      `CASE WHEN i % ${step} = 0 AND i <= ${step * ofUser} THEN '${user}' ELSE ${joined([`'user '`, text.replace('i', '(i - i % 2)')])} END`;
    const startedAt = performance.now();
    const end = `${Date.now() + HOUR_MS} + i % ${HOUR_MS}`;
    await insertSessions({ engine, ask, from: 1, to: sessions, owner, end });
    await insertRevoked({ engine, ask, count: revoked });
    await analyze({ engine, ask });
    return { seconds: since(startedAt) / 1_000 };
  },

  /** With many that have expired since the engine has last counted. */
  async plans({ engine, database }, { sessions, user }) {
    const { ask } = database;
    const owner = ({ text, joined }) => joined([`'expired '`, text]);
    const ends = String(Date.now() - 1_000);
    await insertSessions({
      engine,
      ask,
      from: sessions + 1,
      to: Math.round(sessions * 1.1),
      owner,
      end: ends,
    });
    const expired = await ask(
      `SELECT number FROM sessions WHERE expires_at = ${ends} ORDER BY number LIMIT 100`,
    );
    const plans = await plansOf(engine, database, {
      sessions,
      user,
      expired: expired.map(({ number }) => Number(number)),
    });
    await ask(`DELETE FROM sessions WHERE expires_at = ${ends}`);
    return plans;
  },

  async scan({ database }, { sessions }) {
    const store = database.store({ sweepInterval: 0 });
    await store.ping();
    const pagedAt = performance.now();
    const { records } = await store.page({ limit: 100 });
    const pageMs = since(pagedAt);
    const manager = managerOf(store);
    const loop = monitorEventLoopDelay({ resolution: 1 });
    globalThis.gc();
    const base = process.memoryUsage().heapUsed;
    let [rows, firstRowMs, highest, held] = [0, null, -Infinity, -Infinity];
    const startedAt = performance.now();
    for await (const row of manager.scan()) {
      if (typeof row.handle !== 'string') throw new Error('A row without a handle');
      if (firstRowMs === null) {
        firstRowMs = since(startedAt);
        loop.enable();
      }
      rows++;
      if (rows % 100 === 0) highest = Math.max(highest, process.memoryUsage().heapUsed - base);
      if (rows % Math.ceil(sessions / SAMPLES) === 0) {
        globalThis.gc();
        held = Math.max(held, process.memoryUsage().heapUsed - base);
      }
    }
    loop.disable();
    const figures = { highestMb: highest / MEGABYTE, heldMb: held / MEGABYTE, loopMs: loop.max / 1e6 };
    return { paged: records.length, pageMs, rows, firstRowMs, seconds: since(startedAt) / 1_000, ...figures };
  },

  async user({ database }, { user }) {
    const store = database.store({ sweepInterval: 0 });
    const sessions = managerOf(store).ofUser(user);
    const before = await store.count();
    const listedAt = performance.now();
    const { length: listed } = await sessions.list();
    const listMs = since(listedAt);
    const revokedAt = performance.now();
    const revoked = await sessions.revokeAll();
    const revokeMs = since(revokedAt);
    const { length: left } = await sessions.list();
    const countedAt = performance.now();
    const others = await store.count();
    return { before, listed, listMs, revoked, revokeMs, left, others, countMs: since(countedAt) };
  },

  /** The same load with a sweep of so many expired rows and without one, turn by turn. */
  async sweep({ engine, database }, { sessions, expired, rounds, user }) {
    const { newVersion } = require('../../dist/cjs/index.cjs');
    const { ask } = database;
    const store = database.store({ sweepInterval: 0 });
    let next = sessions;
    const times = { with: [], without: [] };
    const [took, loops] = [[], { with: 0, without: 0 }];
    let removed = 0;

    /** Until `work` is done, which is given the time that the load goes on for. */
    async function under(name, work) {
      const loop = monitorEventLoopDelay({ resolution: 1 });
      loop.enable();
      let isDone = false;
      const worker = async () => {
        while (!isDone) {
          const number = 1 + Math.floor(Math.random() * sessions);
          const startedAt = performance.now();
          const record = await store.find(keyOf(number));
          if (record !== null && record.owner !== user)
            await store.replace({ ...record, version: newVersion() }, record.version);
          times[name].push(since(startedAt));
          // SQLite answers at once: others have their turn.
          await nextTurn();
        }
      };
      const workers = Array.from({ length: WIDTH }, worker);
      const startedAt = performance.now();
      await work();
      const ms = since(startedAt);
      isDone = true;
      await Promise.all(workers);
      loop.disable();
      loops[name] = Math.max(loops[name], loop.max / 1e6);
      return ms;
    }

    for (let round = 0; round < rounds; round++) {
      const owner = ({ text, joined }) => joined([`'expired '`, text]);
      const end = String(Date.now() - 1_000);
      await insertSessions({ engine, ask, from: next + 1, to: next + expired, owner, end });
      next += expired;
      const sweeping = () =>
        under('with', async () => {
          for (let count; (count = await store.removeExpired(LIMIT)) > 0;) removed += count;
        });
      const resting = (ms) => under('without', () => new Promise((resolve) => setTimeout(resolve, ms)));
      // Each comes first as often as the other.
      if (round % 2 === 0) took.push(await sweeping());
      await resting(took.at(-1) ?? 1_000);
      if (round % 2 === 1) took.push(await sweeping());
    }
    const p = (list, share) =>
      list.sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))];
    const figures = Object.entries(times).map(([name, list]) => [
      name,
      { calls: list.length, p50: p(list, 0.5), p99: p(list, 0.99), most: list.at(-1), loopMs: loops[name] },
    ]);
    return { removed, sweepMs: p(took, 0.5), ...Object.fromEntries(figures) };
  },
};

const [, , job, engine, place, input] = process.argv;
const database = await openSite(engine, place);
console.log(JSON.stringify(await JOBS[job]({ engine, database }, JSON.parse(input))));
await database.close();
process.exit();

// A million sessions in Redis: what going through all of them takes, finding and ending those of one user among them, and
// clearing a store beside another app's keys.
//
//   npm run build && node benchmarks/redis-million.mjs [--sessions N] [--user N] [--client redis|ioredis]
//
// --sessions: in all, 1,000,000 by default (about 1 GB of memory of Redis); a tenth of them is cleared. --user: those of
// one user, 1,000 by default. Starts a redis-server of its own. Exits with 1 if a target is missed.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { loadavg } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { BYTES, idOf, recordOf } from '../scripts/lib/full-directories.mjs';
import { keysOf, openDatabase, versionOf } from '../scripts/lib/drivers.mjs';
import { install } from '../scripts/lib/ecosystem.mjs';
import { startEngine } from '../scripts/lib/servers.mjs';
import { newStore } from '../scripts/lib/store-contestants.mjs';
import { number, table } from '../scripts/lib/table.mjs';

const require = createRequire(import.meta.url);
const SELF = fileURLToPath(import.meta.url);
const SECRET = 'a benchmark of Redis, longer than thirty-two bytes';
const HOUR_MS = 3_600_000;
/** Calls that are under way at a time. */
const CHUNK = 1_000;
const USER = 'the user';
const MEGABYTE = 2 ** 20;
const HEAP_MB = 50;
/** So often the garbage is collected during a scan, to see what it holds on to. */
const SAMPLES = 50;
const FIRST_ROW_MS = 50;
/** Its pattern would match the other app's keys, if it were taken as one. */
const PREFIX = 'sess:*';

if (process.argv[2] === 'job') {
  const [, , , job, place, client, input] = process.argv;
  console.log(JSON.stringify(await JOBS()[job](await siteOf(place, client), JSON.parse(input))));
  process.exit();
}

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '1000000' },
    user: { type: 'string', default: '1000' },
    client: { type: 'string', default: 'redis' },
  },
});
const [sessions, ofUser] = [Number(values.sessions), Number(values.user)];
const isCount = (count) => Number.isSafeInteger(count) && count >= 1;
if (
  !isCount(sessions) ||
  !isCount(ofUser) ||
  sessions < 10 * ofUser ||
  !['redis', 'ioredis'].includes(values.client)
) {
  console.error(
    'Usage: node benchmarks/redis-million.mjs [--sessions N] [--user N] [--client redis|ioredis]; N ten times that of --user or more',
  );
  process.exit(2);
}

install();
const redis = await startEngine(values.client);
const version = await versionOf(redis);
const before = loadavg()[0];
const inserted = run('insert', { sessions, ofUser });
const listed = run('scan', { sessions });
const user = run('user', {});
const cleared = run('clear', { count: Math.round(sessions / 10) });
await redis.stop();

/** A process for each, so that none finds what another left in its heap. */
function run(job, input) {
  const args = ['--expose-gc', SELF, 'job', job, redis.place, values.client, JSON.stringify(input)];
  const result = JSON.parse(
    execFileSync(process.execPath, args, {
      encoding: 'utf8',
      env: { ...process.env, NODE_ENV: 'production' },
    }),
  );
  console.error(`${job}: ${JSON.stringify(result)}`);
  return result;
}

const atMost = (limit, unit) => [`< ${limit} ${unit}`, (value) => value < limit];
const exactly = (count) => [number(count), (value) => value === count];
/** What it is, its value, what it must be, whether it is. */
const FIGURES = [
  ['insert, in all, s', inserted.seconds],
  ['  memory of Redis per session, B', inserted.bytesEach],
  ['scan(): rows', listed.rows, ...exactly(sessions)],
  ['  first row, ms', listed.firstRowMs, ...atMost(FIRST_ROW_MS, 'ms')],
  ['  heap growth, MB', listed.heldMb, ...atMost(HEAP_MB, 'MB')],
  ['  heap growth with garbage not yet collected, MB', listed.highestMb],
  ['  in all, s', listed.seconds],
  ['  longest hold of the event loop, ms', listed.loopMs],
  [`ofUser().list(): sessions`, user.listed, ...exactly(ofUser)],
  ['  ms', user.listMs],
  [`ofUser().revokeAll(): sessions`, user.revoked, ...exactly(ofUser)],
  ['  ms', user.revokeMs],
  ['  living afterwards', user.left, ...exactly(0)],
  ["  other users' sessions afterwards", user.others, ...exactly(sessions - ofUser)],
  ['store.count(), ms', user.countMs],
  ['count() of the manager', user.counted, ...exactly(sessions - ofUser)],
  [`clear() of the prefix ${PREFIX}: sessions before`, cleared.before, ...exactly(cleared.count)],
  ['  in all, s', cleared.seconds],
  ['  left', cleared.left, ...exactly(0)],
  ["  another app's keys, untouched", cleared.untouched, ...exactly(cleared.count)],
];
console.log(
  `\n${number(sessions)} sessions of ${BYTES} B in ${version}, by ${values.client}; Node ${process.version}; ` +
    `load average ${before.toFixed(1)} - ${loadavg()[0].toFixed(1)}\n`,
);
console.log(
  table([
    ['', 'figure', 'target', ''],
    ...FIGURES.map(([what, figure, target = '', isGood]) => [
      what,
      figure,
      target,
      isGood === undefined ? '' : isGood(figure) ? 'met' : 'MISSED',
    ]),
  ]),
);
process.exitCode = FIGURES.every(([, figure, , isGood]) => isGood?.(figure) ?? true) ? 0 : 1;

async function siteOf(place, name) {
  const SessionManager = require('../dist/cjs/index.cjs');
  const { client, ask } = await openDatabase(name, place);
  const storeOf = (prefix) => newStore(name, client, prefix && { prefix });
  const managerOf = (store) => new SessionManager({ secret: SECRET, store });
  return { ask, storeOf, managerOf };
}

/** `task(0) ... task(count - 1)`, a chunk at a time: the client sends each chunk at once. */
async function inChunks(count, task) {
  for (let from = 0; from < count; from += CHUNK)
    await Promise.all(Array.from({ length: Math.min(CHUNK, count - from) }, (_, at) => task(from + at)));
}

function JOBS() {
  const end = () => Date.now() + HOUR_MS;
  const secondsSince = (startedAt) => (performance.now() - startedAt) / 1_000;
  const wrong = (what) => {
    throw new Error(what);
  };

  return {
    async insert({ ask, storeOf }, { sessions, ofUser }) {
      const store = storeOf();
      const memory = async () => Number(/used_memory:(\d+)/.exec(await ask('INFO', 'memory'))[1]);
      const before = await memory();
      // Spread over all of them.
      const step = Math.floor(sessions / ofUser);
      const ownerOf = (at) => (at % step === 0 && at / step < ofUser ? { owner: USER } : null);
      const startedAt = performance.now();
      await inChunks(sessions, async (at) => {
        const isInserted = await store.insert({ ...recordOf(store, at, end()), ...ownerOf(at) });
        if (!isInserted) wrong(`session ${at} was not inserted`);
      });
      const seconds = secondsSince(startedAt);
      return { seconds, bytesEach: ((await memory()) - before) / sessions };
    },

    async scan({ storeOf, managerOf }, { sessions }) {
      const manager = managerOf(storeOf());
      const loop = monitorEventLoopDelay({ resolution: 1 });
      globalThis.gc();
      const base = process.memoryUsage().heapUsed;
      let [rows, firstRowMs, highest, held] = [0, null, -Infinity, -Infinity];
      const startedAt = performance.now();
      for await (const row of manager.scan()) {
        if (typeof row.handle !== 'string') wrong('A row without a handle');
        if (firstRowMs === null) {
          firstRowMs = performance.now() - startedAt;
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
      const seconds = secondsSince(startedAt);
      const figures = { highestMb: highest / MEGABYTE, heldMb: held / MEGABYTE, loopMs: loop.max / 1e6 };
      return { rows, firstRowMs, seconds, ...figures };
    },

    async user({ storeOf, managerOf }) {
      const manager = managerOf(storeOf());
      const sessions = manager.ofUser(USER);
      const listedAt = performance.now();
      const { length: listed } = await sessions.list();
      const listMs = performance.now() - listedAt;
      const revokedAt = performance.now();
      const revoked = await sessions.revokeAll();
      const revokeMs = performance.now() - revokedAt;
      const { length: left } = await sessions.list();
      const store = storeOf();
      const countedAt = performance.now();
      const others = await store.count();
      const countMs = performance.now() - countedAt;
      // The same within the time that the manager gives its store for a call.
      const counted = await manager.count().catch(({ code }) => code);
      return { listed, listMs, revoked, revokeMs, left, others, countMs, counted };
    },

    async clear({ ask, storeOf }, { count }) {
      await ask('FLUSHALL');
      const store = storeOf(PREFIX);
      await inChunks(count, (at) => store.insert(recordOf(store, at, end())));
      // Sessions of a store whose prefix the pattern would match; values under the very prefix that are no sessions.
      const neighbour = storeOf('sess:');
      const shapes = [
        (at) => `sess:${neighbour.keyOf(idOf(at))}`,
        (at) => `${PREFIX}cart:${at}`,
        (at) => `${PREFIX}sha256:${at}`,
        (at) => `sess:other*${at}`,
      ];
      const nameOf = (at) => shapes[at % shapes.length](at);
      await inChunks(count, (at) => ask('SET', nameOf(at), `value ${at}`));
      const before = await store.count();
      const startedAt = performance.now();
      await store.clear();
      const seconds = secondsSince(startedAt);
      let untouched = 0;
      await inChunks(count, async (at) => {
        if ((await ask('GET', nameOf(at))) === `value ${at}`) untouched++;
      });
      let keys = 0;
      for await (const { length } of keysOf(ask, 'string')) keys += length;
      return { count, before, seconds, untouched, left: keys - untouched };
    },
  };
}

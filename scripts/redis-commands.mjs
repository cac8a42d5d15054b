// What a request asks of Redis, as Redis itself counts it (INFO commandstats): ours with both clients, the drop-in, and
// express-session with connect-redis beside them.
//
//   npm run build && node scripts/redis-commands.mjs [--requests N]
//
// Starts a redis-server of its own. Exits with 1 if ours asks for more than one read per request that uses its session,
// one write more for one that changes it, one touch per touchAfter, and nothing for one that does not use it.
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';

import { install } from './lib/ecosystem.mjs';
import { inParallel } from './lib/local-http.mjs';
import { startApp } from './lib/redis-apps.mjs';
import { commandsOf, connect, startRedis } from './lib/redis-server.mjs';
import { number, table } from './lib/table.mjs';

const SESSIONS = 20;
/** The manager's default. */
const TOUCH_AFTER_MS = 60_000;
const TOUCHES = 5;
const CONTESTANTS = [
  { title: 'ours, redis', name: 'ours', client: 'redis' },
  { title: 'ours, ioredis', name: 'ours', client: 'ioredis' },
  { title: 'drop-in', name: 'drop-in', client: 'redis' },
  { title: 'connect-redis', name: 'connect-redis', client: 'redis' },
];
/** What is sent; the rest is done by scripts inside of the server, without a way there and back. */
const SENT = ['get', 'hget', 'zrangebyscore', 'set', 'expire', 'del', 'evalsha', 'eval'];
/** Of ours only: whether anybody was revoked, asked for once a second at most together with a session. */
const LOOKS = ['zrangebyscore'];

const { values } = parseArgs({ options: { requests: { type: 'string', default: '2000' } } });
const REQUESTS = Number(values.requests);
if (!(Number.isSafeInteger(REQUESTS) && REQUESTS >= SESSIONS)) {
  console.error(`Usage: node scripts/redis-commands.mjs [--requests N], ${SESSIONS} or more`);
  process.exit(2);
}

/** What is done, and what it may cost ours: commands per request. */
const WORKLOADS = [
  ['unused', ({ ask }) => ask('/unused'), {}],
  ['read', ({ ask }) => ask('/read'), { get: 1 }],
  ['write', ({ ask }) => ask('/write'), { get: 1, evalsha: 1 }],
  ['new session', ({ start }) => start(), { evalsha: 1 }],
];

async function run({ title, name, client }, port) {
  const admin = await connect('redis', port);
  const app = await startApp({ name, client, redis: port });
  const cookies = [];
  for (let count = 0; count < SESSIONS; count++) cookies.push((await app.get('/new')).cookie);
  const site = {
    /** Session by session, so that each asks for one thing at a time. */
    ask: (path, count = REQUESTS) =>
      inParallel(SESSIONS, SESSIONS, async (at) => {
        for (let index = at; index < count; index += SESSIONS) await app.get(path, cookies[at]);
      }),
    start: () => inParallel(REQUESTS, SESSIONS, () => app.get('/new')),
  };
  // The scripts are loaded, and what is due for a touch has been touched.
  for (const path of ['/read', '/write']) await site.ask(path, SESSIONS);
  await app.leap(TOUCH_AFTER_MS);
  await site.ask('/read', SESSIONS);

  const during = async (work) => {
    await admin.ask('CONFIG', 'RESETSTAT');
    const startedAt = performance.now();
    await work();
    const seconds = (performance.now() - startedAt) / 1_000;
    const all = Object.entries(await commandsOf(admin)).filter(([command]) => !OWN.includes(command));
    // `set` and `expire` of ours are inside of a script: it sends neither.
    const isSent = ([command]) =>
      SENT.includes(command) && (name === 'connect-redis' || !['set', 'expire', 'del'].includes(command));
    return {
      seconds,
      sent: Object.fromEntries(all.filter(isSent)),
      inside: Object.fromEntries(all.filter((entry) => !isSent(entry))),
    };
  };
  const costs = {};
  for (const [what, work] of WORKLOADS) costs[what] = await during(() => work(site));

  // One session after touchAfter, again and again: requests one after the other, then all at once.
  const touches = async (ask) => {
    const { sent } = await during(async () => {
      for (let count = 0; count < TOUCHES; count++) {
        await app.leap(TOUCH_AFTER_MS);
        await ask();
      }
    });
    return ((sent.evalsha ?? 0) + (sent.eval ?? 0) + (sent.expire ?? 0)) / TOUCHES;
  };
  const result = {
    title,
    isOurs: name === 'ours',
    costs,
    touched: await touches(async () => {
      for (let index = 0; index < SESSIONS; index++) await app.get('/read', cookies[0]);
    }),
    touchedAtOnce: await touches(() =>
      Promise.all(Array.from({ length: SESSIONS }, () => app.get('/read', cookies[0]))),
    ),
  };
  await app.stop();
  await admin.ask('FLUSHALL');
  admin.close();
  return result;
}

/** Of this script, not of the apps. */
const OWN = ['info', 'config|resetstat', 'config', 'flushall', 'client|setinfo', 'hello', 'ping'];

install();
const redis = await startRedis();
const before = loadavg()[0];
const results = [];
for (const contestant of CONTESTANTS) results.push(await run(contestant, redis.port));
await redis.stop();

const perRequest = (commands) =>
  Object.entries(commands)
    .sort(([a], [b]) => SENT.indexOf(a) - SENT.indexOf(b))
    .map(([command, count]) => `${number(count / REQUESTS)} ${command}`)
    .join(' + ') || '0';
const ofRequest = ({ sent }) =>
  perRequest(Object.fromEntries(Object.entries(sent).filter(([command]) => !LOOKS.includes(command))));
/** Whether a workload asked for what it may, and looked for revocations once a second at most. */
function isMet({ sent, seconds }, allowed) {
  const looks = sent.zrangebyscore ?? 0;
  const rest = Object.entries(sent).filter(([command]) => !LOOKS.includes(command));
  return (
    looks <= Math.ceil(seconds) + 1 &&
    rest.every(([command, count]) => count <= (allowed[command] ?? 0) * REQUESTS) &&
    (Object.keys(allowed).length > 0 || looks === 0)
  );
}

console.log(
  `\ncommands per request, ${number(REQUESTS)} each over ${SESSIONS} sessions; Redis ${redis.version}, Node ${process.version}; ` +
    `load average ${before.toFixed(1)} - ${loadavg()[0].toFixed(1)}\n`,
);
console.log(
  table([
    ['', 'ours at most', ...results.map(({ title }) => title)],
    ...WORKLOADS.map(([what, , allowed]) => [
      what,
      perRequest(
        Object.fromEntries(Object.entries(allowed).map(([name, count]) => [name, count * REQUESTS])),
      ),
      ...results.map(({ costs }) => ofRequest(costs[what])),
    ]),
    [
      'looks for revocations, a second',
      '1',
      ...results.map(({ costs }) => {
        const all = WORKLOADS.map(([what]) => costs[what]);
        const looks = all.reduce((sum, { sent }) => sum + (sent.zrangebyscore ?? 0), 0);
        return looks / all.reduce((sum, { seconds }) => sum + seconds, 0);
      }),
    ],
    [
      `touches per touchAfter, ${SESSIONS} reads of a session in turn`,
      '1',
      ...results.map(({ touched }) => touched),
    ],
    [
      `touches per touchAfter, ${SESSIONS} at once`,
      '1',
      ...results.map(({ touchedAtOnce }) => touchedAtOnce),
    ],
  ]),
);
console.log('\ninside of the server, by scripts, per request\n');
console.log(
  table([
    ['', ...results.map(({ title }) => title)],
    ...WORKLOADS.map(([what]) => [what, ...results.map(({ costs }) => perRequest(costs[what].inside))]),
  ]),
);
const missed = results
  .filter(({ isOurs }) => isOurs)
  .flatMap(({ title, costs, touched, touchedAtOnce }) => [
    ...WORKLOADS.filter(([what, , allowed]) => !isMet(costs[what], allowed)).map(
      ([what]) => `${what} (${title})`,
    ),
    ...(touched <= 1 ? [] : [`touches in turn (${title})`]),
    ...(touchedAtOnce <= 1 ? [] : [`touches at once (${title})`]),
  ]);
console.log(missed.length === 0 ? '\nours: all met' : `\nours missed: ${missed.join('; ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;

// Hostile input on both faces: Cookie headers through the whole read of a session, and options through construction and a
// first request.
//
//   npm run fuzz [-- --headers 1000000 --options 100000 --seed 5 --busy]
//
// Headers: each goes through the middleware of a SessionManager and through the drop-in, on real requests and responses of
// node:http without a socket, so that bytes which Node's parser would refuse arrive too. The clock runs from the call of
// the middleware until the session's data is in hand: cookie found, signature checked, store (memory) asked. What came
// out is compared with a reader that splits at every separator. Times are as they came, after a warm-up, with collections
// of the reads' garbage (the fuzzer's own is collected before) and the machine's other work. A header that took over 1 ms
// is read 20 times more: the best of these tells a slow header from a bad moment. On a machine that has other things to
// do `--busy` leaves it at that.
// Options: each object is refused with a code of this package, or accepted; then a request over HTTP must set a cookie
// that is no weaker and lives no longer than was asked, or fail with a code.
//
// Exits with 1 if anything throws that has no code, a header opens the wrong session, one read in 10,000 takes over 1 ms, the
// heap grows, or options are accepted that must not be.
import { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { PerformanceObserver } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { dropInFormat, hostileHeaders, managerFormat, ownerOf } from './lib/hostile-headers.mjs';
import { hostileOptions, SECRET, shown, weakerThanAsked, wronglyAccepted } from './lib/hostile-options.mjs';
import { cookieOf, serve } from './lib/local-http.mjs';
import { randomFrom } from './lib/random.mjs';
import { number, table } from './lib/table.mjs';

const require = createRequire(import.meta.url);
const SessionManager = require('../dist/cjs/index.cjs');
const session = require('../dist/cjs/express-session/index.cjs');
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

const { values } = parseArgs({
  options: {
    headers: { type: 'string' },
    options: { type: 'string' },
    seed: { type: 'string' },
    busy: { type: 'boolean', default: false },
  },
});
const HEADERS = Number(values.headers ?? 1_000_000);
const OPTIONS = Number(values.options ?? 100_000);
const SEED = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32));
const SESSIONS = 50;
const BATCH = 1_000;
const WARM_UP = 20_000;
const TARGET_MS = 1;
/** The heap of V8 after a collection is not the same twice. */
const NOISE = 0.03;
/** Twice the default of storeTimeout. */
const HANG_MS = 10_000;

/** What nobody caught: what is thrown by a callback, and promises that reject unheard. */
const uncaught = [];
process.on('uncaughtException', (error) => uncaught.push(error));
process.on('unhandledRejection', (error) => uncaught.push(error));
// A warning for each manager with a short secret would bury the tables.
process.removeAllListeners('warning');
process.on('warning', () => undefined);

const isCoded = (error) => /^ERR_SESSION_/.test(error?.code ?? '');

/** Kinds of faults: how often, and the first input of each. */
class Faults {
  #kinds = new Map();

  add(kind, input) {
    const known = this.#kinds.get(kind);
    if (known) known.count++;
    else this.#kinds.set(kind, { count: 1, input: input().slice(0, 300) });
  }

  get count() {
    return [...this.#kinds.values()].reduce((sum, { count }) => sum + count, 0);
  }

  print() {
    for (const [kind, { count, input }] of this.#kinds) console.log(`  ${count} x ${kind}\n      ${input}`);
  }
}

/** Both faces: how a request is read, and the sessions that live in them. */
async function createFaces() {
  const sessions = new SessionManager({ secret: SECRET, cookieName: 'sid', cookie: { secure: false } });
  const passManager = sessions.middleware();
  const passDropIn = session({ secret: SECRET, name: 'sid', resave: false, saveUninitialized: false });
  const faces = [
    {
      face: 'SessionManager',
      pass: passManager,
      dataOf: (req) => sessions.session(req),
      format: managerFormat('sid', SECRET),
    },
    { face: 'drop-in', pass: passDropIn, dataOf: (req) => req.session, format: dropInFormat('sid', SECRET) },
  ];
  for (const each of faces) {
    each.owners = new Map();
    each.cookies = [];
    const site = await serve((req, res) => {
      each.pass(req, res, () => {
        each.dataOf(req).who = `user ${each.cookies.length}`;
        res.end('{}');
      });
    });
    for (let at = 0; at < SESSIONS; at++) {
      const value = cookieOf(await site.get('/')).slice('sid='.length);
      const id = each.format.idIn(value);
      if (id === null) throw new Error(`The fuzzer does not understand the cookies of ${each.face}.`);
      each.owners.set(id, `user ${at}`);
      each.cookies.push(value);
    }
    await site.close();
  }
  return faces;
}

/** One read: whose session the header opened, and in which time, ms. */
function read({ pass, dataOf }, header) {
  const req = new IncomingMessage(new Socket());
  Object.assign(req, { method: 'GET', url: '/' });
  req.headers.cookie = header;
  const res = new ServerResponse(req);
  let who;
  let isRead = false;
  let fault;
  const started = performance.now();
  try {
    pass(req, res, (error) => {
      if (error) fault = error;
      else who = dataOf(req).who;
      isRead = true;
    });
  } catch (error) {
    fault = error;
  }
  const ms = performance.now() - started;
  if (!isRead) fault ??= new Error('the read did not end');
  return { ms, who, fault };
}

async function fuzzHeaders() {
  const random = randomFrom(SEED);
  const faces = await createFaces();
  const pauses = [];
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) pauses.push(duration);
  });
  for (const each of faces)
    Object.assign(each, {
      next: hostileHeaders(random, each.format, each.cookies),
      times: new Float64Array(HEADERS),
      opened: 0,
      faults: new Faults(),
      over: 0,
      worst: 0,
      slowest: '',
    });

  /** A header that took long, or came at a bad moment: the best of 20 readings tells. */
  function again(each, header) {
    each.over++;
    const best = Math.min(...Array.from({ length: 20 }, () => read(each, header).ms));
    if (best > each.worst) Object.assign(each, { worst: best, slowest: header.slice(0, 200) });
  }

  async function batch(each, from, count) {
    const headers = Array.from({ length: count }, each.next);
    // The fuzzer's own garbage is not the reads'.
    collect({ type: 'minor' });
    const results = headers.map((header) => read(each, header));
    for (const [index, { ms, who, fault }] of results.entries()) {
      const header = headers[index];
      const input = () => `sid header ${JSON.stringify(header)}`;
      if (fault) each.faults.add(`thrown: ${fault}`, input);
      const wanted = ownerOf(header, each.format, each.owners);
      if (who !== wanted)
        each.faults.add(who === undefined ? 'did not open a good session' : 'opened a wrong session', input);
      if (from === null) continue;
      each.times[from + index] = ms;
      if (who !== undefined) each.opened++;
      if (ms > TARGET_MS) again(each, header);
    }
    await new Promise(setImmediate);
  }
  const heap = () => {
    collect();
    return process.memoryUsage().heapUsed;
  };

  for (let done = 0; done < WARM_UP; done += BATCH) for (const each of faces) await batch(each, null, BATCH);
  const heaps = [heap()];
  observer.observe({ entryTypes: ['gc'] });
  for (let done = 0; done < HEADERS; done += BATCH) {
    for (const each of faces) await batch(each, done, Math.min(BATCH, HEADERS - done));
    const third = Math.ceil(HEADERS / 3 / BATCH) * BATCH;
    if ((done + BATCH) % third === 0 || done + BATCH >= HEADERS) heaps.push(heap());
  }
  observer.disconnect();

  const rows = faces.map((each) => {
    each.times.sort();
    const at = (share) => each.times[Math.min(Math.floor(HEADERS * share), HEADERS - 1)] * 1_000;
    return [
      each.face,
      HEADERS,
      each.opened,
      each.faults.count,
      ...[0.5, 0.99, 0.9999, 1].map(at),
      each.over,
      each.worst * 1_000,
    ];
  });
  console.log(
    table([
      [
        'headers',
        'read',
        'opened',
        'faults',
        'p50, us',
        'p99',
        'p99.99',
        'max',
        'over 1 ms',
        'slowest of them, best of 20',
      ],
      ...rows,
    ]),
  );
  // What is compiled and cached while it runs is there after the first third.
  const growth = Math.max(...heaps.slice(2)) / heaps[1] - 1;
  const total = pauses.reduce((sum, ms) => sum + ms, 0);
  console.log(
    `heap after the warm-up and each third, MB: ${heaps.map((bytes) => number(bytes / 1e6)).join(', ')} (at most ${number(growth * 100)} % more than after the first)\n` +
      `garbage collections meanwhile: ${pauses.length}, ${number(total)} ms in all, the longest ${number(Math.max(0, ...pauses))} ms`,
  );
  for (const { face, worst, slowest } of faces)
    if (worst > TARGET_MS) console.log(`slow in ${face}: ${JSON.stringify(slowest)}`);
  for (const { faults } of faces) faults.print();
  const isGood = ({ faults, times, worst }) =>
    faults.count === 0 &&
    worst < TARGET_MS &&
    (values.busy || times[Math.floor(HEADERS * 0.9999)] < TARGET_MS);
  return faces.every(isGood) && growth <= NOISE;
}

/** The options of SessionManager, by its own word. */
function managerOptions() {
  try {
    new SessionManager({ secret: SECRET, 'no option': 1 });
  } catch (error) {
    return (/there are: ([^)]*)/.exec(error.message)?.[1] ?? '').split(', ').filter(Boolean);
  }
  return [];
}

async function fuzzOptions() {
  const random = randomFrom(SEED + 1);
  let listener;
  const site = await serve((req, res) => listener(req, res));
  const rows = [];
  const all = [];
  for (const face of ['manager', 'drop-in']) {
    const next = hostileOptions(random, face, face === 'manager' ? managerOptions() : []);
    const faults = new Faults();
    const figures = { refused: 0, accepted: 0, set: 0, failed: 0 };
    for (let at = 0; at < OPTIONS / 2; at++) {
      const options = next();
      const isProduction = random.chance(0.25);
      if (isProduction) process.env.NODE_ENV = 'production';
      else delete process.env.NODE_ENV;
      const input = () => described(options);
      let made;
      try {
        made = make(face, options);
      } catch (error) {
        figures.refused++;
        if (!isCoded(error)) faults.add(`refused without a code: ${error}`, input);
        continue;
      }
      figures.accepted++;
      for (const fault of wronglyAccepted(face, options)) faults.add(`accepted ${fault}`, input);
      const errors = [];
      listener = listenerOf(made, errors);
      const answer = await Promise.race([
        site.get('/').catch((error) => ({ error })),
        new Promise((resolve) => setTimeout(resolve, HANG_MS, null).unref()),
      ]);
      errors.push(...uncaught.splice(0));
      if (answer === null) faults.add('hangs', input);
      for (const error of errors) if (!isCoded(error)) faults.add(`first request: ${error}`, input);
      for (const line of answer?.cookies ?? [])
        for (const fault of weakerThanAsked(face, options, line, isProduction))
          faults.add(`cookie: ${fault}`, input);
      if ((answer?.cookies ?? []).length > 0) figures.set++;
      else figures.failed++;
      await made.close();
    }
    rows.push([face, figures.refused, figures.accepted, figures.set, figures.failed, faults.count]);
    all.push(faults);
  }
  delete process.env.NODE_ENV;
  await site.close();
  console.log(
    table([['options', 'refused', 'accepted', 'cookie set', 'error or no cookie', 'faults'], ...rows]),
  );
  for (const faults of all) faults.print();
  return all.every((faults) => faults.count === 0);
}

function make(face, options) {
  if (face === 'manager') {
    const sessions = new SessionManager(options);
    return {
      pass: sessions.middleware(),
      write: (req) => sessions.set(req, 'who', 'ada'),
      close: () => sessions.close(),
    };
  }
  const write = async (req) => {
    if (req.session) req.session.who = 'ada';
  };
  return { pass: session(options), write, close: async () => undefined };
}

/** A request that writes to its session; what went wrong is in `errors`. */
function listenerOf({ pass, write }, errors) {
  return (req, res) => {
    const fail = (error) => {
      errors.push(error);
      if (res.headersSent) res.destroy();
      else res.writeHead(500).end(String(error?.code));
    };
    try {
      pass(req, res, (error) => {
        if (error) fail(error);
        else write(req).then(() => res.end('{}'), fail);
      });
    } catch (error) {
      fail(error);
    }
  };
}

function described(options) {
  if (typeof options !== 'object' || options === null) return shown(options);
  const fields = (object) =>
    Object.entries(object).map(([name, value]) =>
      name === 'cookie' && typeof value === 'object' && value !== null
        ? `cookie: { ${fields(value)} }`
        : `${name}: ${value === SECRET ? 'SECRET' : shown(value)}`,
    );
  return `{ ${fields(options).join(', ')} }`;
}

async function fuzz() {
  console.log(`seed ${SEED}`);
  const isReadGood = HEADERS === 0 || (await fuzzHeaders());
  const areOptionsGood = OPTIONS === 0 || (await fuzzOptions());
  for (const error of uncaught) console.log(`nobody caught: ${error?.stack ?? error}`);
  return isReadGood && areOptionsGood && uncaught.length === 0;
}

fuzz().then(
  (isGood) => process.exit(isGood ? 0 : 1),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);

// A process of its own on a directory that others use too: does what its parent tells it, with the built package.
// What it did stands in a log, in a line before each operation and one after it, written at once: that is what it
// acknowledged if it is killed.
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const { setImmediate: turn, setTimeout: pause } = require('node:timers/promises');

const { FileStore, SessionManager } = require('../../dist/cjs/index.cjs');

const SLOT = 64;
const OWNERS = 5;

let store;
let clock;
let calls = 0;
let stopBefore = 0;
let writes = 0;
const me = randomBytes(6).toString('hex');

/** The same time in every process; see `clockOf` in file-workers.ts. */
function clockOf({ base, origin, rate, file }) {
  const start = BigInt(origin);
  const fd = file === undefined ? undefined : fs.openSync(file, 'r');
  const bytes = Buffer.alloc(16);
  const offset = () =>
    fd === undefined ? 0 : Number(bytes.toString('latin1', 0, fs.readSync(fd, bytes, 0, 16, 0)));
  return {
    now: () => Math.floor(base + (Number(process.hrtime.bigint() - start) / 1e6) * rate) + offset(),
    after(ms, callback) {
      const timer = setTimeout(callback, ms / rate);
      timer.unref();
      return () => clearTimeout(timer);
    },
  };
}

/** `node:fs`, which stops this process before a certain call, as a debugger or a full machine might. */
const stopping = Object.fromEntries(
  Object.entries(fs).map(([name, value]) => {
    if (typeof value !== 'function' || !name.endsWith('Sync')) return [name, value];
    const counted = (...args) => {
      if (++calls === stopBefore) process.kill(process.pid, 'SIGSTOP');
      return value(...args);
    };
    return [name, counted];
  }),
);

function random(below) {
  return Math.floor(Math.random() * below);
}

const dataOf = (version, n) =>
  JSON.stringify({ n, version, rest: `${version} `.repeat(random(40)), again: version });

/** Whether a record is whole and of one write. */
function isSound({ data, version }) {
  const parsed = JSON.parse(data);
  return (
    parsed.version === version && parsed.again === version && parsed.rest.replaceAll(`${version} `, '') === ''
  );
}

const seen = (record) =>
  record === null ? null : { version: record.version, to: record.expiresAt, sound: isSound(record) };

function recordOf(key, owner, life) {
  const now = clock.now();
  const version = `${me}-${writes++}`;
  const facts = {
    v: 1,
    key,
    version,
    createdAt: now,
    deadlineAt: null,
    idleMs: 3_600_000,
    expiresAt: now + life,
  };
  return { ...facts, owner, data: dataOf(version, 0) };
}

/** In 16 folders only: going round the directory then takes microseconds, and the calls of all get into each other's way. */
const newKey = () => `sha256:00${randomBytes(31).toString('hex')}`;

/** Writes down what it does, before and after. */
function logged({ log, origin }) {
  const fd = fs.openSync(log, 'a');
  const start = BigInt(origin);
  const now = () => Number(process.hrtime.bigint() - start);
  let count = 0;
  return async (event, work) => {
    const id = `${me}-${count++}`;
    fs.writeSync(fd, `${JSON.stringify({ id, worker: me, ...event, start: now() })}\n`);
    const result = await work();
    fs.writeSync(fd, `${JSON.stringify({ id, end: now(), ...result })}\n`);
    return result;
  };
}

const commands = {
  open({ path, io = 'sync', stops = false, clock: time, cleanupInterval = 0 }) {
    clock = clockOf(time);
    store = new FileStore({ path, io, clock, cleanupInterval, ...(stops ? { fs: stopping } : null) });
    return store.ensureDirectory();
  },

  async increments({ keys, count }) {
    let refused = 0;
    for (let i = 0; i < count; i++) {
      const key = keys[(i + random(keys.length)) % keys.length];
      for (;;) {
        const record = await store.find(key);
        const version = `${me}-${writes++}`;
        const data = JSON.stringify({ n: JSON.parse(record.data).n + 1 });
        if (await store.replace({ ...record, version, data }, record.version)) break;
        refused++;
      }
    }
    return { refused };
  },

  /** One call of the store, which stops before its `stopBefore`-th system call. */
  async once({ method, args, stopBefore: at = 0 }) {
    calls = 0;
    stopBefore = at;
    try {
      return { result: await store[method](...args), calls };
    } finally {
      stopBefore = 0;
    }
  },

  /**
   * Everything at once on the sessions that the table names, until `forMs` are over. Where the table names one that is
   * gone, a new one takes its place: no name comes twice. The first `kept` are never removed.
   */
  async mixed({ table, slots, kept, forMs, clock: time, log, weights, life, who = 'user' }) {
    const record = logged({ log, origin: time.origin });
    const fd = fs.openSync(table, 'r+');
    const row = Buffer.alloc(SLOT);
    const all = Object.entries(weights).flatMap(([name, weight]) => Array(weight).fill(name));
    const insert = async (slot, owner, lives) => {
      const made = recordOf(newKey(), owner, lives);
      const event = { op: 'insert', key: made.key, version: made.version, to: made.expiresAt, owner };
      const { ok } = await record(event, async () => ({ ok: await store.insert(made) }));
      if (ok && slot !== null) fs.writeSync(fd, made.key.slice(-SLOT), slot * SLOT);
    };
    const end = performance.now() + forMs;
    for (let count = 0; performance.now() < end; count++) {
      if (count % 20 === 0) await turn();
      const slot = random(slots);
      fs.readSync(fd, row, 0, SLOT, slot * SLOT);
      const key = `sha256:${row.toString('latin1')}`;
      const owner = `${who} ${slot % OWNERS}`;
      const op = all[random(all.length)];
      const find = async () => {
        let found = null;
        await record({ op: 'find', key }, async () => {
          found = await store.find(key);
          return { seen: seen(found) };
        });
        if (found === null) await insert(slot, owner, life);
        return found;
      };
      if (op === 'find') await find();
      else if (op === 'replace') {
        const found = await find();
        if (found === null) continue;
        const version = `${me}-${writes++}`;
        const to = clock.now() + life;
        const next = {
          ...found,
          version,
          expiresAt: to,
          data: dataOf(version, JSON.parse(found.data).n + 1),
        };
        await record({ op, key, from: found.version, version, to }, async () => ({
          ok: await store.replace(next, found.version),
        }));
      } else if (op === 'extend') {
        const to = clock.now() + life + random(1_000);
        await record({ op, key, to }, async () => ({ ok: await store.extend(key, to) }));
      } else if (op === 'remove') {
        if (slot < kept) continue;
        const { ok } = await record({ op, key }, async () => ({ ok: await store.remove(key) }));
        if (ok) await insert(slot, owner, life);
      } else if (op === 'again') {
        // Only where nobody removes: the same name after a removal is what never happens with random ids.
        if (slot >= kept || (await find()) === null) continue;
        const made = { ...recordOf(key, owner, life) };
        const event = { op: 'insert', key, version: made.version, to: made.expiresAt, owner };
        await record(event, async () => ({ ok: await store.insert(made) }));
      } else if (op === 'brief') await insert(null, 'nobody', 1 + random(50));
      else if (op === 'page') {
        await record({ op, owner }, async () => {
          const records = [];
          let cursor;
          do {
            const page = await store.page({ limit: 7, owner, ...(cursor ? { cursor } : null) });
            for (const each of page.records) records.push([each.key, seen(each)]);
            cursor = page.cursor;
          } while (cursor !== null);
          return { records };
        });
      } else if (op === 'sweep') await store.removeExpired(20);
      else throw new Error(`no such operation: ${op}`);
    }
  },

  /**
   * Sessions that end in the next moment: each is used again and again just before its end, some of them just after it,
   * until it is gone. A round is a use that was acknowledged.
   */
  async brinks({ rounds, parallel, graceMs }) {
    const figures = { touches: 0, writes: 0, ended: 0, slow: 0, wrong: [] };
    const one = async () => {
      let last = recordOf(newKey(), undefined, 300 + random(300));
      delete last.owner;
      if (!(await store.insert(last))) throw new Error('a new session was there before');
      // Up to when it lives for sure, and when it is over for sure.
      let [acknowledged, attempted] = [last.expiresAt, last.expiresAt];
      let left = 1 + random(12);
      for (;;) {
        const soon = attempted - clock.now() - (random(8) === 0 ? random(100) - 50 : 100 + random(200));
        if (soon > 0) await new Promise((resolve) => clock.after(soon, resolve));
        else await turn();
        const before = clock.now();
        const kind = left-- > 0 ? ['touch', 'write'][random(2)] : 'find';
        let ok;
        const to = before + 300 + random(300);
        if (kind === 'touch') ok = await store.extend(last.key, to);
        else if (kind === 'write') {
          const next = { ...last, version: `${me}-${writes++}`, expiresAt: to, data: `{"n":${writes}}` };
          ok = await store.replace(next, last.version);
          if (ok) last = next;
        } else {
          const found = await store.find(last.key);
          ok = found !== null;
          if (ok && (found.version !== last.version || found.data !== last.data))
            figures.wrong.push('another version');
        }
        const after = clock.now();
        // Longer than the grace of the sweeper: what counts as its look is an age ago.
        const isSlow = after - before >= graceMs;
        if (isSlow) figures.slow++;
        if (!ok && after < acknowledged && !isSlow)
          figures.wrong.push(`${kind}: lost ${acknowledged - after} ms early`);
        if (ok && before >= attempted) figures.wrong.push(`${kind}: ${before - attempted} ms after its end`);
        if (ok && kind === 'touch') {
          figures.touches++;
          acknowledged = attempted = Math.max(attempted, to);
        } else if (ok && kind === 'write') {
          figures.writes++;
          acknowledged = attempted = to;
        }
        if (!ok) break;
      }
      figures.ended++;
    };
    await Promise.all(
      Array.from({ length: parallel }, async () => {
        while (figures.touches + figures.writes < rounds) await one();
      }),
    );
    return figures;
  },

  /** Sweeps until nothing is left and the parent has said that nothing comes any more. */
  async sweeps() {
    let removed = 0;
    isLast = false;
    for (;;) {
      const none = isLast && (await store.count()) === 0;
      if (none) return { removed };
      removed += await store.removeExpired(50);
      // Real time: without a rest the others would not get to use any session before its end.
      await pause(10);
    }
  },

  last() {
    isLast = true;
  },

  /** A server of its own: each request adds one. Answers with its port. */
  serve({ path, secret }) {
    const express = require('express');
    const sessions = new SessionManager({ secret, storeType: 'file', path, cookie: { secure: false } });
    const app = express();
    app.use(sessions.middleware());
    app.get('/', async (req, res) => {
      res.send(String(await sessions.update(req, 'n', (n = 0) => n + 1)));
    });
    return new Promise((resolve) => {
      const server = app.listen(0, '127.0.0.1', () => resolve({ port: server.address().port }));
    });
  },
};

let isLast = false;

process.on('message', async ({ id, command, options }) => {
  try {
    process.send({ id, result: await commands[command](options) });
  } catch (error) {
    process.send({ id, error: error.stack });
  }
});
process.on('disconnect', () => process.exit());
process.send({ id: 'ready' });

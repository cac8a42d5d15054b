// When does the first byte of a response arrive: after its session is stored, or before? By raw TCP, ours beside
// express-session, each on its memory store with saves that take 100 ms.
//
//   npm run build && node scripts/first-byte.mjs
//
// Exits with 1 if one of ours comes early.
import { createReadStream } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';

import compression from 'compression';
import express from 'express';
import session from 'express-session';
import SessionManager, { MemoryStore } from 'session-store-js';

const RESPONSES = 1_000;
const PARALLEL = 50;
const SAVE_MS = 100;
const SECRET = 'a secret for scripts, longer than thirty-two bytes';
const FILE = fileURLToPath(import.meta.url);

const ENDINGS = {
  redirect: (res) => res.redirect('/elsewhere'),
  json: (res) => res.json({ done: true }),
  'end()': (res) => res.end(),
  sendFile: (res) => res.sendFile(FILE),
  'writeHead + end': (res) => res.writeHead(200, { 'Content-Type': 'text/plain' }).end('done'),
  pipe: (res) => createReadStream(FILE).pipe(res.type('text')),
};
const PLACES = ['absent', 'outside', 'inside'];

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The middleware of each contestant, and when each mark was stored. */
function ours() {
  const landed = new Map();
  const store = new (class extends MemoryStore {
    async insert(record) {
      await wait(SAVE_MS);
      const written = await super.insert(record);
      landed.set(JSON.parse(record.data).mark, performance.now());
      return written;
    }
  })({ cleanupInterval: 0 });
  const sessions = new SessionManager({ secret: SECRET, store });
  return { name: 'ours', landed, middleware: sessions.middleware(), close: () => sessions.close() };
}

function expressSession() {
  const landed = new Map();
  const store = new (class extends session.MemoryStore {
    set(sid, data, callback) {
      setTimeout(() => {
        super.set(sid, data, (error) => {
          landed.set(data.mark, performance.now());
          callback?.(error);
        });
      }, SAVE_MS);
    }
  })();
  const middleware = session({ secret: SECRET, store, resave: false, saveUninitialized: false });
  return { name: 'express-session', landed, middleware, close: async () => {} };
}

/** One app for each place of the compression; the path says how to end and which mark to store. */
function serve(middleware, place) {
  const app = express();
  if (place === 'outside') app.use(compression({ threshold: 0 }));
  app.use(middleware);
  if (place === 'inside') app.use(compression({ threshold: 0 }));
  app.get('/:ending/:mark', (req, res) => {
    req.session.mark = req.params.mark;
    ENDINGS[req.params.ending](res);
  });
  const server = createServer(app).listen(0, '127.0.0.1');
  return once(server, 'listening').then(() => server);
}

async function firstByteAt(port, path) {
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n`);
  const at = new Promise((resolve, reject) => {
    socket.once('data', () => resolve(performance.now()));
    socket.once('error', reject);
    socket.once('end', () => reject(new Error(`No answer to ${path}`)));
  });
  const closed = once(socket, 'close');
  const result = await at;
  socket.resume();
  await closed;
  return result;
}

async function measure({ name, landed, middleware, close }) {
  const ways = PLACES.flatMap((place) => Object.keys(ENDINGS).map((ending) => ({ place, ending })));
  const servers = new Map();
  for (const place of PLACES) servers.set(place, await serve(middleware, place));
  const tally = new Map(ways.map((way) => [way, { after: 0, of: 0 }]));
  let next = 0;
  const client = async () => {
    for (let index = next++; index < RESPONSES; index = next++) {
      const way = ways[index % ways.length];
      const mark = `m${index}`;
      const { port } = servers.get(way.place).address();
      const at = await firstByteAt(port, `/${encodeURIComponent(way.ending)}/${mark}`);
      const count = tally.get(way);
      count.of++;
      // What is stored only later is not in the map yet, or bears a later time.
      if (at > (landed.get(mark) ?? Infinity)) count.after++;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, client));
  for (const server of servers.values()) server.close();
  await close();
  const after = [...tally.values()].reduce((sum, count) => sum + count.after, 0);
  return { name, tally: [...tally], after };
}

const results = [];
for (const create of [ours, expressSession]) results.push(await measure(create()));

const [mine, theirs] = results;
console.log(`First byte after the save (saves take ${SAVE_MS} ms)`);
console.log(
  `${'compression'.padEnd(12)}${'response'.padEnd(18)}${'ours'.padStart(10)}${'express-session'.padStart(18)}`,
);
for (const [index, [{ place, ending }, count]] of mine.tally.entries()) {
  const [, other] = theirs.tally[index];
  const cells = [`${count.after}/${count.of}`.padStart(10), `${other.after}/${other.of}`.padStart(18)];
  console.log(place.padEnd(12) + ending.padEnd(18) + cells.join(''));
}
for (const { name, after } of results)
  console.log(`${name}: ${after} of ${RESPONSES} first bytes after the save`);
if (mine.after < RESPONSES) process.exitCode = 1;

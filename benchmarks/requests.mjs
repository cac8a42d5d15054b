// What a session costs a request: processor time that ours and express-session add to bare Express.
//
//   npm run build && node benchmarks/requests.mjs [--quick]
//
// A server process for each, under load in turn over 32 connections; medians of five rounds. --quick: about a minute.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { Load } from '../scripts/lib/load.mjs';
import { NAMES } from '../scripts/lib/request-servers.mjs';
import { median, table } from '../scripts/lib/table.mjs';

const ROUNDS = 5;
const CONNECTIONS = 32;
const REQUESTS = process.argv.includes('--quick') ? 4_000 : 40_000;
const WARM_UP = 3_000;

const WORKLOADS = {
  'W1 read one key': ['/read', { withCookie: true }],
  'W2 write one key': ['/write', { withCookie: true }],
  'W3 new session': ['/new', { withCookie: false }],
  'W4 session unused': ['/unused', { withCookie: true }],
};

class Server {
  #child;

  static async start(name) {
    const server = new Server();
    const script = fileURLToPath(new URL('../scripts/lib/request-servers.mjs', import.meta.url));
    server.#child = fork(script, [name], { env: { ...process.env, NODE_ENV: 'production' } });
    const [{ port }] = await once(server.#child, 'message');
    server.load = await Load.open(port, CONNECTIONS);
    await server.load.login('/new');
    return server;
  }

  /** Microseconds of processor time, of all threads, since the process began. */
  async cpu() {
    this.#child.send('cpu');
    const [{ cpu }] = await once(this.#child, 'message');
    return cpu.user + cpu.system;
  }

  stop() {
    this.load.close();
    this.#child.disconnect();
  }
}

const servers = new Map();
for (const name of NAMES) servers.set(name, await Server.start(name));

const figures = Object.fromEntries(Object.keys(WORKLOADS).map((workload) => [workload, {}]));
for (let round = 0; round <= ROUNDS; round++) {
  for (const [workload, [path, options]] of Object.entries(WORKLOADS)) {
    for (const [name, server] of servers) {
      const count = round === 0 ? WARM_UP : REQUESTS;
      const before = await server.cpu();
      await server.load.send(path, count, options);
      const perRequest = ((await server.cpu()) - before) / count;
      // Round 0 warms up.
      if (round > 0) (figures[workload][name] ??= []).push(perRequest);
    }
  }
  if (round > 0) console.error(`round ${round} of ${ROUNDS}`);
}
for (const server of servers.values()) server.stop();

const TITLES = { session: 'ours, req.session', facade: 'ours, facade' };
const titles = NAMES.map((name) => TITLES[name] ?? name);
const of = (workload, name) => median(figures[workload][name]);
const added = (workload, name) => of(workload, name) - of(workload, 'bare');
const share = (workload, name) => (added(workload, name) / added(workload, 'express-session')).toFixed(2);

console.log(
  `\nprocessor time per request, us; Node ${process.version}, medians of ${ROUNDS} rounds of ${REQUESTS}\n`,
);
console.log(
  table([
    ['', ...titles],
    ...Object.keys(WORKLOADS).map((workload) => [workload, ...NAMES.map((name) => of(workload, name))]),
  ]),
);
console.log('\nadded to bare Express, us, and as a share of what express-session adds\n');
console.log(
  table([
    ['', 'ours, req.session', 'ours, facade', 'express-session', 'share, req.session', 'share, facade'],
    ...Object.keys(WORKLOADS).map((workload) => [
      workload,
      ...['session', 'facade', 'express-session'].map((name) => added(workload, name)),
      share(workload, 'session'),
      share(workload, 'facade'),
    ]),
  ]),
);

// The parent's side of http-server.mjs: starts it, loads it, and checks every answer.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { Load } from '../../scripts/lib/load.mjs';
import { CONFIGURATIONS } from './http-configurations.mjs';

const SERVER = fileURLToPath(new URL('./http-server.mjs', import.meta.url));
const NUMBER = /^\{"value":(\d+)\}$/;

/** By name: `path`, whether the connection sends its cookie, and `wrong({ app, value, cookies, noted })`. */
export const WORKLOADS = {
  W1: {
    title: 'W1 read a key',
    path: '/read',
    withCookie: true,
    wrong: ({ app, value, noted }) => value !== (app.hasSessions ? noted.user : 1),
  },
  W2: {
    title: 'W2 write a key',
    path: '/write',
    withCookie: true,
    // The server counts: what it answered before to this connection was less.
    wrong({ value, noted }) {
      const before = noted.visits ?? 0;
      noted.visits = value;
      return value <= before;
    },
  },
  W3: {
    title: 'W3 new session',
    path: '/new',
    withCookie: false,
    wrong: ({ app, cookies }) => app.hasSessions !== cookies.length > 0,
  },
  W4: {
    title: 'W4 session unused',
    path: '/unused',
    withCookie: true,
    wrong: ({ value }) => value !== 1,
  },
};

/** What a browser sends to a site that has other cookies than those of a session. */
const OTHER_COOKIE = `other=${'x'.repeat(80)}`;

export class App {
  #child;
  #load;
  /** Rejects when the process has ended. */
  #exited;

  /**
   * @param command Words before the command, such as those of taskset.
   * @param execArgv For Node, e.g. `--cpu-prof`.
   * @param world What http-server.mjs is handed besides the name: `engine`, `place`, `directory`, `bytes`.
   */
  static async start({ name, connections, command, execArgv, ...world }) {
    const app = new App();
    Object.assign(app, { name, hasSessions: true }, CONFIGURATIONS[name]);
    const words = [...command, process.execPath, ...execArgv, SERVER, JSON.stringify({ name, ...world })];
    app.#child = spawn(words[0], words.slice(1), {
      // It would warn of a cookie over plain HTTP.
      env: { ...process.env, NODE_ENV: 'production', NODE_NO_WARNINGS: '1' },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    app.#exited = once(app.#child, 'exit').then(() => Promise.reject(new Error(`${app.title} has ended`)));
    app.#exited.catch(() => undefined);
    const [{ port }] = await Promise.race([once(app.#child, 'message'), app.#exited]);
    app.#load = await Load.open(port, connections);
    return app;
  }

  /** Gives each connection a session of its own. */
  async login() {
    await this.#each('/new', false, ({ value, cookies }, connection) => {
      connection.noted.user = value;
      connection.keep(this.hasSessions ? cookies : [OTHER_COOKIE]);
      return this.hasSessions && cookies.length === 0;
    });
  }

  /** Sends requests of a workload; resolves to the `latencies` of all and the time that they took together. */
  send(workload, limits) {
    const { path, withCookie, wrong } = WORKLOADS[workload];
    const check = this.#check(workload, (answer, connection) => {
      if (withCookie && answer.cookies.length > 0) connection.keep(answer.cookies);
      return wrong(answer);
    });
    return this.#load.send(path, { ...limits, withCookie, check });
  }

  /** Each connection's session holds the last number that was answered to that connection. */
  async prove() {
    if (!this.hasSessions) return;
    await this.#each(
      '/visits',
      true,
      ({ value, noted }) => noted.visits !== undefined && value !== noted.visits,
    );
  }

  /** Processor time of all its threads since it began, in microseconds, and its memory, `rss`, in bytes. */
  async usage() {
    const answer = once(this.#child, 'message');
    this.#child.send('usage');
    const [{ usage }] = await Promise.race([answer, this.#exited]);
    return usage;
  }

  async stop() {
    this.#load.close();
    this.#child.disconnect();
    await once(this.#child, 'exit');
  }

  #each(path, withCookie, isWrong) {
    return this.#load.each(path, { withCookie, check: this.#check(path, isWrong) });
  }

  #check(what, isWrong) {
    return ({ body, cookies }, connection) => {
      const value = Number(NUMBER.exec(body)?.[1]);
      const answer = { app: this, value, cookies, noted: connection.noted };
      if (Number.isNaN(value) || isWrong(answer, connection))
        throw new Error(
          `${this.title}, ${what}: ${body.slice(0, 200)}, ${cookies.length} cookies; ` +
            `this connection's session: ${JSON.stringify(connection.noted)}`,
        );
    };
  }
}

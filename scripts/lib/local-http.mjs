// An Express app on 127.0.0.1 and a keep-alive client for it, in one process.
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';

/** Starts an app; `get(path, cookie)` asks it and resolves to `{ status, cookies, body }`. */
export async function serve(app) {
  const server = createServer(app);
  // The client decides which connections are reused; one that the server closed meanwhile would be a false fault.
  server.keepAliveTimeout = 0;
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
  await once(server, 'listening');
  const { port } = server.address();
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 1024 });

  async function get(path, cookie) {
    const { status, cookies, text } = await ask({ port, agent, path, cookie });
    if (status !== 200) throw new Error(`GET ${path} answered ${status}: ${text.slice(0, 500)}`);
    return { cookies, body: JSON.parse(text) };
  }

  async function close() {
    agent.destroy();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  return { get, close };
}

/** Resolves to `{ status, cookies, text }`, whatever the status is. */
export async function ask({ port, agent, path, cookie }) {
  const call = request({ host: '127.0.0.1', port, path, agent, headers: cookie ? { cookie } : {} });
  call.end();
  const [res] = await once(call, 'response');
  let text = '';
  for await (const chunk of res.setEncoding('utf8')) text += chunk;
  return { status: res.statusCode, cookies: res.headers['set-cookie'] ?? [], text };
}

/** What a browser sends back for the `Set-Cookie` lines of an answer; undefined without any. */
export const cookieOf = ({ cookies: [line] }) => line?.slice(0, line.indexOf(';'));

/** Runs `task(0) ... task(count - 1)`, at most `width` of them at a time. */
export async function inParallel(count, width, task) {
  let next = 0;
  const worker = async () => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
}

/** A place where a handler waits until the client says `go`, and the client until the handler is `there`. */
export class Meeting {
  constructor() {
    this.there = new Promise((resolve) => {
      this.arrive = resolve;
    });
    this.#gone = new Promise((resolve) => {
      this.go = resolve;
    });
  }

  #gone;

  /** The handler's side. */
  async wait() {
    this.arrive();
    await this.#gone;
  }
}

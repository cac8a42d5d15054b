// Load for a local server: keep-alive connections, one request at a time on each, every answer checked. Plain sockets:
// autocannon 9.0.0 takes 20 us of processor time for a request, this 15, and it knows latencies in whole milliseconds only,
// of which the median of a local server has none.
import { once } from 'node:events';
import { connect } from 'node:net';

export class Load {
  #connections;

  static async open(port, connections) {
    const load = new Load();
    load.#connections = await Promise.all(Array.from({ length: connections }, () => Connection.open(port)));
    return load;
  }

  /**
   * Sends requests over all connections: `count` of them, or as many as `milliseconds` allow.
   * @param check Called with each answer, `{ body, cookies }`, and the connection; throws.
   * @returns How long each took, in milliseconds, and all of them together.
   */
  async send(path, { count, milliseconds = Infinity, withCookie, check }) {
    const latencies = [];
    const startedAt = performance.now();
    const endsAt = startedAt + milliseconds;
    let left = count;
    await Promise.all(
      this.#connections.map(async (connection) => {
        let now = performance.now();
        while (left-- > 0 && now < endsAt) {
          const answer = await connection.get(path, withCookie);
          const answeredAt = performance.now();
          latencies.push(answeredAt - now);
          check(answer, connection);
          now = performance.now();
        }
      }),
    );
    return { latencies, elapsed: performance.now() - startedAt };
  }

  /** Sends one request over each connection. */
  async each(path, { withCookie, check }) {
    await Promise.all(
      this.#connections.map(async (connection) => check(await connection.get(path, withCookie), connection)),
    );
  }

  close() {
    for (const connection of this.#connections) connection.close();
  }
}

class Connection {
  /** What the checks note about its session. */
  noted = {};
  #cookie = '';
  #socket;
  #received = '';
  #answered = () => undefined;
  #failed = () => undefined;

  static async open(port) {
    const connection = new Connection();
    const socket = (connection.#socket = connect({ port, host: '127.0.0.1', noDelay: true }));
    socket.setEncoding('latin1');
    socket.on('data', (text) => connection.#take(text));
    await once(socket, 'connect');
    socket.on('error', (error) => connection.#failed(error));
    socket.on('close', () => connection.#failed(new Error('the server closed the connection')));
    return connection;
  }

  /** Resolves to the body of the answer and the cookies that it sets, by name. */
  get(path, withCookie) {
    const cookie = withCookie && this.#cookie !== '' ? `Cookie: ${this.#cookie}\r\n` : '';
    return new Promise((resolve, reject) => {
      // Nothing tells of what is written after that.
      if (this.#socket.destroyed) throw new Error('the server has closed the connection');
      this.#answered = (head, body) => {
        if (!head.startsWith('HTTP/1.1 200 '))
          reject(new Error(`GET ${path} was answered with ${head.slice(0, 200)} ${body.slice(0, 200)}`));
        else resolve({ body, cookies: cookiesOf(head) });
      };
      this.#failed = reject;
      this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${cookie}\r\n`);
    });
  }

  /** From now on it sends these. */
  keep(cookies) {
    this.#cookie = cookies.join('; ');
  }

  close() {
    this.#socket.destroy();
  }

  #take(text) {
    this.#received += text;
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/^content-length: (\d+)/im.exec(this.#received)?.[1]);
    if (this.#received.length < end + 4 + length) return;
    const [head, body] = [this.#received.slice(0, end), this.#received.slice(end + 4)];
    this.#received = '';
    this.#answered(head, body);
  }
}

const cookiesOf = (head) => Array.from(head.matchAll(/^set-cookie: ([^;\r]*)/gim), ([, pair]) => pair);

// Load for a local server: keep-alive connections, one request at a time on each. Plain sockets, because a client of
// node:http takes more of the machine than the servers that are measured.
import { once } from 'node:events';
import { connect } from 'node:net';

export class Load {
  #connections;

  static async open(port, connections) {
    const load = new Load();
    load.#connections = await Promise.all(Array.from({ length: connections }, () => Connection.open(port)));
    return load;
  }

  /** Gives each connection a session of its own: the cookie that `path` answers with. */
  async login(path) {
    for (const connection of this.#connections) {
      const head = await connection.get(path, '');
      connection.cookie = /^set-cookie: ([^;]*)/im.exec(head)?.[1] ?? 'sid=none';
    }
  }

  /** Sends `count` requests over all connections. */
  async send(path, count, { withCookie }) {
    let left = count;
    await Promise.all(
      this.#connections.map(async (connection) => {
        while (left-- > 0) await connection.get(path, withCookie ? connection.cookie : '');
      }),
    );
  }

  close() {
    for (const connection of this.#connections) connection.close();
  }
}

class Connection {
  cookie = '';
  #socket;
  #received = '';
  #answered = () => undefined;

  static async open(port) {
    const connection = new Connection();
    const socket = (connection.#socket = connect({ port, host: '127.0.0.1', noDelay: true }));
    socket.setEncoding('latin1');
    socket.on('data', (text) => connection.#take(text));
    await once(socket, 'connect');
    return connection;
  }

  /** Resolves to the head of the answer. */
  get(path, cookie) {
    const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${cookie === '' ? '' : `Cookie: ${cookie}\r\n`}\r\n`;
    return new Promise((resolve, reject) => {
      this.#answered = (answer) => {
        if (answer.startsWith('HTTP/1.1 200 ')) resolve(answer);
        else reject(new Error(`GET ${path} was answered with ${answer.slice(0, 200)}`));
      };
      this.#socket.write(head);
    });
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
    const head = this.#received.slice(0, end);
    this.#received = '';
    this.#answered(head);
  }
}

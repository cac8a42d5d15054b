// HTTP as bytes over a TCP socket: what a response really is, and when its first byte arrived.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  /** Every byte until the server closed the connection. */
  readonly bytes: Buffer;
  /** `performance.now()` at the first byte; `Infinity` if none came. */
  readonly firstByteAt: number;
  /** The informational responses that came first, without their blank lines. */
  readonly informational: string[];
  /** The lines of the final head, the status line first. */
  readonly head: string[];
  /** The body as it was framed. */
  readonly body: string;
}

export interface RawRequest {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
}

export function requestText({ method = 'GET', path = '/', headers = {} }: RawRequest): string {
  const lines = Object.entries({ Host: 'x', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

export async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** One request on a connection of its own. */
export async function rawRequest(port: number, request: RawRequest): Promise<RawAnswer> {
  const socket = await dial(port);
  socket.write(requestText({ ...request, headers: { Connection: 'close', ...request.headers } }));
  return readAll(socket);
}

/** What a server sends until it closes the connection. */
export async function readAll(socket: Socket): Promise<RawAnswer> {
  const chunks: Buffer[] = [];
  let firstByteAt = Infinity;
  socket.on('data', (chunk) => {
    if (chunks.length === 0) firstByteAt = performance.now();
    chunks.push(chunk);
  });
  socket.on('error', () => undefined);
  await once(socket, 'close');
  return { firstByteAt, ...parse(Buffer.concat(chunks)) };
}

function parse(bytes: Buffer): Omit<RawAnswer, 'firstByteAt'> {
  const informational: string[] = [];
  let rest = bytes.toString('latin1');
  while (/^HTTP\/1\.1 1(?!01)/.test(rest)) {
    const end = rest.indexOf('\r\n\r\n');
    informational.push(rest.slice(0, end));
    rest = rest.slice(end + 4);
  }
  const end = rest.indexOf('\r\n\r\n');
  return { bytes, informational, head: rest.slice(0, end).split('\r\n'), body: rest.slice(end + 4) };
}

/** The values of a header of the final head. */
export function headerValues(answer: Pick<RawAnswer, 'head'>, name: string): string[] {
  const start = `${name.toLowerCase()}:`;
  return answer.head
    .filter((line) => line.toLowerCase().startsWith(start))
    .map((line) => line.slice(start.length).trim());
}

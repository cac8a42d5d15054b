// Real servers on ephemeral ports and a small client with a cookie jar, for every test that talks HTTP.
import { once } from 'node:events';
import {
  request,
  type IncomingHttpHeaders,
  type RequestListener,
  createServer,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';

import express5 from 'express';
// The same API, one major earlier; its types are those of Express 5.
import express4 from 'express4';

export const EXPRESS = [
  ['Express 4', express4],
  ['Express 5', express5],
] as const;

export interface Running {
  readonly server: Server;
  readonly port: number;
  close(): Promise<void>;
}

export async function serve(listener: RequestListener): Promise<Running> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The Set-Cookie lines. */
  readonly cookies: string[];
}

/** One browser: sends the cookies it was given, forgets those that are cleared. */
export class Client {
  readonly jar = new Map<string, string>();
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  get cookie(): string {
    return [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  set cookie(header: string) {
    this.jar.clear();
    for (const pair of header.split('; '))
      this.jar.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
  }

  /** Another tab of the same browser at this moment. */
  clone(): Client {
    const other = new Client(this.#port);
    for (const [name, value] of this.jar) other.jar.set(name, value);
    return other;
  }

  async get(
    path: string,
    options: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer> {
    const { method = 'GET', headers = {}, body } = options;
    const jar = this.cookie;
    const req = request({
      port: this.#port,
      host: '127.0.0.1',
      path,
      method,
      agent: false,
      headers: { ...(jar === '' ? {} : { cookie: jar }), ...headers },
    });
    req.end(body);
    const [res] = (await once(req, 'response')) as [import('node:http').IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of res) chunks.push(chunk as Buffer);
    const cookies = res.headers['set-cookie'] ?? [];
    for (const line of cookies) {
      const [pair = ''] = line.split(';');
      const name = pair.slice(0, pair.indexOf('='));
      if (/;\s*max-age=0(;|$)/i.test(line)) this.jar.delete(name);
      else this.jar.set(name, pair.slice(name.length + 1));
    }
    return {
      status: res.statusCode ?? 0,
      headers: res.headers,
      body: Buffer.concat(chunks).toString(),
      cookies,
    };
  }

  post(path: string, body = ''): Promise<Answer> {
    return this.get(path, { method: 'POST', body });
  }
}

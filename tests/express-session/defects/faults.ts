// What a store, a value or a protocol can do to a response: M5 and M7 to M9.
import { createServer, connect, type Http2ServerRequest } from 'node:http2';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import type { Request, Response } from 'express';

import { dataOf, inTime, open, unlessKnown, verdict, type Scenario } from './scenario.js';
import { promiseStore } from './stores.js';

/** How long the drop-in waits for a store that hangs; express-session has no such limit. */
const STORE_TIMEOUT_MS = 100;

const hangingRead: Scenario = {
  id: 'M5',
  what: 'a store that does not answer hangs no request, and logs nobody out',
  async run(subject) {
    await using site = await open(subject, subject.memoryStore(), { storeTimeout: STORE_TIMEOUT_MS });
    await site.client.get('/login');
    const { get } = site.store;
    site.store.get = () => undefined;
    const answer = await inTime(site.client.get('/me'));
    site.store.get = get;
    return verdict(
      answer === null && 'the request hangs',
      answer !== null && answer.status < 500 && `it is answered with ${answer.status} "${answer.body}"`,
      answer !== null && answer.cookies.length > 0 && 'with another cookie',
      unlessKnown(await inTime(site.client.get('/me'))),
    );
  },
};

const promises: Scenario = {
  id: 'M5',
  what: 'a store whose methods return promises and take no callback works',
  async run(subject) {
    await using site = await open(subject, promiseStore(subject));
    const answer = await inTime(site.client.get('/login'));
    if (answer === null) return 'the first request hangs';
    return verdict(unlessKnown(await inTime(site.client.get('/me'))));
  },
};

const disconnect: Scenario = {
  id: 'M7',
  what: 'a store that says disconnect and still answers takes no session away',
  async run(subject) {
    await using site = await open(subject, subject.memoryStore());
    await site.client.get('/login');
    site.store.emit('disconnect');
    const { body } = await site.client.get('/me');
    return verdict(body !== 'alice' && body);
  },
};

const LEVELS = 3_000;

const VALUES: readonly [string, (req: Request) => unknown][] = [
  ['a circular value', (req) => ({ session: req.session })],
  ['a BigInt', () => 1n],
  [
    `a JSON body of ${LEVELS} levels`,
    // What express.json() makes of 6 KB.
    () => JSON.parse('['.repeat(LEVELS) + ']'.repeat(LEVELS)) as unknown,
  ],
];

const values = VALUES.map(([name, valueOf]): Scenario => ({
  id: 'M8',
  what: `${name} in the session hangs no response`,
  async run(subject) {
    await using site = await open(subject, subject.memoryStore(), {
      routes(app) {
        app.get('/put', (req, res) => {
          dataOf(req)['value'] = valueOf(req);
          res.send('put');
        });
      },
    });
    await site.client.get('/login');
    const answer = await inTime(site.client.get('/put'));
    return verdict(
      answer === null && 'the response hangs',
      unlessKnown(await inTime(site.client.get('/me'))),
    );
  },
}));

const http2: Scenario = {
  id: 'M9',
  what: 'sessions work over HTTP/2',
  async run(subject) {
    const middleware = subject.session({ store: subject.memoryStore() });
    const thrown: Error[] = [];
    // The compatibility API: what works with `http` takes the same two objects.
    const server = createServer((req: Http2ServerRequest, res) => {
      const request = req as unknown as Request;
      middleware(request, res as unknown as Response, () => {
        try {
          const count = Number(dataOf(request)['count'] ?? 0) + 1;
          dataOf(request)['count'] = count;
          res.end(String(count));
        } catch (error) {
          thrown.push(error as Error);
          res.stream.close();
        }
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    try {
      const ask = async (cookie: string): Promise<{ body: string; cookie: string }> => {
        const stream = client.request({ ':path': '/', ...(cookie === '' ? {} : { cookie }) });
        let [body, line] = ['', ''];
        stream.on('response', (headers) => (line = headers['set-cookie']?.[0] ?? ''));
        stream.on('data', (chunk: Buffer) => (body += chunk.toString()));
        await once(stream, 'close');
        return { body, cookie: line.split(';')[0] ?? '' };
      };
      const first = await ask('');
      const second = thrown.length === 0 ? await ask(first.cookie) : null;
      return verdict(
        ...thrown.map(({ message }) => `res.end throws: ${message}`),
        second !== null && second.body !== '2' && `the second request counts ${second.body || 'nothing'}`,
      );
    } finally {
      client.close();
      server.close();
    }
  },
};

export const faultScenarios: readonly Scenario[] = [hangingRead, promises, disconnect, ...values, http2];

// Streams, server-sent events and handlers that misbehave: commits come at the first byte, nothing waits for ever.
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';

import type { Request, Response } from 'express';

import { reportFault } from '../support/faults.js';
import { closeGated, gated, STACKS } from '../support/gated.js';
import { dial, rawRequest, requestText } from '../support/raw-http.js';

afterEach(closeGated);
afterAll(() => {
  const rounds = STACKS.length;
  reportFault({
    fault: 'F28',
    recipe: 'SSE, pipe, pipeline, backpressure on a slow store',
    rounds,
    result: 'all sent',
  });
  reportFault({
    fault: 'F29',
    recipe: 'end twice, write after end, throw after end and after write',
    rounds,
    result: 'the first answer, whole',
  });
});

describe.each(STACKS)('%s', (_name, stack) => {
  /** The handler answers after the session was changed. */
  const serving = (answer: (res: Response, req: Request) => unknown, delayMs = 20) =>
    gated({
      ...stack,
      delayMs,
      routes(app, sessions) {
        app.get('/', (req: Request, res: Response) => {
          sessions.session(req)['n'] = 1;
          return answer(res, req);
        });
      },
    });
  const stored = async ({ sessions }: Awaited<ReturnType<typeof gated>>): Promise<unknown[]> =>
    (await sessions.getAllSessions()).map(({ data }) => data);

  it('commits a stream at its first byte; what changes later needs save()', async () => {
    const server = await gated({
      ...stack,
      delayMs: 10,
      options: { logger: { warn: () => undefined, error: () => undefined } },
      routes(app, sessions) {
        app.get('/', async (req: Request, res: Response) => {
          const session = sessions.session(req);
          session['before'] = 1;
          res.set('Content-Type', 'text/event-stream');
          res.flushHeaders();
          res.write('data: 1\n\n');
          if (req.query['save'] === undefined) await wait(30);
          session['later'] = 1;
          if (req.query['save'] !== undefined) await session.save();
          res.end('data: 2\n\n');
        });
      },
    });
    expect((await server.client.get('/')).body).toBe('data: 1\n\ndata: 2\n\n');
    expect(await stored(server)).toEqual([{ before: 1 }]);
    expect((await server.client.get('/?save=1')).body).toBe('data: 1\n\ndata: 2\n\n');
    expect(await stored(server)).toEqual([{ before: 1, later: 1 }]);
  });

  it('emits drain after the release, so that a writer that waits for it goes on', async () => {
    let drains = 0;
    const server = await serving(async (res) => {
      res.set('Content-Type', 'text/plain');
      for (let index = 0; index < 3; index++) {
        if (res.write(`${String(index)} `)) continue;
        await new Promise((resolve) => res.once('drain', resolve));
        drains++;
      }
      res.end('end');
    });
    expect((await server.client.get('/')).body).toBe('0 1 2 end');
    if (stack.place !== 'inside') expect(drains).toBe(1);
  });

  it('sends all of a pipe and of a pipeline that are larger than every buffer', async () => {
    const parts = (): Readable => Readable.from(Array.from({ length: 64 }, () => 'x'.repeat(32_768)));
    const piped = await serving((res) => parts().pipe(res.type('text')));
    expect((await piped.client.get('/')).body).toHaveLength(2_097_152);
    const lined = await serving((res) => {
      void pipeline(parts(), res.type('text'));
    });
    expect((await lined.client.get('/')).body).toHaveLength(2_097_152);
  });

  it('does not read a source ahead of a save or of a slow client', async () => {
    let read = 0;
    const server = await serving((res) => {
      const source = new Readable({
        read() {
          read++;
          // Random, so that a compression cannot make it small.
          this.push(read > 2_000 ? null : randomBytes(16_384));
        },
      });
      source.pipe(res.type('text'));
    }, 100);
    const socket = await dial(server.port);
    socket.pause();
    socket.write(requestText({}));
    await wait(50);
    expect(read).toBeLessThan(10);
    await wait(250);
    expect(read).toBeLessThan(1_900);
    socket.destroy();
  });

  it.each<[string, (res: Response) => unknown]>([
    ['end() twice', (res) => [res.end('whole'), res.end('second')]],
    [
      'send() twice',
      (res) => {
        res.end('whole');
        res.send('second');
      },
    ],
    [
      'a throw after end()',
      (res) => {
        res.end('whole');
        throw new Error('after the end');
      },
    ],
    [
      'a throw after write() and end()',
      (res) => {
        res.write('wh');
        res.end('ole');
        throw new Error('after the end');
      },
    ],
    [
      'a throw after writeHead() and end()',
      (res) => {
        res.writeHead(200, { 'X-Head': '1' }).end('whole');
        throw new Error('after the end');
      },
    ],
  ])('delivers the whole first answer and stores its session: %s', async (_way, answer) => {
    const server = await serving(answer);
    const raw = await rawRequest(server.port, {});
    expect(raw.head[0]).toBe('HTTP/1.1 200 OK');
    expect(raw.body).toContain('ole');
    expect((await server.client.get('/')).body).toBe('whole');
    expect(await stored(server)).toEqual([{ n: 1 }, { n: 1 }]);
  });

  it('lets a connection end that the handler destroys before it has ended the response', async () => {
    const server = await serving((res) => {
      res.write('part');
      throw new Error('in the middle');
    });
    await expect(server.client.get('/')).rejects.toThrow(/hang up|aborted|ECONNRESET/);
    await wait(40);
    expect(await stored(server)).toEqual([{ n: 1 }]);
  });
});

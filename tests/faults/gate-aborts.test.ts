// Clients that go away in every phase of a response leave nothing behind: no socket, no listener, no lane, no crash.
import { createReadStream } from 'node:fs';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

import type { Request, Response } from 'express';

import { reportFault, rounds } from '../support/faults.js';
import { closeGated, gated, STACKS } from '../support/gated.js';
import { dial, requestText } from '../support/raw-http.js';
import { FILE } from '../support/response-shapes.js';

// The full number of rounds takes longer than a test may by default.
jest.setTimeout(120_000);

const PARALLEL = 50;
/** When a client goes: with the request, while the handler runs, while the save runs, with the response. */
const PHASES = ['at once', 'in the handler', 'in the save', 'at the first byte', 'after it'] as const;

const ANSWERS: Record<string, (res: Response) => unknown> = {
  send: (res) => res.send('x'.repeat(100_000)),
  stream: (res) => {
    res.type('text').write('a');
    setTimeout(() => res.end('b'), 3);
  },
  pipe: (res) => createReadStream(FILE).pipe(res.type('text')),
  throw: (res) => {
    res.end('x');
    throw new Error('after the end');
  },
};

const rejections: unknown[] = [];
const note = (reason: unknown): unknown => rejections.push(reason);
let total = 0;

beforeAll(() => process.on('unhandledRejection', note));
afterEach(closeGated);
afterAll(() => {
  process.off('unhandledRejection', note);
  reportFault({
    fault: 'F30',
    recipe: `${Object.keys(ANSWERS).join(', ')}; the client goes ${PHASES.join(', ')}`,
    rounds: total,
    result: 'nothing left: sockets, listeners, lanes, rejections',
  });
});

const resources = (kind: string): number =>
  process.getActiveResourcesInfo().filter((name) => name === kind).length;

describe.each(STACKS)('%s', (_name, stack) => {
  it('leaves nothing behind when clients go away', async () => {
    const before = resources('TCPSocketWrap');
    const listeners = new Set<number>();
    let closedSockets = 0;
    let openedSockets = 0;
    const server = await gated({
      ...stack,
      delayMs: 4,
      options: { logger: { warn: () => undefined, error: () => undefined } },
      routes(app, sessions) {
        const handler = async (req: Request, res: Response): Promise<void> => {
          sessions.session(req)['n'] = 1;
          await wait(2);
          listeners.add(req.socket.listenerCount('close'));
          ANSWERS[req.params['answer'] as string]?.(res);
        };
        app.get('/:answer', sessions.handler(handler));
      },
    });
    server.server.on('connection', (socket) => {
      openedSockets++;
      socket.on('close', () => closedSockets++);
    });
    const visit = async (index: number): Promise<void> => {
      const answer = Object.keys(ANSWERS)[index % Object.keys(ANSWERS).length] ?? '';
      const phase = PHASES[Math.floor(index / 4) % PHASES.length];
      const socket = await dial(server.port);
      socket.on('error', () => undefined);
      socket.write(requestText({ path: `/${answer}`, headers: { 'Accept-Encoding': 'gzip' } }));
      if (phase === 'in the handler') await wait(1);
      if (phase === 'in the save') await wait(4);
      if (phase === 'at the first byte' || phase === 'after it')
        await Promise.race([once(socket, 'data'), once(socket, 'close')]);
      if (phase === 'after it') await wait(1);
      if (index % 2 === 0) socket.destroy();
      else socket.resetAndDestroy();
      if (!socket.closed) await once(socket, 'close');
      total++;
    };
    const each = Math.ceil(rounds(10_000) / STACKS.length);
    for (let done = 0; done < each; done += PARALLEL)
      await Promise.all(
        Array.from({ length: Math.min(PARALLEL, each - done) }, (_, index) => visit(done + index)),
      );
    // Every lane ends, so close() does.
    await server.sessions.close();
    for (let turn = 0; turn < 100 && closedSockets < openedSockets; turn++) await wait(5);
    expect(closedSockets).toBe(openedSockets);
    expect(
      await new Promise((resolve) => server.server.getConnections((_error, count) => resolve(count))),
    ).toBe(0);
    expect(resources('TCPSocketWrap')).toBeLessThanOrEqual(before);
    expect(Math.max(...listeners)).toBeLessThan(10);
    expect(rejections).toEqual([]);
  });
});

// Saved before sent: the first byte of a response arrives after its session change has landed in the store.
import { createReadStream } from 'node:fs';

import type { Request, Response } from 'express';

import { reportFault, rounds } from '../support/faults.js';
import { closeGated, gated, STACKS } from '../support/gated.js';
import { headerValues, rawRequest } from '../support/raw-http.js';
import { FILE } from '../support/response-shapes.js';

// The full number of rounds takes longer than a test may by default.
jest.setTimeout(120_000);

// Real time: what is proved is the order of two things that happen in the world.
const DELAY_MS = 100;

const ENDINGS: Record<string, (res: Response) => unknown> = {
  redirect: (res) => {
    res.redirect('/elsewhere');
  },
  json: (res) => res.json({ done: true }),
  end: (res) => res.end(),
  sendFile: (res) => {
    res.sendFile(FILE);
  },
  'writeHead + end': (res) => res.writeHead(200, { 'Content-Type': 'text/plain' }).end('done'),
  pipe: (res) => createReadStream(FILE).pipe(res.type('text')),
  flushHeaders: (res) => {
    res.flushHeaders();
    res.end('done');
  },
};

let early = 0;
let total = 0;

afterEach(closeGated);
afterAll(() => {
  reportFault({
    fault: 'F27',
    recipe: `save takes ${String(DELAY_MS)} ms; ${Object.keys(ENDINGS).join(', ')}; compression absent, outside, inside`,
    rounds: total,
    result: `${String(total - early)} of ${String(total)} first bytes after the save`,
  });
});

describe.each(STACKS)('%s', (_name, stack) => {
  it('sends no byte of any kind of response before the save', async () => {
    const server = await gated({
      ...stack,
      delayMs: DELAY_MS,
      routes(app, sessions) {
        for (const [index, finish] of Object.values(ENDINGS).entries())
          app.get(`/${String(index)}/:mark`, (req: Request, res: Response) => {
            sessions.session(req)['mark'] = req.path;
            finish(res);
          });
      },
    });
    const marks = Array.from({ length: rounds(100) }, (_, index) => `m${String(index)}`);
    const runs = Object.keys(ENDINGS).flatMap((ending, index) =>
      marks.map(async (mark) => {
        const path = `/${String(index)}/${mark}`;
        const answer = await rawRequest(server.port, { path, headers: { 'Accept-Encoding': 'gzip' } });
        const landedAt = server.store.landed.get(JSON.stringify({ mark: path })) ?? Infinity;
        const isLate = answer.firstByteAt > landedAt;
        total++;
        if (!isLate) early++;
        return { ending, isLate, cookies: headerValues(answer, 'Set-Cookie').length };
      }),
    );
    for (const run of await Promise.all(runs)) expect(run).toMatchObject({ isLate: true, cookies: 1 });
  });

  it('sends no byte of a stream before the save, and none of its heads', async () => {
    const server = await gated({
      ...stack,
      delayMs: DELAY_MS,
      routes(app, sessions) {
        app.get('/', (req: Request, res: Response) => {
          sessions.session(req)['mark'] = 'm';
          res.writeHead(200, { 'Content-Type': 'text/event-stream' });
          res.write('data: 1\n\n');
          setTimeout(() => res.end('data: 2\n\n'), 5);
        });
      },
    });
    const answer = await rawRequest(server.port, {});
    expect(answer.firstByteAt).toBeGreaterThan(server.store.storedAt);
  });
});

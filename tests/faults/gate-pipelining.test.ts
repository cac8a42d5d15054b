// Requests that arrive on one connection before the first is answered: in order, each with its own answer and save.
import type { Request, Response } from 'express';

import { reportFault, rounds } from '../support/faults.js';
import { closeGated, gated, STACKS } from '../support/gated.js';
import { dial, readAll, requestText } from '../support/raw-http.js';

// The full number of rounds takes longer than a test may by default.
jest.setTimeout(120_000);

const REQUESTS = 20;
let total = 0;

afterEach(closeGated);
afterAll(() => {
  reportFault({
    fault: 'F31',
    recipe: `${String(REQUESTS)} requests in one packet; writes of different lengths; a failing and a throwing one`,
    rounds: total,
    result: 'in order, each its own',
  });
});

describe.each(STACKS)('%s', (_name, stack) => {
  it('answers in order, each request with its own session, body and status', async () => {
    const server = await gated({
      ...stack,
      delayMs: 5,
      routes(app, sessions) {
        app.get('/:n', async (req: Request, res: Response) => {
          const n = Number(req.params['n']);
          // The later ones are ready first.
          await new Promise((resolve) => setTimeout(resolve, (REQUESTS - n) % 7));
          if (n % 5 !== 3) sessions.session(req)['n'] = n;
          if (n % 4 === 0) res.write(`<${String(n)}`);
          else if (n % 4 === 1) res.writeHead(201, { 'Content-Type': 'text/plain' }).write(`<${String(n)}`);
          else if (n % 4 === 2) {
            // What no store can hold: this one fails, the others do not.
            sessions.session(req)['bad'] = 1n;
            res.send('secret');
            return;
          } else res.set('X-Mine', String(n)).write(`<${String(n)}`);
          setTimeout(() => res.end('>'), n % 3);
        });
      },
    });
    for (let round = 0; round < rounds(200); round++) {
      const socket = await dial(server.port);
      const requests = Array.from({ length: REQUESTS }, (_, n) =>
        requestText({ path: `/${String(n)}`, headers: n === REQUESTS - 1 ? { Connection: 'close' } : {} }),
      );
      socket.write(requests.join(''));
      const { bytes } = await readAll(socket);
      const text = bytes.toString('latin1');
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
      expect(statuses).toEqual(
        Array.from({ length: REQUESTS }, (_, n) => (n % 4 === 2 ? 500 : n % 4 === 1 ? 201 : 200)),
      );
      const bodies = text.split(/HTTP\/1\.1 \d+/).slice(1);
      for (const [n, body] of bodies.entries()) {
        expect([n, body.includes('Set-Cookie: sid=')]).toEqual([n, n % 4 !== 2 && n % 5 !== 3]);
        if (n % 4 === 2) expect(body).toContain('ERR_SESSION_VALUE');
        else expect(body).toContain(`<${String(n)}\r\n`);
      }
      expect(text).not.toContain('secret');
      total++;
    }
  });
});

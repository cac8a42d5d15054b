// A server that shuts down: every response that is under way arrives whole, and what it saved is there.
import type { Request, Response } from 'express';

import { reportFault, rounds } from '../support/faults.js';
import { closeGated, gated, STACKS } from '../support/gated.js';
import { Client } from '../support/http.js';

// The full number of rounds takes longer than a test may by default.
jest.setTimeout(120_000);

const PARALLEL = 25;
let total = 0;

afterEach(closeGated);
afterAll(() => {
  reportFault({
    fault: 'F37',
    recipe: `${String(PARALLEL)} responses under way; server.close(), sessions.close()`,
    rounds: total,
    result: 'all answered, all stored',
  });
});

describe.each(STACKS)('%s', (_name, stack) => {
  it('drains: responses under way arrive, their sessions are stored, close() resolves', async () => {
    for (let round = 0; round < rounds(50); round++) {
      let arrived = 0;
      const server = await gated({
        ...stack,
        delayMs: 20,
        routes(app, sessions) {
          app.get('/:n', (req: Request, res: Response) => {
            arrived++;
            const n = Number(req.params['n']);
            sessions.session(req)['n'] = n;
            if (n % 3 === 0) res.send('whole');
            else if (n % 3 === 1) res.type('text').writeHead(200).end('whole');
            else {
              res.type('text').write('wh');
              setTimeout(() => res.end('ole'), 10);
            }
          });
        },
      });
      const answers = Array.from({ length: PARALLEL }, (_, n) =>
        new Client(server.port).get(`/${String(n)}`),
      );
      while (arrived < PARALLEL) await new Promise((resolve) => setImmediate(resolve));
      // What a SIGTERM handler does.
      const closed = new Promise((resolve) => server.server.close(resolve));
      for (const answer of await Promise.all(answers))
        expect(answer).toMatchObject({
          status: 200,
          body: 'whole',
          cookies: [expect.stringMatching(/^sid=/)],
        });
      await closed;
      await server.sessions.close();
      await server.sessions.close();
      const stored = (await server.sessions.getAllSessions()).map(({ data }) => Number(data['n']));
      expect(stored.sort((a, b) => a - b)).toEqual(Array.from({ length: PARALLEL }, (_, n) => n));
      total++;
    }
  });

  it('stores what is held when connections are closed by force, and close() waits for it', async () => {
    let arrived = 0;
    const server = await gated({
      ...stack,
      delayMs: 30,
      routes(app, sessions) {
        app.get('/', (req: Request, res: Response) => {
          arrived++;
          sessions.session(req)['n'] = 1;
          res.end('whole');
        });
      },
    });
    const answer = server.client.get('/');
    while (arrived === 0) await new Promise((resolve) => setImmediate(resolve));
    server.server.close();
    server.server.closeAllConnections();
    expect((await answer).body).toBe('whole');
    await server.sessions.close();
    expect(await server.sessions.count()).toBe(1);
  });
});

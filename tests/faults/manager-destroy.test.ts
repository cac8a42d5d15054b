// F35: fifty parallel requests of one session, with a destroy amid them. Whatever the interleaving, the session stays
// ended: no row, no cookie of it, and every request is answered.
import { randomInt } from 'node:crypto';

import type { Request } from 'express';

import { systemClock } from '../../src/core/clock.js';
import { closeWorlds, createGate, createWorld, query } from '../session-manager/world.js';
import { reportFault, rounds } from '../support/faults.js';

afterEach(closeWorlds);

const REQUESTS = 50;

it('F35 keeps a session ended that was destroyed amid fifty requests', async () => {
  const full = rounds(200);
  const world = await createWorld({ asyncOnly: true, clock: systemClock });
  const { browser, memory, on, sessions } = world;
  let waiting = 0;
  let all = createGate();
  /** Every request has read the session before the first one goes on, each at a time of its own. */
  const turns = async (req: Request): Promise<void> => {
    await sessions.load(req);
    if (++waiting === REQUESTS) all.open();
    await all.opened;
    for (let turn = randomInt(12); turn > 0; turn--) await new Promise(setImmediate);
  };
  on('/begin', async (req, res) => {
    await sessions.set(req, 'n', 0);
    res.end();
  });
  on('/set', async (req, res) => {
    await turns(req);
    await sessions.set(req, query(req, 'key'), 1);
    res.end();
  });
  on('/assign', async (req, res) => {
    await turns(req);
    sessions.session(req)[query(req, 'key')] = 1;
    res.end();
  });
  on('/update', async (req, res) => {
    await turns(req);
    await sessions.update(req, 'n', (n: number = 0) => n + 1);
    res.end();
  });
  on('/destroy', async (req, res) => {
    await turns(req);
    await sessions.destroy(req);
    res.end();
  });
  const paths = ['/set', '/assign', '/update'];
  let [refused, stored] = [0, 0];
  on('/read', async (req, res) => {
    res.json(await sessions.all(req));
  });
  for (let round = 0; round < full; round++) {
    const client = browser();
    await client.get('/begin');
    const before = client.cookie;
    [waiting, all] = [0, createGate()];
    const amid = randomInt(REQUESTS);
    const answers = await Promise.all(
      Array.from({ length: REQUESTS }, (_, index) =>
        client.clone().get(index === amid ? '/destroy' : `${paths[index % 3] ?? ''}?key=k${index}`),
      ),
    );
    for (const { status, body, cookies } of answers) {
      if (status === 200) stored++;
      else refused++;
      expect([200, 500]).toContain(status);
      if (status === 500) expect(body).toBe('ERR_SESSION_ENDED');
      // Sent before the end, the clearing one, or none: nothing begins a session here.
      for (const line of cookies) expect(line.startsWith('sid=;') || line.startsWith(before)).toBe(true);
    }
    const old = browser();
    old.cookie = before;
    expect((await old.get('/read')).body).toBe('{}');
    expect(await memory.length()).toBe(0);
  }
  reportFault({
    fault: 'F35',
    recipe: `${REQUESTS} parallel requests, a destroy at a random place`,
    rounds: full,
    result: `0 revived; ${stored} answered 200, ${refused} ERR_SESSION_ENDED`,
  });
  expect(refused).toBeGreaterThan(0);
}, 600_000);

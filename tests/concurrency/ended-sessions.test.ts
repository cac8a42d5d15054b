// P2 over real HTTP: a session that was ended stays ended, whatever slow requests do, and a slow old response never
// touches the cookie of a newer login.
import type { Request, Response } from 'express';

import { EXPRESS } from '../support/http.js';
import {
  closeWorlds,
  codeOf,
  createGate,
  createWorld,
  storedData,
  type Setting,
  type World,
} from '../session-manager/world.js';

afterEach(closeWorlds);

interface Race extends World {
  /** Runs a request that reads the session, waits while `meanwhile` runs, and then does `work`. */
  slow(
    work: (req: Request, res: Response) => unknown,
    meanwhile: () => Promise<unknown>,
    before?: (req: Request) => unknown,
  ): Promise<Awaited<ReturnType<World['client']['get']>>>;
}

async function open(setting: Setting = {}): Promise<Race> {
  const world = await createWorld(setting);
  const { client, on, sessions } = world;
  on('/login', async (req, res) => {
    await sessions.regenerate(req);
    await sessions.set(req, 'user', 1);
    res.end();
  });
  on('/logout', async (req, res) => {
    res.json(await sessions.destroy(req));
  });
  on('/get', async (req, res) => {
    res.json((await sessions.get(req, 'user')) ?? null);
  });
  await client.get('/login');
  let count = 0;
  return {
    ...world,
    async slow(work, meanwhile, before = () => undefined) {
      const [arrived, go] = [createGate(), createGate()];
      const path = `/slow${count++}`;
      on(path, async (req, res) => {
        await sessions.load(req);
        await before(req);
        arrived.open();
        await go.opened;
        await work(req, res);
      });
      const answer = client.clone().get(path);
      await arrived.opened;
      await meanwhile();
      go.open();
      return answer;
    },
  };
}

describe.each(EXPRESS)('%s', (_name, express) => {
  it('P2 S29 rejects explicit writes of a request that is slower than a logout', async () => {
    const race = await open({ express });
    const { client, memory, sessions } = race;
    const answer = await race.slow(
      async (req, res) => {
        res.json([
          await codeOf(sessions.set(req, 'late', 1)),
          await codeOf(sessions.update(req, 'late', () => 1)),
          await codeOf(sessions.delete(req, 'user')),
          await sessions.touch(req),
          await sessions.destroy(req),
        ]);
      },
      () => client.get('/logout'),
    );
    const ended = 'ERR_SESSION_ENDED';
    expect(JSON.parse(answer.body)).toEqual([ended, ended, ended, false, false]);
    expect(await memory.length()).toBe(0);
  });

  it('P2 S29 drops an implicit change of a request that is slower than a logout: no cookie, the response as ever', async () => {
    const race = await open({ express });
    const { client, memory, sessions } = race;
    const told: unknown[] = [];
    sessions.on('interrupted', (facts) => told.push(facts));
    const answer = await race.slow(
      (req, res) => {
        sessions.session(req)['late'] = 1;
        res.status(201).send('as ever');
      },
      () => client.get('/logout'),
    );
    expect(answer).toMatchObject({ status: 201, body: 'as ever', cookies: [] });
    expect(await memory.length()).toBe(0);
    await new Promise(setImmediate);
    expect(told).toEqual([{ handle: expect.stringMatching(/^sha256:/) as string, reason: 'ended' }]);
  });
});

it.each(['set', 'touch', 'read'] as const)(
  'S30 sets no cookie on a response that is slower than a logout, although it had used the session before: %s',
  async (use) => {
    const race = await open({ touchAfter: 0 });
    const { client, clock, sessions } = race;
    clock.advance(1_000);
    const answer = await race.slow(
      (_req, res) => res.send('late'),
      async () => {
        await client.get('/logout');
        await client.get('/login');
      },
      async (req) => {
        if (use === 'set') await sessions.set(req, 'before', 1);
        else if (use === 'touch') await sessions.touch(req);
        else await sessions.all(req);
      },
    );
    expect(answer).toMatchObject({ status: 200, body: 'late', cookies: [] });
  },
);

it('P2 S30 does not wipe the cookie of a newer login with a slow old response', async () => {
  const race = await open();
  const { client, sessions } = race;
  const answer = await race.slow(
    async (req, res) => {
      await codeOf(sessions.set(req, 'late', 1));
      sessions.session(req)['later'] = 1;
      res.end();
    },
    async () => {
      await client.get('/logout');
      await client.get('/login');
    },
  );
  expect(answer.cookies).toEqual([]);
  expect((await client.get('/get')).body).toBe('1');
});

it('S21 clears the cookie in the request that ended the session, and in no other', async () => {
  const { client, on, sessions } = await open();
  on('/use', async (req, res) => {
    await sessions.all(req);
    res.end();
  });
  const other = client.clone();
  expect((await client.get('/logout')).cookies[0]).toMatch(/^sid=; Max-Age=0/);
  expect((await other.get('/use')).cookies).toEqual([]);
  expect((await other.get('/get')).body).toBe('null');
});

it('S21 clears nothing where the request brought no cookie', async () => {
  const { browser, on, sessions } = await open();
  on('/both', async (req, res) => {
    await sessions.set(req, 'a', 1);
    await sessions.destroy(req);
    res.end();
  });
  expect((await browser().get('/both')).cookies).toEqual([]);
});

describe('a request that arrives with the id of a session that has just ended', () => {
  it.each([true, false])('stores no implicit change and sets no cookie (async: %s)', async (asyncOnly) => {
    const { client, clock, memory, on, sessions } = await open({ asyncOnly });
    const told: unknown[] = [];
    sessions.on('interrupted', (facts) => told.push(facts.reason));
    on('/change', async (req, res) => {
      await sessions.load(req);
      sessions.session(req)['a'] = 1;
      res.json([sessions.session(req), (req as unknown as { sessionID?: string }).sessionID ?? null]);
    });
    const late = client.clone();
    await client.get('/logout');
    clock.advance(1);
    expect(await late.get('/change')).toMatchObject({ status: 200, body: '[{"a":1},null]', cookies: [] });
    expect(await memory.length()).toBe(0);
    expect(told).toEqual(['ended']);
  });

  it.each(['set', 'update', 'regenerate'] as const)(
    'begins a session of another id for %s()',
    async (method) => {
      const { client, clock, on, sessions } = await open();
      on('/begin', async (req, res) => {
        if (method === 'update') await sessions.update(req, 'user', () => 2);
        if (method === 'regenerate') await sessions.regenerate(req);
        if (method !== 'update') await sessions.set(req, 'user', 2);
        res.end();
      });
      const late = client.clone();
      const ended = late.cookie;
      await client.get('/logout');
      clock.advance(1);
      expect((await late.get('/begin')).cookies).toHaveLength(1);
      expect(late.cookie).not.toBe(ended);
      expect((await late.get('/get')).body).toBe('2');
    },
  );

  it('begins none for set() in a request that had begun before the end', async () => {
    const world = await open({ asyncOnly: true });
    const { calls, client, clock, faults, memory, on, sessions } = world;
    on('/late', async (req, res) => {
      res.send(await codeOf(sessions.set(req, 'user', 2)));
    });
    const release = faults.hold('find', { times: 1 });
    const reading = calls.arrival('find');
    const answer = client.clone().get('/late');
    await reading;
    clock.advance(1);
    await client.get('/logout');
    release();
    expect(await answer).toMatchObject({ body: 'ERR_SESSION_ENDED', cookies: [] });
    expect(await memory.length()).toBe(0);
  });

  it('knows it for a minute, and nothing of it afterwards', async () => {
    const { client, clock, memory, on, sessions } = await open();
    on('/change', (req, res) => {
      sessions.session(req)['a'] = 1;
      res.end();
    });
    const late = client.clone();
    await client.get('/logout');
    clock.advance(60_000);
    expect((await late.get('/change')).cookies).toHaveLength(1);
    expect(await memory.length()).toBe(1);
  });
});

describe('regenerate', () => {
  it.each([true, false])(
    'S12 leaves a slower request with the old id nothing to write to (keepData: %s)',
    async (keepData) => {
      const race = await open();
      const { client, sessions, on } = race;
      on('/regenerate', async (req, res) => {
        await sessions.regenerate(req, { keepData });
        await sessions.set(req, 'renewed', 1);
        res.end();
      });
      const answer = await race.slow(
        async (req, res) => {
          res.send(await codeOf(sessions.set(req, 'late', 1)));
        },
        () => client.get('/regenerate'),
      );
      expect(answer).toMatchObject({ body: 'ERR_SESSION_ENDED', cookies: [] });
      expect(await storedData(race)).toEqual([keepData ? { user: 1, renewed: 1 } : { renewed: 1 }]);
    },
  );

  it('lets one of two win that renew a session at the same moment, and the other leave no second id', async () => {
    const race = await open();
    const { sessions } = race;
    const codes: (string | undefined)[] = [];
    const renew = async (req: Request, res: Response): Promise<void> => {
      codes.push(await codeOf(sessions.regenerate(req, { keepData: true })));
      res.end();
    };
    let second: ReturnType<typeof race.slow> | undefined;
    const first = await race.slow(
      renew,
      () =>
        new Promise<void>((bothHaveRead) => {
          second = race.slow(renew, async () => bothHaveRead());
        }),
    );
    const answers = [first, await second];
    expect(codes.sort()).toEqual(['ERR_SESSION_ENDED', undefined]);
    expect(answers.flatMap((answer) => answer?.cookies ?? [])).toHaveLength(1);
    expect(await storedData(race)).toEqual([{ user: 1 }]);
  });

  it('keeps a write of the same request that comes while it is under way, or refuses it; the new id lives', async () => {
    const race = await open();
    const { calls, client, faults, on, sessions } = race;
    on('/both', async (req, res) => {
      const release = faults.hold('insert', { times: 1 });
      const arrived = calls.arrival('insert');
      const renewing = sessions.regenerate(req, { keepData: true });
      await arrived;
      const writing = codeOf(sessions.set(req, 'beside', 1));
      release();
      await renewing;
      res.json((await writing) ?? null);
    });
    const refused = JSON.parse((await client.get('/both')).body) as string | null;
    expect((await client.get('/get')).body).toBe('1');
    expect(await storedData(race)).toEqual([refused === null ? { user: 1, beside: 1 } : { user: 1 }]);
  });

  it('S12 fails where the old session cannot be ended: the old id goes on, and there is no other', async () => {
    const race = await open();
    const { client, faults, on, sessions } = race;
    on('/regenerate', async (req, res) => {
      await sessions.regenerate(req, { keepData: req.query['keep'] !== undefined });
      res.end();
    });
    for (const path of ['/regenerate', '/regenerate?keep']) {
      faults.fail('replace');
      expect(await client.get(path)).toMatchObject({ status: 503, cookies: [] });
      faults.clear();
      expect((await client.get('/get')).body).toBe('1');
      expect(await storedData(race)).toEqual([{ user: 1 }]);
    }
  });
});

it('P2 revives nothing where clearAllSessions() meets a slow request', async () => {
  const race = await open();
  const { memory, sessions } = race;
  const answer = await race.slow(
    (req, res) => {
      sessions.session(req)['late'] = 1;
      res.send('fine');
    },
    () => sessions.clearAllSessions(),
  );
  expect(answer).toMatchObject({ status: 200, body: 'fine', cookies: [] });
  expect(await memory.length()).toBe(0);
});

it('P2 revives nothing where the session expires under a slow request', async () => {
  const race = await open({ maxAge: 1_000 });
  const { clock, memory, sessions } = race;
  const answer = await race.slow(
    async (req, res) => {
      res.send(await codeOf(sessions.set(req, 'late', 1)));
    },
    async () => clock.advance(1_000),
  );
  expect(answer).toMatchObject({ body: 'ERR_SESSION_ENDED', cookies: [] });
  expect(memory.findSync((await memory.ids())[0] as never)).toBeNull();
});

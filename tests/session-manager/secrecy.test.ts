// P4: the id is a secret. It is in the cookie and on req.sessionID; nothing else that the package shows holds it, nor
// the secret it is signed with.
import { inspect } from 'node:util';

import { EVENTS } from '../support/events.js';
import { SECRET } from '../support/secret.js';
import { closeWorlds, createWorld } from './world.js';

afterEach(closeWorlds);

const everything = {
  depth: Infinity,
  showHidden: true,
  maxArrayLength: null,
  maxStringLength: null,
} as const;

it.each([false, true])(
  'P4 S41 shows no id and no secret anywhere (ids plain at rest: %s)',
  async (plainIds) => {
    const logged: unknown[] = [];
    const logger = {
      warn: (...line: unknown[]) => logged.push(line),
      error: (...line: unknown[]) => logged.push(line),
    };
    const world = await createWorld({
      plainIds,
      logger,
      maxAge: 1_000,
      touchAfter: 10,
      limits: { bytes: 400 },
    });
    const { client, clock, errors, faults, on, sessions } = world;
    const shown: unknown[] = [];
    const told = new Set<string>();
    for (const event of EVENTS)
      sessions.on(event, (facts: object) => {
        told.add(event);
        shown.push([event, inspect(facts, everything), JSON.stringify(facts)]);
      });
    const ids = new Set<string>();
    on('/', async (req, res) => {
      await sessions.set(req, { a: 1, big: 'b'.repeat(300) });
      ids.add((req as unknown as { sessionID: string }).sessionID);
      const session = sessions.session(req);
      shown.push(inspect(session, everything), JSON.stringify(session), inspect(session.cookie, everything));
      shown.push(inspect(session, { ...everything, getters: false }), JSON.stringify(session.cookie));
      shown.push(JSON.stringify(await sessions.getAllSessions()), JSON.stringify(await sessions.getPage()));
      await sessions.set(req, 'n', 1n).catch((error: unknown) => shown.push(inspect(error, everything)));
      if (req.query['regenerate'] !== undefined) await sessions.regenerate(req, { keepData: true });
      ids.add((req as unknown as { sessionID: string }).sessionID);
      res.end();
    });
    on('/destroy', async (req, res) => {
      await sessions.destroy(req);
      res.end();
    });
    await client.get('/');
    await client.get('/?regenerate');
    const late = client.clone();
    faults.fail('replace');
    await client.get('/');
    faults.clear();
    clock.advance(100);
    faults.fail('extend');
    on('/all', async (req, res) => {
      await sessions.all(req);
      res.end();
    });
    await client.get('/all');
    faults.clear();
    await client.get('/destroy');
    await late.get('/');
    clock.advance(2_000);
    await late.get('/all');
    await new Promise(setImmediate);

    shown.push(inspect(errors, everything), errors.map(String), inspect(logged, everything));
    shown.push(
      inspect(sessions, { depth: 3 }),
      JSON.stringify(sessions.store),
      inspect(sessions.store, { depth: 3 }),
    );
    const text = JSON.stringify(shown);
    expect(ids.size).toBeGreaterThanOrEqual(2);
    expect([...told].sort()).toEqual(
      expect.arrayContaining(['committed', 'created', 'destroyed', 'error', 'large']),
    );
    // Not toContain: a failure would print it all.
    expect([...ids].filter((id) => text.includes(id))).toEqual([]);
    expect(text.includes(SECRET)).toBe(false);
  },
);

it('S41 keeps the secret out of util.inspect(req), however deep', async () => {
  const { client, on, sessions } = await createWorld();
  let text = '';
  on('/', async (req, res) => {
    await sessions.set(req, 'a', 1);
    text = inspect(req, { depth: Infinity, showHidden: true });
    res.end();
  });
  await client.get('/');
  expect(text.length).toBeGreaterThan(0);
  expect(text.includes(SECRET)).toBe(false);
});

it('P4 S41 lists sessions by handle: sha256: and 64 hex digits', async () => {
  const { client, on, sessions } = await createWorld({ plainIds: true });
  on('/', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.send((req as unknown as { sessionID: string }).sessionID);
  });
  const id = (await client.get('/')).body;
  const [session] = await sessions.getAllSessions();
  expect(Object.keys(session ?? {}).sort()).toEqual(['createdAt', 'data', 'expiresAt', 'handle']);
  expect(session?.handle).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(JSON.stringify(session)).not.toContain(id);
});

// Data that the application's schema describes: nothing else is stored, and nothing else is read.
import { z } from 'zod';

import type { StandardSchema } from '../../src/core/schema.js';
import { SessionManager } from '../../src/session-manager.js';
import { SECRET } from '../support/secret.js';
import { createRenewing, STORES, type Backing, type Options, type RenewingWorld } from './renewal.world.js';
import { closeWorlds, codeOf, createGate, withCode } from './world.js';

afterEach(closeWorlds);

const PRIVATE = 'a value that nobody must see';

/** At most two keys that are no flash messages, all of them numbers. */
const byHand: StandardSchema = {
  '~standard': {
    version: 1,
    vendor: 'by hand',
    validate(value) {
      const entries = Object.entries(value as object).filter(([key]) => key !== 'flash');
      const wrong = entries.filter(([, each]) => typeof each !== 'number');
      if (entries.length > 2) return { issues: [{ message: `too many: ${PRIVATE}` }] };
      if (wrong.length === 0) return { value };
      return { issues: wrong.map(([key, each]) => ({ message: String(each), path: [{ key }] })) };
    },
  },
};

const byZod = z
  .record(z.string(), z.number())
  .refine((data) => Object.keys(data).length <= 2, { error: `too many: ${PRIVATE}` });

const SCHEMAS: [string, StandardSchema][] = [
  ['zod 4', byZod],
  ['a schema by hand', byHand],
];

async function open(schema: StandardSchema, backing: Backing, options: Options = {}): Promise<RenewingWorld> {
  return createRenewing(backing, { schema, renewEvery: null, ...options });
}

const WAYS = ['set', 'update', 'req.session', 'save'] as const;

describe.each(
  STORES.flatMap(([store, backing]) =>
    SCHEMAS.map(([vendor, schema]) => ({ vendor, schema, store, backing })),
  ),
)('of $vendor, on $store', ({ schema, backing }) => {
  it.each(WAYS)('stores nothing else: %s', async (way) => {
    const world = await open(schema, backing());
    const { client, errors, on, sessions, living } = world;
    on('/good', async (req, res) => {
      await sessions.set(req, 'a', 1);
      res.end();
    });
    on('/bad', async (req, res) => {
      await sessions.load(req);
      const session = sessions.session(req);
      if (way === 'set') res.json([await codeOf(sessions.set(req, 'a', PRIVATE)), session['a']]);
      else if (way === 'update')
        res.json([await codeOf(sessions.update(req, 'a', () => PRIVATE)), session['a']]);
      else {
        session['a'] = PRIVATE;
        if (way === 'save') res.json([await codeOf(session.save()), 1]);
        else res.json(['sent']);
      }
    });
    // A session that would begin, and one that there is.
    const fresh = await client.get('/bad');
    expect([await living(), fresh.cookies]).toEqual([[], []]);
    await client.get('/good');
    const answer = await client.get('/bad');
    if (way === 'req.session' || way === 'save')
      expect([answer.status, answer.body, answer.cookies]).toEqual([500, 'ERR_SESSION_SCHEMA', []]);
    else expect([answer.status, answer.body]).toEqual([200, '["ERR_SESSION_SCHEMA",1]']);
    expect((await living()).map(({ data }) => data)).toEqual(['{"a":1}']);
    expect((await client.get('/all')).body).toBe('{"a":1}');
    for (const error of errors) {
      expect(error).toEqual(withCode('ERR_SESSION_SCHEMA'));
      expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain(PRIVATE);
      expect((error as Error).message).toContain('"a"');
    }
  });

  it('refuses changes of two requests that only together are not what it says', async () => {
    const world = await open(schema, backing());
    const { client, on, sessions } = world;
    on('/begin', async (req, res) => {
      await sessions.set(req, 'a', 1);
      res.end();
    });
    await client.get('/begin');
    const slow = await world.begin(client.clone(), async (req, res) => {
      const code = await codeOf(sessions.set(req, 'b', 2));
      res.json([code, sessions.session(req)['b'] ?? null]);
    });
    const quick = await world.begin(client.clone(), async (req, res) => {
      res.json([await codeOf(sessions.set(req, 'c', 3))]);
    });
    expect((await quick.finish()).body).toBe('[null]');
    expect((await slow.finish()).body).toBe('["ERR_SESSION_SCHEMA",null]');
    expect((await client.get('/all')).body).toBe('{"a":1,"c":3}');
  });

  it('refuses one of many changes that wait for one write, and stores the others', async () => {
    const world = await open(schema, backing());
    const { client, on, sessions } = world;
    on('/', async (req, res) => {
      await sessions.set(req, 'a', 1);
      const all = ['n', 'text', 'm'].map((key) =>
        codeOf(sessions.update(req, key, () => (key === 'text' ? PRIVATE : 1))),
      );
      res.json(await Promise.all(all));
    });
    expect((await client.get('/')).body).toBe('[null,"ERR_SESSION_SCHEMA","ERR_SESSION_SCHEMA"]');
    expect((await client.get('/all')).body).toBe('{"a":1,"n":1}');
  });

  it('ends, and logs in on, a session that is stored as it does not say', async () => {
    const lenient = await open(z.record(z.string(), z.unknown()), backing());
    const strict = await createRenewing(lenient.backing, { schema, renewEvery: null, store: lenient.store });
    const { on, sessions } = strict;
    on('/raw', async (req, res) => {
      res.json([await codeOf(sessions.get(req, 'a')), await codeOf(sessions.set(req, 'a', 1))]);
    });
    on('/again', async (req, res) => {
      await sessions.destroy(req);
      await sessions.set(req, 'a', 2);
      res.end();
    });
    on('/regenerate', async (req, res) => {
      await sessions.regenerate(req);
      await sessions.set(req, 'a', 3);
      res.end();
    });
    on('/strict-login', async (req, res) => {
      await sessions.login(req, 'ada');
      await sessions.set(req, 'a', 4);
      res.json(await sessions.userOf(req));
    });
    lenient.on('/odd', async (req, res) => {
      await lenient.sessions.set(req, 'a', PRIVATE);
      res.end();
    });
    for (const [path, left] of [
      ['/logout', '{}'],
      ['/again', '{"a":2}'],
      ['/regenerate', '{"a":3}'],
      ['/strict-login', '{"a":4}'],
    ] as const) {
      await lenient.client.get('/odd');
      const client = strict.browser();
      client.cookie = lenient.client.cookie;
      expect((await client.get('/all')).body).toBe('ERR_SESSION_SCHEMA');
      expect((await client.get('/raw')).body).toBe('["ERR_SESSION_SCHEMA","ERR_SESSION_SCHEMA"]');
      expect([path, (await client.get(path)).status]).toEqual([path, 200]);
      expect([path, (await client.get('/all')).body]).toEqual([path, left]);
      lenient.client.jar.clear();
      await sessions.clearAllSessions();
    }
  });
});

describe.each(STORES)('on %s', (_store, backing) => {
  const older = z.object({ cart: z.array(z.string()).optional() });
  const newer = z.object({
    cart: z.array(z.object({ id: z.string() })).optional(),
    n: z.number().optional(),
  });

  it('migrates data of an older version once, and stores it with the response', async () => {
    const before = await open(older, backing(), { schemaVersion: 1 });
    before.on('/cart', async (req, res) => {
      await before.sessions.set(req, 'cart', ['tea']);
      res.end();
    });
    await before.client.get('/cart');
    expect((await before.living()).map(({ meta }) => meta?.schema)).toEqual([1]);
    const seen: unknown[] = [];
    const after = await open(newer, before.backing, {
      ...{ schemaVersion: 2, store: before.store },
      migrate: (data, version) => {
        seen.push([data, version]);
        return { ...data, cart: (data['cart'] as string[]).map((id) => ({ id })) };
      },
    });
    const client = after.browser();
    client.cookie = before.client.cookie;
    for (let visit = 0; visit < 2; visit++)
      expect((await client.get('/all')).body).toBe('{"cart":[{"id":"tea"}]}');
    expect(seen).toEqual([[{ cart: ['tea'] }, 1]]);
    const [record] = await before.living();
    expect([record?.data, record?.meta?.schema]).toEqual(['{"cart":[{"id":"tea"}]}', 2]);
  });

  it('migrates once what needs no change', async () => {
    const before = await open(older, backing());
    before.on('/begin', async (req, res) => {
      await before.sessions.set(req, {});
      res.end();
    });
    await before.client.get('/begin');
    let count = 0;
    const after = await open(newer, before.backing, {
      ...{ schemaVersion: 1, store: before.store },
      migrate: (data) => {
        count++;
        return data;
      },
    });
    const client = after.browser();
    client.cookie = before.client.cookie;
    for (let visit = 0; visit < 3; visit++) expect((await client.get('/all')).status).toBe(200);
    expect(count).toBe(1);
  });

  it('loses no write of requests that migrate at the same time', async () => {
    const before = await open(older, backing(), { schemaVersion: 1 });
    before.on('/cart', async (req, res) => {
      await before.sessions.set(req, 'cart', ['tea']);
      res.end();
    });
    await before.client.get('/cart');
    const after = await open(newer, before.backing, {
      ...{ schemaVersion: 2, store: before.store },
      migrate: (data) => ({ ...data, cart: (data['cart'] as string[]).map((id) => ({ id })) }),
    });
    const from = after.browser();
    from.cookie = before.client.cookie;
    const all = await Promise.all(
      Array.from({ length: 10 }, () =>
        after.begin(from.clone(), async (req, res) => {
          await after.sessions.update(req, 'n', (n) => Number(n ?? 0) + 1);
          res.end();
        }),
      ),
    );
    for (const each of await Promise.all(all.map((request) => request.finish())))
      expect(each.status).toBe(200);
    expect(JSON.parse((await from.get('/all')).body)).toEqual({ cart: [{ id: 'tea' }], n: 10 });
  });

  it('fails what migrate throws, without harm to the session', async () => {
    const before = await open(older, backing(), { schemaVersion: 1 });
    await before.client.get('/login');
    const after = await open(newer, before.backing, {
      ...{ schemaVersion: 2, store: before.store },
      migrate: () => {
        throw Object.assign(new Error('no way'), { status: 418 });
      },
    });
    const client = after.browser();
    client.cookie = before.client.cookie;
    const answer = await client.get('/all');
    expect([answer.status, answer.cookies]).toEqual([418, []]);
    expect((await before.client.get('/all')).status).toBe(200);
    expect((await client.get('/logout')).body).toBe('true');
  });
});

it('ends a session whose stored text is no session, where the store gives it', async () => {
  const world = await createRenewing();
  const { client, on, sessions, store } = world;
  on('/again', async (req, res) => {
    await sessions.destroy(req);
    await sessions.set(req, 'a', 1);
    res.end();
  });
  for (const path of ['/logout', '/login?user=eve', '/again']) {
    await client.get('/set?key=a');
    const [record] = await world.living();
    if (record === undefined) throw new Error('There is none.');
    await store.replace({ ...record, data: '[1]', version: 'spoiled' }, record.version);
    if (path === '/logout') expect((await client.get('/all')).status).toBe(500);
    const answer = await client.get(path);
    // A login with `keepData` wants data that nobody can read.
    expect([path, answer.status]).toEqual([path, path.startsWith('/login') ? 500 : 200]);
    if (answer.status === 500) await client.get('/logout');
    client.jar.clear();
    await sessions.clearAllSessions();
  }
});

it('refuses a login whose first data is not what the schema says, and stores nothing', async () => {
  const { client, living, on, sessions } = await open(z.object({ a: z.number() }), {});
  on('/bare-login', async (req, res) => {
    res.json(await codeOf(sessions.login(req, 'ada')));
  });
  on('/a', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  const bare = await client.get('/bare-login');
  expect([bare.body, bare.cookies, await living()]).toEqual(['"ERR_SESSION_SCHEMA"', [], []]);
  await client.get('/a');
  const old = client.cookie;
  expect((await client.get('/bare-login')).body).toBe('"ERR_SESSION_SCHEMA"');
  expect([client.cookie === old, (await living()).map(({ data }) => data)]).toEqual([true, ['{"a":1}']]);
});

it('keeps flash messages of a session whose schema does not name them', async () => {
  const { client, on, sessions } = await open(z.object({ a: z.number().optional() }), {});
  on('/flash', async (req, res) => {
    await sessions.flash(req, 'info', 'saved');
    res.end();
  });
  on('/flashes', async (req, res) => {
    res.json(await sessions.flashes(req, 'info'));
  });
  await client.get('/flash');
  expect((await client.get('/flashes')).body).toBe('["saved"]');
});

it('gives what the schema makes of the data, and stores its defaults once', async () => {
  const schema = z.object({ at: z.coerce.date().optional(), theme: z.string().default('light') });
  const { client, calls, on, sessions, living } = await open(schema, {});
  on('/at', async (req, res) => {
    await sessions.set(req, 'at', new Date(0));
    res.end();
  });
  on('/read', async (req, res) => {
    res.json([(await sessions.get(req, 'at')) instanceof Date, await sessions.get(req, 'theme')]);
  });
  await client.get('/at');
  expect((await client.get('/read')).body).toBe('[true,"light"]');
  expect((await living()).map(({ data }) => data)).toEqual([
    '{"at":"1970-01-01T00:00:00.000Z","theme":"light"}',
  ]);
  calls.clear();
  expect((await client.get('/read')).body).toBe('[true,"light"]');
  expect(calls.names).toEqual(['findSync']);
});

it('refuses a schema that needs a promise, at the first use, and nothing is left unhandled', async () => {
  const gate = createGate();
  const unhandled: unknown[] = [];
  const note = (error: unknown): unknown => unhandled.push(error);
  process.on('unhandledRejection', note);
  const schema: StandardSchema = {
    '~standard': {
      version: 1,
      vendor: 'slow',
      validate: () => gate.opened.then(() => Promise.reject(new Error())),
    },
  };
  const { client, errors, living } = await open(schema, {});
  expect((await client.get('/set?key=a')).status).toBe(500);
  expect([errors, await living()]).toEqual([[withCode('ERR_SESSION_SCHEMA')], []]);
  gate.open();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

it.each([
  ['a schema that is none', { schema: { parse: () => true } }],
  ['a version that is no whole number', { schema: byZod, schemaVersion: 1.5 }],
  ['a version below 0', { schema: byZod, schemaVersion: -1 }],
  ['migrate without a schema', { migrate: (data: object) => data }],
])('refuses %s', (_which, options) => {
  const make = (): SessionManager => new SessionManager({ secret: SECRET, ...(options as object) });
  expect(make).toThrow(withCode('ERR_SESSION_OPTIONS'));
});

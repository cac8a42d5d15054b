// F46: random histories of two browsers over real HTTP, checked against a model: a Map of what each should have.
// Sets, deletions, updates, touches, ends, renewals, parallel pairs, failing stores, crashed requests, passing time.
import fc from 'fast-check';

import type { Client } from '../support/http.js';
import { closeWorlds, createWorld, query, storedData, type World } from '../session-manager/world.js';
import { reportFault, rounds } from '../support/faults.js';

afterEach(closeWorlds);

const IDLE_MS = 1_000;
const ABSOLUTE_MS = 1_500;

interface Expected {
  data: Record<string, unknown>;
  expiresAt: number;
  readonly deadlineAt: number;
}

/** What should be there. A session whose browser never heard of it is an orphan until it expires. */
class Model {
  now = 0;
  readonly sessions = new Map<string, Expected>();
  readonly orphans: Expected[] = [];

  living(browser: string): Expected | undefined {
    const session = this.sessions.get(browser);
    return session !== undefined && this.now < session.expiresAt ? session : undefined;
  }

  /** A use moves the expiry, never past the absolute end. */
  use(browser: string): Expected | undefined {
    const session = this.living(browser);
    if (session !== undefined) session.expiresAt = Math.min(this.now + IDLE_MS, session.deadlineAt);
    return session;
  }

  begin(data: Record<string, unknown>, deadlineAt = this.now + ABSOLUTE_MS): Expected {
    return { data, deadlineAt, expiresAt: Math.min(this.now + IDLE_MS, deadlineAt) };
  }

  change(browser: string, change: (data: Record<string, unknown>) => void): void {
    const session = this.use(browser) ?? this.begin({});
    change(session.data);
    this.sessions.set(browser, session);
  }

  all(): unknown[] {
    const living = [...this.sessions.values(), ...this.orphans].filter(
      ({ expiresAt }) => this.now < expiresAt,
    );
    return living.map(({ data }) => data);
  }
}

interface Real {
  readonly world: World;
  readonly clients: ReadonlyMap<string, Client>;
}

type Step = (model: Model, real: Real, client: Client) => Promise<void>;

class Command implements fc.AsyncCommand<Model, Real> {
  constructor(
    readonly browser: string,
    readonly name: string,
    readonly step: Step,
  ) {}

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    const client = real.clients.get(this.browser) as Client;
    await this.step(model, real, client);
    const stored = (await storedData(real.world)).map((data) => JSON.stringify(sorted(data)));
    expect(stored.sort()).toEqual(
      model
        .all()
        .map((data) => JSON.stringify(sorted(data)))
        .sort(),
    );
  }

  toString(): string {
    return `${this.browser}: ${this.name}`;
  }
}

const sorted = (data: unknown): unknown =>
  Object.entries(data as object).sort(([a], [b]) => (a < b ? -1 : 1));

const ok = async (client: Client, path: string): Promise<string> => {
  const { status, body } = await client.get(path);
  expect([path, status]).toEqual([path, 200]);
  return body;
};

const browsers = fc.constantFrom('A', 'B');
const keys = fc.constantFrom('a', 'b', 'n');
const values = fc.integer({ min: 0, max: 9 });

function command<T extends unknown[]>(
  name: string,
  given: { [K in keyof T]: fc.Arbitrary<T[K]> },
  step: (browser: string, args: T) => Step,
): fc.Arbitrary<Command> {
  return fc
    .tuple(browsers, fc.tuple<T>(...given))
    .map(([browser, args]) => new Command(browser, `${name}(${args.join(', ')})`, step(browser, args)));
}

const COMMANDS = [
  ...(['set', 'assign', 'stream'] as const).map((how) =>
    command<[string, number]>(
      how,
      [keys, values],
      (browser, [key, value]) =>
        async (model, _real, client) => {
          await ok(client, `/${how}?key=${key}&value=${value}`);
          model.change(browser, (data) => (data[key] = value));
        },
    ),
  ),
  command<[string]>('delete', [keys], (browser, [key]) => async (model, _real, client) => {
    const had = Object.hasOwn(model.living(browser)?.data ?? {}, key);
    expect(await ok(client, `/delete?key=${key}`)).toBe(String(had));
    if (had) model.change(browser, (data) => Reflect.deleteProperty(data, key));
    else model.use(browser);
  }),
  command<[]>('update', [], (browser) => async (model, _real, client) => {
    const body = await ok(client, '/update');
    model.change(browser, (data) => (data['n'] = ((data['n'] as number | undefined) ?? 0) + 1));
    expect(body).toBe(String(model.living(browser)?.data['n']));
  }),
  command<[]>('read', [], (browser) => async (model, _real, client) => {
    const body = JSON.parse(await ok(client, '/read')) as unknown;
    expect(body).toEqual(model.use(browser)?.data ?? {});
  }),
  command<[]>('touch', [], (browser) => async (model, _real, client) => {
    expect(await ok(client, '/touch')).toBe(String(model.use(browser) !== undefined));
  }),
  command<[]>('destroy', [], (browser) => async (model, _real, client) => {
    expect(await ok(client, '/destroy')).toBe(String(model.living(browser) !== undefined));
    model.sessions.delete(browser);
    expect(client.cookie).toBe('');
  }),
  command<[boolean]>('regenerate', [fc.boolean()], (browser, [keep]) => async (model, { world }, client) => {
    const before = client.cookie;
    await ok(client, `/regenerate?keep=${keep}`);
    const lived = model.use(browser);
    if (!keep) model.sessions.delete(browser);
    if (lived === undefined) return;
    expect(client.cookie).not.toBe(before);
    const thief = world.browser();
    thief.cookie = before;
    expect(await ok(thief, '/read')).toBe('{}');
  }),
  command<[number]>('login', [values], (browser, [value]) => async (model, _real, client) => {
    await ok(client, `/login?value=${value}`);
    model.sessions.set(browser, model.begin({ user: value }, model.living(browser)?.deadlineAt));
  }),
  command<[number]>('pair', [values], (browser, [value]) => async (model, _real, client) => {
    // Without a session the two would begin one each.
    if (model.living(browser) === undefined) return;
    const other = client.clone();
    await Promise.all([
      ok(client, `/assign?key=a&value=${value}`),
      ok(other, `/set?key=b&value=${value}`),
      ok(other, '/update'),
    ]);
    model.change(browser, (data) => {
      Object.assign(data, { a: value, b: value, n: ((data['n'] as number | undefined) ?? 0) + 1 });
    });
  }),
  command<[string]>(
    'failing store',
    [fc.constantFrom('set', 'assign')],
    (browser, [how]) =>
      async (model, { world }, client) => {
        world.faults.fail('insert');
        world.faults.fail('replace');
        expect((await client.get(`/${how}?key=a&value=99`)).status).toBe(503);
        world.faults.clear();
        // An explicit write that fails still is a use; a change that fails at the end of the response is its end.
        if (how === 'set') model.use(browser);
      },
  ),
  command<[boolean]>('crash', [fc.boolean()], (browser, [isStored]) => async (model, _real, client) => {
    await expect(client.clone().get(`/crash?stored=${isStored}`)).rejects.toThrow();
    if (!isStored) return;
    if (model.living(browser) !== undefined) model.change(browser, (data) => (data['crashed'] = 1));
    else model.orphans.push(model.begin({ crashed: 1 }));
  }),
  command<[number]>(
    'time passes',
    [fc.constantFrom(1, 400, 700, 999, 1_000)],
    (_browser, [ms]) =>
      async (model, real) => {
        real.world.clock.advance(ms);
        model.now += ms;
      },
  ),
];

async function open(asyncOnly: boolean): Promise<World> {
  const world = await createWorld({
    asyncOnly,
    maxAge: IDLE_MS,
    absoluteTimeout: ABSOLUTE_MS,
    touchAfter: 0,
  });
  const { on, sessions } = world;
  on('/set', async (req, res) => {
    await sessions.set(req, query(req, 'key'), Number(req.query['value']));
    res.end();
  });
  on('/assign', async (req, res) => {
    await sessions.load(req);
    sessions.session(req)[query(req, 'key')] = Number(req.query['value']);
    res.end();
  });
  on('/stream', async (req, res) => {
    await sessions.load(req);
    sessions.session(req)[query(req, 'key')] = Number(req.query['value']);
    res.write('first');
    await new Promise(setImmediate);
    res.end('last');
  });
  on('/delete', async (req, res) => {
    res.json(await sessions.delete(req, query(req, 'key')));
  });
  on('/update', async (req, res) => {
    res.json(await sessions.update(req, 'n', (n: number = 0) => n + 1));
  });
  on('/read', async (req, res) => {
    res.json(await sessions.all(req));
  });
  on('/touch', async (req, res) => {
    res.json(await sessions.touch(req));
  });
  on('/destroy', async (req, res) => {
    res.json(await sessions.destroy(req));
  });
  on('/regenerate', async (req, res) => {
    await sessions.regenerate(req, { keepData: req.query['keep'] === 'true' });
    res.end();
  });
  on('/login', async (req, res) => {
    await sessions.regenerate(req);
    await sessions.set(req, 'user', Number(req.query['value']));
    res.end();
  });
  on('/crash', async (req) => {
    await sessions.load(req);
    if (req.query['stored'] === 'true') await sessions.set(req, 'crashed', 1);
    sessions.session(req)['lost'] = 1;
    req.socket.destroy();
  });
  return world;
}

it.each([true, false])(
  'F46 does what the model does (async: %s)',
  async (asyncOnly) => {
    const full = rounds(1_500);
    const world = await open(asyncOnly);
    let steps = 0;
    await fc.assert(
      fc.asyncProperty(fc.commands(COMMANDS, { maxCommands: 40, size: 'max' }), async (commands) => {
        await world.sessions.clearAllSessions();
        const clients = new Map(['A', 'B'].map((name) => [name, world.browser()]));
        await fc.asyncModelRun(() => ({ model: new Model(), real: { world, clients } }), commands);
        steps += [...commands].length;
      }),
      { numRuns: full, endOnFailure: false },
    );
    reportFault({
      fault: 'F46',
      recipe: 'random histories of two browsers over HTTP against a Map',
      rounds: full,
      result: `${steps} steps, every one as the model says`,
    });
  },
  600_000,
);

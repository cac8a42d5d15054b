// What the package shows of itself holds no secret: logs, errors, events, dumps and files are searched for each id,
// cookie, secret and marked value, by a search that is shown to find what is planted.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { SessionManager } from '../../src/session-manager.js';
import { FileStore } from '../../src/stores/file-store.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { closeWorlds, codeOf } from '../session-manager/world.js';
import { freshPath } from '../support/directory.js';
import { EVENTS } from '../support/events.js';
import { SECRET } from '../support/secret.js';
import { HOUR, openApp, OWN_STORES, plant, signed } from './every-store.js';
import { leaksIn, textOf } from './leaks.js';

afterEach(async () => {
  jest.restoreAllMocks();
  await closeWorlds();
});

const MARK = 'a-card-number-5105105105105100';

/** Every byte of every file, and every name. */
function bytesBelow(path: string): string {
  return readdirSync(path, { recursive: true })
    .map(String)
    .map((name) => {
      const file = join(path, name);
      return statSync(file).isFile() ? `${name}\n${readFileSync(file, 'latin1')}` : name;
    })
    .join('\n');
}

describe('S41 the search', () => {
  const secret = 'hunter2-hunter2-hunter2';
  class Holder {
    constructor(readonly kept: string) {}
  }
  const withCause = new Error('outer', { cause: new AggregateError([new Error(secret)]) });
  const hidden = Object.defineProperty({}, 'hidden', { value: secret, enumerable: false });
  let deep: unknown = new Holder(secret);
  for (let level = 0; level < 30; level++) deep = [deep];
  const plants: readonly (readonly [string, unknown])[] = [
    ['a text', `id=${secret};`],
    ['an error', new Error(secret)],
    ['the cause of an error', withCause],
    ['a property of an error', Object.assign(new Error('x'), { options: { secret } })],
    ['a key of a map', new Map([[secret, 1]])],
    ['a value behind a symbol', { [Symbol('s')]: new Set([secret]) }],
    ['a hidden property', hidden],
    ['a getter', Object.defineProperty({}, 'got', { get: () => secret, enumerable: true })],
    ['an instance, thirty deep', deep],
    ['what toJSON says', { toJSON: () => ({ secret }) }],
    ['bytes', { bytes: Buffer.from(`..${secret}..`) }],
    ['hex', Buffer.from(secret).toString('hex')],
    ['base64', `Basic ${Buffer.from(secret).toString('base64')}`],
    ['a part of a URL', `redis://user:${encodeURIComponent(secret)}@host`],
    ['a long array', Array.from({ length: 500 }, (_, at) => (at === 499 ? secret : at))],
  ];

  it.each(plants)('finds what is planted in %s', (_where, shown) => {
    expect(leaksIn(textOf(shown), { planted: [secret], other: ['another secret'] })).toEqual(['planted']);
  });

  it('finds nothing where nothing is', () => {
    const harmless = [new Error('hunter2'), { hunter: 2 }, 'hunter2-hunter2'];
    expect(leaksIn(textOf(harmless), { planted: [secret] })).toEqual([]);
  });

  it('finds what is planted in a file, and in its name', () => {
    const path = freshPath();
    const store = new FileStore({ path, cleanupInterval: 0, idAtRest: 'plain' });
    const id = 'p'.repeat(43);
    return store.set(id, { cookie: {} }).then(() => {
      expect(leaksIn(bytesBelow(path), { id: [id] })).toEqual(['id']);
    });
  });
});

describe.each(['memory', 'file', 'file, asynchronous'])(
  'S41 with sessions in a store of kind: %s',
  (kind) => {
    it('no id, cookie, secret or data is in what is logged, emitted, thrown, dumped or on the disk', async () => {
      const path = freshPath();
      const logged: unknown[] = [];
      const dumped: unknown[] = [];
      const log = (...line: unknown[]): unknown => logged.push(line);
      process.on('warning', log);
      const writes = [process.stdout, process.stderr].map((stream) =>
        jest.spyOn(stream, 'write').mockImplementation((chunk) => {
          logged.push(String(chunk));
          return true;
        }),
      );
      const app = await openApp(
        (clock) =>
          kind === 'memory'
            ? new MemoryStore({ clock, cleanupInterval: 0 })
            : new FileStore({ clock, path, cleanupInterval: 0, io: kind === 'file' ? 'sync' : 'async' }),
        { logger: { warn: log, error: log }, limits: { bytes: 400 }, maxAge: HOUR, touchAfter: 0 },
      );
      const { browser, errors, on, sessions, store, testClock } = app;
      const told = new Set<string>();
      for (const event of EVENTS) {
        sessions.on(event, (facts: object) => {
          told.add(event);
          logged.push([event, facts]);
        });
        store.on(event, (...facts: unknown[]) => logged.push([event, facts]));
      }
      const ids = new Set<string>();
      const note = (req: object): unknown =>
        ids.add((req as { sessionID?: string }).sessionID ?? 'no session');
      on('/card', async (req, res) => {
        await sessions.set(req, { card: MARK, filler: 'f'.repeat(250) });
        note(req);
        const session = sessions.session(req);
        dumped.push({ ...Object.getOwnPropertyDescriptors(session), card: 0 }, session.cookie);
        for (const bad of [1n, () => MARK, new Map([[MARK, 1]]), { deep: [Symbol(MARK)] }, MARK.repeat(20)])
          await sessions.set(req, 'n', bad).catch((error: unknown) => logged.push(error));
        await sessions
          .update(req, 'n', () => Promise.resolve(MARK))
          .catch((error: unknown) => logged.push(error));
        await sessions.set(req, 'cookie', MARK).catch((error: unknown) => logged.push(error));
        await sessions.regenerate(req, { keepData: true });
        note(req);
        res.end();
      });
      const cookies: string[] = [];
      const onDisk: string[] = [];
      for (let visit = 0; visit < 20; visit++) {
        const client = browser();
        for (const at of ['/card', '/card', '/get']) {
          await client.get(at);
          cookies.push(client.jar.get('sid') ?? 'no cookie');
        }
        if (kind !== 'memory') onDisk.push(bytesBelow(path));
        if (visit % 4 === 0) await client.get('/destroy');
        // Tampered with, in a request that is logged if anything is.
        const forged = `${client.cookie.slice(0, -1)}~`;
        for (const cookie of [forged, `${forged}; ${forged}`])
          await browser().get('/get', { headers: { cookie } });
        await app.late(
          (req) => [sessions.set(req, 'card', MARK), sessions.update(req, 'card', () => MARK)],
          () => sessions.clearAllSessions(),
        );
      }
      await browser().get('/card');
      await testClock.advance(2 * HOUR);
      await store.capable('removeExpired').removeExpired(1_000);
      dumped.push(sessions, store, sessions.middleware(), errors, sessions.eventNames());
      dumped.push(await codeOf(sessions.getPage({ cursor: 'none' })), await sessions.getPage());
      await new Promise(setImmediate);
      for (const write of writes) write.mockRestore();
      process.off('warning', log);

      ids.delete('no session');
      expect([ids.size > 40, cookies.includes('no cookie'), told.size > 3]).toEqual([true, false, true]);
      const secrets = { ids: [...ids], cookies, secret: [SECRET] };
      expect(leaksIn(textOf(dumped), secrets)).toEqual([]);
      expect(leaksIn(textOf(logged), { ...secrets, data: [MARK] })).toEqual([]);
      if (kind === 'memory') return;
      expect(onDisk.filter((bytes) => bytes.includes(MARK))).toHaveLength(20);
      expect(leaksIn([...onDisk, bytesBelow(path)].join('\n'), secrets)).toEqual([]);
    }, 30_000);
  },
);

describe.each(['{"card": MARK}', '{"card":"x"}MARK', 'MARK', '["MARK"', '{"MARK":1'])(
  'S41 stored text that is broken: %s',
  (text) => {
    it.each(OWN_STORES)('is quoted by no error and no event: %s', async (_name, make) => {
      const logged: unknown[] = [];
      const app = await openApp(make, {
        logger: { warn: (...line) => logged.push(line), error: (...line) => logged.push(line) },
      });
      app.store.on('error', (error) => logged.push(error));
      app.sessions.on('error', (facts) => logged.push(facts));
      const id = 'i'.repeat(43);
      await plant(app, id, { data: text });
      await app.browser().get('/get', { headers: { cookie: signed(id) } });
      await codeOf(app.sessions.getAllSessions());
      await new Promise(setImmediate);
      expect(app.errors.length + logged.length).toBeGreaterThan(0);
      expect(leaksIn(textOf([...app.errors, ...logged]), { data: ['MARK'] })).toEqual([]);
    });
  },
);

it('S41 errors about options show none of their values', () => {
  const wrong: readonly object[] = [
    { secret: { value: SECRET } },
    { secret: [SECRET, 5] },
    { secret: SECRET, maxAge: MARK },
    { secret: SECRET, store: { url: `redis://user:${MARK}@host` } },
    { secret: SECRET, cookieName: `${MARK};` },
    { secret: SECRET, storeOptions: { path: 5, password: MARK } },
    { secret: SECRET, cookie: { domain: `${MARK}\n` } },
    { secret: SECRET, storeType: `redis://user:${MARK}@host` },
  ];
  const shown = wrong.map((options) => {
    try {
      return new SessionManager(options as never);
    } catch (error) {
      return error;
    }
  });
  expect(shown.map((error) => (error as { code?: string }).code)).toEqual(
    wrong.map(() => 'ERR_SESSION_OPTIONS'),
  );
  expect(leaksIn(textOf(shown), { secret: [SECRET], data: [MARK] })).toEqual([]);
});

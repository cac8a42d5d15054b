// When a session is over: durations that are none, cookies of what has ended, and requests that come too late. Over real
// HTTP, on every store.

import { closedRecord, newVersion } from '../../src/core/record.js';
import { SessionManager } from '../../src/session-manager.js';
import { FileStore } from '../../src/stores/file-store.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { data, dropIn, site } from '../express-session/readme/support.js';
import { closeWorlds } from '../session-manager/world.js';
import { freshPath } from '../support/directory.js';
import { SECRET } from '../support/secret.js';
import { HOUR, openApp, OWN_STORES, plant, STORES, type App } from './every-store.js';
import { visit } from './visit.js';

afterEach(closeWorlds);

const MINUTE = 60_000;
const ID = 'i'.repeat(43);

describe('S20 a duration', () => {
  const manager = new SessionManager({ secret: SECRET, storeOptions: { cleanupInterval: 0 } });
  const NONE: readonly unknown[] = [
    ...[-1, -0.001, -Number.MAX_VALUE, NaN, Infinity, -Infinity],
    ...[
      '',
      ' ',
      'soon',
      'never',
      'forever',
      'Infinity',
      'NaN',
      '-1h',
      '-1',
      '1 fortnight',
      '0x10',
      '1e400',
      '1h1',
      'h',
    ],
    ...[
      true,
      false,
      {},
      [],
      [1_000],
      ['1h'],
      10n,
      new Date(),
      () => 1_000,
      Symbol('1h'),
      { valueOf: () => 1_000 },
    ],
  ];
  const accepts: readonly (readonly [string, (value: unknown) => unknown])[] = [
    ...['maxAge', 'absoluteTimeout', 'rememberFor', 'renewEvery', 'touchAfter', 'storeTimeout'].map(
      (name) => [`the manager’s ${name}`, (value: unknown) => visit({ [name]: value })] as const,
    ),
    [
      'the window of creationLimit',
      (window) => visit({ creationLimit: { key: () => 'one', max: 9, window: window as number } }),
    ],
    ['requireFresh', (maxAge) => manager.requireFresh(maxAge as number)],
    ['maxAge in storeOptions', (maxAge) => visit({ store: undefined, storeOptions: { maxAge } } as never)],
    [
      'the memory store’s maxAge',
      (maxAge) => new MemoryStore({ maxAge: maxAge as number, cleanupInterval: 0 }),
    ],
    [
      'the file store’s ttl',
      (ttl) => new FileStore({ ttl: ttl as number, path: freshPath(), cleanupInterval: 0 }),
    ],
    ['the drop-in’s touchAfter', (touchAfter) => dropIn({ secret: 'x', touchAfter: touchAfter as number })],
    [
      'the drop-in’s storeTimeout',
      (storeTimeout) => dropIn({ secret: 'x', storeTimeout: storeTimeout as number }),
    ],
  ];
  const refusal = async (accept: (value: unknown) => unknown, value: unknown): Promise<unknown> => {
    try {
      const answer = await accept(value);
      return typeof answer === 'string' ? answer : 'accepted';
    } catch (error) {
      return (error as { code?: string }).code ?? error;
    }
  };

  it.each(accepts)('that is none is refused with a code: %s', async (_name, accept) => {
    for (const value of NONE)
      expect([value, await refusal(accept, value)]).toEqual([value, 'ERR_SESSION_OPTIONS']);
    expect(await refusal(accept, 1_000)).toBe('accepted');
  });

  it.each(['maxAge', 'absoluteTimeout', 'rememberFor', 'renewEvery'])(
    'of nothing is none: %s',
    async (name) => {
      expect(await visit({ [name]: 0 })).toBe('ERR_SESSION_OPTIONS');
    },
  );

  describe.each([NaN, Infinity, -Infinity, 'soon', {}, true, 10n])(
    '%p as maxAge of the drop-in’s cookie',
    (maxAge) => {
      const write: Parameters<typeof site>[2] = (req, res) => {
        data(req)['path'] = req.path;
        if (req.path === '/spoil') req.session.cookie.maxAge = maxAge as number;
        res.end();
      };
      const ends = async (store: MemoryStore): Promise<unknown[]> =>
        (await store.all()).map(({ cookie }) => cookie?.expires);

      it('in its options begins no session without an end', async () => {
        const store = new MemoryStore({ cleanupInterval: 0 });
        const opened = site(dropIn, { store, cookie: { maxAge: maxAge as number } }, write);
        await opened.then(
          ({ client }) => client.get('/'),
          () => null,
        );
        expect((await ends(store)).filter((end) => end === null)).toEqual([]);
      });

      it('in a request leaves a session the end that it has', async () => {
        const store = new MemoryStore({ cleanupInterval: 0 });
        const { client } = await site(dropIn, { store, cookie: { maxAge: HOUR } }, write);
        await client.get('/');
        await client.get('/spoil');
        expect(await ends(store)).toEqual([expect.any(String)]);
      });
    },
  );
});

/** Advances over the minute in which ended sessions are remembered, and sweeps. */
async function forget({ store, testClock }: App, ms = 2 * MINUTE): Promise<void> {
  await testClock.advance(ms);
  if (store.capabilities.has('removeExpired')) await store.capable('removeExpired').removeExpired(1_000);
}

/** What an old cookie comes to: nothing to read, and a write begins another session. */
async function expectRefused(app: App, cookie: string): Promise<void> {
  const headers = { cookie };
  const before = await app.store.length();
  expect(await app.browser().get('/get', { headers })).toMatchObject({
    status: 200,
    body: 'null',
    cookies: [],
  });
  expect((await app.browser().get('/destroy', { headers })).body).toBe('false');
  expect((await app.browser().get('/regenerate', { headers })).status).toBeLessThan(500);
  expect(await app.store.length()).toBeLessThanOrEqual(before);
  const [line = ''] = (await app.browser().get('/set', { headers })).cookies;
  expect(line).toMatch(/^sid=/);
  expect(line.split(';')[0]).not.toBe(cookie);
  expect((await app.browser().get('/get', { headers })).body).toBe('null');
}

describe.each(STORES)('S28 on a store of kind: %s', (_name, make) => {
  it.each(['/destroy', '/regenerate'])(
    'the cookie from before %s is refused, now and ever after',
    async (path) => {
      const app = await openApp(make);
      await app.client.get('/set');
      const old = app.client.cookie;
      expect((await app.browser().get('/get', { headers: { cookie: old } })).body).toBe('1');
      await app.client.get(path);
      await expectRefused(app, old);
      for (const later of [2 * MINUTE, 10 * MINUTE, 24 * HOUR]) {
        await forget(app, later);
        await expectRefused(app, old);
      }
    },
  );
});

describe.each(STORES)('S12 the id from before, on a store of kind: %s', (_name, make) => {
  it.each([
    ['regenerate', '/regenerate'],
    ['login', '/login'],
    ['a login that keeps the data', '/login?keep'],
  ])('is dead after %s, though nobody has come with the new one yet', async (_how, path) => {
    const app = await openApp(make);
    const { browser, client, on, sessions, store } = app;
    on('/login', async (req, res) => {
      await sessions.login(req, 'ada', { keepData: 'keep' in req.query });
      await sessions.set(req, 'a', 2);
      res.end();
    });
    await client.get('/set');
    const headers = { cookie: client.cookie };
    expect((await browser().get('/get', { headers })).body).toBe('1');
    expect((await client.get(path)).status).toBe(200);
    expect(client.cookie).not.toBe(headers.cookie);
    expect((await browser().get('/get', { headers })).body).toBe('null');
    expect(await store.length()).toBe(1);
    expect((await client.get('/get')).body).toBe(path === '/regenerate' ? '1' : '2');
  });
});

describe.each(OWN_STORES)('S27 S29 on a store of kind: %s', (_name, make) => {
  it('S27 neither cookie nor record says more than is left to the absolute end', async () => {
    const app = await openApp(make, { maxAge: HOUR, absoluteTimeout: 90 * MINUTE, touchAfter: 0 });
    await app.client.get('/set');
    await app.testClock.advance(45 * MINUTE);
    expect((await app.client.get('/get')).cookies).toEqual([expect.stringContaining('; Max-Age=2700;')]);
    const [session] = await app.sessions.getAllSessions();
    expect(session?.expiresAt).toBe(app.testClock.now() + 45 * MINUTE);
  });

  it('S29 set() begins no session anew that has just ended', async () => {
    const { store } = await openApp(make);
    await store.set(ID, { a: 1 });
    await store.destroy(ID);
    await store.set(ID, { a: 2 });
    expect([await store.get(ID), await store.length()]).toEqual([null, 0]);
  });
});

describe.each(OWN_STORES)('S28 S26 on a store of kind: %s', (_name, make) => {
  it('the cookie of a session that has expired is refused, before it is swept and ever after', async () => {
    const app = await openApp(make, { maxAge: HOUR });
    await app.client.get('/set');
    const old = app.client.cookie;
    await app.testClock.advance(HOUR);
    await expectRefused(app, old);
    for (const later of [2 * MINUTE, 24 * HOUR]) {
      await forget(app, later);
      await expectRefused(app, old);
    }
  });
});

describe.each(STORES)('S29 on a store of kind: %s', (_name, make) => {
  const ended = 'ERR_SESSION_ENDED';

  it.each(['at once', 'when its end is forgotten'])(
    'a write or a touch that is slower than a logout creates nothing: %s',
    async (when) => {
      const app = await openApp(make);
      const { client, sessions, store } = app;
      await client.get('/set');
      const codes = await app.late(
        (req) => [
          sessions.set(req, 'late', 1),
          sessions.update(req, 'late', () => 1),
          sessions.delete(req, 'a'),
          sessions.touch(req),
        ],
        async () => {
          await client.get('/destroy');
          if (when !== 'at once') await forget(app);
        },
      );
      expect(codes).toEqual([ended, ended, ended, null]);
      expect(await store.length()).toBe(0);
      await forget(app);
      expect(await store.length()).toBe(0);
    },
  );

  it('replace and extend create nothing: not what never was, not what has ended, not what is gone', async () => {
    const app = await openApp(make);
    const { store, testClock } = app;
    const record = await plant(app, ID);
    const attempts = async () => [
      await store.replace({ ...record, data: '{"late":1}', version: newVersion() }, record.version),
      await store.extend(record.key, testClock.now() + 2 * HOUR),
      await store.extend(record.key, null),
    ];
    expect(await attempts()).toEqual([true, true, true]);
    const now = (await store.find(record.key, { fresh: true })) ?? record;
    expect(await store.replace(closedRecord(now, testClock.now()), now.version)).toBe(true);
    expect(await attempts()).toEqual([false, false, false]);
    await forget(app);
    await store.remove(record.key);
    expect(await attempts()).toEqual([false, false, false]);
    expect(await store.length()).toBe(0);
    expect(await store.find(record.key, { fresh: true })).toBeNull();
    // With the record as it was read, which spares an adapted store a look: the touch goes where nothing is.
    await store.extend(record.key, testClock.now() + 2 * HOUR, record);
    await store.touch(ID, { cookie: { expires: new Date(testClock.now() + HOUR) } });
    expect(await store.length()).toBe(0);
  });
});

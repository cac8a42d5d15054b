// Where the drop-in differs from express-session on purpose.
import type { Express } from 'express';

import type { OwnSession } from '../../../src/express-session/types.js';
import { MemoryStore } from '../../../src/stores/memory-store.js';
import { settled } from '../../support/clock.js';
import { counting, data, dropIn, genuine, holding, options, sentCookie, site, spyStore } from './support.js';

const STORED = JSON.stringify({
  cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/' },
  visits: 1,
});

describe('drop-in', () => {
  const theirs = async (routes: (app: Express) => void, session = dropIn) => {
    const store = spyStore(session);
    store.texts.set('theirs', STORED);
    const { client, faults } = await site(session, { store: store.asOption }, routes);
    return { store, faults, get: (path: string) => client.get(path, { headers: holding('theirs') }) };
  };
  const destroying = (app: Express): void => {
    app.get('/destroy', (req, res, next) => {
      req.session.destroy((error) => (error ? next(error) : void res.send('bye')));
    });
    app.use(counting);
  };

  it('81. save: if it fails, the answer is the error of the store and not 200', async () => {
    const { store, faults, get } = await theirs(destroying);
    const error = (store.failures['set'] = new Error('disk full'));
    const answer = await get('/');
    expect([answer.status, answer.body, faults]).toEqual([500, 'disk full', [error]]);
    expect(answer.cookies).toEqual([]);
    const peer = await theirs(destroying, genuine);
    peer.store.failures['set'] = error;
    expect((await peer.get('/')).status).toBe(200);
  });

  it('78. destroy: if it fails, the answer is the error of the store, also where nobody looks', async () => {
    const { store, get } = await theirs((app) => {
      app.use((req, res) => {
        void req.session.destroy(() => undefined);
        res.send('bye');
      });
    });
    store.failures['destroy'] = new Error('disk full');
    expect(await get('/')).toMatchObject({ status: 500, body: 'disk full' });
  });

  it("73. unset: 'destroy' that fails is an error, too", async () => {
    const store = spyStore(dropIn);
    store.texts.set('theirs', STORED);
    store.failures['destroy'] = new Error('disk full');
    const { client } = await site(dropIn, { unset: 'destroy', store: store.asOption }, (req, res) => {
      Reflect.deleteProperty(req, 'session');
      res.send('bye');
    });
    expect(await client.get('/', { headers: holding('theirs') })).toMatchObject({ status: 500 });
  });

  it('78. destroy: clears the cookie, with the attributes that it was set with', async () => {
    const { get } = await theirs(destroying);
    const { attributes, value } = sentCookie(await get('/destroy')) ?? {};
    expect(value).toBe('');
    expect(attributes).toEqual({ Path: '/', HttpOnly: true, Expires: new Date(0).toUTCString() });
    expect(sentCookie(await (await theirs(destroying, genuine)).get('/destroy'))).toBeUndefined();
  });

  it('78. destroy: a request that is still under way does not bring the session back', async () => {
    let arrived = (): void => undefined;
    let go = (): void => undefined;
    const isThere = new Promise<void>((resolve) => (arrived = resolve));
    const { store, get } = await theirs((app) => {
      app.get('/slow', (req, res) => {
        data(req)['late'] = true;
        go = () => void res.send('late');
        arrived();
      });
      destroying(app);
    });
    const slow = get('/slow');
    await isThere;
    await get('/destroy');
    go();
    expect((await slow).status).toBe(200);
    expect(store.texts.size).toBe(0);
  });

  it('81. save: the response waits for it', async () => {
    const { get, store } = await theirs((app) => {
      app.use((req, res) => {
        data(req)['visits'] = 2;
        res.redirect('/next');
      });
    });
    const answer = await get('/');
    expect([answer.status, store.texts.get('theirs')]).toEqual([302, STORED.replace('1', '2')]);
  });

  it('107. store.touch: if it fails, the answer is as it was, but no cookie says that the session lives on', async () => {
    const store = spyStore(dropIn);
    store.texts.set('theirs', STORED);
    const error = (store.failures['touch'] = new Error('disk full'));
    const more = { rolling: true, cookie: { maxAge: 60_000 }, store: store.asOption };
    const { client, faults } = await site(dropIn, more, counting);
    const answer = await client.get('/peek', { headers: holding('theirs') });
    expect(answer).toMatchObject({ status: 200, cookies: [] });
    await settled();
    expect(faults).toEqual([error]);
  });

  it('1. Set-Cookie comes with Cache-Control: no-store, whatever else the response said', async () => {
    const { client } = await site(dropIn, {}, (req, res) => {
      data(req)['a'] = Number(data(req)['a'] ?? 0) + 1;
      res.set('Cache-Control', 'public, max-age=60').send('ok');
    });
    expect((await client.get('/')).headers['cache-control']).toBe('no-store');
    expect((await client.get('/')).headers['cache-control']).toBe('public, max-age=60');
  });

  it("96. store: a 'disconnect' event changes nothing by itself", async () => {
    const { store, get } = await theirs(destroying);
    (store.asOption as unknown as NodeJS.EventEmitter).emit('disconnect');
    expect((await get('/')).body).toContain('"visits":2');
    const peer = await theirs(
      (app) => void app.use((req, res) => void res.send(typeof req.session)),
      genuine,
    );
    (peer.store.asOption as unknown as NodeJS.EventEmitter).emit('disconnect');
    expect((await peer.get('/')).body).toBe('undefined');
  });

  it('77 to 83. the methods of req.session return promises besides taking callbacks', async () => {
    const { get } = await theirs((app) => {
      app.use(async (req, res) => {
        // With @types/express-session its types say nothing of promises.
        const methods = (): OwnSession => req.session as unknown as OwnSession;
        const before = methods();
        const touched = [await before.touch(), await before.resetMaxAge()];
        data(req)['visits'] = 5;
        await before.save();
        await before.reload(() => undefined);
        const reloaded = [methods() !== before, data(req)['visits']];
        await methods().regenerate(() => undefined);
        const regenerated = req.sessionID !== 'theirs';
        await methods().destroy(() => undefined);
        res.json([touched.every((each) => each === before), reloaded, regenerated, typeof req.session]);
      });
    });
    expect(JSON.parse((await get('/')).body)).toEqual([true, [true, 5], true, 'undefined']);
  });

  it('77 to 83. their promises reject with what the callback is given', async () => {
    const { store, get } = await theirs((app) => {
      app.use((req, res) => {
        const { save } = req.session as unknown as OwnSession;
        const asked = (save.call(req.session) as Promise<unknown>).catch((error: unknown) => error);
        void save.call(req.session, (given: unknown) => {
          void asked.then((caught) => {
            told = [given, caught];
            res.send('ok');
          });
        });
      });
    });
    let told: unknown[] = [];
    const error = (store.failures['set'] = new Error('disk full'));
    await get('/');
    expect(told).toEqual([error, error]);
  });

  /** What `emitWarning` is told by a package that has just been loaded: `code: message`. */
  const warningsOf = async (use: (session: typeof dropIn) => void): Promise<string[]> => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    await jest.isolateModulesAsync(async () => {
      use((await import('../../../src/express-session/index.js')).session);
    });
    return warn.mock.calls.map(([message, ...rest]: unknown[]) => {
      const [options, code] = rest as [string | { code: string }, string?];
      return `${typeof options === 'string' ? String(code) : options.code}: ${String(message)}`;
    });
  };

  it('96. store: what it cannot promise is warned about once, by name', async () => {
    const { asOption: store } = spyStore(dropIn);
    const said = await warningsOf((session) => {
      for (let turn = 0; turn < 3; turn++) session(options({ store }));
    });
    expect(said).toEqual([expect.stringMatching(/^WARN_SESSION_STORE: Spy .*compare-and-set/)]);
  });

  it('49 and 61. resave, saveUninitialized: a default, which is deprecated, is warned about once', async () => {
    const said = await warningsOf((session) => {
      for (let turn = 0; turn < 3; turn++) session({ secret: 'x' });
    });
    expect(said).toEqual([
      expect.stringMatching(/^WARN_SESSION_RESAVE: .*resave/),
      expect.stringMatching(/^WARN_SESSION_SAVEUNINITIALIZED: .*saveUninitialized/),
    ]);
  });

  it('71. store: the default in production is warned about once, and another store is not', async () => {
    const { NODE_ENV } = process.env;
    process.env['NODE_ENV'] = 'production';
    try {
      const said = await warningsOf((session) => {
        session(options({ store: new MemoryStore() }));
        for (let turn = 0; turn < 3; turn++) session(options());
      });
      expect(said).toEqual([expect.stringMatching(/^WARN_SESSION_MEMORY: .*Give session\(\) a store/)]);
    } finally {
      process.env['NODE_ENV'] = NODE_ENV;
    }
  });
});

// express-session's README, "req.session" and its methods. Sentences 75 and 77 to 82 of its API section.
import type { Express, Request, Response } from 'express';

import type { SessionOptions } from '../../../src/express-session/index.js';
import { data, holding, IMPLEMENTATIONS, sentCookie, site, spyStore, type SpyStore } from './support.js';

const STORED = JSON.stringify({
  cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/' },
  user: 'ada',
});
/** As a store gives it that keeps no order of keys (JSONB), or that an older version wrote. */
const REORDERED = JSON.stringify({ user: 'ada', cookie: { path: '/', httpOnly: true } });

type Handle = (req: Request, res: Response, store: SpyStore) => void;

describe.each(IMPLEMENTATIONS)('%s', (_name, session) => {
  /** A request of somebody whose session is stored: what the handler answers, the store and the response. */
  const visit = async (handle: Handle, text = STORED, more: SessionOptions = {}) => {
    const store = spyStore(session);
    store.texts.set('theirs', text);
    const all = { ...more, store: store.asOption };
    const { client } = await site(session, all, (req, res) => handle(req, res, store));
    const answer = await client.get('/', { headers: holding('theirs') });
    expect(answer.status).toBe(200);
    return { answer, store, said: JSON.parse(answer.body) as unknown };
  };
  const stored = (text: string | undefined): unknown => JSON.parse(text ?? 'null');

  it('75. req.session: stores and gives data, as JSON, so that nested objects are fine', async () => {
    const value = { list: [1, { deep: ['x'] }], when: new Date(0), none: null, text: 'ä "\u2028' };
    const routes = (app: Express): void => {
      app.get('/set', (req, res) => {
        data(req)['value'] = value;
        res.send('ok');
      });
      app.get('/get', (req, res) => void res.json(data(req)['value']));
    };
    const { client } = await site(session, {}, routes);
    await client.get('/set');
    expect(JSON.parse((await client.get('/get')).body)).toEqual({
      ...value,
      when: '1970-01-01T00:00:00.000Z',
    });
  });

  it('75. req.session: a value deep in a nested object that is changed or deleted is stored', async () => {
    const first = await visit((req, res) => {
      data(req)['cart'] = { items: [{ n: 1 }], coupon: 'x' };
      Reflect.deleteProperty(data(req), 'user');
      res.json(null);
    });
    expect(stored(first.store.texts.get('theirs'))).toEqual({
      cookie: expect.any(Object) as object,
      cart: { items: [{ n: 1 }], coupon: 'x' },
    });
  });

  it('77. regenerate: a new SID and Session instance are at req.session when the callback is invoked', async () => {
    const { said, store, answer } = await visit((req, res) => {
      const before = req.session;
      req.session.regenerate((error: unknown) => {
        const { session: after, sessionID } = req;
        data(req)['fresh'] = true;
        res.json({
          error: error ?? null,
          isNew: after !== before && sessionID !== 'theirs' && after.id === sessionID,
          user: data(req)['user'] ?? null,
        });
      });
    });
    expect(said).toEqual({ error: null, isNew: true, user: null });
    const { id } = sentCookie(answer) ?? { id: '' };
    expect([...store.texts.keys()]).toEqual([id]);
    expect(stored(store.texts.get(id))).toMatchObject({ fresh: true });
  });

  it('77. regenerate: the new session is stored and its cookie sent, also before anything is in it', async () => {
    const { answer, store } = await visit((req, res) => {
      req.session.regenerate(() => void res.json(null));
    });
    const { id } = sentCookie(answer) ?? {};
    expect([...store.texts.keys()]).toEqual([id]);
  });

  it('78. destroy: destroys the session and unsets req.session, and invokes the callback', async () => {
    const { said, store } = await visit((req, res, { texts }) => {
      const order: unknown[] = [];
      req.session.destroy((error: unknown) => {
        order.push(error ?? null, typeof req.session, texts.size);
        res.json(order);
      });
      order.push(typeof req.session);
    });
    expect(said).toEqual(['undefined', null, 'undefined', 0]);
    expect(store.calls).toContain('destroy theirs');
  });

  it('79. reload: reloads the data from the store into req.session and invokes the callback', async () => {
    const { said } = await visit((req, res) => {
      const before = req.session;
      data(req)['user'] = 'changed';
      data(req)['more'] = true;
      req.session.reload((error: unknown) => {
        const { user, more } = data(req);
        res.json([error ?? null, user, more ?? null, req.session === before, req.sessionID]);
      });
    });
    expect(said).toEqual([null, 'ada', null, false, 'theirs']);
  });

  it('79. reload: is an error if the session is gone', async () => {
    const { said } = await visit((req, res, { texts }) => {
      texts.clear();
      req.session.reload((error: Error | undefined) => void res.json(error?.message ?? null));
    });
    expect(said).toBe('failed to load session');
  });

  it('80. save: replaces the contents of the store with those in memory, before the response ends', async () => {
    const { said } = await visit((req, res, { texts }) => {
      Reflect.deleteProperty(data(req), 'user');
      data(req)['now'] = 1;
      req.session.save((error: unknown) => void res.json([error ?? null, stored(texts.get('theirs'))]));
    });
    expect(said).toEqual([null, { cookie: expect.any(Object) as object, now: 1 }]);
  });

  it('81. save: is called at the end of the response if the data has been altered', async () => {
    const changed = await visit((req, res) => {
      data(req)['user'] = 'bea';
      res.json(null);
    });
    expect(changed.store.calls.filter((call) => call.startsWith('set'))).toEqual(['set theirs']);
    const unchanged = await visit((req, res) => {
      data(req)['user'] = 'ada';
      res.json(null);
    });
    expect(unchanged.store.calls.filter((call) => call.startsWith('set'))).toEqual([]);
  });

  it.each([
    ['its order', STORED, false],
    ['its order, resave', STORED, true],
    ['another order', REORDERED, false],
  ])('81. save: what it has stored is not stored again (keys in %s)', async (_order, text, resave) => {
    const save = (req: Request, res: Response): void => {
      data(req)['user'] = 'bea';
      req.session.save(() => void res.json(null));
    };
    const { store } = await visit(save, text, { resave });
    expect(store.calls.filter((call) => call.startsWith('set'))).toEqual(['set theirs']);
  });

  it('82. save: is for redirects', async () => {
    const { client } = await site(session, {}, (app: Express) => {
      app.get('/from', (req, res) => {
        data(req)['step'] = 2;
        req.session.save(() => res.redirect('/to'));
      });
      app.get('/to', (req, res) => void res.json(data(req)['step']));
    });
    const { status, headers } = await client.get('/from');
    expect([status, (await client.get(headers.location ?? '')).body]).toEqual([302, '2']);
  });

  it('82. save: is for long-lived requests, whose response is on its way', async () => {
    const { store } = await visit((req, res) => {
      res.write('[');
      setImmediate(() => {
        data(req)['late'] = true;
        req.session.save(() => void res.end(']'));
      });
    });
    expect(stored(store.texts.get('theirs'))).toMatchObject({ late: true });
  });

  it('82. save: is for WebSockets, which outlive the response', async () => {
    let saved: Promise<unknown> = Promise.resolve();
    const { store } = await visit((req, res) => {
      const left = new Promise((resolve) => res.once('close', resolve));
      const save = () => new Promise((resolve) => void req.session.save(resolve));
      saved = left.then(() => {
        data(req)['later'] = true;
        return save();
      });
      res.json(null);
    });
    expect((await saved) ?? null).toBeNull();
    expect(stored(store.texts.get('theirs'))).toMatchObject({ later: true });
  });
});

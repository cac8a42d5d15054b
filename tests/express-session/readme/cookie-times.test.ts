/* eslint-disable @typescript-eslint/no-deprecated -- cookie.expires is what express-session documents */
// express-session's README, "Session.touch()", "Cookie.maxAge" and "Cookie.originalMaxAge". Sentences 83, 84 and 88 to 93 of
// its API section.
import type { Express, Request } from 'express';

import type { SessionOptions } from '../../../src/express-session/index.js';
import { cookieOf, data, frozenDate, IMPLEMENTATIONS, sentCookie, site, spyStore } from './support.js';

const MINUTE = { cookie: { maxAge: 60_000 } };
const HOUR = 3_600_000;
const maxAgeOf = (req: Request): unknown => cookieOf(req).maxAge;
const originalOf = (req: Request): unknown => cookieOf(req).originalMaxAge;

describe.each(IMPLEMENTATIONS)('%s', (_name, session) => {
  /** A session of a minute's maxAge, 30 seconds later. */
  const later = async (look: (req: Request) => unknown, more: SessionOptions = {}) => {
    const date = frozenDate();
    const store = spyStore(session);
    const routes = (app: Express): void => {
      app.get('/first', (req, res) => {
        data(req)['first'] = true;
        res.send('ok');
      });
      app.get('/look', (req, res) => void res.json({ seen: look(req) }));
    };
    const { client } = await site(session, { ...MINUTE, ...more, store: store.asOption }, routes);
    const { id } = sentCookie(await client.get('/first')) ?? { id: '' };
    date.advance(30_000);
    const answer = await client.get('/look');
    expect(answer.status).toBe(200);
    const { seen } = JSON.parse(answer.body) as { seen: unknown };
    const { cookie } = JSON.parse(store.texts.get(id) ?? '') as { cookie: Record<string, unknown> };
    return { seen, cookie, answer, date, client };
  };

  it('83. touch: updates the maxAge property', async () => {
    const { seen } = await later((req) => {
      const before = maxAgeOf(req);
      void req.session.touch();
      return [before, maxAgeOf(req)];
    });
    expect(seen).toEqual([30_000, 60_000]);
  });

  it('84. touch: is not necessary to call, as the middleware does this', async () => {
    const { cookie, date } = await later(() => null);
    expect(cookie).toMatchObject({
      originalMaxAge: 60_000,
      expires: new Date(date.now + 60_000).toISOString(),
    });
  });

  it('88. Cookie.maxAge: returns the time remaining in milliseconds', async () => {
    expect((await later(maxAgeOf)).seen).toBe(30_000);
  });

  it('89. Cookie.maxAge: a new value adjusts the expires property', async () => {
    const { seen, cookie, answer, date } = await later((req) => {
      cookieOf(req).maxAge = HOUR;
      data(req)['changed'] = true;
      return cookieOf(req).expires;
    });
    const end = new Date(date.now + HOUR);
    expect(seen).toBe(end.toISOString());
    expect(cookie).toMatchObject({ originalMaxAge: HOUR, expires: end.toISOString() });
    expect(sentCookie(answer)?.attributes['Expires']).toBe(end.toUTCString());
  });

  it('90. Cookie.maxAge: expires = in an hour and maxAge = an hour are essentially equivalent', async () => {
    const ways = [
      (req: Request) => void (cookieOf(req).expires = new Date(Date.now() + HOUR)),
      (req: Request) => void (cookieOf(req).maxAge = HOUR),
    ];
    const stored = [];
    for (const way of ways) stored.push((await later(way)).cookie);
    expect(stored[0]).toMatchObject({ originalMaxAge: HOUR });
    const ends = stored.map(({ expires }) => Date.parse(expires as string));
    expect((ends[1] as number) - (ends[0] as number)).toBeGreaterThanOrEqual(0);
    expect({ ...stored[0], expires: null }).toEqual({ ...stored[1], expires: null });
  });

  it('91. Cookie.maxAge: of 60000, 30 seconds later, is 30000 until the request has completed', async () => {
    const seen: unknown[] = [];
    const { client, date } = await later((req) => {
      seen.push(maxAgeOf(req));
      return null;
    });
    expect(seen).toEqual([30_000]);
    date.advance(15_000);
    await client.get('/look');
    expect(seen).toEqual([30_000, 45_000]);
  });

  it('92. Cookie.maxAge: is reset to its original value when the request has completed', async () => {
    let visited: Request | undefined;
    const { seen } = await later((req) => maxAgeOf((visited = req)));
    expect([seen, visited && maxAgeOf(visited)]).toEqual([30_000, 60_000]);
  });

  it('93. Cookie.originalMaxAge: is the original maxAge, in milliseconds', async () => {
    expect((await later(originalOf)).seen).toBe(60_000);
    expect((await later(originalOf, { cookie: {} })).seen).toBeNull();
  });

  it('93. Cookie.originalMaxAge: is what maxAge was last set to', async () => {
    const { client } = await later((req) => {
      if (maxAgeOf(req) === 30_000) cookieOf(req).maxAge = 5_000;
      data(req)['looks'] = Number(data(req)['looks'] ?? 0) + 1;
      return originalOf(req);
    });
    expect(JSON.parse((await client.get('/look')).body)).toEqual({ seen: 5_000 });
  });
});

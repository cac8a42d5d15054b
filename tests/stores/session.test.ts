// Session and cookie objects of the express-session API, and the way between them and records.
import type { SessionKey, SessionRecord } from '../../src/core/contract.js';
import { expiryOf, sessionOf, textOfSession } from '../../src/stores/express-face.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { Cookie, Session, type SessionRequest, type StoredSession } from '../../src/stores/session.js';
import { withCode } from '../support/failures.js';

const HOUR = 3_600_000;
const SID = 'A-session-id-of-this-test-000000';

function requestWithStore() {
  const store = new MemoryStore({ cleanupInterval: 0 });
  const req: SessionRequest = { sessionID: SID, sessionStore: store };
  return { store, req };
}

describe('Cookie', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('dies with the browser unless it is told when', () => {
    const cookie = new Cookie();
    expect({ ...cookie.data }).toEqual({ path: '/', httpOnly: true, originalMaxAge: null, expires: null });
    expect(cookie.maxAge).toBeNull();
  });

  it('counts maxAge down and keeps originalMaxAge', () => {
    jest.useFakeTimers({ now: 1_000_000 });
    const cookie = new Cookie({ originalMaxAge: HOUR, expires: new Date(1_000_000 + HOUR).toISOString() });
    jest.setSystemTime(1_000_000 + 600_000);
    expect([cookie.maxAge, cookie.originalMaxAge]).toEqual([HOUR - 600_000, HOUR]);
    cookie.maxAge = 5_000;
    expect([cookie.maxAge, cookie.originalMaxAge, cookie.expires?.valueOf()]).toEqual([
      5_000, 5_000, 1_605_000,
    ]);
    cookie.maxAge = null;
    expect([cookie.maxAge, cookie.originalMaxAge, cookie.expires]).toEqual([null, null, null]);
  });

  it('takes expires as a date or as text, and takes originalMaxAge from it', () => {
    jest.useFakeTimers({ now: 1_000_000 });
    const cookie = new Cookie();
    cookie.expires = new Date(1_060_000);
    expect(cookie.originalMaxAge).toBe(60_000);
    cookie.expires = '1970-01-01T00:20:00.000Z';
    expect([cookie.originalMaxAge, cookie.maxAge]).toEqual([200_000, 200_000]);
    expect(new Cookie({ expires: new Date(1_060_000) }).originalMaxAge).toBe(60_000);
    expect(new Cookie({ expires: new Date(1_060_000), originalMaxAge: 9 }).originalMaxAge).toBe(9);
  });

  it('is stored with all of its attributes', () => {
    const attributes = {
      path: '/app',
      httpOnly: false,
      secure: true,
      sameSite: 'lax',
      domain: 'example.com',
    } as const;
    const text = JSON.stringify(new Cookie({ ...attributes, originalMaxAge: 5, expires: new Date(9) }));
    expect(JSON.parse(text)).toEqual({
      ...attributes,
      originalMaxAge: 5,
      expires: '1970-01-01T00:00:00.009Z',
    });
  });

  it.each([65_000, 0, NaN])('says that maxAge was meant where expires is the number %p', (expires) => {
    const failure = withCode('ERR_SESSION_VALUE') as Error;
    expect(() => new Cookie({ expires: expires as never })).toThrow(failure);
    const cookie = new Cookie({ maxAge: HOUR });
    expect(() => {
      cookie.expires = expires as never;
    }).toThrow('set cookie.maxAge');
    expect(cookie.originalMaxAge).toBe(HOUR);
  });

  it('keeps originalMaxAge as it was set, in whatever order its parts come', () => {
    const expires = new Date(Date.now() + 5);
    expect(new Cookie({ originalMaxAge: HOUR, expires }).originalMaxAge).toBe(HOUR);
    expect(new Cookie({ expires, originalMaxAge: HOUR }).originalMaxAge).toBe(HOUR);
    expect(new Cookie(new Cookie({ expires, originalMaxAge: HOUR }).data).originalMaxAge).toBe(HOUR);
  });

  it('lets no stored attribute shadow a method or reach a prototype (S34)', () => {
    const hostile = JSON.parse(
      '{"serialize":1,"toJSON":2,"data":3,"constructor":4,"__proto__":{"path":"/x"},"path":"/app"}',
    ) as object;
    const cookie = new Cookie(hostile);
    expect([cookie instanceof Cookie, cookie.constructor === Cookie, cookie.path]).toEqual([
      true,
      true,
      '/app',
    ]);
    expect(cookie.serialize('a', 'b')).toBe('a=b; Path=/app; HttpOnly');
    expect(JSON.parse(JSON.stringify(cookie))).toEqual({
      originalMaxAge: null,
      expires: null,
      httpOnly: true,
      path: '/app',
    });
  });
});

describe('Session', () => {
  it('has data and cookie as its only enumerable properties', () => {
    const { req } = requestWithStore();
    const session = new Session(req, { a: 1, cookie: { path: '/x' } });
    expect(Object.keys(session).sort()).toEqual(['a', 'cookie']);
    expect([session.req, session.id, session.cookie.path]).toEqual([req, SID, '/x']);
    expect(JSON.parse(JSON.stringify(session))).toEqual({
      a: 1,
      cookie: { path: '/x', httpOnly: true, originalMaxAge: null, expires: null },
    });
  });

  it('lets no stored name shadow a method or reach a prototype (S34)', () => {
    const { req } = requestWithStore();
    const hostile = JSON.parse(
      '{"save":1,"id":2,"req":3,"constructor":4,"toString":5,"__proto__":{"admin":1},"a":6}',
    ) as object;
    const session = new Session(req, hostile as { a: number });
    expect([
      typeof session.save,
      session.id,
      session.req,
      session.constructor,
      typeof session.toString,
    ]).toEqual(['function', SID, req, Session, 'function']);
    expect((session as unknown as { admin?: number }).admin).toBeUndefined();
    expect(({} as { admin?: number }).admin).toBeUndefined();
    expect(Object.keys(session).sort()).toEqual(['a', 'cookie']);
  });

  it('touch and resetMaxAge start its time anew', async () => {
    jest.useFakeTimers({ now: 1_000_000 });
    const { req } = requestWithStore();
    const session = new Session(req, { cookie: { originalMaxAge: HOUR, expires: new Date(1_000_000 + 5) } });
    const touched = session.touch();
    expect(session.cookie.maxAge).toBe(HOUR);
    jest.setSystemTime(1_500_000);
    const reset = session.resetMaxAge();
    expect(session.cookie.maxAge).toBe(HOUR);
    jest.useRealTimers();
    expect(await Promise.all([touched, reset])).toEqual([session, session]);
  });

  it('keeps originalMaxAge over however many touches, and through JSON', async () => {
    jest.useFakeTimers({ now: 1_000_000, doNotFake: ['nextTick', 'setImmediate'] });
    const { req } = requestWithStore();
    let session = new Session(req, { cookie: { originalMaxAge: HOUR, expires: new Date(1_000_000 + HOUR) } });
    for (let n = 1; n <= 1_000; n++) {
      jest.setSystemTime(1_000_000 + n * 777);
      await session.touch();
      expect([session.cookie.originalMaxAge, session.cookie.maxAge]).toEqual([HOUR, HOUR]);
      if (n % 100 === 0) session = new Session(req, JSON.parse(JSON.stringify(session)) as StoredSession);
    }
    jest.useRealTimers();
  });

  it('saves, reloads and destroys through its store', async () => {
    const { store, req } = requestWithStore();
    const session = new Session(req, { a: 1 });
    await session.save();
    expect(await store.get(SID)).toMatchObject({ a: 1 });
    await store.set(SID, { a: 2, cookie: {} });
    await session.reload();
    expect(req.session).toMatchObject({ a: 2 });
    expect(req.session).not.toBe(session);
    await session.destroy();
    expect([req.session, await store.get(SID)]).toEqual([undefined, null]);
    await expect(session.reload()).rejects.toThrow('failed to load session');
  });

  it('regenerates through its store', async () => {
    const { store, req } = requestWithStore();
    const session = new Session(req, { a: 1 });
    await session.save();
    const generate = jest.fn();
    store.generate = generate;
    await session.regenerate();
    expect(generate).toHaveBeenCalledWith(req);
    expect(await store.get(SID)).toBeNull();
  });

  it('takes callbacks', async () => {
    const { req } = requestWithStore();
    const session = new Session(req, { a: 1 });
    for (const call of ['save', 'reload', 'destroy'] as const)
      await new Promise<void>((resolve, reject) => {
        void session[call]((error) => {
          if (error === null) resolve();
          else reject(new Error('It failed.', { cause: error }));
        });
      });
    const failed = await new Promise((resolve) => void session.reload(resolve).catch(() => undefined));
    expect(failed).toBeInstanceOf(Error);
  });
});

describe('between records and sessions', () => {
  const record: SessionRecord = {
    v: 1,
    key: 'k' as SessionKey,
    data: '{"a":1}',
    version: 'v',
    createdAt: 0,
    deadlineAt: null,
    idleMs: HOUR,
    expiresAt: 1_000,
  };

  it('a record is its data and a cookie with the expiry', () => {
    expect(sessionOf(record)).toEqual({
      a: 1,
      cookie: { originalMaxAge: HOUR, expires: '1970-01-01T00:00:01.000Z' },
    });
    expect(sessionOf({ ...record, expiresAt: null, idleMs: null })).toEqual({
      a: 1,
      cookie: { originalMaxAge: null, expires: null },
    });
  });

  it('a cookie in the data keeps its attributes, and never its own idea of the expiry', () => {
    const data = JSON.stringify({
      cookie: { path: '/x', originalMaxAge: 7, expires: '2099-01-01T00:00:00.000Z' },
    });
    expect(sessionOf({ ...record, data }).cookie).toEqual({
      path: '/x',
      originalMaxAge: 7,
      expires: '1970-01-01T00:00:01.000Z',
    });
  });

  it('text of a session is what toJSON of it and of its cookie says, without the expiry', () => {
    const cookie = new Cookie({ originalMaxAge: 5, expires: new Date(9) });
    expect(JSON.parse(textOfSession({ a: new Date(0), cookie: cookie }))).toEqual({
      a: '1970-01-01T00:00:00.000Z',
      cookie: { path: '/', httpOnly: true, originalMaxAge: 5 },
    });
    expect(textOfSession({ a: 1 })).toBe('{"a":1}');
  });

  it('an expiry is that of the cookie; without one it is the store’s to say', () => {
    expect(expiryOf({})).toEqual({ idleMs: null, expiresAt: null });
    expect(expiryOf({ cookie: { originalMaxAge: 5 } })).toEqual({ idleMs: null, expiresAt: null });
    expect(expiryOf({ cookie: { expires: null, originalMaxAge: 5 } })).toEqual({
      idleMs: null,
      expiresAt: null,
    });
    expect(expiryOf({ cookie: { expires: new Date(9) } })).toEqual({ idleMs: null, expiresAt: 9 });
    expect(expiryOf({ cookie: { expires: '1970-01-01T00:00:00.009Z', originalMaxAge: 5 } })).toEqual({
      idleMs: 5,
      expiresAt: 9,
    });
    expect(() => expiryOf({ cookie: { expires: 'never' } })).toThrow(withCode('ERR_SESSION_VALUE') as Error);
    expect(() => expiryOf({ cookie: { expires: new Date(NaN) } })).toThrow('must be a date or null');
  });
});

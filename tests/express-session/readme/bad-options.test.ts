// Wrong options: an error that says so, at once where express-session has one at once. Never a crash, never a hang.
import type { Request, RequestHandler } from 'express';

import { SessionError } from '../../../src/core/errors.js';
import type { SessionOptions } from '../../../src/express-session/index.js';
import { counting, dropIn, IMPLEMENTATIONS, options, site, spyStore } from './support.js';

/** Options that the types refuse. */
const wrong = (more: Record<string, unknown>): SessionOptions => options(more as SessionOptions);
const ok: RequestHandler = (_req, res) => void res.send('ok');

describe.each(IMPLEMENTATIONS)('%s', (_name, session) => {
  it.each([
    ['genid', { genid: 'uuid' }, /genid.*must/],
    ['genid', { genid: {} }, /genid.*must/],
    ['unset', { unset: 'remove' }, /unset.*must/],
    ['unset', { unset: true }, /unset.*must/],
    ['secret', { secret: [] }, /secret option array/],
  ])('an option %s of %j is refused', (_option, more, message) => {
    expect(() => session(wrong(more))).toThrow(message);
  });

  it.each([
    { store: null },
    { store: false },
    { genid: null },
    { cookie: null },
    { name: '' },
    { unset: null },
  ])('%j is an option that is not given', async (more) => {
    const { client } = await site(session, more as unknown as SessionOptions, counting);
    await client.get('/');
    expect((await client.get('/')).body).toContain('"visits":2');
  });

  it('no options at all are an error of each request: the secret is required', async () => {
    for (const none of [undefined, null]) {
      const next = jest.fn();
      const middleware = session(none as unknown as SessionOptions);
      middleware(Object.assign(Object.create(null) as Request, { url: '/', headers: {} }), {} as never, next);
      expect(next).toHaveBeenCalledWith(
        expect.objectContaining({ message: expect.stringMatching(/secret.*required/) }),
      );
    }
  });

  it.each([undefined, null, 5, {}, ['x'], Promise.resolve('x')])(
    'a genid that returns %p makes a session that is neither stored nor sent',
    async (id) => {
      const store = spyStore(session);
      const { client } = await site(
        session,
        { ...wrong({ genid: () => id }), store: store.asOption },
        counting,
      );
      const answer = await client.get('/');
      expect([answer.status, answer.cookies, store.calls]).toEqual([200, [], []]);
    },
  );

  it('a genid that throws is an error of the request', async () => {
    const genid = (): string => {
      throw new Error('no entropy');
    };
    const { client } = await site(session, { genid }, ok);
    expect(await client.get('/')).toMatchObject({ status: 500, body: 'no entropy' });
  });

  it.each([
    ['throws', () => JSON.parse('{') as never],
    ['returns undefined', () => undefined],
    ['returns null', () => null],
  ])('a cookie callback that %s is an error of the request', async (_how, cookie) => {
    const { client } = await site(session, wrong({ cookie }), ok);
    expect((await client.get('/')).status).toBe(500);
  });
});

describe('drop-in', () => {
  it.each([
    [{ name: 'a b' }, /name option/],
    [{ name: 'a;b' }, /name option/],
    [{ secret: [''] }, /secret option/],
    [{ secret: ['x', null] }, /secret option/],
    [{ secret: 5 }, /secret option/],
    [{ secret: {} }, /secret option/],
    [{ cookie: 'path=/' }, /must be an object/],
    [{ cookie: { maxAge: '1h' } }, /maxAge must be a number/],
    [{ cookie: { expires: 5 } }, /set cookie\.maxAge/],
    [{ storeTimeout: 0 }, /storeTimeout option/],
    [{ touchAfter: -1 }, /touchAfter option/],
    [{ breaker: true }, /breaker option/],
    [{ breaker: { failures: 0 } }, /breaker option/],
    [{ breaker: { failures: 1.5 } }, /breaker option/],
    [{ breaker: { retryAfter: 0 } }, /breaker option/],
    [{ breaker: { retryAfter: '1s' } }, /breaker option/],
  ])('%j is refused at once', (more, message) => {
    expect(() => dropIn(wrong(more))).toThrow(message);
    expect(() => dropIn(wrong(more))).toThrow(SessionError);
  });

  const whole = { get: ok, set: ok, destroy: ok };
  it.each([
    ['get', { ...whole, get: undefined }],
    ['set', { ...whole, set: 'no function' }],
    ['destroy', { get: ok, set: ok }],
    ['get, set, destroy', {}],
    ['get, set, destroy', 5],
  ])('a store without %s is refused at once', (missing, store) => {
    expect(() => dropIn(wrong({ store }))).toThrow(`has no method ${missing}:`);
  });

  it.each([
    ['a string', () => 'path=/', /must be an object/],
    ['a maxAge that is text', () => ({ maxAge: '1h' }), /maxAge must be a number/],
    ['expires as a number', () => ({ expires: 65_000 }), /set cookie\.maxAge/],
  ])('a cookie callback that returns %s is an error of the request', async (_what, cookie, message) => {
    const { client } = await site(dropIn, wrong({ cookie }), ok);
    expect(await client.get('/')).toMatchObject({ status: 500, body: expect.stringMatching(message) });
  });
});

describe('attributes that are truthy', () => {
  it.each([
    ['HttpOnly', { httpOnly: 1 }],
    ['HttpOnly', { httpOnly: 'yes' }],
    ['Partitioned', { partitioned: 1 }],
  ])('set %s, as %j does in express-session', async (attribute, cookie) => {
    const { client } = await site(dropIn, wrong({ cookie, saveUninitialized: true, secret: 'x' }), ok);
    expect((await client.get('/')).cookies).toEqual([expect.stringContaining(attribute)]);
  });
});

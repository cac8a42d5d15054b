// express-session's README, "secret", and where an ID comes from besides the Cookie header. Sentences 63 to 70 of its API
// section.
import { createSecretKey, randomBytes } from 'node:crypto';

import cookieParser from 'cookie-parser';
import express, { type RequestHandler } from 'express';

import type { SessionOptions } from '../../../src/express-session/index.js';
import { Client } from '../../support/http.js';
import { counting, holding, IMPLEMENTATIONS, open, sentCookie, signed, site, spyStore } from './support.js';

type Secret = NonNullable<SessionOptions['secret']>;
const WITHOUT_SECRET = { resave: false, saveUninitialized: false };

describe.each(IMPLEMENTATIONS)('%s', (_name, session) => {
  /** Whether a site with these secrets knows the session of somebody with this cookie. */
  const knows = async (secret: Secret, headers: Record<string, string>): Promise<boolean> => {
    const store = spyStore(session);
    store.texts.set('theirs', JSON.stringify({ cookie: { path: '/' }, visits: 1 }));
    const { client } = await site(session, { secret, store: store.asOption }, counting);
    const answer = await client.get('/', { headers });
    expect(answer.status).toBe(200);
    return answer.body.includes('"visits":2');
  };

  it('63. secret: is required', async () => {
    const { client } = await site(session, { secret: undefined }, counting);
    const answer = await client.get('/');
    expect([answer.status, answer.body]).toEqual([500, expect.stringMatching(/secret.*required/)]);
  });

  it('63. secret: may be that of cookie-parser, on req.secret', async () => {
    const client = await open(express().use(cookieParser('theirs'), session(WITHOUT_SECRET), counting));
    const { id, value } = sentCookie(await client.get('/')) ?? { id: '', value: '' };
    expect(value).toBe(decodeURIComponent(signed(id, 'theirs')));
    expect((await client.get('/')).body).toContain('"visits":2');
  });

  const bytes = randomBytes(32);
  const SECRETS: readonly (readonly [string, Exclude<Secret, unknown[]>])[] = [
    ['string', 'keyboard cat'],
    ['Buffer', bytes],
    ['Uint8Array', new Uint8Array(bytes)],
    ['DataView', new DataView(new Uint8Array(bytes).buffer)],
    ['KeyObject', createSecretKey(bytes)],
  ];
  it.each(SECRETS)('64. secret: can be what createHmac takes: a %s', async (_kind, secret) => {
    const { client } = await site(session, { secret }, counting);
    const { id, value } = sentCookie(await client.get('/')) ?? { id: '', value: '' };
    expect(value).toBe(decodeURIComponent(signed(id, secret as Buffer)));
    expect((await client.get('/')).body).toContain('"visits":2');
  });

  it('65. secret: can be a single secret or an array of them, of any of these types', async () => {
    const mixed = ['a word', bytes, createSecretKey(Buffer.from('key'))];
    expect(await knows('a word', holding('theirs', 'a word'))).toBe(true);
    for (const each of mixed) expect(await knows(mixed, holding('theirs', each as Buffer))).toBe(true);
  });

  it('66. secret: only the first element of an array signs the cookie', async () => {
    const { client } = await site(session, { secret: ['new', 'old'] }, counting);
    const { id, value } = sentCookie(await client.get('/')) ?? { id: '', value: '' };
    expect(value).toBe(decodeURIComponent(signed(id, 'new')));
  });

  it('67. secret: all the elements of an array are considered when verifying the signature', async () => {
    for (const secret of ['new', 'old', 'older'])
      expect(await knows(['new', 'old', 'older'], holding('theirs', secret))).toBe(true);
    expect(await knows(['new', 'old', 'older'], holding('theirs', 'oldest'))).toBe(false);
  });

  it('68. secret: changing the value invalidates all existing sessions', async () => {
    expect(await knows('before', holding('theirs', 'before'))).toBe(true);
    expect(await knows('after', holding('theirs', 'before'))).toBe(false);
  });

  it('69. secret: with the new one first and the previous one after it, sessions go on', async () => {
    expect(await knows(['after', 'before'], holding('theirs', 'before'))).toBe(true);
  });

  it('70. secret: HMAC-256 signs the session ID; another signature names no session', async () => {
    const good = holding('theirs', 'word');
    expect(await knows('word', good)).toBe(true);
    const [pair = ''] = Object.values(good);
    const last = pair.at(-1) === 'A' ? 'B' : 'A';
    for (const cookie of [
      `${pair.slice(0, -1)}${last}`,
      pair.slice(0, -1),
      `${pair}A`,
      'connect.sid=theirs',
      'connect.sid=s:theirs',
    ])
      expect([cookie, await knows('word', { cookie })]).toEqual([cookie, false]);
  });

  const PARSED: readonly (readonly [string, object, boolean])[] = [
    ['req.signedCookies', { signedCookies: { 'connect.sid': 'theirs' } }, true],
    ['req.cookies', { cookies: { 'connect.sid': decodeURIComponent(signed('theirs')) } }, true],
    ['req.cookies, with a bad signature', { cookies: { 'connect.sid': 's:theirs.bad' } }, false],
    ['req.cookies, unsigned', { cookies: { 'connect.sid': 'theirs' } }, false],
    ['req.signedCookies of false, a bad signature', { signedCookies: { 'connect.sid': false } }, false],
  ];
  it.each(PARSED)(
    '4. session(options): where the header has no session, takes it from %s',
    async (_where, parsed, expected) => {
      const store = spyStore(session);
      store.texts.set('theirs', JSON.stringify({ cookie: { path: '/' }, visits: 1 }));
      const leave: RequestHandler = (req, _res, next) => {
        Object.assign(req, parsed);
        next();
      };
      const { port } = await site(session, { store: store.asOption }, counting, (app) => void app.use(leave));
      const answer = await new Client(port).get('/');
      expect(answer.body.includes('"visits":2')).toBe(expected);
      expect(sentCookie(answer) === undefined).toBe(expected);
    },
  );
});

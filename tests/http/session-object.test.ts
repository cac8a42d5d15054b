// `req.session` as an object: what it lists, what it hides, which names it refuses.
import { inspect } from 'node:util';

import type { RequestSession } from '../../src/http/request-session.js';
import { SessionObject } from '../../src/http/session-object.js';
import { withCode } from '../session-manager/world.js';

const METHODS = ['save', 'reload', 'regenerate', 'destroy', 'touch'] as const;

const cookie = { path: '/' };
const create = (
  data: object,
  view: object = { id: 'the-id', cookie },
): SessionObject & Record<string, unknown> =>
  new SessionObject(view as RequestSession, data) as SessionObject & Record<string, unknown>;

it('yields data and cookie in for-in, data alone in keys, spreads and JSON', () => {
  const session = create({ a: 1, b: [2] });
  const seen: string[] = [];
  for (const key in session) seen.push(key);
  expect(seen).toEqual(['a', 'b', 'cookie']);
  expect(Object.keys(session)).toEqual(['a', 'b']);
  expect(Object.assign({}, session)).toEqual({ a: 1, b: [2] });
  expect(JSON.stringify(session)).toBe('{"a":1,"b":[2]}');
});

it('shows data alone to util.inspect', () => {
  const text = inspect(create({ a: 1 }), { depth: Infinity, showHidden: true });
  expect(text).toContain('a: 1');
  expect(text).not.toContain('the-id');
});

it('S34 inherits nothing from Object.prototype', () => {
  const session = create({});
  for (const name of ['toString', 'hasOwnProperty', 'valueOf', '__proto__', '__defineGetter__'])
    expect(name in session).toBe(false);
  expect(Object.getPrototypeOf(Object.getPrototypeOf(session))).toBeNull();
});

it('S34 takes names of Object.prototype as plain keys', () => {
  const session = create({ toString: 1, hasOwnProperty: 'x' });
  Object.assign(session, { valueOf: 2 });
  expect(JSON.stringify(session)).toBe('{"toString":1,"hasOwnProperty":"x","valueOf":2}');
});

it.each([...METHODS, 'id', 'constructor'])('refuses to have "%s" assigned or defined over', (name) => {
  const session = create({ a: 1 });
  expect(() => {
    session[name] = 1;
  }).toThrow(withCode('ERR_SESSION_KEY'));
  expect(() => Object.assign(session, { [name]: 1 })).toThrow(withCode('ERR_SESSION_KEY'));
  expect(JSON.stringify(session)).toBe('{"a":1}');
});

it('cannot have its methods replaced for everybody', () => {
  const prototype = Object.getPrototypeOf(create({})) as object;
  for (const name of METHODS)
    expect(() => Object.defineProperty(prototype, name, { value: () => 'hijacked' })).toThrow(TypeError);
});

it('hands id and cookie through', () => {
  const session = create({});
  expect(session.id).toBe('the-id');
  expect(session.cookie).toBe(cookie);
});

describe.each(METHODS)('%s()', (name) => {
  const call = (session: SessionObject, callback?: (...results: unknown[]) => void): unknown =>
    (session[name] as (callback?: unknown) => unknown)(callback);

  it('returns a promise without a callback', async () => {
    const work = jest.fn(() => Promise.resolve('result'));
    expect(await call(create({}, { [name]: work }))).toBe('result');
    expect(work).toHaveBeenCalledTimes(1);
  });

  it('calls a callback once, with null or with the error', async () => {
    const results = await new Promise<unknown[]>((resolve) => {
      call(create({}, { [name]: () => Promise.resolve('result') }), (...args) => resolve(args));
    });
    expect(results).toEqual([null, 'result']);

    const fault = new Error('fault');
    const failed = await new Promise<unknown[]>((resolve) => {
      void Promise.resolve(
        call(create({}, { [name]: () => Promise.reject(fault) }), (...args) => resolve(args)),
      ).catch(() => undefined);
    });
    expect(failed).toEqual([fault]);
  });
});

it('gives regenerate() its options in either place', async () => {
  const regenerate = jest.fn(() => Promise.resolve());
  const session = create({}, { regenerate });
  await session.regenerate();
  await session.regenerate({ keepData: true });
  await new Promise<void>((resolve) => void session.regenerate({ keepData: true }, () => resolve()));
  await new Promise<void>((resolve) => void session.regenerate(() => resolve()));
  expect(regenerate.mock.calls).toEqual([[{}], [{ keepData: true }], [{ keepData: true }], [{}]]);
});

// Sites with sessions, made by express-session itself or by the drop-in: a sentence of express-session's README is
// tested on both, so that what is asked of the drop-in is known to be what express-session does.
import { createHmac, type BinaryLike, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:https';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler } from 'express';
import real from 'express-session';

import dropIn, { type Cookie, type SessionOptions, type Store } from '../../../src/express-session/index.js';
import { Client, serve, type Answer } from '../../support/http.js';
import { SECRET } from '../../support/secret.js';

export type SessionFunction = typeof dropIn;
export { dropIn, SECRET };
export const genuine = real as unknown as SessionFunction;

export const IMPLEMENTATIONS = [
  ['express-session', genuine],
  ['drop-in', dropIn],
] as const;

export interface Site {
  readonly client: Client;
  readonly port: number;
  /** What reached the error handler. */
  readonly faults: unknown[];
}

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const site of running.splice(0)) await site.close();
});

/** An app's server until the test ends. */
export async function open(app: RequestListener): Promise<Client> {
  const server = await serve(app);
  running.push(server);
  return new Client(server.port);
}

export const options = (more: SessionOptions = {}): SessionOptions => ({
  secret: SECRET,
  resave: false,
  saveUninitialized: false,
  ...more,
});

/**
 * A site with sessions until the test ends.
 * @param routes What comes after `session()`: routes, or one handler for all paths
 * @param before What comes before it
 */
export async function site(
  session: SessionFunction,
  more: SessionOptions,
  routes: ((app: Express) => void) | RequestHandler,
  before: (app: Express) => void = () => undefined,
): Promise<Site> {
  const app = express();
  const faults: unknown[] = [];
  before(app);
  app.use(session(options(more)));
  if (routes.length === 1) (routes as (app: Express) => void)(app);
  else app.use(routes as RequestHandler);
  const onFault: ErrorRequestHandler = (error: { message?: string } | undefined, _req, res, next) => {
    faults.push(error);
    if (res.headersSent) next(error);
    else res.status(500).send(error?.message ?? 'fault');
  };
  app.use(onFault);
  const server = await serve(app);
  running.push(server);
  return { client: new Client(server.port), port: server.port, faults };
}

/** What a session holds, without types. */
export const data = (req: Request): Record<string, unknown> =>
  req.session as unknown as Record<string, unknown>;

/** The cookie of a request's session. */
export const cookieOf = (req: Request): Cookie => req.session.cookie;

/** Counts visits, `/peek` without counting. */
export const counting: RequestHandler = (req, res) => {
  const session = data(req);
  if (req.path !== '/peek') session['visits'] = Number(session['visits'] ?? 0) + 1;
  res.json({ visits: session['visits'] ?? 0, id: req.sessionID });
};

export interface SentCookie {
  readonly line: string;
  readonly value: string;
  readonly id: string;
  /** By name, as on the wire; `true` for those without a value. */
  readonly attributes: Readonly<Record<string, string | true>>;
}

/** The cookie of a name that an answer sets. */
export function sentCookie(
  { cookies }: Pick<Answer, 'cookies'>,
  name = 'connect.sid',
): SentCookie | undefined {
  const line = cookies.find((each) => each.startsWith(`${name}=`));
  if (line === undefined) return undefined;
  const [pair = '', ...rest] = line.split('; ');
  const value = decodeURIComponent(pair.slice(name.length + 1));
  const attributes = Object.fromEntries(
    rest.map((part) => {
      const at = part.indexOf('=');
      return at < 0 ? [part, true as const] : [part.slice(0, at), part.slice(at + 1)];
    }),
  );
  return { line, value, id: value.slice(2, value.lastIndexOf('.')), attributes };
}

/** The value of a cookie as express-session's README describes it: the id and its HMAC-256. */
export function signed(id: string, secret: BinaryLike | KeyObject = SECRET): string {
  const mac = createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '');
  return encodeURIComponent(`s:${id}.${mac}`);
}

/** The `Cookie` header of somebody who has the session of an id. */
export const holding = (id: string, secret?: BinaryLike | KeyObject): Record<string, string> => ({
  cookie: `connect.sid=${signed(id, secret)}`,
});

// TLS with a key that both sides know beforehand: no certificate that could expire.
const PSK = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const;
const KEY = Buffer.from('0123456789abcdef');

/** One request over TLS. */
export async function getOverTls(
  app: RequestListener,
  headers: Record<string, string> = {},
): Promise<Pick<Answer, 'cookies'>> {
  const server = createServer({ ...PSK, pskCallback: () => KEY }, app);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const psk = { pskCallback: () => ({ psk: KEY, identity: 'test' }), checkServerIdentity: () => undefined };
  const req = request({ host: '127.0.0.1', port, agent: false, headers, ...PSK, ...psk });
  req.end();
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  res.resume();
  await once(res, 'end');
  server.close();
  server.closeAllConnections();
  return { cookies: res.headers['set-cookie'] ?? [] };
}

/** A moment that stands still, and lets itself be moved. Only `Date.now` is told; timers go on. */
export function frozenDate(now = Date.now()): { readonly now: number; advance(ms: number): void } {
  let at = now;
  jest.spyOn(Date, 'now').mockImplementation(() => at);
  return {
    get now() {
      return at;
    },
    advance(ms) {
      at += ms;
    },
  };
}
afterEach(() => {
  jest.restoreAllMocks();
});

type Callback = (error?: unknown, result?: unknown) => void;

export interface SpyStore {
  /** `name id`, in order. */
  readonly calls: string[];
  /** The stored sessions as JSON text, by id. */
  readonly texts: Map<string, string>;
  /** What a method answers with instead, by its name. */
  readonly failures: Record<string, Error>;
  readonly asOption: NonNullable<SessionOptions['store']>;
}

/** A store as people write them: the base class of the package, callbacks, JSON text. */
export function spyStore(session: SessionFunction, { touch = true } = {}): SpyStore {
  const calls: string[] = [];
  const texts = new Map<string, string>();
  const failures: Record<string, Error> = {};
  const called = (name: string, id: string, callback: Callback | undefined, work: () => unknown): void => {
    calls.push(`${name} ${id}`.trim());
    const failure = failures[name];
    const result = failure === undefined ? work() : undefined;
    setImmediate(() => callback?.(failure ?? null, result));
  };
  const keep = (id: string, value: unknown): void => void texts.set(id, JSON.stringify(value));
  class Spy extends session.Store {
    get(...[id, callback]: Parameters<Store['get']>): void {
      called('get', id, callback as Callback, () => JSON.parse(texts.get(id) ?? 'null') as unknown);
    }
    set(id: string, value: unknown, callback?: Callback): void {
      called('set', id, callback, () => keep(id, value));
    }
    destroy(id: string, callback?: Callback): void {
      called('destroy', id, callback, () => void texts.delete(id));
    }
  }
  const store = new Spy();
  const others = {
    touch: (id: string, value: { cookie: unknown }, callback: Callback): void =>
      called('touch', id, callback, () => {
        const text = texts.get(id);
        if (text !== undefined) keep(id, { ...(JSON.parse(text) as object), cookie: value.cookie });
      }),
    all: (callback: Callback): void => called('all', '', callback, () => [...texts.values()]),
    clear: (callback: Callback): void => called('clear', '', callback, () => texts.clear()),
    length: (callback: Callback): void => called('length', '', callback, () => texts.size),
  };
  Object.assign(store, others, touch ? null : { touch: undefined });
  return { calls, texts, failures, asOption: store };
}

// Sites that a browser can tell apart, over plain HTTP and over TLS, and a shop with sessions on one of them.
import { EventEmitter, once } from 'node:events';
import { createServer as createPlainServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

import express, { type Express, type Response } from 'express';

import type { SessionManagerOptions } from '../../src/http/options.js';
import type { SessionData } from '../../src/session-data.js';
import { SessionManager } from '../../src/session-manager.js';
import { describeInBrowser } from '../support/browser.js';
import { makeCertificate, OPENSSL, type Certificate } from '../support/certificate.js';
import { SECRET } from '../support/secret.js';

export type Scheme = 'http' | 'https';

/** The shop's, one below it that somebody else writes, and another site altogether. */
export const SHOP = 'shop.test';
export const BLOG = 'blog.shop.test';
export const ELSEWHERE = 'elsewhere.test';

/** Runs tests over each scheme. */
export function over(schemes: readonly Scheme[], tests: (scheme: Scheme) => void): void {
  for (const scheme of schemes)
    describeInBrowser(
      `over ${scheme.toUpperCase()}`,
      () => {
        tests(scheme);
      },
      scheme === 'https' ? [OPENSSL] : [],
    );
}

export interface Site {
  /** The address of a path, on a host: the same server answers for all of them. */
  url(path: string, host?: string): string;
}

const closings: (() => Promise<unknown>)[] = [];

/** Ends every site of a test; for `afterEach`. */
export async function closeSites(): Promise<void> {
  for (const close of closings.splice(0).reverse()) await close();
}

let certificate: Certificate | undefined;
const theCertificate = (): Certificate => (certificate ??= makeCertificate([SHOP, BLOG, ELSEWHERE]));

/** What a browser has to be told to take these sites for good ones. */
export const trustIn = (scheme: Scheme): { trusts: Certificate[] } => ({
  trusts: scheme === 'https' ? [theCertificate()] : [],
});

export async function openSite(scheme: Scheme, listener: RequestListener, host = SHOP): Promise<Site> {
  const server =
    scheme === 'https' ? createTlsServer({ ...theCertificate() }, listener) : createPlainServer(listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  closings.push(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  return { url: (path, name = host) => `${scheme}://${name}:${port}${path}` };
}

export interface Shop extends Site {
  readonly sessions: SessionManager;
  /** What came, and who the shop took it for: `POST /buy by ada`. Oldest first. */
  readonly seen: string[];
  /** The next of them. */
  nextVisit(): Promise<string>;
  /** What the logger was told to warn of, as codes. */
  readonly warnings: string[];
}

type Options = Partial<SessionManagerOptions<SessionData>>;

/**
 * `/login` begins ada's session, `/account/logout` ends it: a cookie that is cleared without its path would stay. What is
 * not in the routes says who asks: `Hello ada`. The cookie is as the options say, otherwise as the scheme permits.
 */
export async function openShop(
  scheme: Scheme,
  { cookie, ...options }: Options = {},
  routes: (app: Express, sessions: SessionManager) => void = () => undefined,
): Promise<Shop> {
  const warnings: string[] = [];
  const warn = (facts: object): void => {
    warnings.push(String((facts as { code?: unknown }).code));
  };
  const sessions = new SessionManager({
    secret: SECRET,
    logger: { warn, error: warn },
    cookie: { secure: scheme === 'https', ...cookie },
    ...options,
  });
  closings.push(() => sessions.close());
  const seen: string[] = [];
  const visits = new EventEmitter<{ visit: [string] }>();
  visits.on('visit', (visit) => seen.push(visit));
  const app = express();
  // No visit of anybody: browsers ask for it by themselves.
  app.get('/favicon.ico', (_req, res) => {
    res.status(404).end();
  });
  app.use(sessions.middleware());
  app.get('/login', async (req, res) => {
    await sessions.regenerate(req);
    await sessions.set(req, 'user', 'ada');
    show(res, 'Welcome ada');
  });
  app.get('/account/logout', async (req, res) => {
    await sessions.destroy(req);
    show(res, 'Bye');
  });
  routes(app, sessions);
  app.use(async (req, res) => {
    const user = (await sessions.get<string>(req, 'user')) ?? 'nobody';
    visits.emit('visit', `${req.method} ${req.path} by ${user}`);
    show(res, `Hello ${user}`);
  });
  const nextVisit = async (): Promise<string> => ((await once(visits, 'visit')) as [string])[0];
  return { ...(await openSite(scheme, app)), sessions, seen, nextVisit, warnings };
}

/** A page that says one thing. */
export function show(res: Response, text: string): void {
  res.type('html').send(`<!doctype html><title>${text}</title><p>${text}</p>`);
}

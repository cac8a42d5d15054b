// What a scenario is, and the site that scenarios visit: a real server with a login, behind one session middleware.
import { setTimeout as pause } from 'node:timers/promises';

import type { Application, NextFunction, Request, Response } from 'express';

import { Client, serve, type Answer } from '../../support/http.js';
import type { AnyStore, Options, Subject } from './subject.js';

/** What a peer was seen to do, as something that can be asked of any implementation. */
export interface Scenario {
  /** The observation's number. */
  readonly id: string;
  /** The promise, as a sentence. */
  readonly what: string;
  /** `'holds'`, or what happened instead. */
  run(subject: Subject): Promise<string>;
}

export const HOLDS = 'holds';

/** @param findings What went wrong; false for what did not. */
export function verdict(...findings: (string | false)[]): string {
  return findings.filter((finding) => finding !== false).join('; ') || HOLDS;
}

/** That a response never comes can only be seen by waiting. Whatever comes at all comes within milliseconds here. */
const PATIENCE_MS = 500;

/** Null: no answer in time. */
export async function inTime<T>(answer: Promise<T>): Promise<T | null> {
  // It fails when the server is closed.
  answer.catch(() => undefined);
  const late = new AbortController();
  const nothing = pause(PATIENCE_MS, null, { signal: late.signal }).catch(() => null);
  return Promise.race([answer, nothing]).finally(() => late.abort());
}

/** The session as what it is for: names and values. */
export const dataOf = (req: Request): Record<string, unknown> =>
  req.session as unknown as Record<string, unknown>;

export interface Site extends AsyncDisposable {
  readonly client: Client;
  readonly port: number;
  readonly store: AnyStore;
}

interface Setting extends Options {
  readonly routes?: (app: Application) => void;
}

/** `/login`, `/me`, `/id` and `/logout`, and the routes of the scenario. */
export async function open(
  subject: Subject,
  store: AnyStore,
  { routes, ...options }: Setting = {},
): Promise<Site> {
  const app = subject.express();
  app.use(subject.session({ ...options, store }));
  app.get('/login', (req, res) => {
    dataOf(req)['user'] = 'alice';
    res.send('welcome');
  });
  app.get('/me', (req, res) => void res.send(userOf(req)));
  app.get('/id', (req, res) => void res.send(req.sessionID));
  app.get('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : void res.send('bye')));
  });
  routes?.(app);
  app.use((_error: unknown, _req: Request, res: Response, next: NextFunction) => {
    if (res.headersSent) next();
    else res.status(500).send('failed');
  });
  const running = await serve(app);
  return {
    client: new Client(running.port),
    port: running.port,
    store,
    [Symbol.asyncDispose]: () => running.close(),
  };
}

/** What `/me` says. */
export function userOf(req: Request): string {
  const session = req.session as typeof req.session | undefined;
  return session === undefined ? 'req.session is undefined' : ((dataOf(req)['user'] ?? 'nobody') as string);
}

/** A finding unless the user is still known. */
export function unlessKnown(answer: Answer | null): string | false {
  if (answer === null) return 'the next request hangs';
  return answer.body !== 'alice' && `the next request knows ${answer.body}`;
}

/** A promise to be kept from outside. */
export function door(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((done) => (open = done));
  return { opened, open: () => open() };
}

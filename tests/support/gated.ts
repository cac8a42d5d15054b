// Servers whose responses leave through the gate: Express with compression in every place, on a store that can be
// slow or broken. Knows no test.
import compression from 'compression';
import type express5 from 'express';
import type { Express, NextFunction, Request, Response } from 'express';

import type { SessionManagerOptions } from '../../src/http/options.js';
import type { SessionData } from '../../src/session-data.js';
import { SessionManager } from '../../src/session-manager.js';
import { DelayedStore } from './delayed-store.js';
import { Client, EXPRESS, serve, type Running } from './http.js';
import { SECRET } from './secret.js';

export const PLACES = ['absent', 'outside', 'inside'] as const;
export type Place = (typeof PLACES)[number];

/** Express 4 and 5, each with compression in every place. */
export const STACKS = EXPRESS.flatMap(([name, express]) =>
  PLACES.map((place): [string, Stack] => [`${name}, compression ${place}`, { express, place }]),
);

export interface Stack {
  readonly express: typeof express5;
  readonly place: Place;
}

export interface Gated extends Running {
  readonly app: Express;
  readonly sessions: SessionManager;
  readonly store: DelayedStore;
  readonly client: Client;
  /** What reached the error handler. */
  readonly errors: unknown[];
}

type Setting = Stack & {
  delayMs?: number;
  options?: Partial<SessionManagerOptions<SessionData>>;
  /** Before the sessions. */
  before?: (app: Express) => void;
  routes: (app: Express, sessions: SessionManager) => void;
  /** Default: the status and the code of the error, as text. */
  onError?: (error: unknown, req: Request, res: Response, next: NextFunction) => unknown;
};

const open: Gated[] = [];

/** For `afterEach`. The managers must find nothing under way that does not end. */
export async function closeGated(): Promise<void> {
  for (const gated of open.splice(0)) {
    await gated.close();
    await gated.sessions.close();
  }
}

export async function gated(setting: Setting): Promise<Gated> {
  const { express, place, delayMs = 0, options, before, routes } = setting;
  const store = new DelayedStore(delayMs, options?.clock);
  const sessions = new SessionManager({ secret: SECRET, store, ...options });
  const errors: unknown[] = [];
  const onError = setting.onError ?? plainError;
  const app = express();
  app.set('env', 'test');
  before?.(app);
  if (place === 'outside') app.use(compression({ threshold: 0 }));
  app.use(sessions.middleware());
  if (place === 'inside') app.use(compression({ threshold: 0 }));
  routes(app, sessions);
  app.use((error: unknown, req: Request, res: Response, next: NextFunction) => {
    errors.push(error);
    if (res.headersSent) next(error);
    else onError(error, req, res, next);
  });
  const running = await serve(app);
  const result = { ...running, app, sessions, store, errors, client: new Client(running.port) };
  open.push(result);
  return result;
}

function plainError(error: unknown, _req: Request, res: Response): void {
  const { status = 500, code = 'none' } = error as { status?: number; code?: string };
  res.status(status).send(code);
}

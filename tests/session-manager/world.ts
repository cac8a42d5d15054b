// What the tests of the manager share: an Express app with a manager on a store that can be made to fail, a clock
// that stands still, and browsers. Knows no test.
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';

import cookieParser from 'cookie-parser';
import express5, { type Express, type NextFunction, type Request, type Response } from 'express';

import { isBroken, type SessionRecord } from '../../src/core/contract.js';
import type { SessionManagerOptions } from '../../src/http/options.js';
import { SessionManager } from '../../src/session-manager.js';
import type { SessionData } from '../../src/session-data.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { createFakeClock, type FakeClock } from '../../src/testing/fake-clock.js';
import { faultyStore, type FaultyStore } from '../../src/testing/faulty-store.js';
import { Client, serve } from '../support/http.js';
import { SECRET } from '../support/secret.js';

export type Handler = (req: Request, res: Response) => unknown;

export interface World extends FaultyStore<MemoryStore> {
  readonly app: Express;
  readonly sessions: SessionManager;
  readonly clock: FakeClock;
  /** The store behind the faults: what is really there. */
  readonly memory: MemoryStore;
  /** A first browser. */
  readonly client: Client;
  /** What reached the error handler, oldest first. */
  readonly errors: unknown[];
  /** What the logger was told to warn of, as codes. */
  readonly warnings: string[];
  /** Answers GET on a path. */
  on(path: string, handler: Handler): void;
  /** Another browser, without cookies. */
  browser(): Client;
}

export interface Setting extends Partial<SessionManagerOptions<SessionData>> {
  express?: typeof express5;
  /** Reads through `find`, as a store elsewhere does. */
  asyncOnly?: boolean;
  /** Mounts cookie-parser before the sessions. */
  withCookieParser?: boolean;
  /** Ids instead of handles as keys. */
  plainIds?: boolean;
}

const endings: (() => Promise<void>)[] = [];

/** Ends every world of a test; for `afterEach`. */
export async function closeWorlds(): Promise<void> {
  for (const end of endings.splice(0)) await end();
}

/** The error handler answers with the status and the code of what it is given. */
export async function createWorld(setting: Setting = {}): Promise<World> {
  const {
    express = express5,
    asyncOnly = false,
    withCookieParser = false,
    plainIds = false,
    ...options
  } = setting;
  const clock = createFakeClock();
  const memory = new MemoryStore({
    clock: options.clock ?? clock,
    cleanupInterval: 0,
    ...(plainIds ? { idAtRest: 'plain' as const } : null),
  });
  const faulty = faultyStore(memory, asyncOnly ? { hide: ['findSync'] } : {});
  const warnings: string[] = [];
  const sessions = new SessionManager({
    secret: SECRET,
    clock,
    store: faulty.store,
    logger: {
      warn: (facts) => warnings.push((facts as { code: string }).code),
      error: () => undefined,
    },
    ...options,
  });
  const errors: unknown[] = [];
  const app = express();
  if (withCookieParser) app.use(cookieParser());
  app.use(sessions.middleware());
  const routes = express.Router();
  app.use(routes);
  app.use((error: unknown, _req: Request, res: Response, next: NextFunction) => {
    errors.push(error);
    if (res.headersSent) {
      next(error);
      return;
    }
    const { status = 500, code = String(error) } = error as { status?: number; code?: string };
    res.status(status).send(code);
  });
  const running = await serve(app);
  endings.push(async () => {
    await running.close();
    await sessions.close();
  });
  return {
    ...faulty,
    app,
    sessions,
    clock,
    memory,
    errors,
    warnings,
    client: new Client(running.port),
    on: (path, handler) => routes.get(path, sessions.handler(handler)),
    browser: () => new Client(running.port),
  };
}

/** Opens once: what waits for `opened` goes on when `open` is called. */
export function createGate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

/** The code a promise is rejected with, or `undefined`. */
export async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** The data of every stored session. */
export async function storedData(world: World): Promise<unknown[]> {
  return (await world.sessions.getAllSessions()).map(({ data }) => data);
}

/** Every stored record, closed ones left out. */
export async function storedRecords(memory: MemoryStore): Promise<SessionRecord[]> {
  const records: SessionRecord[] = [];
  for await (const entry of memory.scan()) if (!isBroken(entry)) records.push(entry);
  return records;
}

/** A text of the query string. */
export function query(req: Request, name: string): string {
  const value = req.query[name];
  return typeof value === 'string' ? value : '';
}

/** A request without a response, as WebSocket servers have it. */
export function createRequest(cookie = ''): Request {
  const req = new IncomingMessage(new Socket());
  req.headers.cookie = cookie;
  return req as Request;
}

/** Matches an error of this code; for `toThrow`. */
export const withCode = (code: string): Error => expect.objectContaining({ code }) as Error;

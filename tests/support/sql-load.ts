// An app under load on a SQL store, for tests of databases that fail: Express with a manager, and the browsers of
// redis-load.ts, which log in, read, write and log out all the time and know what they were told. Knows no engine, no
// test and no fault.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import express, { type NextFunction, type Request, type Response } from 'express';

import { hasCode } from '../../src/core/errors.js';
import { SessionManager } from '../../src/session-manager.js';
import type { SqlStore } from '../../src/stores/sql/sql-store.js';
import { Load, type App } from './redis-load.js';
import { SECRET } from './secret.js';

export { isClearing, type Answered, type Load, type Outcome } from './redis-load.js';

export const STORE_TIMEOUT_MS = 500;

export interface Serving {
  readonly port: number;
  close(): Promise<void>;
}

interface Visits {
  counted: string[];
  [key: string]: unknown;
}

/** Browsers ask for nothing but the port. */
export const loadOn = ({ port }: Pick<Serving, 'port'>): Load => new Load({ port } as App);

/**
 * Answers 503 with the code of what failed, and `{ isOut: true }` to those who are not logged in.
 * @param port One that was used before, to come back where browsers look for it; default: a free one.
 */
export async function serveSessions(store: SqlStore, port = 0): Promise<Serving> {
  const sessions = new SessionManager<Visits>({ secret: SECRET, store, storeTimeout: STORE_TIMEOUT_MS });
  // They have no listener of their own here: each request says what went wrong.
  store.on('error', () => undefined);
  sessions.on('error', () => undefined);
  const app = express().use(sessions.middleware());
  const on = (path: string, handler: (req: Request, res: Response) => Promise<void>): void => {
    app.get(path, async (req, res) => {
      try {
        if ((await sessions.userOf(req)) === undefined) res.json({ isOut: true });
        else await handler(req, res);
      } catch (error) {
        if (!hasCode(error, 'ERR_SESSION_ENDED')) throw error;
        res.json({ isOut: true });
      }
    });
  };
  app.get('/login/:user', async (req, res) => {
    await sessions.login(req, req.params.user);
    res.json({});
  });
  on('/all', async (req, res) => {
    res.json(await sessions.all(req));
  });
  on('/count/:token', async (req, res) => {
    await sessions.update(req, 'counted', (list = []) => [...list, String(req.params['token'])]);
    res.json({});
  });
  on('/set/:key/:value', async (req, res) => {
    const { key = '', value } = req.params as Record<string, string>;
    // Stored by the response itself, which waits for it.
    sessions.session(req)[key] = Number(value);
    res.json({});
  });
  // For disks that are to be full.
  on('/weigh/:kilobytes', async (req, res) => {
    await sessions.set(req, 'weight', 'x'.repeat(Number(req.params['kilobytes']) * 1_000));
    res.json({});
  });
  on('/logout', async (req, res) => {
    await sessions.logout(req);
    res.json({});
  });
  app.use((error: unknown, _req: Request, res: Response, next: NextFunction) => {
    if (res.headersSent) {
      next(error);
      return;
    }
    const { status = 500, code = String(error) } = error as { status?: number; code?: string };
    res.status(status).json({ code });
  });
  const server = createServer(app).listen(port, '127.0.0.1');
  await once(server, 'listening');
  // Whether a connection is used again is the browser's to say.
  server.keepAliveTimeout = 0;
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await sessions.close();
      await store.close();
    },
  };
}

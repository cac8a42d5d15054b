// An Express app whose routes log in, write, read and log out, and whose slow requests wait until the test lets them go.
import { setTimeout as wait } from 'node:timers/promises';

import express, { type NextFunction, type Request, type Response } from 'express';

import type { ExpressStore } from '../../src/stores/express-store.js';
import { Client, serve } from '../support/http.js';
import type { Face, FaceOptions, Sessions } from './faces.js';

export interface App {
  readonly sessions: Sessions;
  /** A browser without cookies. */
  browser(): Client;
  /** This many more requests to `/slow` have read their session and wait. */
  waiting(count: number): Promise<void>;
  /** Lets those that wait go on. */
  letGo(): void;
  close(): Promise<void>;
}

export async function startApp(face: Face, store: ExpressStore, options?: FaceOptions): Promise<App> {
  const sessions = face.start(store, options);
  let slow: (() => void)[] = [];
  const app = express();
  app.set('env', 'test');
  app.use(sessions.middleware);
  app.get('/login', async (req, res) => {
    await sessions.login(req, query(req, 'user'));
    res.send('welcome');
  });
  app.get('/logout', async (req, res) => {
    await sessions.logout(req);
    res.send('bye');
  });
  app.get('/read', async (req, res) => {
    res.json(await sessions.read(req));
  });
  app.get('/write', async (req, res) => {
    await sessions.write(req, query(req, 'key'), JSON.parse(query(req, 'value')));
    res.send('written');
  });
  app.get('/slow', async (req, res) => {
    await sessions.read(req);
    await new Promise<void>((resolve) => slow.push(resolve));
    const key = query(req, 'key');
    if (key !== '') await sessions.write(req, key, true);
    res.send('done');
  });
  app.use((error: unknown, _req: Request, res: Response, next: NextFunction) => {
    if (res.headersSent) next(error);
    else res.status(500).send((error as { code?: string }).code ?? String(error));
  });
  const running = await serve(app);
  return {
    sessions,
    browser: () => new Client(running.port),
    async waiting(count) {
      while (slow.length < count) await wait(2);
    },
    letGo() {
      for (const resolve of slow) resolve();
      slow = [];
    },
    async close() {
      await running.close();
      await sessions.close();
    },
  };
}

/** A text of the query string. */
export function query(req: Request, name: string): string {
  const value = req.query[name];
  return typeof value === 'string' ? value : '';
}

/** What the session of a browser holds. */
export async function read(browser: Client): Promise<Record<string, unknown>> {
  const { status, body } = await browser.get('/read');
  if (status !== 200) throw new Error(`${status} ${body}`);
  return JSON.parse(body) as Record<string, unknown>;
}

export async function write(browser: Client, key: string, value: unknown): Promise<void> {
  const { status, body } = await browser.get(
    `/write?key=${key}&value=${encodeURIComponent(JSON.stringify(value))}`,
  );
  if (status !== 200) throw new Error(`${status} ${body}`);
}

// Sites with any options, one after the other on one server. Knows no test.
import express, { type RequestHandler } from 'express';

import type { SessionManagerOptions } from '../../src/http/options.js';
import { SessionManager } from '../../src/session-manager.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import { Client, serve, type Answer, type Running } from '../support/http.js';
import { SECRET } from '../support/secret.js';

export type Options = Partial<SessionManagerOptions>;

const store = new MemoryStore({ cleanupInterval: 0 });
let mounted: RequestHandler = (_req, _res, next) => {
  next();
};
let running: Running;

beforeAll(async () => {
  const app = express();
  app.set('env', 'test');
  app.set('trust proxy', true);
  app.disable('x-powered-by');
  app.use((req, res, next) => mounted(req, res, next));
  running = await serve(app);
});

afterAll(() => running.close());

/** The answer of a site without sessions. */
export function bareVisit(): Promise<Answer> {
  mounted = (_req, res) => res.end();
  return new Client(running.port).get('/');
}

/** The answer to a first visit of a site with these options; or the code of their refusal. */
export async function visit(
  options: Options,
  headers: Record<string, string> = {},
): Promise<Answer | string> {
  let sessions: SessionManager<Record<string, unknown>>;
  try {
    sessions = new SessionManager<Record<string, unknown>>({ secret: SECRET, store, ...options });
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  mounted = (req, res, next) => {
    sessions.middleware()(req, res, () => {
      sessions.set(req, 'a', 1).then(() => res.end(), next);
    });
  };
  try {
    return await new Client(running.port).get('/', { headers });
  } finally {
    await sessions.close();
  }
}

/** The attributes of a Set-Cookie line by their lower-case names. */
export function attributesOf(line: string): Map<string, string> {
  const parts = line.split('; ').slice(1);
  return new Map(
    parts.map((part) => part.split('=')).map(([name = '', value = '']) => [name.toLowerCase(), value]),
  );
}

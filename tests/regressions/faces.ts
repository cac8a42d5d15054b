// One site under both faces of the package, for advisories that concern both: the same routes, a store at hand, and
// cookies signed as by somebody who has the secret.
import { createHmac } from 'node:crypto';

import express, { type Express, type Request, type RequestHandler } from 'express';

import type { SessionId } from '../../src/core/contract.js';
import { Signer } from '../../src/core/signing.js';
import session, { type SessionOptions } from '../../src/express-session/index.js';
import type { SessionManagerOptions } from '../../src/http/options.js';
import { SessionManager } from '../../src/session-manager.js';
import type { SessionData } from '../../src/session-data.js';
import { MemoryStore } from '../../src/stores/memory-store.js';
import type { RecordStore } from '../../src/stores/store.js';
import { Client, serve } from '../support/http.js';
import { query } from '../session-manager/world.js';
import { SECRET } from '../support/secret.js';

/** What the routes do, in the words of each face. */
interface Actions {
  readonly middleware: RequestHandler;
  read(req: Request, key: string): Promise<unknown>;
  write(req: Request, key: string, value: unknown): Promise<void>;
  regenerate(req: Request): Promise<void>;
  destroy(req: Request): Promise<void>;
  close(): Promise<void>;
}

export interface Face {
  readonly name: string;
  actions(store: RecordStore, options: FaceOptions): Actions;
  /** The value of a cookie under a good signature, whatever the id. */
  sign(id: string, secret?: string): string;
  /** The id in a cookie's value. */
  idIn(value: string): string;
}

export type FaceOptions = Partial<Pick<SessionManagerOptions<SessionData>, 'generateId'>>;

const NAME = 'sid';

const manager: Face = {
  name: 'SessionManager',
  actions(store, options) {
    const sessions = new SessionManager<SessionData>({ secret: SECRET, store, cookieName: NAME, ...options });
    return {
      middleware: sessions.middleware(),
      read: async (req, key) => (await sessions.get(req, key)) as unknown,
      write: async (req, key, value) => {
        await sessions.set(req, key, value);
      },
      regenerate: async (req) => {
        await sessions.regenerate(req);
      },
      destroy: async (req) => {
        await sessions.destroy(req);
      },
      close: () => sessions.close(),
    };
  },
  sign: (id, secret = SECRET) => new Signer(NAME, [secret]).sign(id as SessionId),
  idIn: (value) => value.slice(0, value.indexOf('.')),
};

const dropIn: Face = {
  name: 'the drop-in',
  actions(store, { generateId }) {
    const options: SessionOptions = {
      secret: SECRET,
      store,
      name: NAME,
      resave: false,
      saveUninitialized: false,
    };
    const dataOf = (req: Request): Record<string, unknown> =>
      req.session as unknown as Record<string, unknown>;
    return {
      middleware: session(generateId === undefined ? options : { ...options, genid: generateId }),
      read: async (req, key) => dataOf(req)[key],
      write: async (req, key, value) => {
        dataOf(req)[key] = value;
      },
      regenerate: async (req) => {
        await (req.session as unknown as { regenerate(): Promise<void> }).regenerate();
      },
      destroy: async (req) => {
        await (req.session as unknown as { destroy(): Promise<void> }).destroy();
      },
      close: async () => undefined,
    };
  },
  sign(id, secret = SECRET) {
    const mac = createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '');
    return encodeURIComponent(`s:${id}.${mac}`);
  },
  idIn(value) {
    const text = decodeURIComponent(value);
    return text.slice(2, text.lastIndexOf('.'));
  },
};

export const FACES: readonly (readonly [string, Face])[] = [
  [manager.name, manager],
  [dropIn.name, dropIn],
];

export interface Site {
  readonly port: number;
  readonly store: RecordStore;
  readonly app: Express;
  browser(): Client;
  /** What a browser with this cookie is told of `who`; `null`: a stranger. */
  whoIs(value: string): Promise<unknown>;
  /** The cookie's value that a browser holds. */
  valueOf(client: Client): string;
  /** Lets the requests to /slow go on; `started` resolves when one of them has read its session. */
  readonly slow: { readonly started: Promise<void>; goOn(): void };
}

const endings: (() => Promise<void>)[] = [];

/** Ends every site of a test; for `afterEach`. */
export async function closeSites(): Promise<void> {
  for (const end of endings.splice(0)) await end();
}

/**
 * GET /who reads, /login?as= begins a session under a new id, /set?key=&value= writes, /logout ends it, and /slow reads,
 * waits, and writes.
 */
export async function openSite(
  face: Face,
  store: RecordStore = new MemoryStore({ cleanupInterval: 0 }),
  options: FaceOptions = {},
): Promise<Site> {
  const { middleware, read, write, regenerate, destroy, close } = face.actions(store, options);
  const app = express();
  app.use(middleware);
  app.get('/who', async (req, res) => void res.json((await read(req, 'who')) ?? null));
  app.get('/set', async (req, res) => {
    await write(req, query(req, 'key'), query(req, 'value'));
    res.json('set');
  });
  app.get('/login', async (req, res) => {
    await regenerate(req);
    await write(req, 'who', query(req, 'as'));
    res.json('welcome');
  });
  app.get('/logout', async (req, res) => {
    await destroy(req);
    res.json('bye');
  });
  let begin = (): void => undefined;
  let goOn = (): void => undefined;
  const started = new Promise<void>((resolve) => (begin = resolve));
  const gone = new Promise<void>((resolve) => (goOn = resolve));
  app.get('/slow', async (req, res) => {
    await read(req, 'who');
    begin();
    await gone;
    // What is written to a session that ended meanwhile may fail: the request says so, and the session stays ended.
    await write(req, 'late', 'yes').catch(() => undefined);
    res.json('late');
  });
  const running = await serve(app);
  endings.push(async () => {
    goOn();
    await running.close();
    await close();
  });
  return {
    port: running.port,
    store,
    app,
    browser: () => new Client(running.port),
    async whoIs(value) {
      const answer = await new Client(running.port).get('/who', { headers: { cookie: `${NAME}=${value}` } });
      expect(answer.status).toBe(200);
      return JSON.parse(answer.body) as unknown;
    },
    valueOf: (client) => client.jar.get(NAME) ?? '',
    slow: { started, goOn: () => goOn() },
  };
}

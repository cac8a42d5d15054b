// An app under load, for tests of servers that fail: Express with a manager on a RedisStore, and browsers with several tabs
// each that log in, read, write and log out all the time, and know what they were told. Knows no test and no fault.
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

import express, { type NextFunction, type Request, type Response } from 'express';

import { hasCode } from '../../src/core/errors.js';
import { SessionManager } from '../../src/session-manager.js';
import { RedisStore } from '../../src/stores/redis-store.js';
import { serve } from './http.js';
import type { Connect, ConnectedClient } from './redis-clients.js';
import { SECRET } from './secret.js';

export const STORE_TIMEOUT_MS = 500;
const BROWSERS = 8;
const TABS = 3;
/** Between two requests of a tab, at most. */
const PAUSE_MS = 50;
/** Good answers for so long: the fault is over. */
const CALM_MS = 1_000;
/** How often a session is looked at, at most. */
const LOOKS = 10;
const LONGEST_WAIT_MS = 30_000;

export interface App {
  readonly client: string;
  readonly port: number;
  readonly store: RedisStore;
  readonly connection: ConnectedClient;
  close(): Promise<void>;
}

export interface AppOptions {
  storeTimeout?: number;
  /** Before a write, when the session has been read. */
  beforeWrite?: () => Promise<unknown>;
  /** After a write, before it is answered. */
  afterWrite?: (connection: ConnectedClient) => Promise<unknown>;
}

interface Visits {
  counted: string[];
  [key: string]: unknown;
}

/** Answers 503 with the code of what failed, and `{ isOut: true }` to those who are not logged in. */
export async function openApp(
  client: string,
  connect: Connect,
  port: number,
  { storeTimeout = STORE_TIMEOUT_MS, beforeWrite, afterWrite }: AppOptions = {},
): Promise<App> {
  const connection = await connect(port);
  const store = new RedisStore({ client: connection.client, prefix: `${client}:` });
  const sessions = new SessionManager<Visits>({ secret: SECRET, store, storeTimeout });
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
    await afterWrite?.(connection);
    res.json({});
  });
  on('/all', async (req, res) => {
    res.json(await sessions.all(req));
  });
  on('/count/:token', async (req, res) => {
    await beforeWrite?.();
    await sessions.update(req, 'counted', (list = []) => [...list, String(req.params['token'])]);
    await afterWrite?.(connection);
    res.json({});
  });
  on('/set/:key/:value', async (req, res) => {
    const { key = '', value } = req.params as Record<string, string>;
    // Stored by the response itself, which waits for it.
    sessions.session(req)[key] = Number(value);
    if (afterWrite !== undefined) await sessions.session(req).save();
    await afterWrite?.(connection);
    res.json({});
  });
  on('/logout', async (req, res) => {
    await sessions.logout(req);
    await afterWrite?.(connection);
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
  const running = await serve(app);
  // Whether a connection is used again is the browser's to say.
  running.server.keepAliveTimeout = 0;
  return {
    ...{ client, store, connection, port: running.port },
    async close() {
      await running.close();
      await sessions.close();
      await store.close();
      connection.close();
    },
  };
}

export interface Answered {
  readonly path: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly ms: number;
  /** Of this time this process stood still at least so long: for others on the machine. */
  readonly heldMs: number;
  /** 0: the connection broke. */
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly cookies: readonly string[];
}

interface Session {
  cookie: string;
  /** `unknown`: a logout was not answered with 200. */
  fate: 'living' | 'leaving' | 'unknown' | 'destroyed' | 'lost';
  /** Of writes that were answered with 200. */
  readonly counted: Set<string>;
  readonly set: Map<string, { acknowledged: number; sent: number }>;
}

export interface Outcome {
  /** Writes that were answered with 200, logins and logouts included. */
  acknowledged: number;
  lost: number;
  /** Counted twice, or by nobody. */
  wrong: number;
  /** Stored although the answer was 503: they arrived later. */
  late: number;
  destroyed: number;
  cameBack: number;
  /** Of sessions that nobody ended. */
  loggedOut: number;
}

export const isClearing = (line: string): boolean => /;\s*max-age=0(;|$)/i.test(line);

export class Load {
  readonly answers: Answered[] = [];
  readonly #app: App;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #sessions: Session[] = [];
  readonly #held = new Held();
  #tabs: Promise<void>[] = [];
  #goesOn = true;
  #tokens = 0;

  constructor(app: App) {
    this.#app = app;
  }

  /** Each browser has logged in when it resolves. */
  async start(): Promise<void> {
    const browsers = Array.from({ length: BROWSERS }, (_, at) => new Browser(`user-${String(at)}`));
    await Promise.all(browsers.map((browser) => this.#login(browser)));
    this.#tabs = browsers.flatMap((browser) =>
      Array.from({ length: TABS }, (_, tab) => this.#use(browser, tab)),
    );
  }

  async get(path: string, cookie = ''): Promise<Answered> {
    const startedAt = performance.now();
    const held = this.#held.ms;
    const { port } = this.#app;
    const call = request({
      ...{ host: '127.0.0.1', port, path, agent: this.#agent },
      headers: cookie === '' ? {} : { cookie },
    });
    call.end();
    const { status, text, cookies } = await answerOf(call).catch(() => ({
      ...{ status: 0, text: '{}', cookies: [] },
    }));
    const endedAt = performance.now();
    const body = JSON.parse(text) as Record<string, unknown>;
    const times = { startedAt, endedAt, ms: endedAt - startedAt, heldMs: this.#held.ms - held };
    const answer = { path, ...times, status, body, cookies };
    this.answers.push(answer);
    return answer;
  }

  /** Waits until every answer is good again, and returns how long after that moment the last bad one came, ms. */
  async recovered(since: number): Promise<number> {
    for (;;) {
      await pause(50);
      const now = performance.now();
      const lastBad = this.answers.findLast(({ status }) => status !== 200)?.endedAt ?? since;
      const lastGood = this.answers.findLast(({ status }) => status === 200)?.endedAt ?? 0;
      const isCalm = now - Math.max(lastBad, since) >= CALM_MS && now - lastGood < CALM_MS;
      if (isCalm || now - since > LONGEST_WAIT_MS)
        return isCalm ? Math.max(0, Math.round(lastBad - since)) : Infinity;
    }
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#goesOn = false;
    await Promise.all(this.#tabs);
    this.#held.stop();
  }

  /** Looks into every session that there was. */
  async outcome(): Promise<Outcome> {
    const acknowledged = this.answers.filter((answer) => answer.path !== '/all' && isDone(answer)).length;
    const outcome = {
      ...{ acknowledged, lost: 0, wrong: 0, late: 0, destroyed: 0, cameBack: 0, loggedOut: 0 },
    };
    for (const session of this.#sessions) await this.#look(session, outcome);
    return outcome;
  }

  async #look({ cookie, fate, counted, set }: Session, outcome: Outcome): Promise<void> {
    let { status, body } = await this.get('/all', cookie);
    // What the load did is over; a machine that is busy with something else is asked again.
    for (let attempt = 1; status !== 200 && attempt < LOOKS; attempt++) {
      await pause(500);
      ({ status, body } = await this.get('/all', cookie));
    }
    if (status !== 200) throw new Error(`What is stored cannot be seen: ${String(status)}.`);
    const isOut = body['isOut'] === true;
    if (fate === 'destroyed') {
      outcome.destroyed++;
      outcome.cameBack += Number(!isOut);
    } else if (isOut) {
      if (fate === 'unknown') return;
      outcome.loggedOut++;
      // The login too.
      const keys = [...set.values()].filter(({ acknowledged }) => acknowledged > 0);
      outcome.lost += 1 + counted.size + keys.length;
    } else {
      const stored = (body['counted'] ?? []) as string[];
      const unique = new Set(stored);
      outcome.wrong += stored.length - unique.size;
      outcome.late += [...unique].filter((token) => !counted.has(token)).length;
      outcome.lost += [...counted].filter((token) => !unique.has(token)).length;
      for (const [key, { acknowledged, sent }] of set) {
        const value = Number(body[key] ?? 0);
        if (value < acknowledged) outcome.lost++;
        if (value > acknowledged) outcome.late++;
        if (value > sent) outcome.wrong++;
      }
    }
  }

  async #login(browser: Browser): Promise<void> {
    const { status, cookies } = await this.get(`/login/${browser.user}`);
    const line = cookies.find((cookie) => !isClearing(cookie));
    if (status !== 200 || line === undefined) return;
    const cookie = line.slice(0, line.indexOf(';'));
    browser.session = { cookie, fate: 'living', counted: new Set(), set: new Map() };
    this.#sessions.push(browser.session);
  }

  async #use(browser: Browser, tab: number): Promise<void> {
    while (this.#goesOn) {
      const { session } = browser;
      if (session?.fate === 'living') await this.#visit(session, tab);
      else if (tab === 0) await this.#login(browser);
      await pause(Math.random() * PAUSE_MS);
    }
  }

  async #visit(session: Session, tab: number): Promise<void> {
    const { cookie } = session;
    const chance = Math.random();
    let answer: Answered;
    if (chance < 0.5) {
      const token = (++this.#tokens).toString(36);
      answer = await this.get(`/count/${token}`, cookie);
      if (isDone(answer)) session.counted.add(token);
    } else if (chance < 0.7) {
      const value = session.set.get(`tab${String(tab)}`) ?? { acknowledged: 0, sent: 0 };
      session.set.set(`tab${String(tab)}`, value);
      const sent = ++value.sent;
      answer = await this.get(`/set/tab${String(tab)}/${String(sent)}`, cookie);
      if (isDone(answer)) value.acknowledged = sent;
    } else if (chance < 0.96 || tab > 0) {
      answer = await this.get('/all', cookie);
    } else {
      session.fate = 'leaving';
      answer = await this.get('/logout', cookie);
      session.fate = answer.status === 200 ? 'destroyed' : 'unknown';
    }
    if (answer.body['isOut'] === true && session.fate === 'living') session.fate = 'lost';
  }
}

class Browser {
  readonly user: string;
  session: Session | undefined;

  constructor(user: string) {
    this.user = user;
  }
}

const isDone = ({ status, body }: Answered): boolean => status === 200 && body['isOut'] !== true;

async function answerOf(call: ReturnType<typeof request>) {
  const [res] = (await once(call, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of res.setEncoding('utf8')) text += String(chunk);
  return { status: res.statusCode ?? 0, text, cookies: res.headers['set-cookie'] ?? [] };
}

/** How long this process could not go on when it was its turn, since it was made: a timer that is late. */
class Held {
  static readonly #EVERY_MS = 5;
  ms = 0;
  #last = performance.now();
  readonly #timer = setInterval(() => {
    const now = performance.now();
    this.ms += Math.max(0, now - this.#last - Held.#EVERY_MS - 1);
    this.#last = now;
  }, Held.#EVERY_MS);

  stop(): void {
    clearInterval(this.#timer);
  }
}

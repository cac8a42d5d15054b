// One application that uses the store options, every method of the memory set-up and the store's own controls, with
// cookie-parser in front and without it.
import cookieParser from 'cookie-parser';
import type { Express, Request, Response } from 'express';

import Required = require('../../src/index.cjs');
import { Client, EXPRESS, serve, type Running } from '../support/http.js';

function build(
  express: (typeof EXPRESS)[number][1],
  withParser: boolean,
): { app: Express; sessions: Required } {
  const sessions = new Required({
    storeType: 'memory',
    storeOptions: { cleanupInterval: 120_000, indexInterval: 30_000 },
    secret: 'a secret of this application, longer than 32 bytes',
    cookieName: 'shop.sid',
    maxAge: 1_800_000,
  });
  const store = sessions.store;
  const app = express();
  if (withParser) app.use(cookieParser());
  app.use(sessions.middleware());
  const on = (path: string, answer: (req: Request) => unknown): void => {
    app.get(
      path,
      sessions.handler(async (req: Request, res: Response) => {
        res.json((await answer(req)) ?? 'done');
      }),
    );
  };
  on('/', async (req) => {
    const seen = ((await sessions.get(req, 'seen')) as number | undefined) ?? 0;
    await sessions.set(req, 'seen', seen + 1);
    return seen + 1;
  });
  on('/touch', (req) => sessions.touch(req));
  on('/leave', (req) => sessions.destroy(req));
  on('/everybody', () => sessions.getAllSessions());
  on('/forget', () => sessions.clearAllSessions());
  on('/sweep/start', () => store.startCleanup());
  on('/sweep/stop', () => store.stopCleanup());
  on('/rebuild/start', () => store.startIndexRebuild());
  on('/rebuild/stop', () => store.stopIndexRebuild());
  return { app, sessions };
}

const setups = EXPRESS.flatMap(([name, express]) =>
  [true, false].map((withParser) => [name, withParser ? 'with' : 'without', express, withParser] as const),
);

describe.each(setups)('%s %s cookie-parser', (_name, _with, express, withParser) => {
  const { app, sessions } = build(express, withParser);
  let running: Running;
  let client: Client;
  const get = async (path: string): Promise<unknown> => JSON.parse((await client.get(path)).body) as unknown;

  beforeAll(async () => {
    running = await serve(app);
  });
  beforeEach(() => {
    client = new Client(running.port);
  });
  afterAll(async () => {
    await running.close();
    await sessions.close();
  });

  it('counts in the named cookie until the session is destroyed', async () => {
    const first = await client.get('/');
    expect(first.cookies).toEqual([expect.stringMatching(/^shop\.sid=.*; Max-Age=1800; Path=\/; HttpOnly/)]);
    expect([await get('/'), await get('/'), await get('/touch')]).toEqual([2, 3, true]);
    expect([await get('/leave'), await get('/leave'), await get('/touch')]).toEqual([true, false, false]);
    expect(await get('/')).toBe(1);
    await get('/leave');
  });

  it('lists what is stored, and nothing after clearing', async () => {
    await get('/');
    const [session, ...others] = (await get('/everybody')) as { expiresAt: number; createdAt: number }[];
    expect(session).toMatchObject({
      handle: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      data: { seen: 1 },
    });
    expect((session?.expiresAt ?? 0) - (session?.createdAt ?? 0)).toBe(1_800_000);
    expect(others).toEqual([]);
    await get('/forget');
    expect(await get('/everybody')).toEqual([]);
    expect(await get('/')).toBe(1);
    await get('/forget');
  });

  it.each(['/sweep/start', '/sweep/stop', '/rebuild/start', '/rebuild/stop'])(
    'answers %s, twice',
    async (path) => {
      expect([await get(path), await get(path)]).toEqual(['done', 'done']);
    },
  );
});

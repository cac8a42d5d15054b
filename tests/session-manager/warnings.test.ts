// Warnings about the set-up: each with its code and the place that explains it, once, and never for a good set-up.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import session from 'express-session';

import type { SessionManagerOptions } from '../../src/http/options.js';
import { SessionManager } from '../../src/session-manager.js';
import { freshPath } from '../support/directory.js';
import { Client, serve } from '../support/http.js';
import { SECRET } from '../support/secret.js';
import express from 'express';

const { NODE_ENV } = process.env;
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  process.env['NODE_ENV'] = NODE_ENV;
  for (const close of closing.splice(0)) await close();
});

interface Told {
  readonly code: string;
  readonly text: string;
}

type Environment = 'production' | 'development';
interface Site {
  readonly told: Told[];
  get(headers?: Record<string, string>): Promise<string[]>;
  codes(): string[];
}

/** A server whose page counts visits. */
async function open(
  environment: Environment,
  options: Partial<SessionManagerOptions>,
  prepare: (app: express.Express) => void = () => undefined,
): Promise<Site> {
  process.env['NODE_ENV'] = environment;
  const told: Told[] = [];
  const logger = {
    warn: (facts: object, text: string) => told.push({ ...(facts as { code: string }), text }),
    error: () => undefined,
  };
  const sessions = new SessionManager({ secret: SECRET, logger, ...options });
  const app = express();
  prepare(app);
  app.use(sessions.middleware());
  app.get('/', async (req, res) => {
    await sessions.update(req, 'visits', (visits) => Number(visits ?? 0) + 1);
    res.end();
  });
  const { port, close } = await serve(app);
  closing.push(close, () => sessions.close());
  return {
    told,
    codes: () => told.map(({ code }) => code),
    get: async (headers = {}) => (await new Client(port).get('/', { headers })).cookies,
  };
}

const files = (): Partial<SessionManagerOptions> => ({
  storeType: 'file',
  storeOptions: { path: freshPath() },
});
const overTls = { 'x-forwarded-proto': 'https' };
const behindProxy = (app: express.Express): void => void app.set('trust proxy', 'loopback');

it.each([
  ['production behind a proxy that is trusted', 'production', files, behindProxy, overTls],
  [
    'production, Secure by itself',
    'production',
    () => ({ ...files(), cookie: { secure: 'auto' } }),
    behindProxy,
    overTls,
  ],
  ['development', 'development', () => ({}), () => undefined, {}],
  ['development with files', 'development', files, () => undefined, {}],
  [
    'development, readable by scripts',
    'development',
    () => ({ cookie: { httpOnly: false, secure: false } }),
    () => undefined,
    {},
  ],
] as [
  string,
  Environment,
  () => Partial<SessionManagerOptions>,
  (app: express.Express) => void,
  Record<string, string>,
][])('warns of nothing in %s', async (_which, environment, options, prepare, headers) => {
  const { codes, get } = await open(environment, options(), prepare);
  for (let visit = 0; visit < 3; visit++) expect(await get(headers)).toHaveLength(1);
  expect(codes()).toEqual([]);
});

/** Code, how it comes about, and whether at construction or with a request. */
const CASES: [
  string,
  string,
  Environment,
  () => Partial<SessionManagerOptions>,
  Record<string, string>,
  'start' | 'request',
][] = [
  ['WARN_SESSION_SECRET', 'a short secret', 'development', () => ({ secret: 'short' }), {}, 'start'],
  [
    'WARN_SESSION_SECRET',
    'a short key',
    'development',
    () => ({ secret: { id: 'a', secret: 'x' } }),
    {},
    'start',
  ],
  [
    'WARN_SESSION_INSECURE',
    'cookie.secure false',
    'production',
    () => ({ ...files(), cookie: { secure: false } }),
    {},
    'start',
  ],
  [
    'WARN_SESSION_SCRIPTS',
    'cookie.httpOnly false',
    'production',
    () => ({ ...files(), cookie: { httpOnly: false } }),
    {},
    'start',
  ],
  [
    'WARN_SESSION_STORE',
    'an express-session store',
    'development',
    () => ({ store: new session.MemoryStore() }),
    {},
    'start',
  ],
  ['WARN_SESSION_INSECURE', 'plain HTTP', 'production', files, {}, 'request'],
  ['WARN_SESSION_TRUST_PROXY', 'a proxy that is not trusted', 'production', files, overTls, 'request'],
  [
    'WARN_SESSION_TRUST_PROXY',
    'such a proxy, Secure by itself',
    'production',
    () => ({ ...files(), cookie: { secure: 'auto' } }),
    overTls,
    'request',
  ],
  [
    'WARN_SESSION_MEMORY',
    'memory in production',
    'production',
    () => ({ cookie: { secure: 'auto' } }),
    {},
    'request',
  ],
];

it.each(CASES)('%s for %s, once and with a link', async (code, _how, environment, options, headers, when) => {
  const { codes, told, get } = await open(environment, options());
  const count = (): number => codes().filter((each) => each === code).length;
  expect(count()).toBe(when === 'start' ? 1 : 0);
  for (let visit = 0; visit < 3; visit++) await get(headers);
  expect(count()).toBe(1);
  for (const { text } of told) {
    expect(text).toMatch(/^[A-Za-z].*[.)] \(https:\/\/[^\s]+#warnings\)$/s);
    expect(text).not.toContain(SECRET);
  }
});

it('warns of memory with the first request that passes, used or not, and not of a store of one’s own', async () => {
  process.env['NODE_ENV'] = 'production';
  const told: string[] = [];
  const logger = { warn: (facts: object) => told.push((facts as Told).code), error: () => undefined };
  const sessions = new SessionManager({ secret: SECRET, logger });
  const app = express();
  app.get('/before', (_req, res) => void res.end());
  app.use(sessions.middleware());
  app.get('/after', (_req, res) => void res.end());
  const { port, close } = await serve(app);
  closing.push(close, () => sessions.close());
  await sessions.count();
  await new Client(port).get('/before');
  expect(told).toEqual([]);
  await new Client(port).get('/after');
  await new Client(port).get('/after');
  expect(told).toEqual(['WARN_SESSION_MEMORY']);
});

it('is a warning of the process where there is no logger', async () => {
  const emit = jest.spyOn(process, 'emitWarning').mockImplementation();
  process.env['NODE_ENV'] = 'production';
  const sessions = new SessionManager({ secret: SECRET, ...files(), cookie: { httpOnly: false } });
  closing.push(() => sessions.close());
  expect(emit.mock.calls).toEqual([
    [expect.stringContaining('#warnings'), { type: 'SessionWarning', code: 'WARN_SESSION_SCRIPTS' }],
  ]);
  emit.mockRestore();
});

it('is explained in the README, where the links lead', () => {
  const readme = resolve(__dirname, '../../README.md');
  expect(existsSync(readme)).toBe(true);
  const [, section = ''] = readFileSync(readme, 'utf8').split('### Warnings\n');
  for (const code of new Set(CASES.map(([each]) => each)))
    expect(section.split('\n### ')[0]).toContain(`\`${code}\``);
});

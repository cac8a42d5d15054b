// The bytes of every shape of response are those of the same app without sessions, plus the session's header lines.
import { createHash } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

import compression from 'compression';

import { SessionManager } from '../../src/session-manager.js';
import { DelayedStore } from '../support/delayed-store.js';
import { reportFault } from '../support/faults.js';
import { EXPRESS, serve, type Running } from '../support/http.js';
import { headerValues, rawRequest, type RawAnswer } from '../support/raw-http.js';
import { EXPRESS_SHAPES, NODE_SHAPES, type Note } from '../support/response-shapes.js';
import { SECRET } from '../support/secret.js';

type Act = (req: IncomingMessage, res: ServerResponse, note: Note) => unknown;
type Use = 'unused' | 'property' | 'facade';
type Listener = (act: Act, sessions: SessionManager | null, use: Use) => RequestListener;
const USES: Use[] = ['unused', 'property', 'facade'];
const PLACES = ['absent', 'outside', 'inside'] as const;

const nodeActs = Object.entries(NODE_SHAPES).map(([name, shape]): [string, Act] => [
  name,
  (req, res, note) => shape(res, note, req),
]);
const expressActs = Object.entries(EXPRESS_SHAPES).map(([name, shape]): [string, Act] => [
  name,
  (_req, res, note) => shape(res as never, note),
]);

let compared = 0;
const running: Running[] = [];
const managers: SessionManager[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
  await Promise.all(managers.splice(0).map((manager) => manager.close()));
});

afterAll(() => {
  const shapes = nodeActs.length + expressActs.length;
  reportFault({
    fault: 'F26',
    recipe: `${String(shapes)} shapes x GET, HEAD x Express 4, 5, node:http x compression x session use, raw TCP`,
    rounds: compared,
    result: 'same bytes',
  });
});

async function change(req: IncomingMessage, sessions: SessionManager | null, use: Use): Promise<void> {
  if (use === 'property' && sessions !== null) sessions.session(req)['n'] = 1;
  if (use === 'facade') await sessions?.set(req, 'n', 1);
}

/** Serves one shape and returns what a client gets, with what the handler noted. */
async function answers(listener: Listener, act: Act, use: Use | null, delayMs: number) {
  const notes: string[] = [];
  const note: Note = (run) => {
    try {
      const result = run();
      notes.push(typeof result === 'boolean' || typeof result === 'string' ? String(result) : 'done');
    } catch (error) {
      notes.push((error as { code: string }).code);
    }
  };
  const sessions =
    use === null ? null : new SessionManager({ secret: SECRET, store: new DelayedStore(delayMs) });
  if (sessions !== null) managers.push(sessions);
  const server = await serve(listener((req, res) => act(req, res, note), sessions, use ?? 'unused'));
  running.push(server);
  const headers = { 'Accept-Encoding': 'gzip' };
  const get = await rawRequest(server.port, { headers });
  const head = await rawRequest(server.port, { method: 'HEAD', headers });
  return { get, head, notes };
}

/** What must be the same: everything but the date, and but what the session adds where it is used. */
function comparable(answer: RawAnswer, isUsed: boolean) {
  const vary: string[] = [];
  const head = answer.head.filter((line) => {
    const [name = '', value = ''] = line.split(/:(.*)/s);
    if (name === 'Vary') vary.push(...value.split(',').map((field) => field.trim()));
    // What sets a session is not to be cached, whatever the app said.
    const isOurs = isUsed && (line.startsWith('Set-Cookie: sid=') || name === 'Cache-Control');
    return !isOurs && name !== 'Date' && name !== 'Vary';
  });
  return {
    informational: answer.informational,
    head,
    vary: vary.filter((field) => !isUsed || field !== 'Cookie'),
    bytes: answer.body.length,
    body: answer.body.length < 1_000 ? answer.body : createHash('sha256').update(answer.body).digest('hex'),
  };
}

async function compare(listener: Listener, act: Act): Promise<void> {
  const bare = await answers(listener, act, null, 0);
  const ways = USES.flatMap((use) => (use === 'unused' ? [0] : [0, 15]).map((delayMs) => ({ use, delayMs })));
  const compareOne = async ({ use, delayMs }: (typeof ways)[number]): Promise<void> => {
    const ours = await answers(listener, act, use, delayMs);
    const isUsed = use !== 'unused';
    for (const method of ['get', 'head'] as const) {
      const where = `${method}, session ${use}, ${String(delayMs)} ms`;
      expect([where, comparable(ours[method], isUsed)]).toEqual([where, comparable(bare[method], isUsed)]);
      expect(headerValues(ours[method], 'Set-Cookie')).toHaveLength(isUsed ? 1 : 0);
      if (isUsed) expect(headerValues(ours[method], 'Cache-Control')).toEqual(['no-store']);
      compared++;
    }
    expect([use, ours.notes]).toEqual([use, bare.notes]);
  };
  await Promise.all(ways.map(compareOne));
}

describe.each(EXPRESS)('%s', (_name, express) => {
  describe.each(PLACES)('compression %s', (place) => {
    const listener: Listener = (act, sessions, use) => {
      const app = express();
      app.set('env', 'test');
      if (place === 'outside') app.use(compression());
      if (sessions !== null) app.use(sessions.middleware());
      if (place === 'inside') app.use(compression());
      app.use((req, res, next) => {
        change(req, sessions, use).then(() => act(req, res, () => undefined), next);
      });
      return app;
    };
    it.each([...nodeActs, ...expressActs])('leaves the bytes of: %s', async (_shape, act) => {
      await compare(listener, act);
    });
  });
});

describe('node:http', () => {
  it.each(nodeActs)('leaves the bytes of: %s', async (_shape, act) => {
    const listener: Listener = (inner, sessions, use) => (req, res) => {
      const run = (): unknown => change(req, sessions, use).then(() => inner(req, res, () => undefined));
      if (sessions === null) run();
      else sessions.middleware()(req, res, run);
    };
    await compare(listener, act);
  });
});

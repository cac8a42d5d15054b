// F16: the wall clock jumps by a day. F17: timers of 24.8 days and beyond. Both with the real clock.
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import ts from 'typescript';

import { createSystemClock } from '../../src/core/clock.js';
import { closeWorlds, createWorld } from '../session-manager/world.js';
import { reportFault, rounds } from '../support/faults.js';

afterEach(closeWorlds);

const DAY_MS = 86_400_000;

it.each([DAY_MS, -DAY_MS])(
  'F16 expires nothing early and lets nothing live longer when the clock jumps by %s ms',
  async (jump) => {
    const full = rounds(50);
    const sessionsPerRound = 20;
    for (let round = 0; round < full; round++) {
      // As Date.now and performance.now are to the system clock, under our hand.
      let [wall, elapsed] = [Date.now(), performance.now()];
      const pass = (ms: number): void => {
        wall += ms;
        elapsed += ms;
      };
      const clock = createSystemClock(
        () => wall,
        () => elapsed,
      );
      const world = await createWorld({ clock, maxAge: 3_600_000, absoluteTimeout: 7_200_000 });
      const { browser, memory, on, sessions } = world;
      on('/set', async (req, res) => {
        await sessions.set(req, 'a', 1);
        res.end();
      });
      on('/get', async (req, res) => {
        res.json((await sessions.get(req, 'a')) ?? null);
      });
      const clients = Array.from({ length: sessionsPerRound }, browser);
      for (const client of clients) await client.get('/set');
      pass(1_800_000);
      wall += jump;
      await memory.removeExpired(1_000);
      expect(await sessions.count()).toBe(sessionsPerRound);
      for (const client of clients) {
        const answer = await client.get('/get');
        expect(answer.body).toBe('1');
        expect(answer.cookies[0]).toContain('Max-Age=3600;');
      }
      // Half of them go on being used, to their absolute end.
      const used = clients.slice(0, sessionsPerRound / 2);
      pass(3_599_000);
      for (const client of used) expect((await client.get('/get')).body).toBe('1');
      pass(1_000);
      for (const client of clients.slice(used.length))
        expect((await client.clone().get('/get')).body).toBe('null');
      pass(1_800_000);
      for (const client of used) expect((await client.get('/get')).body).toBe('null');
      await closeWorlds();
    }
    reportFault({
      fault: 'F16',
      recipe: `wall clock jumps by ${jump / DAY_MS} day(s) amid ${sessionsPerRound} sessions`,
      rounds: full,
      result: 'no mass expiry, no immortality, Max-Age unharmed',
    });
  },
);

const run = promisify(execFile);

/** The sources as CommonJS, for a process of its own. */
function transpile(target: string): void {
  const source = join(process.cwd(), 'src');
  for (const entry of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.ts')) continue;
    const { outputText } = ts.transpileModule(readFileSync(join(source, entry), 'utf8'), {
      compilerOptions: {
        module: ts.ModuleKind.CommonJS,
        target: ts.ScriptTarget.ES2022,
        esModuleInterop: true,
      },
    });
    const file = join(target, entry.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, outputText);
  }
}

describe('F17', () => {
  // Inside the project, so that it finds its dependencies.
  const folder = join(process.cwd(), 'reports', `transpiled-${process.pid}`);
  beforeAll(() => {
    transpile(folder);
    writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const LONG = [2_142_720_000, 2 ** 31, 31_536_000_000, Infinity];

  it.each(LONG)(
    'a timer of %s ms is no hot loop and holds no process',
    async (interval) => {
      const finite = Number.isFinite(interval) ? interval : Number.MAX_SAFE_INTEGER;
      const program = `
      const { SessionManager, MemoryStore } = require(${JSON.stringify(join(folder, 'index.js'))});
      const store = new MemoryStore({ maxAge: ${finite}, cleanupInterval: ${interval}, indexInterval: ${interval} });
      let sweeps = 0;
      const sweep = store.removeExpired.bind(store);
      store.removeExpired = (limit) => { sweeps++; return sweep(limit); };
      const options = { secret: 'a secret for a child process, long enough', store, storeTimeout: ${finite} };
      const sessions = new SessionManager({ ...options, maxAge: Math.min(${finite}, 34560000000), absoluteTimeout: ${finite} });
      sessions.startCleanup();
      sessions.startIndexRebuild();
      const { createServer } = require('node:http');
      const { nodeTiming } = require('node:perf_hooks').performance;
      const server = createServer((req, res) => sessions.middleware()(req, res, () =>
        sessions.set(req, 'a', 1).then(() => res.end('stored'), (error) => res.end(String(error)))));
      server.listen(0, '127.0.0.1', async () => {
        const answer = await fetch('http://127.0.0.1:' + server.address().port);
        const body = await answer.text();
        // What V8 compiles in the background after a first request is no timer of ours.
        await new Promise((settled) => setTimeout(settled, 300));
        const before = process.cpuUsage();
        const { loopCount } = nodeTiming.uvMetricsInfo;
        setTimeout(() => {
          const { user, system } = process.cpuUsage(before);
          const turns = nodeTiming.uvMetricsInfo.loopCount - loopCount;
          const cookie = answer.headers.get('set-cookie');
          console.log(JSON.stringify({ body, cookie, sweeps, turns, cpuMs: (user + system) / 1000 }));
          server.close();
          server.closeAllConnections();
        }, 300);
      });`;
      // No process.exit() in it: it has to end by itself.
      const { stdout, stderr } = await run(process.execPath, ['--trace-warnings', '-e', program], {
        timeout: 20_000,
      });
      const result = JSON.parse(stdout) as {
        body: string;
        cookie: string;
        sweeps: number;
        turns: number;
        cpuMs: number;
      };
      expect(stderr).not.toContain('TimeoutOverflowWarning');
      expect(result.body).toBe('stored');
      expect(result.cookie).toMatch(/Max-Age=\d{1,8};/);
      expect(result.sweeps).toBe(0);
      // A timer that overflows fires each millisecond: 300 turns of the event loop.
      expect(result.turns).toBeLessThan(30);
      expect(result.cpuMs).toBeLessThan(150);
      reportFault({
        fault: 'F17',
        recipe: `intervals and timeouts of ${interval} ms in a process of its own`,
        rounds: 1,
        result: `no sweep, ${result.turns} turns and ${Math.round(result.cpuMs)} ms of CPU in 300 ms, ended by itself`,
      });
    },
    30_000,
  );
});

// Processes on one file of SQLite: those with an app, which their parent can end and start again where browsers look for
// them, and those that only stand in the way. Knows no test.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

import type { Serving } from './sql-load.js';

/** TypeScript as it is: types are checked with the tests. */
const LOADER = `require('ts-node').register({
  transpileOnly: true,
  experimentalResolver: true,
  compilerOptions: { module: 'CommonJS', moduleResolution: 'Node10', ignoreDeprecations: '6.0', verbatimModuleSyntax: false },
});
require(${JSON.stringify(resolve(__dirname, 'sql-faults-app.ts'))});`;

const { resolve: find } = createRequire(join(__dirname, '../ecosystem/package.json'));

export interface AppProcess extends Serving {
  /** On the database of the app itself. */
  tell(sql: string): Promise<void>;
  /** As the kernel ends one that has done nothing wrong; another one begins where browsers look for it. */
  replace(): Promise<void>;
}

const running = new Set<ChildProcess>();

afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

export async function startApp(file: string): Promise<AppProcess> {
  let child = await loaded();
  const port = await told<{ port: number }>(child, { file, port: 0 });
  return {
    ...port,
    close: () => killed(child),
    tell: (sql) => told(child, sql),
    async replace() {
      // What it takes to load the sources is no part of the fault.
      const next = await loaded();
      await killed(child);
      child = next;
      await told(child, { file, ...port });
    },
  };
}

async function loaded(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', LOADER], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  running.add(child);
  await once(child, 'message');
  return child;
}

async function told<T>(child: ChildProcess, what: object | string): Promise<T> {
  const answered = once(child, 'message');
  child.send(what);
  const [answer] = (await answered) as [T];
  return answer;
}

async function killed(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  running.delete(child);
}

/** A process that has done this on the database, and holds what it has got. Resolves to what kills it. */
export async function standInTheWay(
  file: string,
  statements: readonly string[],
): Promise<() => Promise<void>> {
  const script = `
    const database = new (require(process.argv[1]))(process.argv[2], { timeout: 5_000 });
    for (const sql of JSON.parse(process.argv[3])) database.exec(sql);
    process.stdout.write('done');
    setInterval(() => undefined, 1_000);`;
  const args = ['-e', script, '--', find('better-sqlite3'), file, JSON.stringify(statements)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  running.add(child);
  const [said] = (await Promise.race([
    once(child.stdout as NodeJS.ReadableStream, 'data'),
    once(child, 'exit'),
  ])) as [unknown];
  if (!Buffer.isBuffer(said)) throw new Error(`It ended with ${String(said)}.`);
  return () => killed(child);
}

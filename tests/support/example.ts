// Starts a server of examples/ as a process of its own, from the sources: for what only a whole process shows, such as
// what is left when it is killed.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

const ROOT = resolve(__dirname, '../..');

/** Lets the child `require` the TypeScript sources, as plain transpiled text, and find the package in `src`. */
const LOADER = `
  const Module = require('node:module');
  const { existsSync, readFileSync } = require('node:fs');
  const { dirname, resolve } = require('node:path');
  const ts = require(${JSON.stringify(require.resolve('typescript'))});
  const original = Module._resolveFilename;
  Module._resolveFilename = (request, parent, ...rest) => {
    if (request === 'session-store-js') return ${JSON.stringify(resolve(ROOT, 'src/index.ts'))};
    const [, store] = /^session-store-js\\/(mysql|postgres|redis|sqlite)$/.exec(request) ?? [];
    if (store !== undefined) return ${JSON.stringify(resolve(ROOT, 'src/stores'))} + '/' + store + '/index.ts';
    const source = resolve(dirname(parent?.filename ?? '.'), request.replace(/\\.js$/, '.ts'));
    return /^[.].*[.]js$/.test(request) && existsSync(source) ? source : original(request, parent, ...rest);
  };
  const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true };
  Module._extensions['.ts'] = (module, file) =>
    module._compile(ts.transpileModule(readFileSync(file, 'utf8'), { compilerOptions }).outputText, file);
`;

const started: ChildProcess[] = [];

/** Those that a failed test did not end. */
afterAll(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

export interface Example {
  readonly port: number;
  /** Resolves to what it ended with: a code, or the signal. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string | null>;
}

/**
 * @param cwd Where it runs.
 * @param node What runs it.
 * @throws what it printed, if it ends before it listens
 */
export async function startExample(
  file: string,
  cwd: string,
  env: Record<string, string> = {},
  node = process.execPath,
): Promise<Example> {
  const main = JSON.stringify(resolve(ROOT, 'examples', file));
  const child = spawn(node, ['-e', `${LOADER}\nModule._load(${main}, null, true);`], {
    cwd,
    env: { ...process.env, NODE_ENV: '', PORT: '0', ...env },
  });
  started.push(child);
  const exited = once(child, 'close') as Promise<[number | null, string | null]>;
  let output = '';
  const listening = new Promise<number>((done) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const port = /http:\/\/localhost:(\d+)/.exec(output)?.[1];
      if (port !== undefined) done(Number(port));
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
  });
  const port = await Promise.race([listening, exited]);
  if (typeof port !== 'number') throw new Error(`${file} ended with ${String(port[0])}: ${output}`);
  return {
    port,
    async end(signal) {
      child.kill(signal);
      const [code, by] = await exited;
      return by ?? code;
    },
  };
}

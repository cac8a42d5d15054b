// Runs a piece of JavaScript in a process of its own, with `src/` at hand: for what only a whole process shows, such as
// uncaught exceptions and whether it ends by itself.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

/** Lets the child `require` the TypeScript sources, as plain transpiled text. */
const LOADER = `
  const Module = require('node:module');
  const { readFileSync } = require('node:fs');
  const ts = require('typescript');
  const resolve = Module._resolveFilename;
  // The names of sources in sources: packages mean what they say.
  Module._resolveFilename = (request, parent, ...rest) =>
    resolve(
      request.startsWith('.') && parent?.filename?.endsWith('.ts') ? request.replace(/\\.js$/, '.ts') : request,
      parent,
      ...rest,
    );
  const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 };
  Module._extensions['.ts'] = (module, file) =>
    module._compile(ts.transpileModule(readFileSync(file, 'utf8'), { compilerOptions }).outputText, file);
`;

export interface Exit {
  /** `null`: it had not ended by itself in time. */
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** @param script CommonJS; `src('core/ids')` requires a source file. */
export function runInChild(script: string, timeoutMs = 20_000): Promise<Exit> {
  const root = resolve(__dirname, '../../src');
  const source = `${LOADER}\nconst src = (path) => require(${JSON.stringify(root)} + '/' + path + '.ts');\n${script}`;
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, ['-e', source], {
      cwd: resolve(__dirname, '../..'),
      timeout: timeoutMs,
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      done({ code, output, errors });
    });
  });
}

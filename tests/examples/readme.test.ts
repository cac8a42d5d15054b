// The README cannot rot: its JavaScript runs, its TypeScript compiles, its tables name what there is.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import realExpress from 'express';
import ts from 'typescript';

import Required = require('../../src/index.cjs');
import { Client, serve, type Running } from '../support/http.js';

const ROOT = resolve(__dirname, '../..');
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface Block {
  readonly language: string;
  readonly code: string;
  readonly line: number;
}

const blocks: Block[] = [...readme.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map((match) => ({
  language: match[1] ?? '',
  code: match[2] ?? '',
  line: readme.slice(0, match.index).split('\n').length,
}));
const inLanguage = (language: string): Block[] => blocks.filter((block) => block.language === language);

/** The first cells of the table under a heading, without their backticks. */
function firstCells(heading: string): string[] {
  const section = readme.split(`\n${heading}\n`)[1]?.split(/\n#+ /)[0] ?? '';
  return [...section.matchAll(/^\| `(\w+)`/gm)].map((match) => match[1] ?? '');
}

it('has examples in JavaScript and TypeScript only, beside shell commands', () => {
  expect([...new Set(blocks.map(({ language }) => language))].sort()).toEqual(['js', 'sh', 'ts']);
  expect(inLanguage('ts').length).toBeGreaterThan(5);
});

describe('the JavaScript of the README', () => {
  let running: Running;
  const [program] = inLanguage('js');

  beforeAll(async () => {
    let app: ReturnType<typeof realExpress> | undefined;
    const express = (): typeof app => {
      app = realExpress();
      // The port of the program may be taken; what it serves is what counts.
      app.listen = (() => undefined) as unknown as typeof app.listen;
      return app;
    };
    const modules: Record<string, unknown> = { express, 'session-store-js': Required };
    const run = Reflect.construct(Function, ['require', program?.code ?? '']) as (
      require: (name: string) => unknown,
    ) => void;
    run((name) => modules[name]);
    if (app === undefined) throw new Error('The first program makes no app');
    running = await serve(app);
  });

  afterAll(() => running.close());

  it('is one program', () => {
    expect(inLanguage('js')).toHaveLength(1);
  });

  it('counts, remembers a name through a redirect, and forgets at the logout', async () => {
    const client = new Client(running.port);
    for (const visits of [1, 2, 3]) expect((await client.get('/')).body).toBe(`Visit ${String(visits)}`);
    expect((await client.get('/hello')).body).toBe('Hello stranger');
    const redirect = await client.get('/name/Ada');
    expect([redirect.status, redirect.headers.location]).toEqual([302, '/hello']);
    expect((await client.get('/hello')).body).toBe('Hello Ada');
    expect((await client.post('/logout')).body).toBe('Bye');
    expect((await client.get('/hello')).body).toBe('Hello stranger');
    expect((await client.get('/')).body).toBe('Visit 1');
  });
});

it('the TypeScript of the README compiles', () => {
  const prelude = [
    "import type { ServerResponse } from 'node:http';",
    "import type { Express, Request } from 'express';",
    "import type SessionManager from 'session-store-js';",
    'declare const app: Express;',
    'declare const req: Request;',
    'declare const sessions: SessionManager;',
    'export const fragment = async (): Promise<void> => {',
  ];
  const sources = new Map<string, { text: string; line: number }>();
  for (const { code, line } of inLanguage('ts')) {
    // A fragment speaks of an app, a request and a manager that the text around it has introduced.
    const isFragment = !/^import /m.test(code);
    const text = isFragment ? `${prelude.join('\n')}\n${code}\nawait Promise.resolve();\n};\n` : code;
    sources.set(join(__dirname, `readme-${String(line)}.ts`), {
      text,
      line: isFragment ? line - prelude.length : line,
    });
  }
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const host = ts.createCompilerHost(options);
  const real = { getSourceFile: host.getSourceFile.bind(host), fileExists: host.fileExists.bind(host) };
  host.fileExists = (file) => sources.has(file) || real.fileExists(file);
  host.getSourceFile = (file, target, ...rest) => {
    const source = sources.get(file);
    return source === undefined
      ? real.getSourceFile(file, target, ...rest)
      : ts.createSourceFile(file, source.text, target);
  };
  const program = ts.createProgram([...sources.keys()], options, host);
  const faults = [...sources].flatMap(([file, { line }]) => {
    const source = program.getSourceFile(file);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ start, messageText }) =>
        `README.md:${String(line + (source?.getLineAndCharacterOfPosition(start ?? 0).line ?? 0) + 1)}: ` +
        ts.flattenDiagnosticMessageText(messageText, '\n'),
    );
  });
  expect(faults).toEqual([]);
}, 120_000);

describe('the tables of the README', () => {
  it('name every error code', () => {
    const codes = new Set(read('src/core/errors.ts').match(/ERR_SESSION_[A-Z_]+/g));
    expect(firstCells('### Errors').sort()).toEqual([...codes].sort());
  });

  it('say which errors answer 503', () => {
    const temporary = /TEMPORARY.*?\[(.*?)\]/s.exec(read('src/core/errors.ts'))?.[1]?.match(/ERR_\w+/g) ?? [];
    const said = [...readme.matchAll(/^\| `(ERR_\w+)` +\| 503/gm)].map((match) => match[1]);
    expect(said.sort()).toEqual(temporary.sort());
  });

  it('name every option', () => {
    expect(firstCells('### Options').sort()).toEqual(
      membersOf('src/http/options.ts', 'SessionManagerOptions').sort(),
    );
  });

  it('name every event', () => {
    expect(firstCells('### Events').sort()).toEqual(membersOf('src/http/engine.ts', 'SessionEvents').sort());
  });

  it('name commands that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...readme.matchAll(/npm (?:run )?(start|test(?!:)\b|[\w-]+:[\w-]+|(?<=run )[\w-]+)/g)];
    expect(named.length).toBeGreaterThan(10);
    for (const [, name = ''] of named) expect(Object.keys(scripts)).toContain(name);
  });

  it('point at files that exist', () => {
    const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1] ?? '');
    expect(links.length).toBeGreaterThan(2);
    for (const link of links) expect(read(link).length).toBeGreaterThan(100);
  });
});

function membersOf(path: string, name: string): string[] {
  const file = ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest);
  for (const statement of file.statements)
    if (ts.isInterfaceDeclaration(statement) && statement.name.text === name)
      return statement.members.map((member) => (member.name as ts.Identifier).text);
  throw new Error(`${path} has no interface ${name}`);
}

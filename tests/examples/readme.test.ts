// The README cannot rot: its JavaScript runs, its TypeScript compiles, its tables name what there is.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

import realExpress from 'express';
import ts from 'typescript';

import DropIn = require('../../src/express-session/index.cjs');
import Required = require('../../src/index.cjs');
import { freshPath } from '../support/directory.js';
import { Client, serve, type Running } from '../support/http.js';
import { blocksOf, moduleOf, readme } from '../support/readme.js';

const ROOT = resolve(__dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** The first cells of the table under a heading, without their backticks. */
function cellsOf(heading: string): string[] {
  const section = readme.split(`\n${heading}\n`)[1]?.split(/\n#+ /)[0] ?? '';
  return [...section.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1] ?? '');
}

/** Those that are names. */
const firstCells = (heading: string): string[] => cellsOf(heading).filter((cell) => /^\w+$/.test(cell));

/** What the README calls the files of a store's directory, and what they are called. */
const FORMS: Readonly<Record<string, RegExp>> = {
  '.session-store-js': /^\.session-store-js$/,
  '3f2/3f2…': /^([0-9a-f]{3})\/\1[0-9a-f]{61}$/,
  '3f2/3f2…@7-…': /^([0-9a-f]{3})\/\1[0-9a-f]{61}@\d+-[0-9a-z-]+$/,
  '3f2/3f2….s-8-…': /^([0-9a-f]{3})\/\1[0-9a-f]{61}\.s-\d+-[0-9a-z-]+$/,
  'revoked/': /^revoked\/everybody\/everybody-\d+$/,
  'owners/': /^owners\//,
  'quarantine/': /^quarantine\//,
};

it('has examples in JavaScript and TypeScript only, beside shell commands', () => {
  expect([...new Set(blocksOf().map(({ language }) => language))].sort()).toEqual(['js', 'sh', 'ts']);
  expect(blocksOf('ts').length).toBeGreaterThan(5);
});

/** A directory to run something in that writes where it is. */
function freshDirectory(): string {
  const path = freshPath();
  mkdirSync(path);
  return path;
}

/** Runs one of the README's programs in a directory, and serves its app. */
async function start(code: string, cwd: string): Promise<Running> {
  let app: ReturnType<typeof realExpress> | undefined;
  const express = (): typeof app => {
    app = realExpress();
    // The port of the program may be taken; what it serves is what counts.
    app.listen = (() => undefined) as unknown as typeof app.listen;
    return app;
  };
  const modules: Record<string, unknown> = {
    express,
    'session-store-js': Required,
    'session-store-js/express-session': DropIn,
  };
  const run = Reflect.construct(Function, ['require', code]) as (require: (name: string) => unknown) => void;
  const before = process.cwd();
  process.chdir(cwd);
  try {
    run((name) => modules[name]);
  } finally {
    process.chdir(before);
  }
  if (app === undefined) throw new Error('The program makes no app');
  return serve(app);
}

it('has three programs in JavaScript', () => {
  expect(blocksOf('js')).toHaveLength(3);
});

describe('the first program of the README', () => {
  it('counts, remembers a name through a redirect, and forgets at the logout', async () => {
    const running = await start(blocksOf('js')[0]?.code ?? '', freshDirectory());
    const client = new Client(running.port);
    for (const visits of [1, 2, 3]) expect((await client.get('/')).body).toBe(`Visit ${String(visits)}`);
    expect((await client.get('/hello')).body).toBe('Hello stranger');
    const redirect = await client.get('/name/Ada');
    expect([redirect.status, redirect.headers.location]).toEqual([302, '/hello']);
    expect((await client.get('/hello')).body).toBe('Hello Ada');
    expect((await client.post('/logout')).body).toBe('Bye');
    expect((await client.get('/hello')).body).toBe('Hello stranger');
    expect((await client.get('/')).body).toBe('Visit 1');
    await running.close();
  });
});

describe('the drop-in of the README', () => {
  it('counts views, and forgets at the logout', async () => {
    const running = await start(blocksOf('js')[2]?.code ?? '', freshDirectory());
    const client = new Client(running.port);
    for (const views of [1, 2, 3]) expect((await client.get('/')).body).toBe(`${String(views)} views`);
    expect((await client.post('/logout')).body).toBe('Bye');
    expect((await client.get('/')).body).toBe('1 views');
    await running.close();
  });
});

describe('the file store of the README', () => {
  const program = blocksOf('js')[1]?.code ?? '';
  let cwd: string;
  let running: Running;
  let client: Client;
  let told: jest.SpyInstance;

  beforeEach(async () => {
    told = jest.spyOn(console, 'error').mockImplementation(() => {});
    cwd = freshDirectory();
    running = await start(program, cwd);
    client = new Client(running.port);
  });

  afterEach(async () => {
    told.mockRestore();
    await running.close();
  });

  it('counts in a file, and counts on in another run', async () => {
    expect((await client.get('/file')).body).toBe('No session');
    for (const visits of [1, 2]) expect((await client.get('/')).body).toBe(`Visit ${String(visits)}`);
    const { body: file } = await client.get('/file');
    expect(dirname(dirname(file))).toBe(join(cwd, 'sessions'));
    expect(readFileSync(file, 'utf8')).toMatch(/\n\{"visits":2\}\n$/);
    const next = await start(program, cwd);
    const again = new Client(next.port);
    again.cookie = client.cookie;
    expect((await again.get('/')).body).toBe('Visit 3');
    await next.close();
  });

  it('has names of the forms in its table, and no others', async () => {
    // Without its own sweeping: what is broken is to be found by the program.
    const store = new Required.FileStore({ path: join(cwd, 'sessions'), cleanupInterval: 0 });
    const key = store.keyOf('an id of this test, made up' as Required.SessionId);
    const facts = { v: 1, data: '{}', version: 'a', createdAt: 0, deadlineAt: null, idleMs: null } as const;
    await store.insert({ ...facts, key, expiresAt: null, owner: 'ada' });
    await store.revokeBefore(0);
    await client.get('/');
    const { body: file } = await client.get('/file');
    writeFileSync(file, 'broken');
    await client.get('/');
    const found = readdirSync(join(cwd, 'sessions'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(join(cwd, 'sessions'), join(entry.parentPath, entry.name)));
    expect(cellsOf('### The directory of the file store')).toEqual(Object.keys(FORMS));
    const formsOf = (name: string): string[] =>
      Object.entries(FORMS).flatMap(([form, pattern]) => (pattern.test(name) ? [form] : []));
    expect(found.map(formsOf)).toEqual(found.map((): unknown => [expect.any(String)]));
    // A version that is being written is gone when the write is acknowledged.
    const missing = Object.keys(FORMS).filter((form) => !found.flatMap(formsOf).includes(form));
    expect(missing).toEqual(['3f2/3f2….s-8-…']);
    expect(told.mock.calls).toEqual([[expect.stringMatching(/is broken .* was moved to .*quarantine/)]]);
  });

  it('can be read, and its sessions ended, by the commands in its shell block', async () => {
    const block = blocksOf('sh').find(({ code }) => code.includes('NAME'))?.code ?? '';
    const [read = '', count = '', end = '', endAll = ''] = block
      .split('\n')
      .filter((line) => /^\w/.test(line));
    const others = [new Client(running.port), new Client(running.port)];
    for (const browser of [client, ...others]) await browser.get('/');
    const { body: file } = await client.get('/file');
    const shell = (command: string): string =>
      execFileSync('bash', ['-ec', command], {
        cwd,
        encoding: 'utf8',
        env: { ...process.env, NAME: file.slice(-64) },
      });
    expect(shell(read)).toContain('{"visits":1}');
    expect(shell(count).trim()).toBe('3');
    shell(end);
    expect(shell(count).trim()).toBe('2');
    expect((await client.get('/')).body).toBe('Visit 1');
    expect((await others[0]?.get('/'))?.body).toBe('Visit 2');
    shell(endAll);
    expect(shell(count).trim()).toBe('0');
    for (const browser of [client, ...others]) expect((await browser.get('/')).body).toBe('Visit 1');
  });

  it('is checked by the function in its TypeScript', async () => {
    for (const browser of [client, new Client(running.port)]) await browser.get('/');
    writeFileSync((await client.get('/file')).body, 'broken');
    const { check } = moduleOf('.verify()', Required) as { check(path: string): Promise<string> };
    expect(await check(join(cwd, 'sessions'))).toMatch(/^1 sessions; 0 had expired, 1 broken, 0 left/);
  });

  it('is refused with its advice when others may write to its directory, also while it is in use', async () => {
    await client.get('/');
    chmodSync(join(cwd, 'sessions'), 0o770);
    const { status, body } = await client.get('/');
    expect(status).toBe(503);
    expect(body).toMatch(/can be written by others .* chmod go-w/);
    chmodSync(join(cwd, 'sessions'), 0o700);
    expect((await client.get('/')).body).toBe('Visit 2');
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
  for (const { code, line } of blocksOf('ts')) {
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
  const types = join(ROOT, 'tests/support/node-sqlite.d.ts');
  const program = ts.createProgram([types, ...sources.keys()], options, host);
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

  it('name every option of the file store', () => {
    const own = membersOf('src/stores/file-store.ts', 'FileStoreOptions');
    const inherited = membersOf('src/stores/store.ts', 'RecordStoreOptions');
    expect(firstCells('### Options of the file store').sort()).toEqual([...own, ...inherited].sort());
  });

  it('name every option of the Redis store', () => {
    const own = membersOf('src/stores/redis/options.ts', 'RedisStoreOptions');
    const inherited = membersOf('src/stores/store.ts', 'RecordStoreOptions');
    expect(firstCells('### Options of the Redis store').sort()).toEqual([...own, ...inherited].sort());
  });

  it('name every option of the SQL stores', () => {
    const own = ['postgres', 'mysql', 'sqlite'].flatMap((name) =>
      membersOf(
        `src/stores/${name}-store.ts`,
        `${name.replace(/^./, (first) => first.toUpperCase())}StoreOptions`,
      ),
    );
    const shared = membersOf('src/stores/sql/options.ts', 'SqlStoreOptions');
    const inherited = membersOf('src/stores/store.ts', 'RecordStoreOptions');
    expect(firstCells('### Options of the SQL stores').sort()).toEqual(
      [...new Set([...own, ...shared, ...inherited])].sort(),
    );
  });

  it('name every option of the drop-in', () => {
    expect(firstCells('### Options of the drop-in').sort()).toEqual(
      membersOf('src/express-session/options.ts', 'SessionOptions').sort(),
    );
  });

  it('name every event', () => {
    expect(firstCells('### Events').sort()).toEqual(membersOf('src/http/engine.ts', 'SessionEvents').sort());
  });

  it('name commands that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...readme.matchAll(/npm (?:run )?([\w-]+:[\w-]+|start|test\b|(?<=run )[\w-]+)/g)];
    expect(named.length).toBeGreaterThan(10);
    expect(named.map(([, name]) => name)).toEqual(
      expect.arrayContaining(['start', 'start:file', 'test:faults']),
    );
    for (const [, name = ''] of named) expect(Object.keys(scripts)).toContain(name);
  });

  it('point at files that exist', () => {
    const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1] ?? '');
    expect(links.length).toBeGreaterThan(2);
    for (const link of links) expect(read(link).length).toBeGreaterThan(100);
  });
});

it('the links of the README to its own sections find them', () => {
  const anchors = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );
  const links = [...readme.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
  expect(links.length).toBeGreaterThan(2);
  for (const link of links) expect(anchors).toContain(link);
});

function membersOf(path: string, name: string): string[] {
  const file = ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest);
  for (const statement of file.statements)
    if (ts.isInterfaceDeclaration(statement) && statement.name.text === name)
      return statement.members.map((member) => (member.name as ts.Identifier).text);
  throw new Error(`${path} has no interface ${name}`);
}

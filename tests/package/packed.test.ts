// The tarball as a stranger installs it: through `require`, `import` and TypeScript.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import ts from 'typescript';

const ROOT = resolve(__dirname, '../..');
const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  devDependencies: Record<string, string>;
};
let home: string;
/** The same without the types of express-session. */
let bare: string;

jest.setTimeout(180_000);

/** The tarball that `.ci/run` has packed already, or a fresh one. */
function pack(): string {
  const given = process.env['PACKED_TARBALL'];
  if (given !== undefined) return given;
  const to = join(home, 'packed');
  mkdirSync(to);
  execFileSync('npm', ['pack', '--pack-destination', to], { cwd: ROOT, stdio: 'pipe' });
  const [name = ''] = readdirSync(to);
  return join(to, name);
}

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'session-store-js-'));
  const tarball = pack();
  writeFileSync(join(home, 'package.json'), '{ "private": true }');
  const others = ['express', '@types/express', '@types/express-session', '@types/node', 'memorystore'];
  execFileSync(
    'npm',
    [
      ...['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', tarball],
      ...others.map((name) => `${name}@${devDependencies[name] ?? ''}`),
    ],
    { cwd: home, stdio: 'pipe' },
  );
  cpSync(join(__dirname, 'consumers'), join(home, 'consumers'), { recursive: true });
  for (const app of [...APPS.cjs, ...APPS.esm]) {
    const text = readFileSync(join(home, 'consumers', `switch${app}`), 'utf8');
    const switched = text.replace(
      /(?<=from |require\()'express-session'/,
      "'session-store-js/express-session'",
    );
    writeFileSync(join(home, 'consumers', `switched${app}`), switched);
  }
  bare = mkdtempSync(join(tmpdir(), 'session-store-js-bare-'));
  const theirTypes = join(home, 'node_modules/@types/express-session');
  cpSync(home, bare, { recursive: true, filter: (path) => path !== theirTypes });
});

afterAll(() => {
  for (const place of [home, bare]) rmSync(place, { recursive: true, force: true });
});

/** Endings of the names of one app, as it is written in modules of each kind. */
const APPS = { cjs: ['.cts', '-import.cts'], esm: ['.mts'] };

/** What a script prints, run in the consumer's directory. */
function run(file: string, source: string): unknown {
  writeFileSync(join(home, file), source);
  return JSON.parse(execFileSync(process.execPath, [file], { cwd: home, encoding: 'utf8' }));
}

const SECRET = 'a secret for consumers, longer than thirty-two bytes';
const NAMES = [
  'SessionManager',
  'MemoryStore',
  'FileStore',
  'RecordStore',
  'Store',
  'SessionError',
  'hasCode',
  'systemClock',
];
/** A server on the drop-in with a store of its own, visited three times. */
const VISITS = `
  class MapStore extends session.Store {
    sessions = new Map();
    get(sid, callback) { callback(null, JSON.parse(this.sessions.get(sid) ?? 'null')); }
    set(sid, stored, callback) { this.sessions.set(sid, JSON.stringify(stored)); callback(); }
    destroy(sid, callback) { this.sessions.delete(sid); callback(); }
  }
  const app = express();
  app.use(session({ secret: '${SECRET}', store: new MapStore(), resave: false, saveUninitialized: false }));
  app.get('/', (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1;
    res.send(String(req.session.views));
  });
  const server = app.listen(0, async () => {
    let cookie = '';
    const bodies = [];
    for (let n = 0; n < 3; n++) {
      const response = await fetch('http://localhost:' + server.address().port, { headers: { cookie } });
      cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie;
      bodies.push(await response.text());
    }
    server.close();
    server.closeAllConnections();
    const classes = ['Store', 'MemoryStore', 'Cookie', 'Session'];
    console.log(JSON.stringify({
      type: typeof session, bodies, isSame, missing: classes.filter((name) => session[name]?.name !== name),
    }));
  });`;

describe('the packed tarball', () => {
  it('holds the builds, their sources and the documents, and nothing else', () => {
    const installed = join(home, 'node_modules/session-store-js');
    expect(readdirSync(installed).sort()).toEqual(
      ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'dist', 'package.json', 'src'].sort(),
    );
    expect(readdirSync(join(installed, 'dist')).sort()).toEqual(['cjs', 'esm']);
  });

  it('gives the class itself to require, with every named export as a property', () => {
    const found = run(
      'required.cjs',
      `const SessionManager = require('session-store-js');
      const { MemoryStore } = SessionManager;
      console.log(JSON.stringify({
        name: SessionManager.name,
        self: SessionManager.SessionManager === SessionManager && SessionManager.default === SessionManager,
        isStore: new SessionManager({ secret: '${SECRET}' }).store instanceof MemoryStore,
        missing: ${JSON.stringify(NAMES)}.filter((name) => SessionManager[name] === undefined),
        testing: typeof require('session-store-js/testing').storeContract,
        stores: ['RedisStore', 'PostgresStore', 'MysqlStore', 'SqliteStore'].filter((name) =>
          typeof require('session-store-js/' + name.slice(0, -5).toLowerCase())[name] === 'function'),
        version: require('session-store-js/package.json').version,
      }));`,
    );
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(found).toEqual({
      name: 'SessionManager',
      self: true,
      isStore: true,
      missing: [],
      testing: 'function',
      stores: ['RedisStore', 'PostgresStore', 'MysqlStore', 'SqliteStore'],
      version,
    });
  });

  it('gives default and named exports to import', () => {
    const found = run(
      'imported.mjs',
      `import SessionManager, * as named from 'session-store-js';
      import { MysqlStore } from 'session-store-js/mysql';
      import { PostgresStore } from 'session-store-js/postgres';
      import { RedisStore } from 'session-store-js/redis';
      import { SqliteStore } from 'session-store-js/sqlite';
      import { storeContract } from 'session-store-js/testing';
      console.log(JSON.stringify({
        name: SessionManager.name,
        self: named.SessionManager === SessionManager,
        isStore: new SessionManager({ secret: '${SECRET}' }).store instanceof named.MemoryStore,
        missing: ${JSON.stringify(NAMES)}.filter((name) => named[name] === undefined),
        testing: typeof storeContract,
        stores: [RedisStore, PostgresStore, MysqlStore, SqliteStore].map(({ name }) => name),
      }));`,
    );
    expect(found).toEqual({
      name: 'SessionManager',
      self: true,
      isStore: true,
      missing: [],
      testing: 'function',
      stores: ['RedisStore', 'PostgresStore', 'MysqlStore', 'SqliteStore'],
    });
  });

  it('takes a store of the one build in a manager of the other', () => {
    const found = run(
      'mixed.mjs',
      `import SessionManager from 'session-store-js';
      import { createRequire } from 'node:module';
      const { MemoryStore, SessionError } = createRequire(import.meta.url)('session-store-js');
      const store = new MemoryStore();
      const { hasCode } = await import('session-store-js');
      console.log(JSON.stringify([
        new SessionManager({ secret: '${SECRET}', store }).store === store,
        hasCode(new SessionError('ERR_SESSION_ENDED', ''), 'ERR_SESSION_ENDED'),
      ]));`,
    );
    expect(found).toEqual([true, true]);
  });

  it.each([
    [
      'require',
      'files.cjs',
      `const SessionManager = require('session-store-js'); const { FileStore } = SessionManager;`,
    ],
    ['import', 'files.mjs', `import SessionManager, { FileStore } from 'session-store-js';`],
  ])('keeps sessions in files with %s', (_how, file, head) => {
    const found = run(
      file,
      `${head}
      const handle = 'sha256:' + 'a'.repeat(64);
      const record = {
        v: 1, key: handle, data: '{"visits":1}', version: 'one',
        createdAt: Date.now(), deadlineAt: null, idleMs: null, expiresAt: null,
      };
      const options = { path: './sessions-${file}' };
      const { store } = new SessionManager({ secret: '${SECRET}', storeType: 'file', storeOptions: options });
      store.insert(record)
        .then(() => new FileStore(options).find(handle))
        .then((found) => console.log(JSON.stringify([
          store instanceof FileStore,
          store._getFilePath(handle).slice(-68),
          found.data,
        ])));`,
    );
    expect(found).toEqual([true, `aaa/${'a'.repeat(64)}`, '{"visits":1}']);
  });

  it.each([
    [
      'require',
      'drop-in.cjs',
      `const express = require('express');
      const session = require('session-store-js/express-session');
      const isSame = session.Store === require('session-store-js/express-session').Store;`,
    ],
    [
      'import',
      'drop-in.mjs',
      `import express from 'express';
      import session, * as named from 'session-store-js/express-session';
      const isSame = named.session === session && named.Store === session.Store && named.Cookie === session.Cookie;`,
    ],
  ])('serves as express-session with %s', (_how, file, head) => {
    const found = run(file, `${head}${VISITS}`);
    expect(found).toEqual({ type: 'function', bodies: ['1', '2', '3'], isSame: true, missing: [] });
  });

  it.each([
    ['require', 'zod.cjs', `const SessionManager = require('session-store-js'); const { cache } = require;`],
    [
      'import',
      'zod.mjs',
      `import SessionManager from 'session-store-js'; import { createRequire } from 'node:module';
      const { cache } = createRequire(import.meta.url);`,
    ],
  ])('loads zod with the first manager, not with %s', (_how, file, head) => {
    const found = run(
      file,
      `${head}
      const loaded = () => Object.keys(cache).some((name) => /[\\\\/]zod[\\\\/]/.test(name));
      const before = loaded();
      new SessionManager({ secret: '${SECRET}' });
      console.log(JSON.stringify([before, loaded()]));`,
    );
    expect(found).toEqual([false, true]);
  });
});

/** What all programs read alike: parsed once. */
const shared = new Map<string, ts.SourceFile | undefined>();

/** What the compiler has to say, library checks on. In this process: one that starts sixteen times takes minutes. */
function compiled(cwd: string, options: readonly string[], files: readonly string[]): string {
  const flags = '--noEmit --strict --skipLibCheck false --target es2022 --lib es2022 --types node'.split(' ');
  const paths = files.map((file) => join(cwd, 'consumers', file));
  const { fileNames, options: parsed, errors } = ts.parseCommandLine([...flags, ...options, ...paths]);
  const host = ts.createCompilerHost(parsed);
  host.getCurrentDirectory = () => cwd;
  const { getSourceFile } = host;
  host.getSourceFile = (name, ...rest) => {
    if (!/[\\/](typescript[\\/]lib|@types[\\/]node)[\\/]/.test(name)) return getSourceFile(name, ...rest);
    if (!shared.has(name)) shared.set(name, getSourceFile(name, ...rest));
    return shared.get(name);
  };
  const program = ts.createProgram(fileNames, parsed, host);
  return ts.formatDiagnostics([...errors, ...ts.getPreEmitDiagnostics(program)], host);
}

const NODE16 = ['--module', 'node16'];
const NODENEXT = ['--module', 'nodenext'];
const BUNDLER = ['--module', 'esnext', '--moduleResolution', 'bundler'];
const NODE10 = ['--module', 'commonjs', '--moduleResolution', 'node10', '--ignoreDeprecations', '6.0'];

describe('TypeScript consumers of the tarball', () => {
  const cjs = ['commonjs-require.cts', 'commonjs-import.cts'];
  const esm = ['module.mts', 'beside-express-session.mts'];

  it.each([
    ['node16', NODE16, [...cjs, 'module.mts']],
    ['nodenext', NODENEXT, [...cjs, ...esm]],
    ['bundler', BUNDLER, esm],
    ['node10', NODE10, cjs],
  ])('compile with %s resolution, library checks on', (_name, options, files) => {
    expect(compiled(home, options, files)).toBe('');
  });
});

describe('an app written for express-session', () => {
  it.each([
    ['node16', NODE16, [...APPS.cjs, ...APPS.esm]],
    ['nodenext', NODENEXT, [...APPS.cjs, ...APPS.esm]],
    ['bundler', BUNDLER, APPS.esm],
    ['node10', NODE10, APPS.cjs],
  ])('compiles with %s resolution before and after the switch', (_name, options, apps) => {
    const before = apps.map((app) => `switch${app}`);
    const after = apps.map((app) => `switched${app}`);
    expect(compiled(home, options, before)).toBe('');
    expect(compiled(home, options, after)).toBe('');
  });

  it('gives the store factories of the ecosystem what they want', () => {
    expect(compiled(home, NODENEXT, ['factory.mts'])).toBe('');
  });

  // One program for each kind of module: the two builds say of `req.session` what is of their own types.
  it.each([
    ['node16', NODE16, APPS.cjs],
    ['node16', NODE16, APPS.esm],
    ['nodenext', NODENEXT, APPS.cjs],
    ['nodenext', NODENEXT, APPS.esm],
    ['bundler', BUNDLER, APPS.esm],
    ['node10', NODE10, APPS.cjs],
  ])(
    'has types with %s resolution where those of express-session are missing: %j',
    (_name, options, apps) => {
      const files = apps.map((app) => `drop-in${app}`);
      expect(compiled(bare, options, files)).toBe('');
    },
  );
});

/** A path, what its answer shows, and the form that is sent there, if any. */
type Step = [path: string, shown: string, form?: Record<string, string>];

const COUNTS = [1, 2, 3].map((visits): Step => ['/', `this page ${String(visits)} times`]);
const LOGS_IN: Step[] = [
  ['/', '<h1>Log in'],
  ['/login', 'Redirecting to /', { name: 'ada', password: 'lovelace' }],
  ['/', '<h1>Devices of ada'],
];

describe.each([
  ['npm start', 'examples/memory-server.ts', COUNTS],
  ['npm run start:file', 'examples/file-server.ts', COUNTS],
  ['npm run start:accounts', 'examples/accounts-server.ts', LOGS_IN],
])('%s', (_command, example, steps) => {
  it('builds what is missing, prints its address, serves, and ends by itself on SIGTERM', async () => {
    const build = spawnSync(process.execPath, ['scripts/build.mjs', '--if-needed'], { cwd: ROOT });
    expect(build.status).toBe(0);
    // In a directory of its own, where the file server puts its sessions.
    const cwd = mkdtempSync(join(home, 'server-'));
    // Not through npm, so that the signal meets the server itself.
    const child = spawn(
      process.execPath,
      [join(ROOT, 'node_modules/ts-node/dist/bin.js'), '--transpile-only', join(ROOT, example)],
      { cwd, env: { ...process.env, PORT: '0', NODE_ENV: '' }, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const exited = new Promise<number | null>((done) => child.once('exit', done));
    const address = await new Promise<string>((done, fail) => {
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        const [found] = /http:\S+/.exec(output) ?? [];
        if (found !== undefined) done(found);
      });
      child.once('exit', () => {
        fail(new Error(`${example} ended: ${output}`));
      });
    });
    let cookie = '';
    for (const [path, shown, form] of steps) {
      const response = await fetch(new URL(path, address), {
        headers: { cookie, connection: 'close' },
        redirect: 'manual',
        ...(form === undefined ? null : { method: 'POST', body: new URLSearchParams(form) }),
      });
      expect(await response.text()).toContain(shown);
      cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie;
    }
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
  });
});

describe('the joined modules', () => {
  const STORES = ['redis', 'postgres', 'mysql', 'sqlite'];

  it('are few files, with one RecordStore for all entries, marked as modules', () => {
    const found = run(
      'joined.cjs',
      `const { RecordStore } = require('session-store-js');
      const files = Object.keys(require.cache).filter((name) => /session-store-js.dist/.test(name)).length;
      const entries = ${JSON.stringify(STORES)}.map((name) => require('session-store-js/' + name));
      const isOurs = (value) => typeof value === 'function' && value.prototype instanceof RecordStore;
      console.log(JSON.stringify({
        isFew: files <= 10,
        stores: entries.filter((entry) => Object.values(entry).some(isOurs)).length,
        modules: entries.filter((entry) => entry.__esModule === true).length,
      }));`,
    );
    expect(found).toEqual({ isFew: true, stores: STORES.length, modules: STORES.length });
  });

  it('have all that the sources do: the memory store keeps texts in one piece', () => {
    // V8 writes JSON as a tree of pieces, or did so; a copy by way of bytes is in one piece.
    const found = run(
      'pieces.cjs',
      `const { MemoryStore, newVersion } = require('session-store-js');
      require('node:v8').setFlagsFromString('--expose-gc');
      const gc = require('node:vm').runInNewContext('gc');
      const textOf = (n) => JSON.stringify({ user: { n, name: 'Ada' }, note: 'x'.repeat(250) + n, cart: String(n / 7) });
      const times = { createdAt: Date.now(), deadlineAt: null, idleMs: null, expiresAt: null };
      const bytesOf = async (made) => {
        const store = new MemoryStore({ cleanupInterval: 0 });
        gc();
        const before = process.memoryUsage().heapUsed;
        for (let n = 0; n < 20_000; n++)
          await store.insert({ v: 1, key: 'sha256:' + n, version: newVersion(), ...times, data: made(textOf(n)) });
        gc();
        const bytes = process.memoryUsage().heapUsed - before;
        return store.keys().length > 0 ? bytes : 0;
      };
      (async () => {
        const inOnePiece = (text) => Buffer.from(text).toString();
        await bytesOf(inOnePiece);
        console.log(JSON.stringify((await bytesOf((text) => text)) / (await bytesOf(inOnePiece))));
      })();`,
    );
    expect(found).toBeLessThan(1.08);
  });
});

describe('cockatiel', () => {
  /** Whether a file of it is loaded, in a process that has done no more than what is written above. */
  const LOADED = `Object.keys(cache).some((name) => /[\\\\/]cockatiel[\\\\/]/.test(name))`;
  const ENTRIES = ['session-store-js', 'session-store-js/express-session'];

  it.each(ENTRIES)('is not loaded by require(%p)', (entry) => {
    const found = run(
      'cockatiel.cjs',
      `const entry = require('${entry}');
      const { cache } = require;
      console.log(JSON.stringify([typeof entry, ${LOADED}]));`,
    );
    expect(found).toEqual(['function', false]);
  });

  it.each(ENTRIES)('is not loaded by import of %p', (entry) => {
    const found = run(
      'cockatiel.mjs',
      `import entry from '${entry}';
      import { createRequire } from 'node:module';
      const { cache } = createRequire(import.meta.url);
      console.log(JSON.stringify([typeof entry, ${LOADED}]));`,
    );
    expect(found).toEqual(['function', false]);
  });

  it('is loaded by a manager that has a breaker, and by no other', () => {
    const found = run(
      'cockatiel-manager.cjs',
      `const SessionManager = require('session-store-js');
      const { cache } = require;
      const loaded = [];
      for (const options of [{ breaker: false }, {}]) {
        new SessionManager({ secret: '${SECRET}', ...options });
        loaded.push(${LOADED});
      }
      console.log(JSON.stringify(loaded));`,
    );
    expect(found).toEqual([false, true]);
  });
});

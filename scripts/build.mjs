// Builds dist/cjs and dist/esm: tsc makes modules and types of the sources, Rollup joins the modules to a few files, which
// load in less than half the time. `--if-needed` leaves a dist that is newer than every source alone.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { rollup } from '@rollup/wasm-node';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const DONE = 'dist/esm/package.json';
/** What the package exports, as modules; under CommonJS the first two are behind files of their own, `index.cjs`. */
const ENTRIES = ['index', 'stores/mysql/index', 'stores/postgres/index', 'stores/redis/index'];
ENTRIES.push('stores/sqlite/index', 'testing/index');
/** Packages are loaded on first use: an ES module has no `require`, and a constructor cannot await an `import()`. */
const LOAD_LATER =
  "export const loadZod = () => require('zod');\nexport const loadCockatiel = () => require('cockatiel');\n";
const FORMATS = {
  cjs: { entries: [...ENTRIES, 'express-session/drop-in'], loadLater: LOAD_LATER },
  esm: {
    entries: [...ENTRIES, 'express-session/index'],
    loadLater: `import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\n${LOAD_LATER}`,
  },
};

function isFresh() {
  if (!existsSync(DONE)) return false;
  const built = statSync(DONE).mtimeMs;
  const sources = readdirSync('src', { recursive: true }).map((name) => join('src', name));
  return [...sources, 'tsconfig.json', 'tsconfig.cjs.json', 'tsconfig.esm.json', 'scripts/build.mjs'].every(
    (file) => statSync(file).mtimeMs <= built,
  );
}

async function compile(config, outDir, type) {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const child = spawn(process.execPath, [tsc, '-p', config, '--outDir', outDir], { stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`tsc -p ${config} failed`);
  writeFileSync(`${outDir}/package.json`, `${JSON.stringify({ type })}\n`);
}

/** Each entry as a file of its own, and what several of them use as files that they share: so a class is one for all. */
async function joined(modules, format) {
  const { entries, loadLater } = FORMATS[format];
  const bundle = await rollup({
    input: Object.fromEntries(entries.map((entry) => [entry, resolve(modules, `${entry}.js`)])),
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
    // It would drop calls whose answer nobody uses, e.g. the one that flattens a text.
    treeshake: false,
    plugins: [
      {
        name: 'modules of tsc',
        load: (file) =>
          basename(file) === 'load-later.js'
            ? loadLater
            : { code: readFileSync(file, 'utf8'), map: JSON.parse(readFileSync(`${file}.map`, 'utf8')) },
      },
    ],
    onwarn(warning) {
      throw new Error(warning.message);
    },
  });
  return (dir) =>
    bundle.write({
      dir,
      format,
      exports: 'named',
      // As tsc writes it, for who takes the default of what has none.
      esModule: true,
      sourcemap: true,
      entryFileNames: '[name].js',
      chunkFileNames: 'shared/[name].js',
    });
}

function removeModules(folder) {
  for (const name of readdirSync(folder, { recursive: true }))
    if (/\.js(\.map)?$/.test(name)) rmSync(join(folder, name));
}

if (!process.argv.includes('--if-needed') || !isFresh()) {
  // Built beside dist and moved into its place: who uses dist meanwhile never sees half of it.
  const next = `dist.${process.pid}.tmp`;
  try {
    await Promise.all([
      compile('tsconfig.cjs.json', `${next}/cjs`, 'commonjs'),
      compile('tsconfig.esm.json', `${next}/esm`, 'module'),
    ]);
    const writes = [];
    for (const format of Object.keys(FORMATS))
      writes.push([await joined(`${next}/esm`, format), `${next}/${format}`]);
    for (const [, folder] of writes) removeModules(folder);
    for (const [write, folder] of writes) await write(folder);
    rmSync('dist', { recursive: true, force: true });
    renameSync(next, 'dist');
  } finally {
    rmSync(next, { recursive: true, force: true });
  }
}

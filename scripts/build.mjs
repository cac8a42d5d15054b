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
/** The modules behind what the package exports. */
const STORES = ['mysql', 'postgres', 'redis', 'sqlite'].map((engine) => `stores/${engine}/index`);
const ENTRIES = ['index', ...STORES, 'testing/index'];
/** `loadLater` begins the module that loads packages on first use. An ES module has no `require` of its own. */
const FORMATS = {
  // Behind `index.cjs`, which tsc writes.
  cjs: { entries: [...ENTRIES, 'express-session/drop-in'], loadLater: '' },
  esm: {
    entries: [...ENTRIES, 'express-session/index'],
    loadLater:
      "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); ",
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

/**
 * Each entry as a file of its own, and what several of them use as files that they share: so a class is one for all.
 * Returns what writes them into a folder.
 */
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
        load: (file) => ({
          code: (basename(file) === 'load-later.js' ? loadLater : '') + readFileSync(file, 'utf8'),
          map: JSON.parse(readFileSync(`${file}.map`, 'utf8')),
        }),
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
    const formats = Object.keys(FORMATS);
    // Both are made of the same modules, which both replace.
    const writers = await Promise.all(formats.map((format) => joined(`${next}/esm`, format)));
    for (const format of formats) removeModules(`${next}/${format}`);
    await Promise.all(writers.map((write, index) => write(`${next}/${formats[index]}`)));
    rmSync('dist', { recursive: true, force: true });
    renameSync(next, 'dist');
  } finally {
    rmSync(next, { recursive: true, force: true });
  }
}

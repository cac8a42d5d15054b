// Builds dist/cjs and dist/esm with plain tsc. The two differ in one file: how packages are loaded on first use.
// `--if-needed` leaves a dist that is newer than every source alone.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const DONE = 'dist/esm/package.json';

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

if (!process.argv.includes('--if-needed') || !isFresh()) {
  // Built beside dist and moved into its place: who uses dist meanwhile never sees half of it.
  const next = `dist.${process.pid}.tmp`;
  try {
    await Promise.all([
      compile('tsconfig.cjs.json', `${next}/cjs`, 'commonjs'),
      compile('tsconfig.esm.json', `${next}/esm`, 'module'),
    ]);
    // An ES module has no `require`, and a constructor cannot await an `import()`.
    writeFileSync(
      `${next}/esm/core/load-later.js`,
      "import { createRequire } from 'node:module';\n" +
        'const require = createRequire(import.meta.url);\n' +
        "export const loadZod = () => require('zod');\n" +
        "export const loadCockatiel = () => require('cockatiel');\n",
    );
    rmSync(`${next}/esm/core/load-later.js.map`);
    rmSync('dist', { recursive: true, force: true });
    renameSync(next, 'dist');
  } finally {
    rmSync(next, { recursive: true, force: true });
  }
}

// Builds dist/cjs and dist/esm with plain tsc. The two differ in one line: how zod is loaded on first use.
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
rmSync('dist', { recursive: true, force: true });
for (const [config, dir, type] of [
  ['tsconfig.cjs.json', 'dist/cjs', 'commonjs'],
  ['tsconfig.esm.json', 'dist/esm', 'module'],
]) {
  execFileSync(process.execPath, [tsc, '-p', config], { stdio: 'inherit' });
  writeFileSync(`${dir}/package.json`, `${JSON.stringify({ type })}\n`);
}
// An ES module has no `require`, and a constructor cannot await an `import()`.
writeFileSync(
  'dist/esm/core/load-zod.js',
  "import { createRequire } from 'node:module';\n" +
    'const require = createRequire(import.meta.url);\n' +
    "export const loadZod = () => require('zod');\n",
);

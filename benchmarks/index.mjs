// All benchmarks, one after the other: `bench:http`, `bench:stores`, `bench:race`.
//
//   npm run bench -- [--quick]
//
// Exits with 1 if one of them missed a target.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { number } from '../scripts/lib/table.mjs';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const args = values.quick ? ['--quick'] : [];

const failed = [];
const startedAt = performance.now();
for (const name of ['http', 'stores', 'race']) {
  const script = fileURLToPath(new URL(`${name}.mjs`, import.meta.url));
  const { status } = spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' });
  if (status !== 0) failed.push(`bench:${name}`);
}
const outcome = failed.length === 0 ? 'every target was met' : `failed: ${failed.join(', ')}`;
console.log(`\n${number((performance.now() - startedAt) / 60_000)} minutes; ${outcome}`);
process.exitCode = failed.length === 0 ? 0 : 1;

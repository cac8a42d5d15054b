// The stores, called directly: very many sessions in memory and in files beside the peers, what their number costs each
// call, and what the package takes to load.
//
//   npm run build && node benchmarks/stores.mjs [memory] [growth] [files] [require] [--quick] [--directory D]
//
// Without a word all four. --quick: a tenth of the sessions or fewer, in less than a minute. --directory: on which disk the
// files are made, and deleted. A full run of all four is published in benchmarks/report, any other in reports/benchmarks. Exits with 1 if a target is missed.
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

import { publish } from './lib/publish.mjs';
import { filesPart } from './lib/stores-files.mjs';
import { growthPart } from './lib/stores-growth.mjs';
import { memoryPart } from './lib/stores-memory.mjs';
import { requirePart } from './lib/stores-require.mjs';

const PARTS = { memory: memoryPart, growth: growthPart, files: filesPart, require: requirePart };
const NAMES = Object.keys(PARTS);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    directory: { type: 'string', default: tmpdir() },
  },
});
const { quick: isQuick, directory: disk } = values;
if (positionals.some((part) => !NAMES.includes(part))) {
  console.error(
    `Usage: node benchmarks/stores.mjs ${NAMES.map((part) => `[${part}]`).join(' ')} [--quick] [--directory D]`,
  );
  process.exit(2);
}

const parts = NAMES.filter((part) => positionals.length === 0 || positionals.includes(part));
const tables = [];
const targets = [];
for (const part of parts) {
  const measured = await PARTS[part]({ isQuick, disk });
  tables.push(...measured.tables);
  targets.push(...measured.targets);
}
const missed = await publish({
  name: 'stores',
  title: 'Stores, called directly',
  intro: intro(),
  tables,
  targets,
  isQuick: isQuick || parts.length < NAMES.length,
});
process.exitCode = missed.length === 0 ? 0 : 1;

function intro() {
  // Those of the repository, which scripts/lib compares with.
  const require = createRequire(new URL('../package.json', import.meta.url));
  const versions = ['express-session', 'memorystore', 'session-file-store'].map(
    (name) => `${name} ${require(`${name}/package.json`).version}`,
  );
  return [
    `Beside ${versions.join(', ')}. Figures are medians; the lines in the charts go from the least to the greatest.`,
    '- **In memory**: each package in processes of its own, several in turn. The sessions end evenly spread over an hour; the clock is moved until one in a hundred has ended. A sweep counts from the call to its end; ours lets the event loop turn meanwhile.',
    '- **Growth**: random sessions, in one process, in rounds that interleave. The bare Map holds the same records under the same keys and is asked for the same ones: how its time grows with their number is what the memory of the machine takes.',
    '- **Files**: random sessions, one call after the other. A read again is of a session that was read before; the floor reads the files of ours. session-file-store looks for a missing file again for a quarter of a second.',
    '- **Loading**: `require()` in fresh processes, the files in the memory of the system.',
  ].join('\n\n');
}

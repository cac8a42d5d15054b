// Runs the fault recipes (those of the response gate lie with its tests) and prints what came out of each. Full rounds by default; `--reduced` for a quick run.
// Every other argument goes to jest.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const REPORT = 'reports/faults.jsonl';
const args = process.argv.slice(2).filter((arg) => arg !== '--reduced');
const faults = process.argv.includes('--reduced') ? 'reduced' : 'full';

mkdirSync('reports', { recursive: true });
writeFileSync(REPORT, '');
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const { status } = spawnSync(
  process.execPath,
  [
    jest,
    '--runInBand',
    '--coverage=false',
    '--passWithNoTests',
    ...args,
    '--',
    'tests/faults',
    'tests/http/gate',
  ],
  { stdio: 'inherit', env: { ...process.env, FAULTS: faults } },
);

const columns = ['fault', 'recipe', 'rounds', 'result'];
const rows = (existsSync(REPORT) ? readFileSync(REPORT, 'utf8') : '')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line))
  .sort((a, b) => a.fault.localeCompare(b.fault, 'en', { numeric: true }))
  .map((row) => columns.map((column) => String(row[column] ?? '')));
const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i].length)));
const line = (cells) =>
  cells
    .map((cell, i) => cell.padEnd(widths[i]))
    .join('  ')
    .trimEnd();
console.log(
  ['', line(columns), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line), ''].join('\n'),
);
process.exitCode = status ?? 1;

// What express-session and its file store were seen to do wrong, asked again of them and of the drop-in: runs the
// scenarios and prints a table of both. Arguments go to jest.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

import { table } from './lib/table.mjs';

const REPORT = resolve('reports/defects.jsonl');

mkdirSync('reports', { recursive: true });
writeFileSync(REPORT, '');
const require = createRequire(import.meta.url);
const { status } = spawnSync(
  process.execPath,
  [
    require.resolve('jest/bin/jest'),
    '--coverage=false',
    ...process.argv.slice(2),
    '--',
    'tests/express-session/defects.test.ts',
  ],
  { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, DEFECTS_REPORT: REPORT } },
);

/** By scenario: its number, and what was said of each subject, under each version of Express. */
const scenarios = new Map();
for (const line of readFileSync(REPORT, 'utf8').split('\n').filter(Boolean)) {
  const { id, what, subject, result } = JSON.parse(line);
  const said = scenarios.get(what) ?? { id };
  (said[subject] ??= new Set()).add(result);
  scenarios.set(what, said);
}
const versions = ['express-session', 'session-file-store'].map(
  (name) => `${name} ${require(`${name}/package.json`).version}`,
);
const cell = (results) => [...(results ?? ['not asked'])].join(' | ');
const rows = [...scenarios]
  .map(([what, said]) => [said.id, what, cell(said['express-session']), cell(said['drop-in'])])
  .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
console.log(`\n${versions.join(', ')}, the drop-in; Express 4 and 5, Node ${process.version}\n`);
console.log(`${table([['M', 'what', 'express-session', 'drop-in'], ...rows])}\n`);
process.exitCode = status ?? 1;

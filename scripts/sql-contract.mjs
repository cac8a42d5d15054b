// The store contract on SQL databases, as one table: cases that hold, by engine and driver, with ids hashed and plain, with
// columns of other names, and in the tables of other stores.
//
//   node scripts/sql-contract.mjs
//
// Needs PostgreSQL, MariaDB and the packages of tests/ecosystem; node:sqlite is tried under Node 22 where this one has none.
// Exits with 1 if a case does not hold.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { table } from './lib/table.mjs';
import { temporaryDirectory } from './lib/temporary-directory.mjs';

const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const { path: directory } = temporaryDirectory('sql-contract');
const rows = new Map();

/** Counts the cases of one run into the table. */
function run(command, filter) {
  const report = join(directory, 'report.json');
  const args = ['--coverage=false', '--silent', '--json', `--outputFile=${report}`, '-t', filter];
  const [program, ...rest] = [...command, jest, ...args, '--', 'tests/contract/sql-stores'];
  spawnSync(program, rest, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, CI: 'true', SQL_CONTRACT: 'full' },
  });
  for (const { assertionResults } of JSON.parse(readFileSync(report, 'utf8')).testResults)
    for (const { ancestorTitles, status } of assertionResults) {
      if (status === 'pending') continue;
      const name = ancestorTitles.join(', ');
      const row = rows.get(name) ?? { titles: ancestorTitles, held: 0, all: 0 };
      row.all++;
      row.held += status === 'passed' ? 1 : 0;
      rows.set(name, row);
    }
}

run([process.execPath], '');
if (!process.getBuiltinModule('node:sqlite'))
  run(['npx', '-y', '-p', 'node@22', 'node', '--disable-warning=ExperimentalWarning'], 'node:sqlite');

console.log(
  table([
    ['engine', 'driver', 'variant', 'cases that hold'],
    ...[...rows.values()].map(({ titles, held, all }) => [...titles, `${held} of ${all}`]),
  ]),
);
process.exitCode = rows.size === 0 || [...rows.values()].some(({ held, all }) => held < all) ? 1 : 0;

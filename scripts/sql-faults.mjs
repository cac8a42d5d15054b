// PostgreSQL, MariaDB and SQLite that go away, refuse, run full and are killed while people use an app on each, over HTTP:
// what the requests saw of it, and what became of the sessions.
//
//   node scripts/sql-faults.mjs [jest options, e.g. -t deadlock]
//
// Needs PostgreSQL, MariaDB and `npm ci --prefix tests/ecosystem`. Exits with 1 if a bound is missed: see
// tests/services/sql-faults.test.ts and sql-faults-sqlite.test.ts. Where tables are dropped, their sessions are gone: the
// row is about those that begin afterwards.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';

import { table } from './lib/table.mjs';

const REPORT = 'reports/sql-faults.jsonl';

rmSync(REPORT, { force: true });
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const { status } = spawnSync(
  process.execPath,
  [
    ...[jest, '--config', 'tests/services/jest.config.ts', '--coverage=false', '--verbose'],
    ...process.argv.slice(2),
    ...['--', 'tests/services/sql-faults'],
  ],
  { stdio: 'inherit', env: { ...process.env, FAULTS: 'full' } },
);

const HEADS = [
  ...['fault', 'engine', 'longest ms', 'own ms', '200', '503', 'others', 'cookies cleared', 'recovery ms'],
  ...['acknowledged', 'lost', 'sessions lost', 'twice', 'late', 'ended', 'came back', 'database'],
];
const rows = existsSync(REPORT) ? readFileSync(REPORT, 'utf8').trim().split('\n').map(rowOf) : [];
console.log(`\n${table([HEADS, ...rows])}

own: without what the process of the browsers stood still, which is that of the app too but for SQLite
others: 0 is no answer, of an app that was killed itself
late: stored after its request was answered with 503\n`);
process.exitCode = status ?? 1;

function rowOf(line) {
  const row = JSON.parse(line);
  const entries = Object.entries(row.statuses);
  const codes = entries
    .filter(([name]) => name.startsWith('503 '))
    .map(([name, times]) => `${name.replace(/^503 ERR_SESSION_/, '')} ${times}`);
  const others = entries
    .filter(([name]) => !/^(200|503)/.test(name))
    .map(([name, times]) => `${name}: ${times}`);
  return [
    ...[row.fault, row.engine, row.longestMs, row.ownMs, row.statuses['200'] ?? 0, codes.join(', ')],
    ...[others.join(', '), row.cleared + row.cookiesOfFailures, row.recoveryMs, row.acknowledged, row.lost],
    ...[row.loggedOut, row.wrong, row.late, row.destroyed, row.cameBack, row.evidence],
  ];
}

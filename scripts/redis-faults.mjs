// Redis servers that die, stand still, hand over and grow while people use an app, over HTTP and with both clients: what
// the requests saw of it, and what became of the sessions.
//
//   node scripts/redis-faults.mjs [jest options, e.g. -t F18]
//
// Needs redis-server. Exits with 1 if a bound is missed: see tests/services/redis-faults.test.ts. Where a master dies with
// its replicas behind, what they had not heard yet is lost although it was acknowledged: Redis replicates after it has
// answered. `WAIT 1` before each answer shows the difference.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';

import { table } from './lib/table.mjs';

const REPORT = 'reports/redis-faults.jsonl';

rmSync(REPORT, { force: true });
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const { status } = spawnSync(
  process.execPath,
  [
    ...[jest, '--config', 'tests/services/jest.config.ts', '--coverage=false', '--verbose'],
    ...process.argv.slice(2),
    ...['--', 'tests/services/redis-faults'],
  ],
  { stdio: 'inherit', env: { ...process.env, REDIS_FAULTS: 'long' } },
);

const HEADS = [
  ...['fault', 'client', 'longest ms', 'own ms', 'refusals ms', '200', '503', 'others', 'cookies cleared'],
  ...[
    'recovery ms',
    'acknowledged',
    'lost',
    'sessions lost',
    'twice',
    'late',
    'ended',
    'came back',
    'servers',
  ],
];
const rows = existsSync(REPORT) ? readFileSync(REPORT, 'utf8').trim().split('\n').map(rowOf) : [];
console.log(`\n${table([HEADS, ...rows])}

own: without what the process of the apps and their clients stood still
refusals: 99 of 100, and the longest, of ERR_SESSION_STORE_DOWN to requests that came while the store was left alone
late: stored after its request was answered with 503\n`);
process.exitCode = status ?? 1;

function rowOf(line) {
  const row = JSON.parse(line);
  const count = (sign) =>
    Object.entries(row.statuses).reduce((sum, [name, times]) => sum + (sign.test(name) ? times : 0), 0);
  const codes = Object.entries(row.statuses)
    .filter(([name]) => name.startsWith('503 '))
    .map(([name, times]) => `${name.replace(/^503 ERR_SESSION_/, '')} ${times}`);
  return [
    ...[row.fault, row.client, row.longestMs, row.ownMs, `${row.refusedMs} / ${row.longestRefusalMs}`],
    ...[count(/^200/), codes.join(', '), count(/^(?!200|503)/), row.cleared + row.cookiesOfFailures],
    ...[row.recoveryMs, row.acknowledged, row.lost, row.loggedOut, row.wrong, row.late],
    ...[row.destroyed, row.cameBack, row.evidence],
  ];
}

// The store contract on Redis, as one table: cases that hold, by client, on one server, on a cluster, behind Sentinel, and on
// the records of connect-redis.
//
//   node scripts/redis-contract.mjs
//
// Needs redis-server. Exits with 1 if a case does not hold.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { table } from './lib/table.mjs';
import { temporaryDirectory } from './lib/temporary-directory.mjs';

const RUNS = [
  ['jest.config.ts', ['tests/contract/redis-store', 'tests/contract/redis-connect-format']],
  ['tests/services/jest.config.ts', ['tests/services/redis-contract']],
];
const CLIENTS = ['redis', 'ioredis'];

const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const { path: directory } = temporaryDirectory('redis-contract');
const rows = new Map();
for (const [config, files] of RUNS) {
  const report = join(directory, 'report.json');
  const args = [jest, '--config', config, '--coverage=false', '--silent', '--json', `--outputFile=${report}`];
  spawnSync(process.execPath, [...args, '--', ...files], { stdio: ['ignore', 'ignore', 'inherit'] });
  for (const { assertionResults } of JSON.parse(readFileSync(report, 'utf8')).testResults)
    for (const { ancestorTitles, status } of assertionResults) count(ancestorTitles, status);
}

function count(titles, status) {
  // "RedisStore with redis" > "as it is", or "RedisStore on a cluster" > "with redis".
  const client = CLIENTS.find((name) => titles.some((title) => title.endsWith(`with ${name}`)));
  const what = titles
    .map((title) => title.replace(/^RedisStore ?/, '').replace(new RegExp(`with ${client}$`), ''))
    .join('');
  const row = rows.get(what) ?? Object.fromEntries(CLIENTS.map((name) => [name, { held: 0, all: 0 }]));
  row[client].all++;
  row[client].held += status === 'passed' ? 1 : 0;
  rows.set(what, row);
}

console.log(
  table([
    ['cases that hold', ...CLIENTS],
    ...[...rows].map(([what, row]) => [
      what,
      ...CLIENTS.map((name) => `${row[name].held} of ${row[name].all}`),
    ]),
  ]),
);
const isBroken = [...rows.values()].some((row) => CLIENTS.some((name) => row[name].held < row[name].all));
process.exitCode = isBroken || rows.size === 0 ? 1 : 0;

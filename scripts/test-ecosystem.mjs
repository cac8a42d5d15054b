// Runs session-store-js with the packages of the express-session ecosystem, and prints which of them were run with what
// result. Their folder has its own dependencies, native ones among them; they are installed here when they are missing
// or older than its lock file. Every argument goes to jest.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';

import { table } from './lib/table.mjs';

const FOLDER = 'tests/ecosystem';
const SWITCH_OVER = 'reports/switch-over.txt';
const COLUMNS = ['under SessionManager', 'under the drop-in'];
/** What a package of the table needs besides. */
const DRIVERS = {
  'better-sqlite3-session-store': ['better-sqlite3'],
  'connect-mongo': ['mongodb'],
  'connect-pg-simple': ['pg'],
  'connect-redis': ['redis'],
  'connect-redis-7': ['redis-4'],
  'connect-session-sequelize': ['sequelize', 'sqlite3'],
  'connect-sqlite3': ['sqlite3'],
  'express-mysql-session': ['mysql2'],
  passport: ['passport-local'],
};

const args = process.argv.slice(2);
const outputFile = args.find((arg) => arg.startsWith('--outputFile='))?.slice('--outputFile='.length);
const report = outputFile ?? 'reports/ecosystem.json';

install();
mkdirSync('reports', { recursive: true });
for (const file of [report, SWITCH_OVER]) rmSync(file, { force: true });
const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const own = outputFile === undefined ? ['--json', `--outputFile=${report}`] : [];
const { status } = run(process.execPath, [jest, '--config', `${FOLDER}/jest.config.ts`, ...own, ...args]);
console.log(`\n${table([['package', 'version', 'with', ...COLUMNS], ...rows()])}\n`);
console.log(read(SWITCH_OVER));
process.exitCode = status ?? 1;

function install() {
  const installed = modified(`${FOLDER}/node_modules/.package-lock.json`);
  if (installed >= modified(`${FOLDER}/package-lock.json`)) return;
  const { status } = run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: FOLDER });
  if (status !== 0) process.exit(1);
}

/** One for each package, of the titles of its tests: the package, and under what it ran. */
function rows() {
  const cells = new Map();
  for (const { assertionResults } of JSON.parse(read(report) || '{"testResults":[]}').testResults) {
    for (const { ancestorTitles, title, status } of assertionResults) {
      const column = COLUMNS.find((name) => ancestorTitles[0]?.endsWith(` ${name}`));
      if (column === undefined) continue;
      const name = ancestorTitles[0].slice(0, -column.length - 1);
      const row = cells.get(name) ?? Object.fromEntries(COLUMNS.map((column) => [column, []]));
      row[column].push({ title, isPassed: status === 'passed' });
      cells.set(name, row);
    }
  }
  return [...cells]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, row]) => [
      manifest(name).name,
      manifest(name).version,
      (DRIVERS[name] ?? [])
        .map((driver) => `${manifest(driver).name} ${manifest(driver).version}`)
        .join(', '),
      ...COLUMNS.map((column) => result(row[column])),
    ]);
}

function result(tests) {
  const failed = tests.filter(({ isPassed }) => !isPassed).length;
  if (failed > 0) return `FAILED: ${failed} of ${tests.length}`;
  const advice = tests.map(({ title }) => /^is not shown here: (.*)/.exec(title)?.[1]).find(Boolean);
  return advice === undefined ? `ok: ${tests.length}` : `skipped: ${advice}`;
}

function manifest(name) {
  return JSON.parse(read(`${FOLDER}/node_modules/${name}/package.json`));
}

/** `''` if it is not there. */
function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function modified(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function run(command, args, options = {}) {
  return spawnSync(command, args, { stdio: 'inherit', ...options });
}

// Runs every test that names a security rule and prints, rule by rule, which tests prove it. Fails where one is red,
// where a rule that can be tested has none, and where a test names a rule that is not there. Arguments go to jest.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import { table } from './lib/table.mjs';
import { RULES } from './security-rules.mjs';

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const BROWSER_CONFIG = 'tests/browser/jest.config.ts';
const hasBrowser = existsSync(BROWSER_CONFIG) && BROWSERS.some((path) => existsSync(path));

/** The words `S1`, `S2` ... of a test's name. */
const numbersIn = (name) => [...name.matchAll(/\bS(\d+)\b/g)].map(([, digits]) => Number(digits));
// Names of tests of hostile input hold hostile input.
const printable = (text) =>
  text
    .replace(/[^\x20-\x7e\u00a1-\u024f\u2010-\u2027]/gu, (char) => JSON.stringify(char).slice(1, -1))
    .slice(0, 200);

function runTests(...args) {
  const directory = mkdtempSync(join(tmpdir(), 'session-store-js-security-'));
  const report = join(directory, 'report.json');
  const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
  // A machine that is busy with other things proves no less.
  const own = [
    '--coverage=false',
    '--testTimeout=60000',
    '--json',
    `--outputFile=${report}`,
    '-t',
    '\\bS\\d+\\b',
  ];
  try {
    // Its report on the standard output is the one in the file.
    spawnSync(process.execPath, [jest, ...own, ...args, ...process.argv.slice(2)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return JSON.parse(readFileSync(report, 'utf8')).testResults;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const elsewhere = ['/tests/ecosystem/', '/tests/browser/'].map((path) => `--testPathIgnorePatterns=${path}`);
const files = [...runTests(...elsewhere), ...(hasBrowser ? runTests('--config', BROWSER_CONFIG) : [])];
const tests = files.flatMap(({ name: file, assertionResults }) =>
  assertionResults
    .map(({ fullName, status }) => ({ fullName, status, file: relative(process.cwd(), file) }))
    .filter(({ fullName }) => numbersIn(fullName).length > 0),
);
const known = new Set(RULES.map(({ number }) => number));
const strays = tests.filter(({ fullName }) => numbersIn(fullName).some((number) => !known.has(number)));
// A file that could not be loaded has no tests to be red.
const broken = files.filter(
  ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
);

const results = RULES.map((rule) => {
  const own = tests.filter(({ fullName }) => numbersIn(fullName).includes(rule.number));
  const count = (status) => own.filter((test) => test.status === status).length;
  let result = 'green';
  if (count('failed') > 0) result = `RED (${count('failed')})`;
  else if (count('passed') === 0)
    result = own.length > 0 ? 'NOT RUN' : rule.later === undefined ? 'NO TEST' : 'later';
  else if (count('passed') < own.length) result = `green, ${own.length - count('passed')} not run`;
  return { ...rule, own, result };
});

const MARKS = { passed: ' ', failed: 'RED' };
for (const { number, sentence, own, result, later } of results) {
  console.log(`\nS${number}  ${sentence}`);
  if (result === 'later') console.log(`  later: ${later}`);
  let file = '';
  for (const test of own.sort((a, b) => a.file.localeCompare(b.file))) {
    if (test.file !== file) console.log(`  ${(file = test.file)}`);
    console.log(`    ${(MARKS[test.status] ?? 'not run').padEnd(1)} ${printable(test.fullName)}`);
  }
}
console.log(
  `\n${table([
    ['rule', 'what it says', 'tests', 'result'],
    ...results.map(({ number, sentence, own, result }) => [`S${number}`, sentence, own.length, result]),
  ])}\n`,
);
for (const { name, message } of broken)
  console.log(`Could not be run: ${relative(process.cwd(), name)}\n${message}`);
for (const { fullName, file } of strays)
  console.log(`Names a rule that is not there: ${file}: ${printable(fullName)}`);

const proved = results.filter(({ result }) => result.startsWith('green')).length;
const open = results.filter(({ result }) => !result.startsWith('green') && result !== 'later');
const waiting = results.length - proved - open.length;
console.log(
  `${results.length} rules: ${proved} proved by ${tests.length} tests, ${waiting} concern what does not exist yet` +
    (open.length === 0 ? '' : `, not proved: ${open.map(({ number }) => `S${number}`).join(' ')}`),
);
process.exitCode = open.length + strays.length + broken.length > 0 ? 1 : 0;

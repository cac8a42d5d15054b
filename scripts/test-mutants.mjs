// Breaks each security rule on purpose, with the patches in tests/mutants, and sees that the tests which name the rule
// turn red. Fails where none does, where a patch does not apply, and where a rule that is proved has no patch.
// Arguments are rules: `npm run test:mutants -- S12` breaks that one, and says which tests noticed.
import { execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';

import { table } from './lib/table.mjs';
import { RULES } from './security-rules.mjs';

const PATCHES = 'tests/mutants';
const AT_A_TIME = 2;
/** A mutant may make a test wait for ever, where no timeout of jest's helps. */
const LIMIT_MS = 180_000;
const JEST = createRequire(import.meta.url).resolve('jest/bin/jest');
/** Run by a hook of git's, git would take the copies for the repository. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')));

const git = (cwd, ...args) =>
  execFileSync('git', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const numbersIn = (name) => [...name.matchAll(/\bS(\d+)\b/g)].map(([, digits]) => Number(digits));

const root = mkdtempSync(join(tmpdir(), 'session-store-js-mutants-'));
const running = new Set();
process.on('exit', () => {
  for (const jest of running) jest.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** What the patches lie on: what is here, committed or not. */
const sources = git('.', 'ls-files', '-z', '--cached', '--others', '--exclude-standard')
  .split('\0')
  // A link to the packages is no directory of that name, which git ignores.
  .filter((file) => file !== '' && file !== 'node_modules' && existsSync(file));

/** The files of the tests that name a rule somewhere; for patches that do not say which. */
function filesNaming(number) {
  return sources
    .filter((file) => /^tests\/(?!ecosystem\/|browser\/|package\/).*\.test\.ts$/.test(file))
    .filter((file) => numbersIn(readFileSync(file, 'utf8')).includes(number));
}

function mutantIn(file) {
  const [head] = readFileSync(join(PATCHES, file), 'utf8').split(/^diff /m);
  const lines = head.split('\n').map((line) => line.trim());
  const number = Number(/^S(\d+)-[\w-]+\.patch$/.exec(file)?.[1] ?? NaN);
  const named = lines
    .filter((line) => line.startsWith('Tests: '))
    .flatMap((line) => line.slice(7).split(/[\s,]+/));
  return {
    file,
    number,
    what: lines.filter((line) => line !== '' && !line.startsWith('Tests: ')).join(' '),
    tests: named.length > 0 ? named : filesNaming(number),
  };
}

function copyOfAll(name) {
  const tree = join(root, name);
  for (const file of sources) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    cpSync(file, join(tree, file));
  }
  symlinkSync(resolve('node_modules'), join(tree, 'node_modules'));
  // To apply patches to, and to see that they are gone again.
  git(tree, 'init', '--quiet');
  git(tree, 'add', '--all');
  return tree;
}

/** The tests of these rules in these files: `null` if they did not come to an end. */
async function runTests(tree, files, numbers, { workers = 1, limitMs } = {}) {
  const report = join(root, `${basename(tree)}.json`);
  rmSync(report, { force: true });
  const args = [
    '--coverage=false',
    // What a mutant leaves open must not keep it from its end.
    '--forceExit',
    // A machine that is busy with other things proves no less.
    '--testTimeout=60000',
    `--cacheDirectory=${join(root, 'cache')}`,
    '--json',
    `--outputFile=${report}`,
    ...['-t', `\\bS(${numbers.join('|')})\\b`],
    `--maxWorkers=${workers}`,
    '--runTestsByPath',
    ...files,
  ];
  const jest = spawn(process.execPath, [JEST, ...args], {
    ...{ cwd: tree, env, stdio: 'ignore' },
    ...{ timeout: limitMs, killSignal: 'SIGKILL' },
  });
  running.add(jest);
  await new Promise((done) => jest.once('close', done));
  running.delete(jest);
  if (!existsSync(report)) return null;
  return JSON.parse(readFileSync(report, 'utf8')).testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'passed' || status === 'failed')
      .map(({ fullName, status }) => ({ fullName, status, key: `${name.slice(tree.length)}: ${fullName}` })),
  );
}

const changesIn = (tree) => git(tree, 'diff', '--name-only', '--', 'src');

/** Which of the tests that are green without it turn red. */
async function see({ file, number, tests }, tree, green) {
  const patch = resolve(PATCHES, file);
  try {
    git(tree, 'apply', patch);
  } catch (error) {
    return { fault: `does not apply: ${String(error.stderr ?? error).trim()}` };
  }
  if (changesIn(tree) === '') return { fault: 'changes nothing in src' };
  const ran = await runTests(tree, tests, [number], { limitMs: LIMIT_MS });
  git(tree, 'apply', '--reverse', patch);
  if (changesIn(tree) !== '') throw new Error(`${file} could not be taken back.`);
  if (ran === null) return { fault: 'its tests did not come to an end' };
  const red = ran.filter(
    ({ fullName, status, key }) =>
      status === 'failed' && green.has(key) && numbersIn(fullName).includes(number),
  );
  if (red.length > 0) return { red: red.map(({ key }) => key) };
  return { fault: ran.length > 0 ? 'SURVIVES' : 'its tests could not be run, or there are none' };
}

const asked = process.argv.slice(2).flatMap(numbersIn);
const isAsked = ({ number }) => asked.length === 0 || asked.includes(number);
const mutants = readdirSync(PATCHES)
  .filter((file) => file.endsWith('.patch'))
  .sort()
  .map(mutantIn)
  .filter(isAsked);
const known = new Set(RULES.map(({ number }) => number));
const faults = mutants
  .filter(({ number }) => !known.has(number))
  .map(({ file }) => `${file}: not named after a rule, as S07-what-it-does.patch`);
const missing = RULES.filter(({ later }) => later === undefined)
  .filter(isAsked)
  .filter(({ number }) => !mutants.some((mutant) => mutant.number === number));
faults.push(...missing.map(({ number, sentence }) => `S${number}: no patch breaks it: ${sentence}`));

const startedAt = performance.now();
const trees = Array.from({ length: AT_A_TIME }, (_, index) => copyOfAll(`copy-${index + 1}`));
const files = [...new Set(mutants.flatMap(({ tests }) => tests))];
for (const file of files.filter((each) => !existsSync(each))) faults.push(`${file}: there is no such test`);
const numbers = [...new Set(mutants.map(({ number }) => number))];
const unbroken = files.length > 0 ? await runTests(trees[0], files, numbers, { workers: AT_A_TIME }) : [];
if (unbroken === null) throw new Error('The tests did not come to an end, with no mutant among them.');
for (const { key } of unbroken.filter(({ status }) => status === 'failed'))
  faults.push(`red without a mutant: ${key}`);
const green = new Set(unbroken.filter(({ status }) => status === 'passed').map(({ key }) => key));

const waiting = mutants.values();
const rows = [];
await Promise.all(
  trees.map(async (tree) => {
    for (const mutant of waiting) {
      const began = performance.now();
      const { red = [], fault } = await see(mutant, tree, green);
      if (fault !== undefined) faults.push(`${mutant.file}: ${fault}`);
      rows.push({ ...mutant, red, ms: Math.round(performance.now() - began) });
      console.error(`${rows.length}/${mutants.length} ${mutant.file}: ${fault ?? `${red.length} red`}`);
    }
  }),
);

rows.sort((a, b) => a.file.localeCompare(b.file));
console.log(
  table([
    ['rule', 'what is broken', 'tests red', 'ms'],
    ...rows.map(({ number, what, red, ms }) => [`S${number}`, what, red.length, ms]),
  ]),
);
if (asked.length > 0)
  for (const { file, red } of rows) console.log(`\n${file}\n${red.map((key) => `  ${key}`).join('\n')}`);
console.log('');
for (const fault of faults) console.log(fault);
const seen = rows.filter(({ red }) => red.length > 0);
console.log(
  `${rows.length} mutants of ${new Set(rows.map(({ number }) => number)).size} rules: ${seen.length} seen, ` +
    `${rows.length - seen.length} not, in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`,
);
process.exitCode = faults.length > 0 ? 1 : 0;

// Runs every case of the model checker on the file store's protocol and prints what it covered.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const test = 'tests/concurrency/file-protocol.test.ts';
const { status } = spawnSync(process.execPath, [jest, '--coverage=false', '--verbose', test], {
  stdio: 'inherit',
  env: { ...process.env, MODEL: 'full' },
});
process.exitCode = status ?? 1;

// The packages of tests/ecosystem, which has dependencies of its own: the peers that ours is compared with.
import { spawnSync } from 'node:child_process';
import { lstatSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../tests/ecosystem/', import.meta.url));

/** Installs them where they are missing or older than the folder's lock file. Ends the process where that fails. */
export function install() {
  // A link leads to another copy's packages: npm would empty them.
  if (lstatSync(`${FOLDER}node_modules`, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  const installed = modified(`${FOLDER}node_modules/.package-lock.json`);
  if (installed > 0 && installed >= modified(`${FOLDER}package-lock.json`)) return;
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: FOLDER, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

/** `require` as an application in that folder would. */
export const load = createRequire(`${FOLDER}package.json`);

function modified(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

// The packages of a folder with dependencies of its own: the peers that ours is compared with.
import { spawnSync } from 'node:child_process';
import { lstatSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const ECOSYSTEM = 'tests/ecosystem';
const pathOf = (folder) => fileURLToPath(new URL(`../../${folder}/`, import.meta.url));

/** Installs them where they are missing or older than the folder's lock file. Ends the process where that fails. */
export function install(folder = ECOSYSTEM) {
  const path = pathOf(folder);
  // A link leads to another copy's packages: npm would empty them.
  if (lstatSync(`${path}node_modules`, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  const installed = modified(`${path}node_modules/.package-lock.json`);
  if (installed > 0 && installed >= modified(`${path}package-lock.json`)) return;
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: path, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

/** `require` as an application in a folder would. */
export const loadFrom = (folder) => createRequire(`${pathOf(folder)}package.json`);

/** The same in tests/ecosystem. */
export const load = loadFrom(ECOSYSTEM);

function modified(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

// Directories that are gone when the process is, however it ends short of kill -9.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const paths = new Set();

/** @param inside Where to make it; the system's own place by default. */
export function temporaryDirectory(name, inside = tmpdir()) {
  watchForTheEnd();
  const path = mkdtempSync(join(inside, `${name}-`));
  paths.add(path);
  return {
    path,
    remove() {
      rmSync(path, { recursive: true, force: true });
      paths.delete(path);
    },
  };
}

let isWatching = false;

function watchForTheEnd() {
  if (isWatching) return;
  isWatching = true;
  process.on('exit', () => {
    for (const path of paths) rmSync(path, { recursive: true, force: true });
  });
  for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }))
    process.on(signal, () => process.exit(128 + number));
}

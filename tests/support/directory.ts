// Directories for file stores: each test has its own, gone afterwards.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

/** A path that does not exist yet, in a directory that goes after the test file. */
export function freshPath(): string {
  const above = mkdtempSync(join(tmpdir(), 'session-store-js-'));
  made.push(above);
  return join(above, 'sessions');
}

afterAll(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

// Where the file stores of the scenarios lie.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
const made: string[] = [];

/**
 * A path that does not exist yet. In memory if the system has such a place: session-file-store flushes each write to the
 * disk, which takes longer there than the sessions of some scenarios live.
 */
export function freshPath(): string {
  const above = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'session-store-js-'));
  made.push(above);
  return join(above, 'sessions');
}

afterAll(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

// What a test needs of the machine. In CI everything must be there; elsewhere a test says what it could not show.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';

/** False, and a note with what helps, if something is missing; in CI that is a failure. */
export function isAvailable(what: string, isThere: boolean, advice: string): boolean {
  if (isThere) return true;
  const note = `${what} is not available: ${advice}`;
  if (process.env['CI'] !== undefined) throw new Error(note);
  process.stderr.write(`Not shown here. ${note}\n`);
  return false;
}

export const hasStrace = (): boolean =>
  isAvailable(
    'strace',
    spawnSync('strace', ['-e', 'trace=none', 'true']).status === 0,
    'run `apt-get install strace`, and permit ptrace.',
  );

export const isRoot = (): boolean =>
  isAvailable('another user', process.getuid?.() === 0, 'run this test as root.');

const mounted: string[] = [];

/** Mounts an empty file system in memory at a path, which is created. False where that is not permitted. */
export const mountMemory = (path: string, options: string): boolean =>
  mount(path, ['-t', 'tmpfs', '-o', options, 'tmpfs']);

/** Shows a directory at another path too, which is created. */
export const bindMount = (from: string, path: string): boolean => mount(path, ['--bind', from]);

function mount(path: string, args: readonly string[]): boolean {
  mkdirSync(path, { recursive: true });
  const { status } = spawnSync('mount', [...args, path]);
  if (status === 0) mounted.push(path);
  return isAvailable(
    'mount',
    status === 0,
    'run this test as root, in a container with --cap-add SYS_ADMIN.',
  );
}

export function unmount(path: string): void {
  const { status, stderr } = spawnSync('umount', [path]);
  if (status !== 0) throw new Error(stderr.toString());
  mounted.splice(mounted.lastIndexOf(path), 1);
}

/** For `afterEach`. */
export function unmountAll(): void {
  for (const path of mounted.splice(0).reverse()) {
    // Also while something in it is open; it goes when that is closed.
    spawnSync('umount', ['-l', path]);
    rmSync(path, { recursive: true, force: true });
  }
}

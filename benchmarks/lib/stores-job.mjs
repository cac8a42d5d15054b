// Measurements in Node processes of their own, so that nothing which another one left in memory changes them.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const children = new Set();
// Before temporary directories are deleted: nobody may go on to fill them.
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Runs `node <script> <name> <input as JSON>` and returns the JSON that it prints. */
export async function job(script, name, input) {
  const env = { ...process.env, NODE_ENV: 'production' };
  // A million sessions of each kind are more than Node gives itself.
  const args = ['--expose-gc', '--max-old-space-size=6144', script, name, JSON.stringify(input)];
  const done = promisify(execFile)(process.execPath, args, { env });
  children.add(done.child);
  try {
    return JSON.parse((await done).stdout);
  } catch (error) {
    // At once: to delete the directories can take minutes.
    console.error(`${name} failed:\n${error.stderr}`);
    throw error;
  } finally {
    children.delete(done.child);
  }
}

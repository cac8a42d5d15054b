// Who runs where: the app that is measured on a core of its own, all else on the others, so that it answers to nobody's load
// but its own.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

const APP = '0';

/**
 * Moves all threads of this process, and so what it starts from now on, away from the core of the app. Returns the words
 * before the command of an app, and what a report says of it.
 */
export function moveAside() {
  const last = availableParallelism() - 1;
  const others = last === 1 ? '1' : `1-${last}`;
  const isMoved = last > 0 && isDone('taskset', ['-a', '-p', '-c', others, String(process.pid)]);
  if (!isMoved) return { command: [], text: 'not pinned: app, load and databases share the cores' };
  return {
    command: ['taskset', '-c', APP],
    text: `app pinned to core ${APP}, load and databases to ${others}`,
  };
}

const isDone = (command, args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

// How long this process stood in the queue for a core, which other processes had: no time of ours. Linux says it for each
// thread (proc(5), schedstat); elsewhere it counts as none.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const THREADS = '/proc/self/task';
const MAIN = String(process.pid);

function waits(): Map<string, number> {
  const found = new Map<string, number>();
  for (const thread of existsSync(THREADS) ? readdirSync(THREADS) : []) {
    try {
      const [, waited] = readFileSync(`${THREADS}/${thread}/schedstat`, 'utf8').split(' ');
      found.set(thread, Number(waited) / 1e6);
    } catch {
      // It has just ended.
    }
  }
  return found;
}

/** From now until it is asked, in milliseconds: the wait of JavaScript's thread, and of the one helper (e.g. of its garbage
 * collector) that waited longest. */
export function coreWait(): () => number {
  const before = waits();
  return () => {
    const grown = [...waits()].map(([thread, ms]) => [thread, ms - (before.get(thread) ?? 0)] as const);
    const [own = 0] = grown.filter(([thread]) => thread === MAIN).map(([, ms]) => ms);
    return own + Math.max(0, ...grown.filter(([thread]) => thread !== MAIN).map(([, ms]) => ms));
  };
}

// Random bytes for ids, drawn for several at a time: Node takes as long for sixteen ids as for one, and asked for each it is a
// sixth of what a new session costs (benchmarks/http.mjs, W3).
import { randomFillSync } from 'node:crypto';

/** More would gain little, and what is drawn ahead lies in memory. */
const AHEAD = 512;
const pool = Buffer.alloc(AHEAD);
let used = AHEAD;

/**
 * Bytes of Node's generator, which the system's random source seeds, that nobody else gets. To be used at once: the next draw
 * may take their place.
 * @param size 512 at most.
 * @throws what the generator throws
 */
export function drawBytes(size: number): Buffer {
  if (used + size > AHEAD) {
    // If it fails, nothing is left of before either.
    used = AHEAD;
    randomFillSync(pool);
    used = 0;
  }
  used += size;
  return pool.subarray(used - size, used);
}

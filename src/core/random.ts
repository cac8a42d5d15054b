// Random bytes for ids. The system's source takes as long for one id as for sixteen: asked for each, it is a sixth of what a new
// session costs (benchmarks/http.mjs, W3).
import { randomFillSync } from 'node:crypto';

/** Drawn at a time. More would gain little, and what is drawn ahead lies in memory. */
const AHEAD = 512;
const pool = Buffer.alloc(AHEAD);
let used = AHEAD;

/**
 * Bytes from the system's source that nobody else gets: to be used at once, the next ones may take their place.
 * @param size 512 at most.
 * @throws what the source throws
 */
export function randomBytes(size: number): Buffer {
  if (used + size > AHEAD) {
    // If the source fails, nothing is left of before either.
    used = AHEAD;
    randomFillSync(pool);
    used = 0;
  }
  used += size;
  return pool.subarray(used - size, used);
}

// Fault tests: how often a recipe is run, and the table that says what came out.
import { appendFileSync, mkdirSync } from 'node:fs';

/** The full number of rounds under `FAULTS=full` (`npm run test:faults`), a fiftieth of it otherwise. */
export function rounds(full: number): number {
  return process.env['FAULTS'] === 'full' ? full : Math.max(2, Math.ceil(full / 50));
}

/** One row of the table that `npm run test:faults` prints. */
export function reportFault(row: { fault: string; recipe: string; rounds: number; result: string }): void {
  mkdirSync('reports', { recursive: true });
  appendFileSync('reports/faults.jsonl', `${JSON.stringify(row)}\n`);
}

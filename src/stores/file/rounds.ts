// Walks the folders of the directory in the background: one at a time, round after round, each within an interval.
import { MAX_TIMER_MS, type Clock } from '../../core/clock.js';
import { hasCode } from '../../core/errors.js';
import { Periodic } from '../periodic.js';

export interface RoundsOptions {
  readonly clock: Clock;
  /** The time for one round, ms. */
  readonly intervalMs: number;
  readonly list: () => Promise<string[]>;
  readonly visit: (folder: string) => Promise<void>;
  /** After the last folder of a round. */
  readonly finish: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** As many folders as there can be: the first one is visited as soon as if there were so many. */
const MAX_FOLDERS = 4_096;

export class Rounds {
  readonly #options: RoundsOptions;
  readonly #periodic: Periodic;
  #folders: readonly string[] | null = null;
  #next = 0;

  constructor(options: RoundsOptions) {
    this.#options = options;
    this.#periodic = new Periodic(
      options.clock,
      () => Math.min(options.intervalMs / Math.max(this.#folders?.length ?? MAX_FOLDERS, 1), MAX_TIMER_MS),
      () => async () => {
        await this.#visitOne();
        return false;
      },
      options.onError,
    );
  }

  start(): void {
    this.#periodic.start();
  }

  stop(): void {
    this.#periodic.stop();
  }

  async #visitOne(): Promise<void> {
    const { list, visit, finish } = this.#options;
    if (this.#folders === null || this.#next >= this.#folders.length) {
      this.#next = 0;
      // If the directory is not there or not good, the next look is a whole interval later.
      this.#folders = [];
      this.#folders = await list();
    }
    const folder = this.#folders[this.#next++];
    try {
      if (folder !== undefined) await visit(folder);
    } catch (error) {
      if (hasCode(error, 'ERR_SESSION_DIRECTORY')) this.#folders = [];
      throw error;
    }
    if (this.#next >= this.#folders.length) await finish();
  }
}

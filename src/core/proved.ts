// Texts that were proved before, by their digests: a bounded memory that gives none of them away.
import { hash } from 'node:crypto';

import { Recent } from './recent.js';

/** Of each generation: half a megabyte. */
const MAX_PROVED = 5_000;

export class Proved<Answer> {
  readonly #answers = new Recent<Answer>(MAX_PROVED);

  get(text: string): Answer | undefined {
    return this.#answers.get(digestOf(text));
  }

  set(text: string, answer: Answer): void {
    this.#answers.set(digestOf(text), answer);
  }
}

const digestOf = (text: string): string => hash('sha256', text, 'base64');

// Texts that were proved before, by their digests: a bounded memory that gives none of them away.
import { hash } from 'node:crypto';

/** Of each generation: half a megabyte. */
const MAX_PROVED = 5_000;

export class Proved<Answer> {
  #young = new Map<string, Answer>();
  /** Those before: what is asked for again becomes young, the rest is forgotten with the generation. */
  #old = new Map<string, Answer>();

  get(text: string): Answer | undefined {
    const digest = hash('sha256', text, 'base64');
    const young = this.#young.get(digest);
    if (young !== undefined) return young;
    const old = this.#old.get(digest);
    if (old !== undefined) this.#set(digest, old);
    return old;
  }

  set(text: string, answer: Answer): void {
    this.#set(hash('sha256', text, 'base64'), answer);
  }

  #set(digest: string, answer: Answer): void {
    if (this.#young.size >= MAX_PROVED) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(digest, answer);
  }
}

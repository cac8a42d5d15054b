// Answers that were worked out before: a bounded memory.

/** A few megabytes of signed cookies. */
const MAX_KNOWN = 10_000;

export class Known<Answer> {
  readonly #answers = new Map<string, Answer>();

  /** Found by a hash of the whole text, whose seed is the process's own: its time says nothing of how much of a guess is right. */
  get(question: string): Answer | undefined {
    return this.#answers.get(question);
  }

  /** The oldest is forgotten. */
  set(question: string, answer: Answer): void {
    if (this.#answers.size >= MAX_KNOWN)
      for (const oldest of this.#answers.keys()) {
        this.#answers.delete(oldest);
        break;
      }
    this.#answers.set(question, answer);
  }
}

/** A text of its own: a part of a longer one keeps all of that in memory. */
export const copyOf = (text: string): string => Buffer.from(text).toString();

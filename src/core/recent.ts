// A bounded memory of what was used last.
export class Recent<Value> {
  readonly #size: number;
  #young = new Map<string, Value>();
  /** The generation before: what is asked for again becomes young, the rest is forgotten with it. */
  #old = new Map<string, Value>();

  /** @param size Of each of two generations. */
  constructor(size: number) {
    this.#size = size;
  }

  get(key: string): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: Value): void {
    if (this.#young.size >= this.#size) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
